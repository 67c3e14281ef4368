"""Fuzzing: no disagreement, the same cases for a seed, and every planted bug found and shrunk."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from harness.cli import fuzz as command
from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.batches import BatchSpec, examine, fuzz
from harness.compare.fuzz.found import Disagreement, FuzzReport
from harness.compare.fuzz.groups import Groups
from harness.compare.fuzz.shrink import run_trials, shrink, trial_of
from harness.compare.fuzz.tally import known_keys
from harness.compare.fuzz.write import write_scenario
from harness.compare.plan import lanes_for
from harness.compare.predict import request_for, services_of
from harness.model.dialects import dialect
from harness.model.host import HostView, Link
from harness.model.lookup import find
from harness.sandbox import Pool
from harness.scenario import load
from harness.scenario.fuzz import draw_batch, draw_batches, scenario_of, weights
from harness.scenario.fuzz.weights import Dice
from harness.scenario.nameservice import parse_hosts
from tests.compare.planted import PLANTED, PlantedPool
from tests.conftest import Call
from tests.processes import warm_pools


@cache
def lanes() -> tuple[LaneSpec, ...]:
    return lanes_for("host", "worker")


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # sandboxes import nothing from the current folder


@pytest.mark.fuzz
@pytest.mark.parametrize("cases", [10_000, pytest.param(600_000, marks=pytest.mark.slow)])
def test_many_cases_without_a_disagreement(cases: int) -> None:
    seed = int(time.time())  # another one each time; the message says which
    report = sum(fuzz(lanes_for("all", "worker"), seed, cases=cases, jobs=2), FuzzReport())
    assert not report.differing, (seed, report.disagreements[0].result)
    # a kernel refuses about one drawn host in a hundred, of 38 more than 4 once in 20,000 times
    assert len(report.refused) <= max(4, report.batches // 20), (seed, report.refused)
    rules = {f"rule {number}" for number in range(1, 11)}
    rare = {"rule 3", "rule 4", "rule 7"} if cases < 100_000 else set()
    assert not (rules - rare) & set(report.left_out), (seed, report.left_out)


def test_same_cases_whatever_the_jobs() -> None:
    one, two = (sum(fuzz(lanes(), 5, cases=1500, jobs=jobs), FuzzReport()) for jobs in (1, 2))
    assert (one.batches, one.cases, one.counts) == (two.batches, two.cases, two.counts)
    assert one.cases >= 1500


def test_what_is_drawn_stays_within_bounds() -> None:
    assert draw_batch(3, 14) not in (draw_batch(3, 15), draw_batch(4, 14))
    sizes = set()
    for number in range(60):
        batch = draw_batch(9, number)
        own = sum(len(each.addresses) for each in batch.host.interfaces.values())
        assert own <= weights.MOST_ADDRESSES
        assert 1 <= len([name for name in batch.host.interfaces if name != "lo"]) <= 8
        sizes |= {len(addresses) for addresses in batch.names.values()}
        for each in batch.rounds:
            assert len(each.lookups) == weights.LOOKUPS_A_ROUND
            scenario_of(batch, each.gai_conf, batch.lookups[:1])
    assert {1, 2, 8, 64} <= sizes


def test_whole_name_services_are_drawn() -> None:
    """What is written of a service answers as all of it does, and waits for nobody."""
    links = tuple(Link(number, f"eth{number - 2}", 1) for number in range(1, 12))
    view, own = HostView((), (replace(links[0], name="lo"), *links[1:])), dialect("2.44")
    kinds, numbers = set(), range(weights.SERVICES_AT, 90, weights.SERVICES_EVERY)
    for batch in chain.from_iterable(draw_batches(9, number) for number in numbers):
        assert batch.service is not None
        assert not batch.service.remembers
        kinds |= {one for one, _ in parse_hosts(batch.service.hosts)}
        whole = services_of(batch.service, view)
        for lookup in batch.lookups[::4]:
            service = scenario_of(batch, None, [lookup]).name_service
            assert service is not None
            few, asked = services_of(service, view), request_for(lookup)
            assert find(asked, few, True, True, own) == find(asked, whole, True, True, own)
    assert kinds == {*weights.KINDS_ASKED}


def test_myhostname_is_drawn_where_a_glibc_has_it() -> None:
    numbers = range(weights.SERVICES_AT, 60, weights.SERVICES_EVERY)
    without = chain.from_iterable(draw_batches(9, number) for number in numbers)
    assert not any(batch.asks_myhostname for batch in without)
    drawn = chain.from_iterable(draw_batches(9, number, True) for number in numbers)
    asked = [batch for batch in drawn if batch.asks_myhostname]
    names = {lookup.name for batch in asked for lookup in batch.lookups}
    assert {*weights.OWN_NAMES, asked[0].host.hostname} <= names


def test_plain_names_are_drawn_for_other_resolvers() -> None:
    """Of the hosts file and DNS alone, without a gai.conf, and many look-ups in its place."""
    numbers = range(weights.SERVICES_AT + 1)
    resolvers = set()
    for batch in chain.from_iterable(draw_batches(9, number, plain=True) for number in numbers):
        assert [(each.gai_conf, each.after) for each in batch.rounds] == [(None, ())]
        assert batch.rounds[0].lookups == tuple(range(len(batch.lookups)))
        if batch.service is None:
            assert len(batch.lookups) == weights.NAMES * weights.LOOKUPS_A_NAME
            resolvers.add(batch.resolver)
        else:
            kinds = {one for one, _ in parse_hosts(batch.service.hosts)}
            assert kinds <= {"files", "dns", "missing"}
    assert resolvers == {"files", "dns"}


def test_dice_do_not_change() -> None:
    # another version of Python must draw the same cases for a seed
    dice = Dice("gai-harness fuzz 1 2")
    drawn = [dice.randint(0, 999), dice.getrandbits(64), dice.one("abcdef"), dice.pick({"x": 1})]
    assert drawn == [623, 8512260564149269904, "f", "x"]


def test_command_line(call: Call) -> None:
    done = call("fuzz", "--cases", "400", "--seed", "2", "-o", "f", "--json")
    found = json.loads(done.out)
    assert (done.status, found["disagreements"]) == (0, 0)
    assert found["cases"] >= 400
    assert set(found["counts"]) | set(found["left_out"]) >= set(known_keys())
    assert not Path("f").exists()
    text = call("fuzz", "--cases", "280", "--seed", "2", "-j", "1").out
    assert "0 disagreements" in text
    assert "Left out: " in text


FIRST = {  # the batch of seed 7 that first shows a bug on glibc 2.36 and shrinks; 0 where not said
    "rule3_dropped": 4, "rule4_dropped": 11, "rule7_dropped": 2, "peer_found": 5,
    "optimistic_unnoticed": 14, "last_of_duplicates": 8, "loopback_by_itself": 15,
    "last_line_wins": 9, "rfc6724_ula": 1, "wrap_around_refused": 12, "nul_unnoticed": 32,
    "ipv6_limited": 2, "reload_forgets_time": 6, "reload_newer_only": 3, "reload_unasked": 5,
    "multi_always_off": 2, "actions_unnoticed": 7, "search_unnoticed": 7, "first_server_alone": 7,
}  # fmt: skip
SHRUNK_EACH_TIME = ("table_kept", "defaults_stay", "rule9_dropped", "actions_unnoticed")
"""One of the address table, one of gai.conf, one of the sort, one that name services show alone."""


def found(pool: PlantedPool) -> Disagreement:
    """The first disagreement with a bug in the model."""
    for number in (FIRST.get(pool.bug, 0), *range(100)):  # another glibc may need another one
        (outcome,) = pool.outcomes(examine, [BatchSpec(7, number, lanes())])
        for first in outcome.values[0].disagreements:
            assert isinstance(first, Disagreement)
            return first
    raise AssertionError(f"{pool.bug} was not found")


def test_every_trial_of_a_host_is_answered_for() -> None:
    """However many of them disagree; in a batch of its own a few would be kept."""
    with PlantedPool(1, "rule9_dropped") as pool:
        first = found(pool)
        trials = (trial_of(first),) * 9
        (outcome,) = pool.outcomes(run_trials, [(trials, first.evidence.lane)])
        (shown,) = outcome.values
    assert len(shown) == 9
    assert all(shown)


def test_an_address_is_told_apart_by_all_that_is_found_of_its_source(pool: Pool) -> None:
    """A source in 127/8 is 127.0.0.1 to an IPv4 socket, and may be deprecated to another one."""
    old = {"address": "127.37.184.239/8", "flags": ["deprecated"]}
    rows = ["127.37.184.239/24", "127.60.194.224/16", old]
    host = {"interfaces": {
        "eth0": {"addresses": ["10.0.0.1/8", "172.28.54.43/24", "2001:db8::2/64"]},
        "lo": {"addresses": rows},
    }}  # fmt: skip
    answers = ("2001:db8::9", "127.37.184.111"), ("127.36.184.239", "127.37.184.111", "10.0.0.1")
    trials = tuple({"host": host, "answer": each, "lookup": {"name": "web"}} for each in answers)
    (outcome,) = pool.outcomes(run_trials, [(trials, lanes()[0])])
    assert [*outcome.values] == [(None, None)]


def shrunk(bug: str) -> Disagreement:
    with warm_pools(), PlantedPool(2, bug) as pool:
        small = shrink(pool, found(pool))
    scenario, conf = small.evidence.scenario, small.evidence.conf.data or b""
    own = [row for each in scenario.host.interfaces.values() for row in each.addresses]
    print(bug, scenario.names, conf, [row.address for row in own])
    assert sum(map(len, scenario.names.values())) <= 3
    assert len(conf.splitlines()) <= 3
    assert len(own) <= 4
    if scenario.name_service is not None:
        services, held = parse_hosts(scenario.name_service.hosts), scenario.name_service.addresses()
        assert len(services) <= 2
        assert sum(len(actions) for _, actions in services) <= 1
        assert sum(map(len, held.values())) <= 3
    return small


OTHERS = sorted(PLANTED.keys() - {*SHRUNK_EACH_TIME})


@pytest.mark.parametrize("bug", OTHERS)
def test_a_bug_is_found(bug: str) -> None:
    with warm_pools(), PlantedPool(1, bug) as pool:
        assert found(pool)


@pytest.mark.slow
@pytest.mark.parametrize("bug", OTHERS)
def test_a_bug_is_shrunk(bug: str) -> None:
    assert shrunk(bug)


@pytest.mark.parametrize("bug", SHRUNK_EACH_TIME)
def test_what_is_found_becomes_a_small_scenario_file(bug: str, call: Call) -> None:
    small = shrunk(bug)
    path = write_scenario(small, Path(), "found", "a test")
    loaded = load(path)
    assert loaded.gai_conf == small.evidence.conf.data
    assert loaded.scenario.names == small.evidence.scenario.names
    assert loaded.scenario.name_service == small.evidence.scenario.name_service
    text = path.read_text()
    assert "answers:" in text
    assert "the model says:" in text
    # the bug was planted in sandboxes only: here glibc and the model agree
    assert call("run", path).status == 0


def test_an_interrupted_run_ends_its_sandboxes_before_it_shrinks(
    monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    happened: list[str] = []
    with PlantedPool(1, "rule9_dropped") as pool:
        (outcome,) = pool.outcomes(examine, [BatchSpec(7, 0, lanes())])
    (report,) = outcome.values

    def fuzzed(*_: object, **__: object) -> Iterator[FuzzReport]:
        try:
            yield report
            yield report
        finally:
            happened.append("ended")

    def interrupted(groups: Groups, one: Disagreement) -> None:
        add(groups, one)
        raise KeyboardInterrupt

    def noted(_: Pool, one: Disagreement, __: object) -> Disagreement:
        happened.append("shrunk")
        return one

    add = Groups.add
    monkeypatch.setattr(Groups, "add", interrupted)
    monkeypatch.setattr(command, "fuzz", fuzzed)
    monkeypatch.setattr(command, "shrink", noted)
    assert call("fuzz", "--cases", "1", "-o", "f").status == 1
    assert happened == ["ended", "shrunk"]
    done = call("fuzz", "--cases", "1", "-o", "/dev/null/f")  # is told, and what was found
    assert (done.status, "disagreements" in done.out) == (1, True)
    assert "/dev/null/f: cannot be written: Not a directory\n" in done.err


def test_a_long_run_keeps_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def held(pid: int) -> tuple[int, int]:
        """The open files of a process, and its memory in pages."""
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return files, int(Path(f"/proc/{pid}/statm").read_text().split()[1])

    before, mounts = held(os.getpid())[0], Path("/proc/self/mountinfo").read_text()
    with Pool(2) as pool:
        assert pool._forkserver is not None
        forkserver = pool._forkserver.pid
        children = Path(f"/proc/{forkserver}/task/{forkserver}/children")
        seen = []
        for start in range(0, 36, 12):
            specs = [BatchSpec(21, number, lanes()) for number in range(start, start + 12)]
            assert all(out.values or out.error for out in pool.outcomes(examine, specs))
            end = time.monotonic() + 60
            while children.read_text():
                assert time.monotonic() < end
                time.sleep(0.05)
            seen.append((*held(os.getpid()), *held(forkserver)))
        files, pages, files_of_forkserver, pages_of_forkserver = zip(*seen, strict=True)
        assert len({*files}) == len({*files_of_forkserver}) == 1
        assert files_of_forkserver[0] < 12
        assert max(pages) - pages[0] < 1500
        assert max(pages_of_forkserver) - pages_of_forkserver[0] < 500
    assert not Path(f"/proc/{forkserver}").exists()
    assert held(os.getpid())[0] == before
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert not list(tmp_path.iterdir())

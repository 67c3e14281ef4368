"""Every order that any look-up of the library can be given, confirmed by real glibc."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from harness.advice.suggest import Impossible, Suggestion
from harness.compare.plan import host_lane, lanes_for, load_scenarios, make_jobs
from harness.compare.suggest import Answered, Wish, case_of, fulfil
from harness.model.host import Target
from harness.sandbox import Pool
from tests.advice.suggest_kit import some_gai_conf_does_it
from tests.e2e.kit import document, gai_harness, gather

if TYPE_CHECKING:
    from harness.advice.suggest import LookupCase

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("matrix")]
_ALL_ORDERS_UP_TO = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """One wish with what came of it, and the look-up's candidates."""

    answered: Answered
    case: LookupCase
    gai_conf: bytes | None


@pytest.fixture(scope="module")
def asked(versions: list[str]) -> list[Asked]:
    """Every wished order (or first address) of every look-up, on every version."""
    jobs = make_jobs(load_scenarios(()), lanes_for(",".join(versions), "worker"))
    seen = make_jobs(load_scenarios(()), (host_lane(),))
    wishes: list[list[Wish]] = []
    cases: list[list[LookupCase]] = []
    with Pool(2) as pool:
        for evidences in pool.map(gather, seen):
            wishes.append([])
            cases.append([])
            for number, (evidence,) in enumerate(evidences):
                case = case_of(evidence)
                if case is None:
                    continue
                for want in _wanted(case):
                    wishes[-1].append(Wish(number, want))
                    cases[-1].append(case)
    found = []
    for job, wished, known in zip(jobs, wishes, cases, strict=True):
        conf = job.gai_confs[0].data
        answered = fulfil(job, wished)
        found += [Asked(a, c, conf) for a, c in zip(answered, known, strict=True)]
    return found


def _wanted(case: LookupCase) -> Sequence[tuple[str, ...]]:
    every = dict.fromkeys(str(Target(ip_address(str(c.destination)), c.scope_id))
                          for c in case.candidates)  # fmt: skip
    if len(every) < 2:
        return ()
    if len(every) <= _ALL_ORDERS_UP_TO:
        return list(permutations(every))
    return [(one,) for one in every]


def _name(one: Asked) -> str:
    answered = one.answered
    return f"{answered.scenario} {answered.lookup} {', '.join(answered.wanted)}"


def test_every_suggestion_is_confirmed_on_every_version(
    asked: list[Asked], versions: list[str]
) -> None:
    assert len(asked) > 500
    possible = [one for one in asked if one.answered.possible]
    assert not [_name(one) for one in possible if not one.answered.verified]
    for one in possible:
        assert {result.glibc for result in one.answered.after} >= set(versions), _name(one)


def test_what_is_impossible_is_proved_and_trying_everything_finds_nothing(
    asked: list[Asked],
) -> None:
    impossible = [one for one in asked if isinstance(one.answered.outcome, Impossible)]
    assert 0 < len(impossible) < len(asked) / 10
    for one in impossible:
        outcome = one.answered.outcome
        assert isinstance(outcome, Impossible)
        assert outcome.proved, _name(one)
        for obstacle in outcome.obstacles:
            twins = obstacle.first.partition("%")[0] == obstacle.second.partition("%")[0]
            assert obstacle.rule in (1, 2, 3, 4, *((7, 9, 10) if twins else ())), _name(one)
        assert all(obstacle.remedies for obstacle in outcome.obstacles)
        assert len(one.case.candidates) <= 9  # three addresses, three socket types
        assert not some_gai_conf_does_it(one.case, one.gai_conf, outcome.wanted), _name(one)


def test_most_changes_are_one_line_and_labels_and_scopes_are_the_exception(
    asked: list[Asked],
) -> None:
    own: Counter[int] = Counter()
    keywords: Counter[str] = Counter()
    for one in asked:
        if isinstance(one.answered.outcome, Suggestion):
            lines = [line for line in one.answered.outcome.lines if not line.restored]
            own[len(lines)] += 1
            keywords.update({line.keyword for line in lines})
            assert one.answered.outcome.smallest, _name(one)
    assert own[1] > 5 * own[2]
    assert max(own) <= 2
    assert keywords["precedence"] > 5 * (keywords["label"] + keywords["scopev4"])


def test_new_files_have_no_finding_that_the_old_ones_had_not(asked: list[Asked]) -> None:
    for one in asked:
        if isinstance(one.answered.outcome, Suggestion) and one.gai_conf is None:
            codes = {finding.code for finding in one.answered.findings}
            assert codes <= {"GAI014", "GAI009"}, _name(one)


def test_the_command_says_lines_to_copy_and_where_they_hold(versions: list[str]) -> None:
    done = gai_harness(
        "suggest", "--scenario", "seed-rule9-dual-stack", "--lookup", "near-first",
        "--want", "172.31.80.8",
        "--glibc", ",".join(versions),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "    precedence ::ffff:172.31.0.0/112 15\n" in done.stdout
    assert f"verified on real glibc {versions[0]} " in done.stdout


def test_the_impossible_ends_with_status_1_and_names_rule_and_remedy() -> None:
    words = ("--scenario", "rule1-no-route", "--lookup", "web", "--want", "2001:db8:9::1")
    status, read = document("suggest", *words, "--json")
    (found,) = read["suggestions"]
    assert status == 1
    assert (found["possible"], found["proved"]) == (False, True)
    (obstacle,) = found["obstacles"]
    assert obstacle["rule"] == 1
    assert "a route to 2001:db8:9::1" in obstacle["remedies"][0]


def test_this_host_can_be_asked_too() -> None:
    done = gai_harness("suggest", "localhost", "--want", "127.0.0.1", "--json")
    if done.returncode == 2:  # one address only: there is nothing to order
        assert "two or more addresses" in done.stderr
        return
    assert done.returncode in (0, 1)
    assert json.loads(done.stdout)["suggestions"][0]["lookup"] == "localhost"

"""pytest-benchmark's view of the parts; ``gai-harness bench`` sets them against each other.

No time is asserted: each is held to its answer only. ``--benchmark-disable`` runs every
body once, without measuring.
"""

import io
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.compare.bench.curve import (
    FAMILIES,
    HOST,
    LOOKUPS_A_CONF,
    SIZES,
    destinations,
    prepared_batch,
)
from harness.compare.evidence import Evidence
from harness.compare.fuzz.engine import Engine
from harness.compare.fuzz.found import FuzzReport
from harness.compare.fuzz.sorter import Sorter, SortInput
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.results import LookupReport, Result
from harness.compare.run import HostJob, collect
from harness.compare.sharing import Shared
from harness.compare.verdict import judge
from harness.glibcs.host_libc import host as host_libc
from harness.kernel import messages, rows
from harness.kernel.messages import number
from harness.model.dialects import dialect
from harness.model.host import Target
from harness.model.order import Candidate, order_for
from harness.model.policy import Policy
from harness.native.frames import lookup_payload
from harness.native.record import Query, decode
from harness.native.worker_lane import WorkerLane, bundled_worker
from harness.report.text import TextReport
from harness.sandbox import Box, Pool
from harness.scenario import gai_conf_files, library, load
from harness.scenario.fuzz import draw_batch
from harness.scenario.host import Host
from harness.scenario.suites import suites

pytestmark = pytest.mark.benchmark(max_time=0.1, min_rounds=3, warmup=False)
SPOKEN = dialect("2.36", "amd64")
SOURCES = {4: ip_address("172.18.45.2"), 6: ip_address("2001:db8:1::2")}


def candidates(family: str, size: int) -> list[Candidate]:
    """So many, one in eight without a source."""
    return [
        Candidate(address, SOURCES[address.version] if i % 8 else None, 24, index=2)
        for i, address in enumerate(map(ip_address, destinations(family, size)))
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_model_sort(benchmark: BenchmarkFixture, family: str, size: int) -> None:
    benchmark.group = f"model sort, {family}"
    own = candidates(family, size)
    policy = Policy.build(None, SPOKEN)
    order = benchmark(lambda: Sorter(SortInput.of(policy, SPOKEN)).order(own))
    assert order == [one.position for one in order_for(own, policy, SPOKEN).ranked]


def test_keys_of_a_host(benchmark: BenchmarkFixture) -> None:
    """Under a gai.conf that was not met before, as the engine has one for every few look-ups."""
    benchmark.group = "engine"
    own, numbers = candidates("mixed", 160), count()

    def keyed() -> tuple[Sorter, list[int]]:
        conf = f"precedence ::ffff:0:0/96 {next(numbers)}\n"
        sorter = Sorter(SortInput.of(Policy.build(conf, SPOKEN), SPOKEN))
        return sorter, sorter.keys(sorter.fixed(own))

    sorter, keys = benchmark(keyed)
    assert keys == list(map(sorter.key, own))


def test_drawn_batch(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "engine"
    assert benchmark(draw_batch, 1, 2) == draw_batch(1, 2)


def compared(box: Box, confs: int) -> Iterator[FuzzReport]:
    """Inside a sandbox: prepared cases under so many gai.conf files, on this host's glibc."""
    batch = prepared_batch(confs)
    box.build(batch.host)
    with Engine(box, batch, lanes_for("host", "worker")) as engine:
        yield engine.run()


def test_prepared_cases(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "engine"
    with Pool(1) as pool:
        (report,) = benchmark.pedantic(  # type: ignore[no-untyped-call]
            lambda: list(pool.run(compared, 10)), rounds=3
        )
    assert (report.cases, report.differing) == (10 * LOOKUPS_A_CONF, 0)


@pytest.mark.parametrize("name", ["glibc-defaults.conf", "rfc6724.conf"])
def test_gai_conf(benchmark: BenchmarkFixture, name: str) -> None:
    benchmark.group = "gai.conf"
    data = gai_conf_files()[name].read_bytes()
    assert benchmark(Policy.build, data, SPOKEN) == Policy.build(data, SPOKEN)


def test_native_lookup(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "native"
    query = Query("127.0.0.1", socktype=1)
    with WorkerLane([bundled_worker()]) as lane, lane.open() as session:
        answer = benchmark(session.lookup, query)
    assert [one.address for one in answer.addrinfos] == ["127.0.0.1"]


def test_native_burst(benchmark: BenchmarkFixture) -> None:
    """A session for twenty look-ups, whose answers are not decoded."""
    benchmark.group = "native"
    asked = [lookup_payload(Query("127.0.0.1", socktype=1), 10.0)] * LOOKUPS_A_CONF
    with WorkerLane([bundled_worker()]) as lane:
        answers, early = benchmark(lambda: lane.burst(asked, 10.0).finish())
    assert early is None
    assert [decode(one).error for one in answers] == [None] * LOOKUPS_A_CONF


def test_native_session(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "native"
    with WorkerLane([bundled_worker()]) as lane:
        benchmark(lambda: lane.open().close())


def observed(box: Box, times: int) -> Iterator[tuple[int, int]]:
    """Inside a sandbox: build the host, and observe it with the ways to 64 targets each time."""
    box.build(HOST)
    targets = [Target(ip_address(one)) for one in destinations("mixed", 64)]
    for _ in range(times):
        view = box.observe(targets)
        yield len(view.addresses), len(view.routes)


@pytest.mark.parametrize("times", [1, 50])
def test_observed_host(benchmark: BenchmarkFixture, times: int) -> None:
    """Building counts for most of one time, observing for most of fifty."""
    benchmark.group = "host"
    own = sum(len(each.addresses) for each in HOST.interfaces.values())
    with Pool(1) as pool:
        found = benchmark.pedantic(  # type: ignore[no-untyped-call]
            lambda: list(pool.run(observed, times)), rounds=3
        )
    assert found == [(own + 2, 64)] * times


# --- what a run does for each command, host, look-up and build

SCENARIO = "seed-rule9-dual-stack"
VERSIONS = ("2.31", "2.36", "2.41", "2.43", "2.44")
NEAR = ip_address("2001:db8:1::2")


def test_start(benchmark: BenchmarkFixture) -> None:
    """A whole command for one host: most of it is the start."""
    benchmark.group = "run"
    command = [sys.executable, "-P", "-m", "harness", "run", SCENARIO]
    done = benchmark.pedantic(  # type: ignore[no-untyped-call]
        lambda: subprocess.run(command, capture_output=True, text=True, check=True), rounds=3
    )
    assert "3 agree, 0 disagree" in done.stdout


def test_host_libc(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "run"
    assert benchmark(host_libc).origin == "host"


@pytest.mark.parametrize("path", [one for one in library() if one.stem == SCENARIO])
def test_library_file(benchmark: BenchmarkFixture, path: Path) -> None:
    benchmark.group = "scenarios"
    assert benchmark(load, path).scenario.name == SCENARIO


def test_suite(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "scenarios"
    found = benchmark.pedantic(suites()["smoke"], rounds=3)  # type: ignore[no-untyped-call]
    assert len(found) > 3


def test_address_request(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "netlink"
    flags = rows.IFA_FLAGS, number(2)
    made = benchmark(lambda: messages.address(NEAR, NEAR, 64, 3, 0, flags).request(0, 0))
    found = rows.address(made)
    assert (found.own, found.prefixlen, found.index, found.flags) == (NEAR, 64, 3, 2)


def standing(box: Box, host: Host) -> Iterator[int]:
    """Inside a sandbox: build the host."""
    yield len(box.build(host))


def test_kept_sandbox(benchmark: BenchmarkFixture) -> None:
    """Eight hosts, one after another in one process."""
    benchmark.group = "host"
    with Pool(1) as pool:
        found = benchmark.pedantic(  # type: ignore[no-untyped-call]
            lambda: list(pool.outcomes(standing, [HOST] * 8, kept=True)), rounds=3
        )
    assert [one.error for one in found] == [None] * 8


def gathered(box: Box, job: HostJob) -> Iterator[Evidence]:
    """Inside a sandbox: the evidence of the first look-up."""
    for (evidence,), _ in collect(box, job):
        yield evidence
        return


@pytest.fixture(scope="module")
def builds() -> list[Evidence]:
    """One look-up as several versions would have answered it."""
    jobs = make_jobs(load_scenarios([Path(SCENARIO)]), lanes_for("host", "worker"))
    with Pool(1) as pool:
        (one,) = pool.run(gathered, jobs[0])
    return [replace(one, lane=replace(one.lane, glibc=glibc, label=glibc)) for glibc in VERSIONS]


def judged(builds: list[Evidence]) -> list[Result]:
    shared = Shared()
    return [judge(each, known=shared) for each in builds]


def test_judging_builds(benchmark: BenchmarkFixture, builds: list[Evidence]) -> None:
    benchmark.group = "results"
    assert benchmark(judged, builds) == [judge(each) for each in builds]


def test_sending_results(benchmark: BenchmarkFixture, builds: list[Evidence]) -> None:
    benchmark.group = "results"
    results = judged(builds)
    assert benchmark(lambda: pickle.loads(pickle.dumps(results, -1))) == results


def test_text_of_results(benchmark: BenchmarkFixture, builds: list[Evidence]) -> None:
    benchmark.group = "results"
    report = LookupReport("s", "web", "default", tuple(judged(builds)))

    def written() -> str:
        stream = io.StringIO()
        TextReport(stream).add(report)
        return stream.getvalue()

    assert "agree" in benchmark(written)

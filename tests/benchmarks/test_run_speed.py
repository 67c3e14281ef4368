"""pytest-benchmark's view of what a run does for each command, host, look-up and build.

As in test_speed.py no time is asserted: each part is held to its answer only.
"""

import io
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.compare.bench.curve import HOST
from harness.compare.evidence import Evidence
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.results import LookupReport, Result
from harness.compare.run import HostJob, collect
from harness.compare.sharing import Shared
from harness.compare.verdict import judge
from harness.glibcs.host_libc import host as host_libc
from harness.kernel import messages, rows
from harness.kernel.messages import number
from harness.report.text import TextReport
from harness.sandbox import Box, Pool
from harness.scenario import library, load
from harness.scenario.host import Host
from harness.scenario.suites import suites

pytestmark = pytest.mark.benchmark(max_time=0.1, min_rounds=3, warmup=False)
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

"""Fuzzing and runs on a real Dask cluster: the same results as without, workers lost or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from harness.cli import main
from harness.compare import cluster as clusters
from harness.compare.cluster import Cluster, ClusterError, Glibcs, Task, do, fuzz_on, run_on
from harness.compare.fuzz.driver import BatchSpec, FuzzReport, Step, fuzz
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.run import run

if TYPE_CHECKING:
    from harness.compare.results import LookupReport
    from harness.compare.run import JobOutcome, LaneSpec

SEED = 11
CASES = 2500  # some ten batches
LOOPBACK = "127.0.0.1"


@pytest.fixture(scope="module", autouse=True)
def with_dask(unreachable: Callable[[str], NoReturn]) -> None:
    if find_spec("distributed") is None:
        unreachable("the extra 'cluster' is not installed")


@dataclass(frozen=True, slots=True)
class Dask:
    """A scheduler's address and the processes of its workers."""

    address: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def lanes() -> tuple[LaneSpec, ...]:
    return lanes_for("host", "worker")


@pytest.fixture(scope="module")
def glibcs(lanes: tuple[LaneSpec, ...]) -> Glibcs:
    return Glibcs.of(lanes, "host", "worker")


@pytest.fixture(scope="module")
def alone(lanes: tuple[LaneSpec, ...]) -> FuzzReport:
    """What the seed gives without any cluster."""
    return total(fuzz(lanes, SEED, cases=CASES))


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    """A scheduler and two workers, each a process of its own, started as a user does."""
    with ExitStack() as stack:

        def start(program: str, *options: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-P", "-m", f"distributed.cli.{program}", "--no-dashboard"]
            process = subprocess.Popen(
                [*command, *options], cwd=tmp_path,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        where = tmp_path / "scheduler.json"
        start("dask_scheduler", "--host", LOOPBACK, "--port", "0", "--scheduler-file", str(where))
        end = time.monotonic() + 60
        while not where.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        address = json.loads(where.read_text())["address"]
        options = (address, "--nthreads", "1", "--no-nanny", "--host", LOOPBACK)
        yield Dask(address, [start("dask_worker", *options) for _ in range(2)])


def total(steps: Iterator[Step]) -> FuzzReport:
    report = FuzzReport()
    for step in steps:
        # the time is the only thing that may differ
        report = report.plus(replace(step, report=replace(step.report, native_ns=0)))
    return report


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_seed_gives_the_same_on_any_size(jobs: int, glibcs: Glibcs, alone: FuzzReport) -> None:
    with Cluster("local", jobs) as cluster:
        assert total(fuzz_on(cluster, glibcs, SEED, cases=CASES)) == alone
    assert alone.cases >= CASES


def test_a_worker_killed_in_the_middle(dask: Dask, glibcs: Glibcs, alone: FuzzReport) -> None:
    with Cluster(dask.address, 2) as cluster:
        cluster.client.wait_for_workers(2, timeout=60)
        steps = fuzz_on(cluster, glibcs, SEED, cases=CASES)
        report = total(iter([next(steps)]))
        pids: dict[str, int] = cluster.client.run(os.getpid)
        victim = dask.workers[0]
        (address,) = [where for where, pid in pids.items() if pid == victim.pid]
        assert cluster.client.processing()[address], "it has batches that will be lost"
        victim.send_signal(signal.SIGKILL)
        for step in steps:
            report = report.plus(replace(step, report=replace(step.report, native_ns=0)))
        assert set(cluster.client.nthreads()) == set(pids) - {address}
    assert report == alone


def test_the_library_on_a_cluster() -> None:
    lanes = lanes_for("host", "auto")
    jobs = make_jobs(load_scenarios([]), lanes)[:12]
    here = list(run(jobs, 2))
    with Cluster("local", 2) as cluster:
        there = list(run_on(cluster, Glibcs.of(lanes, "host", "auto"), jobs))
    assert [one.job for one in there] == jobs
    assert [timeless(one) for one in there] == [timeless(one) for one in here]


def timeless(outcome: JobOutcome) -> list[LookupReport]:
    """A job's reports without the times of the calls."""
    return [
        replace(report, results=tuple(replace(one, elapsed_ns=0) for one in report.results))
        for report in outcome.reports
    ]


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["fuzz", "--cases", "500", "--seed", str(SEED), "--json", "-o", str(tmp_path)]
    reports = []
    for more in ([], ["--scheduler", "local", "-j", "2"]):
        assert main([*command, *more]) == 0
        reports.append(json.loads(capsys.readouterr().out))
    for key in ("cases", "batches", "counts", "disagreements", "refused"):
        assert reports[0][key] == reports[1][key], key


def test_a_worker_without_the_glibc(glibcs: Glibcs) -> None:
    missing = replace(glibcs, wanted=(("2.7", "amd64", "worker", "etch", "etch"),))
    with pytest.raises(ClusterError, match=r"no glibc 2\.7:amd64 \(etch\).*glibc fetch 2\.7"):
        do(Task(BatchSpec(1, 0, ()), missing))
    unknown = replace(glibcs, words="1.0")
    with pytest.raises(ClusterError, match=r"a worker: .*1\.0"):
        do(Task(BatchSpec(1, 0, ()), unknown))


def test_a_workers_refusal_reaches_the_user(glibcs: Glibcs) -> None:
    missing = replace(glibcs, wanted=(("2.7", "amd64", "worker", "etch", "etch"),))
    with Cluster("local", 1) as cluster, pytest.raises(ClusterError, match=r"no glibc 2\.7"):
        list(fuzz_on(cluster, missing, SEED, cases=1))


def test_a_worker_of_another_version(glibcs: Glibcs) -> None:
    with pytest.raises(ClusterError, match=r"0\.0\.0 is asked for"):
        do(Task(BatchSpec(1, 0, ()), glibcs, version="0.0.0"))


def test_no_worker_comes(dask: Dask, glibcs: Glibcs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_PATIENCE", 2.0)
    with Cluster(dask.address, 2) as cluster:
        cluster.client.wait_for_workers(2, timeout=60)
        for worker in dask.workers:
            worker.kill()
        with pytest.raises(ClusterError, match="no Dask worker for 2 s"):
            list(fuzz_on(cluster, glibcs, SEED, cases=CASES))


def test_no_scheduler(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(clusters, "_ANSWERS", 1.0)
    address = f"tcp://{LOOPBACK}:1"
    assert main(["fuzz", "--cases", "1", "--scheduler", address, "-o", str(tmp_path)]) == 3
    assert "no Dask scheduler answers" in capsys.readouterr().err


def test_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["run", "--scheduler", "local"]) == 3
    assert "gai-harness[cluster]" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["somewhere", "tcp://", "tcp://host", "a b:1"])
def test_no_address(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--scheduler", address])
    assert stopped.value.code == 2
    assert "tcp://host:8786 was expected" in capsys.readouterr().err

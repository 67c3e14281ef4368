"""Fuzzing and runs on a real Dask cluster: the same results as without, workers lost or not."""

import json
import os
import signal
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL
from typing import NoReturn
from unittest.mock import MagicMock

import pytest

import harness
from harness.compare import cluster as clusters
from harness.compare.cluster import Cluster, ClusterError, Glibcs, Task, do
from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.batches import BatchSpec, examine, fuzz
from harness.compare.fuzz.found import FuzzReport
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.results import LookupReport
from harness.compare.run import JobOutcome, run
from harness.glibcs import Build
from harness.sandbox import PoolOutcome
from harness.sandbox.pool import Job
from tests.conftest import Call, Patch
from tests.processes import Program, until

Tls = tuple[str, str, str]
"""The files of the authority, the certificate and its key."""

SEED = 11
CASES = 1500  # some six batches
LOOPBACK = "127.0.0.1"
TWO_FILES = "--tls-ca /dev/null --tls-cert"


@pytest.fixture(scope="module", autouse=True)
def with_dask(unreachable: Callable[[str], NoReturn]) -> None:
    if find_spec("distributed") is None:
        unreachable("the extra 'cluster' is not installed")


@dataclass(frozen=True, slots=True)
class Dask:
    """A scheduler's address, the processes of its workers, and what its clients need."""

    address: str
    tls: Tls
    workers: list[Program]


@pytest.fixture(scope="module")
def lanes() -> tuple[LaneSpec, ...]:
    return lanes_for("host", "worker")


@pytest.fixture(scope="module")
def glibcs() -> Glibcs:
    return Glibcs("host", "worker")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, unreachable: Callable[[str], NoReturn]) -> Tls:
    """A certificate that signs itself, for all: who has it may use the tests' clusters."""
    if find_spec("cryptography") is None:
        unreachable("cryptography is not installed")
    return made_for(tmp_path_factory.mktemp("tls"))


def made_for(folder: Path) -> Tls:
    from distributed.security import Security

    made = Security.temporary()
    names = ("tls_ca_file", "tls_client_cert", "tls_client_key")
    for name in names:
        (folder / name).write_text(getattr(made, name))
    ca, cert, key = (str(folder / name) for name in names)
    return ca, cert, key


@contextmanager
def started(folder: Path, tls: Tls) -> Iterator[Dask]:
    """A scheduler and two workers, each a process of its own, started as a user does."""
    ca, cert, key = tls
    proof = [f"--tls-ca-file={ca}", f"--tls-cert={cert}", f"--tls-key={key}"]
    with ExitStack() as stack:

        def start(program: str, *options: str) -> Program:
            command = [sys.executable, "-P", "-m", f"distributed.cli.{program}", "--no-dashboard"]
            options = (*proof, *options)
            return stack.enter_context(Program(*command, *options, cwd=folder, stdout=DEVNULL))

        where = folder / "scheduler.json"
        options = ("--host", f"tls://{LOOPBACK}", "--port", "0")
        start("dask_scheduler", *options, "--scheduler-file", str(where))
        assert until(lambda: where.exists() and where.stat().st_size > 0, 120)
        address = json.loads(where.read_text())["address"]
        one = (address, "--nthreads", "1", "--no-nanny", "--host", LOOPBACK)
        yield Dask(address, tls, [start("dask_worker", *one) for _ in range(2)])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, tls: Tls) -> Iterator[Dask]:
    """A cluster whose workers live."""
    with started(tmp_path_factory.mktemp("dask"), tls) as cluster:
        yield cluster


def total(steps: Iterator[FuzzReport]) -> FuzzReport:
    """What all steps give, without the time."""
    return sum((replace(step, native_ns=0) for step in steps), FuzzReport())


def test_a_seed_gives_the_same_whatever_becomes_of_workers(
    tmp_path: Path, tls: Tls, lanes: tuple[LaneSpec, ...], glibcs: Glibcs, monkeypatch: Patch
) -> None:
    alone = total(fuzz(lanes, SEED, cases=CASES))
    assert alone.cases >= CASES
    with (
        started(tmp_path, tls) as dask,
        Cluster(dask.address, glibcs, *dask.tls) as cluster,
        ThreadPoolExecutor(1) as threads,
    ):
        assert cluster.encrypted
        victim, other = dask.workers
        cluster.client.wait_for_workers(2, timeout=600)
        pids: dict[str, int] = cluster.client.run(os.getpid)
        (lost,) = [where for where, pid in pids.items() if pid == victim.pid]
        victim.send_signal(signal.SIGSTOP)  # so what it is given is still its own when it dies

        def kill_in_the_middle() -> None:
            assert until(lambda: bool(cluster.client.processing()[lost]))
            victim.kill()

        killed = threads.submit(kill_in_the_middle)
        every = (BatchSpec(SEED, number, lanes) for number in range(alone.batches))
        there = [outcome.values[0] for outcome in cluster.outcomes(examine, every)]
        assert total(iter(there)) == alone
        killed.result()
        assert set(cluster.client.nthreads()) == set(pids) - {lost}
        other.kill()
        monkeypatch.setattr(clusters, "_PATIENCE", 2.0)
        with pytest.raises(ClusterError, match="no Dask worker for 2 s"):
            list(fuzz(lanes, SEED, cases=CASES, pool=cluster))


def test_the_library_on_a_cluster(shared: Dask, musls: list[Build], monkeypatch: Patch) -> None:
    resolvers = f"glibc,musl={musls[-1].version}"
    lanes = lanes_for("host", "both", resolver=resolvers)
    jobs = make_jobs(load_scenarios([]), lanes)[:12]
    jobs[0] = replace(jobs[0], lanes=lanes[:1])  # as where the other lacks a module
    here = list(run(jobs, 2))
    monkeypatch.setattr(harness, "pristine", True)
    cluster = Cluster(shared.address, Glibcs("host", "both", resolvers), *shared.tls)
    assert not harness.pristine  # no sandbox is a fork of one that has asked getaddrinfo
    there = list(run(jobs, pool=cluster))
    assert [one.job for one in there] == jobs
    assert [timeless(one) for one in there] == [timeless(one) for one in here]


def timeless(outcome: JobOutcome) -> list[LookupReport]:
    """A job's reports without the times of the calls."""
    return [
        replace(report, results=tuple(replace(one, elapsed_ns=0) for one in report.results))
        for report in outcome.reports
    ]


def test_the_command(shared: Dask, call: Call, tmp_path: Path) -> None:
    command = ("fuzz", "--cases", "500", "--seed", SEED, "--json", "-o", tmp_path, "-j", "2")
    ca, cert, key = shared.tls
    proof = ("--tls-ca", ca, "--tls-cert", cert, "--tls-key", key)
    reports = []
    for more in ((), ("--scheduler", "local"), ("--scheduler", shared.address, *proof)):
        done = call(*command, *more)
        assert done.status == 0
        assert "without TLS" not in done.err
        reports.append(json.loads(done.out))
    for key in ("cases", "batches", "counts", "disagreements", "refused"):
        assert reports[0][key] == reports[1][key] == reports[2][key], key


def test_a_stranger_is_refused(
    shared: Dask, glibcs: Glibcs, monkeypatch: Patch, tmp_path: Path
) -> None:
    monkeypatch.setattr(clusters, "_ANSWERS", 3.0)
    other = made_for(tmp_path)
    stranger = (shared.tls[0], *other[1:])  # it trusts, and is not trusted
    for address, proof in (
        (shared.address, stranger),
        (shared.address.replace("tls", "tcp"), ()),
    ):
        with pytest.raises(ClusterError, match="no Dask scheduler answers"):
            Cluster(address, glibcs, *proof)


def test_without_tls_it_is_said_once(monkeypatch: Patch, call: Call, tmp_path: Path) -> None:
    """The scheduler takes part in nothing: what is said is said before anything is sent."""

    def connected(_: str, glibcs: Glibcs, **__: None) -> MagicMock:
        def outcomes(function: Job, specs: Iterable[BatchSpec]) -> Iterator[PoolOutcome]:
            return (do(Task(function, one, glibcs.of(one.lanes))) for one in specs)

        made = MagicMock(encrypted=False, outcomes=outcomes)
        made.__enter__.return_value = made
        return made

    monkeypatch.setattr(clusters, "Cluster", connected)
    monkeypatch.chdir(tmp_path)
    done = call("fuzz", "--cases", "5", "--scheduler", "tcp://192.0.2.1:8786")
    assert done.status == 0
    assert done.err.count("without TLS, whoever reaches the scheduler can run programs") == 1


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("--tls-ca x", 2, "--tls-ca: --scheduler with an address was expected"),
        ("--scheduler local --tls-key x", 2, "--tls-key: --scheduler with an address"),
        ("--scheduler tcp://h:1 --tls-ca x", 2, "tls://… was expected"),
        ("--scheduler tls://h:1 --tls-ca x", 2, "--tls-ca and --tls-cert were expected"),
        (f"--scheduler tls://h:1 {TWO_FILES} /missing", 2, "files in PEM that fit together"),
        (f"--scheduler h:1 {TWO_FILES} /dev/null", 2, "files in PEM that fit together"),
        (f"--scheduler tcp://{LOOPBACK}:1", 3, "no Dask scheduler answers"),
    ],
)
def test_a_scheduler_that_is_no_use(
    words: str, status: int, said: str, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.setattr(clusters, "_ANSWERS", 1.0)
    done = call("run", "seed-rule9-ipv4-only", *words.split())
    assert (done.status, done.err.count("\n")) == (status, 1)
    assert said in done.err


def test_local_opens_no_port_and_a_kill_leaves_nothing(tmp_path: Path) -> None:
    """No process of it listens, on any address; nothing of it outlives a SIGKILL."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    command: list[str | Path] = [Path(sysconfig.get_path("scripts"), "gai-harness"), "fuzz"]
    command += ["--seconds", "300", "--scheduler", "local", "-j", "2", "-o", tmp_path / "f"]
    with Program(*command, env={"TMPDIR": str(scratch)}, stdout=DEVNULL) as process:
        # itself, forkserver, supervisors, pids 1
        assert until(lambda: len(process.family()) >= 4, 120)
        for _ in range(40):
            assert not [port for pid in process.family() for port in listening(pid)]
            time.sleep(0.05)
        process.kill()
        process.wait()
        assert until(lambda: not process.family(), 30)
    assert not list(scratch.iterdir())


def listening(pid: int) -> list[str]:
    """The TCP sockets that listen and are its own, in the machine's network, no sandbox's."""
    own, ports = set(), []
    with suppress(OSError):
        if Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink():
            return []  # the sandbox's own name server, on its own loopback
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                own.add(str(entry.readlink()))
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                    ports.append(fields[1])
    return ports


def test_a_worker_that_cannot_says_why(shared: Dask, glibcs: Glibcs) -> None:
    batch = BatchSpec(1, 0, ())
    lane = LaneSpec("2.7", "amd64", "worker", "etch", label="etch")
    missing = glibcs.of([lane])
    for task, why in (
        (Task(examine, batch, missing), r"no glibc 2\.7:amd64 \(etch\).*glibc fetch 2\.7"),
        (Task(examine, batch, replace(glibcs, words="1.0")), r"a worker: .*1\.0"),
        (Task(examine, batch, glibcs, version="0.0.0"), r"0\.0\.0 is asked for"),
    ):
        with pytest.raises(ClusterError, match=why):
            do(task)
    refused = pytest.raises(ClusterError, match=r"no glibc 2\.7")  # and it reaches the user
    with refused:
        list(fuzz([lane], SEED, cases=1, pool=Cluster(shared.address, glibcs, *shared.tls)))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = call("run", "seed-rule9-ipv4-only", "--scheduler", "tcp://127.0.0.1:1")
    assert done.status == 3
    assert "gai-harness[cluster]" in done.err

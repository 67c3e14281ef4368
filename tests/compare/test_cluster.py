"""Fuzzing and runs on a real Dask cluster: the same results as without, workers lost or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

import pytest

from harness.cli import main
from harness.compare import cluster as clusters
from harness.compare.cluster import Cluster, ClusterError, Glibcs, Task, Tls, do, fuzz_on, run_on
from harness.compare.fuzz.driver import BatchSpec, fuzz
from harness.compare.fuzz.engine import FuzzReport
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.run import run

if TYPE_CHECKING:
    from harness.compare.evidence import LaneSpec
    from harness.compare.results import LookupReport
    from harness.compare.run import JobOutcome
    from harness.sandbox import Outcome

SEED = 11
CASES = 2500  # some ten batches
LOOPBACK = "127.0.0.1"
TWO_FILES = ["--tls-ca", "/dev/null", "--tls-cert"]


@pytest.fixture(scope="module", autouse=True)
def with_dask(unreachable: Callable[[str], NoReturn]) -> None:
    if find_spec("distributed") is None:
        unreachable("the extra 'cluster' is not installed")


@dataclass(frozen=True, slots=True)
class Dask:
    """A scheduler's address, the processes of its workers, and what its clients need."""

    address: str
    tls: Tls
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


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, unreachable: Callable[[str], NoReturn]) -> Tls:
    """A certificate that signs itself, for all: who has it may use the tests' clusters."""
    if find_spec("cryptography") is None:
        unreachable("cryptography is not installed")
    return made_for(tmp_path_factory.mktemp("tls"))


def made_for(folder: Path) -> Tls:
    from distributed.security import Security

    made = Security.temporary()
    for name in ("tls_ca_file", "tls_client_cert", "tls_client_key"):
        (folder / name).write_text(getattr(made, name))
    return Tls(*(str(folder / name) for name in Tls(*"abc").given()))


@contextmanager
def started(folder: Path, tls: Tls) -> Iterator[Dask]:
    """A scheduler and two workers, each a process of its own, started as a user does."""
    proof = [f"--tls-ca-file={tls.ca}", f"--tls-cert={tls.cert}", f"--tls-key={tls.key}"]
    with ExitStack() as stack:

        def start(program: str, *options: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-P", "-m", f"distributed.cli.{program}", "--no-dashboard"]
            process = subprocess.Popen(
                [*command, *proof, *options], cwd=folder,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        where = folder / "scheduler.json"
        options = ("--host", f"tls://{LOOPBACK}", "--port", "0")
        start("dask_scheduler", *options, "--scheduler-file", str(where))
        end = time.monotonic() + 60
        while not (where.exists() and where.stat().st_size):
            assert time.monotonic() < end
            time.sleep(0.05)
        address = json.loads(where.read_text())["address"]
        one = (address, "--nthreads", "1", "--no-nanny", "--host", LOOPBACK)
        yield Dask(address, tls, [start("dask_worker", *one) for _ in range(2)])


@pytest.fixture
def dask(tmp_path: Path, tls: Tls) -> Iterator[Dask]:
    """A cluster of the test's own."""
    with started(tmp_path, tls) as own:
        yield own


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, tls: Tls) -> Iterator[Dask]:
    """A cluster whose workers live."""
    with started(tmp_path_factory.mktemp("dask"), tls) as cluster:
        yield cluster


def total(steps: Iterator[FuzzReport]) -> FuzzReport:
    report = FuzzReport()
    for step in steps:
        # the time is the only thing that may differ
        report += replace(step, native_ns=0)
    return report


def test_a_seed_gives_the_same_on_any_size(dask: Dask, glibcs: Glibcs, alone: FuzzReport) -> None:
    with Cluster(dask.address, dask.tls) as cluster:
        assert cluster.encrypted
        cluster.client.wait_for_workers(2, timeout=60)
        assert total(fuzz_on(cluster, glibcs, SEED, cases=CASES)) == alone
        dask.workers[0].kill()
        dask.workers[0].wait()
        assert total(fuzz_on(cluster, glibcs, SEED, cases=CASES)) == alone
    assert alone.cases >= CASES


def test_a_worker_killed_in_the_middle(dask: Dask, glibcs: Glibcs, alone: FuzzReport) -> None:
    with Cluster(dask.address, dask.tls) as cluster:
        cluster.client.wait_for_workers(2, timeout=60)
        steps = fuzz_on(cluster, glibcs, SEED, cases=CASES)
        report = total(iter([next(steps)]))
        pids: dict[str, int] = cluster.client.run(os.getpid)
        victim = dask.workers[0]
        (address,) = [where for where, pid in pids.items() if pid == victim.pid]
        assert cluster.client.processing()[address], "it has batches that will be lost"
        victim.send_signal(signal.SIGKILL)
        for step in steps:
            report += replace(step, native_ns=0)
        assert set(cluster.client.nthreads()) == set(pids) - {address}
    assert report == alone


def test_the_library_on_a_cluster(shared: Dask) -> None:
    lanes = lanes_for("host", "auto")
    jobs = make_jobs(load_scenarios([]), lanes)[:12]
    here = list(run(jobs, 2))
    with Cluster(shared.address, shared.tls) as cluster:
        there = list(run_on(cluster, Glibcs.of(lanes, "host", "auto"), jobs))
    assert [one.job for one in there] == jobs
    assert [timeless(one) for one in there] == [timeless(one) for one in here]


def timeless(outcome: JobOutcome) -> list[LookupReport]:
    """A job's reports without the times of the calls."""
    return [
        replace(report, results=tuple(replace(one, elapsed_ns=0) for one in report.results))
        for report in outcome.reports
    ]


def test_the_command(shared: Dask, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["fuzz", "--cases", "500", "--seed", str(SEED), "--json", "-o", str(tmp_path)]
    proof = ["--tls-ca", shared.tls.ca, "--tls-cert", shared.tls.cert, "--tls-key", shared.tls.key]
    reports = []
    for more in ([], ["--scheduler", "local"], ["--scheduler", shared.address, *map(str, proof)]):
        assert main([*command, "-j", "2", *more]) == 0
        said = capsys.readouterr()
        assert "without TLS" not in said.err
        reports.append(json.loads(said.out))
    for key in ("cases", "batches", "counts", "disagreements", "refused"):
        assert reports[0][key] == reports[1][key] == reports[2][key], key


def test_who_has_no_certificate_is_refused(
    shared: Dask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(clusters, "_ANSWERS", 3.0)
    other = made_for(tmp_path)
    stranger = Tls(shared.tls.ca, other.cert, other.key)  # it trusts, and is not trusted
    for address, proof in (
        (shared.address, stranger),
        (shared.address.replace("tls", "tcp"), None),
    ):
        with pytest.raises(ClusterError, match="no Dask scheduler answers"):
            Cluster(address, proof)


def test_without_tls_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The scheduler takes part in nothing: what is said is said before anything is sent."""

    class Connected:
        encrypted = False

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def stream(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
            yield from map(do, tasks)

    monkeypatch.setattr(clusters, "Cluster", lambda *_: Connected())
    monkeypatch.chdir(tmp_path)
    assert main(["fuzz", "--cases", "5", "--scheduler", "tcp://192.0.2.1:8786"]) == 0
    said = capsys.readouterr().err
    assert said.count("without TLS, whoever reaches the scheduler can run programs") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tls-ca", "x"], "--tls-ca: --scheduler with an address was expected"),
        (["--scheduler", "local", "--tls-key", "x"], "--tls-key: --scheduler with an address"),
        (["--scheduler", "tcp://h:1", "--tls-ca", "x"], "tls://… was expected"),
        (["--scheduler", "tls://h:1", "--tls-ca", "x"], "--tls-ca and --tls-cert were expected"),
        (["--scheduler", "tls://h:1", *TWO_FILES, "/missing"], "files in PEM that fit together"),
        (["--scheduler", "h:1", *TWO_FILES, "/dev/null"], "files in PEM that fit together"),
    ],
)
def test_words_about_tls_that_are_no_use(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


_LISTENING = "0A"


def test_local_opens_no_port_and_a_kill_leaves_nothing(tmp_path: Path) -> None:
    """No process of it listens, on any address; nothing of it outlives a SIGKILL."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    command = [str(Path(sysconfig.get_path("scripts"), "gai-harness")), "fuzz"]
    command += ["--seconds", "60", "--scheduler", "local", "-j", "2", "-o", str(tmp_path / "found")]
    process = subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        seen: set[int] = set()
        end = time.monotonic() + 30
        while len(seen) < 4 and time.monotonic() < end:  # itself, forkserver, supervisors, pids 1
            seen |= family(process.pid)
            assert process.poll() is None
            time.sleep(0.05)
        for _ in range(40):
            seen |= family(process.pid)
            assert not [port for pid in family(process.pid) for port in listening(pid)]
            time.sleep(0.05)
        assert len(seen) >= 4
    finally:
        process.kill()
        process.wait()
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in seen) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in seen if Path(f"/proc/{pid}").exists()]
    assert not list(scratch.iterdir())


def family(pid: int) -> set[int]:
    """A process and all that descend from it."""
    found = {pid}
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found |= family(int(child))
    return found


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
                if fields[3] == _LISTENING and f"socket:[{fields[9]}]" in own:
                    ports.append(fields[1])
    return ports


def test_a_worker_without_the_glibc(glibcs: Glibcs) -> None:
    missing = replace(glibcs, wanted=(("2.7", "amd64", "worker", "etch", "etch"),))
    with pytest.raises(ClusterError, match=r"no glibc 2\.7:amd64 \(etch\).*glibc fetch 2\.7"):
        do(Task(BatchSpec(1, 0, ()), missing))
    unknown = replace(glibcs, words="1.0")
    with pytest.raises(ClusterError, match=r"a worker: .*1\.0"):
        do(Task(BatchSpec(1, 0, ()), unknown))


def test_a_workers_refusal_reaches_the_user(shared: Dask, glibcs: Glibcs) -> None:
    missing = replace(glibcs, wanted=(("2.7", "amd64", "worker", "etch", "etch"),))
    with (
        Cluster(shared.address, shared.tls) as cluster,
        pytest.raises(ClusterError, match=r"no glibc 2\.7"),
    ):
        list(fuzz_on(cluster, missing, SEED, cases=1))


def test_a_worker_of_another_version(glibcs: Glibcs) -> None:
    with pytest.raises(ClusterError, match=r"0\.0\.0 is asked for"):
        do(Task(BatchSpec(1, 0, ()), glibcs, version="0.0.0"))


def test_no_worker_comes(dask: Dask, glibcs: Glibcs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_PATIENCE", 2.0)
    with Cluster(dask.address, dask.tls) as cluster:
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
    assert main(["run", "--scheduler", "tcp://127.0.0.1:1"]) == 3
    assert "gai-harness[cluster]" in capsys.readouterr().err

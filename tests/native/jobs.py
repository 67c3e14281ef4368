"""What runs inside a sandbox for the tests of workers in a jail and through qemu-user."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.compare.evidence import LaneSpec
from harness.compare.open_lane import open_lane
from harness.native.lanes import Lane
from harness.native.record import Answer, Query
from harness.native.worker_lane import WorkerLane, bundled_worker
from harness.sandbox import Box
from harness.sandbox.names import Resolver
from harness.scenario.schema import Host
from tests.processes import until

_KINDS = ("user", "mnt", "pid")

HOST = Host.model_validate(
    {"interfaces": {"eth0": {"addresses": ["172.18.45.2/24", "2001:db8:1::2/64"]}}}
)
NAMES = {"web": ["172.31.80.8", "2001:db8:9::1", "172.18.45.6"], "one": ["192.0.2.1"]}
WRONG = [
    Query("x", family=99),
    Query("x", socktype=99),
    Query("x", flags=1 << 30),
    Query("not numeric", flags=4),
    Query("192.0.2.1", family=10),
    Query("a" * 60000, flags=4),
]
QUERIES = [
    Query("web", "http"),
    Query("web", "53", socktype=2, flags=0x2),
    Query("one", family=2, socktype=1),
    Query("192.0.2.7", "65535", socktype=1),
    Query("fe80::1%lo", "1", socktype=1),
    Query("::ffff:192.0.2.1", socktype=1),
    Query(None, "80", flags=1),
    Query("missing"),
    *WRONG,
]


def _lane(box: Box, spec: LaneSpec, resolver: Resolver = "files") -> Lane:
    box.build(HOST)
    box.set_names(NAMES, resolver)
    box.set_gai_conf(b"precedence ::ffff:0:0/96 100\n")
    return open_lane(box, spec)


def answers(box: Box, spec: LaneSpec) -> Iterator[Any]:
    """The answers of two sessions through qemu, and of the host's own architecture without."""
    with _lane(box, spec) as lane:
        assert isinstance(lane, WorkerLane)
        yield lane.start().glibc
        for _ in range(2):
            with lane.open() as session:
                yield [session.lookup(query) for query in QUERIES]
    with WorkerLane([bundled_worker()]) as own, own.open() as session:
        yield [session.lookup(query) for query in QUERIES]


def waits(box: Box, spec: LaneSpec) -> Iterator[Any]:
    """Look-ups whose hosts file nobody writes, and one after them."""
    with _lane(box, spec) as lane:
        lane.open().close()  # the worker has started
        hosts = box.etc / "hosts"
        hosts.unlink()
        os.mkfifo(hosts)
        with lane.open() as session:
            begun = time.monotonic()
            first = session.lookup(Query("web"), timeout=0.5)
            assert time.monotonic() - begun >= 0.5
            yield [first, *(session.lookup(query) for query in QUERIES[:2])]
        hosts.unlink()
        box.set_names(NAMES, "files")
        with lane.open() as session:
            yield session.lookup(QUERIES[0])


def ends(box: Box, spec: LaneSpec) -> Iterator[Any]:
    """How sessions die of each signal, and the look-up after it.

    Then whether a session's process is there, before and after its worker is killed.
    """
    with _lane(box, spec) as lane:
        for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGKILL):
            with lane.open() as session:
                os.kill(session.pid_here(), number)
                yield number, session.lookup(QUERIES[0])
        session = lane.open()
        yield session.lookup(QUERIES[0])
        pid = session.pid_here()
        yield lives(pid)
        os.kill(int(_worker_of(pid).name), signal.SIGKILL)
        yield not until(lambda: not lives(pid), 10)


def lives(pid: int) -> bool:
    try:
        return _status(Path("/proc", str(pid)))[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _status(process: Path) -> list[str]:
    """What its stat says behind its name: its state, its parent's pid and more."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def _worker_of(pid: int) -> Path:
    return Path("/proc", _status(Path("/proc", str(pid)))[1])


def maps(box: Box, asked: tuple[LaneSpec, Resolver]) -> Iterator[tuple[set[str], list[str]]]:
    """The names of the files that a session and its worker map, and those not of their root."""
    spec, resolver = asked
    assert spec.skeleton is not None
    own = {(str(one.stat().st_ino), one.name) for one in spec.skeleton.rglob("*") if one.is_file()}
    with _lane(box, spec, resolver) as lane, lane.open() as session:
        answer = session.lookup(QUERIES[0])
        assert isinstance(answer, Answer)
        assert answer.glibc == spec.glibc
        process = Path(f"/proc/{session.pid_here()}")
        texts = [(one / "maps").read_text() for one in (process, _worker_of(session.pid_here()))]
    mapped = [line.split(maxsplit=5)[4:] for line in "".join(texts).splitlines() if "/" in line]
    files = {(inode, Path(path).name, path) for inode, path in mapped}
    yield {name for _, name, _ in files}, [each[2] for each in files if each[:2] not in own]


def _namespaces(*processes: Path) -> set[str]:
    return {str((one / "ns" / kind).readlink()) for one in processes for kind in _KINDS}


def held(box: Box, spec: tuple[list[str], Path]) -> Iterator[dict[str, Any]]:
    """What is seen of a worker in the private root of a folder, while it serves."""
    argv, skeleton = spec
    box.set_names({"only-in-here": ["192.0.2.55"]}, "files")
    with WorkerLane(argv, root=box.private_root(skeleton)) as lane, lane.open() as session:
        answer = session.lookup(Query("only-in-here"))
        process = Path(f"/proc/{session.pid_here()}")
        worker = _worker_of(session.pid_here())
        yield {
            "answer": answer,
            "statuses": [(one / "status").read_text() for one in (worker, process)],
            "maps": (process / "maps").read_text(),
            "environment": (worker / "environ").read_text(),
            "descriptors": sorted(one.name for one in (worker / "fd").iterdir()),
            "shared": _namespaces(worker, process) & _namespaces(Path("/proc/self")),
        }

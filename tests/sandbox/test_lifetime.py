"""What a sandbox leaves behind: nothing, however it ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest

from harness.sandbox import Pool
from harness.scenario.schema import Host
from tests.sandbox import jobs

TREE = Path(__file__).parents[2]

_ASKER = """
import os, sys
sys.path.append(sys.argv[1])
from tests.sandbox import jobs
from harness.sandbox import Pool
from harness.scenario.schema import Host
HOST = Host.model_validate({"interfaces": {
    "eth0": {"addresses": ["10.0.0.1/24"]}, "t": {"kind": "tunnel"}}})
with Pool(jobs=2) as pool:
    print(pool._forkserver.pid, flush=True)
    if sys.argv[2] == "sleep":
        running = [pool.run(jobs.busy, HOST) for _ in range(2)]
        print(*[next(job) for job in running], flush=True)
        next(running[0])
    else:
        for _ in pool.map(jobs.churn, [HOST] * 10000):
            pass
"""


class Asker:
    """A process that keeps sandboxes busy, and everything that descends from it."""

    def __init__(self, what: str) -> None:
        self.mark = f"GAI_TEST_MARK={uuid.uuid4()}"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _ASKER, str(TREE), what],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {name: value},
            cwd=TREE,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def alive(self) -> list[int]:
        """The pids that carry this asker's mark, zombies excepted."""
        found = []
        for process in processes():
            with suppress(OSError):
                if self.mark.encode() in (process / "environ").read_bytes():
                    found.append(int(process.name))
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def processes() -> list[Path]:
    return [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def namespaces() -> set[str]:
    found = set()
    for process in processes():
        for kind in ("net", "mnt", "user", "pid"):
            with suppress(OSError):
                found.add(str((process / "ns" / kind).readlink()))
    return found


# a killed process may have to wait for the kernel's one lock on networks, which other tests
# that end hundreds of them hold for a while
_LONG = 60


def none_left(left: Callable[[], Any]) -> Any:
    """What is still there; a process that ends loses its memory before its namespaces."""
    until = time.monotonic() + _LONG
    while (found := left()) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def machine() -> dict[str, object]:
    """What a sandbox must not change."""
    network = ("route", "ipv6_route", "if_inet6", "fib_trie", "dev_mcast")
    seen: dict[str, object] = {name: Path("/proc/self/net", name).read_text() for name in network}
    seen["links"] = sorted(entry.name for entry in Path("/sys/class/net").iterdir())
    seen["mounts"] = Path("/proc/self/mountinfo").read_text()
    seen["hostname"] = os.uname().nodename
    stats = ((entry.name, entry.lstat()) for entry in Path("/etc").iterdir())
    seen["etc"] = sorted((name, stat.st_mtime_ns, stat.st_ino) for name, stat in stats)
    seen["run"] = sorted(entry.name for entry in Path("/run").iterdir())
    seen["resolv"] = Path("/etc/resolv.conf").read_bytes()
    return seen


def who(asker: Asker, forkserver: int, victim: str) -> int:
    """The pid of one link of the chain of processes."""
    if victim == "asker":
        return asker.process.pid
    if victim == "forkserver":
        return forkserver
    supervisor = first_child(forkserver)
    return supervisor if victim == "supervisor" else first_child(supervisor)


def first_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.mark.parametrize(
    ("victim", "left"), [("asker", 0), ("forkserver", 0), ("supervisor", 1), ("pid 1", 1)]
)
def test_a_sigkill_ends_sandboxes_whole(victim: str, left: int) -> None:
    before = machine()
    with Asker("sleep") as asker:
        forkserver = int(asker.line())
        inside = set(asker.line().split())
        assert len(inside) == 2
        assert inside <= namespaces()
        # asker, forkserver, two each of supervisor, pid 1, child, dns
        assert len(asker.alive()) >= 8
        os.kill(who(asker, forkserver, victim), signal.SIGKILL)
        assert not none_left(lambda: len(inside & namespaces()) > left)
        if not left:
            assert none_left(asker.alive) == []
            assert machine() == before


@pytest.mark.parametrize("victim", ["asker", "forkserver"])
def test_nothing_is_left_whenever_the_sigkill_comes(victim: str) -> None:
    before = machine()
    chance = random.Random(victim)
    for _ in range(5):
        with Asker("churn") as asker:
            forkserver = int(asker.line())
            time.sleep(chance.uniform(0, 0.6))
            os.kill(who(asker, forkserver, victim), signal.SIGKILL)
            assert none_left(asker.alive) == []
    assert machine() == before


def test_a_pool_that_ends_well_leaves_nothing() -> None:
    before, spaces = machine(), namespaces()
    host = Host.model_validate({"interfaces": {"eth0": {"addresses": ["10.0.0.1/24"]}}})
    with Pool(jobs=2) as pool:
        inside = {values[0] for values in pool.map(jobs.churn, [host] * 10)}
        left = pool.run(jobs.busy, host)
        inside.add(next(left))
    assert not none_left(lambda: inside & namespaces())
    assert not inside & spaces
    assert machine() == before

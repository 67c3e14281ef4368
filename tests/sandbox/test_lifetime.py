"""What a sandbox leaves behind: nothing, however it ends."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.sandbox import Pool
from harness.scenario.schema import Host
from tests.processes import Program, everybody, machine, namespaces, until
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
    first = pool._forkserver
    print(first.pid, flush=True)
    if sys.argv[2] == "sleep":
        running = [pool.run(jobs.busy, HOST) for _ in range(2)]
        print(*[next(job) for job in running], flush=True)
        next(running[0])
    else:
        for _ in pool.map(jobs.churn, [HOST] * 10000):
            # killed between two jobs, it has been replaced and no job has failed
            if pool._forkserver is not first:
                break
"""


def asking(what: str) -> Program:
    """A process that keeps sandboxes busy."""
    return Program(sys.executable, "-P", "-c", _ASKER, TREE, what, cwd=TREE, stdout=subprocess.PIPE)


def line(asker: Program) -> str:
    assert asker.stdout is not None
    return asker.stdout.readline()


def who(asker: Program, forkserver: int, victim: str) -> int:
    """The pid of one link of the chain of processes."""
    if victim == "asker":
        return asker.pid
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
    with asking("sleep") as asker:
        forkserver = int(line(asker))
        inside = set(line(asker).split())
        assert len(inside) == 2
        assert inside <= namespaces(everybody())
        # asker, forkserver, two each of supervisor, pid 1, child, dns
        assert len(asker.family()) >= 8
        os.kill(who(asker, forkserver, victim), signal.SIGKILL)
        assert until(lambda: len(inside & namespaces(everybody())) <= left)
        if not left:
            assert until(lambda: not asker.family())
            assert machine() == before


@pytest.mark.parametrize("victim", ["asker", "forkserver"])
def test_nothing_is_left_whenever_the_sigkill_comes(victim: str) -> None:
    before = machine()
    chance = random.Random(victim)
    for _ in range(5):
        with asking("churn") as asker:
            forkserver = int(line(asker))
            time.sleep(chance.uniform(0, 0.6))
            os.kill(who(asker, forkserver, victim), signal.SIGKILL)
            assert until(lambda: not asker.family())
    assert machine() == before


def test_a_pool_that_ends_well_leaves_nothing() -> None:
    # of others that have ended meanwhile the numbers are given again
    before, spaces = machine(), namespaces([os.getpid()])
    host = Host.model_validate({"interfaces": {"eth0": {"addresses": ["10.0.0.1/24"]}}})
    with Pool(jobs=2) as pool:
        inside = {values[0] for values in pool.map(jobs.churn, [host] * 10)}
        left = pool.run(jobs.busy, host)
        inside.add(next(left))
    assert until(lambda: not inside & namespaces(everybody()))
    assert not inside & spaces
    assert machine() == before

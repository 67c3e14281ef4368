"""The command as a user runs it, and what runs inside a sandbox for these tests."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.compare.evidence import LaneSpec
from harness.compare.run import HostJob, collect
from harness.native.record import Answer, Query
from harness.native.worker_lane import WorkerLane
from tests.sandbox import ordinary_user

if TYPE_CHECKING:
    from harness.compare.evidence import Evidence
    from harness.sandbox import Box
    from harness.scenario.schema import Host

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sysconfig.get_path("scripts"), "gai-harness")


@dataclass(frozen=True, slots=True)
class Built:
    """The package as it would be published."""

    sdist: Path
    wheel: Path


def start(
    *command: str | Path, env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program with nothing on its standard input, and ``env`` beside the environment."""
    return subprocess.run(
        list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, env={**os.environ, **(env or {})}, **{"timeout": 600, **options},
    )  # fmt: skip


def gai_harness(
    *arguments: str | Path, command: Path = COMMAND, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run ``gai-harness``; ``options`` as of `start`."""
    return start(command, *arguments, **options)


def as_ordinary_user(
    home: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``gai-harness`` as an ordinary user with this home folder and a cache in it."""
    env = {"HOME": str(home), "GAI_HARNESS_CACHE": str(home / "cache"), **variables}
    if os.geteuid() != 0:
        return gai_harness(*arguments, env=env)
    return ordinary_user.run([str(COMMAND), *arguments], environment=env)


def document(*arguments: str | Path, **options: Any) -> tuple[int, dict[str, Any]]:
    """The status of a command that writes JSON and nothing else, and the document."""
    done = gai_harness(*arguments, **options)
    assert done.stderr == "", done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, read


def gather(box: Box, job: HostJob) -> Iterator[tuple[Evidence, ...]]:
    """Inside a sandbox: the evidence of all lanes for each look-up."""
    for evidences, _ in collect(box, job):
        yield evidences


@dataclass(frozen=True, slots=True)
class MapsJob:
    """A host whose names are looked up by one worker, and how it gets its names."""

    host: Host
    lane: LaneSpec
    resolver: str


def maps_of_a_worker(box: Box, job: MapsJob) -> Iterator[tuple[str, str]]:
    """Inside a sandbox: the maps of a session and of its worker."""
    assert job.lane.skeleton is not None
    box.build(job.host)
    box.set_names({"web": ["192.0.2.9", "198.51.100.9"]}, job.resolver)  # type: ignore[arg-type]
    box.set_gai_conf(b"precedence ::ffff:0:0/96 100\n")
    root = box.private_root(job.lane.skeleton)
    with WorkerLane(job.lane.command, root=root) as lane, lane.open() as session:
        answer = session.lookup(Query("web"))
        assert isinstance(answer, Answer)
        assert len(answer.addrinfos) == 6
        assert answer.glibc == job.lane.glibc
        maps = Path(f"/proc/{session.pid_here()}/maps").read_text()
        parent = Path(f"/proc/{session.pid_here()}/stat").read_text().rpartition(")")[2].split()[1]
        yield maps, Path(f"/proc/{parent}/maps").read_text()

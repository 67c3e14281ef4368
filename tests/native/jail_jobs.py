"""What runs inside a sandbox for the test of a worker's jail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.native.record import Answer, Query
from harness.native.worker_lane import WorkerLane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.sandbox import Box

_KINDS = ("user", "mnt", "pid")


@dataclass(frozen=True, slots=True)
class Held:
    """A worker and its session, as their /proc shows them to the sandbox."""

    answer: Answer
    worker: str
    session: str
    maps: str
    environment: str
    descriptors: list[str]
    namespaces: set[str]
    own: set[str]


def _namespaces(process: Path) -> set[str]:
    return {str((process / "ns" / kind).readlink()) for kind in _KINDS}


def held(box: Box, spec: tuple[list[str], Path]) -> Iterator[Held]:
    """What is seen of a worker in the private root of a folder, while it serves."""
    argv, skeleton = spec
    box.set_names({"only-in-here": ["192.0.2.55"]}, "files")
    with WorkerLane(argv, root=box.private_root(skeleton)) as lane, lane.open() as session:
        answer = session.lookup(Query("only-in-here"))
        assert isinstance(answer, Answer)
        process = Path(f"/proc/{session.pid_here()}")
        status = (process / "status").read_text()
        (parent,) = (line.split()[1] for line in status.splitlines() if line.startswith("PPid:"))
        worker = Path("/proc", parent)
        yield Held(
            answer=answer,
            worker=(worker / "status").read_text(),
            session=status,
            maps=(process / "maps").read_text(),
            environment=(worker / "environ").read_text(),
            descriptors=sorted(one.name for one in (worker / "fd").iterdir()),
            namespaces=_namespaces(worker) | _namespaces(process),
            own=_namespaces(Path("/proc/self")),
        )

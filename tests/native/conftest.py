from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from harness.glibcs import host
from harness.native.cffi_lane import CffiLane
from harness.native.worker_lane import WorkerLane, bundled_worker

AnyLane = CffiLane | WorkerLane


@pytest.fixture
def worker() -> Path:
    return bundled_worker()


@pytest.fixture(scope="session")
def loader() -> str:
    return str(host().loader)


def held_by_this_process() -> tuple[dict[str, str], list[str]]:
    """Its open descriptors, and its children."""
    open_ones = {}
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            open_ones[fd.name] = str(fd.readlink())
    tasks = Path("/proc/self/task").iterdir()
    return open_ones, [pid for one in tasks for pid in (one / "children").read_text().split()]


@pytest.fixture(params=["cffi", "worker", "loader"])
def lane(request: pytest.FixtureRequest, worker: Path, loader: str) -> Iterator[AnyLane]:
    """Every way to the host's glibc; when it is closed, nothing is left of it."""
    before = held_by_this_process()
    made: AnyLane = CffiLane()
    if request.param != "cffi":
        made = WorkerLane([worker] if request.param == "worker" else [loader, worker])
    with made:
        yield made
    made.close()
    assert held_by_this_process() == before

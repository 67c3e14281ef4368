from __future__ import annotations

from collections.abc import Callable, Iterator
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


@pytest.fixture(params=["cffi", "worker", "loader"])
def lane(request: pytest.FixtureRequest, worker: Path, loader: str) -> Iterator[AnyLane]:
    """Every way to the host's glibc."""
    made: AnyLane = CffiLane()
    if request.param != "cffi":
        made = WorkerLane([worker] if request.param == "worker" else [loader, worker])
    with made:
        yield made


@pytest.fixture
def descriptors() -> Callable[[], dict[str, str]]:
    def read() -> dict[str, str]:
        found = {}
        for fd in Path("/proc/self/fd").iterdir():
            try:
                found[fd.name] = str(fd.readlink())
            except FileNotFoundError:
                continue  # the listing's own
        return found

    return read

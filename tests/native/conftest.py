from __future__ import annotations

import ctypes.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.native.cffi_lane import CffiLane
from harness.native.worker_lane import WorkerLane, bundled_worker

LOADERS = (
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux-armhf.so.3",
    "/lib/ld-linux.so.2",
    "/lib64/ld64.so.2",
    "/lib/ld64.so.1",
    "/lib/ld-linux-riscv64-lp64d.so.1",
)
AnyLane = CffiLane | WorkerLane


@pytest.fixture
def worker() -> Path:
    return bundled_worker()


@pytest.fixture
def loader() -> str:
    for path in LOADERS:
        if Path(path).exists():
            return path
    pytest.skip(f"no known loader here ({ctypes.util.find_library('c')})")


@pytest.fixture(params=["cffi", "worker", "loader"])
def lane(request: pytest.FixtureRequest) -> Iterator[AnyLane]:
    """Every way to the host's glibc."""
    made: AnyLane
    if request.param == "cffi":
        made = CffiLane()
    elif request.param == "worker":
        made = WorkerLane([bundled_worker()])
    else:
        made = WorkerLane([request.getfixturevalue("loader"), bundled_worker()])
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

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from harness.glibcs import host
from harness.native.cffi_lane import CffiLane
from harness.native.frames import LOOKUP, lookup_payload, session_frame
from harness.native.lanes import Lane, Session
from harness.native.record import Outcome, Query, decode
from harness.native.worker_lane import WorkerLane, bundled_worker


@pytest.fixture
def worker() -> Path:
    return bundled_worker()


@pytest.fixture(scope="session")
def loader() -> str:
    return str(host().loader)


def lookup_many(session: Session, queries: Sequence[Query]) -> list[Outcome]:
    """Look-ups that are all sent before the first answer is read."""
    payloads = [lookup_payload(query, 10) for query in queries]
    frames = [session_frame(LOOKUP, session._number, payload) for payload in payloads]
    session._channel.send(b"".join(frames))
    records, end = session._answers(len(queries), 10)
    ends = [] if end is None else [end] * (len(queries) - len(records))
    return [*map(decode, records), *ends]


def held_by_this_process() -> tuple[dict[str, str], list[str]]:
    """Its open descriptors, and its children."""
    open_ones = {}
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            open_ones[fd.name] = str(fd.readlink())
    tasks = Path("/proc/self/task").iterdir()
    return open_ones, [pid for one in tasks for pid in (one / "children").read_text().split()]


@pytest.fixture(params=["cffi", "worker", "loader"])
def lane(request: pytest.FixtureRequest, worker: Path, loader: str) -> Iterator[Lane]:
    """Every way to the host's glibc; when it is closed, nothing is left of it."""
    before = held_by_this_process()
    made: Lane = CffiLane()
    if request.param != "cffi":
        made = WorkerLane([worker] if request.param == "worker" else [loader, worker])
    with made:
        yield made
    made.close()
    assert held_by_this_process() == before

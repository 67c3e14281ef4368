"""Evidence of the whole library on the host's glibc, collected once for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sys

sys.path.insert(0, "/tmp")
import stub
import pytest

from harness.compare.plan import host_lane, load_scenarios, make_jobs
from harness.compare.run import HostJob, collect
from harness.sandbox import Box, Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.compare.judge import Evidence


def gather(box: Box, job: HostJob) -> Iterator[Evidence]:
    """Yield every piece of evidence of one host."""
    for evidences, _ in collect(box, job):
        yield from evidences


@pytest.fixture(scope="session")
def library_evidence() -> list[Evidence]:
    jobs = make_jobs(load_scenarios(()), (host_lane(),))
    with Pool(2) as pool:
        return [item for found in pool.map(gather, jobs) for item in found]

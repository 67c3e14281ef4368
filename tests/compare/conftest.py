"""Evidence of the whole library on the host's glibc, collected once for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from compare_kit import gather

from harness.compare.plan import host_lane, load_scenarios, make_jobs
from harness.sandbox import Pool

if TYPE_CHECKING:
    from harness.compare.judge import Evidence


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fuzz: a minute of random cases; -m 'not fuzz' omits it")


@pytest.fixture(scope="session")
def library_evidence() -> list[Evidence]:
    jobs = make_jobs(load_scenarios(()), (host_lane(),))
    with Pool(2) as pool:
        return [item for found in pool.map(gather, jobs) for item in found]

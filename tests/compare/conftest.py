"""Evidence of the library on real glibc, collected once for all tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.compare.evidence import Evidence
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from tests.compare.kit import evidence_of, host_lane
from tests.conftest import Once


@pytest.fixture(scope="session")
def library_evidence(once: Once) -> list[Evidence]:
    jobs = make_jobs(load_scenarios(()), (host_lane(),))
    return once("library-evidence", lambda _: evidence_of(jobs, 2))


@pytest.fixture(scope="session")
def abroad_evidence(fetch_glibcs: Callable[..., str]) -> list[Evidence]:
    """What glibc 2.36 on s390x says where the processor matters."""
    build = "2.36:s390x"
    fetch_glibcs(build)
    names = ("arch-top-bit-of-the-first", "seed-rule9-ipv4-only", "arch-strtoul-range")
    jobs = make_jobs(load_scenarios([Path(name) for name in names]), lanes_for(build, "worker"))
    return evidence_of(jobs)

"""Evidence of the library on real glibc, collected once for all tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.compare.plan import host_lane, lanes_for, load_scenarios, make_jobs
from tests.compare.kit import evidence_of
from tests.conftest import Once

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.compare.evidence import Evidence


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

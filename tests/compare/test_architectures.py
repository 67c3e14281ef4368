"""Two architectures apart: the rows of the dialect table that are named as the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare.evidence import Evidence
from harness.compare.plan import host_lane, load_scenarios, make_jobs
from harness.compare.results import ArchitectureChange
from harness.compare.verdict import judge
from harness.compare.versions import architectures, changes
from harness.native.record import Answer
from tests.compare.kit import evidence_of

FAR, NEAR = "172.31.80.8", "172.18.45.6"


@pytest.fixture(scope="module")
def seen() -> Evidence:
    """A real host without IPv6, and the host's glibc that keeps the far address first."""
    jobs = make_jobs(load_scenarios([Path("seed-rule9-ipv4-only")]), (host_lane(),))
    return evidence_of(jobs)[0]


def elsewhere(seen: Evidence, arch: str, order: Sequence[str], glibc: str = "2.36") -> Evidence:
    """What another architecture is known to answer (facts 2.6 and 2.7)."""
    native = seen.native
    assert isinstance(native, Answer)
    by_address = {one.address: one for one in native.addrinfos}
    infos = tuple(by_address[address] for address in order)
    lane = replace(seen.lane, arch=arch, glibc=glibc)
    return replace(seen, lane=lane, native=replace(native, addrinfos=infos))


def apart(*evidences: Evidence) -> tuple[ArchitectureChange, ...]:
    return architectures(evidences, [judge(each) for each in evidences])


def test_the_shift_is_named(seen: Evidence) -> None:
    found = apart(
        elsewhere(seen, "amd64", (FAR, NEAR)),
        elsewhere(seen, "arm64", (FAR, NEAR)),
        elsewhere(seen, "s390x", (NEAR, FAR)),
        elsewhere(seen, "armhf", (NEAR, FAR)),
    )
    (change,) = found
    assert change.between == "2.36: amd64, arm64 ≠ s390x, armhf"
    assert len(change.why) == 1
    assert "shift_by_32" in change.why[0]


def test_versions_that_are_apart_alike_are_one_line(seen: Evidence) -> None:
    found = apart(
        *(
            elsewhere(seen, arch, order, glibc)
            for glibc in ("2.36", "2.41")
            for arch, order in (("amd64", (FAR, NEAR)), ("s390x", (NEAR, FAR)))
        )
    )
    assert [change.glibc for change in found] == [("2.36", "2.41")]


def test_what_the_model_does_not_expect_is_not_explained(seen: Evidence) -> None:
    found = apart(elsewhere(seen, "amd64", (FAR, NEAR)), elsewhere(seen, "riscv64", (NEAR, FAR)))
    assert [change.why for change in found] == [()]


def test_alike_is_no_difference(seen: Evidence) -> None:
    assert not apart(elsewhere(seen, "amd64", (FAR, NEAR)), elsewhere(seen, "i386", (FAR, NEAR)))


def test_versions_are_compared_within_an_architecture(seen: Evidence) -> None:
    evidences = [
        elsewhere(seen, "amd64", (FAR, NEAR), "2.36"),
        elsewhere(seen, "s390x", (NEAR, FAR), "2.36"),
        elsewhere(seen, "amd64", (FAR, NEAR), "2.41"),
        elsewhere(seen, "s390x", (FAR, NEAR), "2.41"),  # a wonder
    ]
    (change,) = changes(evidences, [judge(each) for each in evidences])
    assert change.between == "2.36 → 2.41 on s390x"
    assert change.why == ()


def test_what_is_not_trusted_is_no_difference(seen: Evidence) -> None:
    foreign = elsewhere(seen, "s390x", (NEAR, FAR))
    doubtful = replace(foreign, lane=replace(foreign.lane, untrusted="sees other addresses"))
    assert not apart(elsewhere(seen, "amd64", (FAR, NEAR)), doubtful)

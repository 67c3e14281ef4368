"""Every planted bug is found by a known batch of hosts, and shrunk to a few addresses and lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.compare.fuzz.driver import BatchSpec, examine
from harness.compare.fuzz.engine import Disagreement
from harness.compare.fuzz.shrink import shrink
from harness.compare.plan import lanes_for
from harness.sandbox import Pool
from tests.compare.planted import PLANTED

SEED = 7
FIRST = {  # the batch of the seed that first shows a bug on glibc 2.36; 0 where it is not said
    "rule3_dropped": 4, "rule4_dropped": 7, "rule7_dropped": 3, "peer_found": 7,
    "optimistic_unnoticed": 8, "last_of_duplicates": 16, "loopback_by_itself": 35,
    "last_line_wins": 9, "rfc6724_ula": 1, "wrap_around_refused": 12, "nul_unnoticed": 18,
    "ipv6_limited": 2,
}  # fmt: skip
SHRUNK_EACH_TIME = ("table_kept", "defaults_stay")
"""One of the address table, one of gai.conf; test_fuzz.py shrinks one of the sort."""


@pytest.fixture
def mutation(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> str:
    monkeypatch.chdir(tmp_path)  # sandboxes import nothing from the current folder
    return f"tests.compare.planted:{request.param}"


def found(pool: Pool, mutation: str) -> Disagreement:
    """The first disagreement with a bug in the model."""
    lanes = lanes_for("host", "worker")
    recorded = FIRST.get(mutation.rpartition(":")[2], 0)
    for number in (recorded, *range(100)):  # another glibc may need another one
        ((report,),) = [out.values for out in pool.outcomes(examine, [
            BatchSpec(SEED, number, lanes, mutation=mutation)])]  # fmt: skip
        if report.disagreements:
            first: Disagreement = report.disagreements[0]
            return first
    raise AssertionError(f"{mutation} was not found")


@pytest.mark.parametrize("mutation", PLANTED, indirect=True)
def test_found(mutation: str) -> None:
    with Pool(1) as pool:
        assert found(pool, mutation)


@pytest.mark.parametrize(
    "mutation",
    [
        name if name in SHRUNK_EACH_TIME else pytest.param(name, marks=pytest.mark.slow)
        for name in PLANTED
    ],
    indirect=True,
)
def test_shrunk(mutation: str) -> None:
    with Pool(2) as pool:
        small = shrink(pool, found(pool, mutation), mutation=mutation)
    scenario = small.evidence.scenario
    assert sum(map(len, scenario.names.values())) <= 3
    assert len((small.evidence.conf.data or b"").splitlines()) <= 3
    own = [row for each in scenario.host.interfaces.values() for row in each.addresses]
    print(mutation, scenario.names, small.evidence.conf.data, [row.address for row in own])
    assert len(own) <= 4

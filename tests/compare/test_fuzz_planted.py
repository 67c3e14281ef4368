"""Every planted bug is found within a minute and shrunk to a few addresses and lines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from harness.compare.fuzz.driver import fuzz
from harness.compare.fuzz.shrink import shrink
from harness.compare.plan import lanes_for
from harness.sandbox import Pool
from tests.compare.planted import PLANTED

if TYPE_CHECKING:
    from harness.compare.fuzz.engine import Disagreement


def found(mutation: str) -> Disagreement:
    """The first disagreement with a bug in the model."""
    lanes = lanes_for("host", "worker")
    for step in fuzz(lanes, seed=7, seconds=60, jobs=2, mutation=mutation):
        if step.report.disagreements:
            return step.report.disagreements[0]
    raise AssertionError(f"{mutation} was not found")


@pytest.mark.parametrize("name", PLANTED)
def test_found_and_shrunk(name: str) -> None:
    mutation = f"tests.compare.planted:{name}"
    started = time.monotonic()
    first = found(mutation)
    assert time.monotonic() - started < 60
    with Pool(2) as pool:
        small = shrink(pool, first, mutation=mutation)
    scenario = small.evidence.scenario
    assert sum(map(len, scenario.names.values())) <= 3
    assert len((small.evidence.conf.data or b"").splitlines()) <= 3
    own = [row for each in scenario.host.interfaces.values() for row in each.addresses]
    print(name, scenario.names, small.evidence.conf.data, [row.address for row in own])
    assert len(own) <= 4

"""Benchmarks: native against modelled sorting, the engine against the bare loop, costs.

Everything is measured on hosts in sandboxes, one at a time, within one run; what counts are
the ratios, because both sides of each are measured in turns.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.compare.bench.curve import CurveSpec, Point, curve
from harness.compare.bench.host import FAMILIES, SIZES
from harness.compare.bench.rate import Costs, Rate, RateSpec, costs, prepared, whole
from harness.compare.evidence import LaneSpec
from harness.sandbox import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.sandbox import Box

_BATCHES = 4  # hosts of the fuzz loop; their costs differ from one to the next


@dataclass(frozen=True, slots=True)
class LaneRates:
    """One glibc: the engine on prepared cases, the whole fuzz loop, and what parts cost."""

    glibc: str
    arch: str
    build: str
    prepared: Rate
    whole: Rate
    costs: Costs


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Everything measured; ``together`` is the fuzz loop on all glibcs at once, ``sandbox`` the
    seconds of an empty one, ``load`` the machine's load average before and after,
    ``processors`` how many it has.
    """

    points: tuple[Point, ...]
    rates: tuple[LaneRates, ...]
    together: Rate
    sandbox: float
    load: tuple[float, float]
    processors: int

    @property
    def agreed(self) -> bool:
        """Whether both sides gave the same order at every point."""
        return all(point.agreed for point in self.points)


def bench(
    lanes: Sequence[LaneSpec],
    sizes: Sequence[int] = SIZES,
    families: Sequence[str] = FAMILIES,
    quick: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> BenchReport:
    """Measure ``lanes``, glibcs called by their workers.

    Parameters: ``sizes`` and ``families`` of the curves; ``quick`` for a tenth of the time
    and less certainty; ``told`` is called with what is being measured.
    Raises SandboxUnavailable where the machine allows no sandbox.
    """
    seconds = 0.02 if quick else 0.15
    before = os.getloadavg()[0]
    with Pool(1) as pool:
        spec = CurveSpec(tuple(lanes), tuple(families), tuple(sizes), seconds)
        points: list[Point] = []
        for point in pool.run(curve, spec):
            points.append(point)
            told(f"{point.family}, {point.size} destinations, glibc {point.glibc}")
        rates = []
        for lane in lanes:
            told(f"the engine on glibc {lane.glibc}")
            rates.append(_rates(pool, lane, quick))
        told("the fuzz loop on every glibc")
        together = _loop(pool, tuple(lanes), quick) if len(rates) > 1 else rates[0].whole
        started = time.perf_counter()
        count = 2 if quick else 10
        for _ in range(count):
            list(pool.run(nothing, None))
        sandbox = (time.perf_counter() - started) / count
    load = before, os.getloadavg()[0]
    return BenchReport(tuple(points), tuple(rates), together, sandbox, load, os.cpu_count() or 1)


def _rates(pool: Pool, lane: LaneSpec, quick: bool) -> LaneRates:
    spec = RateSpec((lane,), confs=20 if quick else 200)
    (one,) = pool.run(prepared, spec)
    loop = _loop(pool, (lane,), quick)
    (cost,) = pool.run(costs, spec)
    return LaneRates(lane.glibc, lane.arch, lane.build, one, loop, cost)


def _loop(pool: Pool, lanes: tuple[LaneSpec, ...], quick: bool) -> Rate:
    total: Rate | None = None
    for number in range(1, 2 if quick else 1 + _BATCHES):
        (rate,) = pool.run(whole, RateSpec(lanes, number=number))
        total = rate if total is None else total.plus(rate)
    assert total is not None
    return total


def nothing(box: Box, spec: None) -> Iterator[None]:  # noqa: ARG001
    """An empty sandbox."""
    yield None

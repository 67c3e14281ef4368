"""A benchmark's report, for reading and as JSON: ratios first, times beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.compare.bench.curve import Point, growth
from harness.compare.bench.measure import BenchReport, LaneRates, Rate
from harness.compare.results import Schema
from harness.report.documents import fill

_RATIOS = (
    ("model", "cold"),
    ("warm", "warm"),
    ("sort", "again"),
    ("+kernel", "observed"),
    ("rules", "readable"),
)
_TIMES = (("native", "native"), ("trip", "round_trip"), *_RATIOS)
_LEGEND = """\
Ratios are in units of the native call (getaddrinfo alone, by the worker's clock), then the
fastest times in microseconds. model: pure Python, nothing remembered; warm: addresses known;
sort: keys known; +kernel: with the look-ups that the model asks of the kernel; rules: the
readable rules with their reasons; trip: the native call through the worker and decoded.
"""
_GROWTH = (
    "The model's time divided by n log n, 8 destinations being 1 (up to 1: no worse than that)"
)


def as_text(report: BenchReport) -> str:
    """The report in words and tables."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: BenchReport) -> Iterator[str]:
    yield from _LEGEND.splitlines()
    for (glibc, arch, build), points in groupby(_ordered(report.points), key=_lane):
        yield from ("", f"glibc {glibc}:{arch} ({build})", _heading(), *map(_row, points))
    yield _GROWTH
    for text in _growths(report.points):
        yield f"  {text}"
    yield from ("", "Look-ups a second of processor time, as ratio to the bare loop's rate")
    for one in report.rates:
        label = f"glibc {one.glibc}:{one.arch} ({one.build})"
        yield f"  {label}, prepared cases   {_rate(one.prepared)}"
        yield f"  {label}, whole fuzz loop  {_rate(one.whole)}"
    yield f"  every glibc together, whole fuzz loop  {_rate(report.together)}"
    yield from ("", "Against one look-up by hand (new namespace, new Python, no host built)")
    for one in report.rates:
        hand = one.costs.by_hand.best
        yield (
            f"  glibc {one.glibc}: prepared {one.prepared.rate * hand:.0f} times, "
            f"whole loop {by_hand(one):.0f} times; by hand {hand * 1e3:.1f} ms of a processor"
        )
    yield from ("", f"Costs: an empty sandbox {report.sandbox * 1e3:.1f} ms")
    for one in report.rates:
        yield f"  glibc {one.glibc} ({one.build}): {_costs(one)}"
    yield ""
    yield (
        f"Load average {report.load[0]:.1f} before, {report.load[1]:.1f} after, on "
        f"{report.processors} processors"
    )
    if not report.agreed:
        yield "Native and model DISAGREE on the order of a benchmark's name"


def _ordered(points: Sequence[Point]) -> list[Point]:
    first = {_lane(point): -number for number, point in enumerate(reversed(points))}
    return sorted(points, key=lambda point: first[_lane(point)])


def _lane(point: Point) -> tuple[str, str, str]:
    return point.glibc, point.arch, point.build


def _heading() -> str:
    ratios = "".join(f"{name:>9}" for name, _ in _RATIOS)
    return f"  {'family':6}{'n':>6}{ratios}  |" + "".join(f"{name:>9}" for name, _ in _TIMES)


def _row(point: Point) -> str:
    unit = point.native.best
    ratios = "".join(f"{getattr(point, key).best / unit:>9.2f}" for _, key in _RATIOS)
    times = "".join(f"{getattr(point, key).best * 1e6:>9.0f}" for _, key in _TIMES)
    return f"  {point.family:6}{point.size:>6}{ratios}  |{times}"


def _growths(points: Sequence[Point]) -> Iterator[str]:
    for (glibc, _, build), own in groupby(_ordered(points), key=_lane):
        by_family = sorted(own, key=lambda point: point.family)
        for family, several in groupby(by_family, key=lambda point: point.family):
            steps = growth(list(several)).items()
            text = ", ".join(f"{size}: {value:.2f}" for size, value in steps)
            yield f"glibc {glibc} ({build}) {family:6} {text}"


def _rate(rate: Rate) -> str:
    bare = rate.lookups / rate.bare_cpu
    inside = rate.native / rate.wall
    return (
        f"{rate.ratio:.2f}  ({rate.rate:.0f}/s against {bare:.0f}/s; by the clock "
        f"{rate.lookups / rate.wall:.0f}/s against {rate.lookups / rate.bare_wall:.0f}/s, "
        f"{inside:.2f} inside getaddrinfo)"
    )


def _costs(one: LaneRates) -> str:
    costs = one.costs
    return (
        f"host built {costs.build * 1e3:.1f} ms, observed {costs.observe * 1e3:.1f} ms; "
        f"gai.conf: session {costs.session.best * 1e6:.0f} µs, "
        f"model's tables {costs.policy.best * 1e6:.0f} µs; "
        f"version: worker started {costs.start.best * 1e3:.1f} ms"
    )


@dataclass(frozen=True, slots=True)
class LaneDocument(LaneRates):
    """One glibc's rates, and the whole loop against one look-up by hand."""

    against_by_hand: float


@dataclass(frozen=True, slots=True)
class Document:
    """``gai-harness bench --json``: seconds throughout."""

    load: tuple[float, float]
    processors: int
    sandbox: float
    points: tuple[Point, ...]
    rates: tuple[LaneDocument, ...]
    together: Rate
    schema: Schema = 1


def document(report: BenchReport) -> Document:
    """The report as a JSON document."""
    rates = [fill(LaneDocument, one, against_by_hand=by_hand(one)) for one in report.rates]
    return fill(Document, report, points=tuple(_ordered(report.points)), rates=tuple(rates))


def by_hand(one: LaneRates) -> float:
    """The whole fuzz loop's rate in units of one look-up by hand."""
    return one.whole.rate * one.costs.by_hand.best

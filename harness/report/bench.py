"""A benchmark's report: ratios first, times beside them; and its curves as a drawing."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from harness.compare.bench.curve import Point, growth
from harness.compare.bench.goals import WORDS
from harness.compare.bench.measure import BenchReport, LaneRates, Rate
from harness.compare.values import grouped
from harness.report.tables import table_lines

_RATIOS = (
    ("model", "cold"), ("warm", "warm"), ("sort", "again"), ("+kernel", "observed"),
    ("rules", "readable"),
)  # fmt: skip
_TIMES = (("native", "native"), ("trip", "round_trip"), *_RATIOS)
# a line's name, what of a point it shows, and its colour and dashes, told apart by the
# colour-blind too (Okabe and Ito)
_LINES = (
    ("native call", "native", ("#000000", "none")),
    ("native, round trip", "round_trip", ("#000000", "6 4")),
    ("model, cold", "cold", ("#0072b2", "none")),
    ("model, warm", "warm", ("#0072b2", "2 3")),
    ("model with the kernel's look-ups", "observed", ("#d55e00", "none")),
    ("readable rules", "readable", ("#009e73", "8 3 2 3")),
)
_COLUMNS, _WIDTH, _HEIGHT = 3, 360, 300  # of the panels, in pixels
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 40, 348, 256  # of the axes in a panel
_LEGEND = """\
Ratios are in units of the native call (getaddrinfo alone, by the worker's clock), then the
fastest times in microseconds. model: pure Python, its tables ready; warm: addresses known;
sort: keys known; +kernel: with the look-ups that the model asks of the kernel; rules: the
readable rules with their reasons; trip: the native call through the worker and decoded.
"""
Panel = Mapping[str, Sequence[tuple[float, float]]]
"""The lines of a diagram by name, each a list of (x, y), all above zero."""
_GROWTH = (
    "The model's time divided by n log n, 8 destinations being 1 (up to 1: no worse than that)"
)


class PlotError(ValueError):
    """A drawing that cannot be made; one line."""

    exit_status = 2


def lines(report: BenchReport, width: int | None = None) -> Iterator[str]:
    """The report in words and tables, these for a terminal of ``width`` columns; None is any."""
    yield from _LEGEND.splitlines() if width is None else [" ".join(_LEGEND.split())]
    ratios, times = ("".join(f"{name:>9}" for name, _ in each) for each in (_RATIOS, _TIMES))
    heading = f"  {'family':6}{'n':>6}{ratios}  |{times}"
    for (glibc, arch, build), of_lane in groupby(report.points, key=_lane):
        points = list(of_lane)
        yield from ("", f"glibc {glibc}:{arch} ({build})")
        if width is None or width >= len(heading):
            yield from (heading, *map(_row, points))
            continue
        for titled in (_RATIOS, _TIMES):  # one below the other
            head = "family", "n", *(name for name, _ in titled)
            rows = [(one.family, str(one.size), *_numbers(one, titled)) for one in points]
            yield from table_lines([head, *rows], width, "  ")
    yield _GROWTH
    for (glibc, _, build), own in groupby(report.points, key=_lane):
        for family, several in sorted(grouped(own, lambda point: point.family).items()):
            steps = ", ".join(f"{size}: {value:.2f}" for size, value in growth(several).items())
            yield f"  glibc {glibc} ({build}) {family:6} {steps}"
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
            f"whole loop {one.against_by_hand:.0f} times; "
            f"by hand {hand * 1e3:.1f} ms of a processor"
        )
    yield from ("", f"Costs: an empty sandbox {report.sandbox * 1e3:.1f} ms")
    for one in report.rates:
        yield f"  glibc {one.glibc} ({one.build}): {_costs(one)}"
    yield ""
    rows = [("ratio", "value", "goal", "of")]
    for ratio in report.ratios:
        side = "at most" if ratio.at_most else "at least"
        goal = "-" if ratio.goal is None else f"{side} {ratio.goal:g}"
        rows.append((ratio.key, f"{ratio.value:.2f}", goal, WORDS[ratio.key]))
    yield from table_lines(rows, width)
    yield ""
    yield (
        f"Load average {report.load[0]:.1f} before, {report.load[1]:.1f} after, on "
        f"{report.processors} processors"
    )
    if not report.agreed:
        yield "Native and model DISAGREE on the order of a benchmark's name"


def _lane(point: Point) -> tuple[str, str, str]:
    return point.glibc, point.arch, point.build


def _numbers(point: Point, titled: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What the columns of the ratios or of the times show of a point."""
    unit = point.native.best
    for _, key in titled:
        best = getattr(point, key).best
        yield f"{best / unit:.2f}" if titled is _RATIOS else f"{best * 1e6:.0f}"


def _row(point: Point) -> str:
    ratios, times = (
        "".join(f"{number:>9}" for number in _numbers(point, each)) for each in (_RATIOS, _TIMES)
    )
    return f"  {point.family:6}{point.size:>6}{ratios}  |{times}"


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


def panels(points: Sequence[Point]) -> dict[str, Panel]:
    """A diagram for each glibc and family, by title: microseconds against destinations."""
    titled = grouped(points, lambda one: f"glibc {one.glibc} ({one.build}), {one.family}")
    return {
        title: {name: [(one.size, getattr(one, key).best * 1e6) for one in several]
                for name, key, _ in _LINES}
        for title, several in sorted(titled.items())
    }  # fmt: skip


def draw(path: Path, points: Sequence[Point]) -> None:
    """Draw the curves into ``path``: a .png, which needs the extra ``plot``, or else an SVG.

    Raises PlotError for a file that cannot be written, or a .png without the extra.
    """
    drawn = panels(points)
    try:
        if path.suffix == ".png":
            _png(path, drawn)
        else:
            path.write_text(svg(drawn), encoding="utf-8")
    except OSError as error:
        raise PlotError(f"{path}: cannot be written: {error.strerror}") from None


def svg(drawn: Mapping[str, Panel]) -> str:
    """The panels in rows, curves on logarithmic axes, one legend below."""
    environment = Environment(
        loader=PackageLoader("harness.report"), autoescape=True, trim_blocks=True
    )
    return environment.get_template("curves.svg.j2").render(
        panels=[{"title": title, **_scaled(panel)} for title, panel in drawn.items()],
        names=[name for name, *_ in _LINES],
        styles=[style for *_, style in _LINES],
        columns=_COLUMNS, rows=ceil(len(drawn) / _COLUMNS), width=_WIDTH, height=_HEIGHT,
        left=_LEFT, top=_TOP, right=_RIGHT, bottom=_BOTTOM,
    )  # fmt: skip


def _scaled(panel: Panel) -> dict[str, Any]:
    """The lines as steps of a path in pixels, and the lines of the grid with their labels."""
    every = [pair for line in panel.values() for pair in line]
    sizes = sorted({x for x, _ in every})
    low = floor(log10(min(y for _, y in every)))
    high = max(low + 1, ceil(log10(max(y for _, y in every))))
    first, last = log10(sizes[0]), log10(sizes[-1])

    def across(x: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * (log10(x) - first) / (last - first or 1), 1)

    def down(y: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * (log10(y) - low) / (high - low), 1)

    return {
        "across": [(down(10.0**power), f"{10.0**power:g}") for power in range(low, high + 1)],
        "down": [(across(x), f"{x:g}") for x in sizes],
        "lines": [
            "L".join(f"{across(x)} {down(y)}" for x, y in sorted(line)) for line in panel.values()
        ],
    }


def _png(path: Path, drawn: Mapping[str, Panel]) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotError(
            f"{path}: a .png needs the extra 'plot' "
            "(pip install 'gai-harness[plot]'); .svg does not"
        ) from None
    rows = ceil(len(drawn) / _COLUMNS)
    figure = Figure(figsize=(13, 4 * rows), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False)
    for (title, panel), place in zip(drawn.items(), axes.flat, strict=False):
        for (name, line), (*_, (colour, dashes)) in zip(panel.items(), _LINES, strict=True):
            style = "-" if dashes == "none" else (0, tuple(map(float, dashes.split())))
            place.loglog(*zip(*sorted(line), strict=True), color=colour, ls=style, label=name)
        place.set(title=title, xlabel="destinations", ylabel="microseconds")
    for place in axes.flat[len(drawn) :]:
        place.set_axis_off()
    axes.flat[0].legend(fontsize="small")
    figure.savefig(path, dpi=120)

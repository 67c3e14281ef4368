"""Curves on logarithmic axes as an SVG, written by hand: no drawing library is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.compare.bench.curve import Point

Panel = Mapping[str, Sequence[tuple[float, float]]]
"""The lines of a diagram by name, each a list of (x, y), all above zero."""

_LINES = (
    ("native call", "native"),
    ("native, round trip", "round_trip"),
    ("model, cold", "cold"),
    ("model, warm", "warm"),
    ("model with the kernel's look-ups", "observed"),
    ("readable rules", "readable"),
)
# told apart by the colour-blind too (Okabe and Ito), and by their dashes
_STYLES = (
    ("#000000", "none"), ("#000000", "6 4"), ("#0072b2", "none"), ("#0072b2", "2 3"),
    ("#d55e00", "none"), ("#009e73", "8 3 2 3"),
)  # fmt: skip
_MIDDLE = 'text-anchor="middle"'
_WIDTH, _HEIGHT = 360, 300
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 40, 12, 44
_LEGEND = 60


class PlotError(ValueError):
    """A drawing that cannot be made; one line."""

    exit_status = 2


def panels(points: Sequence[Point]) -> dict[str, Panel]:
    """A diagram for each glibc and family, by title: microseconds against destinations."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        title = f"glibc {point.glibc} ({point.build}), {point.family}"
        groups.setdefault(title, []).append(point)
    return {
        title: {name: [(one.size, getattr(one, key).best * 1e6) for one in groups[title]]
                for name, key in _LINES}
        for title in sorted(groups)
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


def svg(drawn: Mapping[str, Panel], columns: int = 3) -> str:
    """The panels in rows, one legend below."""
    rows = ceil(len(drawn) / columns)
    width, height = columns * _WIDTH, rows * _HEIGHT + _LEGEND
    body = ""
    for number, (title, panel) in enumerate(drawn.items()):
        down, across = divmod(number, columns)
        place = f'transform="translate({across * _WIDTH} {down * _HEIGHT})"'
        body += f"<g {place}>{_panel(title, panel)}</g>\n"
    for number, (name, _) in enumerate(_LINES):
        x, y = 64 + number % 3 * _WIDTH, rows * _HEIGHT + 16 + number // 3 * 22
        body += f'<path d="M{x} {y}h36" {_stroke(number)}/>{_text(x + 44, y + 4, name)}\n'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11">\n'
        "<title>Cost of one look-up against the number of destinations</title>\n"
        f'<rect width="{width}" height="{height}" fill="white"/>\n{body}</svg>\n'
    )


def _panel(title: str, panel: Panel) -> str:
    every = [pair for line in panel.values() for pair in line]
    sizes = sorted({x for x, _ in every})
    low = floor(log10(min(y for _, y in every)))
    high = max(low + 1, ceil(log10(max(y for _, y in every))))
    first, last = log10(sizes[0]), log10(sizes[-1])
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def across(x: float) -> float:
        return round(_LEFT + (right - _LEFT) * (log10(x) - first) / (last - first or 1), 1)

    def down(y: float) -> float:
        return round(bottom - (bottom - _TOP) * (log10(y) - low) / (high - low), 1)

    parts = [
        _text(_LEFT, 24, title, 'font-size="13"'),
        _text((_LEFT + right) / 2, bottom + 34, "destinations", _MIDDLE),
        f'<g transform="translate(14 {(_TOP + bottom) / 2}) rotate(-90)">'
        f"{_text(0, 0, 'microseconds', _MIDDLE)}</g>",
    ]
    for y in (10.0**power for power in range(low, high + 1)):
        parts.append(f'<path d="M{_LEFT} {down(y)}H{right}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 6, down(y) + 4, f"{y:g}", 'text-anchor="end"'))
    for x in sizes:
        parts.append(f'<path d="M{across(x)} {_TOP}V{bottom}" stroke="#eee"/>')
        parts.append(_text(across(x), bottom + 16, f"{x:g}", _MIDDLE))
    for number, line in enumerate(panel.values()):
        steps = "L".join(f"{across(x)} {down(y)}" for x, y in sorted(line))
        parts.append(f'<path d="M{steps}" {_stroke(number)}/>')
    return "\n".join(parts)


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(text)}</text>'


def _stroke(number: int) -> str:
    colour, dashes = _STYLES[number % len(_STYLES)]
    return f'fill="none" stroke="{colour}" stroke-dasharray="{dashes}" stroke-width="1.8"'


def _png(path: Path, drawn: Mapping[str, Panel]) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotError(
            f"{path}: a .png needs the extra 'plot' "
            "(pip install 'gai-harness[plot]'); .svg does not"
        ) from None
    rows = ceil(len(drawn) / 3)
    figure = Figure(figsize=(13, 4 * rows), layout="constrained")
    axes = figure.subplots(rows, 3, squeeze=False)
    for (title, panel), place in zip(drawn.items(), axes.flat, strict=False):
        for number, (name, line) in enumerate(panel.items()):
            colour, dashes = _STYLES[number]
            style = "-" if dashes == "none" else (0, tuple(map(float, dashes.split())))
            place.loglog(*zip(*sorted(line), strict=True), color=colour, ls=style, label=name)
        place.set(title=title, xlabel="destinations", ylabel="microseconds")
    for place in axes.flat[len(drawn) :]:
        place.set_axis_off()
    axes.flat[0].legend(fontsize="small")
    figure.savefig(path, dpi=120)

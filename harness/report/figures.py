"""Figures for documents, as standalone SVG: the bits of rule 9, and an order with its reasons.

Both are drawn from values, need no fonts and no styles of their surroundings, and bring
their own paper, so that they can be read on a light page and on a dark one.

>>> from harness.report.figures import prefix_bits_svg
>>> figure = prefix_bits_svg("172.18.45.6", "172.18.45.2", 24)
>>> figure.startswith("<svg"), "29 equal bits" in figure
(True, True)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from textwrap import wrap

from harness.compare.results import Result
from harness.report.html.answers import Group, Step, Stop
from harness.report.html.bits import BitGroup, PrefixBits, prefix_bits

_PAPER, _INK, _SOFT, _LINE = "#ffffff", "#1b1d20", "#575b63", "#dedad1"
_TINT, _BLUE, _RED = "#dfe9f5", "#174b87", "#a11b1b"
_MONO = "ui-monospace,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
_SANS = "system-ui,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',sans-serif"

_BIT, _ROW, _GAP = 9, 21, 10  # width and height of a bit, space between groups
_LEFT, _MARGIN = 104, 16
_LETTER = 6.7  # a generous width of a letter of 12.5 px, for wrapping
_ORDER_WIDTH, _RAIL, _TEXT = 660, 34, 64


def prefix_bits_svg(
    destination: str,
    source: str,
    prefixlen: int,
    counted: int | None = None,
    *,
    title: str | None = None,
) -> str:
    """Destination and source in binary, as rule 9 compares them.

    ``prefixlen`` is the source's in bits, 0 for unknown; ``counted`` are the bits the rule
    counts (see `harness.report.html.bits.prefix_bits`). IPv4 takes one line, IPv6 two. Raises
    ValueError for texts that are no addresses or not of one family.
    """
    drawn = prefix_bits(destination, source, prefixlen, counted)
    size = drawn.width // len(drawn.groups)
    lines = [drawn.groups[at : at + 4] for at in range(0, len(drawn.groups), 4)]
    width = _LEFT + 4 * size * _BIT + 3 * _GAP + 2 * _MARGIN
    if drawn.version == 4:
        width += 160  # room for the sentence
    parts: list[str] = []
    y = _MARGIN
    for number, line in enumerate(lines):
        parts += _bit_line(drawn, line, y, number * 4 * size, size)
        y += 2 * _ROW + 68
    for line_of_words in wrap(drawn.words, int((width - 2 * _MARGIN) / _LETTER)):
        parts.append(_text(_MARGIN, y + 6, line_of_words, fill=_SOFT))
        y += 18
    words = title or f"Rule 9: {destination} and {source}"
    return _svg(width, y + 4, words, f"{destination} over {source}. {drawn.words}", parts)


def order_svg(result: Result, *, title: str | None = None) -> str:
    """The order of one result as a chain: each address, and the rule before the next one.

    Where native and model disagree, it is the model's order and the model's reasons.
    """
    group = Group((0,), "", result, (), None)
    parts: list[str] = []
    y = _MARGIN + 18
    stops = group.chain
    for stop in stops:
        top = y
        drawn, y = _stop(stop, y)
        parts += drawn
        if stop.step is not None:
            drawn, y = _step(stop.step, y + 12)
            parts += drawn
            y += 16
            parts.insert(0, f'<path d="M{_RAIL} {top}V{y}" stroke="{_LINE}"/>')
    if not stops:
        parts.append(_text(_MARGIN, y, group.answer, fill=_INK))
    words = title or f"{result.scenario}: {result.lookup} on glibc {result.glibc} {result.arch}"
    return _svg(_ORDER_WIDTH, y + 10, words, ", ".join(stop.address for stop in stops), parts)


def _bit_line(
    drawn: PrefixBits, groups: Sequence[BitGroup], top: int, first: int, size: int
) -> Iterator[str]:
    """Up to four groups, the destination's bits over the source's; ``first`` is the first bit."""
    upper, lower = top + 24, top + 24 + _ROW
    yield _text(_MARGIN, upper + 15, "destination", fill=_SOFT)
    yield _text(_MARGIN, lower + 15, "source", fill=_SOFT)
    for place, group in enumerate(groups):
        left = _LEFT + place * (size * _BIT + _GAP)
        middle = left + size * _BIT / 2
        yield _text(middle, top + 16, group.destination_text, "middle", _SOFT, mono=True)
        yield _text(middle, lower + _ROW + 15, group.source_text, "middle", _SOFT, mono=True)
        for y, runs in ((upper, group.destination), (lower, group.source)):
            at = 0
            for run in runs:
                x, long = left + at * _BIT, len(run.bits)
                if run.kind != "rest":
                    fill = _TINT if run.kind == "equal" else _INK
                    wide = f'width="{long * _BIT}" height="{_ROW}"'
                    yield f'<rect x="{x}" y="{y}" {wide} fill="{fill}"/>'
                ink = {"equal": _INK, "first": _PAPER, "rest": _SOFT}[run.kind]
                places = " ".join(f"{x + _BIT * (n + 0.5):g}" for n in range(long))
                yield (
                    f'<text x="{places}" y="{y + 15}" text-anchor="middle" font-family="{_MONO}" '
                    f'font-size="13" fill="{ink}">{run.bits}</text>'
                )
                at += long
        end = drawn.prefixlen - first - place * size
        if 0 < end <= size and drawn.prefixlen < drawn.width:
            x = left + end * _BIT
            yield f'<path d="M{x} {top + 20}V{lower + _ROW}" stroke="{_RED}" stroke-width="2"/>'
            yield _text(x, lower + _ROW + 30, f"/{drawn.prefixlen}", "middle", _RED, mono=True)


def _stop(stop: Stop, y: int) -> tuple[list[str], int]:
    """An address with its facts; the parts, and where the next may begin."""
    parts = [
        f'<circle cx="{_RAIL}" cy="{y}" r="13" fill="{_PAPER}" stroke="{_SOFT}"/>',
        _text(_RAIL, y + 4, str(stop.number), "middle", _INK),
        f'<text x="{_TEXT}" y="{y + 5}" font-family="{_MONO}" font-size="15" font-weight="600" '
        f'fill="{_INK}">{_clean(stop.address)}</text>',
    ]
    # a fact is not broken over two lines
    facts = " · ".join(f"{fact.name} {fact.value}".replace(" ", "\u00a0") for fact in stop.facts)
    y += 24
    for line in wrap(facts, int((_ORDER_WIDTH - _TEXT - _MARGIN) / _LETTER)):
        parts.append(_text(_TEXT, y, line, fill=_SOFT))
        y += 17
    return parts, y - 4


def _step(step: Step, y: int) -> tuple[list[str], int]:
    """The rule between two addresses; the parts, and where the next may begin."""
    number = "?" if step.rule is None else str(step.rule)
    parts = [
        f'<rect x="{_RAIL - 12}" y="{y - 12}" width="24" height="24" rx="5" fill="{_BLUE}"/>',
        _text(_RAIL, y + 4, number, "middle", _PAPER, weight=600),
        _text(_TEXT, y + 4, step.title, fill=_BLUE, weight=600),
    ]
    y += 23
    lines = [step.words] if step.words else [f"↑ {step.before}", f"↓ {step.after}"]
    for words in lines:
        for line in wrap(words, int((_ORDER_WIDTH - _TEXT - _MARGIN) / _LETTER)):
            parts.append(_text(_TEXT, y, line, fill=_INK))
            y += 17
    return parts, y


def _text(
    x: float,
    y: float,
    words: str,
    anchor: str = "start",
    fill: str = _INK,
    *,
    mono: bool = False,
    weight: int = 400,
) -> str:
    family = f' font-family="{_MONO}"' if mono else ""
    heavy = f' font-weight="{weight}"' if weight != 400 else ""
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{fill}"{family}{heavy}>'
        f"{_clean(words)}</text>"
    )


def _clean(words: str) -> str:
    """``words`` as XML text (not as an attribute), without the characters that XML cannot hold."""
    return escape("".join(c for c in words if c.isprintable()), quote=False)


def _svg(width: float, height: float, title: str, description: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" font-family="{_SANS}" '
        f'font-size="12.5"><title>{_clean(title)}</title><desc>{_clean(description)}</desc>'
        f'<rect width="{width:g}" height="{height:g}" rx="6" fill="{_PAPER}"/>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"

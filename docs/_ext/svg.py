"""Drawing in SVG with a handful of shapes, in colours that follow the page.

Every colour is a variable of the page (``--fig-ink`` and so on, docs/_static/site.css). Alone,
as on a code forge, a figure falls back to its own colours for light and for dark.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

# name: (light, dark)
COLOURS = {
    "ink": ("#1f2328", "#e6e6e6"),
    "soft": ("#66707b", "#9aa4ae"),
    "line": ("#c9d1d9", "#4a525c"),
    "card": ("#f4f6f8", "#23282e"),
    "main": ("#0a58ca", "#6ea8fe"),
    "good": ("#18794e", "#63c08f"),
    "odd": ("#b3261e", "#f2938c"),
    "page": ("#ffffff", "#131416"),
}
SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'SFMono-Regular', Menlo, 'DejaVu Sans Mono', monospace"


def _style() -> str:
    def rules(side: int) -> str:
        return "".join(
            f".f-{name}{{fill:var(--fig-{name},{pair[side]})}}"
            f".s-{name}{{fill:none;stroke:var(--fig-{name},{pair[side]})}}"
            for name, pair in COLOURS.items()
        )

    return (
        f"text{{font:14px {SANS}}}.mono{{font-family:{MONO}}}.small{{font-size:12px}}"
        f".bold{{font-weight:600}}{rules(0)}"
        f"@media (prefers-color-scheme:dark){{{rules(1)}}}"
    )


@dataclass(slots=True)
class Drawing:
    """A figure of ``width`` × ``height`` user units (14 of them are a line of text)."""

    width: float
    height: float
    title: str
    _parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, classes: str = "f-ink", at: str = "") -> None:
        """Words with their base line at ``y``; ``at`` "middle" or "end" aligns them."""
        anchor = f' text-anchor="{at}"' if at else ""
        self._parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" class="{classes}"{anchor}>{escape(words)}</text>'
        )

    def spans(self, x: float, y: float, parts: list[tuple[str, str]], classes: str = "") -> None:
        """One line of words of several classes."""
        inner = "".join(f'<tspan class="{kind}">{escape(words)}</tspan>' for words, kind in parts)
        self._parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" class="{classes}" xml:space="preserve">{inner}</text>'
        )

    def rect(
        self, x: float, y: float, width: float, height: float, classes: str, round_: float = 6
    ) -> None:
        """A rectangle with round corners."""
        self._parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
            f' rx="{_n(round_)}" class="{classes}"/>'
        )

    def path(self, d: str, classes: str = "s-line", width: float = 1.5, head: bool = False) -> None:
        """A line; ``head`` puts an arrow's head at its end."""
        marker = ' marker-end="url(#head)"' if head else ""
        self._parts.append(f'<path d="{d}" class="{classes}" stroke-width="{_n(width)}"{marker}/>')

    def render(self) -> str:
        """The file."""
        body = "\n".join(self._parts)
        head = (
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
            ' markerHeight="7" orient="auto-start-reverse">'
            '<path d="M0 0 8 4 0 8z" class="f-soft"/></marker>'
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(self.width)}'
            f' {_n(self.height)}" width="{_n(self.width)}" role="img">\n'
            f"<title>{escape(self.title)}</title>\n<style>{_style()}</style>\n"
            f"<defs>{head}</defs>\n{body}\n</svg>\n"
        )


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")

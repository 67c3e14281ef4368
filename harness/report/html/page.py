"""From views to HTML: the templates, the inlined styles and scripts, and what guards them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.compare.results import LookupReport
from harness.report.html.answers import SYMBOLS, TITLES, listed
from harness.report.html.bits import PrefixBits
from harness.report.html.columns import Columns
from harness.report.html.data import Index, Piece, packs
from harness.report.html.lookups import LookupView
from harness.report.text import device_lines
from harness.report.words import acceptance, change_notes
from harness.sandbox.spool import Spool
from harness.text.shown import escaped, one_line

_STYLES = ("page.css", "controls.css", "matrix.css", "lookup.css", "bits.css", "print.css")
_SCRIPTS = ("state.js", "store.js", "filters.js", "matrix.js", "page.js")

_FEW = 8  # so many look-ups or fewer are all open
PAGE_SIZE = 200  # so many look-ups are drawn at a time where some are packed


class Page:
    """Draws a run of ``lookups`` look-ups whose columns are known."""

    def __init__(self, columns: Columns, lookups: int) -> None:
        self._few = lookups <= _FEW
        environment = Environment(
            loader=PackageLoader("harness.report.html"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_visible,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        template = environment.get_template
        bits = template("bits.html.j2")

        @lru_cache(4096)  # the same addresses come again and again
        def drawn(prefix: PrefixBits) -> Markup:
            return Markup(bits.render(drawn=prefix))

        environment.filters.update(
            device_lines=device_lines, file=_file, acceptance=acceptance, notes=change_notes,
            drawn=drawn, listed=listed,
        )  # fmt: skip
        environment.globals.update(
            columns=columns, symbols=SYMBOLS, titles=TITLES, page_size=PAGE_SIZE
        )
        self._page = template("page.html.j2")
        self._row = template("row.html.j2")
        self._section = template("lookup.html.j2")
        self._pieces: Spool[Piece] = Spool()
        self._index = Index(columns)

    def add(self, view: LookupView) -> None:
        """Draw a look-up: its row, and its section, open where there is more than agreement."""
        row = self._row.render(view=view)
        section = self._section.render(view=view, open=view.news or self._few)
        self._pieces.append((view.number, row, section))
        self._index.add(view)

    def text(self, written: Sequence[int], **head: Any) -> Iterator[str]:
        """The page's text, piece by piece; look-ups not in ``written`` are packed.

        ``head`` are the values that the head of the page shows.
        """
        shown = frozenset(written)
        others = (self._pieces[n] for n in range(len(self._pieces)) if n not in shown)
        packed: Spool[str] = Spool()
        numbers = []
        for held, pack in packs(others):
            packed.append(pack)
            numbers.append(held)
        theme, style = _inlined("theme.js"), _inlined(*_STYLES)
        script = "(() => {\n" + _inlined(*_SCRIPTS) + "})();\n"
        yield from self._page.generate(
            **head,
            rows=(Markup(self._pieces[number][1]) for number in written),
            sections=(Markup(self._pieces[number][2]) for number in written),
            written=len(written),
            packs=packed,
            index=map(Markup, self._index.pieces(numbers, PAGE_SIZE)),
            style=Markup(style),
            script=Markup(script),
            theme=Markup(theme),
            style_hash=_hash(style),
            script_hashes=[_hash(theme), _hash(script)],
        )


def _visible(value: object) -> object:
    """A text with what cannot be seen escaped; our own HTML, and what is no text, as it is."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    first, *more = value.split("\n")
    return "\n".join([escaped(first), *map(one_line, more)])


def _file(report: LookupReport) -> str:
    """The name of a scenario's file, with the line of the look-up where it is known."""
    name = PurePath(report.source).name
    return name if report.line is None else f"{name}:{report.line}"


def _inlined(*names: str) -> str:
    """Several files of styles or scripts as one text. They are ours, and hold no end tag."""
    folder = files("harness.report.html") / "assets"
    return "".join(folder.joinpath(name).read_text("utf-8") for name in names)


def _hash(text: str) -> str:
    """The name of an inlined text in the page's Content-Security-Policy."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode("ascii")

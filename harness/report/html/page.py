"""From views to HTML: the templates, the inlined styles and scripts, and what guards them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import PurePath

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.compare.results import LookupReport
from harness.report.against import accepted
from harness.report.html.answers import SYMBOLS, listed
from harness.report.html.bits import PrefixBits
from harness.report.html.columns import Columns
from harness.report.html.index import Index
from harness.report.html.lookups import LookupView
from harness.report.html.overview import Overview
from harness.report.html.packs import Piece, packs
from harness.report.text import summed_up
from harness.sandbox.spool import Spool
from harness.text.shown import escaped, one_line

_STYLES = ("page.css", "controls.css", "matrix.css", "lookup.css", "bits.css", "print.css")
_SCRIPTS = ("state.js", "store.js", "filters.js", "matrix.js", "page.js")

_FEW = 8  # so many look-ups or fewer are all open
_DRAWN = 4096  # drawings of bits kept
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
        environment.filters["summed_up"] = summed_up
        environment.filters["file"] = _file
        environment.filters["accepted"] = accepted
        environment.filters["drawn"] = self._drawn
        environment.globals["columns"] = columns
        environment.globals["verdicts"] = list(SYMBOLS)
        environment.globals["symbols"] = SYMBOLS
        environment.globals["page_size"] = PAGE_SIZE
        environment.filters["listed"] = listed
        self._page = environment.get_template("page.html.j2")
        self._row = environment.get_template("row.html.j2")
        self._section = environment.get_template("lookup.html.j2")
        self._bits = environment.get_template("bits.html.j2")
        self._known: dict[tuple[object, ...], Markup] = {}
        self._pieces: Spool[Piece] = Spool()
        self._index = Index(columns)

    def drawing(self, views: Iterable[LookupView]) -> Iterator[LookupView]:
        """Draw each look-up while it is passed on; what is drawn waits for `pieces`."""
        for view in views:
            self._pieces.append(Piece(view.number, self.row(view), self.section(view)))
            self._index.add(view)
            yield view

    def pieces(self, head: Overview, written: Sequence[int]) -> Iterator[str]:
        """The page's text, piece by piece; look-ups not in ``written`` are packed."""
        shown = frozenset(written)
        others = (self._pieces[n] for n in range(len(self._pieces)) if n not in shown)
        packed: Spool[str] = Spool()
        numbers = []
        for pack in packs(others):
            packed.append(pack.data)
            numbers.append(pack.numbers)
        theme = _inlined(("theme.js",))
        style, script = _inlined(_STYLES), "(() => {\n" + _inlined(_SCRIPTS) + "})();\n"
        yield from self._page.generate(
            head=head,
            rows=(Markup(self._pieces[number].row) for number in written),
            sections=(Markup(self._pieces[number].section) for number in written),
            written=len(written),
            packs=packed,
            index=map(Markup, self._index.pieces(numbers, PAGE_SIZE)),
            style=Markup(style),
            script=Markup(script),
            theme=Markup(theme),
            style_hash=_hash(style),
            script_hashes=[_hash(theme), _hash(script)],
        )

    def row(self, view: LookupView) -> str:
        """A look-up's row of the matrix."""
        return self._row.render(view=view)

    def section(self, view: LookupView) -> str:
        """A look-up's section; open where there is more to see than agreement."""
        return self._section.render(view=view, open=view.news or self._few)

    def _drawn(self, bits: PrefixBits) -> Markup:
        """The bits as HTML; the same addresses come again and again."""
        key = (bits.destination, bits.source, bits.prefixlen, bits.counted)
        if key not in self._known:
            if len(self._known) == _DRAWN:
                self._known.clear()
            self._known[key] = Markup(self._bits.render(drawn=bits))
        return self._known[key]


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


def _inlined(names: Sequence[str]) -> str:
    """Several files of styles or scripts as one text. They are ours, and hold no end tag."""
    folder = files("harness.report.html") / "assets"
    return "".join(folder.joinpath(name).read_text("utf-8") for name in names)


def _hash(text: str) -> str:
    """The name of an inlined text in the page's Content-Security-Policy."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode("ascii")

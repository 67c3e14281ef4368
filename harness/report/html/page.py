"""From views to HTML: the templates, the inlined styles and scripts, and what guards them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from hashlib import sha256
from importlib.resources import files
from pathlib import PurePath

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.compare.results import LookupReport
from harness.report.against import accepted
from harness.report.html.answers import SYMBOLS
from harness.report.html.bits import PrefixBits
from harness.report.html.columns import Columns
from harness.report.html.index import index
from harness.report.html.lookups import LookupView
from harness.report.html.overview import Overview
from harness.report.html.packs import Piece, packs
from harness.report.text import summed_up

_STYLES = ("page.css", "controls.css", "matrix.css", "lookup.css", "bits.css", "print.css")
_SCRIPTS = ("state.js", "store.js", "filters.js", "matrix.js", "page.js")

_FEW = 8  # so many look-ups or fewer are all open
PAGE_SIZE = 200  # so many look-ups are drawn at a time where some are packed


class Page:
    """Draws a run of ``lookups`` look-ups whose columns are known."""

    def __init__(self, columns: Columns, lookups: int) -> None:
        self._columns = columns
        self._few = lookups <= _FEW
        environment = Environment(
            loader=PackageLoader("harness.report.html"),
            autoescape=True,
            undefined=StrictUndefined,
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
        self._page = environment.get_template("page.html.j2")
        self._row = environment.get_template("row.html.j2")
        self._section = environment.get_template("lookup.html.j2")
        self._bits = environment.get_template("bits.html.j2")
        self._known: dict[tuple[object, ...], Markup] = {}

    def pieces(
        self, head: Overview, views: Sequence[LookupView], written: AbstractSet[int]
    ) -> Iterator[str]:
        """The page's text, piece by piece; look-ups not in ``written`` are packed."""
        shown = [view for view in views if view.number in written]
        packed = list(
            packs(
                Piece(view.number, self.row(view), self.section(view))
                for view in views
                if view.number not in written
            )
        )
        theme = _inlined(("theme.js",))
        style, script = _inlined(_STYLES), "(() => {\n" + _inlined(_SCRIPTS) + "})();\n"
        yield from self._page.generate(
            head=head,
            views=views,
            rows=(Markup(self.row(view)) for view in shown),
            sections=(Markup(self.section(view)) for view in shown),
            written=len(shown),
            packs=packed,
            index=index(views, self._columns, packed, PAGE_SIZE),
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
            self._known[key] = Markup(self._bits.render(drawn=bits))
        return self._known[key]


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

"""The HTML report: one static page, complete in itself, for a browser without a network."""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import PurePath
from typing import TextIO

from jinja2 import Environment
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

import harness
from harness.report.html.answers import TITLES, AnswerGroup
from harness.report.html.drawing import environment, inlined
from harness.report.html.views import Columns, LookupView, Overview, views_of
from harness.report.text import device_lines
from harness.report.words import acceptance, change_notes, place
from harness.report.writer import KeepingWriter
from harness.sandbox.spool import Spool
from harness.text.shown import bare

_STYLES = ("page.css", "controls.css", "matrix.css", "lookup.css", "bits.css", "print.css")
_SCRIPTS = ("state.js", "store.js", "filters.js", "matrix.js", "page.js")

_FEW = 8  # so many look-ups or fewer are all open
_PAGE_SIZE = 200  # so many look-ups are drawn at a time where some are packed
WRITTEN_OUT = 1500
"""Up to so many look-ups stand in the page as they are; of more, some are packed."""

Piece = tuple[int, str, str]
"""The number of a look-up, its row of the matrix and its section, as HTML."""

_PIECES = 64
_SIZE = 1 << 22  # characters, above which a pack has no further piece


class HtmlReport(KeepingWriter):
    """Writes the look-ups to ``stream`` as one HTML page.

    ``made`` is the time it states (now when left out). Of more than `WRITTEN_OUT` look-ups only
    those that fail or differ are written out; the script of the page unpacks the others when
    they are asked for.
    """

    def __init__(
        self, stream: TextIO, title: str = "gai-harness run", made: datetime | None = None
    ) -> None:
        super().__init__(bare(stream), title)
        self._made = made

    def finish(self) -> None:
        """Write the page."""
        columns = Columns(self._reports)
        head = Overview(columns)
        scenarios: dict[str, tuple[int, str]] = {}
        entries: Spool[str] = Spool()
        templates = _environment(columns)
        row, section = map(templates.get_template, ("row.html.j2", "lookup.html.j2"))
        pieces: Spool[Piece] = Spool()
        few = len(self._reports) <= _FEW
        for view in views_of(self._reports, columns):
            # open where there is more than agreement
            drawn = row.render(view=view), section.render(view=view, open=view.news or few)
            pieces.append((view.number, *drawn))
            head.add(view)
            entries.append(_json(_entry(view, scenarios)))
        written: Sequence[int] = range(head.lookups)
        if head.lookups > WRITTEN_OUT:
            written = (head.news or range(50))[:WRITTEN_OUT]
        shown = frozenset(written)
        packed: Spool[str] = Spool()
        numbers = []
        for held, pack in packs(pieces[n] for n in range(len(pieces)) if n not in shown):
            numbers.append(held)
            packed.append(pack)
        made = self._made or datetime.now(UTC)
        for text in templates.get_template("page.html.j2").generate(
            head=head,
            title=self._title,
            version=harness.__version__,
            made=f"{made:%Y-%m-%d %H:%M} {made.tzname() or ''}".strip(),
            summary=self.summary,
            notices=self._notices,
            rows=(Markup(pieces[number][1]) for number in written),
            sections=(Markup(pieces[number][2]) for number in written),
            written=len(written),
            packs=packed,
            index=map(Markup, _index(columns, scenarios, entries, numbers)),
            style=Markup(inlined(*_STYLES)),
            script=Markup("(() => {\n" + inlined(*_SCRIPTS) + "})();\n"),
            theme=Markup(inlined("theme.js")),
        ):
            self._stream.write(text.encode("utf-8", "replace").decode("utf-8"))


def _environment(columns: Columns) -> Environment:
    made = environment()
    made.filters.update(
        device_lines=device_lines,
        file=lambda report: PurePath(place(report)).name,
        acceptance=acceptance,
        notes=change_notes,
        digest=_digest,
    )
    made.globals.update(columns=columns, page_size=_PAGE_SIZE)
    return made


def _digest(text: str) -> str:
    """The name of an inlined text in the page's Content-Security-Policy."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode("ascii")


def packs(pieces: Iterable[Piece]) -> Iterator[tuple[list[int], str]]:
    """``pieces`` in packs of 64, or of fewer large ones: their numbers, and the pack.

    A pack is a base64 text of raw deflated JSON, a list of pieces.
    """
    left = iter(pieces)
    for first in left:
        held, size = [first], len(first[1]) + len(first[2])
        while len(held) < _PIECES and size <= _SIZE and (piece := next(left, None)):
            held.append(piece)
            size += len(piece[1]) + len(piece[2])
        text = json.dumps(held, ensure_ascii=False, separators=(",", ":"))
        data = zlib.compress(text.encode("utf-8", "replace"), level=9, wbits=-zlib.MAX_WBITS)
        yield [number for number, *_ in held], b64encode(data).decode("ascii")


def _entry(view: LookupView, scenarios: dict[str, tuple[int, str]]) -> list[object]:
    """A look-up in the index: address in the page, number of its scenario, name, gai.conf,
    the group of each column (-1 for none), per group [verdict, failed, unmet, rules,
    accepted], whether builds differ, and the words to search.

    ``scenarios`` have each one's number and description; a new one is added.
    """
    report = view.report
    place = (len(scenarios), report.description)
    return [
        view.slug,
        scenarios.setdefault(report.scenario, place)[0],
        report.lookup,
        report.gai_conf,
        [-1 if cell is None else cell.group.number for cell in view.cells],
        [
            [one.kind, int(one.result.failed), int(bool(one.unmet)), one.rules,
             int(one.result.accepted)]
            for one in view.groups
        ],
        int(view.differs),
        _words(view.groups),
    ]  # fmt: skip


def _index(
    columns: Columns,
    scenarios: dict[str, tuple[int, str]],
    entries: Iterable[str],
    packed: Sequence[Sequence[int]],
) -> Iterator[str]:
    """The JSON of the index, piece by piece, without a character that HTML takes for its own.

    ``packed`` has the numbers of the look-ups in each pack.
    """
    known = {
        "columns": [[column.slug, column.name] for column in columns.columns],
        "scenarios": [[name, text] for name, (_, text) in scenarios.items()],
        "rules": TITLES,
        "packs": packed,
        "page_size": _PAGE_SIZE,
    }
    yield _json(known)[:-1] + ',"lookups":['
    for number, entry in enumerate(entries):
        yield f",{entry}" if number else entry
    yield "]}"


def _json(value: object) -> str:
    return str(htmlsafe_json_dumps(value, separators=(",", ":")))


def _words(groups: Sequence[AnswerGroup]) -> str:
    words: dict[str | None, None] = {}
    for one in (group.result for group in groups):
        rows = ((row.destination, row.source, row.interface) for row in one.destinations)
        words |= dict.fromkeys([*one.native, *one.model, *chain(*rows), one.error, one.model_error])
    return " ".join(filter(None, words))

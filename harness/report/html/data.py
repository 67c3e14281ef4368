"""What the page's script reads: an index of the look-ups, and packs of those not drawn. Pure."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from jinja2.utils import htmlsafe_json_dumps

from harness.report.html.answers import TITLES, Group
from harness.report.html.views import Columns, LookupView
from harness.sandbox.spool import Spool

Piece = tuple[int, str, str]
"""The number of a look-up, its row of the matrix and its section, as HTML."""

_PIECES = 64
_SIZE = 1 << 22  # characters, above which a pack has no further piece


def packs(pieces: Iterable[Piece]) -> Iterator[tuple[list[int], str]]:
    """``pieces`` in packs of 64, or of fewer large ones: their numbers, and the pack.

    A pack is a base64 text of raw deflated JSON, a list of pieces.
    """
    waiting: list[Piece] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece[1]) + len(piece[2])
        if len(waiting) == _PIECES or size > _SIZE:
            yield [number for number, *_ in waiting], _pack(waiting)
            waiting, size = [], 0
    if waiting:
        yield [number for number, *_ in waiting], _pack(waiting)


def _pack(pieces: Sequence[Piece]) -> str:
    text = json.dumps(pieces, ensure_ascii=False, separators=(",", ":"))
    data = zlib.compress(text.encode("utf-8", "replace"), level=9, wbits=-zlib.MAX_WBITS)
    return b64encode(data).decode("ascii")


class Index:
    """The index of a page, as text: look-ups are added one by one.

    ``lookups`` has for each: address in the page, number of its scenario, name, gai.conf,
    the group of each column (-1 for none), per group [verdict, failed, unmet, rules,
    accepted], whether builds differ, and the words to search. ``packs`` has the numbers in
    each pack.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._scenarios: dict[str, tuple[int, str]] = {}
        self._lookups: Spool[str] = Spool()

    def add(self, view: LookupView) -> None:
        """Take one look-up."""
        report = view.report
        place = (len(self._scenarios), report.description)
        entry = [
            view.slug,
            self._scenarios.setdefault(report.scenario, place)[0],
            report.lookup,
            report.gai_conf,
            [-1 if cell is None else cell.number for cell in view.cells],
            [
                [one.kind, int(one.result.failed), int(bool(one.unmet)), one.rules,
                 int(one.result.accepted)]
                for one in view.groups
            ],
            int(view.differs),
            _words(view.groups),
        ]  # fmt: skip
        self._lookups.append(_json(entry))

    def pieces(self, packed: Sequence[Sequence[int]], page_size: int) -> Iterator[str]:
        """The JSON, piece by piece, without a character that HTML takes for its own."""
        known = {
            "columns": [[column.slug, column.name] for column in self._columns.columns],
            "scenarios": [[name, text] for name, (_, text) in self._scenarios.items()],
            "rules": TITLES,
            "packs": packed,
            "page_size": page_size,
        }
        yield _json(known)[:-1] + ',"lookups":['
        for number, entry in enumerate(self._lookups):
            yield f",{entry}" if number else entry
        yield "]}"


def _json(value: object) -> str:
    return str(htmlsafe_json_dumps(value, separators=(",", ":")))


def _words(groups: Sequence[Group]) -> str:
    """Every address, source and interface of the answers, each once."""
    words: dict[str | None, None] = {}
    for group in groups:
        result = group.result
        rows = ((row.destination, row.source, row.interface) for row in result.destinations)
        words |= dict.fromkeys([*result.native, *result.model, *chain(*rows)])
        words |= dict.fromkeys([result.error, result.model_error])
    return " ".join(filter(None, words))

"""What the page's script filters and searches by, as plain data for JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jinja2.utils import htmlsafe_json_dumps

from harness.report.html.answers import TITLES, Group
from harness.report.html.columns import Columns
from harness.report.html.lookups import LookupView
from harness.sandbox.spool import Spool


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
            [-1 if cell is None else cell.group for cell in view.cells],
            [
                [g.kind, int(g.failed), int(bool(g.unmet)), list(g.rules), int(g.result.accepted)]
                for g in view.groups
            ],
            int(view.differs),
            _words(view.groups),
        ]
        self._lookups.append(_json(entry))

    def pieces(self, packed: Sequence[Sequence[int]], page_size: int) -> Iterator[str]:
        """The JSON, piece by piece, without a character that HTML takes for its own."""
        known = {
            "columns": [[column.slug, column.name] for column in self._columns.columns],
            "scenarios": [[name, text] for name, (_, text) in self._scenarios.items()],
            "rules": {str(number): title for number, title in TITLES.items()},
            "packs": [list(numbers) for numbers in packed],
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
    words: dict[str, None] = {}
    for group in groups:
        result = group.result
        words.update(dict.fromkeys([*result.native, *result.model]))
        for row in result.destinations:
            words.update(dict.fromkeys([row.destination, row.source or "", row.interface or ""]))
        words.update(dict.fromkeys([result.error or "", result.model_error or ""]))
    return " ".join(filter(None, words))

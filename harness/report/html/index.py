"""What the page's script filters and searches by, as plain data for JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.report.html.answers import TITLES, Group
from harness.report.html.columns import Columns
from harness.report.html.lookups import LookupView
from harness.report.html.packs import Pack


def index(
    views: Sequence[LookupView], columns: Columns, packed: Sequence[Pack], page_size: int
) -> dict[str, Any]:
    """The index of a page.

    ``lookups`` has for each: address in the page, number of its scenario, name, gai.conf,
    the group of each column (-1 for none), per group [verdict, failed, unmet, rules,
    accepted], whether builds differ, and the words to search. ``packs`` has the numbers in
    each pack.
    """
    scenarios: dict[str, int] = {}
    descriptions: list[str] = []
    listed = []
    for view in views:
        report = view.report
        if report.scenario not in scenarios:
            scenarios[report.scenario] = len(scenarios)
            descriptions.append(report.description)
        listed.append(
            [
                view.slug,
                scenarios[report.scenario],
                report.lookup,
                report.gai_conf,
                [-1 if cell is None else cell.group for cell in view.cells],
                [
                    [
                        g.kind,
                        int(g.failed),
                        int(bool(g.unmet)),
                        list(g.rules),
                        int(g.result.accepted),
                    ]
                    for g in view.groups
                ],
                int(view.differs),
                _words(view.groups),
            ]
        )
    return {
        "columns": [[column.slug, column.name] for column in columns.columns],
        "scenarios": [[name, descriptions[number]] for name, number in scenarios.items()],
        "rules": {str(number): title for number, title in TITLES.items()},
        "lookups": listed,
        "packs": [list(pack.numbers) for pack in packed],
        "page_size": page_size,
    }


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

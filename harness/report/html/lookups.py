"""One look-up as the page shows it: its cells, its groups, what differs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from harness.compare.results import LookupReport, Result, Verdict
from harness.report.html.answers import UNTRUSTED, Group, answer_key, letters
from harness.report.html.columns import Columns, slug
from harness.report.words import unused_name


class Cell(NamedTuple):
    """One result in the matrix: the part of its address, and its group with the group's number.

    ``differs_from`` is the neighbour it answers otherwise than.
    """

    slug: str
    number: int
    group: Group
    differs_from: str


@dataclass(frozen=True, slots=True)
class LookupView:
    """A look-up with all its results; ``slug`` is its address in the page."""

    number: int
    slug: str
    report: LookupReport
    groups: tuple[Group, ...]
    cells: tuple[Cell | None, ...]
    first_of_scenario: bool

    @property
    def rules(self) -> tuple[int, ...]:
        """All rules that decided on any build, ascending."""
        return tuple(sorted({rule for group in self.groups for rule in group.rules}))

    @property
    def differs(self) -> bool:
        """True where two builds answer differently."""
        return len({group.letter for group in self._trusted}) > 1

    @property
    def news(self) -> bool:
        """True where there is more to see than one answer on which all agree."""
        plain = all(group.kind == Verdict.AGREE and not group.unmet for group in self._trusted)
        return self.differs or bool(self.report.differences) or not plain

    @property
    def worst(self) -> Group:
        """The group whose verdict stands for the look-up: a failed one before a good one."""
        return max(
            self._trusted or self.groups,
            key=lambda group: (group.result.failed, group.result.verdict is not Verdict.AGREE),
        )

    @property
    def _trusted(self) -> list[Group]:
        return [group for group in self.groups if group.kind != UNTRUSTED]


def views_of(reports: Iterable[LookupReport], columns: Columns) -> Iterator[LookupView]:
    """All look-ups in the order they were run, with addresses in the page of their own."""
    taken: dict[str, int] = {}
    number = 0
    scenario = None
    for report in reports:
        if not report.results:
            continue
        conf = [] if report.gai_conf == "default" else [report.gai_conf]
        address = "/".join(map(slug, (report.scenario, report.lookup, *conf)))
        groups, cells = _groups(report, columns)
        first = report.scenario != scenario
        yield LookupView(number, unused_name(address, taken, "~"), report, groups, cells, first)
        number += 1
        scenario = report.scenario


def _groups(
    report: LookupReport, columns: Columns
) -> tuple[tuple[Group, ...], tuple[Cell | None, ...]]:
    """The groups in order of their first columns, and the cells that belong to them."""
    ordered = sorted(report.results, key=columns.number)
    named = letters(ordered)
    gathered: dict[Result, list[Result]] = {}
    for result in ordered:
        same = result.without_build(unmet=("unmet",) if result.unmet else ())
        gathered.setdefault(same, []).append(result)
    groups: list[Group] = []
    where: dict[int | None, int] = {}  # the group of a column
    for results in gathered.values():
        first = results[0]
        left = columns.columns[columns.number(first)].left
        group = Group(
            columns=tuple(map(columns.number, results)),
            letter="" if first.untrusted else named[answer_key(first)],
            result=first,
            unmet=tuple(dict.fromkeys(line for result in results for line in result.unmet)),
            before=groups[where[left]] if left in where else None,
            before_name="" if left is None else columns.columns[left].name,
        )
        where.update(dict.fromkeys(group.columns, len(groups)))
        groups.append(group)
    cells: list[Cell | None] = []
    for column in columns.columns:
        if column.number not in where:
            cells.append(None)
            continue
        group = groups[where[column.number]]
        differs = ""
        if column.left is not None and column.left in where:
            old, new = groups[where[column.left]].result, group.result
            if not old.untrusted and not new.untrusted and answer_key(old) != answer_key(new):
                differs = columns.columns[column.left].name
        cells.append(Cell(column.slug, where[column.number], group, differs))
    return tuple(groups), tuple(cells)

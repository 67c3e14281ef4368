"""One look-up as the page shows it: its cells, its groups, what differs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.compare.results import LookupReport, Result, Verdict
from harness.report.html.answers import (
    SYMBOLS,
    UNTRUSTED,
    Group,
    answer_key,
    letters,
    same_page_key,
)
from harness.report.html.changes import Change, changes_of
from harness.report.html.columns import Columns, slug


@dataclass(frozen=True, slots=True)
class Cell:
    """One result in the matrix; ``differs_from`` is the neighbour it answers otherwise than."""

    slug: str
    symbol: str
    kind: str
    failed: bool
    unmet: bool
    accepted: bool
    letter: str
    differs_from: str
    group: int


@dataclass(frozen=True, slots=True)
class LookupView:
    """A look-up with all its results; ``slug`` is its address in the page."""

    number: int
    slug: str
    report: LookupReport
    groups: tuple[Group, ...]
    cells: tuple[Cell | None, ...]
    changes: tuple[Change, ...]
    first_of_scenario: bool

    @property
    def rules(self) -> tuple[int, ...]:
        """All rules that decided on any build, ascending."""
        return tuple(sorted({rule for group in self.groups for rule in group.rules}))

    @property
    def differs(self) -> bool:
        """True where two builds answer differently."""
        return len({group.letter for group in self.groups if group.kind != UNTRUSTED}) > 1

    @property
    def news(self) -> bool:
        """True where there is more to see than one answer on which all agree."""
        trusted = [group for group in self.groups if group.kind != UNTRUSTED]
        plain = all(group.kind == Verdict.AGREE and not group.unmet for group in trusted)
        return self.differs or bool(self.changes) or not plain

    @property
    def worst(self) -> Group:
        """The group whose verdict stands for the look-up: a failed one before a good one."""
        trusted = [group for group in self.groups if group.kind != UNTRUSTED] or self.groups
        return max(trusted, key=lambda g: (g.failed, g.verdict is not Verdict.AGREE))


def views_of(reports: Iterable[LookupReport], columns: Columns) -> Iterator[LookupView]:
    """All look-ups in the order they were run, with addresses in the page of their own."""
    taken: dict[str, int] = {}
    number = 0
    scenario = None
    for report in reports:
        if not report.results:
            continue
        parts = [slug(report.scenario), slug(report.lookup)]
        if report.gai_conf != "default":
            parts.append(slug(report.gai_conf))
        address = _free("/".join(parts), taken)
        yield _view(number, address, report, columns, report.scenario != scenario)
        number += 1
        scenario = report.scenario


def _free(address: str, taken: dict[str, int]) -> str:
    """``address``, with a number where another look-up has it already."""
    number, name = taken.get(address, 1), address
    while name in taken:
        number += 1
        name = f"{address}~{number}"
    taken[address] = number
    taken.setdefault(name, 1)
    return name


def _view(
    number: int, address: str, report: LookupReport, columns: Columns, first: bool
) -> LookupView:
    ordered = sorted(report.results, key=columns.number)
    named = letters(ordered)
    gathered: dict[tuple[object, ...], list[Result]] = {}
    for result in ordered:
        gathered.setdefault(same_page_key(result), []).append(result)
    groups = _groups([*gathered.values()], named, columns)
    return LookupView(
        number=number,
        slug=address,
        report=report,
        groups=tuple(groups),
        cells=_cells(groups, columns),
        changes=changes_of(report),
        first_of_scenario=first,
    )


def _groups(
    gathered: Sequence[Sequence[Result]],
    named: dict[tuple[object, ...], str],
    columns: Columns,
) -> list[Group]:
    """The groups in order of their first columns, each with the one it is compared with."""
    groups: list[Group] = []
    where: dict[int, Group] = {}
    for same in gathered:
        numbers = tuple(columns.number(result) for result in same)
        left = columns.columns[numbers[0]].left
        before = None if left is None else where.get(left)
        group = Group(
            columns=numbers,
            letter="" if same[0].untrusted else named[answer_key(same[0])],
            result=same[0],
            unmet=tuple(dict.fromkeys(line for result in same for line in result.unmet)),
            before=before,
            before_name="" if before is None or left is None else columns.columns[left].name,
        )
        groups.append(group)
        where.update(dict.fromkeys(numbers, group))
    return groups


def _cells(groups: Sequence[Group], columns: Columns) -> tuple[Cell | None, ...]:
    where = {number: place for place, group in enumerate(groups) for number in group.columns}
    cells: list[Cell | None] = []
    for column in columns.columns:
        place = where.get(column.number)
        if place is None:
            cells.append(None)
            continue
        group = groups[place]
        differs = ""
        if column.left is not None and column.left in where:
            left = groups[where[column.left]]
            trusted = UNTRUSTED not in (left.kind, group.kind)
            if trusted and answer_key(left.result) != answer_key(group.result):
                differs = columns.columns[column.left].name
        cells.append(
            Cell(
                slug=column.slug,
                symbol=SYMBOLS[group.kind],
                kind=group.kind,
                failed=group.failed,
                unmet=bool(group.unmet),
                accepted=group.result.accepted,
                letter=group.letter,
                differs_from=differs,
                group=place,
            )
        )
    return tuple(cells)

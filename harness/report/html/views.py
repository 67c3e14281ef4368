"""What the page shows of a run: its columns, each look-up's cells and groups, the head. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from harness.compare.results import LookupReport, Result, Verdict
from harness.compare.values import grouped
from harness.report.html.answers import SYMBOLS, UNTRUSTED, AnswerGroup, letters
from harness.report.words import acceptance, told_apart, unused_name
from harness.versions import age

_LISTED = 40


@dataclass(frozen=True, slots=True)
class Column:
    """One build: ``of`` is a result of it.

    ``origin`` tells it from others of its version and architecture, else "". ``name`` are its
    words in running text, ``short`` those without the architecture, ``slug`` its part of an
    address in the page, and ``left`` the number of the column it is compared with.
    """

    number: int
    of: Result
    origin: str
    name: str
    short: str
    slug: str
    left: int | None


class Columns:
    """The columns of a run: this host's architecture first, versions from old to new."""

    def __init__(self, reports: Iterable[LookupReport]) -> None:
        builds: dict[tuple[str, ...], Result] = {}
        for report in reports:
            for result in report.results:
                builds.setdefault(_key(result), result)
        own = {result.arch for result in builds.values() if result.label == "host"}
        archs = list(dict.fromkeys(result.arch for result in builds.values()))
        ordered = sorted(
            builds.values(),
            key=lambda one: (
                one.arch not in own, archs.index(one.arch), age(one.version), _key(one)
            ),
        )  # fmt: skip
        self._numbers = {_key(result): number for number, result in enumerate(ordered)}
        self.columns: list[Column] = []
        taken: dict[str, int] = {}
        for number, result in enumerate(ordered):
            origin = told_apart(result, ordered)
            words = [result.version, *[result.arch] * (len(archs) > 1)]
            end = f" ({origin})" if origin else ""
            name = unused_name(_slug("-".join(filter(None, [*words, origin]))), taken, "-")
            self.columns.append(
                Column(
                    number, result, origin, " ".join(words) + end, result.version + end, name,
                    self._left(result),
                )
            )  # fmt: skip

    @property
    def resolvers(self) -> str:
        """Whose builds they are, in words: "glibc", "glibc, musl and Go"."""
        names = dict.fromkeys(column.of.resolver for column in self.columns)
        *others, last = ({"go": "Go"}.get(name, name) for name in names or ("glibc",))
        return f"{', '.join(others)} and {last}" if others else last

    def __len__(self) -> int:
        return len(self.columns)

    def number(self, result: Result) -> int:
        """The number of the column of ``result``."""
        return self._numbers[_key(result)]

    @property
    def architectures(self) -> list[tuple[str, int]]:
        """Each architecture with the number of its columns, in order."""
        found = groupby(self.columns, key=lambda column: column.of.arch)
        return [(arch, len(list(group))) for arch, group in found]

    def _left(self, result: Result) -> int | None:
        """The left neighbour; for the first of another architecture the same version before it."""
        last = len(self.columns) - 1
        if last < 0 or self.columns[last].of.arch == result.arch:
            return last if last >= 0 else None
        same = [column.number for column in self.columns if column.of.version == result.version]
        return same[-1] if same else last


def _slug(text: str) -> str:
    """``text`` as part of an address in the page: letters, digits and ``._~:-`` only."""
    return re.sub(r"[^A-Za-z0-9._~:]+", "-", text).strip("-") or "-"


def _key(result: Result) -> tuple[str, ...]:
    return result.version, result.arch, result.label, result.build, result.lane


class Cell(NamedTuple):
    """One result in the matrix: the part of its address, and its group.

    ``differs_from`` is the neighbour it answers otherwise than.
    """

    slug: str
    group: AnswerGroup
    differs_from: str


@dataclass(frozen=True, slots=True)
class LookupView:
    """A look-up with all its results; ``slug`` is its address in the page."""

    number: int
    slug: str
    report: LookupReport
    groups: tuple[AnswerGroup, ...]
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
    def worst(self) -> AnswerGroup:
        """The group whose verdict stands for the look-up: a failed one before a good one."""
        return max(
            self._trusted or self.groups,
            key=lambda group: (group.result.failed, group.result.verdict is not Verdict.AGREE),
        )

    @property
    def why(self) -> tuple[str, str]:
        """Why it stands out, and its kind: what failed first, then crashes, then differences."""
        worst, result = self.worst, self.worst.result
        died = f"{result.resolver} died of {result.error}"
        if worst.unmet and result.failed:
            return f"expectation failed: {worst.unmet[0]}", "failed"
        if result.failed:
            reasons = {
                Verdict.DISAGREE: "native and model disagree",
                Verdict.CRASHED: f"{died}, which the model did not predict",
                Verdict.ERROR: f"error: {result.error}",
            }
            return reasons.get(result.verdict, str(result.verdict)), "failed"
        crashed = result.verdict is Verdict.CRASHED
        parts = [f"{died}, as predicted"] if crashed else []
        parts += [acceptance(result)] if result.accepted else []
        parts += dict.fromkeys(change.short for change in self.report.differences)
        failed = any(change.failed for change in self.report.differences)
        kind = "failed" if failed else "crashed" if crashed else "differs"
        return "; ".join(parts) or "builds differ", kind

    @property
    def _trusted(self) -> list[AnswerGroup]:
        return [group for group in self.groups if group.kind != UNTRUSTED]


def views_of(reports: Iterable[LookupReport], columns: Columns) -> Iterator[LookupView]:
    """All look-ups in the order they were run, with addresses in the page of their own."""
    taken: dict[str, int] = {}
    scenario = None
    for number, report in enumerate(report for report in reports if report.results):
        conf = [] if report.gai_conf == "default" else [report.gai_conf]
        address = "/".join(map(_slug, (report.scenario, report.lookup, *conf)))
        groups = _groups(report, columns)
        yield LookupView(
            number,
            unused_name(address, taken, "~"),
            report,
            tuple({group.number: group for group in groups.values()}.values()),
            tuple(_cells(groups, columns)),
            report.scenario != scenario,
        )
        scenario = report.scenario


def _groups(report: LookupReport, columns: Columns) -> dict[int | None, AnswerGroup]:
    """The group of each column that has one, numbered in order of their first columns."""
    ordered = sorted(report.results, key=columns.number)
    named = letters(ordered)
    groups: dict[int | None, AnswerGroup] = {}
    alike = grouped(ordered, lambda one: (one.without_build(unmet=()), bool(one.unmet)))
    for number, results in enumerate(alike.values()):
        first = results[0]
        left = columns.columns[columns.number(first)].left
        group = AnswerGroup(
            number=number,
            columns=tuple(map(columns.number, results)),
            letter="" if first.untrusted else named[first.returned],
            result=first,
            unmet=tuple(dict.fromkeys(line for result in results for line in result.unmet)),
            before=groups.get(left),
            before_name="" if left is None else columns.columns[left].name,
        )
        groups |= dict.fromkeys(group.columns, group)
    return groups


def _cells(groups: dict[int | None, AnswerGroup], columns: Columns) -> Iterator[Cell | None]:
    for column in columns.columns:
        group, left = groups.get(column.number), groups.get(column.left)
        if group is None:
            yield None
            continue
        new, old = group.result, (left or group).result
        same = old.untrusted or new.untrusted or old.returned == new.returned
        differs = "" if same or column.left is None else columns.columns[column.left].name
        yield Cell(column.slug, group, differs)


class Notable(NamedTuple):
    """A look-up that stands out: its address and names, why in a line, and how much it matters."""

    slug: str
    scenario: str
    lookup: str
    gai_conf: str
    words: str
    kind: str


class Overview:
    """Sums a run up while its look-ups are added.

    ``counts`` has for each column those by `SYMBOLS`, ``news`` the numbers of the look-ups that
    stand out.
    """

    def __init__(self, columns: Columns) -> None:
        self.counts = [dict.fromkeys(SYMBOLS, 0) for _ in columns.columns]
        self.lookups = self.differing = 0
        self.scenarios: set[str] = set()
        self.gai_confs: set[str] = set()
        self.news: list[int] = []
        self._notable: dict[bool, list[Notable]] = {True: [], False: []}

    def add(self, view: LookupView) -> None:
        """Take one look-up."""
        report = view.report
        self.lookups += 1
        self.scenarios.add(report.scenario)
        self.gai_confs.add(report.gai_conf)
        self.differing += view.differs
        for group in view.groups:
            for number in group.columns:
                self.counts[number][group.kind] += 1
        if view.news:
            self.news.append(view.number)
            one = Notable(view.slug, report.scenario, report.lookup, report.gai_conf, *view.why)
            kept = self._notable[one.kind == "failed"]
            if len(kept) < _LISTED:
                kept.append(one)

    @property
    def notable(self) -> list[Notable]:
        """What stands out, what fails first; of many look-ups the first ones."""
        return [*self._notable[True], *self._notable[False]][:_LISTED]

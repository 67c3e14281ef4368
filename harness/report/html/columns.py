"""The columns of the matrix: one for each build of glibc, grouped by architecture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.compare.results import LookupReport, Result
from harness.report.words import unused_name
from harness.versions import Version


@dataclass(frozen=True, slots=True)
class Column:
    """One build: ``of`` is a result of it, without its answer.

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


@dataclass(frozen=True, slots=True)
class Columns:
    """All columns in order, and which of them a result belongs to."""

    columns: tuple[Column, ...]
    numbers: dict[tuple[str, ...], int]

    def __len__(self) -> int:
        return len(self.columns)

    def number(self, result: Result) -> int:
        """The number of the column of ``result``."""
        return self.numbers[_key(result)]

    @property
    def architectures(self) -> list[tuple[str, int]]:
        """Each architecture with the number of its columns, in order."""
        found = groupby(self.columns, key=lambda column: column.of.arch)
        return [(arch, len(list(group))) for arch, group in found]


def columns_of(reports: Iterable[LookupReport]) -> Columns:
    """The columns of a run: this machine's architecture first, versions from old to new."""
    builds: dict[tuple[str, ...], Result] = {}
    for report in reports:
        for result in report.results:
            builds.setdefault(_key(result), result)
    own = {result.arch for result in builds.values() if result.label == "host"}
    archs = list(dict.fromkeys(result.arch for result in builds.values()))
    ordered = sorted(
        builds.values(),
        key=lambda one: (
            one.arch not in own, archs.index(one.arch), Version.parse(one.glibc), _key(one)
        ),
    )  # fmt: skip
    columns: list[Column] = []
    taken: dict[str, int] = {}
    for number, (result, origin) in enumerate(zip(ordered, _origins(ordered), strict=True)):
        words = [result.glibc, *[result.arch] * (len(archs) > 1)]
        end = f" ({origin})" if origin else ""
        columns.append(
            Column(
                number,
                result.without_answer(),
                origin,
                " ".join(words) + end,
                result.glibc + end,
                unused_name(slug("-".join(filter(None, [*words, origin]))), taken, "-"),
                _left(columns, result),
            )
        )
    return Columns(tuple(columns), {_key(result): n for n, result in enumerate(ordered)})


def slug(text: str) -> str:
    """``text`` as part of an address in the page: letters, digits and ``._~:-`` only."""
    return re.sub(r"[^A-Za-z0-9._~:]+", "-", text).strip("-") or "-"


def _key(result: Result) -> tuple[str, ...]:
    return result.glibc, result.arch, result.label, result.build, result.lane


def _origins(results: Sequence[Result]) -> list[str]:
    """The fewest words that tell each build from those of its version and architecture."""
    builds = [(result.glibc, result.arch) for result in results]
    for words in (
        [r.label or r.build for r in results],
        [f"{r.label or r.build}, {r.lane}" for r in results],
        [f"{r.label}, {r.build}, {r.lane}" for r in results],
    ):
        if len(set(zip(builds, words, strict=True))) == len(results):
            break
    same = Counter(builds)
    return [word if same[build] > 1 else "" for build, word in zip(builds, words, strict=True)]


def _left(columns: Sequence[Column], result: Result) -> int | None:
    """The left neighbour; for the first of another architecture the same version before it."""
    if not columns or columns[-1].of.arch == result.arch:
        return len(columns) - 1 if columns else None
    same = [column.number for column in columns if column.of.glibc == result.glibc]
    return same[-1] if same else len(columns) - 1

"""The columns of the matrix: one for each build of glibc, grouped by architecture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.compare.results import LookupReport, Result
from harness.versions import Version

Key = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Column:
    """One build: ``origin`` tells it from others of its version and architecture, else "".

    ``name`` are its words in running text, ``slug`` its part of an address in the page, and
    ``left`` the number of the column it is compared with, None for the first.
    """

    number: int
    slug: str
    glibc: str
    arch: str
    lane: str
    build: str
    origin: str
    name: str
    emulator: str
    left: int | None

    @property
    def short(self) -> str:
        """The name without the architecture."""
        return f"{self.glibc} ({self.origin})" if self.origin else self.glibc


@dataclass(frozen=True, slots=True)
class Columns:
    """All columns in order, and which of them a result belongs to."""

    columns: tuple[Column, ...]
    numbers: dict[Key, int]

    def __len__(self) -> int:
        return len(self.columns)

    def number(self, result: Result) -> int:
        """The number of the column of ``result``."""
        return self.numbers[_key(result)]

    @property
    def architectures(self) -> list[tuple[str, int]]:
        """Each architecture with the number of its columns, in order."""
        found = groupby(self.columns, key=lambda column: column.arch)
        return [(arch, len(list(group))) for arch, group in found]


def columns_of(reports: Iterable[LookupReport]) -> Columns:
    """The columns of a run: this machine's architecture first, versions from old to new."""
    keys: dict[Key, Result] = {}
    for report in reports:
        for result in report.results:
            keys.setdefault(_key(result), result)
    own = {result.arch for result in keys.values() if result.label == "host"}
    found = sorted(dict.fromkeys(r.arch for r in keys.values()), key=lambda arch: arch not in own)
    archs = {arch: place for place, arch in enumerate(found)}
    ordered = sorted(
        keys.items(), key=lambda item: (archs[item[1].arch], Version.parse(item[1].glibc), item[0])
    )
    origins = _origins([result for _, result in ordered])
    columns: list[Column] = []
    taken: set[str] = set()
    for number, (_, result) in enumerate(ordered):
        origin = origins[number]
        name = result.glibc + (f" {result.arch}" if len(archs) > 1 else "")
        words = [result.glibc] + ([result.arch] if len(archs) > 1 else []) + [origin] * bool(origin)
        columns.append(
            Column(
                number=number,
                slug=unique("-".join(words), taken),
                glibc=result.glibc,
                arch=result.arch,
                lane=result.lane,
                build=result.build,
                origin=origin,
                name=f"{name} ({origin})" if origin else name,
                emulator=result.emulator or "",
                left=_left(columns, result),
            )
        )
    return Columns(tuple(columns), {key: number for number, (key, _) in enumerate(ordered)})


def slug(text: str) -> str:
    """``text`` as part of an address in the page: letters, digits and ``._~:-`` only."""
    return re.sub(r"[^A-Za-z0-9._~:]+", "-", text).strip("-") or "-"


def unique(text: str, taken: set[str]) -> str:
    """The slug of ``text``, with a number where ``taken`` has it already; is added to it."""
    base = name = slug(text)
    number = 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    return name


def _key(result: Result) -> Key:
    return result.glibc, result.arch, result.label, result.build, result.lane


def _origins(results: Sequence[Result]) -> list[str]:
    """The fewest words that tell each build from those of its version and architecture."""

    def most_alike(words: Sequence[str]) -> bool:
        seen = Counter((r.glibc, r.arch, word) for r, word in zip(results, words, strict=True))
        return max(seen.values(), default=0) > 1

    same = Counter((r.glibc, r.arch) for r in results)
    for words in (
        [r.label or r.build for r in results],
        [f"{r.label or r.build}, {r.lane}" for r in results],
        [f"{r.label}, {r.build}, {r.lane}" for r in results],
    ):
        if not most_alike(words):
            break
    return [
        word if same[r.glibc, r.arch] > 1 else "" for r, word in zip(results, words, strict=True)
    ]


def _left(columns: Sequence[Column], result: Result) -> int | None:
    """The left neighbour; for the first of another architecture the same version before it."""
    if not columns:
        return None
    if columns[-1].arch == result.arch:
        return len(columns) - 1
    same = [column.number for column in columns if column.glibc == result.glibc]
    return same[-1] if same else len(columns) - 1

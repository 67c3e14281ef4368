"""Where versions or architectures answer differently, and which rows of the dialects say why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from harness.compare.evidence import Evidence
from harness.compare.predict import predict, request_for
from harness.compare.results import ArchitectureChange, Result, VersionChange, place
from harness.model.dialects import Row, differences
from harness.versions import Version

Seen = tuple[Evidence, Result]
"""One build's evidence and the result judged from it."""


def changes(evidences: Sequence[Evidence], results: Sequence[Result]) -> tuple[VersionChange, ...]:
    """Compare each version's answer with the next newer one's, within each architecture.

    ``evidences`` and ``results`` go together, one per build, for one look-up under one
    gai.conf. Only rows that turn the model's older answer into the newer one are named.
    """
    found: dict[VersionChange, list[str]] = {}
    for arch, seen in _by_arch(evidences, results).items():
        for old, new in pairwise(seen):
            if _answer(old[1]) == _answer(new[1]):
                continue
            if old[1].glibc == new[1].glibc and old[1].label == new[1].label:
                continue
            labels = (_label(old[1], results), _label(new[1], results))
            change = VersionChange(
                old[1].glibc, new[1].glibc, *labels, why=explaining(old, new), **place(old[1])
            )
            sides = tuple(zip(change.names, (_shown(old[1]), _shown(new[1])), strict=True))
            found.setdefault(replace(change, sides=sides), []).append(arch)
    several = len({evidence.lane.arch for evidence in evidences}) > 1
    return tuple(
        replace(change, archs=tuple(archs) if several else ()) for change, archs in found.items()
    )


def architectures(
    evidences: Sequence[Evidence], results: Sequence[Result]
) -> tuple[ArchitectureChange, ...]:
    """Where one version answers differently on two architectures, and the rows that say why.

    Each group of architectures that answer alike is compared with that of the first one.
    """
    found: dict[ArchitectureChange, list[str]] = {}
    by_version: dict[str, list[Seen]] = {}
    for seen in _by_arch(evidences, results).values():
        for each in seen:
            by_version.setdefault(each[1].glibc, []).append(each)
    for glibc in sorted(by_version, key=Version.parse):
        alike: dict[object, list[Seen]] = {}
        for each in by_version[glibc]:
            alike.setdefault(_answer(each[1]), []).append(each)
        first, *others = alike.values()
        for other in others:
            one, two = _archs(first), _archs(other)
            if not set(one) & set(two):  # two builds of one version differ: no matter of these
                sides = tuple(
                    (", ".join(archs), _shown(alike[0][1]))
                    for archs, alike in ((one, first), (two, other))
                )
                change = ArchitectureChange(
                    (), one, two, why=explaining(first[0], other[0]), sides=sides,
                    **place(results[0]),
                )  # fmt: skip
                found.setdefault(change, []).append(glibc)
    return tuple(replace(change, glibc=tuple(versions)) for change, versions in found.items())


def explaining(one: Seen, other: Seen) -> tuple[str, ...]:
    """The rows, in words, that explain why two builds answer differently.

    Empty where no rows do. A file whose effect is undefined is an explanation too.
    """
    old, new = sorted((one, other), key=lambda seen: Version.parse(seen[1].glibc))
    rows = _explaining(old[0], new[0])
    lines = old[1].undefined or new[1].undefined
    if not rows and lines:
        return ("the file's effect is undefined: " + "; ".join(lines),)
    return tuple(_words(row, old[1].arch != new[1].arch) for row in rows)


def _by_arch(evidences: Sequence[Evidence], results: Sequence[Result]) -> dict[str, list[Seen]]:
    """The builds of each architecture that are trusted, oldest first; this machine's first."""
    found: dict[str, list[Seen]] = {}
    for evidence, result in zip(evidences, results, strict=True):
        if not result.untrusted:
            found.setdefault(evidence.lane.arch, []).append((evidence, result))
    own = sorted(found, key=lambda arch: not any(seen[1].label == "host" for seen in found[arch]))
    return {
        arch: sorted(found[arch], key=lambda seen: Version.parse(seen[1].glibc)) for arch in own
    }


def _archs(seen: Sequence[Seen]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(evidence.lane.arch for evidence, _ in seen))


def _answer(result: Result) -> tuple[tuple[str, ...], str | None]:
    return result.native, result.error


def _shown(result: Result) -> tuple[str, ...]:
    return (result.error,) if result.error else result.order


def _label(result: Result, among: Sequence[Result]) -> str:
    """The build's label where those of its version do not answer alike."""
    alike = [r for r in among if (r.glibc, r.arch) == (result.glibc, result.arch)]
    return result.label if len({_answer(r) for r in alike}) > 1 else ""


def _words(row: Row, by_arch: bool) -> str:
    if by_arch and row.archs is not None:
        return f"{row.evidence} ({row.feature} on {', '.join(sorted(row.archs))})"
    return f"since {row.since[0]}.{row.since[1]} {row.evidence} ({row.feature})"


def _explaining(old: Evidence, new: Evidence) -> tuple[Row, ...]:
    """One row that alone makes the older answer the newer one, or else as few as it takes."""
    newer, before = _prediction(new), _prediction(old)
    if before == newer:
        return ()
    rows = differences(old.dialect, new.dialect)
    alone = tuple(row for row in rows if _prediction(old, row) == newer)
    if alone or _prediction(old, *rows) != newer:
        return alone
    for row in rows:
        fewer = tuple(each for each in rows if each != row)
        if _prediction(old, *fewer) == newer:
            rows = fewer
    return rows


def _prediction(evidence: Evidence, *rows: Row) -> tuple[object, ...]:
    """What the model says, with the values of some rows instead of its own."""
    dialect = evidence.dialect
    for row in rows:
        dialect = replace(dialect, **{row.feature: row.value})  # type: ignore[arg-type]
    prediction = predict(
        request_for(evidence.lookup),
        evidence.names,
        evidence.view,
        evidence.conf.data,
        dialect,
    )
    return prediction.items, prediction.error, bool(prediction.undefined)

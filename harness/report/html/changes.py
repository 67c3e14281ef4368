"""Where builds of one look-up answer differently: both answers side by side, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.compare.results import (
    ArchitectureChange,
    BuildChange,
    LookupReport,
    Result,
    Side,
    VersionChange,
)
from harness.report.against import accepted, answer
from harness.report.html.answers import answer_key, answer_words


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: between what, each side with its answer, and the reasons.

    ``kind`` is "versions", "architectures" or "against"; ``short`` are the words for a list.
    ``note`` is what else has to be known of it.
    """

    kind: str
    between: str
    short: str
    sides: tuple[tuple[str, str], ...]
    why: tuple[str, ...]
    failed: bool = False
    note: str = ""


def changes_of(report: LookupReport) -> tuple[Change, ...]:
    """All differences a report tells of: versions, architectures, the build held against."""
    return (
        *(_versions(change, report.results) for change in report.changes),
        *(_architectures(change, report.results) for change in report.architectures),
        *(_against(change) for change in report.against),
    )


def _versions(change: VersionChange, results: Sequence[Result]) -> Change:
    older, newer = change.older, change.newer
    answers = ("", "")
    for own in _by_arch(results):
        if change.archs and own[0].arch not in change.archs:
            continue
        one = _of(own, older, change.older_label)
        other = _of(own, newer, change.newer_label)
        if one and other and answer_key(one[-1]) != answer_key(other[0]):
            answers = (answer_words(one[-1]), answer_words(other[0]))
            break
    names = (
        f"{older} ({change.older_label})" if change.older_label else older,
        f"{newer} ({change.newer_label})" if change.newer_label else newer,
    )
    sides = tuple(zip(names, answers, strict=True))
    return Change("versions", change.between, f"differs {change.between}", sides, change.why)


def _architectures(change: ArchitectureChange, results: Sequence[Result]) -> Change:
    sides = tuple(
        (", ".join(archs), answer_words(result))
        for archs in (change.one, change.other)
        for result in _first(results, change.glibc[0], archs)
    )
    return Change(
        "architectures", change.between, f"differs on {', '.join(change.other)}", sides, change.why
    )


def _against(change: BuildChange) -> Change:
    note = ""
    if change.accepted:
        note = accepted(change)
    elif change.undefined:
        note = "chance may have decided: not counted"
    return Change(
        kind="against",
        between=f"{change.new.where} against {change.old.where}",
        short=f"differs from {change.old.where} on {change.new.where}: {change.rules}",
        sides=(_side(change.old), _side(change.new)),
        why=change.why,
        failed=change.failed,
        note=note,
    )


def _side(side: Side) -> tuple[str, str]:
    return side.where, answer(side)


def _by_arch(results: Iterable[Result]) -> Iterator[list[Result]]:
    gathered: dict[str, list[Result]] = {}
    for result in results:
        gathered.setdefault(result.arch, []).append(result)
    yield from gathered.values()


def _of(results: Sequence[Result], glibc: str, label: str) -> list[Result]:
    own = [result for result in results if result.glibc == glibc]
    return [result for result in own if not label or result.label == label]


def _first(results: Sequence[Result], glibc: str, archs: Sequence[str]) -> Iterator[Result]:
    for result in results:
        if result.glibc == glibc and result.arch in archs:
            yield result
            return

"""What one build answers otherwise than another, grouped by the rules, for every format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.compare.results import BuildChange, LookupReport, Result, Side

Held = tuple[LookupReport, BuildChange]


@dataclass(frozen=True, slots=True)
class Group:
    """The changes in which the same rules decided before and after; ``title`` names them."""

    title: str
    held: tuple[Held, ...]


def groups(held: Iterable[Held]) -> tuple[Group, ...]:
    """Changes by the rules that decided, the largest group first, findings before the others."""
    found: dict[str, list[Held]] = {}
    for report, change in held:
        found.setdefault(change.rules, []).append((report, change))
    made = [Group(title, tuple(members)) for title, members in found.items()]
    return tuple(sorted(made, key=lambda group: (not _failing(group), -len(group.held))))


def _failing(group: Group) -> bool:
    return any(change.failed for _, change in group.held)


def answer(side: Side) -> str:
    """The order or error of one side, in words."""
    return side.error or ", ".join(side.order) or "no address"


def explanation(change: BuildChange) -> Iterator[str]:
    """A change in lines: old and new, each with its reason, and what explains the difference."""
    for side in (change.old, change.new):
        yield f"{side.where}: {answer(side)}"
        if side.why:
            yield f"  {side.why}"
    yield from change.why
    if change.undefined:
        yield "chance may have decided: not counted"
    if change.accepted:
        yield accepted(change)


def accepted(one: BuildChange | Result) -> str:
    """That the baseline knows it, and why it does."""
    return f"accepted by the baseline: {one.reason}" if one.reason else "accepted by the baseline"


def title_of(report: LookupReport) -> str:
    """The look-up with its gai.conf, where that is not the usual one."""
    if report.gai_conf == "default":
        return report.lookup
    return f"{report.lookup}  (gai.conf: {report.gai_conf})"


def totals(reports: Sequence[LookupReport]) -> str:
    """How many look-ups changed against the reference build, in one line; "" without one."""
    reference = next((report.reference for report in reports if report.reference), "")
    if not reference:
        return ""
    pairs = sum(report.holds(result) for report in reports for result in report.results)
    changes = [change for report in reports for change in report.against]
    words = f"{len(changes)} of {pairs} answers differ from {reference}"
    unlucky = sum(change.undefined for change in changes)
    known = sum(change.accepted for change in changes)
    if unlucky:
        words += f", {unlucky} by undefined lines of gai.conf"
    if known:
        words += f", {known} accepted"
    return words

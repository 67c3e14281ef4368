"""The head of the page: what ran, the totals, each build's share, what stands out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.compare.results import Notice, Summary, Verdict
from harness.report.against import accepted
from harness.report.html.answers import FLAG, SYMBOLS, UNTRUSTED
from harness.report.html.columns import Column, Columns
from harness.report.html.lookups import LookupView

_LISTED = 40


@dataclass(frozen=True, slots=True)
class Total:
    """One count of the run, with the filter that shows what it counts."""

    symbol: str
    count: int
    words: str
    kind: str
    filter: str


@dataclass(frozen=True, slots=True)
class BuildRow:
    """One build and its counts by verdict, in the order of `SYMBOLS`."""

    column: Column
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Notable:
    """A look-up that stands out, without its answers: why, in a line, and how much it matters."""

    view: LookupView
    words: str
    kind: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything above the matrix."""

    title: str
    version: str
    made: str
    lookups: int
    scenarios: int
    totals: tuple[Total, ...]
    builds: tuple[BuildRow, ...]
    notices: tuple[Notice, ...]
    notable: tuple[Notable, ...]
    left_out: int
    gai_confs: tuple[str, ...]


def overview(
    title: str,
    version: str,
    made: str,
    views: Iterable[LookupView],
    columns: Columns,
    summary: Summary,
    notices: Sequence[Notice] = (),
) -> Overview:
    """Sum a run up; ``made`` is the time in words, ``version`` this program's."""
    counts = {column.number: dict.fromkeys(SYMBOLS, 0) for column in columns.columns}
    notable: dict[bool, list[Notable]] = {True: [], False: []}
    lookups = standing_out = differing = 0
    scenarios: set[str] = set()
    gai_confs: set[str] = set()
    for view in views:
        lookups += 1
        scenarios.add(view.report.scenario)
        gai_confs.add(view.report.gai_conf)
        differing += view.differs
        for group in view.groups:
            for number in group.columns:
                counts[number][group.kind] += 1
        if view.news:
            standing_out += 1
            one = _notable(view)
            kept = notable[one.kind == "failed"]
            if len(kept) < _LISTED:
                kept.append(one)
    listed = [*notable[True], *notable[False]][:_LISTED]
    return Overview(
        title=title,
        version=version,
        made=made,
        lookups=lookups,
        scenarios=len(scenarios),
        totals=_totals(summary, differing),
        builds=tuple(
            BuildRow(column, tuple(counts[column.number].values())) for column in columns.columns
        ),
        notices=tuple(notices),
        notable=tuple(listed),
        left_out=standing_out - len(listed),
        gai_confs=tuple(sorted(gai_confs)),
    )


def _totals(summary: Summary, differing: int) -> tuple[Total, ...]:
    crashed = "crashed"
    if summary.predicted:
        every = summary.predicted == summary.crashed
        crashed += ", all predicted" if every else f", {summary.predicted} predicted"
    totals = [
        Total(SYMBOLS[Verdict.AGREE], summary.agree, "agree", "agree", "verdict=agree"),
        Total(SYMBOLS[Verdict.DISAGREE], summary.disagree, "disagree", "disagree",
              "verdict=disagree"),
        Total(SYMBOLS[Verdict.CRASHED], summary.crashed, crashed, "crashed", "verdict=crashed"),
        Total(SYMBOLS[Verdict.ERROR], summary.error, "error" + "s" * (summary.error != 1), "error",
              "verdict=error"),
    ]  # fmt: skip
    if summary.expectation_failed:
        words = "with a failed expectation"
        totals.append(Total(FLAG, summary.expectation_failed, words, "unmet", "verdict=unmet"))
    if summary.accepted:
        words = "accepted by the baseline"
        totals.append(Total("○", summary.accepted, words, "accepted", "verdict=accepted"))
    if summary.untrusted:
        words = "not counted: the way there failed its self-test"
        totals.append(Total(SYMBOLS[UNTRUSTED], summary.untrusted, words, UNTRUSTED,
                            f"verdict={UNTRUSTED}"))  # fmt: skip
    words = "look-up differs between builds" if differing == 1 else "look-ups differ between builds"
    totals.append(Total("Δ", differing, words, "differs", "differs=1"))
    return tuple(totals)


def _notable(view: LookupView) -> Notable:
    """Why a look-up stands out: what failed comes first, then crashes, then differences."""
    words, kind = _why(view)
    report = replace(view.report, results=(), changes=(), architectures=(), against=())
    return Notable(replace(view, report=report, groups=(), cells=(), changes=()), words, kind)


def _why(view: LookupView) -> tuple[str, str]:
    worst = view.worst
    if worst.unmet and worst.failed:
        return f"expectation failed: {worst.unmet[0]}", "failed"
    if worst.failed:
        reasons = {
            Verdict.DISAGREE: "native and model disagree",
            Verdict.CRASHED: f"glibc died of {worst.result.error}, which the model did not predict",
            Verdict.ERROR: f"error: {worst.result.error}",
        }
        return reasons.get(worst.verdict, str(worst.verdict)), "failed"
    parts = []
    if worst.verdict is Verdict.CRASHED:
        parts.append(f"glibc died of {worst.result.error}, as predicted")
    kind = "crashed" if parts else "differs"
    if worst.result.accepted:
        parts.append(accepted(worst.result))
    parts += dict.fromkeys(change.short for change in view.changes)
    if not parts:
        parts.append("builds differ")
    failed = any(change.failed for change in view.changes)
    return "; ".join(parts), "failed" if failed else kind

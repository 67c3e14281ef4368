"""The head of the page: what ran, each build's share, what stands out. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from harness.compare.results import Verdict
from harness.report.html.answers import SYMBOLS
from harness.report.html.columns import Columns
from harness.report.html.lookups import LookupView
from harness.report.words import acceptance

_LISTED = 40


class Notable(NamedTuple):
    """A look-up that stands out, without its answers: why, in a line, and how much it matters."""

    view: LookupView
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
        self.lookups += 1
        self.scenarios.add(view.report.scenario)
        self.gai_confs.add(view.report.gai_conf)
        self.differing += view.differs
        for group in view.groups:
            for number in group.columns:
                self.counts[number][group.kind] += 1
        if view.news:
            self.news.append(view.number)
            words, kind = _why(view)
            kept = self._notable[kind == "failed"]
            if len(kept) < _LISTED:
                report = replace(view.report, results=(), changes=(), architectures=(), against=())
                kept.append(Notable(replace(view, report=report, groups=(), cells=()), words, kind))

    @property
    def notable(self) -> list[Notable]:
        """What stands out, what fails first; of many look-ups the first ones."""
        return [*self._notable[True], *self._notable[False]][:_LISTED]


def _why(view: LookupView) -> tuple[str, str]:
    """Why a look-up stands out: what failed comes first, then crashes, then differences."""
    worst, result = view.worst, view.worst.result
    if worst.unmet and result.failed:
        return f"expectation failed: {worst.unmet[0]}", "failed"
    if result.failed:
        reasons = {
            Verdict.DISAGREE: "native and model disagree",
            Verdict.CRASHED: f"glibc died of {result.error}, which the model did not predict",
            Verdict.ERROR: f"error: {result.error}",
        }
        return reasons.get(result.verdict, str(result.verdict)), "failed"
    died = result.verdict is Verdict.CRASHED
    parts = [f"glibc died of {result.error}, as predicted"] if died else []
    parts += [acceptance(result)] if result.accepted else []
    parts += dict.fromkeys(change.short for change in view.report.differences)
    failed = any(change.failed for change in view.report.differences)
    kind = "failed" if failed else "crashed" if died else "differs"
    return "; ".join(parts) or "builds differ", kind

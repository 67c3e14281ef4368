"""Before and after, side by side, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Annotated

from pydantic import Field
from rich.text import Text

from harness.advice.lint import Finding
from harness.compare.results import Count
from harness.compare.whatif import Change, Comparison, Decision, Place, Prediction, WhatIf
from harness.report.documents import Schema
from harness.report.terminal import Terminal
from harness.text.shown import one_line


class TextReport:
    """Writes changes one by one as they come.

    ``console`` decides on colours and width; nothing is wrapped.
    """

    def __init__(self, console: Terminal | None = None) -> None:
        self._console = console or Terminal()
        self._told: tuple[Finding, ...] | None = None
        self._lookups = self._changed = self._failed = 0

    def add(self, change: Change, found: Iterable[WhatIf]) -> None:
        """Write what one change does to the look-ups of one host."""
        title = f"{change.job.scenario.name}: {change.before.name} → {change.after.name}"
        self._line(title, "bold")
        if change.findings != self._told:
            self._told = change.findings
            for finding in change.findings:
                place = f"line {finding.line}: " if finding.line else ""
                versions = "" if finding.glibc == "all" else f" [glibc {finding.glibc}]"
                self._line(f"  {finding.code} {place}{finding.message}{versions}", "yellow")
        for one in found:
            self._lookup(one)

    def finish(self) -> None:
        """Write the totals."""
        text = f"{self._changed} of {self._lookups} lookups changed"
        if self._failed:
            text += f"; native and model disagree on {self._failed}"
        self._line(text, "bold")

    def _lookup(self, what: WhatIf) -> None:
        self._lookups += 1
        self._changed += what.changed
        self._failed += what.failed
        self._line(f"  {what.lookup}: {'changes' if what.changed else 'unchanged'}", "bold")
        groups = _alike(what.results)
        for same in groups:
            self._comparison(same)
        if len(groups) > 1:
            self._line("    the versions of glibc react differently", "yellow")
        for change in what.versions_differ:
            why = "; ".join(change.why) or "no single dialect row explains it"
            self._line(f"    {change.older} → {change.newer} differs: {why}", "yellow")
        if len(what.predictions) > 1:
            self._line("    by the model, under the new file:", "yellow")
            for prediction in what.predictions:
                self._line(f"      glibc {_range(prediction)}: {_outcome(prediction)}", "yellow")

    def _comparison(self, same: Sequence[Comparison]) -> None:
        first = same[0]
        builds = ", ".join(dict.fromkeys(f"{one.after.glibc} {one.after.arch}" for one in same))
        verdict = f"native and model {first.before.verdict}"
        if first.before.verdict != first.after.verdict:
            verdict += f" before, {first.after.verdict} after"
        self._line(f"    glibc {builds}: {verdict}", "bold red" if first.failed else "")
        for when, result in (("before", first.before), ("after", first.after)):
            if result.error:
                self._line(f"      {when}: {result.error}", "magenta")
            for line in result.undefined:
                self._line(f"      {when}, undefined: {line}", "magenta")
            if not result.agreed:
                self._line(f"      {when}, native: {', '.join(result.native)}", "bold red")
                self._line(f"      {when}, model:  {', '.join(result.model)}", "bold red")
        if first.places:
            for text, style in _table(first):
                self._line(text, style)
        for decision in first.decisions:
            self._decision(decision)

    def _decision(self, decision: Decision) -> None:
        now, old = decision.now, decision.old
        if decision.turned:
            assert old is not None
            text, style = f"{now.why} (before: {old.why})", "bold"
        elif old is not None and old.rule != now.rule:
            text, style = f"{now.why} (before: rule {old.rule})", ""
        else:
            text, style = now.why, "dim"
        self._line(f"      {text}", style)

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(Text(one_line(text), style), soft_wrap=True, highlight=False)


def _alike(comparisons: Sequence[Comparison]) -> list[list[Comparison]]:
    """Builds that answer alike before and after, side by side."""
    groups: dict[object, list[Comparison]] = {}
    for one in comparisons:
        key = tuple(
            (r.native, r.error, r.verdict, r.model, r.undefined) for r in (one.before, one.after)
        )
        groups.setdefault((key, one.decisions), []).append(one)
    return list(groups.values())


def _table(comparison: Comparison) -> list[tuple[str, str]]:
    """Both orders side by side: the lines and their styles, headings first."""
    before = list(dict.fromkeys(comparison.before.native))
    here = [place for place in comparison.places if place.now is not None]
    rows = [("", "before", "", "after", "")]
    for number, (old, place) in enumerate(zip_longest(before, here), 1):
        now = place.address if place is not None else ""
        sign = "→" if old != now else " "
        rows.append((str(number), old or "", sign, now, _marker(place)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        text = "      " + "  ".join([*cells, row[4]]).rstrip()
        lines.append((text, "bold" if row[4] else "dim" if row is rows[0] else ""))
    return lines


def _marker(place: Place | None) -> str:
    if place is None or not place.moved or place.now is None:
        return ""
    if place.was is None:
        return "new"
    steps = place.was - place.now
    return f"{'↑' if steps > 0 else '↓'}{abs(steps)}"


def _range(prediction: Prediction) -> str:
    if prediction.until is None:
        return f"{prediction.since} and later"
    return f"{prediction.since} to before {prediction.until}"


def _outcome(prediction: Prediction) -> str:
    text = prediction.error or ", ".join(prediction.order)
    if prediction.undefined:
        text += " — or anything, a crash included: the file's effect is undefined"
    return text


@dataclass(frozen=True, slots=True)
class HostChange:
    """One host and what another gai.conf does there."""

    scenario: str
    before: str
    after: str
    gai_conf: Annotated[str | None, Field(description="the text of the new file")]
    findings: tuple[Finding, ...]
    lookups: tuple[WhatIf, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """``gai-harness whatif --json``; the keys of a result are those of ``run``."""

    changes: tuple[HostChange, ...]
    changed: Count
    disagree: Count
    schema: Schema = 1


def document(found: Sequence[tuple[Change, Sequence[WhatIf]]]) -> Document:
    """All changes as one JSON document."""
    return Document(
        changes=tuple(
            HostChange(
                scenario=change.job.scenario.name,
                before=change.before.name,
                after=change.after.name,
                gai_conf=_text(change.after.data),
                findings=change.findings,
                lookups=tuple(whatifs),
            )
            for change, whatifs in found
        ),
        changed=sum(one.changed for _, whatifs in found for one in whatifs),
        disagree=sum(one.failed for _, whatifs in found for one in whatifs),
    )


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "replace")

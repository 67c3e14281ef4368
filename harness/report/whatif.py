"""Before and after, side by side, for a terminal and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from operator import attrgetter

from pydantic import computed_field

from harness.advice.lint import Finding
from harness.compare.fields import Count, Schema
from harness.compare.values import grouped
from harness.compare.whatif import Comparison, HostChange, Move, VersionRange, WhatIf
from harness.report.terminal import Terminal
from harness.report.words import THIS_HOST, beyond, builds, comparison, lint_line, whose


class WhatifText:
    """Writes changes one by one as they come.

    ``console`` decides on colours and width; nothing is wrapped. ``here``: the changes are tried
    on copies of this host.
    """

    def __init__(self, console: Terminal | None = None, here: bool = False) -> None:
        self._say = (console or Terminal()).say
        self._here = here
        self._told: tuple[Finding, ...] | None = None

    def add(self, change: HostChange) -> None:
        """Write what one change does to the look-ups of one host."""
        where = THIS_HOST if self._here else change.scenario
        self._say(f"{where}: {change.before} → {change.after}", "bold")
        if change.findings != self._told:
            self._told = change.findings
            for finding in change.findings:
                self._say(f"  {lint_line(finding)}", "yellow")
        for one in change.lookups:
            self._lookup(one)

    def finish(self, found: "WhatifDocument") -> None:
        """Write the totals."""
        text = f"{found.changed} of {len(found.lookups)} lookups changed"
        if found.disagree:
            text += f"; native and model disagree on {found.disagree}"
        self._say(text, "bold")
        results = [one.after for what in found.lookups for one in what.results]
        if line := beyond(one.glibc for one in results if one.resolver == "glibc"):
            self._say(line, "yellow")

    def _lookup(self, what: WhatIf) -> None:
        self._say(f"  {what.lookup}: {'changes' if what.changed else 'unchanged'}", "bold")
        facts = attrgetter("returned", "verdict", "model", "undefined")
        alike = grouped(what.results, lambda c: (facts(c.before), facts(c.after), c.decisions))
        for same in alike.values():
            for line, style in _comparison(same):
                self._say(line, style)
        if len({(one.changed, one.moved, one.after.error) for one in what.results}) > 1:
            asked = {one.resolver for one in what.results}
            whose = "resolvers" if len(asked) > 1 else f"versions of {min(asked)}"
            self._say(f"    the {whose} react differently", "yellow")
        for change in what.versions_differ:
            self._say(f"    {change.older} → {change.newer} differs: {change.because}", "yellow")
        if len(what.predictions) > 1:
            self._say("    by the model, under the new file:", "yellow")
            for prediction in what.predictions:
                self._say(f"      glibc {_predicted(prediction)}", "yellow")
        if what.own_name:
            self._say(f"    {what.own_name}", "yellow")


def _comparison(same: Sequence[Comparison]) -> Iterator[tuple[str, str]]:
    """What builds that answer alike gave before and after, in lines with their styles."""
    first = same[0]
    verdict, after = comparison(first.before), comparison(first.after)
    if verdict != after:
        verdict = f"before, {verdict}; after, {after}"
    yield (
        f"    {whose([first.after])}{builds(one.after for one in same)}: {verdict}",
        "bold red" if first.failed else "",
    )
    for when, result in (("before", first.before), ("after", first.after)):
        if result.error:
            yield f"      {when}: {result.error}", "magenta"
        for line in result.undefined:
            yield f"      {when}, undefined: {line}", "magenta"
        if not result.agreed:
            yield f"      {when}, native: {result.answer}", "bold red"
            yield f"      {when}, model:  {result.model_answer}", "bold red"
    if first.places:
        yield from _table(first)
    for line in first.after.presence_lines:
        yield f"      {line}", "cyan"
    for decision in first.decisions:
        now, old = decision.now, decision.old
        if old is not None and decision.turned:
            yield f"      {now.why} (before: {old.why})", "bold"
        elif old is not None and old.rule != now.rule:
            yield f"      {now.why} (before: rule {old.rule})", ""
        else:
            yield f"      {now.why}", "dim"


def _table(comparison: Comparison) -> Iterator[tuple[str, str]]:
    here = [place for place in comparison.places if place.now is not None]
    rows = [("", "before", "", "after", "")]
    for number, (old, place) in enumerate(zip_longest(comparison.before.order, here), 1):
        now = place.address if place is not None else ""
        rows.append((str(number), old or "", "→" if old != now else " ", now, _marker(place)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        text = "      " + "  ".join(map(str.ljust, row, widths)).rstrip()
        yield text, "bold" if row[4] else "dim" if row is rows[0] else ""


def _marker(place: Move | None) -> str:
    if place is None or not place.moved or place.now is None:
        return ""
    if place.was is None:
        return "new"
    steps = place.was - place.now
    return f"{'↑' if steps > 0 else '↓'}{abs(steps)}"


def _predicted(one: VersionRange) -> str:
    text = f"{one.since} " + (f"to before {one.until}" if one.until else "and later")
    text += f": {one.error or ', '.join(one.order)}"
    if one.undefined:
        text += " — or anything, a crash included: the file's effect is undefined"
    return text


@dataclass(frozen=True, slots=True)
class WhatifDocument:
    """``gai-harness whatif --json``; the keys of a result are those of ``run``."""

    changes: tuple[HostChange, ...]
    schema: Schema = 1

    @property
    def lookups(self) -> list[WhatIf]:
        """The look-ups of all hosts."""
        return [one for change in self.changes for one in change.lookups]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def changed(self) -> Count:
        """How many look-ups are answered otherwise."""
        return sum(one.changed for one in self.lookups)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def disagree(self) -> Count:
        """On how many native and model disagree."""
        return sum(one.failed for one in self.lookups)

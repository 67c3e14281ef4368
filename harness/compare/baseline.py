"""Known differences: which of a run's are accepted, which are news, which are gone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeAlias

from harness.compare.results import BuildChange, LookupReport, Result
from harness.scenario.values import satisfies
from harness.versions import Version, is_version

Outcome: TypeAlias = tuple[str, ...] | str
"""An order, or the name of the error that came instead."""

Place: TypeAlias = tuple[str, str, str]
"""A scenario, a look-up and a gai.conf, by their names in results."""


@dataclass(frozen=True, slots=True)
class KnownResult:
    """What is accepted of one result: glibc and model differ so, or expectations fail so."""

    verdict: str
    native: Outcome
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownChange:
    """What is accepted of one build held against another (`Result.where`)."""

    against: str
    was: Outcome
    now: Outcome


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """One accepted difference and where it is.

    ``source`` is the scenario's file, "library" or "suite:NAME". ``glibc`` (a version, or a
    specifier such as ">=2.41"), ``arch`` and ``build`` (a label) are None for any.
    """

    scenario: str
    lookup: str
    gai_conf: str
    known: KnownResult | KnownChange
    glibc: str | None = None
    arch: str | None = None
    build: str | None = None
    source: str = ""
    reason: str = ""

    @property
    def place(self) -> Place:
        """The scenario, the look-up and the gai.conf."""
        return self.scenario, self.lookup, self.gai_conf

    @property
    def builds(self) -> tuple[str | None, ...]:
        """The builds it is for."""
        return self.glibc, self.arch, self.build

    @property
    def where(self) -> str:
        """The builds it is for, in words: "2.36:amd64 (bookworm)"; "" for all."""
        words = [":".join(filter(None, (self.glibc, self.arch)))]
        words.append(f"({self.build})" if self.build else "")
        return " ".join(filter(None, words))

    def covers(self, result: Result) -> bool:
        """Whether it is for the build that gave ``result``."""
        return (
            (self.glibc is None or fits(result.glibc, self.glibc))
            and self.arch in (None, result.arch)
            and self.build in (None, result.label)
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run asked of one scenario; ``whole`` is False where an error cut it short."""

    scenario: str
    lookups: frozenset[str]
    gai_confs: frozenset[str]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Stale:
    """An entry that nothing needs any more, and why."""

    entry: KnownEntry
    why: str


@dataclass(frozen=True, slots=True)
class _Look:
    """One thing a run looked at: a result, or a build held against another."""

    result: Result
    found: KnownResult | KnownChange | None
    against: str = ""

    def judges(self, entry: KnownEntry) -> bool:
        """Whether it could have shown what ``entry`` is for."""
        wanted = entry.known.against if isinstance(entry.known, KnownChange) else ""
        return self.against == wanted and entry.covers(self.result)


class Baseline:
    """Holds a run against its accepted differences, report by report.

    Parameters: ``entries`` of the file. With ``accept_all`` every difference is accepted and
    becomes an entry. ``name`` turns a report's source into an entry's.
    """

    def __init__(
        self,
        entries: Iterable[KnownEntry],
        *,
        accept_all: bool = False,
        name: Callable[[str], str] = str,
    ) -> None:
        self._entries = tuple(entries)
        self._accept_all = accept_all
        self._name = name
        self._by_place: dict[Place, list[KnownEntry]] = {}
        for entry in self._entries:
            self._by_place.setdefault(entry.place, []).append(entry)
        self._used: set[KnownEntry] = set()
        self._new: dict[KnownEntry, None] = {}
        self._seen: dict[Place, list[_Look]] = {}

    def apply(self, report: LookupReport) -> LookupReport:
        """The report with what is accepted marked so."""
        results = []
        for result in report.results:
            entry = self._accepting(report, _Look(result, difference(result)))
            results.append(
                replace(result, accepted=True, reason=entry.reason) if entry else result
            )  # fmt: skip
        changed = {change.new.where: change for change in report.against}
        for result in filter(report.holds, report.results):
            change = changed.get(result.where)
            known = None if change is None or change.undefined else _change(change)
            entry = self._accepting(report, _Look(result, known, report.reference))
            if entry is not None and change is not None:
                changed[result.where] = replace(change, accepted=True, reason=entry.reason)
        return replace(report, results=tuple(results), against=tuple(changed.values()))

    def _accepting(self, report: LookupReport, seen: _Look) -> KnownEntry | None:
        """The entry that accepts what was seen, if there is something to accept."""
        if seen.result.untrusted:
            return None  # it says nothing, not even that a difference is gone
        place = (report.scenario, report.lookup, report.gai_conf)
        if place in self._by_place:  # an entry may be asked later whether it is still needed
            self._seen.setdefault(place, []).append(
                replace(seen, result=seen.result.without_answer())
            )
        if seen.found is None:
            return None
        entries = [entry for entry in self._by_place.get(place, ()) if seen.judges(entry)]
        fitting = [entry for entry in entries if entry.known == seen.found]
        self._used.update(fitting)
        if fitting or not self._accept_all:
            return fitting[0] if fitting else None
        result = seen.result
        made = KnownEntry(
            *place, seen.found, result.glibc, result.arch, result.label, self._name(report.source)
        )
        reasons = [old.reason for old in entries if old.builds == made.builds]
        made = replace(made, reason=reasons[0]) if reasons else made
        self._new[made] = None
        return made

    def stale(
        self, ran: Iterable[Ran], gone: Callable[[KnownEntry], bool] = lambda _: False
    ) -> tuple[Stale, ...]:
        """The entries that nothing needs any more, of those that the run could tell of.

        ``ran`` says what was asked; ``gone`` whether an entry's scenario, which was not run,
        is no more.
        """
        asked: dict[str, list[Ran]] = {}
        for one in ran:
            asked.setdefault(one.scenario, []).append(one)
        judged = ((entry, self._why(entry, asked, gone)) for entry in self._entries)
        return tuple(Stale(entry, why) for entry, why in judged if why)

    def _why(
        self,
        entry: KnownEntry,
        asked: dict[str, list[Ran]],
        gone: Callable[[KnownEntry], bool],
    ) -> str:
        """Why an entry is stale; "" where it is not."""
        if entry in self._used:
            return ""
        runs = asked.get(entry.scenario)
        if runs is None:
            return "there is no such scenario any more" if gone(entry) else ""
        if not all(one.whole for one in runs):
            return ""
        if not any(entry.lookup in one.lookups for one in runs):
            return "the scenario has no such look-up any more"
        judging = [seen for seen in self._seen.get(entry.place, ()) if seen.judges(entry)]
        if not judging:
            return ""
        if any(seen.found is not None for seen in judging):
            return "the difference is another one now"
        return "the difference is gone"

    def updated(self, stale: Iterable[Stale]) -> tuple[KnownEntry, ...]:
        """The entries as they should be now, sorted: without the stale ones, with the new ones."""
        dropped = {one.entry for one in stale}
        kept = [entry for entry in self._entries if entry not in dropped]
        return tuple(sorted({*kept, *self._new}, key=_order))


def difference(result: Result) -> KnownResult | None:
    """What there is to accept in a result; None where nothing differs."""
    if not result.differs:
        return None
    return KnownResult(str(result.verdict), _outcome(result.native, result.error), result.unmet)


def _change(change: BuildChange) -> KnownChange:
    old, new = change.old, change.new
    return KnownChange(old.where, _outcome(old.order, old.error), _outcome(new.order, new.error))


def _outcome(order: tuple[str, ...], error: str | None) -> Outcome:
    return order if error is None else error


@cache
def fits(version: str, wanted: str) -> bool:
    """Whether a glibc version is the one wanted, or fits the specifier."""
    return version == wanted if wanted[0].isdigit() else satisfies(version, wanted)


def _order(entry: KnownEntry) -> tuple[object, ...]:
    version = entry.glibc or ""
    return (
        isinstance(entry.known, KnownChange), entry.scenario, entry.lookup, entry.gai_conf,
        Version.parse(version if is_version(version) else "0.0"), version,
        entry.arch or "", entry.build or "", repr(entry.known), entry.source, entry.reason,
    )  # fmt: skip

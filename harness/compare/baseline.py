"""Known differences: the file of those that are accepted, and which of a run's are news or gone.

The file is YAML, versioned and sorted. Reading is strict and bounded; an error is one line with
the file, the line and the field.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TextIO, TypeAlias

from pydantic import AfterValidator, Field

from harness.compare.predict import lookup_title
from harness.compare.results import LookupReport, Result
from harness.compare.run import JobOutcome
from harness.compare.values import grouped
from harness.scenario import library
from harness.scenario.values import Model, Text, satisfies, specifier
from harness.text.errors import InputError
from harness.text.reading import read_bounded
from harness.text.strict_yaml import document, parse
from harness.text.validation import validated
from harness.versions import RESOLVERS, Version, is_version

_LIBRARY = "library"
_MAX_BYTES = 64 << 20
_HEADER = """\
Differences that are known and accepted: gai-harness run --baseline FILE fails on others only.
An entry accepts exactly what it says; another difference at the same place is news.
reason is yours to write; --update-baseline keeps it, other comments are lost. glibc, arch and
build say for which builds an entry is: left out, for all; glibc may be '>=2.41' too.
"""


def _version(text: str) -> str:
    resolver, _, number = text.rpartition(" ")
    other = resolver in RESOLVERS[1:] and is_version(number)
    return text if other or is_version(text) else specifier(text)


KnownAnswer: TypeAlias = tuple[Text, ...] | Text
"""An order, or the name of the error that came instead."""


class _KnownDifference(Model):
    """One accepted difference and where it is.

    ``source`` is the scenario's file, "library" or "suite:NAME". ``glibc`` (a version, or a
    specifier such as ">=2.41"; of another resolver "musl 1.2.3"), ``arch`` and ``build`` (a label)
    are None for any.
    """

    scenario: Text
    lookup: Text
    gai_conf: Text = "default"
    glibc: Annotated[Text, AfterValidator(_version)] | None = None
    arch: Text | None = None
    build: Text | None = None
    source: Text = ""
    reason: Text = ""

    @property
    def place(self) -> tuple[str, str, str]:
        """The scenario, the look-up and the gai.conf, by their names in results."""
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
            (self.glibc is None or fits(result.version, self.glibc))
            and self.arch in (None, result.arch)
            and self.build in (None, result.label)
        )


class KnownResult(_KnownDifference):
    """What is accepted of one result: glibc and model differ so, or expectations fail so."""

    against: ClassVar[str] = ""
    verdict: Literal["agree", "disagree", "crashed", "error"]
    native: KnownAnswer
    expectations: tuple[Text, ...] = ()


class KnownChange(_KnownDifference):
    """What is accepted of one build held against another (`Result.where`)."""

    against: Text
    was: KnownAnswer
    now: KnownAnswer


KnownEntry: TypeAlias = KnownResult | KnownChange


class _File(Model):
    version: Annotated[Literal[1], Field(alias="schema")]
    differences: tuple[KnownResult, ...] = ()
    changes: tuple[KnownChange, ...] = ()


def read(path: Path) -> tuple[KnownEntry, ...]:
    """The entries of a baseline. Raises InputError, one line, for one that cannot be used."""
    file = str(path)
    try:
        data = read_bounded(path, _MAX_BYTES)
    except (OSError, ValueError) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise InputError(file, None, "file", "a baseline that can be read", got) from None
    # an entry has some 300 bytes and 10 values
    keys, values = "schema, differences and changes", _MAX_BYTES >> 4
    tree = parse(file, data, keys, size=_MAX_BYTES, values=values, libyaml=True)
    known = validated(_File, tree, file)
    return (*known.differences, *known.changes)


def write(stream: TextIO, entries: Iterable[KnownEntry]) -> None:
    """Write a baseline: the same entries give the same bytes."""
    lists: dict[str, list[dict[str, Any]]] = {"differences": [], "changes": []}
    for entry in entries:
        fields = entry.model_dump(exclude_none=True)
        fields |= {last: fields.pop(last) for last in ("source", "reason")}
        if fields.get("expectations") == ():
            del fields["expectations"]
        lists["changes" if entry.against else "differences"].append(fields)
    data = {"schema": 1} | {key: found for key, found in lists.items() if found}
    stream.write(document(data, [_HEADER], rows=False))


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
        self._by_place = grouped(self._entries, lambda entry: entry.place)
        self._used: set[KnownEntry] = set()
        self._new: dict[KnownEntry, None] = {}
        # whether anything differed of what the run saw that an entry is for
        self._differs: dict[KnownEntry, bool] = {}

    def apply(self, report: LookupReport) -> LookupReport:
        """The report with what is accepted marked so."""
        results = []
        for result in report.results:
            known: dict[str, Any] | None = None
            if result.differs:
                native = result.native if result.error is None else result.error
                known = {"verdict": str(result.verdict), "native": native}
                known["expectations"] = result.unmet
            entry = self._accepting(report, result, known)
            results.append(
                replace(result, accepted=True, reason=entry.reason) if entry else result
            )  # fmt: skip
        changed = {change.new.where: change for change in report.against}
        for result in filter(report.holds, report.results):
            change, known = changed.get(result.where), None
            if change is not None and not change.undefined:
                was, now = (
                    side.order if side.error is None else side.error
                    for side in (change.old, change.new)
                )
                known = {"against": report.reference, "was": was, "now": now}
            entry = self._accepting(report, result, known, report.reference)
            if entry is not None and change is not None:
                changed[result.where] = replace(change, accepted=True, reason=entry.reason)
        return replace(report, results=tuple(results), against=tuple(changed.values()))

    def _accepting(
        self, report: LookupReport, result: Result, known: dict[str, Any] | None, against: str = ""
    ) -> KnownEntry | None:
        """The entry that accepts ``known``, what an entry would say of the result, if any does."""
        if result.untrusted:
            return None  # it says nothing, not even that a difference is gone
        place = (report.scenario, report.lookup, report.gai_conf)
        entries = [
            entry
            for entry in self._by_place.get(place, ())
            if entry.against == against and entry.covers(result)
        ]
        for entry in entries:
            self._differs[entry] = self._differs.get(entry, False) or known is not None
        if known is None:
            return None
        chance = any(one.kind == "chance" for one in result.remarks)

        def says(entry: KnownEntry, key: str) -> bool:
            its, ours = getattr(entry, key), known[key]
            # where chance decides between several orders, the next run may meet another one
            return its == ours or (chance and key == "native" and type(its) is type(ours))

        fitting = [entry for entry in entries if all(says(entry, key) for key in known)]
        self._used.update(fitting)
        if fitting or not self._accept_all:
            return fitting[0] if fitting else None
        builds = (result.version, result.arch, result.label)
        reasons = [old.reason for old in entries if old.builds == builds]
        fields = ("scenario", "lookup", "gai_conf", "glibc", "arch", "build")
        made = (KnownChange if against else KnownResult)(
            **known, **dict(zip(fields, place + builds, strict=True)),
            source=self._name(report.source), reason=next(iter(reasons), ""),
        )  # fmt: skip
        self._new[made] = None
        return made

    def stale(
        self, ran: Iterable[JobOutcome], gone: Callable[[KnownEntry], bool] = lambda _: False
    ) -> dict[KnownEntry, str]:
        """The entries that nothing needs any more, of those the run could tell of, and why.

        ``ran`` is what was run; ``gone`` says whether an entry's scenario, which was not, is
        no more.
        """
        asked: dict[str, set[str]] = {}
        cut: set[str] = set()  # by an error
        for one in ran:
            scenario = one.job.scenario
            asked.setdefault(scenario.name, set()).update(map(lookup_title, scenario.lookups))
            cut |= {scenario.name} if one.error else set()
        found = {}
        for entry in self._entries:
            if entry.scenario not in asked:
                if gone(entry):
                    found[entry] = "there is no such scenario any more"
            elif entry in self._used or entry.scenario in cut:
                continue
            elif entry.lookup not in asked[entry.scenario]:
                found[entry] = "the scenario has no such look-up any more"
            elif entry in self._differs:
                now = "another one now" if self._differs[entry] else "gone"
                found[entry] = f"the difference is {now}"
        return found

    def updated(self, stale: Iterable[KnownEntry]) -> tuple[KnownEntry, ...]:
        """The entries as they should be now, sorted: without the stale ones, with the new ones."""
        return tuple(sorted({*self._entries, *self._new} - {*stale}, key=_order))


@cache
def fits(version: str, wanted: str) -> bool:
    """Whether a version is the one wanted; or glibc's, and fits the specifier."""
    specified = not wanted[0].isalnum() and is_version(version)
    return satisfies(version, wanted) if specified else version == wanted


def _order(entry: KnownEntry) -> tuple[object, ...]:
    version = entry.glibc or ""
    number = Version.parse(version if is_version(version) else "0.0")
    builds = (number, version, entry.arch or "", entry.build or "")
    return isinstance(entry, KnownChange), *entry.place, *builds, repr(entry)


class Sources:
    """How the baseline at ``path`` names the files of scenarios, and whether they are there.

    ``run`` has the sources that this run has read.
    """

    def __init__(self, path: Path, run: Iterable[str]) -> None:
        self._folder = Path(os.path.realpath(path)).parent
        self._library = {str(file): file.stem for file in library()}
        self._read = {self.name(source) for source in run} - {_LIBRARY}

    def name(self, source: str) -> str:
        """A source as an entry has it: "library", "suite:NAME", or a path from the baseline."""
        if source in self._library:
            return _LIBRARY
        if source.startswith("suite:"):
            return source
        return os.path.relpath(os.path.realpath(source), self._folder)

    def gone(self, entry: KnownEntry) -> bool:
        """Whether a scenario that was not run is no more."""
        if not entry.source:
            return False
        if entry.source == _LIBRARY:
            return entry.scenario not in self._library.values()
        if entry.source in self._read:  # and has no scenario of that name
            return True
        return ":" not in entry.source and not os.path.lexists(self._folder / entry.source)

"""The file of accepted differences: YAML, versioned, sorted; and whether its scenarios are there.

Reading is strict and bounded; an error is one line with the file, the line and the field.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

from pydantic import AfterValidator, Field

from harness.compare.baseline import KnownChange, KnownEntry, KnownResult
from harness.scenario import library
from harness.scenario.base import Model, Text
from harness.scenario.values import specifier
from harness.text import yaml_writing
from harness.text.errors import InputError
from harness.text.reading import read_bounded
from harness.text.validation import validated
from harness.text.yaml_reading import Limits, parse
from harness.versions import is_version

_LIBRARY = "library"
# an entry has some 300 bytes and 10 values
_LIMITS = Limits(64 << 20, 4 << 20, libyaml=True)
_HEADER = """\
Differences that are known and accepted: gai-harness run --baseline FILE fails on others only.
An entry accepts exactly what it says; another difference at the same place is news.
reason is yours to write; --update-baseline keeps it, other comments are lost. glibc, arch and
build say for which builds an entry is: left out, for all; glibc may be '>=2.41' too.
"""


def _version(text: str) -> str:
    return text if is_version(text) else specifier(text)


class _EntryData(Model):
    scenario: Text
    lookup: Text
    gai_conf: Text = "default"
    glibc: Annotated[Text, AfterValidator(_version)] | None = None
    arch: Text | None = None
    build: Text | None = None
    source: Text = ""
    reason: Text = ""

    def entry(self, known: KnownResult | KnownChange) -> KnownEntry:
        return KnownEntry(
            self.scenario, self.lookup, self.gai_conf, known,
            self.glibc, self.arch, self.build, self.source, self.reason,
        )  # fmt: skip


class _Difference(_EntryData):
    verdict: Literal["agree", "disagree", "crashed", "error"]
    native: tuple[Text, ...] | Text
    expectations: tuple[Text, ...] = ()


class _Change(_EntryData):
    against: Text
    was: tuple[Text, ...] | Text
    now: tuple[Text, ...] | Text


class _File(Model):
    version: Annotated[Literal[1], Field(alias="schema")]
    differences: tuple[_Difference, ...] = ()
    changes: tuple[_Change, ...] = ()


def read(path: Path) -> tuple[KnownEntry, ...]:
    """The entries of a baseline. Raises InputError, one line, for one that cannot be used."""
    file = str(path)
    try:
        data = read_bounded(path, _LIMITS.size)
    except (OSError, ValueError) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise InputError(file, None, "file", "a baseline that can be read", got) from None
    tree = parse(file, data, "schema, differences and changes", _LIMITS)
    known = validated(_File, tree, file)
    return (
        *(each.entry(KnownResult(each.verdict, each.native, each.expectations))
          for each in known.differences),
        *(each.entry(KnownChange(each.against, each.was, each.now)) for each in known.changes),
    )  # fmt: skip


def write(stream: TextIO, entries: Iterable[KnownEntry]) -> None:
    """Write a baseline: the same entries give the same bytes."""
    lists: dict[str, list[dict[str, Any]]] = {"differences": [], "changes": []}
    for entry in entries:
        place = {"scenario": entry.scenario, "lookup": entry.lookup, "gai_conf": entry.gai_conf}
        builds = {"glibc": entry.glibc, "arch": entry.arch, "build": entry.build}
        place |= {key: text for key, text in builds.items() if text is not None}
        tail = {"source": entry.source, "reason": entry.reason}
        known = entry.known
        if isinstance(known, KnownChange):
            what: dict[str, Any] = {"against": known.against, "was": known.was, "now": known.now}
            lists["changes"].append(place | what | tail)
        else:
            what = {"verdict": known.verdict, "native": known.native}
            if known.unmet:
                what["expectations"] = list(known.unmet)
            lists["differences"].append(place | what | tail)
    document = {"schema": 1} | {key: found for key, found in lists.items() if found}
    stream.write(yaml_writing.document(document, [_HEADER], rows=False))


class Sources:
    """How the baseline at ``path`` names the files of scenarios, and whether they are there.

    Parameters: ``path`` of the baseline; ``run`` the sources that this run has read.
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

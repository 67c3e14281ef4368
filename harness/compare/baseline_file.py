"""The file of accepted differences: YAML, versioned, sorted; and whether its scenarios are there.

Reading is strict and bounded; an error is one line with the file, the line and the field.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import yaml
from pydantic import AfterValidator, Field, ValidationError

from harness.compare.baseline import Change, Difference, Entry
from harness.scenario import library
from harness.scenario.base import Model, Text
from harness.scenario.document import dotted
from harness.scenario.errors import ScenarioError, expected, show
from harness.scenario.reading import read_bounded
from harness.scenario.values import specifier
from harness.text.shown import one_line
from harness.versions import is_version

LIMIT = 64 << 20
"""Bytes of a baseline; an entry has some 300."""

_LIBRARY = "library"
_DEEPEST = 16
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HEADER = """\
# Differences that are known and accepted: gai-harness run --baseline FILE fails on others only.
# An entry accepts exactly what it says; another difference at the same place is news.
# reason is yours to write; --update-baseline keeps it, other comments are lost. glibc, arch and
# build say for which builds an entry is: left out, for all; glibc may be '>=2.41' too.
"""


def _version(text: str) -> str:
    return text if is_version(text) else specifier(text)


class _Place(Model):
    scenario: Text
    lookup: Text
    gai_conf: Text = "default"
    glibc: Annotated[Text, AfterValidator(_version)] | None = None
    arch: Text | None = None
    build: Text | None = None
    source: Text = ""
    reason: Text = ""

    def entry(self, known: Difference | Change) -> Entry:
        return Entry(
            self.scenario, self.lookup, self.gai_conf, known,
            self.glibc, self.arch, self.build, self.source, self.reason,
        )  # fmt: skip


class _Difference(_Place):
    verdict: Literal["agree", "disagree", "crashed", "error"]
    native: tuple[Text, ...] | Text
    expectations: tuple[Text, ...] = ()


class _Change(_Place):
    against: Text
    was: tuple[Text, ...] | Text
    now: tuple[Text, ...] | Text


class _File(Model):
    version: Annotated[Literal[1], Field(alias="schema")]
    differences: tuple[_Difference, ...] = ()
    changes: tuple[_Change, ...] = ()


def read(path: Path) -> tuple[Entry, ...]:
    """The entries of a baseline. Raises ScenarioError, one line, for one that cannot be used."""
    file = str(path)
    try:
        data = read_bounded(path, LIMIT)
    except (OSError, ValueError) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise ScenarioError(file, None, "file", "a baseline that can be read", got) from None
    node, value = _parsed(file, data)
    try:
        known = _File.model_validate(value)
    except ValidationError as error:
        raise _first(file, node, error) from None
    return (
        *(each.entry(Difference(each.verdict, each.native, each.expectations))
          for each in known.differences),
        *(each.entry(Change(each.against, each.was, each.now)) for each in known.changes),
    )  # fmt: skip


def write(stream: TextIO, entries: Iterable[Entry]) -> None:
    """Write a baseline: the same entries give the same bytes."""
    lists: dict[str, list[dict[str, Any]]] = {"differences": [], "changes": []}
    for entry in entries:
        place = {"scenario": entry.scenario, "lookup": entry.lookup, "gai_conf": entry.gai_conf}
        builds = {"glibc": entry.glibc, "arch": entry.arch, "build": entry.build}
        place |= {key: text for key, text in builds.items() if text is not None}
        tail = {"source": entry.source, "reason": entry.reason}
        known = entry.known
        if isinstance(known, Change):
            what = {"against": known.against, "was": _plain(known.was), "now": _plain(known.now)}
            lists["changes"].append(place | what | tail)
        else:
            what = {"verdict": known.verdict, "native": _plain(known.native)}
            if known.unmet:
                what["expectations"] = list(known.unmet)
            lists["differences"].append(place | what | tail)
    stream.write(_HEADER)
    document = {"schema": 1} | {key: found for key, found in lists.items() if found}
    yaml.dump(
        document, stream, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100,
        default_flow_style=False,
    )  # fmt: skip


class _Order(list[str]):
    """A list that is written on one line."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


_Dumper.add_representer(
    _Order,
    lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True),
)


def _plain(outcome: tuple[str, ...] | str) -> str | list[str]:
    return outcome if isinstance(outcome, str) else _Order(outcome)


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

    def gone(self, entry: Entry) -> bool:
        """Whether a scenario that was not run is no more."""
        if not entry.source:
            return False
        if entry.source == _LIBRARY:
            return entry.scenario not in self._library.values()
        if entry.source in self._read:  # and has no scenario of that name
            return True
        return ":" not in entry.source and not os.path.lexists(self._folder / entry.source)


def _parsed(file: str, data: bytes) -> tuple[yaml.Node | None, Any]:
    def refuse(line: int | None, wanted: str, got: str) -> ScenarioError:
        return ScenarioError(file, line, "document", wanted, got)

    try:
        text = data.decode("utf-8")
        _bounded(file, text)
        loader = _LOADER(text)
        node = loader.get_single_node()
        _keys_once(file, node)
        value = None if node is None else loader.construct_document(node)
    except UnicodeDecodeError as error:
        raise refuse(data.count(b"\n", 0, error.start) + 1, "UTF-8 text", "other bytes") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        got = one_line(error.problem or error.context or "another")
        raise refuse(None if mark is None else mark.line + 1, "valid YAML", got) from None
    except ScenarioError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise refuse(None, "a YAML document", show(str(error))) from None
    if not isinstance(value, dict):
        raise refuse(1, "a mapping with schema, differences and changes", show(value))
    return node, value


def _bounded(file: str, text: str) -> None:
    """Refuse what a small file blows up with; asked first, because PyYAML's composers recurse."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent):
            raise ScenarioError(file, line, "document", "no aliases", f"*{event.anchor}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            got = f"more than {_DEEPEST} levels of nesting"
            raise ScenarioError(file, line, "document", "a baseline", got)


def _keys_once(file: str, node: yaml.Node | None, place: tuple[str | int, ...] = ()) -> None:
    """Refuse a key given again, as a merge of two branches may: YAML would take the last."""
    if isinstance(node, yaml.SequenceNode):
        for number, child in enumerate(node.value):
            _keys_once(file, child, (*place, number))
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, child in node.value:
            line, where = key.start_mark.line + 1, (*place, str(key.value))
            if key.tag != "tag:yaml.org,2002:str":
                raise ScenarioError(file, line, dotted(place), "a word as key", show(key.value))
            if key.value in seen:
                got = f"again; first on line {seen[key.value]}"
                raise ScenarioError(file, line, dotted(where), "each key once", got)
            seen[key.value] = line
            _keys_once(file, child, where)


def _first(file: str, node: yaml.Node | None, error: ValidationError) -> ScenarioError:
    """The fault that comes first in the file."""
    found = []
    for item in error.errors(include_url=False):
        # the two forms of an outcome are told by names that stand in no file
        place = tuple(part for part in item["loc"] if part not in ("str", "tuple[str, ...]"))
        line = _line(node, place)
        if item["type"] == "extra_forbidden":
            wanted, got = "a key that baselines have", show(place[-1])
        elif item["type"] == "missing":
            wanted, got = expected(dict(item)), "nothing"
        elif item["type"] == "literal_error":
            wanted, got = str(item["ctx"]["expected"]), show(item["input"])
        else:
            wanted, got = expected(dict(item)), show(item["input"])
            if item["type"] == "string_type" and isinstance(item["input"], (int, float)):
                wanted += " in quotes"
        found.append(ScenarioError(file, line, dotted(place), wanted, got))
    return min(found, key=lambda one: one.line or 0)


def _line(node: yaml.Node | None, place: tuple[str | int, ...]) -> int | None:
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = [pair for pair in node.value if pair[0].value == part]
            if not pairs:
                break
            key, node = pairs[-1]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line

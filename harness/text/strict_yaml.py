"""Strict YAML: plain data with the line of each value read, and written for people to edit.

Read are mappings, lists, text, whole numbers, truth values and null, in bounds; a bare word that
YAML 1.1 and 1.2 read differently is refused. Written, what could be anything but text is quoted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from harness.text.errors import InputError, show
from harness.text.shown import escaped, one_line

MAX_BYTES = 1 << 20
_MAX_DEPTH = 32

_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_CONSTANTS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_DIFFERS = re.compile(
    r"""yes|no|on|off|y|n|<<|=                                 # truth values of 1.1, merge, value
    | [-+]?0[0-9_]+ | [-+]?0[box][0-9a-f_]+ | [-+]?[0-9][0-9_]*_[0-9_]*   # octal, hex, 1_000
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?         # base 60
    | [-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?       # fractions and powers
    | [-+]?\.inf | \.nan
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\ ].*)?              # dates
    """,
    re.VERBOSE | re.IGNORECASE,
)
_KEY = "a word as key; an address beginning with ':' needs quotes"
_QUOTES = (
    "quotes around a word that YAML's versions read differently (or true, false, a decimal number)"
)
_WIDTH = 96
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|\d+\.\d+\.\d+\.\d+(?:/\d+)?")
_RESERVED = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false", "null"})
_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"}


@dataclass(slots=True)
class Node:
    """A value of a document: its line (from 1), and its children by key or position."""

    line: int | None
    value: Any = None
    children: dict[str | int, "Node"] = field(default_factory=dict)
    size: int = 1


_Path: TypeAlias = tuple[str | int, ...]


def dotted(path: _Path) -> str:
    """A path as text: ("routes", 0, "via") is "routes[0].via"."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += "." + one_line(part if len(part) <= 40 else part[:39] + "…")
    return text.removeprefix(".") or "document"


def parse(
    file: str, data: bytes, keys: str, *,
    size: int = MAX_BYTES, values: int = 1 << 16, libyaml: bool = False,
) -> Node:  # fmt: skip
    """The document of a file.

    Parameters: ``file`` its name for errors; ``keys`` of its top level, in words; ``size`` in
    bytes and ``values`` (those of aliases included) that it may have; ``libyaml`` reads it ten
    times as fast where PyYAML has it, but the two differ on odd texts.
    Raises InputError for anything but one YAML document whose top level is a mapping.
    """
    if len(data) > size:
        raise InputError(file, None, "file", f"at most {size} bytes", f"{len(data)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        got = f"byte 0x{data[error.start]:02x}"
        raise InputError(file, line, "file", "UTF-8 text", got) from None
    composer = _Composer(file, text.removeprefix("\ufeff"), f"a mapping with {keys}", values)
    if libyaml and hasattr(yaml, "CSafeLoader"):
        with suppress(yaml.YAMLError):  # PyYAML's own words for it follow
            return composer.document(yaml.CSafeLoader)
    try:
        return composer.document(yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # "\UFFFFFFFF" is no character
        raise composer.fault(error) from None


@dataclass
class _Composer:
    file: str
    text: str
    shape: str
    most: int
    events: Any = None  # of the parser, one after the other

    def _error(self, line: int | None, path: _Path, expected: str, got: str = "") -> InputError:
        return InputError(self.file, line, dotted(path), expected, got)

    def fault(self, error: Exception) -> InputError:
        if isinstance(error, InputError):
            return error
        if isinstance(error, yaml.reader.ReaderError):
            first = self.text.count("\n", 0, error.position) + 1
            got = show(chr(int(error.character)))
            return self._error(first, (), "text without control characters", got)
        if not isinstance(error, yaml.MarkedYAMLError):
            return self._error(None, (), "a YAML document", show(str(error)))
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        around = "".join(self.text.splitlines()[line - 1 : line]) if line else ""
        problem = error.problem or error.context or "not YAML"
        if "\t" in around and "'\\t'" in problem:
            return self._error(line, (), "spaces for indentation", "a tab")
        if "::" in around:
            problem += "; an IPv6 address beginning or ending with ':' needs quotes"
        return self._error(line, (), "valid YAML", problem)

    def document(self, loader: Any) -> Node:
        # the loader checks the characters of the text as soon as it is made
        self.events = iter(yaml.parse(self.text, Loader=loader))
        self._anchors: dict[str, Node | None] = {}
        self._total = 0
        next(self.events)  # the stream's start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            raise self._error(1, (), self.shape, "an empty file")
        root = self._node(next(self.events), (), 1)
        next(self.events)  # the document's end
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._error(event.start_mark.line + 1, (), "one document", "a second one")
        if not isinstance(root.value, dict):
            got = "an empty document" if root.value is None else show(root.value)
            raise self._error(root.line, (), self.shape, got)
        return root

    def _node(self, event: Any, path: _Path, depth: int) -> Node:
        line = event.start_mark.line + 1
        if depth > _MAX_DEPTH:
            raise self._error(line, (), f"at most {_MAX_DEPTH} levels of nesting", "more")
        if isinstance(event, yaml.AliasEvent):
            target = self._anchors.get(event.anchor or "")
            if target is None:
                known = event.anchor in self._anchors
                got = f"*{event.anchor}" + (", inside itself" if known else "")
                raise self._error(line, path, "an alias of an earlier anchor", got)
            self._count(target.size, line)
            return target
        self._count(1, line)
        if event.tag is not None and event.tag not in _TAGS:
            raise self._error(line, path, "no YAML tags", show(event.tag))
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        before = self._total
        if isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(line, path, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(line, path, depth)
        else:
            node = Node(line, self._scalar(event, path))
        node.size = self._total - before + 1
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _count(self, size: int, line: int) -> None:
        self._total += size
        if self._total > self.most:
            raise self._error(line, (), f"at most {self.most} values, aliases included", "more")

    def _mapping(self, line: int, path: _Path, depth: int) -> Node:
        node = Node(line, {})
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key_line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error(key_line, path, _KEY, "a mapping, list or alias")
            if self._scalar(event, path) is None:
                raise self._error(key_line, path, _KEY, "nothing")
            key = str(event.value)
            if key in node.children:
                got = f"again; first on line {node.children[key].line}"
                raise self._error(key_line, (*path, key), "each key once", got)
            self._count(1, key_line)
            child = self._node(next(self.events), (*path, key), depth + 1)
            # a mapping or list that starts further down is still named by its key's line
            if child.line != key_line:
                child = Node(key_line, child.value, child.children, child.size)
            node.children[key] = child
            node.value[key] = child.value
        return node

    def _sequence(self, line: int, path: _Path, depth: int) -> Node:
        node = Node(line, [])
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            position = len(node.value)
            child = self._node(event, (*path, position), depth + 1)
            node.children[position] = child
            node.value.append(child.value)
        return node

    def _scalar(self, event: Any, path: _Path) -> Any:
        text: str = event.value
        if not event.implicit[0] or event.style:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _WHOLE.fullmatch(text):
            return int(text)
        if _DIFFERS.fullmatch(text):
            raise self._error(event.start_mark.line + 1, path, _QUOTES, show(text))
        return text


def document(data: Mapping[str, Any], comments: Sequence[str] = (), *, rows: bool = True) -> str:
    """A YAML document with ``comments`` as its head; ``rows``: a list's mappings on a line each."""
    head = [
        f"# {escaped(line)}".rstrip() for text in comments for line in text.splitlines() or [""]
    ]
    return "\n".join([*head, *_block(data, "", rows)]) + "\n"


def _block(value: Any, indent: str, rows: bool) -> Iterator[str]:
    """The lines of a mapping or list that is not empty."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _entry(f"{indent}{_scalar(key)}:", each, indent, rows)
        return
    for each in value:
        if isinstance(each, Mapping) and each and not rows:
            first, *rest = _block(each, f"{indent}  ", rows)
            yield f"{indent}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{indent}- {_flow(each)}"


def _entry(head: str, value: Any, indent: str, rows: bool) -> Iterator[str]:
    if isinstance(value, str):
        lines = _literal(value)
        yield f"{head} |" if lines else f"{head} {_scalar(value)}"
        yield from (f"{indent}  {line}".rstrip() for line in lines)
    elif isinstance(value, (Mapping, list, tuple)) and value and not _fits(head, value):
        yield head
        yield from _block(value, f"{indent}  ", rows)
    else:
        yield f"{head} {_flow(value)}"


def _fits(head: str, value: Any) -> bool:
    """Whether a value is a list without structure, and short enough for the rest of a line."""
    flat = not isinstance(value, Mapping) and not any(isinstance(v, (Mapping, list)) for v in value)
    return flat and len(head) + 1 + len(_flow(value)) <= _WIDTH


def _literal(text: str) -> list[str]:
    """The lines of a text that can stand as they are; none where it has to be quoted."""
    rows = text.split("\n")
    plain = all(one_line(row) == row == row.strip() for row in rows)
    whole = text.endswith("\n") and not text.endswith("\n\n")
    return rows[:-1] if whole and plain and rows[0] else []


def _flow(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_scalar(key)}: {_flow(each)}" for key, each in value.items())
        return f"{{{inner}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_flow(each) for each in value)}]"
    return str(value) if isinstance(value, int) else _scalar(value)


def _scalar(text: str) -> str:
    if _BARE.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    # a double-quoted scalar, in which what is shown escaped is one of YAML's escapes
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped(quoted)}"'

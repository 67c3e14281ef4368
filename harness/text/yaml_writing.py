"""YAML that people read and edit: what fits on a line stands on one.

Nothing is left to YAML's guessing: what could be read as anything but text is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.text.shown import escaped, one_line

_WIDTH = 96
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|\d+\.\d+\.\d+\.\d+(?:/\d+)?")
_RESERVED = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false", "null"})


def document(data: Mapping[str, Any], comments: Sequence[str] = (), *, rows: bool = True) -> str:
    """A YAML document.

    Parameters: ``data`` mappings, lists, text, whole numbers and truth values; ``comments``
    texts for its head; ``rows`` puts each mapping of a list on one line.
    """
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
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_scalar(key)}: {_flow(each)}" for key, each in value.items())
        return f"{{{inner}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_flow(each) for each in value)}]"
    return str(value) if isinstance(value, int) else _scalar(value)


def _scalar(text: str) -> str:
    if _BARE.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    """A double-quoted scalar; YAML shares JSON's escapes but not its surrogate pairs."""
    pieces = []
    for character in text:
        if character in '"\\':
            pieces.append(f"\\{character}")
        elif escaped(character) == character:
            pieces.append(character)
        elif character == "\n":
            pieces.append("\\n")
        elif ord(character) <= 0xFFFF:
            pieces.append(f"\\u{ord(character):04x}")
        else:
            pieces.append(f"\\U{ord(character):08x}")
    return f'"{"".join(pieces)}"'

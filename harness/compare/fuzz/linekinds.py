"""What kinds of lines a gai.conf has, by what becomes of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model.gaiconf import Cause, Effect, Line, line_words

_HUGE = 4096
EFFECTIVE = (
    "label", "precedence", "scopev4", "length 0", "host bits", "no value, taken as 0",
    "empty length, taken as /0", "no length, taken as a host", "sign or wrap-around",
    "leading zeros", "rest ignored", "same prefix twice", "carriage return", "huge line", "NUL",
    "no final newline",
)  # fmt: skip
"""Kinds that a table can have an entry from."""

IGNORED = (
    "comment", "blank", "unknown keyword", "IPv4 prefix in an IPv6 table", "no address",
    "scopev4 not mapped", "scopev4 cutting into ::ffff:", "no value, dropped",
    "empty length, dropped", "bad value", "bad length", "no length, undefined", "reload yes",
    "reload otherwise", "not ASCII", "no file",
)  # fmt: skip
"""Kinds without an entry."""


def line_kinds(gai_conf: bytes | None, lines: Sequence[Line]) -> dict[str, list[int]]:
    """The kinds of lines in a file as glibc reads it, with the numbers of the lines, from 1.

    Parameters: ``gai_conf``, None for no file; ``lines`` what a dialect reads in it.
    """
    if gai_conf is None:
        return {"no file": []}
    found: dict[str, list[int]] = {}
    raw_lines = gai_conf.split(b"\n")
    seen: dict[tuple[object, ...], int] = {}
    for raw, line in zip(raw_lines, lines, strict=True):
        last = line.number == len(raw_lines)
        if last and not raw:
            break
        kinds = _kinds(raw, line)
        if last:
            kinds.append("no final newline")
        if line.entry is not None:
            bits = line.entry.bits
            width = line.entry.width
            key = line.keyword, bits, line.entry.prefix >> (width - bits)
            if seen.setdefault(key, line.number) != line.number:
                # the first line wins, so it is the one that decides
                found.setdefault("same prefix twice", []).append(seen[key])
            if line.entry.prefix & ((1 << (width - bits)) - 1):
                kinds.append("host bits")
            if bits == 0:
                kinds.append("length 0")
        for kind in kinds:
            found.setdefault(kind, []).append(line.number)
    return found


def _kinds(raw: bytes, line: Line) -> list[str]:
    kinds = [
        kind
        for kind, there in (
            ("NUL", b"\0" in raw), ("huge line", len(raw) > _HUGE),
            ("carriage return", b"\r" in raw), ("not ASCII", not raw.isascii()),
        )
        if there
    ]  # fmt: skip
    match line.effect:
        case Effect.BLANK:
            kinds.append("comment" if b"#" in raw else "blank")
        case Effect.UNDEFINED:
            kinds.append(f"{line.cause}, undefined")
        case Effect.IGNORED:
            missing = line.cause in (Cause.NO_VALUE, Cause.EMPTY_LENGTH)
            kinds.append(f"{line.cause}, dropped" if missing else f"{line.cause}")
        case Effect.USED if line.keyword == "reload":
            words = line_words(raw)
            kinds.append("reload yes" if words[1:2] == ["yes"] else "reload otherwise")
        case _:
            kinds.append(line.keyword)
            kinds += _used(line_words(raw))
    return kinds


def _used(words: list[str]) -> list[str]:
    _, slash, length = words[1].partition("/")
    value = words[2] if len(words) > 2 else None
    kinds = []
    if value is None:
        kinds.append("no value, taken as 0")
    if slash and not length:
        kinds.append("empty length, taken as /0")
    if not slash:
        kinds.append("no length, taken as a host")
    if len(words) > 3:
        kinds.append("rest ignored")
    numbers = [number for number in (length, value) if number]
    if any(number[0] in "+-" for number in numbers):
        kinds.append("sign or wrap-around")
    if any(len(number) > 1 and number[0] == "0" for number in numbers):
        kinds.append("leading zeros")
    return kinds

"""Reading gai.conf as glibc reads it, line by line, with the reason for what it ignores.

gai.conf(5) describes the intention; this module follows what glibc does, per dialect.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple

from harness.model import explain
from harness.model.addresses import inet_pton4, inet_pton6, is_v4mapped, strtoul, unmapped
from harness.model.dialects import Dialect

INT_MAX = 0x7FFFFFFF


class PrefixEntry(NamedTuple):  # a dataclass takes longer to make, and far longer to hash
    """A row of a table: the prefix, its length and the value; ``width`` is 32 for IPv4 scopes."""

    prefix: int
    bits: int
    value: int
    width: int

    @property
    def key(self) -> tuple[int, int]:
        """The bits that count and their number: equal for rows of the same addresses."""
        return self.prefix >> (self.width - self.bits), self.bits

    def holds(self, address: int) -> bool:
        """True when an address of ``width`` bits lies in the prefix."""
        return self.key == (address >> (self.width - self.bits), self.bits)


class Effect(Enum):
    """What becomes of a line."""

    USED = "used"
    BLANK = "blank"
    IGNORED = "ignored"
    UNDEFINED = "undefined"


class LineCause(StrEnum):
    """Why a line is ignored, or what makes it undefined."""

    KEYWORD = "unknown keyword"
    IPV4_PREFIX = "IPv4 prefix in an IPv6 table"
    NO_ADDRESS = "no address"
    NOT_MAPPED = "scopev4 not mapped"
    CUTS_MAPPED = "scopev4 cutting into ::ffff:"
    NO_VALUE = "no value"
    BAD_VALUE = "bad value"
    EMPTY_LENGTH = "empty length"
    BAD_LENGTH = "bad length"
    NO_LENGTH = "no length"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file: its number (from 1), keyword and effect.

    ``cause`` and ``reason``, a code and words, say why it is not used.
    """

    number: int
    keyword: str
    effect: Effect
    reason: str = ""
    entry: PrefixEntry | None = None
    cause: LineCause | None = None


@dataclass(frozen=True, slots=True)
class GaiConf:
    """A whole file: the rows of each table in file order, and every line with its effect."""

    labels: tuple[PrefixEntry, ...] = ()
    precedence: tuple[PrefixEntry, ...] = ()
    scopes: tuple[PrefixEntry, ...] = ()
    reload: bool = False
    lines: tuple[Line, ...] = ()

    @property
    def undefined(self) -> tuple[Line, ...]:
        """The lines whose effect is undefined in this dialect."""
        return tuple(line for line in self.lines if line.effect is Effect.UNDEFINED)


class _Dropped(Exception):
    """The line is ignored; the arguments are its `LineCause` and the reason."""


def parse_gai_conf(
    text: str | bytes,
    dialect: Dialect,
    *,
    honour_undefined: bool | frozenset[int] = False,
    reload: bool = False,
) -> GaiConf:
    """Read a gai.conf as the glibc of ``dialect`` does; nothing is ever refused.

    Up to 2.40 a prefix without length makes glibc read an uninitialised pointer. Such a
    line is marked `Effect.UNDEFINED` and left out of the tables, or with
    ``honour_undefined`` put in as documented (/128 or /32): all of them, or those whose
    line numbers are given. ``reload`` holds until a line says otherwise: that of a file
    that the process has read before.

    >>> from harness.model.dialects import dialect
    >>> for glibc in ("2.36", "2.41"):
    ...     [line] = parse_gai_conf("precedence 2001:db8:1::/48", dialect(glibc)).lines
    ...     print(glibc, line.effect.value)
    2.36 used
    2.41 ignored
    """
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    tables: dict[str, list[PrefixEntry]] = {"label": [], "precedence": [], "scopev4": []}
    known = {*tables}
    if not dialect.scopev4_configurable:
        known.remove("scopev4")
    lines = []
    for number, raw in enumerate(data.split(b"\n"), 1):
        keyword, first, second = [*line_words(raw), "", "", ""][:3]  # the rest is ignored
        if keyword in known:
            line = _line(number, keyword, first, second, dialect)
        elif keyword in ("", "reload"):
            line = Line(number, keyword, Effect.USED if keyword else Effect.BLANK)
        else:
            reason = f"unknown keyword {keyword!r}"
            line = Line(number, keyword, Effect.IGNORED, reason, cause=LineCause.KEYWORD)
        lines.append(line)
        honoured = honour_undefined is True or (honour_undefined and number in honour_undefined)
        if line.entry is not None and (line.effect is Effect.USED or honoured):
            tables[keyword].append(line.entry)
        elif keyword == "reload":
            reload = first == "yes"
    label, precedence, scopes = map(tuple, tables.values())
    return GaiConf(label, precedence, scopes, reload, tuple(lines))


def _line(number: int, keyword: str, first: str, second: str, dialect: Dialect) -> Line:
    # up to 2.40 the pointer left behind by the length is read before the value is
    defined = "/" in first or dialect.gaiconf_numbers_checked
    entry = None
    try:
        read = _scope_prefix if keyword == "scopev4" else _prefix
        prefix, bits, width = read(first, dialect)
        try:
            causes = LineCause.NO_VALUE, LineCause.BAD_VALUE
            value = _number(second, dialect, "value", INT_MAX, *causes)
            entry = PrefixEntry(prefix, bits, value, width)
        except _Dropped:
            if defined:  # a bad value does not save a line without length
                raise
    except _Dropped as dropped:
        cause, reason = dropped.args
        return Line(number, keyword, Effect.IGNORED, reason, cause=cause)
    if defined:
        return Line(number, keyword, Effect.USED, entry=entry)
    reason = "no prefix length: undefined behaviour up to glibc 2.40"
    return Line(number, keyword, Effect.UNDEFINED, reason, entry, LineCause.NO_LENGTH)


def line_words(raw: bytes) -> list[str]:
    """The words of a line up to a comment or NUL; blanks are those of the C locale only."""
    # C strings end at NUL, comments begin anywhere, and bytes know no other blanks
    words = raw.partition(b"\0")[0].partition(b"#")[0].split()
    return [word.decode("latin-1") for word in words]


def _prefix(prefix: str, dialect: Dialect) -> tuple[int, int, int]:
    """The prefix of a label or precedence, its length and the width."""
    text, slash, length = prefix.partition("/")
    address = inet_pton6(text)
    if address is not None:
        return int(address), _length(length, 128, dialect) if slash else 128, 128
    if inet_pton4(text) is not None:
        raise _Dropped(LineCause.IPV4_PREFIX, f"{text!r} is an IPv4 address: write ::ffff:{text}")
    raise _Dropped(LineCause.NO_ADDRESS, f"{text!r} is not an IPv6 address")


def _scope_prefix(prefix: str, dialect: Dialect) -> tuple[int, int, int]:
    """As `_prefix`, for scopev4: an IPv4 address, or one written as ::ffff:a.b.c.d."""
    text, slash, length = prefix.partition("/")
    four, six = inet_pton4(text), inet_pton6(text)
    if four is not None:
        return int(four), _length(length, 32, dialect) if slash else 32, 32
    if six is None:
        raise _Dropped(LineCause.NO_ADDRESS, f"{text!r} is not an IPv4 address")
    if not is_v4mapped(six):
        raise _Dropped(LineCause.NOT_MAPPED, f"{text!r} is not an IPv4 or ::ffff:a.b.c.d address")
    bits = _length(length, 128, dialect) if slash else 128
    if bits < 96:
        reason = f"prefix length {bits} is below 96, which cuts into ::ffff:"
        raise _Dropped(LineCause.CUTS_MAPPED, reason)
    return int(unmapped(six)), bits - 96, 32


def _length(text: str, most: int, dialect: Dialect) -> int:
    causes = LineCause.EMPTY_LENGTH, LineCause.BAD_LENGTH
    return _number(text, dialect, "prefix length", most, *causes)


def _number(
    text: str, dialect: Dialect, what: str, most: int, missing: LineCause, bad: LineCause
) -> int:
    """A number as `strtoul` reads it; up to 2.40 an empty string is 0."""
    if not text:
        if dialect.gaiconf_numbers_checked:
            raise _Dropped(missing, f"the {what} is missing")
        return 0
    number = strtoul(text, dialect.word_bits)
    if number is None:
        raise _Dropped(bad, f"{what} {text!r} is no number")
    if number > most:
        raise _Dropped(bad, f"{what} {explain.number(text, number)} is above {most}")
    return number

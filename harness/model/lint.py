"""What is wrong, or not what it seems, in a gai.conf. Pure: text in, findings out.

Every code is described in docs/lint.md with the effect it warns of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from harness.model.addresses import V4MAPPED
from harness.model.dialects import dialect
from harness.model.gaiconf import (
    Effect,
    GaiConf,
    Line,
    PrefixEntry,
    ScopeEntry,
    line_words,
    parse_gai_conf,
)
from harness.model.policy import (
    DEFAULT_LABELS,
    DEFAULT_PRECEDENCE,
    DEFAULT_SCOPES,
    Policy,
)

CODES: dict[str, str] = {
    "GAI001": "unknown keyword: the line is ignored",
    "GAI002": "the prefix is no address of the wanted kind: the line is ignored",
    "GAI003": "bad prefix length: the line is ignored",
    "GAI004": "missing value: 0 up to glibc 2.40, line ignored from 2.41",
    "GAI005": "empty prefix length: /0 up to glibc 2.40, line ignored from 2.41",
    "GAI006": "no prefix length: undefined up to glibc 2.40 (it can crash), one host from 2.41",
    "GAI007": "bad value: the line is ignored",
    "GAI008": "signed number: strtoul wraps it around",
    "GAI009": "host bits below the prefix length are ignored",
    "GAI010": "duplicate prefix: only the first line counts",
    "GAI011": "one label line drops all default labels",
    "GAI012": "one precedence line drops all default precedences",
    "GAI013": "one scopev4 line drops the default scopes of link-local and loopback addresses",
    "GAI014": "IPv4 and IPv6 tie: the order depends on the reply that comes first",
    "GAI015": "reload yes: the file is checked at every look-up",
    "GAI016": "words after the value are ignored",
    "GAI017": "NUL byte: the rest of the line is ignored",
    "GAI018": "unreachable entry: longer prefixes cover all of it",
}

_OLD, _NEW = dialect("2.40"), dialect("2.44")
_ALL = "all"
_BEFORE = "<2.41"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: its code, the line (from 1, 0 for the whole file), words, versions."""

    code: str
    line: int
    message: str
    glibc: str = _ALL


def lint(text: str | bytes) -> tuple[Finding, ...]:
    """All findings of a gai.conf, in order of lines; those of the whole file last.

    Parameters: ``text`` the file's content. Raises nothing: glibc never refuses a file.
    """
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    old = parse_gai_conf(data, _OLD)
    new = parse_gai_conf(data, _NEW)
    findings: list[Finding] = []
    rows = zip(data.split(b"\n"), old.lines, new.lines, strict=True)
    for raw, before, after in rows:
        findings += _line(raw, before, after)
    for keyword in ("label", "precedence", "scopev4"):
        findings += _table(keyword, new)
    findings.sort(key=lambda finding: finding.line)
    return (*findings, *_whole(data, new))


def _line(raw: bytes, old: Line, new: Line) -> Iterator[Finding]:
    number = old.number
    words = line_words(raw)
    if b"\0" in raw.split(b"#", 1)[0]:
        yield Finding("GAI017", number, "a NUL byte ends the line for glibc")
    if new.effect is Effect.BLANK:
        return
    if len(words) > (2 if new.keyword == "reload" else 3) and new.effect is not Effect.IGNORED:
        extra = " ".join(words[2 if new.keyword == "reload" else 3 :])
        yield Finding("GAI016", number, f"{extra!r} is ignored")
    if new.keyword == "reload":
        yield from _reload(number, words)
        return
    if old.effect is Effect.UNDEFINED:
        yield Finding(
            "GAI006", number, "no prefix length: a process that resolves a name can die here;"
            f" write {words[1]}/{32 if '.' in words[1] and ':' not in words[1] else 128}",
            _BEFORE,
        )  # fmt: skip
    if new.effect is Effect.IGNORED:
        yield _ignored(number, words, old, new)
        return
    yield from _numbers(number, words)
    yield from _host_bits(number, words, new)


def _reload(number: int, words: Sequence[str]) -> Iterator[Finding]:
    value = words[1] if len(words) > 1 else ""
    if value == "yes":
        yield Finding("GAI015", number, "every look-up checks the file's time stamp")
    elif value != "no":
        yield Finding("GAI007", number, f"reload {value!r} means no; only yes means yes")


def _ignored(number: int, words: Sequence[str], old: Line, new: Line) -> Finding:
    used_before = old.effect is Effect.USED
    if len(words) == 2 and used_before:
        return Finding("GAI004", number, "no value: 0 up to 2.40, ignored from 2.41")
    if len(words) > 1 and words[1].endswith("/") and used_before:
        return Finding("GAI005", number, "an empty length: /0 up to 2.40, ignored from 2.41")
    if new.reason.startswith("unknown keyword"):
        hint = " (keywords are lower case)" if new.keyword.lower() != new.keyword else ""
        return Finding("GAI001", number, f"{new.keyword!r} is no keyword{hint}: ignored")
    code = "GAI002"
    if "prefix length" in new.reason:
        code = "GAI003"
    elif "value" in new.reason:
        code = "GAI007"
    return Finding(code, number, f"{new.reason}: ignored")


def _numbers(number: int, words: Sequence[str]) -> Iterator[Finding]:
    length = words[1].partition("/")[2]
    for what, text in (("prefix length", length), ("value", words[2] if len(words) > 2 else "")):
        if text[:1] in ("+", "-"):
            yield Finding("GAI008", number, f"{what} {text} is read as an unsigned number")


def _host_bits(number: int, words: Sequence[str], line: Line) -> Iterator[Finding]:
    entry = line.entry
    if entry is None:
        return
    width = 32 if isinstance(entry, ScopeEntry) else 128
    if entry.prefix & ((1 << (width - entry.bits)) - 1):
        yield Finding("GAI009", number, f"{words[1]} means {_text(entry)}")


def _text(entry: PrefixEntry | ScopeEntry) -> str:
    if isinstance(entry, ScopeEntry):
        masked = entry.prefix >> (32 - entry.bits) << (32 - entry.bits)
        return f"{IPv4Address(masked)}/{entry.bits}"
    masked = entry.prefix >> (128 - entry.bits) << (128 - entry.bits)
    if masked >> 32 == 0xFFFF and entry.bits >= 96:
        return f"::ffff:{IPv4Address(masked - V4MAPPED)}/{entry.bits}"
    return f"{IPv6Address(masked)}/{entry.bits}"


def _table(keyword: str, conf: GaiConf) -> Iterator[Finding]:
    lines = [
        (line.number, line.entry)
        for line in conf.lines
        if line.keyword == keyword and line.effect is Effect.USED and line.entry is not None
    ]
    width = 32 if keyword == "scopev4" else 128
    first: dict[tuple[int, int], int] = {}
    for number, entry in lines:
        key = (entry.prefix >> (width - entry.bits), entry.bits)
        if key in first:
            yield Finding(
                "GAI010", number, f"{keyword} {_text(entry)} stands in line {first[key]} already"
            )
        else:
            first[key] = number
    for (prefix, bits), number in first.items():
        if _covered(prefix, bits, width, frozenset(first)):
            yield Finding("GAI018", number, f"longer {keyword} prefixes cover all of it")


def _covered(prefix: int, bits: int, width: int, known: frozenset[tuple[int, int]]) -> bool:
    """True when longer prefixes of ``known`` together hold every address of this one."""
    inside = {key for key in known if key[1] > bits and key[0] >> (key[1] - bits) == prefix}
    if not inside or bits >= width:
        return False
    return all(
        (half, bits + 1) in inside or _covered(half, bits + 1, width, frozenset(inside))
        for half in (prefix << 1, prefix << 1 | 1)
    )


def _whole(data: bytes, conf: GaiConf) -> Iterator[Finding]:
    default_tables = (
        ("GAI011", "label", conf.labels, DEFAULT_LABELS),
        ("GAI012", "precedence", conf.precedence, DEFAULT_PRECEDENCE),
        ("GAI013", "scopev4", conf.scopes, DEFAULT_SCOPES),
    )
    for code, keyword, own, default in default_tables:
        missing = _missing(own, default)
        if own and missing:
            restore = "; ".join(f"{keyword} {_text(entry)} {entry.value}" for entry in missing)
            yield Finding(code, 0, f"dropped defaults; to keep them add: {restore}")
    policy = Policy.build(data, _NEW)
    four = policy.precedence_of(IPv4Address("192.0.2.1"))
    six = policy.precedence_of(IPv6Address("2001:db8::1"))
    if four == six:
        yield Finding(
            "GAI014", 0, f"IPv4 and IPv6 both have precedence {four}: rule 9 within a family and"
            " rule 10 across them can form a cycle, and with DNS the faster reply decides",
        )  # fmt: skip


def _missing(
    own: Sequence[PrefixEntry | ScopeEntry], default: Sequence[PrefixEntry | ScopeEntry]
) -> list[PrefixEntry | ScopeEntry]:
    """The default entries, other than the one added back, that no line of the file has."""
    width = 32 if default is DEFAULT_SCOPES else 128
    have = {(entry.prefix >> (width - entry.bits), entry.bits) for entry in own}
    return [
        entry
        for entry in default
        if entry.bits and (entry.prefix >> (width - entry.bits), entry.bits) not in have
    ]

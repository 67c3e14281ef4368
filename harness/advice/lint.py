"""What is wrong, or not what it seems, in a gai.conf. Pure: text in, findings out.

Every code is described in docs/lint.md with the effect it warns of.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Self

from harness.advice import meant
from harness.model import gaiconf
from harness.model.addresses import V4MAPPED, prefix_text
from harness.model.dialects import NEWEST, Dialect
from harness.model.dialects import dialect as dialect_of
from harness.model.gaiconf import Effect, GaiConf, Line, LineCause, PrefixEntry
from harness.model.policy import DEFAULT_LABELS, DEFAULT_PRECEDENCE, DEFAULT_SCOPES, Policy
from harness.text.nearest import nearest

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
    "GAI010": "duplicate: only the first line of a prefix counts, only the last reload",
    "GAI011": "one label line drops all default labels",
    "GAI012": "one precedence line drops all default precedences",
    "GAI013": "one scopev4 line drops the default scopes of link-local and loopback addresses",
    "GAI014": "IPv4 and IPv6 tie: the order depends on the order of the input",
    "GAI015": "reload yes: the file is checked at every look-up",
    "GAI016": "words after the value are ignored",
    "GAI017": "NUL byte: the rest of the line is ignored",
    "GAI018": "unreachable entry: longer prefixes cover all of it",
    "GAI019": "a scopev4 value that no source has: rule 2 puts the addresses behind all others",
    "GAI020": "no host has an address of this prefix: it is of the reserved block ::/8",
}

_CODE_OF: dict[LineCause | None, str] = {
    **dict.fromkeys(
        (LineCause.EMPTY_LENGTH, LineCause.BAD_LENGTH, LineCause.CUTS_MAPPED), "GAI003"
    ),
    **dict.fromkeys((LineCause.NO_VALUE, LineCause.BAD_VALUE), "GAI007"),
}
_KEYWORDS = ("label", "precedence", "scopev4", "reload")
_BYTE_ORDER_MARK = "\xef\xbb\xbf"  # as line_words() decodes it
_OLD, _NEW = dialect_of("2.40"), dialect_of(NEWEST)
_MENDABLE = {f"GAI{number:03}" for number in (1, 2, 3, 5, 6, 7, 9, 20)}
_TRIED = 50  # lines for which a mend is tried: each reads the whole file again


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: its code, the line (from 1, 0 for the whole file), words, versions.

    ``meant`` are the lines to write in place of this one, tried by the model.
    """

    code: str
    line: int
    message: str
    glibc: str = "all"
    meant: tuple[str, ...] = ()

    def offering(self, *lines: str) -> Self:
        """The finding with the lines that were probably meant."""
        words = f"{self.message}; probably meant: {'; '.join(lines)}"
        return replace(self, message=words, meant=lines) if lines else self


def lint(text: str | bytes) -> tuple[Finding, ...]:
    """All findings of a gai.conf, in order of lines; those of the whole file last.

    >>> for finding in lint("Precedence ::1/128 50"):
    ...     print(finding.line, finding.code, finding.glibc)
    1 GAI001 all
    """
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    old, new = gaiconf.parse_gai_conf(data, _OLD), gaiconf.parse_gai_conf(data, _NEW)
    findings: list[Finding] = []
    tried = 0
    for raw, before, after in zip(data.split(b"\n"), old.lines, new.lines, strict=True):
        of_line = list(_line(raw, before, after))
        if tried < _TRIED and any(one.code in _MENDABLE for one in of_line):
            tried += 1
            of_line = list(_mended(data, of_line))
        findings += [_one_address(one, raw, after) for one in of_line]
    # of a line without a length, as it was meant: what is offered for it is of one network
    rows = data.split(b"\n")
    for one in findings:
        if one.code == "GAI006" and one.meant:
            rows[one.line - 1] = one.meant[0].encode()
    whole = b"\n".join(rows)
    findings += [*_reloads(new), *_scopes(whole, gaiconf.parse_gai_conf(whole, _NEW))]
    # what holds for all versions once, the rest with the versions it holds for
    of_old, of_new = _tables(old, _OLD), _tables(new, _NEW)
    findings += [one if one in of_new else replace(one, glibc="<2.41") for one in of_old]
    findings += [replace(one, glibc=">=2.41") for one in of_new if one not in of_old]
    # those of the whole file last
    return tuple(sorted(findings, key=lambda finding: (finding.line == 0, finding.line)))


def _tables(conf: GaiConf, dialect: Dialect) -> dict[Finding, None]:
    found = [finding for keyword in _KEYWORDS[:3] for finding in _table(keyword, conf)]
    return dict.fromkeys([*found, *_whole(conf, dialect)])


def _mended(data: bytes, findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings of one line, with what was probably meant where a mend is known."""
    number = findings[0].line
    line = meant.meant(data, number, (_OLD, _NEW))
    words = data.split(b"\n")[number - 1].decode("latin-1").split()
    prefix = "" if line is None else line.split()[1]
    is_cut = prefix in "".join(words) and not any(prefix in word for word in words)
    cut = "blanks inside the address: " if is_cut else ""
    for one in findings:
        if line is None or one.code not in _MENDABLE:
            yield one
            continue
        # that one host is read from 2.41 on is as wrong where a network was meant
        alone = one.code == "GAI006" and len(findings) == 1
        network = alone and not prefix.endswith(("/32" if "." in prefix else "/128", "/128"))
        message = cut + one.message + ", and from 2.41 it is one address" * network
        yield replace(one, message=message, glibc="all" if network else one.glibc).offering(line)


def _one_address(found: Finding, raw: bytes, new: Line) -> Finding:
    """Of a prefix without a length, how one address is written, where nothing else was meant."""
    words = gaiconf.line_words(raw)
    if found.code != "GAI006" or found.meant or not (new.entry or len(words) == 2):
        return found
    dotted = "." in words[1] and ":" not in words[1]
    one = f"; one address is written {words[1]}/{32 if dotted else 128}"
    return replace(found, message=found.message + one)


def _scopes(data: bytes, conf: GaiConf) -> Iterator[Finding]:
    entries = {
        line.number: line.entry
        for line in conf.lines
        if line.keyword == "scopev4" and line.effect is Effect.USED and line.entry is not None
    }
    policy, rows = Policy.of(conf, _NEW), list(entries.items())
    for number, scope in meant.undone_precedences(policy, rows).items():
        yield Finding(
            "GAI019", number, f"scope {entries[number].value}, but public addresses asked from"
            f" {_text(entries[number])} have {scope}: rule 2 puts them behind IPv6, whatever their"
            " precedence",
        )  # fmt: skip
    strange = meant.strange_scopes(policy, rows)
    if not strange or len(strange) > _TRIED:
        return
    lines = [(number, entries[number]) for number in strange]
    precedences, kept = meant.as_precedences(data, lines, (_OLD, _NEW))
    for place, (number, scope) in enumerate(strange.items()):
        finding = Finding(
            "GAI019", number, f"scope {entries[number].value}, but a source outside"
            f" {_text(entries[number])} has {scope}: rule 2 puts these addresses behind all others",
        )  # fmt: skip
        own = [precedences[number]] if precedences else []
        yield finding.offering(*own, *(kept if place == 0 else ()))


def _line(raw: bytes, old: Line, new: Line) -> Iterator[Finding]:
    number, words = old.number, gaiconf.line_words(raw)
    if b"\0" in raw.split(b"#", 1)[0]:
        yield Finding("GAI017", number, "a NUL byte ends the line for glibc")
    if new.effect is Effect.BLANK:
        return
    extra = words[2 if new.keyword == "reload" else 3 :]
    if extra and new.effect is not Effect.IGNORED:
        yield Finding("GAI016", number, f"{' '.join(extra)!r} is ignored")
    if new.keyword == "reload":
        value = words[1] if len(words) > 1 else ""
        if value not in ("yes", "no"):
            yield Finding("GAI007", number, f"reload {value!r} means no; only yes means yes")
        return
    if old.effect is Effect.UNDEFINED:
        message = "no prefix length: up to 2.40 a process that resolves a name can die here"
        yield Finding("GAI006", number, message, "<2.41")
    if new.effect is Effect.IGNORED:
        finding = _ignored(number, words, old, new)
        odd = meant.odd_characters(raw)
        if odd and not words[0].startswith(_BYTE_ORDER_MARK):
            # the keyword that glibc sees is the line up to the next real blank
            rest = "ignored" if finding.code == "GAI001" else finding.message
            finding = replace(finding, message=f"{odd} is no blank for glibc: {rest}")
        yield finding
    elif new.entry is not None:
        yield from _numbers(number, words, new.entry)
        if meant.reserved(new.entry):
            yield Finding(
                "GAI020", number, f"no host has an address in {_text(new.entry)}: ::/8 is reserved"
            )


def _reloads(conf: GaiConf) -> Iterator[Finding]:
    # the last one counts, other than in the tables
    numbers = [line.number for line in conf.lines if line.keyword == "reload"]
    for number in numbers[:-1]:
        yield Finding("GAI010", number, f"the reload of line {numbers[-1]} overrules this one")
    if conf.reload:
        yield Finding(
            "GAI015", numbers[-1], "every look-up checks the file's time stamp, and a running"
            " program changes its order when the file changes",
        )  # fmt: skip


def _ignored(number: int, words: Sequence[str], old: Line, new: Line) -> Finding:
    used_before = old.effect is Effect.USED
    if len(words) == 2 and used_before:
        return Finding("GAI004", number, "no value: 0 up to 2.40, ignored from 2.41")
    if len(words) > 1 and words[1].endswith("/") and used_before:
        return Finding("GAI005", number, "an empty length: /0 up to 2.40, ignored from 2.41")
    if new.cause is LineCause.KEYWORD:
        return Finding("GAI001", number, f"{_keyword(new.keyword)}: ignored")
    code = _CODE_OF.get(new.cause, "GAI002")
    return Finding(code, number, f"{new.reason}{_mapped_length(words, new)}: ignored")


def _keyword(word: str) -> str:
    """What is wrong with an unknown keyword, with the known one that was probably meant."""
    bare = word.removeprefix(_BYTE_ORDER_MARK)
    if bare != word:
        return f"the byte order mark belongs to the keyword {bare!r}"
    if word.lower() in _KEYWORDS:
        return f"{word!r} is no keyword (keywords are lower case)"
    near = nearest(word, _KEYWORDS)
    meant = f", perhaps {near}" if near else f"; these are {', '.join(_KEYWORDS)}"
    return f"{word!r} is no keyword{meant}"


def _mapped_length(words: Sequence[str], line: Line) -> str:
    """The length to write after ``::ffff:a.b.c.d``, which counts from the left of IPv6."""
    length = words[1].partition("/")[2] if len(words) > 1 else ""
    if line.cause is LineCause.IPV4_PREFIX and length.isascii() and length.isdigit():
        return f"/{min(int(length[:4]), 32) + 96}"
    return ""


def _numbers(number: int, words: Sequence[str], entry: PrefixEntry) -> Iterator[Finding]:
    length = words[1].partition("/")[2]
    value = words[2] if len(words) > 2 else ""
    reads = ("prefix length", length, _text(entry)), ("value", value, entry.value)
    for what, text, read in reads:
        if text[:1] in ("+", "-"):
            wraps = "; another number where long has 32 bits" if text[0] == "-" else ""
            message = f"{what} {text} is read as an unsigned number, here {read}{wraps}"
            yield Finding("GAI008", number, message)
    if entry.prefix & ((1 << (entry.width - entry.bits)) - 1):
        yield Finding("GAI009", number, f"{words[1]} means {_text(entry)}")


def _text(entry: PrefixEntry) -> str:
    masked = entry.key[0] << (entry.width - entry.bits)
    return prefix_text((IPv4Address if entry.width == 32 else IPv6Address)(masked), entry.bits)


def _table(keyword: str, conf: GaiConf) -> Iterator[Finding]:
    first: dict[tuple[int, int], int] = {}
    for line in conf.lines:
        entry = line.entry
        if line.keyword != keyword or line.effect is not Effect.USED or entry is None:
            continue
        begun = first.setdefault(entry.key, line.number)
        if begun != line.number:
            message = f"{keyword} {_text(entry)} stands in line {begun} already"
            yield Finding("GAI010", line.number, message)
    for key in sorted(_covered(first) & first.keys(), key=lambda key: (key[1], key[0])):
        yield Finding("GAI018", first[key], f"longer {keyword} prefixes cover all of it")


def _covered(known: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """The prefixes of which longer ones of ``known`` together hold every address."""
    by_length: defaultdict[int, set[int]] = defaultdict(set)
    for prefix, bits in known:
        by_length[bits].add(prefix)
    found = set[tuple[int, int]]()
    for bits in range(128, 0, -1):
        halves = {prefix >> 1 for prefix in by_length[bits] if prefix ^ 1 in by_length[bits]}
        found |= {(half, bits - 1) for half in halves}
        by_length[bits - 1] |= halves
    return found


def _whole(conf: GaiConf, dialect: Dialect) -> Iterator[Finding]:
    default_tables = (
        ("GAI011", "label", conf.labels, DEFAULT_LABELS),
        ("GAI012", "precedence", conf.precedence, DEFAULT_PRECEDENCE),
        ("GAI013", "scopev4", conf.scopes, DEFAULT_SCOPES),
    )
    for code, keyword, own, default in default_tables:
        # the entry of length 0 is added back
        have = {entry.key for entry in own}
        missing = [entry for entry in default if entry.bits and entry.key not in have]
        if own and missing:
            restore = "; ".join(f"{keyword} {_text(entry)} {entry.value}" for entry in missing)
            yield Finding(code, 0, f"dropped defaults; to keep them add: {restore}")
    yield from _ties(Policy.of(conf, dialect).precedence)


def _ties(table: Sequence[PrefixEntry]) -> Iterator[Finding]:
    """Each pair of an IPv4 and an IPv6 range of equal precedence; ::1 stands for itself only."""
    known = frozenset(entry.key for entry in table)
    covered = _covered(known)
    four: dict[int, str] = {}
    six: dict[int, str] = {}
    for entry in reversed(table):  # the widest range names a value
        key = entry.key
        if key == (1, 128) or key in covered:
            continue
        mapped = entry.bits >= 96 and entry.prefix >> 32 == 0xFFFF
        (four if mapped else six).setdefault(entry.value, _text(entry))
    if (0xFFFF, 96) not in known | covered:
        outer = next(entry for entry in table if entry.bits < 96 and entry.holds(V4MAPPED))
        four.setdefault(outer.value, _text(outer))
    for value in sorted(four.keys() & six.keys()):
        yield Finding(
            "GAI014", 0, f"IPv4 (by {four[value]}) and IPv6 (by {six[value]}) both have precedence"
            f" {value}: rule 9 within a family and rule 10 across them can form a cycle, and with"
            " DNS the faster reply decides",
        )  # fmt: skip

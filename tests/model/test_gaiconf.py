"""gai.conf line by line. Facts 3.1 to 3.6; strtoul and inet_pton by their definitions."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.model.addresses import inet_aton, inet_pton4, inet_pton6
from harness.model.dialects import dialect
from harness.model.gaiconf import Effect, PrefixEntry, parse_gai_conf
from tests.model.kit import EVERY_DIALECT, dialects

if TYPE_CHECKING:
    from harness.model.dialects import Dialect

OLD, NEW = dialect("2.40"), dialect("2.41")
ULONG = 1 << 64


UNDEFINED = "undefined"
WRAPS, ERANGE = ULONG - 7, ULONG + 5


def rows(line: str | bytes, reading: Dialect, *, honour: bool = False) -> str:
    """What a line puts into the three tables, as text."""
    conf = parse_gai_conf(line, reading, honour_undefined=honour)
    if conf.undefined and not honour:
        assert not conf.labels + conf.precedence + conf.scopes
        return UNDEFINED
    tables = (("label", conf.labels), ("precedence", conf.precedence), ("scopev4", conf.scopes))
    return "; ".join(f"{keyword} {shown(row)}" for keyword, table in tables for row in table)


def shown(row: PrefixEntry) -> str:
    kind = IPv4Address if row.width == 32 else IPv6Address
    return f"{kind(row.prefix)}/{row.bits} {row.value}"


# a line, and what each side of the boundary makes of it; "" where it is ignored
BOTH: list[tuple[str | bytes, str]] = [
    # words (fact 3.5)
    *((line, "label 2001:db8::/32 5") for line in (
        b"label 2001:db8::/32 5", b"\t label\v2001:db8::/32\f5\r",
        b"label 2001:db8::/32 5 anything else", b"label 2001:db8::/32 5#comment",
        b"label 2001:db8::/32 5\0 6")),
    # strtoul (fact 3.5): base 10, no octal; the sign wraps around; at most INT_MAX (fact 3.2)
    *((f"label ::1/128 {text}", f"label ::1/128 {number}") for text, number in (
        ("0", 0), ("+5", 5), ("0" * 5000 + "5", 5), ("010", 10), ("2147483647", 2**31 - 1),
        (f"-{WRAPS}", 7), ("-0", 0))),
    *((f"label ::1/128 {text}", "") for text in (
        "2147483648", "-1", f"-{ULONG}", f"{ERANGE}", "9" * 6000, "5x", "0x5", "+", "--5",
        "+-5", "5.0", "\N{ARABIC-INDIC DIGIT FIVE}")),
    *((f"label ::/{text} 9", f"label ::/{bits} 9") for text, bits in (
        ("128", 128), ("0", 0), ("+64", 64), (f"-{ULONG - 128}", 128))),
    *((f"label ::/{text} 9", "") for text in ("129", "-1", "64/3", "x")),
    # scopev4: inet_pton, not inet_aton; a length below 96 would cut into ::ffff:
    *((f"scopev4 {text} 5", "scopev4 10.0.0.0/8 5")
      for text in ("10.0.0.0/8", "::ffff:10.0.0.0/104")),
    *((f"scopev4 {text} 5", "scopev4 0.0.0.0/0 5") for text in ("::ffff:0:0/96", "0.0.0.0/0")),
    *((f"scopev4 {text} 5", "") for text in (
        "::ffff:10.0.0.0/95", "::ffff:10.0.0.0/8", "::ffff:10.0.0.0/129", "10.0.0.0/33",
        "10.0.0/8", "010.0.0.0/8", "::10.0.0.0/104")),
    # the address is tried before the missing length matters
    *((line, "") for line in ("label nonsense 5", "label 10.0.0.1 5", "scopev4 2001:db8::6 5",
                              "scopev4 nonsense 5")),
]  # fmt: skip
PARTED: list[tuple[str, str, str]] = [
    # fact 3.3: a missing value is 0 up to 2.40
    ("label 2001:db8:1::/48", "label 2001:db8:1::/48 0", ""),
    ("precedence 2001:db8:1::/48", "precedence 2001:db8:1::/48 0", ""),
    # an empty length too: all of IPv4, but below 96 for the mapped form
    ("precedence 2001:db8:1::6/ 5", "precedence 2001:db8:1::6/0 5", ""),
    ("scopev4 10.0.0.0/ 5", "scopev4 10.0.0.0/0 5", ""),
    ("scopev4 ::ffff:10.0.0.0/ 5", "", ""),
    # fact 3.4: no length is undefined up to 2.40, then one host
    ("label 2001:db8::6 5", UNDEFINED, "label 2001:db8::6/128 5"),
    ("precedence 2001:db8::6 5", UNDEFINED, "precedence 2001:db8::6/128 5"),
    ("scopev4 10.0.0.1 5", UNDEFINED, "scopev4 10.0.0.1/32 5"),
    ("scopev4 ::ffff:10.0.0.1 5", UNDEFINED, "scopev4 10.0.0.1/32 5"),
    # the pointer is read before the value
    ("label 2001:db8::6 x", UNDEFINED, ""),
    ("label 2001:db8::6", UNDEFINED, ""),
]


def test_lines_of_every_version() -> None:
    for reading in (OLD, NEW):
        assert [(line, rows(line, reading)) for line, _ in BOTH] == BOTH


@pytest.mark.parametrize(("line", "old", "new"), PARTED)
def test_lines_that_2_41_reads_otherwise(line: str, old: str, new: str) -> None:
    assert (rows(line, OLD), rows(line, NEW)) == (old, new)
    if old == UNDEFINED and new:
        assert rows(line, OLD, honour=True) == new


def test_honouring_does_not_save_a_bad_value() -> None:
    # a bad value drops the line in any case; a missing one is 0 (fact 3.3)
    assert rows("label ::6 x", OLD, honour=True) == ""
    assert rows("label ::6", OLD, honour=True) == "label ::6/128 0"


@pytest.mark.parametrize(
    ("lines", "effect"),
    [
        ((b"", b" # label ::1/128 0", b"\0label ::1/128 0"), Effect.BLANK),
        # a no-break space is no blank in C; /12 and no value: strict since 2.41
        ((b"LABEL ::1/128 0", b"label\xa0::1/128 0", b"label", b"label ::1/12#8 0"),
         Effect.IGNORED),
    ],
)  # fmt: skip
def test_lines_without_effect(lines: tuple[bytes, ...], effect: Effect) -> None:
    conf = parse_gai_conf(b"\n".join(lines), NEW)
    assert not conf.labels
    for line in conf.lines:
        assert (line.effect, bool(line.reason)) == (effect, effect is Effect.IGNORED)


@pytest.mark.parametrize(
    ("text", "on"),
    [("reload yes", True), ("reload no", False), ("reload", False), ("reload YES", False),
     ("reload yes\nreload no", False), ("reload no\nreload yes", True)],
)  # fmt: skip
def test_reload_only_yes_and_the_last_line_counts(text: str, on: bool) -> None:
    assert parse_gai_conf(text, NEW).reload is on


@pytest.mark.parametrize(("arch", "works"), [("i386", True), ("armhf", True), ("amd64", False)])
def test_wrap_around_follows_the_width_of_long(arch: str, works: bool) -> None:
    found = rows("label ::1/128 -4294967289", dialect("2.36", arch))
    assert found == ("label ::1/128 7" if works else "")
    # 2**33 - 7 needs 33 bits: ERANGE where long has 32, and too great where it has 64
    assert rows("label ::1/128 -8589934585", dialect("2.36", arch)) == ""


def test_scopev4_is_unknown_before_2_8() -> None:
    conf = parse_gai_conf("scopev4 10.0.0.0/8 5", dialect("2.7"))
    assert conf.scopes == ()
    assert conf.lines[0].effect is Effect.IGNORED


# --- addresses: RFC 4291 §2.2 as inet_pton takes it


_LISTED = (
    ":: ::1 1:: 1:2:3:4:5:6:7:8 0001:02:3:: 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8 1::2:3:4:5:6:7:8 "
    "::1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:8:: 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 :1:: ::1: ::: 1::2::3 : "
    "12345:: 00001:: g:: ::1.2.3.4 1:2:3:4:5:6:1.2.3.4 ::ffff:255.0.0.0 1:2:3:4:5:6:7:1.2.3.4 "
    "::1.2.3 ::1.2.3.4:5 ::01.2.3.4 ::1.2.3.256 1.2.3.4 ::1.2.3.4. ::1%eth0 ::1/128"
)
ADDRESSES = _LISTED.split()
ADDRESSLIKE = (
    st.sampled_from([*ADDRESSES, "", " ::1", "::\N{SUPERSCRIPT TWO}"])
    | st.text("012abF:.x", max_size=24)
    | st.from_regex(r"\A[0-9a-f:]{0,4}(:[0-9a-f]{0,5}){2,8}((\.[0-9]{1,3}){3})?\Z")
)


def packed_by_c(text: str, family: int) -> bytes | None:
    try:
        return socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None


@given(ADDRESSLIKE)
@example("1::2:3:4:5:6:7:8")  # :: must stand for at least one group
def test_inet_pton_agrees_with_the_c_library(text: str) -> None:
    for parse, family in ((inet_pton6, socket.AF_INET6), (inet_pton4, socket.AF_INET)):
        found = parse(text)
        assert (None if found is None else found.packed) == packed_by_c(text, family)


def test_every_listed_address_agrees_with_the_c_library() -> None:
    found = {text: (six := inet_pton6(text)) and six.packed for text in ADDRESSES}
    assert found == {text: packed_by_c(text, socket.AF_INET6) for text in ADDRESSES}
    assert None in found.values()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.2.3.4", 0x01020304), ("1.2.3", 0x01020003), ("1.2", 0x01000002), ("1", 1),
        ("0x7f.1", 0x7F000001), ("010.1", 0x08000001), ("0X0a.0.0.1", 0x0A000001),
        ("4294967295", 0xFFFFFFFF), ("4294967296", None), ("1.16777215", 0x01FFFFFF),
        ("1.16777216", None), ("256.1", None), ("1.2.65536", None), ("08.1", None),
        ("0x", None), ("0b1.0.0.1", None), ("1.2.3.4 ", None), (" 1", None), ("1..2", None),
        ("1.", None), (".1", None), ("", None), ("+1", None), ("1.2.3.4.5", None),
        ("9" * 6000, None), ("0" * 6000 + "7", 7),
    ],
)  # fmt: skip
def test_inet_aton_takes_the_whole_text(text: str, value: int | None) -> None:
    found = inet_aton(text)
    assert (None if found is None else int(found)) == value


@given(st.text("0123789xXafb.", max_size=16))
def test_inet_aton_agrees_with_the_c_library(text: str) -> None:
    try:
        expected: bytes | None = socket.inet_aton(text)
    except OSError:
        expected = None
    found = inet_aton(text)
    assert (None if found is None else found.packed) == expected


# --- nothing is ever refused

LINES = st.lists(
    st.lists(
        st.sampled_from([b"label", b"precedence", b"scopev4", b"reload", b"::1", b"::1/", b"/",
                         b"::/0", b"10.0.0.0/8", b"::ffff:0:0/96", b"-1", b"5", b"yes", b"\xff",
                         b"#", b"\0", b"\xa0"]),
        max_size=4,
    ).map(b" ".join),
    max_size=6,
).map(b"\n".join)  # fmt: skip


@given(st.binary(max_size=60) | LINES, dialects, st.booleans())
def test_every_file_is_read(data: bytes, spoken: Dialect, honour: bool) -> None:
    conf = parse_gai_conf(data, spoken, honour_undefined=honour)
    assert len(conf.lines) == data.count(b"\n") + 1
    assert all(0 <= entry.bits <= 128 for entry in conf.labels + conf.precedence)
    assert all(0 <= entry.bits <= 32 and entry.prefix < 1 << 32 for entry in conf.scopes)
    if not honour:
        used = [line.entry for line in conf.lines if line.effect is Effect.USED and line.entry]
        assert len(used) == len(conf.labels) + len(conf.precedence) + len(conf.scopes)


@given(LINES)
def test_only_one_boundary_changes_the_reading(data: bytes) -> None:
    # fact section 5: between 2.8 and 2.40, and from 2.41 on, nothing changed
    by_reading: dict[tuple[bool, int, bool], set[object]] = {}
    for spoken in EVERY_DIALECT:
        key = (spoken.gaiconf_numbers_checked, spoken.word_bits, spoken.scopev4_configurable)
        by_reading.setdefault(key, set()).add(parse_gai_conf(data, spoken))
    assert all(len(readings) == 1 for readings in by_reading.values())

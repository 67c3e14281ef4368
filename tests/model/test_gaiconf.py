"""gai.conf line by line. Facts 3.1 to 3.6; strtoul and inet_pton by their definitions."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address
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


def prefix(text: str, bits: int, value: int) -> PrefixEntry:
    return PrefixEntry(int(IPv6Address(text)), bits, value)


# --- words (fact 3.5)


@pytest.mark.parametrize(
    "line",
    [
        b"label 2001:db8::/32 5",
        b"\t label\v2001:db8::/32\f5\r",
        b"label 2001:db8::/32 5 anything else",
        b"label 2001:db8::/32 5#comment",
        b"label 2001:db8::/32 5\0 6",
    ],
)
def test_blanks_comments_and_what_follows(line: bytes) -> None:
    assert parse_gai_conf(line, NEW).labels == (prefix("2001:db8::", 32, 5),)


@pytest.mark.parametrize(
    ("line", "effect"),
    [
        (b"", Effect.BLANK),
        (b" # label ::1/128 0", Effect.BLANK),
        (b"\0label ::1/128 0", Effect.BLANK),
        (b"LABEL ::1/128 0", Effect.IGNORED),
        (b"label\xa0::1/128 0", Effect.IGNORED),  # a no-break space is no blank in C
        (b"label", Effect.IGNORED),
        (b"label ::1/12#8 0", Effect.IGNORED),  # /12 and no value: strict since 2.41
    ],
)
def test_lines_without_effect(line: bytes, effect: Effect) -> None:
    conf = parse_gai_conf(line, NEW)
    assert conf.lines[0].effect is effect
    assert not conf.labels
    assert bool(conf.lines[0].reason) is (effect is Effect.IGNORED)


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("reload yes", True),
        ("reload no", False),
        ("reload", False),
        ("reload YES", False),
        ("reload yes\nreload no", False),
        ("reload no\nreload yes", True),
    ],
)
def test_reload_only_yes_and_the_last_line_counts(text: str, on: bool) -> None:
    assert parse_gai_conf(text, NEW).reload is on


# --- strtoul (fact 3.5)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("+5", 5),
        ("0" * 5000 + "5", 5),
        ("010", 10),  # base 10: no octal
        ("2147483647", 2**31 - 1),
        ("2147483648", None),  # above INT_MAX (fact 3.2)
        ("-1", None),  # wraps to ULONG_MAX, above INT_MAX
        (f"-{ULONG - 7}", 7),  # wraps around to 7
        ("-0", 0),
        (f"-{ULONG}", None),  # the magnitude does not fit: ERANGE
        (f"{ULONG + 5}", None),
        ("9" * 6000, None),
        ("5x", None),
        ("0x5", None),
        ("+", None),
        ("--5", None),
        ("+-5", None),
        ("5.0", None),
        ("\N{ARABIC-INDIC DIGIT FIVE}", None),
    ],
)
@pytest.mark.parametrize("spoken", [OLD, NEW], ids=["2.40", "2.41"])
def test_value_is_strtouls(text: str, number: int | None, spoken: Dialect) -> None:
    labels = parse_gai_conf(f"label ::1/128 {text}", spoken).labels
    assert labels == (() if number is None else (prefix("::1", 128, number),))


@pytest.mark.parametrize(("arch", "works"), [("i386", True), ("armhf", True), ("amd64", False)])
def test_wrap_around_follows_the_width_of_long(arch: str, works: bool) -> None:
    labels = parse_gai_conf("label ::1/128 -4294967289", dialect("2.36", arch)).labels
    assert labels == ((prefix("::1", 128, 7),) if works else ())


def test_what_does_not_fit_a_long_does_not_wrap_around_twice() -> None:
    # 2**33 - 7 needs 33 bits: ERANGE where long has 32, and too great where it has 64
    for arch in ("i386", "amd64"):
        assert parse_gai_conf("label ::1/128 -8589934585", dialect("2.36", arch)).labels == ()


@pytest.mark.parametrize(
    ("length", "bits"),
    [
        ("128", 128), ("0", 0), ("+64", 64), ("129", None), ("-1", None), ("64/3", None),
        (f"-{ULONG - 128}", 128), ("x", None),
    ],
)  # fmt: skip
def test_length_is_strtouls_and_at_most_128(length: str, bits: int | None) -> None:
    labels = parse_gai_conf(f"label ::/{length} 9", NEW).labels
    assert labels == (() if bits is None else (prefix("::", bits, 9),))


# --- missing numbers: facts 3.3 and 3.4


@pytest.mark.parametrize("keyword", ["label", "precedence"])
def test_missing_value_is_zero_up_to_2_40(keyword: str) -> None:
    line = f"{keyword} 2001:db8:1::/48"
    table = "labels" if keyword == "label" else "precedence"
    assert getattr(parse_gai_conf(line, OLD), table) == (prefix("2001:db8:1::", 48, 0),)
    assert getattr(parse_gai_conf(line, NEW), table) == ()


def test_empty_length_is_zero_up_to_2_40() -> None:
    line = "precedence 2001:db8:1::6/ 5"
    assert parse_gai_conf(line, OLD).precedence == (prefix("2001:db8:1::6", 0, 5),)
    assert parse_gai_conf(line, NEW).precedence == ()


@pytest.mark.parametrize(
    ("line", "table", "entry"),
    [
        ("label 2001:db8::6 5", "labels", prefix("2001:db8::6", 128, 5)),
        ("precedence 2001:db8::6 5", "precedence", prefix("2001:db8::6", 128, 5)),
        ("scopev4 10.0.0.1 5", "scopes", PrefixEntry(0x0A000001, 32, 5, 32)),
        ("scopev4 ::ffff:10.0.0.1 5", "scopes", PrefixEntry(0x0A000001, 32, 5, 32)),
    ],
)
def test_no_length_is_undefined_up_to_2_40_then_one_host(
    line: str, table: str, entry: PrefixEntry
) -> None:
    old = parse_gai_conf(line, OLD)
    assert [one.effect for one in old.undefined] == [Effect.UNDEFINED]
    assert getattr(old, table) == ()
    assert getattr(parse_gai_conf(line, OLD, honour_undefined=True), table) == (entry,)
    new = parse_gai_conf(line, NEW)
    assert getattr(new, table) == (entry,)
    assert not new.undefined


@pytest.mark.parametrize(
    ("line", "undefined"),
    [
        ("label 2001:db8::6 x", True),  # the pointer is read before the value
        ("label 2001:db8::6", True),
        ("label nonsense 5", False),  # the address is tried first
        ("label 10.0.0.1 5", False),
        ("scopev4 2001:db8::6 5", False),  # not v4-mapped: tried first, too
        ("scopev4 nonsense 5", False),
    ],
)
def test_what_saves_a_line_without_length(line: str, undefined: bool) -> None:
    conf = parse_gai_conf(line, OLD)
    assert bool(conf.undefined) is undefined
    assert (conf.labels, conf.scopes) == ((), ())


def test_honouring_does_not_save_a_bad_value() -> None:
    # a bad value drops the line in any case; a missing one is 0 (fact 3.3)
    assert parse_gai_conf("label ::6 x", OLD, honour_undefined=True).labels == ()
    honoured = parse_gai_conf("label ::6", OLD, honour_undefined=True)
    assert honoured.labels == (prefix("::6", 128, 0),)


# --- scopev4


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("10.0.0.0/8", PrefixEntry(0x0A000000, 8, 5, 32)),
        ("::ffff:10.0.0.0/104", PrefixEntry(0x0A000000, 8, 5, 32)),
        ("::ffff:0:0/96", PrefixEntry(0, 0, 5, 32)),
        ("0.0.0.0/0", PrefixEntry(0, 0, 5, 32)),
        ("::ffff:10.0.0.0/95", None),  # would cut into ::ffff:
        ("::ffff:10.0.0.0/8", None),
        ("::ffff:10.0.0.0/129", None),
        ("10.0.0.0/33", None),
        ("10.0.0/8", None),  # inet_pton, not inet_aton
        ("010.0.0.0/8", None),
        ("::10.0.0.0/104", None),
    ],
)
@pytest.mark.parametrize("spoken", [OLD, NEW], ids=["2.40", "2.41"])
def test_scopev4_prefixes(text: str, entry: PrefixEntry | None, spoken: Dialect) -> None:
    scopes = parse_gai_conf(f"scopev4 {text} 5", spoken).scopes
    assert scopes == (() if entry is None else (entry,))


def test_scopev4_empty_length_up_to_2_40() -> None:
    # an empty length is 0: all of IPv4, but below 96 for the mapped form
    assert parse_gai_conf("scopev4 10.0.0.0/ 5", OLD).scopes == (PrefixEntry(0x0A000000, 0, 5, 32),)
    assert parse_gai_conf("scopev4 ::ffff:10.0.0.0/ 5", OLD).scopes == ()
    assert parse_gai_conf("scopev4 10.0.0.0/ 5", NEW).scopes == ()


def test_scopev4_is_unknown_before_2_8() -> None:
    conf = parse_gai_conf("scopev4 10.0.0.0/8 5", dialect("2.7"))
    assert conf.scopes == ()
    assert conf.lines[0].effect is Effect.IGNORED


# --- addresses: RFC 4291 §2.2 as inet_pton takes it


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("::", True), ("::1", True), ("1::", True), ("1:2:3:4:5:6:7:8", True),
        ("0001:02:3::", True), ("1:2:3:4:5:6:7::", True), ("::2:3:4:5:6:7:8", True),
        ("1::2:3:4:5:6:7:8", False),  # :: must stand for at least one group
        ("::1:2:3:4:5:6:7:8", False), ("1:2:3:4:5:6:7:8::", False),
        ("1:2:3:4:5:6:7", False), ("1:2:3:4:5:6:7:8:9", False),
        (":1::", False), ("::1:", False), (":::", False), ("1::2::3", False), (":", False),
        ("12345::", False), ("00001::", False), ("g::", False), ("", False),
        ("::1.2.3.4", True), ("1:2:3:4:5:6:1.2.3.4", True), ("::ffff:255.0.0.0", True),
        ("1:2:3:4:5:6:7:1.2.3.4", False), ("::1.2.3", False), ("::1.2.3.4:5", False),
        ("::01.2.3.4", False), ("::1.2.3.256", False), ("1.2.3.4", False), ("::1.2.3.4.", False),
        ("::1%eth0", False), ("::1/128", False), (" ::1", False), ("::\N{SUPERSCRIPT TWO}", False),
    ],
)  # fmt: skip
def test_inet_pton6(text: str, valid: bool) -> None:
    assert (inet_pton6(text) is not None) is valid


ADDRESSLIKE = st.text("012abF:.x", max_size=24) | st.from_regex(
    r"\A[0-9a-f:]{0,4}(:[0-9a-f]{0,5}){2,8}((\.[0-9]{1,3}){3})?\Z"
)


@given(ADDRESSLIKE)
@example("1::2:3:4:5:6:7:8")
def test_inet_pton_agrees_with_the_c_library(text: str) -> None:
    for parse, family in ((inet_pton6, socket.AF_INET6), (inet_pton4, socket.AF_INET)):
        try:
            expected: bytes | None = socket.inet_pton(family, text)
        except (OSError, ValueError):
            expected = None
        found = parse(text)
        assert (None if found is None else found.packed) == expected


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

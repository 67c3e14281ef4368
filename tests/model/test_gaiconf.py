"""gai.conf line by line, and the labels, precedences and scopes that come of it.

Facts 2.2, 2.3 and 3.1 to 3.6; RFC 3484 §2.1, §3.1, §3.2; strtoul and inet_pton by definition.
"""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.model.addresses import inet_aton, inet_pton4, inet_pton6
from harness.model.dialects import Dialect, dialect
from harness.model.gaiconf import Effect, PrefixEntry, parse_gai_conf
from harness.model.policy import Policy
from tests.model.kit import EVERY_DIALECT, VERSIONS, dialects

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


def test_lines_that_2_41_reads_otherwise() -> None:
    assert [(line, rows(line, OLD), rows(line, NEW)) for line, *_ in PARTED] == PARTED
    for line, old, new in PARTED:
        if old == UNDEFINED and new:
            assert rows(line, OLD, honour=True) == new
    # honouring does not save a bad value; a missing one is 0 (fact 3.3)
    assert rows("label ::6 x", OLD, honour=True) == ""
    assert rows("label ::6", OLD, honour=True) == "label ::6/128 0"


def test_lines_without_effect() -> None:
    for lines, effect in (
        ((b"", b" # label ::1/128 0", b"\0label ::1/128 0"), Effect.BLANK),
        # a no-break space is no blank in C; /12 and no value: strict since 2.41
        ((b"LABEL ::1/128 0", b"label\xa0::1/128 0", b"label", b"label ::1/12#8 0"),
         Effect.IGNORED),
    ):  # fmt: skip
        conf = parse_gai_conf(b"\n".join(lines), NEW)
        assert not conf.labels
        for line in conf.lines:
            assert (line.effect, bool(line.reason)) == (effect, effect is Effect.IGNORED)
    # scopev4 is unknown before 2.8
    conf = parse_gai_conf("scopev4 10.0.0.0/8 5", dialect("2.7"))
    assert (conf.scopes, conf.lines[0].effect) == ((), Effect.IGNORED)


def test_reload_only_yes_and_the_last_line_counts() -> None:
    texts = {
        "reload yes": True, "reload no": False, "reload": False, "reload YES": False,
        "reload yes\nreload no": False, "reload no\nreload yes": True,
    }  # fmt: skip
    assert {text: parse_gai_conf(text, NEW).reload for text in texts} == texts


@pytest.mark.parametrize(("arch", "works"), [("i386", True), ("armhf", True), ("amd64", False)])
def test_wrap_around_follows_the_width_of_long(arch: str, works: bool) -> None:
    found = rows("label ::1/128 -4294967289", dialect("2.36", arch))
    assert found == ("label ::1/128 7" if works else "")
    # 2**33 - 7 needs 33 bits: ERANGE where long has 32, and too great where it has 64
    assert rows("label ::1/128 -8589934585", dialect("2.36", arch)) == ""


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


def by_c(convert: Callable[[str], bytes], text: str) -> bytes | None:
    try:
        return convert(text)
    except (OSError, ValueError):
        return None


def packed(found: IPv4Address | IPv6Address | None) -> bytes | None:
    return None if found is None else found.packed


def pton6(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, text)


def pton4(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET, text)


@given(ADDRESSLIKE)
@example("1::2:3:4:5:6:7:8")  # :: must stand for at least one group
def test_inet_pton_agrees_with_the_c_library(text: str) -> None:
    assert packed(inet_pton6(text)) == by_c(pton6, text)
    assert packed(inet_pton4(text)) == by_c(pton4, text)


def test_every_listed_address_agrees_with_the_c_library() -> None:
    found = {text: packed(inet_pton6(text)) for text in ADDRESSES}
    assert found == {text: by_c(pton6, text) for text in ADDRESSES}
    assert None in found.values()


ATON = {
    "1.2.3.4": 0x01020304, "1.2.3": 0x01020003, "1.2": 0x01000002, "1": 1, "0x7f.1": 0x7F000001,
    "010.1": 0x08000001, "0X0a.0.0.1": 0x0A000001, "4294967295": 0xFFFFFFFF,
    "1.16777215": 0x01FFFFFF, "0" * 6000 + "7": 7,
    **dict.fromkeys((
        "4294967296", "1.16777216", "256.1", "1.2.65536", "08.1", "0x", "0b1.0.0.1", "1.2.3.4 ",
        " 1", "1..2", "1.", ".1", "", "+1", "1.2.3.4.5", "9" * 6000)),
}  # fmt: skip


def test_inet_aton_takes_the_whole_text() -> None:
    found = {text: inet_aton(text) for text in ATON}
    assert {text: None if one is None else int(one) for text, one in found.items()} == ATON


@given(st.text("0123789xXafb.", max_size=16))
def test_inet_aton_agrees_with_the_c_library(text: str) -> None:
    assert packed(inet_aton(text)) == by_c(socket.inet_aton, text)


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


@given(
    st.binary(max_size=80) | LINES,
    dialects,
    st.booleans(),
    st.integers(0, 2**128 - 1),
    st.integers(0, 2**32 - 1),
)
def test_every_file_is_read_and_answers_for_every_address(
    data: bytes, spoken: Dialect, honour: bool, six: int, four: int
) -> None:
    conf = parse_gai_conf(data, spoken, honour_undefined=honour)
    assert len(conf.lines) == data.count(b"\n") + 1
    assert all(0 <= entry.bits <= 128 for entry in conf.labels + conf.precedence)
    assert all(0 <= entry.bits <= 32 and entry.prefix < 1 << 32 for entry in conf.scopes)
    if not honour:
        used = [line.entry for line in conf.lines if line.effect is Effect.USED and line.entry]
        assert len(used) == len(conf.labels) + len(conf.precedence) + len(conf.scopes)
    policy = Policy.from_gai_conf(data, spoken.glibc, spoken.arch, honour_undefined=honour)
    for address in (IPv6Address(six), IPv4Address(four)):
        for ask in (policy.label, policy.precedence_of, policy.scope):
            assert 0 <= ask(address) < 1 << 31


@given(LINES)
def test_only_one_boundary_changes_the_reading(data: bytes) -> None:
    # fact section 5: between 2.8 and 2.40, and from 2.41 on, nothing changed
    by_reading: dict[tuple[bool, int, bool], set[object]] = {}
    for spoken in EVERY_DIALECT:
        key = (spoken.gaiconf_numbers_checked, spoken.word_bits, spoken.scopev4_configurable)
        by_reading.setdefault(key, set()).add(parse_gai_conf(data, spoken))
    assert all(len(readings) == 1 for readings in by_reading.values())


# --- policies

LABELS = {
    "::1": 0, "2001:db8::1": 1, "2002:c633:6401::1": 2, "::1.2.3.4": 3, "::": 3, "192.0.2.1": 4,
    "::ffff:192.0.2.1": 4, "fec0::1": 5, "feff::1": 5, "fd00::1": 6, "fc00::1": 6, "2001::1": 7,
    "2001:0:ffff::1": 7, "2001:1::1": 1, "fe80::1": 1,
}  # fmt: skip
PRECEDENCES = {
    "::1": 50, "2001:db8::1": 40, "2002::1": 30, "::1.2.3.4": 20, "192.0.2.1": 10, "fd00::1": 40,
    "2001::1": 40, "fec0::1": 40, "3ffe::1": 40,
}  # fmt: skip
# RFC 3484 §3.1 (multicast carries its scope), §3.2; RFC 4291 §2.5.3 for ::1
SCOPES = {
    "::1": 2, "fe80::1": 2, "febf::1": 2, "fec0::1": 5, "feff::1": 5, "fe7f::1": 14,
    "2001:db8::1": 14, "fd00::1": 14, "::ffff:127.0.0.1": 14, "::2": 14, "ff01::1": 1,
    "ff02::1": 2, "ff35::1": 5, "ff0e::1": 14, "127.0.0.1": 2, "127.255.0.1": 2, "169.254.0.1": 2,
    "169.255.0.1": 14, "192.0.2.1": 14, "224.0.0.1": 14, "0.0.0.0": 14,
}  # fmt: skip


@pytest.mark.parametrize("glibc", VERSIONS)
def test_the_defaults(glibc: str) -> None:
    policy = Policy.default(glibc)
    assert {text: policy.label(ip_address(text)) for text in LABELS} == LABELS
    assert {text: policy.precedence_of(ip_address(text)) for text in PRECEDENCES} == PRECEDENCES
    assert {text: policy.scope(ip_address(text)) for text in SCOPES} == SCOPES


def test_private_addresses_were_site_local_up_to_2_16() -> None:
    # RFC 3484 §3.2 said site-local, RFC 6724 §3.2 global; fact 2.3
    old, new = Policy.default("2.16"), Policy.default("2.17")
    for addresses, before in (
        ("10.0.0.1 172.16.0.1 172.31.255.255 192.168.255.1", 5),
        ("172.32.0.1 192.169.0.1 11.0.0.1 9.255.255.255", 14),  # their neighbours
    ):
        for one in map(ip_address, addresses.split()):
            assert (old.scope(one), new.scope(one)) == (before, 14)


@pytest.mark.parametrize(
    ("conf", "table", "values"),
    [
        # fact 3.1: the popular one-liner also removes ::1/128 50 and 2002::/16 30; ::/0 is added
        ("precedence ::ffff:0:0/96 100", "precedence",
         {"192.0.2.1": 100, "::1": 40, "2002::1": 40}),
        ("label fd00::/8 9", "labels",
         {"fd00::1": 9, "::1": 1, "2002::1": 1, "fec0::1": 1, "192.0.2.1": 1, "2001::1": 1}),
        ("scopev4 10.0.0.0/8 5", "scopes", {"10.1.1.1": 5, "127.0.0.1": 14, "169.254.0.1": 14}),
        # a default row that is given is not added again
        ("label ::/0 7", "labels", {"::1": 7}),
        ("precedence ::/0 3", "precedence", {"::1": 3}),
        ("scopev4 0.0.0.0/0 5", "scopes", {"127.0.0.1": 5}),
        # fact 3.2: of equal lengths the first line counts, and host bits do not
        ("label 2001:db8::5/32 1\nlabel 2001:db8::/32 2", "labels", {"2001:db8:1::1": 1}),
        # the mapped form and the address are searched alike
        ("label ::ffff:10.0.0.0/104 8", "labels",
         {"10.1.2.3": 8, "::ffff:10.1.2.3": 8, "11.1.2.3": 1}),
        ("", "labels", {"::1": 0}),
        ("# nothing\n", "precedence", {"::1": 50}),
    ],
)  # fmt: skip
def test_a_line_drops_its_tables_defaults(conf: str, table: str, values: dict[str, int]) -> None:
    policy, default = Policy.from_gai_conf(conf, "2.36"), Policy.default("2.36")
    ask = {"labels": policy.label, "precedence": policy.precedence_of, "scopes": policy.scope}
    assert {text: ask[table](ip_address(text)) for text in values} == values
    rest = [name for name in ask if name != table]
    assert [getattr(policy, name) for name in rest] == [getattr(default, name) for name in rest]


def test_undefined_lines_are_named_and_left_out_or_honoured() -> None:
    line = "precedence 2001:db8::1 5"
    left_out = Policy.from_gai_conf(line, "2.36")
    assert [one.number for one in left_out.undefined] == [1]
    assert left_out.precedence == Policy.default("2.36").precedence
    honoured = Policy.from_gai_conf(line, "2.36", honour_undefined=True)
    assert honoured.precedence == Policy.from_gai_conf(line, "2.41").precedence


PLACES = st.integers(0, 1023)  # the first ten bits: a few rows often hold one address


@given(
    st.sampled_from([("label", 128, 1), ("precedence", 128, 40), ("scopev4", 32, 14)]),
    st.lists(st.tuples(PLACES, st.integers(0, 6), st.integers(0, 9)), min_size=1),
    PLACES,
)
def test_longest_prefix_wins(
    table: tuple[str, int, int], lines: list[tuple[int, int, int]], place: int
) -> None:
    keyword, width, missing = table
    kind = IPv4Address if width == 32 else IPv6Address
    low = width - 10
    placed = [(where << low, bits, value) for where, bits, value in lines]
    text = "\n".join(f"{keyword} {kind(one)}/{bits} {value}" for one, bits, value in placed)
    address = kind(place << low)
    # by brute force: compare the bits as text, the longest first, then the first in the file
    matching = [
        (bits, value) for one, bits, value in placed
        if f"{one:0{width}b}"[:bits] == f"{int(address):0{width}b}"[:bits]
    ]  # fmt: skip
    longest = max((bits for bits, _ in matching), default=0)
    wanted = next((value for bits, value in matching if bits == longest), missing)
    policy = Policy.from_gai_conf(text, "2.36")
    ask = {"label": policy.label, "precedence": policy.precedence_of, "scopev4": policy.scope}
    assert ask[keyword](address) == wanted

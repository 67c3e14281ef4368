"""gai.conf, whatever is in it, and the labels, precedences and scopes that come of it.

What each line means (facts 2.2, 2.3 and 3.1 to 3.6) the library asks real glibcs; inet_pton and
inet_aton by definition.
"""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import example, given
from hypothesis import strategies as st

from harness.model.addresses import inet_aton, inet_pton4, inet_pton6
from harness.model.dialects import Dialect
from harness.model.gaiconf import Effect, parse_gai_conf
from harness.model.policy import Policy
from tests.model.kit import EVERY_DIALECT, dialects

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


def test_inet_aton_takes_the_whole_text_of_any_length() -> None:
    """Where the C library's own stops at a blank, and Python at 4,300 digits."""
    texts = ("0" * 6000 + "7", "9" * 6000, "1.2.3.4 ", " 1", "+1", "0b1.0.0.1")
    assert [inet_aton(text) for text in texts] == [IPv4Address("0.0.0.7"), *[None] * 5]


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


def test_private_addresses_were_site_local_up_to_2_16() -> None:
    # RFC 3484 §3.2 said site-local, RFC 6724 §3.2 global; fact 2.3
    old, new = Policy.default("2.16"), Policy.default("2.17")
    for addresses, before in (
        ("10.0.0.1 172.16.0.1 172.31.255.255 192.168.255.1", 5),
        ("172.32.0.1 192.169.0.1 11.0.0.1 9.255.255.255", 14),  # their neighbours
    ):
        for one in map(ip_address, addresses.split()):
            assert (old.scope(one), new.scope(one)) == (before, 14)


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

"""musl, by reasoning from its source: its number for an address, and what its versions change.

What real musl makes of arguments, services and names the library asks of every version.
"""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import musl
from harness.model.dns_servers import Record, Server, Word
from harness.model.host import HostView, IPAddress, Route, Target
from harness.model.lookup import Etc, Found, NameService, Request
from harness.model.musl_rows import FIRST, MuslBehaviour, behaviour
from harness.model.netdb import AF
from harness.model.services import Kind, Service

_SOME = [
    "127.0.0.1", "169.254.7.1", "10.0.0.1", "10.0.0.9", "198.51.100.1", "224.0.0.1", "::1",
    "fe80::1", "fec0::1", "fd00::1", "2001:db8::1", "2001:db8:0:0:8000::1", "2001:db9::1",
    "2001::1", "2002::1", "3ffe::1", "::2", "ff02::1", "ff05::1", "ff0e::1", "::ffff:10.0.0.5",
]  # fmt: skip
ADDRESSES = [ip_address(text) for text in _SOME]
# RFC 6724's table as musl has it: the prefix, its precedence and its label
TABLE = [
    (ip_network(text), precedence, label)
    for text, precedence, label in (
        ("::1/128", 50, 0), ("::ffff:0:0/96", 35, 4), ("2002::/16", 30, 2), ("2001::/32", 5, 5),
        ("fc00::/7", 3, 13), ("::/0", 40, 1),
    )
]  # fmt: skip


# from which bit of the number on a rule decides
BITS = (30, 1), (29, 2), (28, 5), (20, 6), (16, 8), (8, 9), (0, 10)


def _key(place: int, target: IPAddress, source: IPAddress | None) -> int:
    """musl's number for an address at a place from 0: the greatest is the first."""

    def as_ipv6(address: IPAddress) -> IPv6Address:
        return IPv6Address(f"::ffff:{address}") if address.version == 4 else IPv6Address(address)

    def scope(address: IPv6Address) -> int:
        if address.packed[0] == 0xFF:
            return address.packed[1] & 15
        if int(address) >> 118 == 0x3FA or int(address) == 1:
            return 2
        return 5 if address.is_site_local else 14

    def policy(address: IPv6Address) -> tuple[int, int]:
        return next((value, label) for net, value, label in TABLE if address in net)

    to = as_ipv6(target)
    precedence, label = policy(to)
    key = precedence << 20 | 15 - scope(to) << 16 | 48 - place
    if source is None:
        return key
    by = as_ipv6(source)
    bits = f"{int(to) ^ int(by):0128b}".find("1")
    key |= 1 << 30 | (scope(to) == scope(by)) << 29 | (label == policy(by)[1]) << 28
    return key | (128 if bits < 0 else bits) << 8


def _form(address: IPAddress) -> tuple[int, bool]:
    """What an address has in common with the sources that may reach it."""
    return address.version, isinstance(address, IPv6Address) and address.ipv4_mapped is not None


@st.composite
def _reached(draw: st.DrawFn) -> tuple[IPAddress, IPAddress | None]:
    target = draw(st.sampled_from(ADDRESSES))
    same = [one for one in ADDRESSES if _form(one) == _form(target)]
    return target, draw(st.sampled_from([None, *same]))


@given(st.lists(_reached(), min_size=2, max_size=12, unique_by=lambda one: one[0]))
def test_the_rules_are_the_number(reached: list[tuple[IPAddress, IPAddress | None]]) -> None:
    routes = {Target(to): Route(source) for to, source in reached}
    found = musl.order(list(routes), HostView((), (), routes))
    keys = {Target(to): _key(place, to, by) for place, (to, by) in enumerate(reached)}
    wanted = sorted(routes, key=lambda one: -keys[one])
    assert [one.target for one in found.ranked] == wanted
    # the first bit in which two numbers differ tells the rule
    tops = [(keys[one] ^ keys[other]).bit_length() - 1 for one, other in pairwise(wanted)]
    rules = [next(rule for bit, rule in BITS if top >= bit) for top in tops]
    assert [one.rule for one in found.decisions] == rules


def test_modules_of_nsswitch_are_not_asked() -> None:
    kinds: tuple[Kind, ...] = ("nss", "nss_by_family", "myhostname")
    for kind in kinds:
        names = NameService({}, hosts=(Service("files"), Service(kind)))
        assert "of nsswitch.conf is glibc" in musl.not_asked(Request("web"), names)
    others: tuple[Kind, ...] = ("files", "dns", "missing")
    for kind in others:
        assert musl.not_asked(Request("web"), NameService({}, kind)) == ""


def test_rows_take_effect_one_by_one() -> None:
    versions = [f"1.2.{number}" for number in range(7)]
    changed = [new for old, new in pairwise(versions) if behaviour(old) != behaviour(new)]
    assert changed == ["1.2.1", "1.2.2", "1.2.4", "1.2.5"]
    assert behaviour(FIRST) == behaviour("1.2.0") == MuslBehaviour()
    with pytest.raises(ValueError, match=r"musl 1\.1\.23: the model begins with 1\.1\.24"):
        behaviour("1.1.23")


# --- names

NO_HOST = HostView((), ())
OLDEST, OLD, TCP, NEW = "1.2.0", "1.2.3", "1.2.4", "1.2.5"


def _found(etc: Etc, family: int, version: str) -> Found:
    return musl.find(Request("web", family=family), NameService({}, etc=etc), NO_HOST, version)


def _said(found: Found) -> str:
    """The error, or the addresses in the order found; "?" for what chance decides."""
    if found.error is not None or found.undefined:
        return found.error or "?"
    return " ".join(dict.fromkeys(str(item.target) for item in found.items))


# lines, the family, the canonical name from 1.2.2 on, and before
CANONICAL: list[tuple[tuple[str, ...], int, str, str]] = [
    (("192.0.2.1 web", "192.0.2.2 www web"), AF.UNSPEC, "web", "www"),
    # a name with an underscore is none for it
    (("192.0.2.1 no_name web", "192.0.2.2 www web"), AF.UNSPEC, "www", "www"),
    # a line of the other family names it as well
    (("2001:db8::1 six web", "192.0.2.1 four web"), AF.INET, "six", "four"),
]


@pytest.mark.parametrize(("lines", "family", "new", "old"), CANONICAL)
def test_the_canonical_name(lines: tuple[str, ...], family: int, new: str, old: str) -> None:
    for version, name in (("1.2.2", new), (NEW, new), (OLDEST, old), ("1.2.1", old)):
        assert _found(Etc(hosts=lines), family, version).canonname == name


def _server(
    texts: str = "", aliases: Mapping[str, str] | None = None, name: str = "web", **more: Any
) -> Server:
    held = tuple(Target(ip_address(text)) for text in texts.split(",") if text)
    return Server({name: held} if held else {}, aliases or {}, **more)


# what is said of the two records, and what is found up to 1.2.0 and later
HALVES: list[tuple[dict[Record, Word], str, str]] = [
    ({"AAAA": "servfail"}, "192.0.2.1", "EAI_AGAIN"),
    ({"A": "refused"}, "2001:db8::1", "EAI_AGAIN"),
    ({"AAAA": "nxdomain"}, "192.0.2.1", "EAI_NONAME"),
]


@pytest.mark.parametrize(("words", "oldest", "later"), HALVES)
def test_half_an_answer_was_one_up_to_1_2_0(
    words: dict[Record, Word], oldest: str, later: str
) -> None:
    etc = Etc("dns", servers=(_server("192.0.2.1,2001:db8::1", replies={"web": words}),))
    for version, said in ((OLDEST, oldest), ("1.2.1", later), (TCP, later)):
        assert _said(_found(etc, AF.UNSPEC, version)) == said, version


def test_all_servers_are_asked_at_once() -> None:
    """The first to say something counts, so that servers must agree for anybody to know it."""
    same, other = _server("192.0.2.1"), _server("192.0.2.9")
    for servers, said in (
        ((same, same), "192.0.2.1"),
        ((same, other), "?"),
        ((_server(always="servfail"), same), "192.0.2.1"),  # nobody waits for the error
        ((_server(always="silent"), same), "192.0.2.1"),
        ((_server(closed=True), same), "192.0.2.1"),
        ((_server("192.0.2.9", replies={"web": {"A": "late"}}), same), "192.0.2.1"),
        ((_server(), same), "?"),  # "no such name" is an answer
        ((_server(always="lame"), same), "?"),
    ):
        assert _said(_found(Etc("dns", servers=servers), AF.INET, NEW)) == said


# --- long answers


def _many(record: str, count: int) -> str:
    texts = (f"192.0.{n // 250}.{n % 250 + 1}" for n in range(count))
    if record == "AAAA":
        texts = (f"2001:db8::{n + 1:x}" for n in range(count))
    return ",".join(texts)


# record, addresses, those found in 1.2.3 (512 bytes, UDP), 1.2.4 (768, 63 records) and 1.2.5 (4800)
LONG: list[tuple[str, int, int, int, int]] = [
    # 12 bytes of header, 9 of the question for "web", 16 for each A record: 30 are 501 bytes
    ("A", 30, 30, 30, 30),
    ("A", 31, 0, 31, 31),
    ("A", 46, 0, 46, 46),
    ("A", 47, 0, 46, 47),  # 46 are 757 bytes
    ("A", 60, 0, 46, 48),  # 48 is the most of all
    ("A", 64, 0, 0, 48),
    ("AAAA", 17, 17, 17, 17),  # 28 for each: 497
    ("AAAA", 18, 0, 18, 18),
    ("AAAA", 27, 0, 26, 27),  # 26 are 749
    ("AAAA", 64, 0, 0, 48),
]


@pytest.mark.parametrize(("record", "count", "old", "tcp", "new"), LONG)
def test_long_answers(record: str, count: int, old: int, tcp: int, new: int) -> None:
    etc = Etc("dns", servers=(_server(_many(record, count)),))
    family = AF.INET if record == "A" else AF.INET6
    for version, most in ((OLD, old), (TCP, tcp), (NEW, new)):
        found = _found(etc, family, version)
        assert len({item.target for item in found.items}) == most, version


def test_what_1_2_4_reads_of_a_long_chain() -> None:
    """768 bytes in all, and no name that begins behind byte 510 is followed."""
    label = "x" * 60
    ends = [f"{label[:-1]}{n}.{label}.{label}" for n in range(1, 9)]
    for length, said in ((3, "192.0.2.1"), (7, "EAI_NODATA")):
        chain = dict(pairwise(["web", *ends[:length]]))
        held = _server(f"192.0.2.1,{_many('A', 40)}", chain, ends[length - 1])
        for version, first in ((TCP, said), (NEW, "192.0.2.1")):
            found = _said(_found(Etc("dns", servers=(held,)), AF.INET, version))
            assert found.split()[0] == first

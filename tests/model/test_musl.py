"""musl, by reasoning from its source: its number for an address, and what its versions change.

What real musl makes of arguments, services and names the library asks of every version.
"""

from ipaddress import IPv6Address, ip_address, ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import musl
from harness.model.host import HostView, IPAddress, Route, Target
from harness.model.lookup import (
    NameService,
    Request,
)
from harness.model.musl_rows import FIRST, ROWS, MuslBehaviour, behaviour
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
    assert {field for field, _, _ in ROWS} == set(MuslBehaviour.__slots__)
    with pytest.raises(ValueError, match=r"musl 1\.1\.23: the model begins with 1\.1\.24"):
        behaviour("1.1.23")

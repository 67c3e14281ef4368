"""RFC 3484 §10.2 and RFC 6724 §10.2, by the standards and by glibc, and where they part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import combinations

import pytest

from harness.model.dialects import dialect
from harness.model.host import IFA_F_DEPRECATED, IFA_F_HOMEADDRESS, HostView, Target
from harness.model.order import Order, order_for
from harness.model.policy import Policy
from harness.model.standards import (
    RFC3484,
    RFC6724,
    STANDARDS,
    Standard,
    standard_order,
    standard_policy,
)
from harness.model.table import candidates
from tests.model.kit import VERSIONS, row, view


@dataclass(frozen=True)
class Example:
    """Sources the host has, the destinations with the source of each, and the rule that decides.

    The destinations stand in the order the standard gives; every order is put in.
    """

    name: str
    sources: tuple[str, ...]
    result: tuple[tuple[str, str], ...]
    rule: int
    flags: tuple[tuple[str, int], ...] = ()


def example(name: str, rule: int, sources: str, *result: str, **flags: int) -> Example:
    pairs = tuple((one.split()[0], one.split()[2]) for one in result)
    marked = tuple((text.replace("_", ":"), flag) for text, flag in flags.items())
    return Example(name, tuple(sources.split()), pairs, rule, marked)


# RFC 3484 §10.2, in the standard's order. Prefix lengths are not given there: 64, 24 and 16.
IN_RFC3484 = [
    example("matching-scope-6", 2, "2001::2/64 fe80::1/64 169.254.13.78/16",
            "2001::1 from 2001::2", "131.107.65.121 from 169.254.13.78"),
    example("matching-scope-4", 2, "fe80::1/64 131.107.65.117/24",
            "131.107.65.121 from 131.107.65.117", "2001::1 from fe80::1"),
    example("higher-precedence", 6, "2001::2/64 fe80::1/64 10.1.2.4/24",
            "2001::1 from 2001::2", "10.1.2.3 from 10.1.2.4"),
    example("smaller-scope", 8, "2001::2/64 fec0::2/64 fe80::2/64",
            "fe80::1 from fe80::2", "fec0::1 from fec0::2", "2001::1 from 2001::2"),
    example("home-address", 4, "2001::2/64 3ffe::1/64 fec0::2/64 fe80::2/64",
            "2001::1 from 3ffe::1", "fec0::1 from fec0::2", **{"3ffe__1": IFA_F_HOMEADDRESS}),
    example("deprecated", 3, "2001::2/64 fec0::2/64 fe80::2/64",
            "2001::1 from 2001::2", "fec0::1 from fec0::2", fec0__2=IFA_F_DEPRECATED),
    example("longest-prefix", 9, "2001::2/64 3f44::2/64 fe80::2/64",
            "2001::1 from 2001::2", "3ffe::1 from 3f44::2"),
    example("matching-label", 5, "2002:836b:4179::2/64 fe80::2/64",
            "2002:836b:4179::1 from 2002:836b:4179::2", "2001::1 from 2002:836b:4179::2"),
    example("higher-precedence-6to4", 6, "2002:836b:4179::2/64 2001::2/64 fe80::2/64",
            "2001::1 from 2001::2", "2002:836b:4179::1 from 2002:836b:4179::2"),
]  # fmt: skip

# RFC 6724 §10.2
IN_RFC6724 = [
    example("matching-scope-6", 2, "2001:db8:1::2/64 fe80::1/64 169.254.13.78/16",
            "2001:db8:1::1 from 2001:db8:1::2", "198.51.100.121 from 169.254.13.78"),
    example("matching-scope-4", 2, "fe80::1/64 198.51.100.117/24",
            "198.51.100.121 from 198.51.100.117", "2001:db8:1::1 from fe80::1"),
    example("higher-precedence", 6, "2001:db8:1::2/64 fe80::1/64 10.1.2.4/24",
            "2001:db8:1::1 from 2001:db8:1::2", "10.1.2.3 from 10.1.2.4"),
    example("smaller-scope", 8, "2001:db8:1::2/64 fe80::2/64",
            "fe80::1 from fe80::2", "2001:db8:1::1 from 2001:db8:1::2"),
    example("home-address", 4, "2001:db8:1::2/64 2001:db8:3::1/64 fe80::2/64",
            "2001:db8:1::1 from 2001:db8:3::1", "fe80::1 from fe80::2",
            **{"2001_db8_3__1": IFA_F_HOMEADDRESS}),
    example("deprecated", 3, "2001:db8:1::2/64 fe80::2/64",
            "2001:db8:1::1 from 2001:db8:1::2", "fe80::1 from fe80::2", fe80__2=IFA_F_DEPRECATED),
    example("longest-prefix", 9, "2001:db8:1::2/64 2001:db8:3f44::2/64 fe80::2/64",
            "2001:db8:1::1 from 2001:db8:1::2", "2001:db8:3ffe::1 from 2001:db8:3f44::2"),
    example("matching-label", 5, "2002:c633:6401::2/64 fe80::2/64",
            "2002:c633:6401::1 from 2002:c633:6401::2", "2001:db8:1::1 from 2002:c633:6401::2"),
    example("higher-precedence-6to4", 6, "2002:c633:6401::2/64 2001:db8:1::2/64 fe80::2/64",
            "2001:db8:1::1 from 2001:db8:1::2", "2002:c633:6401::1 from 2002:c633:6401::2"),
]  # fmt: skip


def host(one: Example) -> tuple[list[Target], HostView]:
    flags = {ip_address(text): flag for text, flag in one.flags}
    rows = [
        row(text, flags=flags.get(ip_address(text.partition("/")[0]), 0)) for text in one.sources
    ]
    return view(rows, dict(one.result))


def glibc_order(targets: list[Target], seen: HostView, glibc: str, conf: str = "") -> Order:
    spoken = dialect(glibc)
    return order_for(candidates(targets, seen, spoken), Policy.build(conf, spoken), spoken)


def check(found: Order, one: Example) -> None:
    assert [str(address) for address in found.destinations] == [to for to, _ in one.result]
    assert {decision.rule for decision in found.decisions} == {one.rule}


def id_of(value: object) -> str | None:
    return value.name if isinstance(value, (Example, Standard)) else None


@pytest.mark.parametrize(
    ("standard", "one"),
    [*((RFC3484, one) for one in IN_RFC3484), *((RFC6724, one) for one in IN_RFC6724)],
    ids=id_of,
)
def test_the_examples_of_a_standard(standard: Standard, one: Example) -> None:
    targets, seen = host(one)
    for some in (targets, targets[::-1]):
        check(standard_order(standard, some, seen), one)


# glibc agrees with all of these: its own labels for fec0::/10 (5) and 2001::/32 (7) match on
# both sides or differ on both sides as the standard's ::/0 does, its precedences are RFC 3484's,
# every host has IPv6, so no prefix length is lost, and rule 9 is asked within IPv6 only.
@pytest.mark.parametrize("glibc", ["2.5", "2.16", *VERSIONS])
@pytest.mark.parametrize("one", IN_RFC3484 + IN_RFC6724, ids=id_of)
def test_glibc_agrees_with_the_examples(one: Example, glibc: str) -> None:
    targets, seen = host(one)
    check(glibc_order(targets[::-1], seen, glibc), one)


# --- where the three part


# the host's addresses, its destinations with the source of each in the order of the answer, and
# for each order and rule who gives it
PARTED: list[tuple[str, str, dict[str, str]]] = [
    # RFC 6724 §2.1: fc00::/7 has precedence 3, below IPv4's 35. In RFC 3484 and in glibc
    # (fact 2.2) it has ::/0's 40, above IPv4's 10.
    ("fd00::2/64 192.0.2.2/24", "192.0.2.9<192.0.2.2 fd00::1<fd00::2",
     {"192.0.2.9 fd00::1 by 6": "RFC6724", "fd00::1 192.0.2.9 by 6": "RFC3484 2.36"}),
    # RFC 3484 has one label for both, so precedence decides for IPv6. glibc's label 6 and
    # RFC 6724's label 13 tell them apart: rule 5 decides for IPv4.
    ("fd00::2/64 192.0.2.2/24", "2001:db8::1<fd00::2 192.0.2.9<192.0.2.2",
     {"2001:db8::1 192.0.2.9 by 6": "RFC3484", "192.0.2.9 2001:db8::1 by 5": "RFC6724 2.36"}),
    # RFC 6724: Teredo's 2001::/32 has precedence 5; in glibc only its label is special
    ("2001::2/64 192.0.2.2/24", "192.0.2.9<192.0.2.2 2001::1<2001::2",
     {"192.0.2.9 2001::1 by 6": "RFC6724", "2001::1 192.0.2.9 by 6": "RFC3484 2.36"}),
    # ff00 shares 112 bits with the source, 3 shares 127; RFC 6724 §2.2 stops at 64
    ("2001:db8:1::2/64", "2001:db8:1::ff00<2001:db8:1::2 2001:db8:1::3<2001:db8:1::2",
     {"2001:db8:1::ff00 2001:db8:1::3 by 10": "RFC6724",
      "2001:db8:1::3 2001:db8:1::ff00 by 9": "RFC3484 2.36"}),
    # with 192.0.2.2/24, 193.0.0.1 shares 7 bits and 198.51.100.1 shares 5; both are outside
    # the subnet, where glibc since 2.8 counts none (fact 2.5)
    ("192.0.2.2/24 fe80::1/64", "198.51.100.1<192.0.2.2 193.0.0.1<192.0.2.2",
     {"193.0.0.1 198.51.100.1 by 9": "RFC3484 RFC6724", "198.51.100.1 193.0.0.1 by 10": "2.36"}),
    # the standards know the prefix length, glibc on an IPv4-only host has thrown it away
    # (facts 1.4 and 2.7)
    ("172.18.45.2/24", "172.31.80.8<172.18.45.2 172.18.45.6<172.18.45.2",
     {"172.18.45.6 172.31.80.8 by 9": "RFC3484 RFC6724",
      "172.31.80.8 172.18.45.6 by 10": "2.36"}),
    # RFC 3484 §3.2 and glibc up to 2.16: private addresses are site-local, so a private source
    # matches a private destination only. RFC 6724 §3.2 and glibc since 2.17: global.
    ("10.0.0.1/8 fe80::1/64", "198.51.100.1<10.0.0.1 10.0.0.9<10.0.0.1",
     {"10.0.0.9 198.51.100.1 by 2": "RFC3484 2.16", "10.0.0.9 198.51.100.1 by 9": "RFC6724 2.36"}),
]  # fmt: skip


@pytest.mark.parametrize(("sources", "asked", "orders"), PARTED)
def test_where_the_standards_and_glibc_part(
    sources: str, asked: str, orders: dict[str, str]
) -> None:
    reached: dict[str, str | None] = {}
    for one in asked.split():
        to, source = one.split("<")
        reached[to] = source
    targets, seen = view([row(text) for text in sources.split()], reached)
    standards = {one.name.replace(" ", ""): one for one in STANDARDS}
    for expected, names in orders.items():
        for name in names.split():
            if name in standards:
                found = standard_order(standards[name], targets, seen)
            else:
                found = glibc_order(targets, seen, name)
            words = [*map(str, found.destinations), "by", str(found.decisions[0].rule)]
            assert " ".join(words) == expected, name


def test_peer_addresses_are_known_to_the_standards() -> None:
    # fact 1.5: glibc misses the source of a point-to-point link, an unknown interface is not
    # native (fact 2.4), and rule 7 puts its destination last
    rows = [row("10.9.0.1/32", 2, peer="10.9.0.2/32"), row("192.0.2.2/24", 3), row("fe80::1/64")]
    targets, seen = view(rows, {"10.9.0.2": "10.9.0.1", "192.0.2.9": "192.0.2.2"})
    assert glibc_order(targets, seen, "2.36").decisions[0].rule == 7
    assert glibc_order(targets, seen, "2.36").destinations[0] == ip_address("192.0.2.9")
    assert standard_order(RFC6724, targets, seen).decisions[0].rule != 7


# --- gai.conf in place of the standard's tables (RFC 3484 §10.3, RFC 6724 §10.3)


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda one: one.name)
def test_a_gai_conf_replaces_the_tables_it_sets(standard: Standard) -> None:
    policy = standard_policy(standard, "precedence ::ffff:0:0/96 100")
    addresses = ip_address("192.0.2.1"), ip_address("::1")
    assert [policy.precedence_of(one) for one in addresses] == [100, 40]
    assert policy == replace(standard.policy, precedence=policy.precedence)
    assert standard_policy(standard, None) == standard.policy


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda one: one.name)
def test_longer_rows_stand_before_those_that_cover_them(standard: Standard) -> None:
    # the search takes the first match
    for table in (standard.policy.labels, standard.policy.precedence):
        assert table[-1].bits == 0
        for earlier, later in combinations(table, 2):
            assert not earlier.holds(later.prefix) or later.bits < earlier.bits

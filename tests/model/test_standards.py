"""RFC 3484 §10.2 and RFC 6724 §10.2, by the standards and by glibc, and where they part."""

from dataclasses import replace
from ipaddress import ip_address
from itertools import combinations

import pytest

from harness.model.address_table import address_table, candidates
from harness.model.cares import CARES
from harness.model.dialects import dialect
from harness.model.golang import GOLANG
from harness.model.host import IFA_F_DEPRECATED, IFA_F_HOMEADDRESS, HostView, Target
from harness.model.order import Order, order_for
from harness.model.policy import Policy
from harness.model.standards import (
    RFC3484,
    RFC6724,
    RFC6724_UPDATE,
    STANDARDS,
    Standard,
    standard_order,
    standard_policy,
)
from tests.model.kit import row, view

FLAGS = {"": 0, "home": IFA_F_HOMEADDRESS, "deprecated": IFA_F_DEPRECATED}

# The rule that decides, the host's addresses, and its destinations, each with its source, in the
# standard's order. Prefix lengths are not given there: 64, 24 and 16.
EXAMPLES: list[tuple[Standard, int, str, str]] = [
    (RFC3484, 2, "2001::2/64 fe80::1/64 169.254.13.78/16",
     "2001::1<2001::2 131.107.65.121<169.254.13.78"),
    (RFC6724, 2, "2001:db8:1::2/64 fe80::1/64 169.254.13.78/16",
     "2001:db8:1::1<2001:db8:1::2 198.51.100.121<169.254.13.78"),
    (RFC3484, 2, "fe80::1/64 131.107.65.117/24",
     "131.107.65.121<131.107.65.117 2001::1<fe80::1"),
    (RFC6724, 2, "fe80::1/64 198.51.100.117/24",
     "198.51.100.121<198.51.100.117 2001:db8:1::1<fe80::1"),
    (RFC3484, 6, "2001::2/64 fe80::1/64 10.1.2.4/24", "2001::1<2001::2 10.1.2.3<10.1.2.4"),
    (RFC6724, 6, "2001:db8:1::2/64 fe80::1/64 10.1.2.4/24",
     "2001:db8:1::1<2001:db8:1::2 10.1.2.3<10.1.2.4"),
    (RFC3484, 8, "2001::2/64 fec0::2/64 fe80::2/64",
     "fe80::1<fe80::2 fec0::1<fec0::2 2001::1<2001::2"),
    (RFC6724, 8, "2001:db8:1::2/64 fe80::2/64", "fe80::1<fe80::2 2001:db8:1::1<2001:db8:1::2"),
    (RFC3484, 4, "2001::2/64 3ffe::1/64+home fec0::2/64 fe80::2/64",
     "2001::1<3ffe::1 fec0::1<fec0::2"),
    (RFC6724, 4, "2001:db8:1::2/64 2001:db8:3::1/64+home fe80::2/64",
     "2001:db8:1::1<2001:db8:3::1 fe80::1<fe80::2"),
    (RFC3484, 3, "2001::2/64 fec0::2/64+deprecated fe80::2/64",
     "2001::1<2001::2 fec0::1<fec0::2"),
    (RFC6724, 3, "2001:db8:1::2/64 fe80::2/64+deprecated",
     "2001:db8:1::1<2001:db8:1::2 fe80::1<fe80::2"),
    (RFC3484, 9, "2001::2/64 3f44::2/64 fe80::2/64", "2001::1<2001::2 3ffe::1<3f44::2"),
    (RFC6724, 9, "2001:db8:1::2/64 2001:db8:3f44::2/64 fe80::2/64",
     "2001:db8:1::1<2001:db8:1::2 2001:db8:3ffe::1<2001:db8:3f44::2"),
    (RFC3484, 5, "2002:836b:4179::2/64 fe80::2/64",
     "2002:836b:4179::1<2002:836b:4179::2 2001::1<2002:836b:4179::2"),
    (RFC6724, 5, "2002:c633:6401::2/64 fe80::2/64",
     "2002:c633:6401::1<2002:c633:6401::2 2001:db8:1::1<2002:c633:6401::2"),
    (RFC3484, 6, "2002:836b:4179::2/64 2001::2/64 fe80::2/64",
     "2001::1<2001::2 2002:836b:4179::1<2002:836b:4179::2"),
    (RFC6724, 6, "2002:c633:6401::2/64 2001:db8:1::2/64 fe80::2/64",
     "2001:db8:1::1<2001:db8:1::2 2002:c633:6401::1<2002:c633:6401::2"),
]  # fmt: skip


def host(sources: str, asked: str) -> tuple[list[Target], HostView]:
    rows = [
        row(text, flags=FLAGS[flag])
        for text, _, flag in (one.partition("+") for one in sources.split())
    ]
    return view(rows, dict(one.split("<") for one in asked.split()))


def glibc_order(targets: list[Target], seen: HostView, glibc: str, conf: str = "") -> Order:
    spoken = dialect(glibc)
    return order_for(
        candidates(targets, seen, spoken, address_table(seen.dumped)),
        Policy.build(conf, spoken),
        spoken,
    )


# that glibc agrees with all of these, the library shows (case-rfc3484-10.2, case-rfc6724-10.2)
@pytest.mark.parametrize(("standard", "rule", "sources", "result"), EXAMPLES)
def test_the_standards_examples(standard: Standard, rule: int, sources: str, result: str) -> None:
    targets, seen = host(sources, result)
    for one in (standard_order(standard, some, seen) for some in (targets, targets[::-1])):
        assert list(one.destinations) == [target.address for target in targets]
        assert {decision.rule for decision in one.decisions} == {rule}


# --- where the three part


# the host's addresses, its destinations with the source of each in the order of the answer, and
# for each order and rule who gives it
PARTED: list[tuple[str, str, dict[str, str]]] = [
    # RFC 6724 §2.1: fc00::/7 has precedence 3, below IPv4's 35. In RFC 3484 and in glibc
    # (fact 2.2) it has ::/0's 40, above IPv4's 10.
    ("fd00::2/64 192.0.2.2/24", "192.0.2.9<192.0.2.2 fd00::1<fd00::2",
     {"192.0.2.9 fd00::1 by 6": "RFC6724", "fd00::1 192.0.2.9 by 6": "RFC3484 update 2.36"}),
    # the update's rows of the host's own /48 (rule 4 of its §4.3): 45 is above ::/0's 40, and
    # label 14 is both's; rule 9 sees 126 bits and 62. Of another /48 the destination has label 13,
    # and so rule 5 decides
    ("fd00:1:1::2/64 2001:db8::2/64", "2001:db8::1<2001:db8::2 fd00:1:1:2::1<fd00:1:1::2",
     {"fd00:1:1:2::1 2001:db8::1 by 6": "update",
      "2001:db8::1 fd00:1:1:2::1 by 6": "RFC6724",
      "2001:db8::1 fd00:1:1:2::1 by 9": "RFC3484 2.36"}),
    ("fd00:1:1::2/64 2001:db8::2/64", "fd00:1:2::1<fd00:1:1::2 2001:db8::1<2001:db8::2",
     {"2001:db8::1 fd00:1:2::1 by 5": "update", "2001:db8::1 fd00:1:2::1 by 6": "RFC6724"}),
    # its §4.1: 6to4 has precedence 5, below IPv4's 20
    ("2002:c000:202::2/64 192.0.2.2/24", "2002:c000:202::1<2002:c000:202::2 192.0.2.9<192.0.2.2",
     {"192.0.2.9 2002:c000:202::1 by 6": "RFC6724 update",
      "2002:c000:202::1 192.0.2.9 by 6": "RFC3484 2.36"}),
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
def test_where_standards_and_glibc_part(sources: str, asked: str, orders: dict[str, str]) -> None:
    targets, seen = host(sources, asked)
    standards = {one.name.replace(" ", ""): one for one in STANDARDS}
    standards["update"] = RFC6724_UPDATE
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
    # the search takes the first match: longer rows stand before those that cover them
    for table in (standard.policy.labels, standard.policy.precedence):
        assert table[-1].bits == 0
        for earlier, later in combinations(table, 2):
            assert not earlier.holds(later.prefix) or later.bits < earlier.bits


@pytest.mark.parametrize("standard", [CARES, GOLANG], ids=lambda one: one.name)
def test_of_ipv4_no_bit_is_in_common_to_c_ares_and_go(standard: Standard) -> None:
    one, other = ip_address("172.18.45.6"), ip_address("172.18.45.2")
    assert f"{standard.common_prefix(one, other, 24)} bits" == "0 bits"

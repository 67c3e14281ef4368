"""What glibc knows of a source: its table of the host's addresses. Facts 1.2 to 1.8 and 2.4."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.address_table import (
    AddressTable,
    Entry,
    address_table,
    candidates,
    native_links,
)
from harness.model.addresses import as_ipv6_int, is_link_local, is_multicast
from harness.model.dialects import dialect
from harness.model.host import (
    ARPHRD_SIT,
    ARPHRD_TUNNEL,
    ARPHRD_TUNNEL6,
    IFA_F_DEPRECATED,
    IFA_F_HOMEADDRESS,
    IFA_F_OPTIMISTIC,
    AddressRow,
    HostView,
    Link,
    Route,
    Target,
)
from harness.model.order import Candidate
from tests.model.kit import ETHER, VERSIONS, row, view

NOW = dialect("2.36")
LO4, LO6 = row("127.0.0.1/8", 1), row("::1/128", 1)
FE80 = row("fe80::1/64", 3)


def find(table: AddressTable, source: str, *, inet: bool = True) -> Entry | None:
    return table.find(ip_address(source), inet, NOW)


def only(rows: Sequence[AddressRow], source: str) -> Entry:
    entry = find(address_table(rows), source)
    assert entry is not None
    return entry


# --- fact 1.4: the dump is thrown away without an IPv6 address other than ::1


def test_without_ipv6_nothing_is_kept_and_a_link_local_address_is_enough() -> None:
    for six in ([], [LO6]):
        table = address_table([LO4, row("172.18.45.2/24"), *six])
        assert (table.dropped, table.entries) == (True, ())
        assert find(table, "172.18.45.2") is None
    entry = only([LO4, row("172.18.45.2/24"), LO6, FE80], "172.18.45.2")
    assert (entry.prefixlen, entry.index) == (24, 2)


def test_what_ai_addrconfig_asks_for() -> None:
    for rows, *seen in (
        ([], False, False), ([LO4, LO6], False, False), ([LO4, row("10.0.0.1/8")], True, False),
        ([row("127.0.0.2/8", 1)], True, False),  # only 127.0.0.1 itself does not count
        ([LO4, LO6, FE80], False, True), ([row("10.0.0.1/8"), FE80], True, True),
    ):  # fmt: skip
        table = address_table(rows)
        assert [table.seen_ipv4, table.seen_ipv6] == seen


def test_without_a_dump_both_families_are_there_and_no_source_is_found() -> None:
    host = HostView((row("172.18.45.2/24"),), (), netlink=False)
    table = address_table(host.dumped)
    assert (table.entries, table.seen_ipv4, table.seen_ipv6) == ((), True, True)
    assert address_table(replace(host, netlink=True).dumped).seen_ipv6 is False


def test_a_link_that_a_dump_lacks_is_not_native() -> None:
    host = HostView((), (Link(2, "eth0", ETHER), Link(3, "eth1", ETHER)), unlisted=frozenset({3}))
    assert native_links(host) == {2: True}


# --- fact 1.5: a point-to-point address is filed under its peer


def test_a_point_to_point_address_is_found_by_its_peer_only() -> None:
    rows = [row("10.9.0.1/32", peer="10.9.0.2/32"), FE80]
    assert find(address_table(rows), "10.9.0.1") is None
    assert only(rows, "10.9.0.2").prefixlen == 32
    # a row with a local address alone is filed under it
    assert only([AddressRow(2, None, ip_address("10.9.0.1"), 32), FE80], "10.9.0.1").index == 2


# --- fact 1.6: flags


def test_flags() -> None:
    for flags, deprecated, home in (
        (0, False, False), (IFA_F_DEPRECATED, True, False), (IFA_F_OPTIMISTIC, True, False),
        (IFA_F_HOMEADDRESS, False, True), (0x02, False, False), (0xFF, True, True),
        (1, False, False),  # NODAD and TEMPORARY are not used
    ):  # fmt: skip
        entry = only([row("2001:db8::1/64", flags=flags)], "2001:db8::1")
        assert (entry.deprecated, entry.home) == (deprecated, home)


# --- fact 1.3: binary search; stable sort by address


def test_of_one_address_on_two_interfaces_the_first_probe_counts() -> None:
    one, two = row("fe80::1/64", 2), row("fe80::1/64", 3)
    # two entries: the probe is number 2 // 2 = 1, the second of the dump
    assert only([one, two], "fe80::1").index == 3
    # with one greater address the probe is number 3 // 2 = 1, still the second
    assert only([row("fe80::9/64", 4), one, two], "fe80::1").index == 3
    # with two smaller ones the probe of four is number 2, the first of the two
    assert only([LO4, row("10.0.0.1/8", 5), one, two], "fe80::1").index == 2


def by_base_and_count(keys: list[int], key: int) -> int | None:
    """The search 2.41 began to use: a base and a count instead of two bounds."""
    base, count = 0, len(keys)
    while count:
        probe = base + (count >> 1)
        if keys[probe] == key:
            return probe
        if key > keys[probe]:
            base = probe + 1
            count -= 1
        count >>= 1
    return None


@given(st.lists(st.integers(2, 9), max_size=12), st.integers(1, 10), st.sampled_from(VERSIONS))
def test_both_formulations_of_bsearch_find_the_same_entry(
    lows: list[int], low: int, glibc: str
) -> None:
    rows = [AddressRow(i, IPv6Address(value), None, 64) for i, value in enumerate(lows)]
    ordered = sorted(rows, key=lambda one: int(one.address or 0))
    probe = by_base_and_count([int(one.address or 0) for one in ordered], low)
    entry = address_table(rows).find(IPv6Address(low), False, dialect(glibc))
    found = None if entry is None else entry.index
    assert found == (None if probe is None else ordered[probe].index)
    assert (entry is not None) is (low in lows)


def test_ipv4_is_filed_in_its_mapped_form() -> None:
    table = address_table([row("10.0.0.1/8"), FE80])
    assert find(table, "::ffff:10.0.0.1", inet=False) == find(table, "10.0.0.1")
    assert as_ipv6_int(ip_address("10.0.0.1")) == int(IPv6Address("::ffff:10.0.0.1"))


# --- facts 1.2 and 1.7: one socket, its family and 127/8


@pytest.mark.parametrize(
    ("glibc", "before", "bindv6only", "index"),
    [
        # a source in 127/8 is looked up as 127.0.0.1 since 2.19
        ("2.19", [], False, 1),
        ("2.18", [], False, None),
        # but not when an IPv6 socket serves, which stays once it is there
        ("2.36", ["2001:db8::2"], False, None),
        ("2.36", ["10.0.0.2"], False, 1),
        ("2.36", ["10.0.0.2", "2001:db8::2", "10.0.0.3"], False, None),
        # bindv6only brings the IPv4 socket back
        ("2.36", ["2001:db8::2"], True, 1),
    ],
)
def test_a_source_in_127_after_other_targets(
    glibc: str, before: list[str], bindv6only: bool, index: int | None
) -> None:
    sources: dict[str, str | None] = {
        to: "2001:db8::1" if ":" in to else "10.0.0.1" for to in before
    }
    rows = [LO4, row("10.0.0.1/8"), row("2001:db8::1/64")]
    targets, host = view(rows, sources | {"127.0.0.2": "127.0.0.2"}, bindv6only=bindv6only)
    found = candidates(targets, host, dialect(glibc), address_table(host.dumped))
    assert found[-1].index == index
    # other IPv4 sources are found whatever the socket
    assert [one.prefixlen for one in found[:-1]] == [64 if ":" in to else 8 for to in before]


# --- facts 2.4: what is native


def test_interface_types() -> None:
    for kind, native in (
        (ETHER, True), (772, True), (778, True),
        (ARPHRD_SIT, False), (ARPHRD_TUNNEL, False), (ARPHRD_TUNNEL6, False),
    ):  # fmt: skip
        targets, host = view(
            [row("2001:db8::1/64", 2)], {"2001:db8::2": "2001:db8::1"}, types={2: kind}
        )
        assert candidates(targets, host, NOW, address_table(host.dumped))[0].native is native


def test_what_becomes_of_a_target() -> None:
    rows = [row("10.0.0.1/8", flags=IFA_F_DEPRECATED)]
    targets, host = view(rows, {"10.0.0.2": "10.0.0.1", "10.0.0.4": None})
    reached, unreached = candidates(targets, host, NOW, address_table(host.dumped))
    # its source is not found; it has none; there is no answer for it
    assert reached == Candidate(ip_address("10.0.0.2"), ip_address("10.0.0.1"))
    assert unreached == Candidate(ip_address("10.0.0.4"), None)
    with pytest.raises(KeyError):
        candidates([Target(ip_address("10.0.0.3"))], host, NOW, address_table(host.dumped))
    # the scope id is the target's
    target = Target(ip_address("fe80::2"), 3)
    host = HostView((FE80,), (Link(3, "if3", ETHER),), {target: Route(ip_address("fe80::1"))})
    assert candidates([target], host, NOW, address_table(host.dumped))[0].scope_id == 3


@pytest.mark.bare
@pytest.mark.parametrize(
    ("text", "link_local", "multicast"),
    [
        ("fe80::1", True, False), ("febf::1", True, False), ("169.254.7.1", True, False),
        ("ff02::1", False, True), ("224.0.0.1", False, True), ("::1", False, False),
        ("::ffff:169.254.7.1", False, False), ("::ffff:224.0.0.1", False, False),
    ],
)  # fmt: skip
def test_a_mapped_address_is_of_no_kind_of_the_ipv4_one_on_any_python(
    text: str, link_local: bool, multicast: bool
) -> None:
    address = ip_address(text)
    assert (is_link_local(address), is_multicast(address)) == (link_local, multicast)

"""What glibc knows of a source: its table of the host's addresses.

Facts 1.2 to 1.8 and 2.4 stand in the library, each with a host that shows it.
"""

from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.address_table import (
    address_table,
    candidates,
)
from harness.model.addresses import is_link_local, is_multicast
from harness.model.dialects import dialect
from harness.model.host import (
    AddressRow,
)
from tests.model.kit import VERSIONS, row, view

# --- fact 1.3: binary search; stable sort by address


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


@pytest.mark.parametrize(("glibc", "index"), [("2.18", None), ("2.19", 1)])
def test_a_source_in_127_is_looked_up_as_127_0_0_1_since_2_19(
    glibc: str, index: int | None
) -> None:
    """Fact 1.7; what sockets have to do with it, the library shows."""
    rows = [row("127.0.0.1/8", 1), row("2001:db8::1/64")]
    targets, host = view(rows, {"127.0.0.2": "127.0.0.2"})
    (found,) = candidates(targets, host, dialect(glibc), address_table(host.dumped))
    assert found.index == index


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

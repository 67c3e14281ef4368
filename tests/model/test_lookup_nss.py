"""Before the sort, where a module hands over addresses exactly as they are listed."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.addresses import parse_target
from harness.model.dialects import dialect
from harness.model.host import Target
from harness.model.lookup import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AI_ADDRCONFIG,
    AI_ALL,
    AI_CANONNAME,
    AI_V4MAPPED,
    Found,
    NameService,
    Request,
    find,
)

NOW = dialect("2.36")
NAMES = {
    "both": ("fe80::1%2", "192.0.2.1", "fe80::1%3", "2001:db8::1", "192.0.2.1", "fe80::1%2"),
    "four": ("192.0.2.1", "192.0.2.2"),
    "six": ("fe80::1%2", "2001:db8::1"),
    "mapped": ("::ffff:192.0.2.9%2", "::1%5"),
    "dotted.": ("192.0.2.7",),
}


def service() -> NameService:
    names = {name: tuple(parse_target(text, {}) for text in texts) for name, texts in NAMES.items()}
    return NameService(names, "nss", links={"eth0": 2})


def ask(
    name: str, family: int = AF_UNSPEC, flags: int = 0, seen: tuple[bool, bool] = (True, True)
) -> Found:
    return find(Request(name, family=family, flags=flags, socktype=1), service(), *seen, NOW)


def texts(found: Found) -> list[str]:
    return [str(item.target) for item in found.items]


def bare(name: str, version: int) -> list[str]:
    return [one.partition("%")[0] for one in NAMES[name] if (":" in one) == (version == 6)]


@pytest.mark.parametrize("flags", [0, AI_CANONNAME, AI_ADDRCONFIG, AI_V4MAPPED | AI_ALL])
def test_both_families_as_listed(flags: int) -> None:
    assert texts(ask("both", flags=flags)) == list(NAMES["both"])
    assert texts(ask("BOTH", flags=flags)) == list(NAMES["both"])


@pytest.mark.parametrize("flags", [0, AI_CANONNAME, AI_ADDRCONFIG])
def test_one_family_loses_scope_ids(flags: int) -> None:
    assert texts(ask("both", AF_INET6, flags)) == bare("both", 6)
    assert texts(ask("both", AF_INET, flags)) == bare("both", 4)


def test_addrconfig_narrows_and_so_loses_scope_ids() -> None:
    assert texts(ask("both", flags=AI_ADDRCONFIG, seen=(False, True))) == bare("both", 6)
    assert texts(ask("both", flags=AI_ADDRCONFIG, seen=(True, False))) == bare("both", 4)
    assert texts(ask("both", flags=AI_ADDRCONFIG, seen=(False, False))) == list(NAMES["both"])
    assert ask("six", AF_INET6, AI_ADDRCONFIG, (True, False)).error == "EAI_NONAME"


def test_mapped_addresses() -> None:
    four = [f"::ffff:{address}" for address in bare("both", 4)]
    assert texts(ask("both", AF_INET6, AI_V4MAPPED)) == bare("both", 6)
    assert texts(ask("both", AF_INET6, AI_V4MAPPED | AI_ALL)) == bare("both", 6) + four
    assert texts(ask("four", AF_INET6, AI_V4MAPPED)) == ["::ffff:192.0.2.1", "::ffff:192.0.2.2"]
    # unlike the hosts file: a module's ::1 and mapped addresses are no IPv4 ones
    assert ask("mapped", AF_INET).error == "EAI_NODATA"
    assert texts(ask("mapped")) == ["::ffff:192.0.2.9%2", "::1%5"]
    assert texts(ask("mapped", AF_INET6, AI_V4MAPPED)) == ["::1"]


def test_errors() -> None:
    assert ask("four", AF_INET6).error == "EAI_NODATA"
    assert ask("six", AF_INET).error == "EAI_NODATA"
    for family in (AF_UNSPEC, AF_INET, AF_INET6):
        assert ask("nobody", family).error == "EAI_NONAME"
    assert ask("four.").error == "EAI_NONAME"
    assert texts(ask("dotted.")) == ["192.0.2.7"]


def test_one_address_needs_no_sort_and_two_zones_do() -> None:
    assert not ask("dotted.").needs_sort
    assert ask("six").needs_sort


@given(st.lists(st.sampled_from(sorted({one for all_ in NAMES.values() for one in all_}))))
def test_nothing_is_lost_or_moved(listed: list[str]) -> None:
    held = NameService({"web": tuple(parse_target(text, {}) for text in listed)}, "nss")
    found = find(Request("web", socktype=1), held, True, True, NOW)
    assert texts(found) == listed
    assert (found.error is None) == bool(listed)
    assert all(
        item.target.address == IPv6Address(int(item.target.address))
        for item in found.items
        if item.target.address.version == 6
    )


def test_zones_as_names_and_numbers() -> None:
    links = {"eth0": 2, "7": 9}
    assert parse_target("fe80::1%eth0", links) == Target(IPv6Address("fe80::1"), 2)
    assert parse_target("fe80::1%7", links) == Target(IPv6Address("fe80::1"), 9)
    assert parse_target("fe80::1%8", links) == Target(IPv6Address("fe80::1"), 8)
    assert parse_target("fe80::1", links) == Target(IPv6Address("fe80::1"))
    assert parse_target("192.0.2.1", links) == Target(ip_address("192.0.2.1"))
    for text in ("fe80::1%eth1", "fe80::1%", "fe80::1%4294967296", "192.0.2.1%2", "x%2"):
        with pytest.raises(ValueError, match=r"."):
            parse_target(text, links)

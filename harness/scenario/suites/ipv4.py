"""IPv4: every prefix length of the source on every kind of host."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from itertools import chain, permutations

from .cases import DEFAULT4, DEFAULT6, SOURCE4, Cases, Expect, rotations, unknown
from .reasoning import Ranking, by_subnet, flip

SIX = "2001:db8:9::1"
KINDS = {"dual": "2001:db8:1::2/64", "linklocal": "fe80::2/64", "v4only": None}
"""The kinds of host, by the one IPv6 address they have beside ::1."""

_WORDS = {
    "dual": "has a global IPv6 address too",
    "linklocal": "has a link-local IPv6 address too, which is enough to keep the table",
    "v4only": "has no IPv6 address: glibc keeps no address table, every length is unknown",
}
# the lists of places that are looked up, in every order
_GROUPS = tuple(
    tuple(group.split())
    for group in (
        "just-inside just-outside", "just-inside far-outside", "deep-inside just-outside",
        "deep-inside just-inside", "deep-inside half-inside", "first-host below",
        "last-host above", "above below", "just-outside far-outside",
        "half-outside far-outside", "self just-inside", "self just-outside",
        "network just-outside", "network just-inside", "broadcast just-outside",
        "broadcast just-inside", "just-outside just-inside deep-inside",
        "far-outside just-outside just-inside",
    )
)  # fmt: skip


def kind_of_host(kind: str) -> tuple[list[str], list[dict[str, str]]]:
    """The IPv6 addresses and routes of a host of ``kind``. Raises KeyError."""
    address = KINDS[kind]
    return ([] if address is None else [address]), ([DEFAULT6] if kind == "dual" else [])


def by_prefix_length() -> Iterator[Cases]:
    """Every prefix length 0 to 32 on every kind of host."""
    for length in range(33):
        for kind in KINDS:
            yield host(f"rule9-v4-p{length}-{kind}", length, kind)


def places(length: int) -> dict[str, str]:
    """Destinations by where they lie, seen from the subnet SOURCE4/``length``.

    *just* is next to the border in bits (one bit more or less in common would change
    sides), *above* and *below* in numbers.
    """
    subnet = ip_network(f"{SOURCE4}/{length}", strict=False)
    first, last = subnet.network_address, subnet.broadcast_address
    named = {"self": SOURCE4}
    if length <= 30:
        named["broadcast"] = str(last)
    if 1 <= length <= 30:  # 0.0.0.0 would mean this host
        named["network"] = str(first)
    if length <= 31:
        named["just-inside"] = flip(SOURCE4, length)
        named["half-inside"] = flip(SOURCE4, (length + 31) // 2)
        named["deep-inside"] = flip(SOURCE4, 31)
    if length >= 1:
        named["just-outside"] = flip(SOURCE4, length - 1)
        named["half-outside"] = flip(SOURCE4, (length - 1) // 2)
        named["far-outside"] = flip(SOURCE4, 0)
    if 2 <= length <= 30:
        named |= {"first-host": str(first + 1), "last-host": str(last - 1)}
    if length >= 5:  # below 128.0.0.0 is loopback
        named |= {"below": str(first - 1), "above": str(last + 1)}
    distinct = {address: place for place, address in reversed(named.items())}
    return {place: address for place, address in named.items() if distinct[address] == place}


def host(name: str, length: int, kind: str) -> Cases:
    """One source prefix length on one kind of host.

    Parameters: ``name`` the scenario's; ``kind`` one of `KINDS`. Raises KeyError.
    """
    addresses, routes = kind_of_host(kind)
    cases = Cases(
        name,
        f"IPv4 rule 9 around the subnet of {SOURCE4}/{length}. The host {_WORDS[kind]}.",
        {"eth0": [f"{SOURCE4}/{length}", *addresses]},
        [DEFAULT4, *routes],
    )
    where = places(length)
    expect = _expected(where, length, kind)
    for order in chain.from_iterable(map(permutations, _GROUPS)):
        if set(order) <= set(where):
            # a broadcast address up to Linux 5.13, unicast from then on
            cases.lists(where, [order], unknown if "network" in order else expect)
    everything = [address for place, address in where.items() if place != "network"]
    for turn, turned in rotations(everything):
        if turn % 4 == 0:
            cases.add(f"everything-turned-{turn}", turned, expect)
    cases.add("everything-backwards", everything[::-1], expect)
    cases.add("everything-any-socktype", everything[::-1], expect, socktype="any")
    # after an IPv6 destination the socket is an AF_INET6 one
    far = next(place for place in ("just-outside", "deep-inside") if place in where)
    near = next(place for place in ("just-inside", "self") if place in where)
    groups = (("six", far, near), ("six", near, far), (far, "six", near), (far, near, "six"))
    return cases.lists(where | {"six": SIX}, groups, expect)


def _expected(where: dict[str, str], length: int, kind: str) -> Expect:
    refused = {where.get("broadcast")} | (set() if kind == "dual" else {SIX})
    before: Ranking = [
        (1, lambda address: address in refused),
        (6, lambda address: "." in address),  # precedence 40 against 10
    ]
    return by_subnet(SOURCE4, 0 if kind == "v4only" else length, before)

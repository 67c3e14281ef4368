"""IPv4: every prefix length of the source on every kind of host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from itertools import permutations
from typing import Any

from .cases import Cases, joined, rotations
from .reasoning import Ranking, flip, four_by_subnet

# one flipped bit, whichever it is, gives a public unicast address again
SOURCE = "138.18.45.130"
SIX = "2001:db8:9::1"
DEFAULT_ROUTE = {"to": "0.0.0.0/0", "dev": "eth0"}
ROUTE6 = {"to": "::/0", "dev": "eth0"}
KINDS = {"dual": "2001:db8:1::2/64", "linklocal": "fe80::2/64", "v4only": None}
"""The kinds of host, by the one IPv6 address they have beside ::1."""

_WORDS = {
    "dual": "has a global IPv6 address too",
    "linklocal": "has a link-local IPv6 address too, which is enough to keep the table",
    "v4only": "has no IPv6 address: glibc keeps no address table, every length is unknown",
}
_PAIRS: tuple[tuple[str, ...], ...] = (
    ("just-inside", "just-outside"),
    ("just-inside", "far-outside"),
    ("deep-inside", "just-outside"),
    ("deep-inside", "just-inside"),
    ("deep-inside", "half-inside"),
    ("first-host", "below"),
    ("last-host", "above"),
    ("above", "below"),
    ("just-outside", "far-outside"),
    ("half-outside", "far-outside"),
    ("self", "just-inside"),
    ("self", "just-outside"),
    ("network", "just-outside"),
    ("network", "just-inside"),
    ("broadcast", "just-outside"),
    ("broadcast", "just-inside"),
)
_TRIPLES: tuple[tuple[str, ...], ...] = (
    ("just-outside", "just-inside", "deep-inside"),
    ("far-outside", "just-outside", "just-inside"),
)


def kind_of_host(kind: str) -> tuple[list[str], list[dict[str, str]]]:
    """The IPv6 addresses and routes of a host of ``kind``. Raises KeyError."""
    address = KINDS[kind]
    return ([] if address is None else [address]), ([ROUTE6] if kind == "dual" else [])


def by_prefix_length() -> Iterator[Cases]:
    """Every prefix length 0 to 32 on every kind of host."""
    for length in range(33):
        for kind in KINDS:
            yield host(f"rule9-v4-p{length}-{kind}", length, kind)


def places(length: int) -> dict[str, str]:
    """Destinations by where they lie, seen from the subnet SOURCE/``length``.

    *just* is next to the border in bits (one bit more or less in common would change
    sides), *above* and *below* in numbers. Raises nothing.
    """
    subnet = ip_network(f"{SOURCE}/{length}", strict=False)
    first, last = subnet.network_address, subnet.broadcast_address
    named = {"self": SOURCE}
    if length <= 30:
        named["broadcast"] = str(last)
    if 1 <= length <= 30:  # 0.0.0.0 would mean this host
        named["network"] = str(first)
    if length <= 31:
        named["just-inside"] = flip(SOURCE, length)
        named["half-inside"] = flip(SOURCE, (length + 31) // 2)
        named["deep-inside"] = flip(SOURCE, 31)
    if length >= 1:
        named["just-outside"] = flip(SOURCE, length - 1)
        named["half-outside"] = flip(SOURCE, (length - 1) // 2)
        named["far-outside"] = flip(SOURCE, 0)
    if 2 <= length <= 30:
        named |= {"first-host": str(first + 1), "last-host": str(last - 1)}
    if length >= 5:  # below 128.0.0.0 is loopback
        named |= {"below": str(first - 1), "above": str(last + 1)}
    distinct: dict[str, str] = {}
    for place, address in named.items():
        if address not in distinct.values():
            distinct[place] = address
    return distinct


def host(name: str, length: int, kind: str) -> Cases:
    """One source prefix length on one kind of host.

    Parameters: ``name`` the scenario's; ``kind`` one of `KINDS`. Raises KeyError.
    """
    addresses, routes = kind_of_host(kind)
    cases = Cases(
        name,
        f"IPv4 rule 9 around the subnet of {SOURCE}/{length}. The host {_WORDS[kind]}.",
        {"eth0": [f"{SOURCE}/{length}", *addresses]},
        [DEFAULT_ROUTE, *routes],
    )
    where = places(length)
    for group in (*_PAIRS, *_TRIPLES):
        for order in permutations(group):
            _add(cases, order, where, length, kind)
    everything = [place for place in where if place != "network"]
    for turn, turned in rotations(everything):
        if turn % 4 == 0:
            _add(cases, turned, where, length, kind, f"everything-turned-{turn}")
    _add(cases, everything[::-1], where, length, kind, "everything-backwards")
    _add(cases, everything[::-1], where, length, kind, "everything-any-socktype", socktype="any")
    where["six"] = SIX
    # after an IPv6 destination the socket is an AF_INET6 one
    far = next(place for place in ("just-outside", "deep-inside") if place in where)
    near = next(place for place in ("just-inside", "self") if place in where)
    for words in (["six", far, near], ["six", near, far], [far, "six", near], [far, near, "six"]):
        _add(cases, words, where, length, kind)
    return cases


def _add(
    cases: Cases,
    words: Sequence[str],
    where: dict[str, str],
    length: int,
    kind: str,
    name: str | None = None,
    **hints: str,
) -> None:
    if not all(word in where for word in words):
        return
    addresses = [where[word] for word in words]
    expect: list[dict[str, Any]] = []
    if "network" not in words:  # a broadcast address up to Linux 5.13, unicast from then on
        expect = _expected(addresses, where, length, kind)
    cases.add(name or joined(words), addresses, expect, **hints)


def _expected(
    addresses: Sequence[str], where: dict[str, str], length: int, kind: str
) -> list[dict[str, Any]]:
    known = 0 if kind == "v4only" else length
    refused = {where.get("broadcast")} | (set() if kind == "dual" else {SIX})
    before: Ranking = [
        (1, lambda address: address in refused),
        (6, lambda address: "." in address),  # precedence 40 against 10
    ]
    return four_by_subnet(addresses, lambda _: (SOURCE, known), before)

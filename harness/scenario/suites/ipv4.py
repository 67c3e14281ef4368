"""IPv4: every prefix length of the source on every kind of host, and hosts out of the ordinary."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from itertools import chain, permutations
from typing import Any

from .cases import DEFAULT4, DEFAULT6, SOURCE4, Cases, rotations
from .reasoning import Ranking, by_subnet, flip, shared

_SIX = "2001:db8:9::1"
_TWO = "dual", "v4only"
_GLOBAL6 = "2001:db8:1::2/64"
KINDS = {
    "dual": ([_GLOBAL6], "a global IPv6 address too"),
    "linklocal": (
        ["fe80::2/64"], "a link-local IPv6 address too, which is enough to keep the table"
    ),
    "v4only": ([], "no IPv6 address: glibc keeps no address table, every length is unknown"),
}  # fmt: skip
"""The kinds of host, by the IPv6 address they have beside ::1 and what it means."""
# the lists of places that are looked up, in every order
_GROUPS = (
    "just-inside just-outside", "just-inside far-outside", "deep-inside just-outside",
    "deep-inside just-inside", "deep-inside half-inside", "first-host below", "last-host above",
    "above below", "just-outside far-outside", "half-outside far-outside", "self just-inside",
    "self just-outside", "network just-outside", "network just-inside", "broadcast just-outside",
    "broadcast just-inside", "just-outside just-inside deep-inside",
    "far-outside just-outside just-inside",
)  # fmt: skip


def _host(
    name: str, kind: str, description: str, eth0: Sequence[Any], way: Mapping[str, str] = DEFAULT4,
    **interfaces: Sequence[Any],
) -> Cases:  # fmt: skip
    """A host of ``kind`` whose IPv4 goes one ``way``."""
    routes = [way, DEFAULT6] if kind == "dual" else [way]
    links = {"eth0": [*eth0, *KINDS[kind][0]], **interfaces}
    return Cases(f"{name}-{kind}", description, links, routes)


def by_prefix_length() -> Iterator[Cases]:
    """Every prefix length 0 to 32 on every kind of host."""
    for length in range(33):
        for kind in KINDS:
            yield host("rule9-v4", length, kind)


def _places(length: int) -> dict[str, str]:
    """Destinations around SOURCE4/``length``, *just* at its border in bits or one number off."""
    subnet = ip_network(f"{SOURCE4}/{length}", strict=False)
    first, last = subnet.network_address, subnet.broadcast_address
    named = {"self": SOURCE4}
    if length <= 30:
        named["broadcast"] = str(last)
    if 1 <= length <= 30:  # 0.0.0.0 would mean this host
        named["network"] = str(first)
    inside = {"just-inside": length, "half-inside": (length + 31) // 2, "deep-inside": 31}
    outside = {"just-outside": length - 1, "half-outside": (length - 1) // 2, "far-outside": 0}
    for bits in (inside if length <= 31 else {}), (outside if length >= 1 else {}):
        named |= {place: flip(SOURCE4, bit) for place, bit in bits.items()}
    if 2 <= length <= 30:
        named |= {"first-host": str(first + 1), "last-host": str(last - 1)}
    if length >= 5:  # below 128.0.0.0 is loopback
        named |= {"below": str(first - 1), "above": str(last + 1)}
    distinct = {address: place for place, address in reversed(named.items())}
    return {place: address for place, address in named.items() if distinct[address] == place}


def host(name: str, length: int, kind: str) -> Cases:
    """One source prefix length on one kind of host, one of `KINDS`."""
    own = f"{SOURCE4}/{length}"
    text = f"IPv4 rule 9 around the subnet of {own}. The host has {KINDS[kind][1]}."
    cases = _host(f"{name}-p{length}", kind, text, [own])
    where = _places(length)
    refused = {where.get("broadcast")} | (set() if kind == "dual" else {_SIX})
    before: Ranking = [
        (1, lambda address: address in refused),
        (6, lambda address: "." in address),  # precedence 40 against 10
    ]
    expect = by_subnet(SOURCE4, 0 if kind == "v4only" else length, before)
    for order in chain.from_iterable(permutations(group.split()) for group in _GROUPS):
        if set(order) <= set(where):
            # a broadcast address up to Linux 5.13, unicast from then on
            cases.lists(where, [order], () if "network" in order else expect)
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
    return cases.lists(where | {"six": _SIX}, groups, expect)


_LOCAL = "138.18.45.133"
_PEER = "138.18.45.134"
_BEHIND = {"to": "0.0.0.0/0", "dev": "ptp0"}
_AROUND_PEER = {
    "self": _LOCAL, "peer": _PEER, "same-24": "138.18.45.77", "same-16": "138.18.200.1",
    "same-8": "138.200.1.1", "elsewhere": "203.0.113.9",
}  # fmt: skip


def _six(kind: str) -> Ranking:
    """Where the IPv6 destination comes: first by its precedence, last where it has no route."""
    if kind == "dual":
        return [(6, lambda address: "." in address)]
    return [(1, lambda address: ":" in address)]


def peers() -> Iterator[Cases]:
    """Point-to-point addresses: the table holds the peer, so the source is not found."""
    for length in (8, 16, 24, 29, 30, 31, 32):
        for kind in _TWO:
            cases = _host(
                f"rule9-v4-peer-p{length}", kind,
                f"The source {_LOCAL} has the peer {_PEER}/{length}: glibc looks the source up, "
                "finds only the peer in its table and takes the length as unknown.",
                [], _BEHIND,
                ptp0=[{"address": f"{_LOCAL}/{length}", "peer": f"{_PEER}/{length}"}],
            )  # fmt: skip
            expect = by_subnet(_LOCAL, 0, _six(kind))
            cases.pairs(_AROUND_PEER, expect)
            yield cases.everything([_SIX, *_AROUND_PEER.values()], expect)
    yield Cases(
        "rule9-v4-peer-unnumbered",
        f"ptp0 borrows the address {_LOCAL} of eth0: there the source is found, with eth0's /24, "
        "for destinations behind ptp0 too.",
        {
            "eth0": [f"{_LOCAL}/24", _GLOBAL6],
            "ptp0": [{"address": f"{_LOCAL}/32", "peer": "198.51.100.1/32"}],
        },
        [_BEHIND],
    ).pairs(_AROUND_PEER | {"far-peer": "198.51.100.1"}, by_subnet(_LOCAL, 24))
    yield _peer_beside_ethernet()


def _peer_beside_ethernet() -> Cases:
    cases = Cases(
        "rule9-v4-peer-beside-ethernet",
        "The interface behind a peer address is unknown and so not native: rule 7 decides "
        "before rule 9 can.",
        {
            "eth0": ["198.51.100.2/24", _GLOBAL6],
            "ptp0": [{"address": f"{_LOCAL}/32", "peer": f"{_PEER}/32"}],
        },
        [DEFAULT4, {"to": "138.18.0.0/16", "dev": "ptp0"}],
    )
    where = {"peer": _PEER, "behind": "138.18.45.77", "near": "198.51.100.3", "far": "203.0.113.9"}

    def source_of(address: str) -> tuple[str, int]:
        return (_LOCAL, 0) if address.startswith("138.") else ("198.51.100.2", 24)

    # with a known first the tie is among eth0's own, whose length is known
    unknown: Ranking = [(7, lambda address: address.startswith("138."))]
    groups = chain.from_iterable(permutations(where, size) for size in (2, 3, 4))
    return cases.lists(where, groups, by_subnet(source_of, before=unknown))


def loopback() -> Iterator[Cases]:
    """Destinations and sources in 127/8, reached by sockets of both families."""
    where = {
        "one": "127.0.0.1", "two": "127.0.0.2", "near": "127.0.77.1", "far": "127.200.1.1",
        "farthest": "127.255.255.254",
    }  # fmt: skip
    every = where | {"own": "127.9.9.9", "six": _SIX}
    for kind in KINDS:
        cases = _host(
            "rule9-v4-loopback", kind,
            "All of 127/8 is reached from 127.0.0.1/8 on lo, but for the host's own 127.9.9.9. "
            "After an IPv6 destination the source is read from an AF_INET6 socket.",
            [f"{SOURCE4}/24"], eth1=["127.9.9.9/16"],
        )  # fmt: skip
        known = 0 if kind == "v4only" else 8
        for words in permutations(where, 2):
            expect = by_subnet("127.0.0.1", known, _six(kind))
            cases.lists(every, [words, ("six", *words)], expect)
        for words in permutations([*where, "own"], 2):
            if "own" in words:
                cases.lists(every, [words, ("six", *words)])
        yield cases
    yield _source_in_loopback()


def _source_in_loopback() -> Cases:
    cases = Cases(
        "rule9-v4-loopback-source",
        "126.0.0.0/8 and 120.0.0.0/8 are reached from 127.9.9.9/7. An AF_INET socket's source is "
        "looked up as 127.0.0.1/8, which has neither in its subnet; an AF_INET6 one's is found.",
        {"eth0": [_GLOBAL6], "eth1": ["127.9.9.9/7"]},
        [
            DEFAULT6,
            {"to": "126.0.0.0/8", "dev": "lo", "from": "127.9.9.9"},
            {"to": "120.0.0.0/8", "dev": "lo", "from": "127.9.9.9"},
        ],
    )
    where = {
        "inside": "126.1.1.1", "also-inside": "126.200.1.1", "outside": "120.1.1.1",
        "farther": "120.200.1.1",
    }  # fmt: skip
    # 127.9.9.9 has link-local scope, which matches no destination's
    scope: Ranking = [(2, lambda address: "." in address)]
    for words in permutations(where, 2):
        cases.lists(where, [words], by_subnet("127.9.9.9", 8, glibc=">=2.19"))
        expect = by_subnet("127.9.9.9", 7, scope, glibc=">=2.19")
        cases.lists(where | {"six": _SIX}, [("six", *words)], expect)
    return cases


def secondaries() -> Iterator[Cases]:
    """Secondary addresses in and outside the primary's subnet."""
    yield from (_secondary(length, kind) for length in (16, 20, 24, 25) for kind in _TWO)


def _secondary(length: int, kind: str) -> Cases:
    primary, other = "172.18.45.9", "172.21.5.7"
    cases = _host(
        f"rule9-v4-secondary-p{length}", kind,
        f"172.18.45.3 and 172.18.45.100 are secondary to {primary}/{length} and reached from it; "
        f"{other}/{length} is another subnet's primary.",
        [
            f"{primary}/{length}", {"address": f"172.18.45.3/{length}", "label": "eth0:1"},
            f"172.18.45.100/{length}", f"{other}/{length}",
        ],
    )  # fmt: skip
    where = {
        "primary": primary, "lower-secondary": "172.18.45.3", "higher-secondary": "172.18.45.100",
        "neighbour": "172.18.45.10", "other-primary": other, "other-neighbour": "172.21.5.8",
        "elsewhere": "203.0.113.9",
    }  # fmt: skip

    def source_of(address: str) -> tuple[str, int]:
        mine = shared(address, other) >= length
        return (other if mine else primary), (0 if kind == "v4only" else length)

    expect = by_subnet(source_of)
    return cases.pairs(where, expect).everything(list(where.values()), expect)


def twice() -> Iterator[Cases]:
    """One address on several interfaces: the model has to hit the entry that bsearch hits."""
    where = {"in-24": "172.18.45.6", "in-16": "172.18.200.1", "outside": "172.31.80.8"}
    for lengths in ((16, 24), (16, 32, 24)):
        for below, above in [(n, 0) for n in range(8)] + [(0, n) for n in (1, 2, 3, 4, 7)]:
            fillers = [f"10.0.0.{n}/32" for n in range(1, below + 1)]
            fillers += [f"203.0.113.{n}/32" for n in range(1, above + 1)]
            words = "-".join(f"p{length}" for length in lengths)
            yield Cases(
                f"rule9-v4-twice-{words}-below{below}-above{above}",
                f"172.18.45.2 is on {len(lengths)} interfaces with the lengths {words}; {below} "
                f"addresses sort before it and {above} after it, so that the binary search goes "
                "other ways.",
                {
                    **{f"eth{n}": [f"172.18.45.2/{length}"] for n, length in enumerate(lengths)},
                    "eth8": fillers,
                    "eth9": [_GLOBAL6],
                },
                [DEFAULT4],
            ).lists(where, chain(permutations(where, 2), permutations(where, 3)))

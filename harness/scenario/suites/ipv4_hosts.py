"""IPv4 hosts out of the ordinary: peers, loopback, secondary addresses, one address twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, permutations

from .cases import DEFAULT4, DEFAULT6, SOURCE4, Cases
from .ipv4 import KINDS, SIX, kind_of_host
from .reasoning import Ranking, by_subnet, shared

_LOCAL = "138.18.45.133"
_PEER = "138.18.45.134"
_GLOBAL6 = "2001:db8:1::2/64"
_AROUND_PEER = {
    "self": _LOCAL,
    "peer": _PEER,
    "same-24": "138.18.45.77",
    "same-16": "138.18.200.1",
    "same-8": "138.200.1.1",
    "elsewhere": "203.0.113.9",
}


def _six(kind: str) -> Ranking:
    """Where the IPv6 destination comes: first by its precedence, last where it has no route."""
    if kind == "dual":
        return [(6, lambda address: "." in address)]
    return [(1, lambda address: ":" in address)]


def peers() -> Iterator[Cases]:
    """Point-to-point addresses: the table holds the peer, so the source is not found."""
    for length in (8, 16, 24, 29, 30, 31, 32):
        for kind in ("dual", "v4only"):
            addresses, routes = kind_of_host(kind)
            cases = Cases(
                f"rule9-v4-peer-p{length}-{kind}",
                f"The source {_LOCAL} has the peer {_PEER}/{length}: glibc looks the source up, "
                "finds only the peer in its table and takes the length as unknown.",
                {
                    "eth0": addresses,
                    "ptp0": [{"address": f"{_LOCAL}/{length}", "peer": f"{_PEER}/{length}"}],
                },
                [{"to": "0.0.0.0/0", "dev": "ptp0"}, *routes],
            ).pairs(_AROUND_PEER, by_subnet(_LOCAL))
            every = [SIX, *_AROUND_PEER.values()]
            yield cases.everything(every, by_subnet(_LOCAL, 0, _six(kind)))
    yield Cases(
        "rule9-v4-peer-unnumbered",
        f"ptp0 borrows the address {_LOCAL} of eth0: there the source is found, with eth0's /24, "
        "for destinations behind ptp0 too.",
        {
            "eth0": [f"{_LOCAL}/24", _GLOBAL6],
            "ptp0": [{"address": f"{_LOCAL}/32", "peer": "198.51.100.1/32"}],
        },
        [{"to": "0.0.0.0/0", "dev": "ptp0"}],
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
    every = where | {"own": "127.9.9.9", "six": SIX}
    for kind in KINDS:
        addresses, routes = kind_of_host(kind)
        cases = Cases(
            f"rule9-v4-loopback-{kind}",
            "All of 127/8 is reached from 127.0.0.1/8 on lo, but for the host's own 127.9.9.9. "
            "After an IPv6 destination the source is read from an AF_INET6 socket.",
            {"eth0": [f"{SOURCE4}/24", *addresses], "eth1": ["127.9.9.9/16"]},
            [DEFAULT4, *routes],
        )
        known = 0 if kind == "v4only" else 8
        for words in permutations(where, 2):
            cases.lists(every, [words], by_subnet("127.0.0.1", known))
            expect = by_subnet("127.0.0.1", known, _six(kind))
            cases.lists(every, [words], expect, after=["six"])
        for words in permutations([*where, "own"], 2):
            if "own" in words:
                cases.lists(every, [words])
                cases.lists(every, [words], after=["six"])
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
        cases.lists(where | {"six": SIX}, [words], expect, after=["six"])
    return cases


def secondaries() -> Iterator[Cases]:
    """Secondary addresses in and outside the primary's subnet."""
    for length in (16, 20, 24, 25):
        for kind in ("dual", "v4only"):
            yield _secondary(f"rule9-v4-secondary-p{length}-{kind}", length, kind)


def _secondary(name: str, length: int, kind: str) -> Cases:
    primary, other = "172.18.45.9", "172.21.5.7"
    addresses, routes = kind_of_host(kind)
    cases = Cases(
        name,
        f"172.18.45.3 and 172.18.45.100 are secondary to {primary}/{length} and reached from it; "
        f"{other}/{length} is another subnet's primary.",
        {
            "eth0": [
                f"{primary}/{length}",
                {"address": f"172.18.45.3/{length}", "label": "eth0:1"},
                f"172.18.45.100/{length}",
                f"{other}/{length}",
                *addresses,
            ]
        },
        [DEFAULT4, *routes],
    )
    where = {
        "primary": primary,
        "lower-secondary": "172.18.45.3",
        "higher-secondary": "172.18.45.100",
        "neighbour": "172.18.45.10",
        "other-primary": other,
        "other-neighbour": "172.21.5.8",
        "elsewhere": "203.0.113.9",
    }

    def source_of(address: str) -> tuple[str, int]:
        mine = shared(address, other) >= length
        return (other if mine else primary), (0 if kind == "v4only" else length)

    expect = by_subnet(source_of)
    return cases.pairs(where, expect).everything(list(where.values()), expect)


def twice() -> Iterator[Cases]:
    """One address on several interfaces: the entry that bsearch hits gives the length.

    Which one that is depends on the entries below and above, so there is no expectation:
    the model has to land where this glibc's bsearch does.
    """
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

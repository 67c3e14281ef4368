"""The suite "findings": public reports played through in every shape, for docs/findings.md."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..load import gai_conf_files
from .cases import Cases, dns, rotations

IP1 = "172.18.45.9"
"""The node's first address in every shape of the seed's node."""

STACKS: dict[str, list[str]] = {
    "v4only": [],
    "linklocal": ["fe80::9/64"],
    "dual": ["2001:db8:1::9/64"],
}
"""The kinds of host, by the IPv6 addresses they have beside ::1."""

RESOLVERS: dict[str, dict[str, Any]] = {"files": {}, "dns": dns("A")}
"""Where names come from, as settings of a scenario."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A way for a node to have two addresses, ``added`` to eth0 in this order.

    ``winner`` is "ip1", "ip2", or "names" where the order of the names stays.
    """

    name: str
    words: str
    ip2: str
    added: tuple[str, str]
    winner: str


# name, words, winner, the first address, a smaller and a larger second one
_PAIRS = (
    ("secondary", "ip2 a secondary address in ip1's subnet", "ip1",
     f"{IP1}/24", "172.18.45.3/24", "172.18.45.200/24"),
    ("ip2-added-first", "the same subnet, ip2 added before ip1", "ip2",
     f"{IP1}/24", "172.18.45.3/24", "172.18.45.200/24"),
    ("other-subnet", "ip2 in another subnet", "names",
     f"{IP1}/24", "172.18.40.3/24", "172.20.0.5/24"),
    ("wider-mask", "ip2 in ip1's range with a /16, as ifconfig gives without a netmask", "names",
     f"{IP1}/24", "172.18.45.3/16", "172.18.45.200/16"),
    ("slash-32", "ip2 in ip1's range as a /32", "names",
     f"{IP1}/24", "172.18.45.3/32", "172.18.45.200/32"),
    ("both-slash-32", "both addresses as a /32", "names",
     f"{IP1}/32", "172.18.45.3/32", "172.18.45.200/32"),
)  # fmt: skip
SHAPES = tuple(
    Shape(f"{name}-{size}", words, ip2.partition("/")[0], added, winner)
    for name, words, winner, ip1, *seconds in _PAIRS
    for size, ip2 in zip(("smaller", "larger"), seconds, strict=True)
    for added in [(ip2, ip1) if name == "ip2-added-first" else (ip1, ip2)]
)


def cases() -> Iterator[Cases]:
    """All hosts of the suite."""
    for stack in STACKS:
        for resolver in RESOLVERS:
            for shape in SHAPES:
                yield _seed(stack, resolver, shape)
    yield from _round_robins()
    yield from _precedence_pairs()


def _seed(stack: str, resolver: str, shape: Shape) -> Cases:
    labelled = [
        {"address": own, "label": "eth0:1"} if own.startswith(f"{shape.ip2}/") else own
        for own in shape.added
    ]
    cases = Cases(
        f"findings-seed-{stack}-{resolver}-{shape.name}",
        f"The seed's node: {shape.words}; ip2 is eth0:1.",
        {"eth0": [*labelled, *STACKS[stack]]},
        **RESOLVERS[resolver],
    )

    def expect(given: Sequence[str]) -> list[dict[str, Any]]:
        if shape.winner == "names":
            return [{"order": list(given), "decided_by": 10}]
        winner = IP1 if shape.winner == "ip1" else shape.ip2
        return [{"order": sorted(given, key=lambda to: to != winner), "decided_by": 9}]

    cases.add("ip1-first", [IP1, shape.ip2], expect)
    return cases.add("ip2-first", [shape.ip2, IP1], expect)


_GOLANG_13283 = [
    "54.83.193.112", "184.72.238.214", "23.23.172.185",
    "75.101.148.21", "23.23.134.56", "23.21.50.150",
]  # fmt: skip
_IRSSI_290 = [
    "2001:6b0:e:2a18:5054:ff:fe01:8119", "2001:778:627f::1:0:49", "2610:150:4b0f::",
    "2a00:1a28:1100:11::42", "2a00:1a28:1100:11::44", "2a01:270:0:666f::1",
    "2a01:4f8:100:92f1::2", "2a02:2498:1:3a3:6ef0:49ff:fe44:bc07",
    "2a02:2f0c:8000:19:62:231:75:133",
]  # fmt: skip


def _round_robins() -> Iterator[Cases]:
    # Weave: three neighbours, seen from each of them and from a fourth
    reports: list[tuple[str, str, list[str], list[str], str | None]] = [
        (f"weave-{stack}-p{length}-from-{client}",
         f"Round robin over 10.32.0.1 to .3, asked for on 10.32.0.{client}/{length}.",
         [f"10.32.0.{client}/{length}", *STACKS[stack]],
         ["10.32.0.1", "10.32.0.2", "10.32.0.3"], None)
        for stack in ("linklocal", "v4only") for length in (12, 16) for client in range(1, 5)
    ]  # fmt: skip
    reports += [
        (f"golang-13283-{stack}",
         "Round robin over six public addresses, asked for on 10.2.3.4/24.",
         ["10.2.3.4/24", *six], _GOLANG_13283, "10.2.3.1")
        for stack, six in (("linklocal", ["fe80::4/64"]), ("v4only", []))
    ]  # fmt: skip
    text = "Round robin over nine IPv6 servers, asked for from a 2601:: address."
    reports.append(("irssi-290", text, ["2601:0:1::2/64"], _IRSSI_290, "2601:0:1::1"))
    for name, description, own, reported, via in reports:
        routes = [{"to": "default", "via": via}] if via else []
        cases = Cases(f"findings-{name}", description, {"eth0": own}, routes, **dns("A"))
        for turn, order in rotations(reported):
            cases.add(f"rotation{turn}.example", order)
        yield cases


# a destination of each class, and the host's address of the same class that reaches it
_CLASSES: dict[str, tuple[str, str | None]] = {
    "loopback6": ("::1", None),
    "global6": ("2001:db8:1::9", "2001:db8:1::2/64"),
    "six-to-four": ("2002:c000:202::9", "2002:c000:202::2/64"),
    "compatible": ("::198.51.100.9", "::198.51.100.2/120"),
    "teredo": ("2001:0:1::9", "2001:0:1::2/64"),
    "unique-local": ("fd00:1::9", "fd00:1::2/64"),
    "site-local": ("fec0:1::9", "fec0:1::2/64"),
    "ipv4": ("192.0.2.9", "192.0.2.2/24"),
    "loopback4": ("127.0.0.1", None),
}


def _precedence_pairs() -> Iterator[Cases]:
    """Every pair of address classes in both orders, under two files that prefer IPv4."""
    for name in ("prefer-ipv4", "prefer-ipv4-one-liner"):
        yield Cases(
            f"findings-pairs-{name}",
            f"Pairs of address classes, each reached from its like, under {name}.conf.",
            {"eth0": [own for _, own in _CLASSES.values() if own is not None]},
            gai_conf=gai_conf_files()[f"{name}.conf"].read_text(encoding="utf-8"),
        ).pairs({name: address for name, (address, _) in _CLASSES.items()})

"""Link-local destinations with scope ids, which only a name service module can hand over."""

from __future__ import annotations

from collections.abc import Iterator

from .cases import BOTH_DEFAULTS, Cases, Expect, rotations
from .ipv6 import common_prefixes
from .reasoning import flip, in_subnet, ranked, shared

# neither bits nor their neighbours are all alike; flipped from bit 10 on it stays link-local
_SOURCE = "fe80::a5c3:69e1:3c5a:96f7"
_FIRST = 10  # fe80::/10
_OTHER = flip(_SOURCE, 90)  # the other link's source has 90 bits in common
_EVERY_LINK_LOCAL = {"to": "fe80::/10", "dev": "eth0", "metric": 512}
_EVERY_ON_ETH1 = {"to": "fe80::/10", "dev": "eth1", "metric": 513}
_GLOBAL = "2001:db8:1::2"


def scoped() -> Iterator[Cases]:
    """Every common prefix length on one link, then two links, one source on both, and others."""
    for length in (10, 64, 128):
        cases = Cases(
            f"rule9-v6-scoped-p{length}",
            f"From {_SOURCE}/{length}: link-local destinations on one link with {_FIRST} to 128 "
            "bits in common, each against the next one, from /64 against a distant one too.",
            {"eth0": [f"{_SOURCE}/{length}"]},
            [_EVERY_LINK_LOCAL],
            resolver="nss",
        )
        # the length plays no part: one of them with the distant pairs is enough
        distant = {c: 128 if c % 2 else _FIRST + (c + 49) % 118 for c in range(_FIRST, 128)}
        further = distant if length == 64 else {}
        yield common_prefixes(cases, _SOURCE, range(_FIRST, 128), 3, further, "%eth0")
    yield _two_links()
    yield _one_source_twice()
    yield _beside_others()


def _by_zone(**sources: str) -> Expect:
    """The bits in common with the source of the destination's own zone."""
    return ranked([(9, lambda to: -shared(to, sources[to.partition("%")[2]]))])


def _two_links() -> Cases:
    cases = Cases(
        "rule9-v6-scoped-two-links",
        f"From {_SOURCE} on eth0 and {_OTHER} on eth1: the same destination in both zones, then "
        "several. Each is compared with the source of its own link.",
        {"eth0": [f"{_SOURCE}/64"], "eth1": [f"{_OTHER}/64"]},
        [_EVERY_LINK_LOCAL, _EVERY_ON_ETH1],
        resolver="nss",
    )
    expect = _by_zone(eth0=_SOURCE, eth1=_OTHER)
    for common in range(_FIRST, 128):
        both = [f"{flip(_SOURCE, common)}%{zone}" for zone in ("eth0", "eth1")]
        cases.add(f"flipped-{common}", both, expect)
        cases.add(f"flipped-{common}-turned", both[::-1], expect)
    several = [
        f"{flip(_SOURCE, common)}%{zone}"
        for common in (64, 89, 90, 91, 127)
        for zone in ("eth1", "eth0")
    ]
    return cases.rotated("", several, (3, 5, 10), expect)


def _one_source_twice() -> Cases:
    cases = Cases(
        "rule9-v6-scoped-one-source-twice",
        "fe80::1 on two bridges: equal bits tie in both zones and stay as they are, and a zone "
        "with more bits in common goes before the other.",
        {"br0": ["fe80::1/64"], "br1": ["fe80::1/64"]},
        resolver="nss",
    )
    expect = _by_zone(br0="fe80::1", br1="fe80::1")
    for bit in (64, 80, 100, 126, 127):
        tied = [f"{flip('fe80::1', bit)}%{zone}" for zone in ("br0", "br1")]
        nearer = f"{flip('fe80::1', bit, 127)}%br0" if bit < 127 else "fe80::2%br1"
        for words, items in (("turned", [*tied, nearer]), ("tie", tied)):
            for turn, order in rotations(items):
                cases.add(f"bit-{bit}-{words}-{turn}", order, expect)
    return cases


def _beside_others() -> Cases:
    cases = Cases(
        "rule9-v6-scoped-beside-others",
        "Link-local destinations beside global and IPv4 ones: the precedence (rule 6) and the "
        "scope (rule 8) settle that, and rule 9 only the order among equals.",
        {"eth0": [f"{_SOURCE}/64", f"{_GLOBAL}/64", "172.18.45.2/24"]},
        BOTH_DEFAULTS,
        resolver="nss",
    )

    def near(address: str) -> int:
        if "." in address:
            return -in_subnet(address, "172.18.45.2", 24)
        return -shared(address, _SOURCE if "%" in address else _GLOBAL)

    every = [
        "2001:db8:1::3", f"{flip(_SOURCE, 64)}%eth0", "172.18.45.6", "2001:db8:9::1",
        f"{flip(_SOURCE, 120)}%eth0", "172.31.80.8",
    ]  # fmt: skip
    rules = [(6, lambda to: "." in to), (8, lambda to: "%" not in to), (9, near)]
    return cases.rotated("", every, range(2, 7), ranked(rules))

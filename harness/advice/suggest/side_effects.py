"""What else a change of gai.conf does: to other look-ups and to kinds of addresses. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import combinations

from harness.advice.suggest.goal import LookupCase
from harness.model.host import IPAddress
from harness.model.order import Destination, order_for
from harness.model.policy import Policy
from harness.model.transport import ProcessAborted

# one address of every kind that a table of RFC 3484 or RFC 6724, or a usual network, tells apart
_KINDS = {
    "::1": "::1", "global IPv6": "2a00:1450::5", "global IPv6 (2001:db8::/32)": "2001:db8:fffe::5",
    "link-local IPv6": "fe80::fffe:5", "site-local IPv6": "fec0:0:0:fffe::5",
    "unique local IPv6 (fc00::/8)": "fc00:fffe::5", "unique local IPv6 (fd00::/8)": "fdfe:fffe::5",
    "6to4": "2002:fffe::5", "Teredo": "2001:0:fffe::5", "NAT64": "64:ff9b::fffe:5",
    "IPv4-compatible IPv6": "::254.254.0.5", "127.0.0.0/8": "127.254.0.5",
    "10.0.0.0/8": "10.254.253.5", "172.16.0.0/12": "172.30.253.5",
    "192.168.0.0/16": "192.168.253.5", "169.254.0.0/16": "169.254.253.5",
    "public IPv4": "203.254.253.5",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SideEffects:
    """How many ``pairs`` of other ``lookups`` turn round, and of kinds of addresses.

    ``kinds`` are reached from this host's sources; ``examples`` says which come first now.
    """

    pairs: int = 0
    kinds: int = 0
    lookups: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


def side_effects(
    cases: Sequence[LookupCase],
    before: Sequence[Policy],
    after: Sequence[Policy],
    whole: tuple[Policy, Policy],
    sources: Sequence[IPAddress] = (),
) -> SideEffects:
    """Count what changes.

    Parameters: ``cases`` other look-ups, with the policy of each ``before`` and ``after``;
    ``whole`` the two policies for kinds of addresses, reached from ``sources``.
    """
    turned: dict[str, int] = {}
    for case, old, new in zip(cases, before, after, strict=True):
        place = {at: number for number, at in enumerate(_positions(case, new))}
        pairs = combinations(_positions(case, old), 2)
        turned[case.name] = turned.get(case.name, 0) + sum(place[a] > place[b] for a, b in pairs)
    old_keys, new_keys = (_keys(policy, sources) for policy in whole)
    kinds = 0
    examples: dict[str, None] = {}
    for a, b in combinations(range(len(old_keys)), 2):
        name, other = old_keys[a][0], old_keys[b][0]
        verdict = _sign(new_keys[a][1], new_keys[b][1])
        if name == other or verdict == _sign(old_keys[a][1], old_keys[b][1]):
            continue
        kinds += 1
        if verdict:
            first, second = (name, other) if verdict > 0 else (other, name)
            examples.setdefault(f"{first} before {second}")
        else:
            examples.setdefault(f"{name} and {other} tie")
    lookups = tuple(name for name, count in turned.items() if count)
    return SideEffects(sum(turned.values()), kinds, lookups, tuple(examples))


def _positions(case: LookupCase, policy: Policy) -> list[int]:
    try:
        ranked: tuple[Destination, ...] = order_for(case.candidates, policy, case.dialect).ranked
    except ProcessAborted:
        return list(range(len(case.candidates)))
    return [item.position for item in ranked]


_Key = tuple[bool, bool, int, int]


def _keys(policy: Policy, sources: Sequence[IPAddress]) -> list[tuple[str, _Key]]:
    """What rules 2, 5, 6 and 8 make of each kind from each source; the higher comes first."""
    found = []
    for name, text in _KINDS.items():
        address = ip_address(text)
        scope, precedence = policy.scope(address), policy.precedence_of(address)
        for source in [one for one in sources if one.version == address.version] or [address]:
            same_label = policy.label(source) == policy.label(address)
            same_scope = policy.scope(source) == scope
            found.append((name, (same_scope, same_label, precedence, -scope)))
    return found


def _sign(a: _Key, b: _Key) -> int:
    return (a > b) - (a < b)

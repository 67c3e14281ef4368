"""Kinds of addresses, and what a policy makes of each: what a change does to the others. Pure."""

from collections.abc import Sequence
from ipaddress import ip_address

from harness.model.host import IPAddress
from harness.model.policy import Policy

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

Key = tuple[bool, bool, int, int]


def keys(policy: Policy, sources: Sequence[IPAddress]) -> list[tuple[str, Key]]:
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


def sign(a: Key, b: Key) -> int:
    """Above 0 where the first key is the higher, below where the second is."""
    return (a > b) - (a < b)

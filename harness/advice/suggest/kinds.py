"""Kinds of addresses, and what a policy makes of each: what a change does to the others. Pure."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from harness.advice.suggest.lines import NewLine, as_prefix, holds, network_text, present_value
from harness.model.addresses import V4MAPPED
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

_WHOLE = {(0, 0): "IPv6", (V4MAPPED, 96): "IPv4"}

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


def reaches(lines: Sequence[NewLine], old: Policy, new: Policy) -> Iterator[str]:
    """What lines for more than one address do to all of their prefix, a phrase for each.

    ``new`` is the policy with the lines. Of precedences: whom they come before or behind now.
    """
    for line in lines:
        prefix = line.whole
        whole = _WHOLE.get(prefix, network_text(prefix))
        if line.restored or prefix[1] == 128:
            continue
        if line.keyword != "precedence":
            word = "label" if line.keyword == "label" else "scope"
            yield f"gives all of {whole} the {word} {line.value}"
            continue
        was = present_value(prefix, old.precedence)
        passed: dict[int, dict[str, None]] = {1: {}, 0: {}, -1: {}}
        for row in new.precedence:
            other = as_prefix(row)
            if row.bits == 128 or (holds(prefix, other[0]) and row.bits >= prefix[1]):
                continue
            before = present_value(other, old.precedence)
            now = (line.value > row.value) - (line.value < row.value)
            if now != (was > before) - (was < before):
                rest = f"other {_WHOLE[other]}" if other in _WHOLE else network_text(other)
                passed[now][rest] = None
        for sign_now, words in ((1, "before"), (-1, "behind"), (0, "level with")):
            if passed[sign_now]:
                yield f"puts all of {whole} {words} {', '.join(passed[sign_now])}"

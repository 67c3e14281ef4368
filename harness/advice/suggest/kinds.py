"""Kinds of addresses, and what a policy makes of each: what a change does to the others. Pure."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import combinations

from harness.advice.suggest.lines import NewLine, as_prefix, holds, network_text, present_value
from harness.model.addresses import V4MAPPED, is_link_local
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
_MOST_SOURCES = 4  # of one family


def keys(policy: Policy, sources: Sequence[IPAddress]) -> list[tuple[str, IPAddress, Key]]:
    """What rules 2, 5, 6 and 8 make of each kind from each source that the kernel could choose.

    A kind without a source counts as reached from itself. The higher key comes first.
    """
    found = []
    for name, text in _KINDS.items():
        address = ip_address(text)
        scope, precedence = policy.scope(address), policy.precedence_of(address)
        for source in _sources_of(address, sources) or [address]:
            same_label = policy.label(source) == policy.label(address)
            same_scope = policy.scope(source) == scope
            found.append((name, source, (same_scope, same_label, precedence, -scope)))
    return found


def _sources_of(address: IPAddress, sources: Sequence[IPAddress]) -> list[IPAddress]:
    """Loopback is reached from its like alone, link-local IPv6, of which every interface has one,
    too; others rather from what is not link-local.
    """
    found = [
        one
        for one in sources
        if one.version == address.version and one.is_loopback == address.is_loopback
    ]
    local = [one for one in found if is_link_local(one) == is_link_local(address)]
    alone = address.version == 6 and is_link_local(address)
    return (local if local or alone else found)[:_MOST_SOURCES]


def turned(
    old: Policy, new: Policy, sources: Sequence[IPAddress]
) -> tuple[int, int, tuple[str, ...]]:
    """How many pairs of kinds change, how many of them tie now; in words which come first now."""
    rows = zip(keys(old, sources), keys(new, sources), strict=True)
    both = [*dict.fromkeys((name, was, now) for (name, _, was), (_, _, now) in rows)]
    number, ties, examples = 0, 0, dict[str, None]()
    for (name, was, now), (other, other_was, other_now) in combinations(both, 2):
        verdict = sign(now, other_now)
        if name == other or verdict == sign(was, other_was):
            continue
        number += 1
        ties += not verdict
        if verdict:
            first, second = (name, other) if verdict > 0 else (other, name)
            examples.setdefault(f"{first} before {second}")
        else:
            examples.setdefault(f"{name} and {other} tie")
    return number, ties, tuple(examples)


def parted(old: Policy, new: Policy, sources: Sequence[IPAddress]) -> Iterator[str]:
    """Which kinds match their source no longer: rules 2 and 5 put them behind all that do."""
    before, after = keys(old, sources), keys(new, sources)
    for at, rule in enumerate(("scope: rule 2", "label: rule 5")):
        lost: dict[IPAddress, list[str]] = {}
        for (name, source, was), (_, _, now) in zip(before, after, strict=True):
            if was[at] and not now[at]:
                lost.setdefault(source, []).append(name)
        for source, names in lost.items():
            listed = ", ".join(names)
            yield f"parts {listed} from their source {source} in {rule} puts what matches first"


def sign(a: Key, b: Key) -> int:
    """Above 0 where the first key is the higher, below where the second is."""
    return (a > b) - (a < b)


def reaches(lines: Sequence[NewLine], old: Policy, new: Policy) -> Iterator[str]:
    """What lines for more than one address do to all of their prefix, a phrase for each.

    ``new`` is the policy with the lines. Of precedences: whom they come before or behind now.
    """
    for line in lines:
        prefix = line.prefix
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

"""The ten rules of RFC 3484 §6 as glibc applies them, in order.

Each rule is one function: below 0 the first destination is preferred, above 0 the
second, 0 leaves it to the next rule. ``why`` says what was compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.model.facts import Facts


def prefer(first: bool, second: bool) -> int:
    """-1 when only the first has the quality, 1 when only the second, else 0."""
    return int(second) - int(first)


def rule1(a: Facts, b: Facts) -> int:
    """Avoid unusable destinations: those the kernel has no source address for."""
    return prefer(a.reachable, b.reachable)


def rule2(a: Facts, b: Facts) -> int:
    """Prefer matching scope, across families too."""
    if not a.reachable:
        return 0
    return prefer(a.scope_matches, b.scope_matches)


def rule3(a: Facts, b: Facts) -> int:
    """Avoid deprecated source addresses; optimistic ones count as deprecated."""
    if not a.reachable:
        return 0
    return prefer(not a.deprecated, not b.deprecated)


def rule4(a: Facts, b: Facts) -> int:
    """Prefer home addresses (mobile IPv6; the flag works for IPv4 alike)."""
    if not a.reachable:
        return 0
    return prefer(a.home, b.home)


def rule5(a: Facts, b: Facts) -> int:
    """Prefer matching label."""
    if not a.reachable:
        return 0
    return prefer(a.label_matches, b.label_matches)


def rule6(a: Facts, b: Facts) -> int:
    """Prefer higher precedence; reachable or not."""
    return b.precedence - a.precedence


def rule7(a: Facts, b: Facts) -> int:
    """Prefer native transport; one interface is never compared with itself."""
    if not a.reachable or a.index == b.index:
        return 0
    return prefer(a.native, b.native)


def rule8(a: Facts, b: Facts) -> int:
    """Prefer smaller scope, across families too; reachable or not."""
    return a.destination_scope - b.destination_scope


def rule9(a: Facts, b: Facts) -> int:
    """Use the longest matching prefix, within one family only.

    One build's machine code measures the first of the two otherwise (`dialects.ROWS`).
    """
    if not a.reachable or a.destination.version != b.destination.version:
        return 0
    first = a.common_prefix_if_first
    return b.common_prefix - (a.common_prefix if first is None else first)


def rule10(a: Facts, b: Facts) -> int:
    """Otherwise leave the order unchanged."""
    return a.position - b.position


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its number in RFC 3484 §6, its title there, its comparison and its words.

    ``describe_first`` has the words for the first of the two where they differ.
    """

    number: int
    title: str
    compare: Callable[[Facts, Facts], int]
    describe: Callable[[Facts], str]
    describe_first: Callable[[Facts], str] | None = None


def _source(facts: Facts) -> str:
    if facts.source is None:
        return "no source"
    if facts.prefixlen == 0:
        return f"{facts.source} (prefix length unknown)"
    return f"{facts.source}/{facts.prefixlen}"


def _reach(facts: Facts) -> str:
    return f"reached from {facts.source}" if facts.reachable else "cannot be reached"


def _scope(facts: Facts) -> str:
    sign = "=" if facts.scope_matches else "≠"
    return f"scope {facts.destination_scope} {sign} {facts.source_scope} of {facts.source}"


def _deprecated(facts: Facts) -> str:
    return f"source {facts.source} is {'' if facts.deprecated else 'not '}deprecated"


def _home(facts: Facts) -> str:
    return f"source {facts.source} is {'a' if facts.home else 'no'} home address"


def _label(facts: Facts) -> str:
    sign = "=" if facts.label_matches else "≠"
    return f"label {facts.destination_label} {sign} {facts.source_label} of {facts.source}"


def _precedence(facts: Facts) -> str:
    return f"precedence {facts.precedence}"


def _native(facts: Facts) -> str:
    if facts.index is None:
        return f"source {facts.source} is on an unknown interface, not counted as native"
    return f"source {facts.source} is on a {'native' if facts.native else 'tunnel'} interface"


def _smaller_scope(facts: Facts) -> str:
    return f"scope {facts.destination_scope}"


def _common_prefix(facts: Facts) -> str:
    if facts.destination.version == 4 and facts.common_prefix == 0:
        if facts.prefixlen == 0 and _first_bits_differ(facts):
            return f"shares no bit with {_source(facts)}"
        return f"is outside the subnet of {_source(facts)}"
    bits = "1 bit" if facts.common_prefix == 1 else f"{facts.common_prefix} bits"
    return f"shares {bits} with {_source(facts)}"


def _first_bits_differ(facts: Facts) -> bool:
    return bool((int(facts.destination) ^ int(facts.source or 0)) >> 31)


def _common_prefix_if_first(facts: Facts) -> str:
    bits = facts.common_prefix_if_first
    if bits is None or bits == facts.common_prefix:
        return _common_prefix(facts)
    return (
        f"shares no bit with {_source(facts)}, but counts as {bits}, because this build does not "
        "test the top bit of the first of two"
    )


def _position(facts: Facts) -> str:
    return f"number {facts.position + 1} of the answer"


RULES: tuple[Rule, ...] = (
    Rule(1, "avoid unusable destinations", rule1, _reach),
    Rule(2, "prefer matching scope", rule2, _scope),
    Rule(3, "avoid deprecated addresses", rule3, _deprecated),
    Rule(4, "prefer home addresses", rule4, _home),
    Rule(5, "prefer matching label", rule5, _label),
    Rule(6, "prefer higher precedence", rule6, _precedence),
    Rule(7, "prefer native transport", rule7, _native),
    Rule(8, "prefer smaller scope", rule8, _smaller_scope),
    Rule(9, "use longest matching prefix", rule9, _common_prefix, _common_prefix_if_first),
    Rule(10, "leave the order unchanged", rule10, _position),
)


def decide(a: Facts, b: Facts, rules: tuple[Rule, ...] = RULES) -> tuple[int, Rule]:
    """The comparison of two destinations and the first rule that told them apart.

    Rule 10 always does, because no two positions are equal.
    """
    for rule in rules:
        verdict = rule.compare(a, b)
        if verdict:
            return verdict, rule
    return 0, rules[-1]

"""The words for a decision: what a rule saw of each of two destinations.

`harness.model.order` imports this file, so the types of that file are not named here.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from math import gcd
from typing import Any

from harness.model.host import address_text

Decision = Any
Destination = Any
_ODD = " — the rule prefers the other way, but the sort never compared the two"


def with_places(known: Sequence[Destination]) -> Sequence[Destination]:
    """Destinations with their places among the addresses, where these stand there several times."""
    sockets = gcd(*(len(list(same)) for _, same in groupby(known, lambda one: one.target)))
    if sockets <= 1:
        return known
    # with three socket types every address is there thrice
    return [replace(one, place=one.position // sockets + 1) for one in known]


def why(decision: Decision) -> str:
    """The reason in one line, with both values."""
    before, after = seen(decision)
    pair = f"{decision.before.target} {before}, {decision.after.target} {after}"
    return f"rule {decision.rule}: {pair}{'' if decision.preferred else _ODD}"


def seen(decision: Decision) -> tuple[str, str]:
    """What the rule saw of each of the two, in words."""
    rule = decision.rule
    return describe(rule, decision.before, first=True), describe(rule, decision.after)


def describe(rule: int, item: Destination, *, first: bool = False) -> str:
    """What a rule saw of one destination; ``first`` where it is the first of the two compared."""
    if rule == 9:
        return _common_prefix(item, first)
    return _WORDS[rule](item)


def _source(item: Destination) -> str:
    if item.source is None:
        return "no source"
    source = address_text(item.source)
    return f"{source}/{item.prefixlen}" if item.prefixlen else f"{source} (prefix length unknown)"


def _matching(what: str, own: int, of_source: int | None, source: Any) -> str:
    sign = "=" if own == of_source else "≠"
    of = "no source" if source is None else address_text(source)
    return f"{what} {own} {sign} {of_source} of {of}"


def _native(item: Destination) -> str:
    source = f"source {address_text(item.source)}"
    if item.index is None:
        return f"{source} is on an unknown interface, not counted as native"
    return f"{source} is on a {'native' if item.native else 'tunnel'} interface"


def _common_prefix(item: Destination, first: bool) -> str:
    bits = item.common_prefix
    if first and item.common_prefix_as_first != bits:
        return (
            f"shares no bit with {_source(item)}, but counts as {item.common_prefix_as_first}, "
            "because this build does not test the top bit of the first of two"
        )
    if item.address.version == 4 and bits == 0:
        apart = bool((int(item.address) ^ int(item.source or 0)) >> 31)
        if item.prefixlen == 0 and apart:
            return f"shares no bit with {_source(item)}"
        return f"is outside the subnet of {_source(item)}"
    return f"shares {bits} bit{'s' if bits != 1 else ''} with {_source(item)}"


_WORDS: dict[int, Callable[[Destination], str]] = {
    1: lambda item: (
        f"reached from {address_text(item.source)}" if item.reachable else "cannot be reached"
    ),
    2: lambda item: _matching("scope", item.scope, item.source_scope, item.source),
    3: lambda item: (
        f"source {address_text(item.source)} is {'' if item.deprecated else 'not '}deprecated"
    ),
    4: lambda item: (
        f"source {address_text(item.source)} is {'a' if item.home else 'no'} home address"
    ),
    5: lambda item: _matching("label", item.label, item.source_label, item.source),
    6: lambda item: f"precedence {item.precedence}",
    7: _native,
    8: lambda item: f"scope {item.scope}",
    10: lambda item: f"number {item.place or item.position + 1} of the answer",
}


def number(text: str, value: int | None = None) -> str:
    """The beginning of a number as it was written, and its value where it is read as another."""
    return text[:24] + ("" if value is None or text == str(value) else f" (read as {value})")

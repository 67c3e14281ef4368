"""Go's own resolver: the order net.LookupIP gives where it does not ask getaddrinfo.

Go follows RFC 6724 with its fixed tables and no gai.conf. Of the ten rules it applies 1, 2, 5,
6, 8 and 9: nothing about flags or interfaces, rule 9 for IPv6 only and at most 64 bits, and two
unreachable destinations are equal. Source: golang/go, src/net/addrselect.go of Go 1.19; the tests
hold this to the real program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from harness.model.addresses import is_v4mapped, leading_zeros
from harness.model.host import HostView, IPAddress, Target
from harness.model.order import RULES, Order, destination, order_of
from harness.model.policy import DEFAULT_SCOPES, Policy
from harness.model.standards import RFC6724, standard_candidates

GO_BITS = 64  # "the portion of the address not including the interface ID"
_POLICY = Policy(RFC6724.labels, RFC6724.precedence, DEFAULT_SCOPES)


# Go looks at two reachable destinations only, after rule 1
GO_RULES = tuple(
    replace(rule, of_sources=rule.number not in (1, 10)) for rule in RULES
    if rule.number in (1, 2, 5, 6, 8, 9, 10)
)  # fmt: skip


def go_targets(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Targets as Go sees them: ::ffff:a.b.c.d is the IPv4 address itself."""
    return tuple(
        Target(IPv4Address(int(target.address) & 0xFFFFFFFF))
        if is_v4mapped(target.address)
        else target
        for target in targets
    )


def go_order(targets: Sequence[Target], view: HostView) -> Order:
    """The order in which Go's resolver returns addresses.

    Parameters: ``targets`` in the order the hosts file or the DNS reply has them, as
    `go_targets` gives them; ``view`` with a route for each. Raises KeyError for a target
    without one.
    """
    known = [
        destination(candidate, position, _POLICY, _common_prefix)
        for position, candidate in enumerate(standard_candidates(targets, view))
    ]
    return order_of(known, GO_RULES)


def _common_prefix(destination: IPAddress, source: IPAddress | None, _prefixlen: int) -> int:
    # golang/go#13283, #18518: for IPv4 the rule undid DNS round robin, so Go dropped it there
    if not isinstance(destination, IPv6Address) or source is None:
        return 0
    return min(leading_zeros(int(destination) ^ int(source), 128), GO_BITS)

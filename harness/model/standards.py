"""What the standards say, beside what glibc does: RFC 3484 and RFC 6724 taken literally.

The rules are the same ten; the tables, the scopes of IPv4 addresses and the reach of
rule 9 differ. The sources' prefix lengths, flags and interfaces are the kernel's own,
without glibc's table in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model.addresses import leading_zeros
from harness.model.dialects import NEWEST, dialect
from harness.model.gaiconf import PrefixEntry
from harness.model.host import IFA_F_DEPRECATED, HostView, IPAddress, Target
from harness.model.order import Candidate, Order, destination, order_of
from harness.model.policy import (
    DEFAULT_SCOPES,
    SCOPES_WITH_SITE_LOCAL,
    Policy,
    prefixes,
)
from harness.model.table import Entry, candidate, entry_of, native_links

# The parser's newest reading of gai.conf stands for the documented one.
_DOCUMENTED = dialect(NEWEST)


@dataclass(frozen=True, slots=True)
class Standard:
    """One RFC: its default policy table and how far rule 9 looks."""

    name: str
    labels: tuple[PrefixEntry, ...]
    precedence: tuple[PrefixEntry, ...]
    scopes: tuple[PrefixEntry, ...]
    limited_to_prefixlen: bool

    def common_prefix(
        self, destination: IPAddress, source: IPAddress | None, prefixlen: int
    ) -> int:
        """CommonPrefixLen: RFC 3484 §2.2 all bits, RFC 6724 §2.2 up to the source's prefix."""
        if source is None:
            return 0
        width = 32 if destination.version == 4 else 128
        bits = leading_zeros(int(destination) ^ int(source), width)
        return min(bits, prefixlen) if self.limited_to_prefixlen else bits


# RFC 3484 §2.1 and §3.2
RFC3484 = Standard(
    "RFC 3484",
    labels=prefixes(
        ("::1/128", 0), ("::/96", 3), ("::ffff:0:0/96", 4), ("2002::/16", 2), ("::/0", 1)
    ),
    precedence=prefixes(
        ("::1/128", 50), ("::/96", 20), ("::ffff:0:0/96", 10), ("2002::/16", 30), ("::/0", 40)
    ),
    scopes=SCOPES_WITH_SITE_LOCAL,
    limited_to_prefixlen=False,
)
# RFC 6724 §2.1 and §3.2
RFC6724 = Standard(
    "RFC 6724",
    labels=prefixes(
        ("::1/128", 0), ("::/96", 3), ("::ffff:0:0/96", 4), ("2001::/32", 5), ("2002::/16", 2),
        ("3ffe::/16", 12), ("fec0::/10", 11), ("fc00::/7", 13), ("::/0", 1),
    ),
    precedence=prefixes(
        ("::1/128", 50), ("::/96", 1), ("::ffff:0:0/96", 35), ("2001::/32", 5), ("2002::/16", 30),
        ("3ffe::/16", 1), ("fec0::/10", 1), ("fc00::/7", 3), ("::/0", 40),
    ),
    scopes=DEFAULT_SCOPES,
    limited_to_prefixlen=True,
)  # fmt: skip
STANDARDS = (RFC3484, RFC6724)


def standard_policy(standard: Standard, gai_conf: bytes | str | None) -> Policy:
    """The standard's tables, or those of a gai.conf where it sets them (§10.3: configurable)."""
    own = Policy.build(gai_conf, _DOCUMENTED)
    default = Policy.build(None, _DOCUMENTED)
    return Policy(
        labels=standard.labels if own.labels == default.labels else own.labels,
        precedence=standard.precedence if own.precedence == default.precedence else own.precedence,
        scopes=standard.scopes if own.scopes == default.scopes else own.scopes,
    )


def standard_candidates(targets: Sequence[Target], view: HostView) -> list[Candidate]:
    """Each target with the kernel's own knowledge of the source that reaches it."""
    native = native_links(view)
    entries: dict[IPAddress | None, Entry] = {}
    for row in view.addresses:  # the first one counts
        address = row.address if row.local is None else row.local
        if address is not None:
            entries.setdefault(address, entry_of(row, address, IFA_F_DEPRECATED))
    result = []
    for target in targets:
        source = view.routes[target].source
        entry = entries.get(source)
        result.append(
            candidate(target, source, entry, entry is None or native.get(entry.index, True))
        )
    return result


def standard_order(
    standard: Standard,
    targets: Sequence[Target],
    view: HostView,
    gai_conf: bytes | str | None = None,
) -> Order:
    """The order a literal implementation of the standard gives to ``targets``.

    Raises KeyError for a target the view has no route for.
    """
    policy = standard_policy(standard, gai_conf)
    known = [
        destination(candidate, position, policy, standard.common_prefix)
        for position, candidate in enumerate(standard_candidates(targets, view))
    ]
    return order_of(known)

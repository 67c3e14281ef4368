"""What is done beside glibc: RFC 3484 and RFC 6724 taken literally.

The rules are the same ten; the tables, the scopes of IPv4 addresses and the reach of
rule 9 differ. The sources' prefix lengths, flags and interfaces are the kernel's own,
without glibc's table in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_network

from harness.model.address_table import Entry, candidate, entry_of, native_links
from harness.model.addresses import leading_zeros
from harness.model.dialects import NEWEST, dialect
from harness.model.explain import with_places
from harness.model.host import IFA_F_DEPRECATED, HostView, IPAddress, Target
from harness.model.order import (
    RULES,
    CommonPrefix,
    Destination,
    Order,
    Rule,
    Rules,
    destination,
    order_of,
)
from harness.model.policy import DEFAULT_SCOPES, SCOPES_WITH_SITE_LOCAL, Policy, prefixes

# The parser's newest reading of gai.conf stands for the documented one.
_DOCUMENTED = dialect(NEWEST)


@dataclass(frozen=True, slots=True)
class Standard:
    """One way to order: its name, default tables, how far rule 9 looks, and its rules.

    ``known_local``: its table has rows for the unique local prefixes that the host is in.
    """

    name: str
    policy: Policy
    common_prefix: CommonPrefix
    rules: Rules = RULES
    known_local: bool = False


def of_reached(rule: Rule) -> Rule:
    """A rule that is skipped for two destinations that cannot be reached."""
    return replace(rule, values=lambda a, b: rule.values(a, b) if a.reachable else (0, 0))


def all_bits(destination: IPAddress, source: IPAddress, _prefixlen: int) -> int:
    """CommonPrefixLen of RFC 3484 §2.2."""
    return leading_zeros(int(destination) ^ int(source), destination.max_prefixlen)


def ipv6_bits(destination: IPAddress, source: IPAddress, prefixlen: int) -> int:
    """`all_bits` of IPv6 addresses; IPv4 addresses are not compared, as c-ares and Go do it."""
    return 0 if destination.version == 4 else all_bits(destination, source, prefixlen)


def _within_prefix(destination: IPAddress, source: IPAddress, prefixlen: int) -> int:
    """CommonPrefixLen of RFC 6724 §2.2: up to the source's prefix length."""
    return min(all_bits(destination, source, prefixlen), prefixlen)


# RFC 3484 §2.1 and §3.2
RFC3484 = Standard(
    "RFC 3484",
    Policy(
        prefixes(
            ("::1/128", 0), ("::/96", 3), ("::ffff:0:0/96", 4), ("2002::/16", 2), ("::/0", 1)
        ),
        prefixes(
            ("::1/128", 50), ("::/96", 20), ("::ffff:0:0/96", 10), ("2002::/16", 30), ("::/0", 40)
        ),
        SCOPES_WITH_SITE_LOCAL,
    ),
    all_bits,
)  # fmt: skip
# RFC 6724 §2.1 and §3.2
RFC6724 = Standard(
    "RFC 6724",
    Policy(
        prefixes(
            ("::1/128", 0), ("::/96", 3), ("::ffff:0:0/96", 4), ("2001::/32", 5),
            ("2002::/16", 2), ("3ffe::/16", 12), ("fec0::/10", 11), ("fc00::/7", 13), ("::/0", 1),
        ),
        prefixes(
            ("::1/128", 50), ("::/96", 1), ("::ffff:0:0/96", 35), ("2001::/32", 5),
            ("2002::/16", 30), ("3ffe::/16", 1), ("fec0::/10", 1), ("fc00::/7", 3), ("::/0", 40),
        ),
        DEFAULT_SCOPES,
    ),
    _within_prefix,
)  # fmt: skip
STANDARDS = (RFC3484, RFC6724)

# draft-ietf-6man-rfc6724-update-15 §4.1 and §4.3: unique local destinations before IPv4, 6to4
# behind it, and what is known to be local before all
_KNOWN_LOCAL_LABEL, _KNOWN_LOCAL_PRECEDENCE = 14, 45
RFC6724_UPDATE = Standard(
    "RFC 6724's update",
    replace(
        RFC6724.policy,
        precedence=prefixes(
            ("::1/128", 50), ("::/96", 1), ("::ffff:0:0/96", 20), ("2001::/32", 5),
            ("2002::/16", 5), ("3ffe::/16", 1), ("fec0::/10", 1), ("fc00::/7", 30), ("::/0", 40),
        ),
    ),
    _within_prefix,
    known_local=True,
)  # fmt: skip
_UNIQUE_LOCAL = ip_network("fd00::/8")


def standard_policy(standard: Standard, gai_conf: bytes | str | None) -> Policy:
    """The standard's tables, or those of a gai.conf where it sets them (§10.3: configurable)."""
    own, default = Policy.build(gai_conf, _DOCUMENTED), Policy.build(None, _DOCUMENTED)
    tables = (
        getattr(standard.policy if getattr(own, name) == getattr(default, name) else own, name)
        for name in ("labels", "precedence", "scopes")
    )
    return Policy(*tables)


def _with_known_local(policy: Policy, standard: Standard, view: HostView) -> Policy:
    """The tables with a /48 for each address of the host in fd00::/8; gai.conf's stay as they are.

    Prefixes that only routers announce (the draft's rules 1 to 3) no scenario has.
    """
    held = (row.address if row.local is None else row.local for row in view.addresses)
    local = [one for one in held if isinstance(one, IPv6Address) and one in _UNIQUE_LOCAL]
    own = dict.fromkeys(str(ip_network((one.packed, 48), strict=False)) for one in local)
    values = ("labels", _KNOWN_LOCAL_LABEL), ("precedence", _KNOWN_LOCAL_PRECEDENCE)
    for name, value in values:
        if getattr(policy, name) == getattr(standard.policy, name):
            rows = prefixes(*((text, value) for text in own))
            # the longest prefix is searched first; only ::1 and IPv4's /96 are longer
            table = sorted((*getattr(policy, name), *rows), key=lambda row: -row.bits)
            policy = replace(policy, **{name: tuple(table)})
    return policy


def standard_order(
    standard: Standard,
    targets: Sequence[Target],
    view: HostView,
    gai_conf: bytes | str | None = None,
) -> Order:
    """The order that ``standard`` gives to ``targets``, which are in the name service's order.

    Raises KeyError for a target the view has no route for.
    """
    policy = standard_policy(standard, gai_conf)
    if standard.known_local:
        policy = _with_known_local(policy, standard, view)
    known = known_destinations(standard, policy, targets, view)
    return order_of(with_places(known), standard.rules)


def known_destinations(
    standard: Standard, policy: Policy, targets: Sequence[Target], view: HostView
) -> list[Destination]:
    """Targets with the kernel's own knowledge of the source that reaches each; as `standard_order`.

    ``policy`` are the tables.
    """
    native = native_links(view)
    entries: dict[IPAddress | None, Entry] = {}
    for row in view.addresses:  # the first one counts
        address = row.address if row.local is None else row.local
        if address is not None:
            entries.setdefault(address, entry_of(row, address, IFA_F_DEPRECATED))
    known = []
    for position, target in enumerate(targets):
        source = view.routes[target].source
        entry = entries.get(source)
        is_native = entry is None or native.get(entry.index, True)
        made = candidate(target, source, entry, is_native)
        known.append(destination(made, position, policy, standard.common_prefix))
    return known

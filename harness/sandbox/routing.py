"""A host's routes, routing rules and address labels, from a scenario's words to netlink.

Source: linux/rtnetlink.h, linux/fib_rules.h, linux/if_addrlabel.h.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING, Any

from pyroute2.netlink.rtnl.fibmsg import fibmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from harness.kernel import netlink
from harness.kernel.rows import (
    FIB_RULE_INVERT,
    FR_ACT_GOTO,
    KERNEL_RULES,
    NO_LIMIT,
    PREFERENCES,
    ROUTE_TYPES,
    RULE_TYPES,
    SCOPES,
)

from .devices import refused
from .errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.kernel.netlink import Netlink
    from harness.scenario.schema import AddressLabel, NextHop, RouteSpec, Rule

_NEW = netlink.NLM_F_CREATE | netlink.NLM_F_EXCL
_RTPROT_STATIC = 4
_RTNH_F_ONLINK = 4
_RTA_OIF, _RTA_GATEWAY = 4, 5
_FAMILIES = {4: AF_INET, 6: AF_INET6}


class route_message(rtmsg):  # type: ignore[misc]  # noqa: N801 - pyroute2 names messages so
    """A route whose nexthops are bytes, which pyroute2 would want as nested messages."""

    __slots__ = ()
    # pyroute2 prepares a class at its first use, and a subclass of a prepared one not at all
    _nlmsg_base__compiled_nla = False
    nla_map = tuple(
        (name, "cdata" if name == "RTA_MULTIPATH" else kind) for name, kind in rtmsg.nla_map
    )


def add_route(sock: Netlink, position: int, route: RouteSpec, indexes: Mapping[str, int]) -> None:
    """Add one route.

    Parameters: ``sock``; ``position`` in the host's list, for messages; ``indexes`` the
    interfaces by name. Raises SandboxError for a route the kernel refuses.
    """
    field = f"host.routes[{position}]"
    network = route.network
    source = None if route.source is None else ip_network(route.source)
    hops = [_next_hop(field, hop, indexes) for hop in route.nexthops]
    attributes = {
        "RTA_TABLE": route.table,
        "RTA_DST": str(network.network_address) if network.prefixlen else None,
        "RTA_SRC": None if source is None else str(source.network_address),
        "RTA_GATEWAY": route.via,
        "RTA_OIF": None if route.dev is None else _index(field, route.dev, indexes),
        "RTA_MULTIPATH": b"".join(hops) if hops else None,
        "RTA_PREFSRC": route.from_,
        "RTA_PRIORITY": route.metric,
        "RTA_PREF": None if route.pref is None else PREFERENCES[route.pref],
    }
    message = netlink.message(
        route_message,
        attributes,
        family=_FAMILIES[network.version],
        dst_len=network.prefixlen,
        src_len=0 if source is None else source.prefixlen,
        table=route.table if route.table < 256 else 0,
        proto=_RTPROT_STATIC,
        type=ROUTE_TYPES[route.type],
        scope=_scope(route),
        flags=_RTNH_F_ONLINK if route.on_link else 0,
    )
    try:
        sock.change(message, netlink.RTM_NEWROUTE, _NEW)
    except netlink.RefusedError as problem:
        raise refused(field, _words(route), problem) from None


def _words(route: RouteSpec) -> str:
    pairs = [
        (route.type, "") if route.type != "unicast" else ("", None),
        (route.to, ""),
        ("via", route.via),
        ("dev", route.dev),
        *(("nexthop", hop.via or hop.dev) for hop in route.nexthops),
        ("from", route.from_),
        ("table", None if route.table == 254 else route.table),
    ]
    return " ".join(f"{word} {value}".strip() for word, value in pairs if value is not None)


def _scope(route: RouteSpec) -> int:
    if route.network.version == 6:
        return 0
    if route.scope is not None:
        return SCOPES[route.scope]
    if route.type == "local":
        return SCOPES["host"]
    direct = route.via is None and all(hop.via is None for hop in route.nexthops)
    if route.type in ("unicast", "broadcast", "multicast", "anycast") and direct:
        return SCOPES["link"]
    return SCOPES["global"]


def _index(field: str, name: str, indexes: Mapping[str, int]) -> int:
    if name not in indexes:
        raise SandboxError(f"{field}: there is no interface {name}")
    return indexes[name]


def _next_hop(field: str, hop: NextHop, indexes: Mapping[str, int]) -> bytes:
    """One struct rtnexthop with its gateway."""
    index = 0 if hop.dev is None else _index(field, hop.dev, indexes)
    gateway = b""
    if hop.via is not None:
        packed = ip_address(hop.via).packed
        gateway = struct.pack("=HH", 4 + len(packed), _RTA_GATEWAY) + packed
    flags = _RTNH_F_ONLINK if hop.on_link else 0
    return struct.pack("=HBBi", 8 + len(gateway), flags, hop.weight - 1, index) + gateway


def remove_kernel_rules(sock: Netlink) -> None:
    """Take away the rules a network namespace begins with. Raises RefusedError."""
    for version, rules in KERNEL_RULES.items():
        for priority, table in rules:
            attrs = {"FRA_PRIORITY": priority, "FRA_TABLE": table}
            fields = {"family": _FAMILIES[version], "action": RULE_TYPES["unicast"]}
            message = netlink.message(fibmsg, attrs, table=table, **fields)
            sock.change(message, netlink.RTM_DELRULE)


def add_rule(sock: Netlink, position: int, rule: Rule) -> None:
    """Add one routing rule.

    Parameters: ``sock``; ``position`` in the host's list, for messages; ``rule``.
    Raises SandboxError for a rule the kernel refuses.
    """
    ends = [None if text is None else ip_network(text) for text in (rule.from_, rule.to)]
    source, destination = (
        str(end.network_address) if end is not None and end.prefixlen else None for end in ends
    )
    mark, _, mask = (rule.fwmark or "").partition("/")
    attributes = {
        "FRA_PRIORITY": rule.priority,
        "FRA_SRC": source,
        "FRA_DST": destination,
        "FRA_TABLE": rule.table,
        "FRA_FWMARK": int(mark, 0) if mark else None,
        "FRA_FWMASK": (int(mask, 0) if mask else NO_LIMIT) if mark else None,
        "FRA_IIFNAME": rule.iif,
        "FRA_OIFNAME": rule.oif,
        "FRA_GOTO": rule.goto,
        "FRA_IP_PROTO": rule.ipproto,
        "FRA_SUPPRESS_PREFIXLEN": rule.suppress_prefixlength,
    }
    message = netlink.message(
        fibmsg,
        attributes,
        family=_FAMILIES[rule.version],
        src_len=ends[0].prefixlen if ends[0] else 0,
        dst_len=ends[1].prefixlen if ends[1] else 0,
        table=rule.table if rule.table and rule.table < 256 else 0,
        action=FR_ACT_GOTO if rule.goto is not None else RULE_TYPES[rule.type],
        flags=FIB_RULE_INVERT if rule.not_ else 0,
    )
    try:
        sock.change(message, netlink.RTM_NEWRULE, _NEW)
    except netlink.RefusedError as problem:
        what = f"the rule of priority {rule.priority}"
        raise refused(f"host.rules[{position}]", what, problem) from None


def set_address_labels(
    sock: Netlink, rows: Sequence[AddressLabel], indexes: Mapping[str, int]
) -> None:
    """Make the kernel's table of address labels the one given.

    Parameters: ``sock``; ``rows`` the whole table; ``indexes`` the interfaces by name.
    Raises SandboxError for a row the kernel refuses.
    """
    for row in sock.address_labels():
        message = _label(row.get_attr("IFAL_ADDRESS"), row["prefixlen"], row["index"],
                         row.get_attr("IFAL_LABEL"))  # fmt: skip
        sock.change(message, netlink.RTM_DELADDRLABEL)
    for position, row in enumerate(rows):
        field = f"host.addrlabels[{position}]"
        network = ip_network(row.prefix)
        index = 0 if row.dev is None else _index(field, row.dev, indexes)
        message = _label(str(network.network_address), network.prefixlen, index, row.label)
        try:
            sock.change(message, netlink.RTM_NEWADDRLABEL, _NEW)
        except netlink.RefusedError as problem:
            raise refused(field, row.prefix, problem) from None


def _label(prefix: str, length: int, index: int, value: int) -> Any:
    attrs = {"IFAL_ADDRESS": prefix, "IFAL_LABEL": value}
    fields = {"family": AF_INET6, "prefixlen": length, "index": index}
    return netlink.message(netlink.label_message, attrs, **fields)

"""A host's routes, routing rules and address labels, from a scenario's words to netlink.

Source: linux/rtnetlink.h, linux/fib_rules.h, linux/if_addrlabel.h.
"""

import struct
from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from socket import AF_INET, AF_INET6

from harness.kernel import messages, rows
from harness.kernel.messages import Message, number
from harness.kernel.netlink import Netlink
from harness.scenario.schema import AddressLabel, NextHop, RouteSpec, RoutingRule

from .devices import naming
from .values import SandboxError

_RTPROT_STATIC = 4
_FAMILIES = {4: AF_INET, 6: AF_INET6}


def add_routes(sock: Netlink, routes: Sequence[RouteSpec], indexes: Mapping[str, int]) -> None:
    """Add a host's routes in order. Raises SandboxError where the kernel refuses one."""
    parts = [(f"host.routes[{n}]", _words(route)) for n, route in enumerate(routes)]
    with naming(*parts):
        sock.add(*(_route(f, one, indexes) for (f, _), one in zip(parts, routes, strict=True)))


def _route(field: str, route: RouteSpec, indexes: Mapping[str, int]) -> Message:
    network = route.network
    source = None if route.source is None else ip_network(route.source)
    hops = [_next_hop(field, hop, indexes) for hop in route.nexthops]
    head = rows.ROUTE.pack(
        _FAMILIES[network.version],
        network.prefixlen,
        0 if source is None else source.prefixlen,
        0,
        route.table if route.table < 256 else 0,
        _RTPROT_STATIC,
        _scope(route),
        rows.ROUTE_TYPES[route.type],
        rows.HOP_ONLINK if route.on_link else 0,
    )
    attributes = messages.packed(
        (rows.RTA_TABLE, number(route.table)),
        (rows.RTA_DST, network.network_address.packed if network.prefixlen else None),
        (rows.RTA_SRC, None if source is None else source.network_address.packed),
        (rows.RTA_GATEWAY, _packed(route.via)),
        (rows.RTA_OIF, number(None if route.dev is None else _index(field, route.dev, indexes))),
        (rows.RTA_MULTIPATH, b"".join(hops) or None),
        (rows.RTA_PREFSRC, _packed(route.from_)),
        (rows.RTA_PRIORITY, number(route.metric)),
        (rows.RTA_PREF, None if route.pref is None else bytes([rows.PREFERENCES[route.pref]])),
    )
    return Message(messages.ROUTE, head + attributes)


def _packed(address: str | None) -> bytes | None:
    return None if address is None else ip_address(address).packed


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
    direct = route.via is None and all(hop.via is None for hop in route.nexthops)
    usual = "host" if route.type == "local" else "global"
    if route.type in ("unicast", "broadcast", "multicast", "anycast") and direct:
        usual = "link"
    return rows.SCOPES[route.scope or usual]


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
        gateway = struct.pack("=HH", 4 + len(packed), rows.RTA_GATEWAY) + packed
    flags = rows.HOP_ONLINK if hop.on_link else 0
    size = rows.NEXT_HOP.size + len(gateway)
    return rows.NEXT_HOP.pack(size, flags, hop.weight - 1, index) + gateway


def remove_kernel_rules(sock: Netlink) -> None:
    """Take away the rules a network namespace begins with. Raises RefusedError."""
    from harness.kernel.rules import rule  # loads pyroute2, which few hosts need

    for version, known in rows.KERNEL_RULES.items():
        for priority, table in known:
            attrs = {"FRA_PRIORITY": priority, "FRA_TABLE": table}
            fields = {"family": _FAMILIES[version], "action": rows.RULE_TYPES["unicast"]}
            sock.remove(rule(attrs, table=table, **fields))


def add_rule(sock: Netlink, field: str, rule: RoutingRule) -> None:
    """Add the routing rule of a host's ``field``. Raises SandboxError where it is refused."""
    from harness.kernel.rules import rule as message

    ends = [None if text is None else ip_network(text) for text in (rule.from_, rule.to)]
    source, destination = (
        str(end.network_address) if end is not None and end.prefixlen else None for end in ends
    )
    mark, _, mask = (rule.fwmark or "").partition("/")
    attributes = {
        "FRA_SRC": source,
        "FRA_DST": destination,
        "FRA_TABLE": rule.table,
        "FRA_FWMARK": int(mark, 0) if mark else None,
        "FRA_FWMASK": (int(mask, 0) if mask else rows.NO_LIMIT) if mark else None,
    } | {attribute: getattr(rule, word) for word, attribute in rows.RULE_WORDS.items()}
    made = message(
        attributes,
        family=_FAMILIES[rule.version],
        src_len=ends[0].prefixlen if ends[0] else 0,
        dst_len=ends[1].prefixlen if ends[1] else 0,
        table=rule.table if rule.table and rule.table < 256 else 0,
        action=rows.FR_ACT_GOTO if rule.goto is not None else rows.RULE_TYPES[rule.type],
        flags=rows.FIB_RULE_INVERT if rule.not_ else 0,
    )
    with naming((field, f"the rule of priority {rule.priority}")):
        sock.add(made)


def set_address_labels(
    sock: Netlink, table: Sequence[AddressLabel], indexes: Mapping[str, int]
) -> None:
    """Make the kernel's table of address labels the one given. Raises SandboxError."""
    for old in sock.address_labels():
        sock.remove(messages.label(IPv6Address(old.prefix), old.length, old.index, old.label))
    for position, row in enumerate(table):
        field = f"host.addrlabels[{position}]"
        network = ip_network(row.prefix)
        index = 0 if row.dev is None else _index(field, row.dev, indexes)
        with naming((field, row.prefix)):
            sock.add(messages.label(network.network_address, network.prefixlen, index, row.label))

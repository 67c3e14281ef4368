"""The routes of every table that the kernel did not make by itself, in a scenario's words.

The kernel makes the routes of addresses, fe80::/64, ff00::/8 and the local table again when
the addresses are added. Source: linux/rtnetlink.h.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

from harness.kernel.rows import (
    BY_KERNEL,
    HOP_DEAD,
    HOP_LINKDOWN,
    HOP_ONLINK,
    PREFERENCES,
    SCOPES,
    Hop,
    KernelAddress,
    KernelLink,
    KernelRoute,
)
from harness.live.said import Address, Data, Said
from harness.live.sysctls import ignores_linkdown

_LOCAL, _MAIN = 255, 254
_SCOPE_NAMES = {number: name for name, number in SCOPES.items()}
_PREF_NAMES = {number: name for name, number in PREFERENCES.items() if name != "medium"}
_WITHOUT_DEVICE = ("unreachable", "blackhole", "prohibit", "throw")
_USUAL_METRIC6 = 1024
MOST = 3000


def without_route(
    links: Sequence[KernelLink], addresses: Sequence[KernelAddress], rows: Sequence[KernelRoute]
) -> frozenset[KernelAddress]:
    """The addresses whose network has no route of the kernel's, although it would make one."""
    there = {
        (row.to, hop.dev)
        for row in rows
        if row.protocol == BY_KERNEL
        for hop in row.hops
        if not _ignored(row, hop, links)
    }
    up = {link.index for link in links if link.up}
    return frozenset(
        line
        for line in addresses
        if line.has_route and line.index in up and (line.network, line.index) not in there
    )


def _ignored(row: KernelRoute, hop: Hop, links: Sequence[KernelLink]) -> bool:
    """Whether the kernel passes over a way because its interface has no carrier."""
    if not hop.flags & HOP_LINKDOWN:
        return False
    name = next((link.name for link in links if link.index == hop.dev), "all")
    return ignores_linkdown(row.version, name)


def routes(
    rows: Sequence[KernelRoute],
    links: Sequence[KernelLink],
    addresses: Sequence[KernelAddress],
    wanted: Sequence[str] = (),
) -> tuple[list[Data], list[Said]]:
    """The scenario's routes and what is left out of them.

    Parameters: the dumps; ``wanted`` the destinations of the look-ups, which alone count
    where there are more routes than a scenario may have. Raises nothing.
    """
    left_out: list[Said] = []
    kept = [row for row in rows if not _made_by_kernel(row, addresses)]
    if len(kept) > MOST:
        near = [ip_address(text) for text in wanted]
        near += [ip_address(hop.via) for row in kept[:MOST] for hop in row.hops if hop.via]
        some = [row for row in kept if any(each in ip_network(row.to) for each in near)][:MOST]
        away = len(kept) - len(some)
        left_out.append(Said("{} of {} routes that no look-up meets", away, len(kept)))
        kept = some
    kept = _merged(kept, left_out)
    # a gateway must be directly reachable when its route is added, and by no longer prefix
    # of another interface
    kept.sort(key=lambda row: (any(hop.via for hop in row.hops), ip_network(row.to).prefixlen))
    names = {link.index: link.name for link in links}
    own = {str(line.own) for line in addresses}
    own |= {str(ip_network(row.to)[0]) for row in kept if row.type == "local"}
    near_by = _networks(links, addresses, kept)
    found = [_route(row, links, names, own, near_by, left_out) for row in kept]
    return [data for data in found if data is not None], left_out


def _made_by_kernel(row: KernelRoute, addresses: Sequence[KernelAddress]) -> bool:
    if row.protocol != BY_KERNEL:
        return False
    if row.type != "unicast":
        return True
    return any(
        row.to in line.routes and line.index == hop.dev for line in addresses for hop in row.hops
    )


def _merged(rows: Sequence[KernelRoute], left_out: list[Said]) -> list[KernelRoute]:
    """Each route once: later IPv6 ones become further ways, later IPv4 ones are never used."""
    found: dict[tuple[object, ...], KernelRoute] = {}
    for row in rows:
        first = found.get(row.key)
        if row.tos:
            said = "the route to {} for TOS {}: look-ups have none"
            left_out.append(Said(said, Address(row.to), row.tos))
        elif first is None:
            found[row.key] = row
        elif row.version == 6 and row.type == first.type == "unicast":
            hops = (*first.hops, *row.hops)
            found[row.key] = replace(first, hops=hops)
            said = (
                "that the routes to {} of metric {} are separate ones: written "
                "as one with several ways"
            )
            left_out.append(Said(said, Address(row.to), row.metric))
        else:
            said = "a second route to {} of metric {}"
            left_out.append(Said(said, Address(row.to), row.metric))
    return list(found.values())


def _networks(
    links: Sequence[KernelLink], addresses: Sequence[KernelAddress], rows: Sequence[KernelRoute]
) -> dict[int, list[str]]:
    up = {link.index for link in links if link.up}
    found: dict[int, list[str]] = {}
    for line in addresses:
        if line.has_route and line.index in up:
            found.setdefault(line.index, []).append(line.network)
    for row in rows:
        for hop in row.hops:
            if hop.via is None and row.type == "unicast":
                found.setdefault(hop.dev, []).append(row.to)
    return found


def _route(
    row: KernelRoute,
    links: Sequence[KernelLink],
    names: Mapping[int, str],
    own: set[str],
    near_by: Mapping[int, list[str]],
    left_out: list[Said],
) -> Data | None:
    data: Data = {"to": row.to}
    kind = f"{row.type} " if row.type != "unicast" else ""
    words = Said(f"{kind}{{}}", Address(row.to))
    if row.type != "unicast":
        data["type"] = row.type
    if row.type not in _WITHOUT_DEVICE:
        hops = [
            hop
            for hop in row.hops
            if not hop.flags & HOP_DEAD and not _ignored(row, hop, links) and hop.dev in names
        ]
        written = [_way(hop, names, near_by) for hop in hops]
        if not written:
            left_out.append(Said("the route {}: its interface is away or down", words))
            return None
        if len(written) == 1:
            data |= written[0]
        else:
            weights: list[Data] = [{"weight": hop.weight} if hop.weight > 1 else {} for hop in hops]
            data["nexthops"] = [way | each for way, each in zip(written, weights, strict=True)]
        if row.version == 4:
            _set_scope(data, row)
    if row.encapsulated:
        left_out.append(Said("the encapsulation of the route {}, which changes no source", words))
    if row.prefsrc is not None:
        if row.prefsrc in own:
            data["from"] = row.prefsrc
        else:
            said = "the source {} of the route {}: not an own address"
            left_out.append(Said(said, Address(row.prefsrc), words))
    usual = _USUAL_METRIC6 if row.version == 6 else 0
    if row.metric != usual and not (row.version == 6 and row.type == "local" and not row.metric):
        data["metric"] = row.metric
    if row.table != _MAIN:
        data["table"] = {_LOCAL: "local", 253: "default"}.get(row.table, row.table)
    if row.pref in _PREF_NAMES and row.version == 6:
        data["pref"] = _PREF_NAMES[row.pref]
    if row.source is not None:
        data["source"] = row.source
    return data


def _way(hop: Hop, names: Mapping[int, str], near_by: Mapping[int, list[str]]) -> Data:
    way: Data = {}
    if hop.via is not None:
        way["via"] = hop.via
    way["dev"] = names[hop.dev]
    if hop.via is not None:
        gateway = ip_address(hop.via)
        link_local = gateway.version == 6 and gateway.is_link_local
        near = any(gateway in ip_network(text) for text in near_by.get(hop.dev, ()))
        if hop.flags & HOP_ONLINK or not (near or link_local):
            way["on-link"] = True
    return way


def _set_scope(data: Data, row: KernelRoute) -> None:
    """The scope, where it is not the one such a route has by itself."""
    direct = all(hop.via is None for hop in row.hops)
    usual = "host" if row.type == "local" else "link" if direct else "global"
    scope = _SCOPE_NAMES.get(row.scope)
    if scope is not None and scope != usual:
        data["scope"] = scope

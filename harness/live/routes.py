"""The routes of every table that the kernel did not make by itself, in a scenario's words.

The kernel makes the routes of addresses, fe80::/64, ff00::/8 and the local table again when
the addresses are added. Source: linux/rtnetlink.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network

from harness.live.interfaces import AddressLine, Data, LinkRow
from harness.live.said import Address, Said
from harness.sandbox.netlink import attributes
from harness.sandbox.routing import PREFERENCES, ROUTE_TYPES, SCOPES

_HEADER = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_AT = 16
_NEXT_HOP = struct.Struct("=HBBi")
_DST, _SRC, _OIF, _GATEWAY, _PRIORITY, _PREFSRC, _MULTIPATH = 1, 2, 4, 5, 6, 7, 9
_TABLE, _VIA, _PREF, _ENCAP_TYPE = 15, 18, 20, 21
_CLONED = 0x200
_DEAD, _ONLINK, _LINKDOWN = 1, 4, 16
_KERNEL = 2  # RTPROT_KERNEL
_LOCAL, _MAIN = 255, 254
_TYPES = {number: name for name, number in ROUTE_TYPES.items()}
_SCOPE_NAMES = {number: name for name, number in SCOPES.items()}
_PREF_NAMES = {number: name for name, number in PREFERENCES.items() if name != "medium"}
_WITHOUT_DEVICE = ("unreachable", "blackhole", "prohibit", "throw")
_USUAL_METRIC6 = 1024
MOST = 3000


@dataclass(frozen=True, slots=True)
class Hop:
    """One way of a route: gateway, interface, flags and weight."""

    via: str | None
    dev: int
    flags: int = 0
    weight: int = 1
    other_family: bool = False


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One message of the route dump."""

    version: int
    to: str
    source: str | None
    table: int
    type: str
    scope: int
    protocol: int
    metric: int
    prefsrc: str | None
    pref: int
    hops: tuple[Hop, ...]
    tos: int
    encapsulated: bool

    @property
    def key(self) -> tuple[object, ...]:
        """What the kernel tells routes apart by."""
        return self.to, self.metric, self.table, self.source


def route_rows(messages: Sequence[bytes]) -> Iterator[RouteRow]:
    """Decode a route dump, cached and multicast-routing entries left out.

    Parameters: ``messages`` as `Netlink.routes` gives them. Raises nothing.
    """
    for data in messages:
        family, dst_len, src_len, tos, table, protocol, scope, kind, flags = _HEADER.unpack_from(
            data, _AT
        )
        if flags & _CLONED or kind not in _TYPES or family not in (2, 10):
            continue
        found = attributes(data, _AT + _HEADER.size)
        version = 4 if family == 2 else 6
        none = bytes(4 if version == 4 else 16)
        source = None
        if src_len:
            source = _prefix(found.get(_SRC, none), src_len)
        yield RouteRow(
            version=version,
            to=_prefix(found.get(_DST, none), dst_len),
            source=source,
            table=_number(found.get(_TABLE), table),
            type=_TYPES[kind],
            scope=scope,
            protocol=protocol,
            metric=_number(found.get(_PRIORITY), 0),
            prefsrc=_address(found.get(_PREFSRC)),
            pref=found.get(_PREF, b"\0")[0],
            hops=tuple(_hops(found, flags)),
            tos=tos,
            encapsulated=_ENCAP_TYPE in found,
        )


def _number(data: bytes | None, otherwise: int) -> int:
    return otherwise if data is None else int(struct.unpack("=I", data)[0])


def _address(data: bytes | None) -> str | None:
    if data is None:
        return None
    return str(IPv4Address(data) if len(data) == 4 else IPv6Address(data))


def _prefix(data: bytes, length: int) -> str:
    return str(ip_interface(f"{_address(data)}/{length}").network)


def _hop(found: Mapping[int, bytes], dev: int, flags: int, weight: int = 1) -> Hop:
    return Hop(_address(found.get(_GATEWAY)), dev, flags, weight, _VIA in found)


def _hops(found: Mapping[int, bytes], flags: int) -> Iterator[Hop]:
    data = found.get(_MULTIPATH)
    if data is None:
        if _OIF in found:
            yield _hop(found, _number(found[_OIF], 0), flags)
        return
    offset = 0
    while offset + _NEXT_HOP.size <= len(data):
        length, hop_flags, hops, dev = _NEXT_HOP.unpack_from(data, offset)
        inner = attributes(data[offset : offset + length], _NEXT_HOP.size)
        yield _hop(inner, dev, hop_flags, hops + 1)
        offset += max((length + 3) & ~3, _NEXT_HOP.size)


def without_route(
    links: Sequence[LinkRow], addresses: Sequence[AddressLine], rows: Sequence[RouteRow]
) -> frozenset[AddressLine]:
    """The addresses whose network has no route of the kernel's, although it would make one."""
    there = {
        (row.to, hop.dev)
        for row in rows
        if row.protocol == _KERNEL
        for hop in row.hops
        if not hop.flags & _LINKDOWN or not _ignored(row.version, hop.dev, links)
    }
    up = {link.index for link in links if link.up}
    return frozenset(
        line
        for line in addresses
        if line.has_route and line.index in up and (line.network, line.index) not in there
    )


def _ignored(version: int, dev: int, links: Sequence[LinkRow]) -> bool:
    from harness.live.sysctls import ignores_linkdown

    name = next((link.name for link in links if link.index == dev), "all")
    return ignores_linkdown(version, name)


def routes(
    rows: Sequence[RouteRow],
    links: Sequence[LinkRow],
    addresses: Sequence[AddressLine],
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
    own = {line.local for line in addresses}
    own |= {str(ip_network(row.to)[0]) for row in kept if row.type == "local"}
    near_by = _networks(links, addresses, kept)
    found = []
    for row in kept:
        data = _route(row, links, names, own, near_by, left_out)
        if data is not None:
            found.append(data)
    return found, left_out


def _made_by_kernel(row: RouteRow, addresses: Sequence[AddressLine]) -> bool:
    if row.protocol != _KERNEL:
        return False
    if row.type != "unicast":
        return True
    return any(
        row.to in line.routes and line.index == hop.dev for line in addresses for hop in row.hops
    )


def _merged(rows: Sequence[RouteRow], left_out: list[Said]) -> list[RouteRow]:
    """Each route once: later IPv6 ones become further ways, later IPv4 ones are never used."""
    found: dict[tuple[object, ...], RouteRow] = {}
    for row in rows:
        first = found.get(row.key)
        if row.tos:
            said = "the route to {} for TOS {}: look-ups have none"
            left_out.append(Said(said, Address(row.to), row.tos))
        elif first is None:
            found[row.key] = row
        elif row.version == 6 and row.type == first.type == "unicast":
            hops = (*first.hops, *row.hops)
            found[row.key] = RouteRow(
                **{name: getattr(first, name) for name in RouteRow.__slots__} | {"hops": hops}
            )
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
    links: Sequence[LinkRow], addresses: Sequence[AddressLine], rows: Sequence[RouteRow]
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
    row: RouteRow,
    links: Sequence[LinkRow],
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
            if not hop.flags & _DEAD
            and not (hop.flags & _LINKDOWN and _ignored(row.version, hop.dev, links))
        ]
        written = [_way(hop, names, near_by) for hop in hops if hop.dev in names]
        if not written:
            left_out.append(Said("the route {}: its interface is away or down", words))
            return None
        if len(written) == 1:
            data |= written[0]
        else:
            weights = [{"weight": hop.weight} if hop.weight > 1 else {} for hop in hops]
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
        if hop.flags & _ONLINK or not (near or link_local):
            way["on-link"] = True
    return way


def _set_scope(data: Data, row: RouteRow) -> None:
    """The scope, where it is not the one such a route has by itself."""
    direct = all(hop.via is None for hop in row.hops)
    usual = "host" if row.type == "local" else "link" if direct else "global"
    scope = _SCOPE_NAMES.get(row.scope)
    if scope is not None and scope != usual:
        data["scope"] = scope

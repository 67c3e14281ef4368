"""The route dump, and the answer to a route look-up, decoded. Source: linux/rtnetlink.h."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_interface

from .names import ROUTE_TYPES
from .netlink import attributes

HOP_DEAD, HOP_ONLINK, HOP_LINKDOWN = 1, 4, 16
BY_KERNEL = 2  # RTPROT_KERNEL

_HEADER = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_AT = 16
_NEXT_HOP = struct.Struct("=HBBi")
_DST, _SRC, _OIF, _GATEWAY, _PRIORITY, _PREFSRC, _MULTIPATH = 1, 2, 4, 5, 6, 7, 9
_TABLE, _VIA, _PREF, _ENCAP_TYPE = 15, 18, 20, 21
_CLONED = 0x200
_TYPES = {number: name for name, number in ROUTE_TYPES.items()}


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
        family, _, _, _, _, _, _, kind, flags = _HEADER.unpack_from(data, _AT)
        if not flags & _CLONED and kind in _TYPES and family in (2, 10):
            yield route_row(data)


def route_row(data: bytes) -> RouteRow:
    """Decode one route message, of a dump or of a look-up. Raises KeyError for another type."""
    family, dst_len, src_len, tos, table, protocol, scope, kind, flags = _HEADER.unpack_from(
        data, _AT
    )
    found = attributes(data, _AT + _HEADER.size)
    none = bytes(4 if family == 2 else 16)
    return RouteRow(
        version=4 if family == 2 else 6,
        to=_prefix(found.get(_DST, none), dst_len),
        source=_prefix(found.get(_SRC, none), src_len) if src_len else None,
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

"""One row of each of the kernel's dumps: a link, an address, a route; and the kernel's numbers.

Source: linux/if_link.h, linux/if_addr.h, linux/rtnetlink.h, linux/fib_rules.h.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_interface, ip_network
from socket import AF_INET, AF_INET6, inet_ntop

from harness.model.host import AddressRow, IPAddress, Link

ROUTE_TYPES = {
    "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5,
    "blackhole": 6, "unreachable": 7, "prohibit": 8, "throw": 9,
}  # fmt: skip
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
ADDRESS_FLAGS = {
    "deprecated": 0x20, "home": 0x10, "optimistic": 0x04, "tentative": 0x40, "temporary": 0x01,
    "mngtmpaddr": 0x100, "noprefixroute": 0x200, "nodad": 0x02,
}  # fmt: skip
"""A scenario's words for bits of IFA_FLAGS."""
IFA_F_DADFAILED = 0x08  # linux/if_addr.h
PREFERENCES = {"low": 3, "medium": 0, "high": 1}
RULE_TYPES = {"unicast": 1, "nop": 3, "blackhole": 6, "unreachable": 7, "prohibit": 8}
FR_ACT_GOTO = 2
FIB_RULE_INVERT = 2
KERNEL_RULES = {4: ((0, 255), (32766, 254), (32767, 253)), 6: ((0, 255), (32766, 254))}
"""Priority and table of the rules every network namespace begins with, by IP version."""
KERNEL_LABELS = {
    (ip_network(prefix), label)
    for prefix, label in (
        ("::/0", 1), ("fc00::/7", 5), ("fec0::/10", 11), ("2002::/16", 2), ("3ffe::/16", 12),
        ("2001::/32", 6), ("2001:10::/28", 7), ("::ffff:0:0/96", 4), ("::/96", 3), ("::1/128", 0),
    )
}  # fmt: skip
"""The rows an address label table begins with."""
NO_LIMIT = 0xFFFFFFFF
"""What an unset suppressor of a rule, and a mask of all bits, holds."""
RULE_WORDS = {
    "priority": "FRA_PRIORITY", "iif": "FRA_IIFNAME", "oif": "FRA_OIFNAME", "goto": "FRA_GOTO",
    "ipproto": "FRA_IP_PROTO", "suppress_prefixlength": "FRA_SUPPRESS_PREFIXLEN",
}  # fmt: skip
"""A scenario's words for what one attribute of a rule holds as it is."""

HOP_DEAD, HOP_ONLINK, HOP_LINKDOWN = 1, 4, 16
BY_KERNEL = 2  # RTPROT_KERNEL

ATTRIBUTE = struct.Struct("=HH")
NESTED = 0x8000  # a bit of an attribute's number; most of the kernel's forms go without
IFLA_IFNAME, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO = 3, 5, 10, 18
IFLA_PROP_LIST, IFLA_ALT_IFNAME = 52, 53
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
VETH_INFO_PEER, IFLA_VRF_TABLE, IFLA_IPTUN_REMOTE = 1, 1, 3
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_CACHEINFO, IFA_FLAGS = 1, 2, 3, 4, 6, 8
IFA_RT_PRIORITY = 9
IFAL_ADDRESS, IFAL_LABEL = 1, 2
_LINK_ATTRIBUTES, _ADDRESS_ATTRIBUTES, _LABEL_ATTRIBUTES = 32, 24, 28  # where they begin
LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg
_LABEL = struct.Struct("=xxBxI")  # struct ifaddrlblmsg
ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
ROUTE_ATTRIBUTES = 16 + ROUTE.size  # struct nlmsghdr comes first
NEXT_HOP = struct.Struct("=HBBi")  # struct rtnexthop
RTA_DST, RTA_SRC, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC = 1, 2, 4, 5, 6, 7
RTA_MULTIPATH, RTA_TABLE, RTA_PREF, _ENCAP_TYPE, RTA_IP_PROTO = 9, 15, 20, 21, 27
_CLONED = 0x200
_ROUTE_TYPES = {number: name for name, number in ROUTE_TYPES.items()}
_IFF_UP, _IFF_LOOPBACK, _IFF_POINTOPOINT = 0x1, 0x8, 0x10
_SECONDARY, _NOPREFIXROUTE = 0x01, 0x200
_FRA_PRIORITY, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE, _FRA_PAD, _FRA_PROTOCOL = 6, 14, 15, 18, 21
# what a rule of the kernel's own carries
_PLAIN_RULE = {_FRA_PRIORITY, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE, _FRA_PAD, _FRA_PROTOCOL}


def attributes(data: bytes, offset: int) -> Mapping[int, bytes]:
    """The attributes of a message by number, the first of each; they begin at ``offset``."""
    found: dict[int, bytes] = {}
    for number, held in _every(data, offset):
        found.setdefault(number, held)
    return found


def _every(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    while offset + 4 <= len(data):
        length, number = ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        yield number & 0x3FFF, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


@dataclass(frozen=True, slots=True)
class KernelLink:
    """One interface as the link dump has it; ``kind`` is "" for hardware."""

    index: int
    name: str
    type: int
    kind: str
    flags: int
    master: int
    table: int | None
    altnames: tuple[str, ...] = ()

    @property
    def up(self) -> bool:
        """Whether it is administratively up."""
        return bool(self.flags & _IFF_UP)

    @property
    def loopback(self) -> bool:
        """Whether it leads to the host itself."""
        return bool(self.flags & _IFF_LOOPBACK)

    @property
    def point_to_point(self) -> bool:
        """Whether there is one other end only."""
        return bool(self.flags & _IFF_POINTOPOINT)

    @property
    def for_model(self) -> Link:
        """What the model is told of it."""
        return Link(self.index, self.name, self.type, self.altnames)


def link(data: bytes) -> KernelLink:
    """A message of the link dump."""
    _, kind, index, flags, _ = LINK.unpack_from(data, 16)
    found = attributes(data, _LINK_ATTRIBUTES)
    info = attributes(found.get(IFLA_LINKINFO, b""), 0)
    name = _text(info.get(IFLA_INFO_KIND)) or ""
    inner = attributes(info.get(IFLA_INFO_DATA, b""), 0) if name == "vrf" else {}
    return KernelLink(
        index, _text(found.get(IFLA_IFNAME)) or "", kind, name, flags,
        _number(found.get(IFLA_MASTER), 0),
        _number(inner[IFLA_VRF_TABLE], 0) if IFLA_VRF_TABLE in inner else None,
        tuple(_text(one) or "" for _, one in _every(found.get(IFLA_PROP_LIST, b""), 0)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KernelAddress:
    """One address as the address dump has it.

    ``address`` is IFA_ADDRESS (on a point-to-point link the peer) and ``local`` IFA_LOCAL,
    None where the kernel sent none; ``flags`` are all 32 bits of IFA_FLAGS.
    """

    index: int
    family: int
    address: IPAddress | None
    local: IPAddress | None
    prefixlen: int
    flags: int
    scope: int
    label: str | None
    metric: int | None
    broadcast: IPAddress | None = None

    @property
    def own(self) -> IPAddress:
        """This end. Raises ValueError where the kernel sent no address at all."""
        found = self.local or self.address
        if found is None:
            raise ValueError("an address message without an address")
        return found

    @property
    def far(self) -> IPAddress:
        """The other end of a point-to-point link, else this one. Raises as `own`."""
        return self.address or self.own

    @property
    def network(self) -> str:
        """The network whose route the kernel makes for the address: the peer's with IPv4."""
        end = self.far if self.own.version == 4 else self.own
        return str(ip_interface(f"{end}/{self.prefixlen}").network)

    @property
    def routes(self) -> set[str]:
        """The destinations of all routes the kernel makes for it; an IPv6 peer always has one."""
        peer = {f"{self.far}/128"} if self.own.version == 6 and self.far != self.own else set()
        return peer | ({self.network} if self.has_route else set())

    @property
    def has_route(self) -> bool:
        """Whether the kernel would make a route for the network when the address is added."""
        if self.flags & _NOPREFIXROUTE:
            return False
        alone = self.prefixlen == 32 and self.far == self.own
        return self.own.version == 6 or not (self.flags & _SECONDARY or alone)

    @property
    def for_model(self) -> AddressRow:
        """What the model is told of it: glibc reads the header's 8 bits of flags."""
        return AddressRow(self.index, self.address, self.local, self.prefixlen, self.flags & 0xFF)


def address(data: bytes) -> KernelAddress:
    """A message of the address dump."""
    family, prefixlen, flags, scope, index = ADDRESS.unpack_from(data, 16)
    found = attributes(data, _ADDRESS_ATTRIBUTES)
    metric = found.get(IFA_RT_PRIORITY)
    return KernelAddress(
        index, family, _end(found.get(IFA_ADDRESS)), _end(found.get(IFA_LOCAL)), prefixlen,
        _number(found.get(IFA_FLAGS), flags), scope, _text(found.get(IFA_LABEL)),
        None if metric is None else _number(metric, 0), _end(found.get(IFA_BROADCAST)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KernelLabel:
    """One row of the kernel's address label table; ``index`` is 0 for every interface."""

    prefix: str
    length: int
    index: int
    label: int


def label(data: bytes) -> KernelLabel:
    """A message of the label dump."""
    prefixlen, index = _LABEL.unpack_from(data, 16)
    found = attributes(data, _LABEL_ATTRIBUTES)
    prefix = _address(found.get(IFAL_ADDRESS, bytes(16)))
    return KernelLabel(prefix, prefixlen, index, _number(found.get(IFAL_LABEL), 0))


def is_kernels_rule(data: bytes, version: int) -> bool:
    """Whether a message of the rules' dump is one of those that a namespace begins with."""
    table, flags = data[20], data[24:28]
    found = attributes(data, ROUTE_ATTRIBUTES)  # struct fib_rule_hdr is as long as struct rtmsg
    key = _number(found.get(_FRA_PRIORITY), 0), _number(found.get(_FRA_TABLE), 0) or table
    free = _number(found.get(_FRA_SUPPRESS_PREFIXLEN), NO_LIMIT) == NO_LIMIT
    return key in KERNEL_RULES[version] and free and not any(flags) and found.keys() <= _PLAIN_RULE


@dataclass(frozen=True, slots=True)
class Hop:
    """One way of a route: gateway, interface, flags and weight."""

    via: str | None
    dev: int
    flags: int = 0
    weight: int = 1


@dataclass(frozen=True, slots=True)
class KernelRoute:
    """One message of the route dump, or the answer to a route look-up."""

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


def route(data: bytes) -> KernelRoute | None:
    """A message of a dump or of a look-up; None for a cached or a multicast-routing entry."""
    head = ROUTE.unpack_from(data, 16)
    family, dst_len, src_len, tos, table, protocol, scope, kind, flags = head
    if flags & _CLONED or kind not in _ROUTE_TYPES or family not in (2, 10):
        return None
    found = attributes(data, ROUTE_ATTRIBUTES)
    none = bytes(4 if family == 2 else 16)
    return KernelRoute(
        version=4 if family == 2 else 6,
        to=f"{_address(found.get(RTA_DST, none))}/{dst_len}",
        source=f"{_address(found.get(RTA_SRC, none))}/{src_len}" if src_len else None,
        table=_number(found.get(RTA_TABLE), table),
        type=_ROUTE_TYPES[kind],
        scope=scope,
        protocol=protocol,
        metric=_number(found.get(RTA_PRIORITY), 0),
        prefsrc=_address(found[RTA_PREFSRC]) if RTA_PREFSRC in found else None,
        pref=found.get(RTA_PREF, b"\0")[0],
        hops=tuple(_hops(found, flags)),
        tos=tos,
        encapsulated=_ENCAP_TYPE in found,
    )


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.partition(b"\0")[0].decode(errors="surrogateescape")


def _end(data: bytes | None) -> IPAddress | None:
    """One end of an address."""
    if data is None:
        return None
    return IPv4Address(data) if len(data) == 4 else IPv6Address(data)


def _number(data: bytes | None, otherwise: int) -> int:
    return otherwise if data is None else int(struct.unpack("=I", data)[0])


def _address(data: bytes) -> str:
    text = inet_ntop(AF_INET if len(data) == 4 else AF_INET6, data)
    # ipaddress, ten times as slow, writes the IPv4 part of an IPv6 address as numbers
    return text if len(data) == 4 or "." not in text else str(IPv6Address(data))


def _hops(found: Mapping[int, bytes], flags: int) -> Iterator[Hop]:
    def hop(inner: Mapping[int, bytes], *rest: int) -> Hop:
        return Hop(_address(inner[RTA_GATEWAY]) if RTA_GATEWAY in inner else None, *rest)

    data = found.get(RTA_MULTIPATH)
    if data is None:
        if RTA_OIF in found:
            yield hop(found, _number(found[RTA_OIF], 0), flags)
        return
    offset = 0
    while offset + NEXT_HOP.size <= len(data):
        length, hop_flags, more, dev = NEXT_HOP.unpack_from(data, offset)
        inner = attributes(data[offset : offset + length], NEXT_HOP.size)
        yield hop(inner, dev, hop_flags, more + 1)
        offset += max((length + 3) & ~3, NEXT_HOP.size)

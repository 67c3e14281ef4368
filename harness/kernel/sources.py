"""The source the kernel would choose for a destination, worked out from its dumps. Pure.

Where no kernel can be asked: its links, addresses and routes are enough, as long as it has the
rules and settings it begins with; use_tempaddr may have any value that all interfaces share. What
they leave open is said, never guessed. The fuzzer's random hosts hold this to real kernels
(tests/kernel/test_sources.py).
Source: net/ipv4/route.c, fib_frontend.c and devinet.c, net/ipv6/route.c, addrconf.c (the order of
ipv6_get_saddr_eval()) and ip6_output.c of the kernel; RFC 6724 §5.
"""

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import groupby, product

from harness.model.addresses import is_link_local, is_multicast, leading_zeros, needs_scope
from harness.model.host import (
    IFA_F_DEPRECATED,
    IFA_F_HOMEADDRESS,
    IFA_F_OPTIMISTIC,
    IPAddress,
    Route,
    Target,
)

from .rows import (
    ADDRESS_FLAGS,
    HOP_DEAD,
    KERNEL_LABELS,
    SCOPES,
    Hop,
    KernelAddress,
    KernelLink,
    KernelRoute,
)

_LOCAL, _MADE = 255, -1
_TABLES = {4: ((_LOCAL, 254), (253,)), 6: ((_LOCAL,), (254,))}
"""What is searched in turn. Without rules of its own IPv4 has main and local in one."""
_SECONDARY = _TEMPORARY = 0x01
_TENTATIVE = ADDRESS_FLAGS["tentative"]
REFUSED = {
    "unreachable": errno.EHOSTUNREACH, "prohibit": errno.EACCES, "blackhole": errno.EINVAL,
}  # fmt: skip
_EVERY4 = IPv4Address("255.255.255.255")
_PREFERENCE = {3: -1, 0: 0, 1: 1}  # low, medium, high
_ORCHID = ip_network("2001:10::/28")
_network = lru_cache(1 << 12)(ip_network)
Way = tuple[KernelRoute, Hop | None]


class NotKnown(Exception):
    """Why the source cannot be told from what was given, in words."""


def refused(number: int) -> Route:
    """No route, but the errno for which there is none."""
    return Route(None, errno.errorcode.get(number, f"errno {number}"))


def asked(target: Target, only_ipv6: bool) -> tuple[IPAddress, int] | Route:
    """The address and interface a connect() looks up, or its answer where it looks up none."""
    address = target.address
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        if only_ipv6:
            return refused(errno.ENETUNREACH)
        address = address.ipv4_mapped
    scoped = needs_scope(address)
    if scoped and target.scope_id == 0:
        return refused(errno.EINVAL)
    if not int(address):  # connect() takes it for the loopback one
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    return address, target.scope_id if scoped else 0


def answered(target: Target, source: IPAddress) -> Route:
    """The route to a target from a source, IPv4 in the form that an AF_INET6 socket shows."""
    if source.version == 4 and target.address.version == 6:
        return Route(IPv6Address(f"::ffff:{source}"))
    return Route(source)


def can_be_source6(address: IPAddress | None, flags: int) -> bool:
    """Whether an address is one that IPv6 may choose: not while it is tentative only."""
    tentative = flags & (_TENTATIVE | IFA_F_OPTIMISTIC) == _TENTATIVE
    return isinstance(address, IPv6Address) and not tentative


def _anycast(row: KernelAddress) -> IPAddress | None:
    """The first address of a subnet, which an IPv6 router has as well (RFC 4291 §2.6.1)."""
    net = _network(row.network)
    return net[0] if net.version == 6 and net.prefixlen < 127 else None


@dataclass(frozen=True)
class Routing:
    """A host's dumps; of the ``routes`` those of the main table are enough."""

    links: Sequence[KernelLink]
    addresses: Sequence[KernelAddress]
    routes: Sequence[KernelRoute]

    def to(self, target: Target) -> Route:
        """What a UDP connect() to a target would meet. Raises NotKnown."""
        if any(link.kind == "vrf" for link in self.links):
            raise NotKnown("the host has a VRF")
        wanted = asked(target, only_ipv6=False)
        if isinstance(wanted, Route):
            return wanted
        address, interface = wanted
        if address.version == 6 and any(row.source for row in self.routes):
            raise NotKnown("a route depends on the source")
        if address.version == 6 and is_multicast(address) and not self._has_local(6):
            raise NotKnown("the way to a multicast address is in the local table")
        found = self._found(address, interface)
        # only the local table has an anycast address, and it may not be among the routes
        anycast = any(address == _anycast(row) for row in self.addresses)
        if anycast and found != self._found(address, interface, router=True):
            raise NotKnown("it depends on whether the host is a router")
        if len(found) > 1:
            raise NotKnown(f"{len(found)} routes to it are equally good")
        (one,) = found
        return refused(one) if isinstance(one, int) else answered(target, one)

    def _found(
        self, address: IPAddress, interface: int, router: bool = False
    ) -> set[IPAddress | int]:
        """The sources, or errnos, of the equally good ways."""
        ways = self._ways(address, interface, router)
        found = {self._by(way, address) for way in ways}
        return found or {self._no_way(errno.ENETUNREACH, address)}

    def _ways(self, address: IPAddress, interface: int, router: bool) -> list[Way]:
        """The routes that the kernel may take, all of one prefix and metric."""
        near = [
            row
            for row in (*self.routes, *self._local(address.version, router))
            if row.version == address.version and not row.tos and address in _network(row.to)
        ]
        for tables in _TABLES[address.version]:
            rows = [row for row in near if row.table in tables]
            rows.sort(key=lambda row: (-_network(row.to).prefixlen, -row.table, row.metric))
            # of IPv4 the first route counts, where their order is known; of IPv6 all of a metric
            alike = groupby(
                rows,
                lambda row: row.key if row.version == 6 or row.protocol == _MADE else id(row),
            )
            for _, same in alike:
                group = list(same)
                # a route without an interface is none to whoever asks for one
                if interface in (0, 1) and any(row.type == "throw" for row in group):
                    break
                if ways := self._usable(group, interface):
                    return ways
        return []

    def _usable(self, group: Sequence[KernelRoute], interface: int) -> list[Way]:
        ways: list[Way] = [
            (row, hop)
            for row in group
            for hop in row.hops
            if not hop.flags & HOP_DEAD and interface in (0, hop.dev)
        ]
        ways += [(row, None) for row in group if row.type in REFUSED and interface in (0, 1)]
        best = max((_PREFERENCE.get(row.pref, 0) for row, _ in ways), default=0)
        return [(row, hop) for row, hop in ways if _PREFERENCE.get(row.pref, 0) == best]

    def _has_local(self, version: int) -> bool:
        return any(row.table == _LOCAL and row.version == version for row in self.routes)

    def _local(self, version: int, router: bool = False) -> Iterator[KernelRoute]:
        """What the local table holds, of a ``router`` or not, where it is not among the routes."""
        if self._has_local(version):
            return

        def local(to: str, dev: int, kind: str, source: IPAddress | None = None) -> KernelRoute:
            text = None if source is None else str(source)
            hops = (Hop(None, dev),)
            return KernelRoute(
                version, to, None, _LOCAL, kind, SCOPES["host"], _MADE, 0, text, 0, hops, 0, False
            )

        up = {link.index for link in self.links if link.up}
        loopback = {link.index for link in self.links if link.loopback}
        for row in self.addresses:
            if row.own.version != version:
                continue
            if version == 6:
                if can_be_source6(row.own, row.flags):
                    yield local(f"{row.own}/128", row.index, "local")
                if router and (first := _anycast(row)) is not None:
                    yield local(f"{first}/128", row.index, "anycast")
                continue
            net = _network(row.network)
            primary = row if not row.flags & _SECONDARY else next(
                one for one in (*self.addresses, row) if one.index == row.index
                and one.own.version == 4 and one.network == row.network
            )  # fmt: skip
            yield local(f"{row.own}/32", row.index, "local", primary.own)
            if row.broadcast not in (None, _EVERY4) and row.index in up:
                yield local(f"{row.broadcast}/32", row.index, "broadcast", primary.own)
            if row.index not in up or primary is not row or not int(net[0]):
                continue
            if row.index in loopback and row.has_route:
                yield local(str(net), row.index, "local", row.own)
            if net.prefixlen < 31:
                yield local(f"{net.broadcast_address}/32", row.index, "broadcast", row.own)

    def _by(self, way: Way, address: IPAddress) -> IPAddress | int:
        """The source of a way, or the errno of what refuses it."""
        row, hop = way
        if hop is None:
            return self._no_way(REFUSED[row.type], address)
        if isinstance(address, IPv6Address):
            return ip_address(row.prefsrc) if row.prefsrc else self._source6(address, hop.dev)
        if row.protocol == _MADE and any(
            each.type == "broadcast" and each.to == f"{row.prefsrc}/32" != row.to
            for each in self._local(4)
        ):  # the kernel refuses such a route where the broadcast one was there first
            raise NotKnown("the source of its local route is a broadcast address, too")
        if row.prefsrc:
            source: IPAddress = ip_address(row.prefsrc)
        else:
            source = address if row.type == "local" else self._source4(row, hop)
        loopback = any(link.loopback for link in self.links if link.index == hop.dev)
        if source.is_loopback and not loopback and row.type != "local":
            return errno.EINVAL
        # the socket has no SO_BROADCAST; a multicast address is one by whatever route
        broadcast = row.type == "broadcast" and not is_multicast(address)
        return errno.EACCES if broadcast or address == _EVERY4 else source

    def _no_way(self, number: int, address: IPAddress) -> int:
        """The errno where nothing leads there; IPv6 minds first that there is no source."""
        has = any(can_be_source6(row.own, row.flags) for row in self.addresses)
        return number if address.version == 4 or has else errno.EADDRNOTAVAIL

    def _source4(self, row: KernelRoute, hop: Hop) -> IPAddress:
        """The first fitting address of the interface, nearest the gateway (inet_select_addr())."""
        primary = [
            one for one in self.addresses
            if one.own.version == 4 and not one.flags & _SECONDARY and one.scope <= row.scope
        ]  # fmt: skip
        own = [one for one in primary if one.index == hop.dev]
        via = None if hop.via is None or ":" in hop.via else ip_address(hop.via)
        near = [one for one in own if via is None or via in _network(one.network)]
        others = [one for one in primary if one.scope != SCOPES["link"]]
        return next((one.own for one in (*near, *own, *others)), IPv4Address(0))

    def _source6(self, address: IPv6Address, dev: int) -> IPAddress | int:
        """The best address by the kernel's rules. Raises NotKnown where a setting decides."""
        here = is_multicast(address) or _scope6(address) <= 2
        rows = [
            row for row in self.addresses
            if can_be_source6(row.own, row.flags) and (row.index == dev or not here)
        ]  # fmt: skip
        settings = product(*[
            (False, True) if any(row.flags & flag for row in rows) else (False,)
            for flag in (_TEMPORARY, IFA_F_OPTIMISTIC, IFA_F_HOMEADDRESS)
        ])  # fmt: skip
        found = {_best6(rows, address, dev, *each) for each in settings}
        if len(found) > 1:
            raise NotKnown("it depends on settings: use_tempaddr, use_optimistic or MIPv6")
        (one,) = found
        return one


def _best6(
    rows: Sequence[KernelAddress],
    address: IPv6Address,
    dev: int,
    temporary: bool,
    optimistic: bool,
    home: bool,
) -> IPAddress | int:
    avoided = IFA_F_DEPRECATED | (0 if optimistic else IFA_F_OPTIMISTIC)

    def score(row: KernelAddress) -> tuple[int, ...]:
        own = row.own
        assert isinstance(own, IPv6Address)
        scope, wanted = _scope6(own), _scope6(address)
        return (
            own == address,
            -scope if scope >= wanted else scope - 128,
            int(own) == 1 or _label6(own) in (3, 4) or not row.flags & avoided,
            home and bool(row.flags & IFA_F_HOMEADDRESS),
            row.index == dev,
            _label6(own) == _label6(address),
            bool(row.flags & _TEMPORARY) == temporary,
            (own in _ORCHID) == (address in _ORCHID),
            min(leading_zeros(int(own) ^ int(address), 128), row.prefixlen),
            not row.flags & IFA_F_OPTIMISTIC,
        )

    if not rows:
        return errno.EADDRNOTAVAIL
    return max(rows, key=score).own  # of equal ones the first of the dump


def _scope6(address: IPv6Address) -> int:
    """The scope of RFC 4007 as the kernel numbers it."""
    if is_multicast(address):
        return address.packed[1] & 0x0F
    if is_link_local(address) or int(address) == 1:
        return 2
    return 5 if address.is_site_local else 14


def _label6(address: IPv6Address) -> int:
    """The label in the table a kernel begins with, by the longest prefix."""
    return max((net.prefixlen, label) for net, label in KERNEL_LABELS if address in net)[1]

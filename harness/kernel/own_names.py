"""What the kernel says for systemd's nss-myhostname: own addresses, gateways, the sources to them.

Each source is what a UDP socket bound to the interface gets, which is how the module asks.
"""

import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from socket import AF_INET, AF_INET6

from harness.model.host import IFA_F_DEPRECATED, IPAddress, OwnAddress, OwnNames, Target

from .netlink import Netlink
from .rows import ADDRESS_FLAGS, SCOPES, KernelRoute

IPV6_FILES = (Path("/proc/net/if_inet6"), Path("/proc/sys/net/ipv6/conf/all/disable_ipv6"))
"""That the first is there and the second says 0 means IPv6, for the module."""
_SO_BINDTOIFINDEX = 62  # asm-generic/socket.h
_MAIN = 254


def own_names(netlink: Netlink) -> OwnNames:
    """The host's names for the module, in the network namespace of ``netlink``. Raises OSError."""
    addresses = [
        OwnAddress(
            row.own, row.index, row.scope, tentative=bool(row.flags & ADDRESS_FLAGS["tentative"])
        )
        for row in netlink.addresses()
        if (row.local or row.address)
        and not row.flags & IFA_F_DEPRECATED
        and row.scope not in (SCOPES["host"], SCOPES["nowhere"])
    ]
    every = (*netlink.routes(AF_INET), *netlink.routes(AF_INET6))
    routes = [route for route in every if _is_default(route)]
    gateways = tuple(gateway for route in routes for gateway in _gateways(route))
    bare = any(hop.via is None for one in routes if len(one.hops) > 1 for hop in one.hops)
    return OwnNames(socket.gethostname(), tuple(addresses), gateways, _has_ipv6(), bare)


def _has_ipv6() -> bool:
    there, off = IPV6_FILES
    with suppress(OSError):
        return there.exists() and off.read_text().strip() == "0"
    return there.exists()


def _is_default(route: KernelRoute) -> bool:
    default = route.to.endswith("/0") and route.source is None and route.table == _MAIN
    return default and route.type == "unicast"


def _gateways(route: KernelRoute) -> Iterator[OwnAddress]:
    for hop in route.hops:
        if hop.via is not None:
            gateway, source = ip_address(hop.via), None
            with suppress(OSError):
                found = source_by_socket(Target(gateway, hop.dev), _SO_BINDTOIFINDEX, hop.dev)
                source = None if found.is_unspecified else found
            yield OwnAddress(
                gateway, hop.dev, 0, route.metric,
                hop.weight - 1 if len(route.hops) > 1 else None,
                ip_address(route.prefsrc) if route.prefsrc else None, source,
            )  # fmt: skip


def source_by_socket(target: Target, option: int | None = None, value: int = 0) -> IPAddress:
    """The source that the connect() of a new UDP socket gives; nothing is sent. Raises OSError.

    ``option`` of SOL_SOCKET is set to ``value``, if the kernel knows it.
    """
    four = target.address.version == 4
    where = (str(target.address), 0) if four else (str(target.address), 0, 0, target.scope_id)
    with socket.socket(AF_INET if four else AF_INET6, socket.SOCK_DGRAM) as sock:
        if option is not None:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, option, value)
        sock.connect(where)
        return ip_address(sock.getsockname()[0].partition("%")[0])

"""What the kernel says about the built host: addresses, links and the way to each target.

A route look-up stands for the connect() of a UDP socket; where connect() looks at more
than the routing table (broadcast, scope ids, mapped addresses), so does this module. Where
a source's own rules and routes decide, sockets are asked instead (see `connecting`).
Source: linux/rtnetlink.h; net/ipv4/datagram.c and net/ipv6/datagram.c of the kernel.
"""

from __future__ import annotations

import errno
import struct
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING

from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from harness.model.host import (
    IFA_F_OPTIMISTIC,
    AddressRow,
    HostView,
    Route,
    Target,
)

from .connecting import connected, source_decides
from .netlink import RTM_GETROUTE, Netlink, attributes, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

_RTN_BROADCAST = 3
_RTA_PREFSRC = 7
_ATTRIBUTES = 28  # struct nlmsghdr and struct rtmsg come first
_TYPE = 23  # rtm_type
_IPPROTO_UDP = 17
_MAPPED = bytes(10) + b"\xff\xff"
IFA_F_TENTATIVE = 0x40
_BINDV6ONLY = Path("/proc/sys/net/ipv6/bindv6only")


class _lookup(rtmsg):  # type: ignore[misc]  # noqa: N801 - pyroute2 names messages so
    """A route request that can name the protocol, which pyroute2's own cannot."""

    __slots__ = ()
    _nlmsg_base__compiled_nla = False  # or rtmsg's own table would be used once it was
    nla_map = (
        *rtmsg.nla_map,
        ("RTA_PAD", "hex"),
        ("RTA_UID", "uint32"),
        ("RTA_TTL_PROPAGATE", "uint8"),
        ("RTA_IP_PROTO", "uint8"),
    )


def observe(netlink: Netlink, targets: Iterable[Target]) -> HostView:
    """The host as its kernel describes it.

    Parameters: ``netlink`` a socket in the host's network namespace; ``targets`` the
    destinations to look up. Raises OSError.
    """
    only_ipv6 = bindv6only()
    addresses = tuple(row.for_model for row in netlink.addresses())
    return HostView(
        addresses=addresses,
        links=tuple(link.for_model for link in netlink.links()),
        routes=routes(netlink, targets, only_ipv6, any(map(_can_be_source6, addresses))),
        bindv6only=only_ipv6,
    )


def bindv6only() -> bool:
    """The sysctl net.ipv6.bindv6only; False on a kernel without IPv6. Raises nothing."""
    try:
        return _BINDV6ONLY.read_text().strip() == "1"
    except OSError:
        return False


def routes(
    netlink: Netlink, targets: Iterable[Target], only_ipv6: bool, has_source6: bool
) -> dict[Target, Route]:
    """What a UDP connect() to each target would meet.

    Parameters: ``netlink`` a socket in the host's network namespace; ``targets``;
    ``only_ipv6`` the value of net.ipv6.bindv6only; ``has_source6`` whether any interface
    has an IPv6 address that may be a source. Raises OSError.
    """
    found: dict[Target, Route] = {}
    asked: list[Target] = []
    requests: list[bytes] = []
    wanted = dict.fromkeys(targets)
    by_socket = {
        version
        for version in {4 if _is_ipv4(target) else 6 for target in wanted}
        if source_decides(netlink, version)
    }
    for target in wanted:
        if (4 if _is_ipv4(target) else 6) in by_socket:
            found[target] = connected(target)
            continue
        request = _request(target, only_ipv6)
        if isinstance(request, Route):
            found[target] = request
        else:
            asked.append(target)
            requests.append(request)
    for target, answer in zip(asked, netlink.ask(requests), strict=True):
        found[target] = _route(target, answer, has_source6)
    return found


def _is_ipv4(target: Target) -> bool:
    """Whether the way to a target is an IPv4 one: mapped addresses' are."""
    address = target.address
    return isinstance(address, IPv4Address) or address.ipv4_mapped is not None


def _refused(number: int) -> Route:
    return Route(None, errno.errorcode.get(number, f"errno {number}"))


def _request(target: Target, only_ipv6: bool) -> bytes | Route:
    """The request for a target, or the answer where connect() asks no route."""
    address = target.address
    if isinstance(address, IPv4Address):
        return _encoded4(address)
    if address.ipv4_mapped is not None:
        if only_ipv6:
            return _refused(errno.ENETUNREACH)
        return _encoded4(address.ipv4_mapped)
    if int(address) == 0:
        address = IPv6Address(1)
    if not _needs_scope(address):
        return _encoded6(address, 0)
    if target.scope_id == 0:
        return _refused(errno.EINVAL)
    return _encoded6(address, target.scope_id)


def _needs_scope(address: IPv6Address) -> bool:
    if address.is_multicast:
        return address.packed[1] & 0x0F in (1, 2)
    return address.is_link_local


def _template(family: int, scoped: bool) -> bytes:
    message = _lookup()
    message["family"] = family
    message["dst_len"] = 32 if family == AF_INET else 128
    message["attrs"] = [
        ("RTA_DST", "127.0.0.1" if family == AF_INET else "::1"),
        ("RTA_IP_PROTO", _IPPROTO_UDP),
    ]
    if scoped:
        message["attrs"].append(("RTA_OIF", 1))
    return encode(message, RTM_GETROUTE, 0)


# encoding one message takes pyroute2 longer than the kernel needs to answer it, so each
# shape is encoded once: the destination is the first attribute, the interface the last
_IPV4 = _template(AF_INET, False)
_IPV6 = _template(AF_INET6, False)
_IPV6_SCOPED = _template(AF_INET6, True)
_DESTINATION = _ATTRIBUTES + 4


def _encoded4(address: IPv4Address) -> bytes:
    if int(address) == 0:
        return _IPV4
    return _IPV4[:_DESTINATION] + address.packed + _IPV4[_DESTINATION + 4 :]


def _encoded6(address: IPv6Address, scope_id: int) -> bytes:
    shape = _IPV6_SCOPED if scope_id else _IPV6
    data = shape[:_DESTINATION] + address.packed + shape[_DESTINATION + 16 :]
    return data[:-4] + struct.pack("=I", scope_id) if scope_id else data


def _route(target: Target, answer: bytes | int, has_source6: bool) -> Route:
    ipv4 = _is_ipv4(target)
    mapped = ipv4 and isinstance(target.address, IPv6Address)
    if isinstance(answer, int):
        # IPv6 chooses a source before it minds that there is no route
        return _refused(answer if ipv4 or has_source6 else errno.EADDRNOTAVAIL)
    source = attributes(answer, _ATTRIBUTES).get(_RTA_PREFSRC)
    if ipv4:
        if answer[_TYPE] == _RTN_BROADCAST:
            return _refused(errno.EACCES)  # the socket has no SO_BROADCAST
        # a host without any address still sends, from 0.0.0.0
        packed = source or bytes(4)
        return Route(IPv6Address(_MAPPED + packed) if mapped else IPv4Address(packed))
    if source is None:
        return _refused(errno.EADDRNOTAVAIL)
    return Route(IPv6Address(source))


def _can_be_source6(row: AddressRow) -> bool:
    # a tentative address may not be used, unless it is optimistic
    return isinstance(row.address, IPv6Address) and (
        row.flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC) != IFA_F_TENTATIVE
    )

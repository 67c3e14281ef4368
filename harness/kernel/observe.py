"""What the kernel says about the built host: addresses, links and the way to each target.

A route look-up stands for the connect() of a UDP socket; where connect() looks at more
than the routing table (broadcast, scope ids, mapped addresses), so does this module. Where
a source's own rules and routes decide, sockets are asked instead.
Source: linux/rtnetlink.h; net/ipv4/datagram.c and net/ipv6/datagram.c of the kernel.
"""

import errno
import os
import socket
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Address, ip_address

from harness.model.host import HostView, IPAddress, Route, Target
from harness.text.reading import setting

from .messages import route_request
from .netlink import Netlink
from .own_names import own_names, source_by_socket
from .rows import ROUTE_ATTRIBUTES, ROUTE_TYPES, RTA_PREFSRC, attributes
from .sources import answered, asked, can_be_source6, refused

_TYPE = 23  # rtm_type
_IPPROTO_UDP = 17


def observe(netlink: Netlink, targets: Iterable[Target], own: bool = False) -> HostView:
    """The host whose network ``netlink`` is in, with the ways to ``targets``. Raises OSError.

    ``own``: with its own names too.
    """
    addresses = tuple(row.for_model for row in netlink.addresses())
    links = tuple(link.for_model for link in netlink.links())
    with closing(Netlink(os.sysconf("SC_PAGE_SIZE"))) as small:  # glibc's buffer
        listed = {link.index for link in small.links()}
    view = HostView(
        addresses=addresses,
        links=links,
        unlisted=frozenset(link.index for link in links if link.index not in listed),
        bindv6only=setting("/proc/sys/net/ipv6/bindv6only") == "1",
        own=own_names(netlink) if own else None,
    )
    return with_routes(netlink, view, targets)


def with_routes(netlink: Netlink, view: HostView, targets: Iterable[Target]) -> HostView:
    """An observed host with the ways to ``targets`` in the place of others. Raises OSError."""
    has_source6 = any(can_be_source6(row.address, row.flags) for row in view.addresses)
    routes = _routes(netlink, targets, view.bindv6only, has_source6)
    return replace(view, routes=routes)


def _routes(
    netlink: Netlink, targets: Iterable[Target], only_ipv6: bool, has_source6: bool
) -> dict[Target, Route]:
    """What a UDP connect() to each target would meet, on a host that has an IPv6 source or not."""
    found: dict[Target, Route] = {}
    requests: dict[Target, bytes] = {}
    versions = {target: _version(target) for target in targets}
    by_socket = {version for version in {*versions.values()} if _source_decides(netlink, version)}
    for target, version in versions.items():
        wanted = _connected(target) if version in by_socket else asked(target, only_ipv6)
        if isinstance(wanted, Route):
            found[target] = wanted
        else:
            requests[target] = route_request(*wanted, _IPPROTO_UDP)
    answers = netlink.ask([*requests.values()])
    for target, answer in zip(requests, answers, strict=True):
        found[target] = _route(target, answer, has_source6)
    return found


def _version(target: Target) -> int:
    """Of the way to a target: that to a mapped address is an IPv4 one."""
    address = target.address
    return 4 if isinstance(address, IPv4Address) or address.ipv4_mapped is not None else 6


def _source_decides(netlink: Netlink, version: int) -> bool:
    """Whether the route to a destination may depend on the source: on rules, or on routes.

    A connect() looks the route up without a source, which chooses one, and then with it: IPv4
    always, IPv6 where it found no way at first, for which it chooses a source of any interface.
    Rules and routes that ask for the source (``ip rule from``, source-specific routes, VRFs) can
    give two different answers, and a request through netlink is one look-up only. Where the next
    hop is chosen by more than the addresses, it is no look-up of that kind (with a policy of 1, by
    ports too, no two sockets' are alike).
    Source: ip_route_connect(), fib_multipath_hash() and ip6_dst_lookup_tail() of the kernel.
    """
    policy = setting(f"/proc/sys/net/ipv{version}/fib_multipath_hash_policy")
    if netlink.has_other_rules(version) or policy not in (None, "0"):
        return True
    return version == 6 and netlink.has_source_routes()


def _connected(target: Target) -> Route:
    try:
        return Route(source_by_socket(target))
    except OSError as problem:
        route = refused(problem.errno or 0)
    with suppress(OSError):
        return replace(route, broadcast=source_by_socket(target, socket.SO_BROADCAST, 1))
    return route


def _route(target: Target, answer: bytes | int, has_source6: bool) -> Route:
    ipv4 = _version(target) == 4
    if isinstance(answer, int):
        # IPv6 chooses a source before it minds that there is no route
        return refused(answer if ipv4 or has_source6 else errno.EADDRNOTAVAIL)
    source = attributes(answer, ROUTE_ATTRIBUTES).get(RTA_PREFSRC)
    if not ipv4:
        return refused(errno.EADDRNOTAVAIL) if source is None else Route(_source(source))
    own = _source(source or bytes(4))  # a host without any address still sends, from 0.0.0.0
    if answer[_TYPE] == ROUTE_TYPES["broadcast"]:
        return replace(refused(errno.EACCES), broadcast=own)  # the socket has no SO_BROADCAST
    return answered(target, own)


@lru_cache(maxsize=256)
def _source(data: bytes) -> IPAddress:
    """A source: most targets have one of a few, which is one object then."""
    return ip_address(data)

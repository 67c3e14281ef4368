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
from pathlib import Path
from socket import AF_INET, AF_INET6

from harness.model.host import HostView, IPAddress, Route, Target

from .messages import route_request
from .netlink import Netlink
from .own_names import own_names
from .rows import ROUTE_ATTRIBUTES, ROUTE_TYPES, RTA_PREFSRC, attributes
from .sources import answered, asked, can_be_source6, refused

_TYPE = 23  # rtm_type
_IPPROTO_UDP = 17
_BINDV6ONLY = Path("/proc/sys/net/ipv6/bindv6only")
_HASH_POLICY = {
    version: Path(f"/proc/sys/net/ipv{version}/fib_multipath_hash_policy") for version in (4, 6)
}


def observe(netlink: Netlink, targets: Iterable[Target], own: bool = False) -> HostView:
    """The host whose network ``netlink`` is in, with the ways to ``targets``. Raises OSError.

    ``own``: with its own names too.
    """
    addresses = tuple(row.for_model for row in netlink.addresses())
    links = tuple(link.for_model for link in netlink.links())
    with closing(Netlink(os.sysconf("SC_PAGE_SIZE"))) as small:  # glibc's buffer
        unlisted = {link.index for link in links}.difference(small.link_indexes())
    view = HostView(
        addresses=addresses,
        links=links,
        unlisted=frozenset(unlisted),
        bindv6only=_bindv6only(),
        own=own_names(netlink) if own else None,
    )
    return with_routes(netlink, view, targets)


def with_routes(netlink: Netlink, view: HostView, targets: Iterable[Target]) -> HostView:
    """An observed host with the ways to ``targets`` in the place of others. Raises OSError."""
    has_source6 = any(can_be_source6(row.address, row.flags) for row in view.addresses)
    routes = _routes(netlink, targets, view.bindv6only, has_source6)
    return replace(view, routes=routes)


def _bindv6only() -> bool:
    return _said(_BINDV6ONLY, "0") == "1"


def _said(sysctl: Path, usual: str) -> str:
    try:
        return sysctl.read_text().strip()
    except OSError:  # a kernel without IPv6, or without multipath routes
        return usual


def _routes(
    netlink: Netlink, targets: Iterable[Target], only_ipv6: bool, has_source6: bool
) -> dict[Target, Route]:
    """What a UDP connect() to each target would meet, on a host that has an IPv6 source or not."""
    found: dict[Target, Route] = {}
    requests: dict[Target, bytes] = {}
    wanted = {target: _version(target) for target in targets}
    by_socket = {version for version in {*wanted.values()} if _source_decides(netlink, version)}
    for target, version in wanted.items():
        if version in by_socket:
            found[target] = _connected(target)
            continue
        request = _request(target, only_ipv6)
        if isinstance(request, Route):
            found[target] = request
        else:
            requests[target] = request
    answers = netlink.ask(list(requests.values()))
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
    if netlink.has_other_rules(version) or _said(_HASH_POLICY[version], "0") != "0":
        return True
    return version == 6 and netlink.has_source_routes()


def _connected(target: Target) -> Route:
    """What the connect() of a new UDP socket to a target gives; nothing is sent."""
    ipv4 = isinstance(target.address, IPv4Address)
    where = (str(target.address), 0) if ipv4 else (str(target.address), 0, 0, target.scope_id)

    def source(broadcasts: bool) -> IPAddress:
        with socket.socket(AF_INET if ipv4 else AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, broadcasts)
            sock.connect(where)
            text: str = sock.getsockname()[0]
        return ip_address(text.partition("%")[0])

    try:
        return Route(source(False))
    except OSError as problem:
        route = refused(problem.errno or 0)
    with suppress(OSError):
        return replace(route, broadcast=source(True))
    return route


def _request(target: Target, only_ipv6: bool) -> bytes | Route:
    """The request for a target, or the answer where connect() asks no route."""
    wanted = asked(target, only_ipv6)
    return wanted if isinstance(wanted, Route) else route_request(*wanted, _IPPROTO_UDP)


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

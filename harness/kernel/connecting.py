"""What real UDP sockets meet, for hosts where one route look-up does not tell.

A connect() looks the route up without a source, which chooses one, and then with it: IPv4
always, IPv6 where it found no way at first, for which it chooses a source of any interface.
Rules and routes that ask for the source (``ip rule from``, source-specific routes, VRFs)
can give two different answers. A request through netlink is one look-up only, so here
sockets are connected; nothing is sent. Source: ip_route_connect() and
ip6_dst_lookup_tail() of the kernel.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING

from harness.model.host import Route, Target

from .rows import is_kernels_rule

if TYPE_CHECKING:
    from .netlink import Netlink


def source_decides(netlink: Netlink, version: int) -> bool:
    """Whether the route to a destination may depend on the source: on rules, or on routes.

    Parameters: ``netlink`` a socket in the host's network namespace; ``version`` 4 or 6.
    Raises OSError.
    """
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    if not all(is_kernels_rule(rule, version) for rule in netlink.rules(family)):
        return True
    return version == 6 and any(row.source for row in netlink.routes(family))


def connected(target: Target) -> Route:
    """What the connect() of a new UDP socket to a target gives. Raises nothing."""
    ipv4 = isinstance(target.address, IPv4Address)
    where = (str(target.address), 0) if ipv4 else (str(target.address), 0, 0, target.scope_id)
    try:
        with socket.socket(socket.AF_INET if ipv4 else socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.connect(where)
            text: str = sock.getsockname()[0]
    except OSError as problem:
        return refused(problem.errno or 0)
    return Route(ip_address(text.partition("%")[0]))


def refused(number: int) -> Route:
    """No route, but the errno for which there is none. Raises nothing."""
    return Route(None, errno.errorcode.get(number, f"errno {number}"))

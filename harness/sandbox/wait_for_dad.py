"""Waiting until the kernel has finished with the addresses it was given.

A new IPv6 address is in the address dump at once, but its own route and the one to its peer
are made in a work queue, even where no duplicate address detection is asked for. On a busy
machine a look-up can come before that. Source: addrconf_dad_start() and
__ipv6_ifa_notify() in net/ipv6/addrconf.c.
"""

from __future__ import annotations

import time
from collections import Counter
from ipaddress import ip_interface
from socket import AF_INET6
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.kernel.netlink import Netlink
    from harness.scenario.schema import Host

_PATIENCE = 2.0
_PAUSE = 0.0005


def wait_for_dad(sock: Netlink, host: Host) -> bool:
    """Wait until every IPv6 address of the host has its routes, 2 s at most.

    Parameters: ``sock`` a socket in the host's network namespace; ``host`` whose addresses
    have been added. Returns whether all are there. Raises OSError.
    """
    expected = _expected(host)
    if not expected:
        return True
    deadline = time.monotonic() + _PATIENCE
    while expected - Counter((row.type, row.to) for row in sock.routes(AF_INET6)):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _expected(host: Host) -> Counter[tuple[str, str]]:
    """The type and the destination of each route."""
    routes: Counter[tuple[str, str]] = Counter()
    for interface in host.interfaces.values():
        for row in interface.addresses:
            # a tentative address has no route yet, as on a real host
            if ":" not in row.address or not interface.up or "tentative" in row.flags:
                continue
            routes["local", f"{ip_interface(row.address).ip}/128"] += 1
            # an optimistic one's peer has to wait for the detection's end
            if row.peer_ip not in (None, row.ip) and "optimistic" not in row.flags:
                routes["unicast", f"{row.peer_ip}/128"] = 1
    return routes

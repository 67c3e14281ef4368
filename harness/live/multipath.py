"""Routes of their own for the destinations that a multipath route sends one way or another.

The kernel spreads destinations over the ways by a hash with a secret of its own, so a copy
on another machine, or with other addresses, would send them elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6

from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from harness.kernel.netlink import RTM_GETROUTE, Netlink, encode
from harness.kernel.routes import route_row
from harness.live.interfaces import Data
from harness.live.said import Address, Said
from harness.scenario.values import TABLES

_LOOKUP_TABLE = 0x1000  # RTM_F_LOOKUP_TABLE: say which table it was


def pinned(
    netlink: Netlink, routes: Sequence[Data], destinations: Sequence[str], names: dict[int, str]
) -> tuple[list[Data], list[Said]]:
    """The routes to add, and what is left out.

    Parameters: ``netlink`` a socket on the host; ``routes`` the scenario's so far;
    ``destinations`` plain addresses; ``names`` the interfaces by index. Raises OSError.
    """
    several = [route for route in routes if "nexthops" in route]
    found: dict[str, Data] = {}
    for text in destinations if several else ():
        answer = _way(netlink, text)
        if answer is None or text in found:
            continue
        gateway, dev, table = answer
        for route in several:
            if TABLES.get(route.get("table", "main"), route.get("table")) != table:
                continue
            if ip_address(text) not in ip_network(route["to"]):
                continue
            for hop in route["nexthops"]:
                if (hop.get("via"), hop["dev"]) == (gateway, names.get(dev)):
                    kept: Data = {
                        word: hop[word] for word in ("via", "dev", "on-link") if word in hop
                    }
                    also: Data = {word: route[word] for word in ("from", "table") if word in route}
                    found[text] = {"to": str(ip_network(text)), **kept, **also}
    left_out = [
        Said(
            "which way of {} the kernel would send other destinations than those looked "
            "up, which have routes of their own here",
            Address(route["to"]),
        )
        for route in several
    ]
    taken = {(route["to"], route.get("metric"), route.get("table")) for route in routes}
    return [
        route for route in found.values() if (route["to"], None, route.get("table")) not in taken
    ], left_out


def _way(netlink: Netlink, text: str) -> tuple[str | None, int, int] | None:
    """The gateway, interface and table the kernel takes for a destination."""
    address = ip_address(text)
    message = rtmsg()
    message["family"] = AF_INET if address.version == 4 else AF_INET6
    message["dst_len"] = address.max_prefixlen
    message["flags"] = _LOOKUP_TABLE
    message["attrs"] = [("RTA_DST", text)]
    (answer,) = netlink.ask([encode(message, RTM_GETROUTE, 0)])
    if isinstance(answer, int):
        return None
    row = route_row(answer)
    return (row.hops[0].via, row.hops[0].dev, row.table) if row.hops else None

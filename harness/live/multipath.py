"""Routes of their own for the destinations that a multipath route sends one way or another.

The kernel spreads destinations over the ways by a hash with a secret of its own, so a copy
on another machine, or with other addresses, would send them elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6

from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from harness.kernel.netlink import RTM_GETROUTE, Netlink, encode, message
from harness.kernel.rows import route
from harness.live.said import Address, Data, Said
from harness.scenario.values import TABLES

_LOOKUP_TABLE = 0x1000  # RTM_F_LOOKUP_TABLE: say which table it was


def pinned(
    netlink: Netlink, routes: Sequence[Data], destinations: Sequence[str], names: dict[int, str]
) -> tuple[list[Data], list[Said]]:
    """The routes to add, and what is left out.

    Parameters: ``netlink`` a socket on the host; ``routes`` the scenario's so far;
    ``destinations`` plain addresses; ``names`` the interfaces by index. Raises OSError.
    """
    several = [each for each in routes if "nexthops" in each]
    found: dict[str, Data] = {}
    for text in destinations if several else ():
        answer = _way(netlink, text)
        if answer is None or text in found:
            continue
        gateway, dev, table = answer
        for each in several:
            if TABLES.get(each.get("table", "main"), each.get("table")) != table:
                continue
            if ip_address(text) not in ip_network(each["to"]):
                continue
            for hop in each["nexthops"]:
                if (hop.get("via"), hop["dev"]) == (gateway, names.get(dev)):
                    found[text] = {"to": str(ip_network(text))}
                    found[text] |= {w: hop[w] for w in ("via", "dev", "on-link") if w in hop}
                    found[text] |= {w: each[w] for w in ("from", "table") if w in each}
    said = (
        "which way of {} the kernel would send other destinations than those looked "
        "up, which have routes of their own here"
    )
    taken = {(each["to"], each.get("metric"), each.get("table")) for each in routes}
    more = [each for each in found.values() if (each["to"], None, each.get("table")) not in taken]
    return more, [Said(said, Address(each["to"])) for each in several]


def _way(netlink: Netlink, text: str) -> tuple[str | None, int, int] | None:
    """The gateway, interface and table the kernel takes for a destination."""
    address = ip_address(text)
    request = message(
        rtmsg,
        {"RTA_DST": text},
        family=AF_INET if address.version == 4 else AF_INET6,
        dst_len=address.max_prefixlen,
        flags=_LOOKUP_TABLE,
    )
    (answer,) = netlink.ask([encode(request, RTM_GETROUTE, 0)])
    row = None if isinstance(answer, int) else route(answer)
    return (row.hops[0].via, row.hops[0].dev, row.table) if row is not None and row.hops else None

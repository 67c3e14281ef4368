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

from .names import KERNEL_RULES

if TYPE_CHECKING:
    from typing import Any

    from .netlink import Netlink

_SELECTORS = (
    "FRA_SRC", "FRA_DST", "FRA_IIFNAME", "FRA_OIFNAME", "FRA_FWMARK", "FRA_IP_PROTO",
    "FRA_UID_RANGE", "FRA_SPORT_RANGE", "FRA_DPORT_RANGE", "FRA_L3MDEV", "FRA_GOTO",
)  # fmt: skip
_SRC_LEN = 18  # rtm_src_len, behind struct nlmsghdr


def source_decides(netlink: Netlink, version: int) -> bool:
    """Whether the route to a destination may depend on the source: on rules, or on routes.

    Parameters: ``netlink`` a socket in the host's network namespace; ``version`` 4 or 6.
    Raises OSError.
    """
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        rules = netlink.rules(family)
    except OSError:  # a kernel without rules, or without IPv6
        return False
    if any(not _is_kernels(rule, version) for rule in rules):
        return True
    return version == 6 and any(data[_SRC_LEN] for data in netlink.routes(family))


def _is_kernels(rule: Any, version: int) -> bool:
    known = (rule.get_attr("FRA_PRIORITY") or 0, rule.get_attr("FRA_TABLE") or rule["table"])
    return (
        known in KERNEL_RULES[version]
        and not rule["flags"]
        and all(rule.get_attr(name) is None for name in _SELECTORS)
    )


def connected(target: Target) -> Route:
    """What the connect() of a new UDP socket to a target gives. Raises nothing."""
    if isinstance(target.address, IPv4Address):
        return _connect(socket.AF_INET, (str(target.address), 0))
    return _connect(socket.AF_INET6, (str(target.address), 0, 0, target.scope_id))


def _connect(family: int, address: Any) -> Route:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect(address)
            text: str = sock.getsockname()[0]
    except OSError as problem:
        number = problem.errno or 0
        return Route(None, errno.errorcode.get(number, f"errno {number}"))
    return Route(ip_address(text.partition("%")[0]))

"""The host kubelet would run on, read as Go's net package and apimachinery read it."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from harness.kubelet.values import Interface, Net
from harness.model.host import IPAddress
from harness.sandbox.netlink import Netlink

_IFF_UP, _IFF_LOOPBACK, _IFF_POINTOPOINT = 0x1, 0x8, 0x10
_PROC = Path("/proc/net")


def read_net(netlink: Netlink) -> Net:
    """The interfaces and route files of the caller's network namespace. Only reads.

    Parameters: ``netlink`` a socket in that namespace. Raises OSError.
    """
    addresses: dict[int, list[IPAddress]] = {}
    for message in netlink.addresses():
        # Go takes IFA_LOCAL where there is one: on a point-to-point link the own end
        text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
        if text is not None:
            addresses.setdefault(message["index"], []).append(ip_address(text))
    interfaces = tuple(
        Interface(
            name=message.get_attr("IFLA_IFNAME"),
            addresses=tuple(addresses.get(message["index"], ())),
            up=bool(message["flags"] & _IFF_UP),
            loopback=bool(message["flags"] & _IFF_LOOPBACK),
            point_to_point=bool(message["flags"] & _IFF_POINTOPOINT),
        )
        for message in netlink.links()
    )
    return Net(interfaces, _text(_PROC / "route"), _text(_PROC / "ipv6_route"))


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None

"""The host kubelet would run on, read as Go's net package and apimachinery read it."""

from __future__ import annotations

from pathlib import Path

from harness.kernel.netlink import Netlink
from harness.kubelet.values import Interface, Net
from harness.model.host import IPAddress

_PROC = Path("/proc/net")


def read_net(netlink: Netlink) -> Net:
    """The interfaces and route files of the caller's network namespace. Only reads.

    Parameters: ``netlink`` a socket in that namespace. Raises OSError.
    """
    addresses: dict[int, list[IPAddress]] = {}
    for row in netlink.addresses():
        # Go takes IFA_LOCAL where there is one: on a point-to-point link the own end
        if row.local or row.address:
            addresses.setdefault(row.index, []).append(row.own)
    interfaces = tuple(
        Interface(
            name=link.name,
            addresses=tuple(addresses.get(link.index, ())),
            up=link.up,
            loopback=link.loopback,
            point_to_point=link.point_to_point,
        )
        for link in netlink.links()
    )
    return Net(interfaces, _text(_PROC / "route"), _text(_PROC / "ipv6_route"))


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None

"""Interfaces of every kind a scenario can name, from whatever this kernel offers.

Each kind has a row of makers, best first. A maker that the kernel does not know is skipped
and remembered for the rest of the process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # type: ignore[import-untyped]

from harness.kernel import netlink
from harness.model.host import ARPHRD_SIT, ARPHRD_TUNNEL, ARPHRD_TUNNEL6

from . import sysctls
from .errors import SandboxError, SandboxUnavailable
from .values import Device

IFF_UP = 0x1
IFF_NOARP = 0x80
IFF_MULTICAST = 0x1000
LOOPBACK_INDEX = 1
PEER_INDEX = 1_000_000
"""Hidden ends of veth pairs get this index plus their interface's, out of the way."""

AS_ETHERNET = frozenset(
    {
        "bridge", "bond", "vlan", "macvlan", "macvtap", "ipvlan", "veth", "dummy", "vxlan",
        "tun", "wireguard", "gre",
    }
)  # fmt: skip
"""Kinds made as an ethernet: rule 7 counts them as native, and the kernel chooses a source
by addresses and routes, not by what an interface is made of."""

_NEW = netlink.NLM_F_CREATE | netlink.NLM_F_EXCL
UNKNOWN_KIND = (errno.EOPNOTSUPP, errno.ENOTSUP)

# linux/if_tun.h; the direction bits of an ioctl number differ on three architectures
_WRITE = 0x80000000 if os.uname().machine.startswith(("ppc", "mips", "sparc")) else 0x40000000
_TUNSETIFF = _WRITE | 0x000454CA
_TUNSETLINK = _WRITE | 0x000454CD
_TUNSETIFINDEX = _WRITE | 0x000454DA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
TUN = "/dev/net/tun"


class _NotOffered(Exception):
    """This kernel cannot make this kind of device."""


def add_device(
    sock: netlink.Netlink,
    name: str,
    kind: str,
    index: int,
    data: dict[str, Any] | None = None,
    below: int | None = None,
) -> None:
    """Ask the kernel for a device of its ``kind``, on the device ``below`` if that needs one.

    Parameters: ``data`` the kind's own attributes, as pyroute2 takes them. Raises OSError.
    """
    info: list[Any] = [("IFLA_INFO_KIND", kind)]
    if data is not None:
        info.append(("IFLA_INFO_DATA", data))
    attrs = {"IFLA_IFNAME": name, "IFLA_LINKINFO": {"attrs": info}, "IFLA_LINK": below}
    sock.change(netlink.message(ifinfmsg, attrs, index=index), netlink.RTM_NEWLINK, _NEW)


def set_flags(sock: netlink.Netlink, index: int, flags: int, mask: int) -> None:
    """Set the ``mask`` bits of an interface's flags to ``flags``. Raises OSError."""
    message = netlink.message(ifinfmsg, index=index, flags=flags, change=mask)
    sock.change(message, netlink.RTM_NEWLINK)


def set_attribute(sock: netlink.Netlink, index: int, name: str, value: object) -> None:
    """Set an attribute of an interface: its name while it is down, its master. Raises OSError."""
    sock.change(netlink.message(ifinfmsg, {name: value}, index=index), netlink.RTM_NEWLINK)


@dataclass(slots=True)
class Workshop:
    """Makes devices in the caller's network namespace.

    Parameters: ``netlink`` a socket there; ``reserved`` names that hidden devices avoid.
    ``open_files`` are the descriptors that keep tun devices alive.
    """

    netlink: netlink.Netlink
    reserved: frozenset[str] = frozenset()
    open_files: list[int] = field(default_factory=list)

    def make(self, name: str, kind: str, index: int, table: int | None = None) -> Device:
        """Make one interface, down and without addresses.

        Parameters: ``name``; ``kind`` as a scenario has it; ``index`` its index; ``table``
        that of a vrf. Raises SandboxError for what the kernel refuses, SandboxUnavailable
        for a kind this machine cannot make.
        """
        row = "ethernet" if kind in AS_ETHERNET else kind
        makers = _MAKERS[row] if row != "vrf" else (("vrf", partial(_vrf, table or 0)),)
        for label, maker in makers:
            if label in _missing:
                continue
            try:
                maker(self, name, index)
            except _NotOffered:
                _missing.add(label)
            except OSError as problem:
                raise refused(f"host.interfaces.{name}", f"a {label} device", problem) from None
            else:
                return Device(name, kind, label.partition(" ")[0], index)
        raise SandboxUnavailable(*_UNAVAILABLE[row])

    def close(self) -> None:
        """Close what keeps the devices alive. Raises nothing."""
        while self.open_files:
            os.close(self.open_files.pop())

    def add(self, name: str, kind: str, index: int, *data: tuple[str, object]) -> None:
        """As `add_device`; raises _NotOffered for a kind this kernel does not know."""
        try:
            add_device(self.netlink, name, kind, index, {"attrs": [*data]} if data else None)
        except netlink.RefusedError as problem:
            if problem.errno in UNKNOWN_KIND:
                raise _NotOffered from None
            raise


def refused(place: str, what: str, problem: OSError) -> SandboxError:
    """The error for a field of a host that the kernel refuses."""
    return SandboxError(f"{place}: the kernel refused {what}: {problem.strerror}")


def _needs(kind: str, module: str) -> tuple[str, str]:
    return (
        f"an interface of kind {kind} needs the kernel module {module} or access to {TUN}",
        f"load it: modprobe {module}, or: modprobe tun && chmod 666 {TUN}",
    )


_UNAVAILABLE = {
    "vrf": ("an interface of kind vrf needs the kernel module vrf", "load it: modprobe vrf"),
    "ethernet": (
        "this kernel has none of the device types dummy, veth, ifb, bridge",
        "load one: modprobe dummy",
    ),
    "sit": _needs("sit", "sit"),
    "tunnel": _needs("tunnel", "ipip"),
    "tunnel6": _needs("tunnel6", "ip6_tunnel"),
}
Maker = Callable[[Workshop, str, int], None]
_missing: set[str] = set()


def _plain(kind: str, workshop: Workshop, name: str, index: int) -> None:
    workshop.add(name, kind, index)


def _veth(workshop: Workshop, name: str, index: int) -> None:
    hidden = PEER_INDEX + index
    number = index
    while (peer := f"peer{number}") in workshop.reserved:
        number += 1000
    end = {"index": hidden, "attrs": [("IFLA_IFNAME", peer)]}
    workshop.add(name, "veth", index, ("VETH_INFO_PEER", end))
    # without this the hidden end would get multicast routes of its own
    if sysctls.exists("net.ipv6.conf"):
        sysctls.write(f"net.ipv6.conf.{peer}.disable_ipv6", "1")
    set_flags(workshop.netlink, hidden, IFF_UP, IFF_UP)


def _tunnel(
    kind: str, attribute: str, remote: str, workshop: Workshop, name: str, index: int
) -> None:
    # a tunnel is known by its ends, so each gets another one
    workshop.add(name, kind, index, (attribute, remote.format(index % 250 + 1, index)))


def _tun(hardware: int, workshop: Workshop, name: str, index: int) -> None:
    try:
        tun = os.open(TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        raise _NotOffered from None
    workshop.open_files.append(tun)  # closing it would take the device away
    fcntl.ioctl(tun, _TUNSETIFINDEX, struct.pack("=I", index))
    request = struct.pack("=16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
    fcntl.ioctl(tun, _TUNSETIFF, request)
    fcntl.ioctl(tun, _TUNSETLINK, hardware)


def _vrf(table: int, workshop: Workshop, name: str, index: int) -> None:
    workshop.add(name, "vrf", index, ("VRF_TABLE", table))


_MAKERS: dict[str, tuple[tuple[str, Maker], ...]] = {
    "ethernet": (
        ("dummy", partial(_plain, "dummy")),
        ("veth", _veth),
        ("ifb", partial(_plain, "ifb")),
        ("bridge", partial(_plain, "bridge")),
    ),
    "sit": (
        ("sit", partial(_tunnel, "sit", "IFLA_SIT_REMOTE", "192.0.2.{0}")),
        ("tun (sit)", partial(_tun, ARPHRD_SIT)),
    ),
    "tunnel": (
        ("ipip", partial(_tunnel, "ipip", "IFLA_IPIP_REMOTE", "192.0.2.{0}")),
        ("tun (tunnel)", partial(_tun, ARPHRD_TUNNEL)),
    ),
    "tunnel6": (
        ("ip6tnl", partial(_tunnel, "ip6tnl", "IFLA_IP6TNL_REMOTE", "2001:db8::{1:x}")),
        ("tun (tunnel6)", partial(_tun, ARPHRD_TUNNEL6)),
    ),
}


def offered(workshop: Workshop, kind: str, index: int, below: Device) -> int:
    """Try to make a device of one of the kernel's own types.

    Parameters: ``workshop`` of a network namespace to throw away; ``kind`` as ip-link(8) has
    it; ``index`` a free one; ``below`` a device to put it on, for those that need one. Returns
    0 when it was made, else an errno: EOPNOTSUPP where the kernel has none. Raises nothing.
    """
    makers = dict(maker for row in _MAKERS.values() for maker in row)
    makers |= {"tun": partial(_tun, ARPHRD_TUNNEL), "vrf": partial(_vrf, 100)}
    on = below.index if kind in ("macvlan", "macvtap", "ipvlan") else None
    try:
        if kind in makers:
            makers[kind](workshop, f"try{index}", index)
        else:
            add_device(workshop.netlink, f"try{index}", kind, index, below=on)
    except _NotOffered:
        return errno.EOPNOTSUPP
    except OSError as problem:
        return problem.errno or errno.EIO
    return 0

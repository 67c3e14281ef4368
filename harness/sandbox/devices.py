"""Interfaces of every kind a scenario can name, from whatever this kernel offers."""

import errno
import fcntl
import os
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from itertools import count

from harness.kernel import messages, netlink, rows
from harness.kernel.messages import Attribute, number, packed, text
from harness.model.host import ARPHRD_SIT, ARPHRD_TUNNEL, ARPHRD_TUNNEL6

from . import sysctls
from .values import PEER_INDEX, Device, SandboxError, SandboxUnavailable

IFF_UP = 0x1
IFF_NOARP = 0x80
IFF_MULTICAST = 0x1000

AS_ETHERNET = frozenset(
    {
        "bridge", "bond", "vlan", "macvlan", "macvtap", "ipvlan", "veth", "dummy", "vxlan",
        "tun", "wireguard", "gre", "ppp",
    }
)  # fmt: skip
"""Kinds that may be made as an ethernet: rule 7 counts them as native, and the kernel chooses a
source by addresses and routes, not by what an interface is made of."""

TUN = "/dev/net/tun"
# the kernel's own types that can stand for each kind, best first
_CARDS = ("dummy", "veth", "ifb", "bridge")
_TYPES = {
    "ethernet": _CARDS,
    "tun": ("tun", *_CARDS),
    "wireguard": ("tun", *_CARDS),
    "gre": ("tun", *_CARDS),
    "ppp": ("tun", *_CARDS),
    "sit": ("sit", "tun"),
    "tunnel": ("ipip", "tun"),
    "tunnel6": ("ip6tnl", "tun"),
    "vrf": ("vrf",),
}
_UNAVAILABLE = {
    "vrf": ("an interface of kind vrf needs the kernel module vrf", "load it: modprobe vrf"),
    "ethernet": (
        "this kernel has none of the device types dummy, veth, ifb, bridge",
        "load one: modprobe dummy",
    ),
} | {
    kind: (
        f"an interface of kind {kind} needs the kernel module {module} or access to {TUN}",
        f"load it: modprobe {module}, or: modprobe tun && chmod 666 {TUN}",
    )
    for kind, module in (("sit", "sit"), ("tunnel", "ipip"), ("tunnel6", "ip6_tunnel"))
}
_missing: set[str] = set()  # types this kernel has refused before
_open: list[int] = []  # descriptors that devices live by
# a tunnel is known by its ends, so each gets another one
_REMOTE = {"sit": "192.0.2.{0}", "ipip": "192.0.2.{0}", "ip6tnl": "2001:db8::{1:x}"}
_ON_ANOTHER = ("macvlan", "macvtap", "ipvlan")

# linux/if_tun.h; the direction bits of an ioctl number differ on three architectures
_WRITE = 0x80000000 if os.uname().machine.startswith(("ppc", "mips", "sparc")) else 0x40000000
_TUNSETIFF = _WRITE | 0x000454CA
_TUNSETLINK = _WRITE | 0x000454CD
_TUNSETIFINDEX = _WRITE | 0x000454DA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_HARDWARE = {
    "sit": ARPHRD_SIT, "tunnel": ARPHRD_TUNNEL, "tunnel6": ARPHRD_TUNNEL6,
    "tun": 0xFFFE, "wireguard": 0xFFFE, "gre": 778, "ppp": 512,  # linux/if_arp.h: NONE, IPGRE
}  # fmt: skip


def refused(place: str, what: str, problem: OSError) -> SandboxError:
    """The error for ``what`` of a host's field that the kernel refuses."""
    return SandboxError(f"{place}: the kernel refused {what}: {problem.strerror}")


@contextmanager
def naming(*parts: tuple[str, str]) -> Iterator[None]:
    """Raise what the kernel refuses in the with block as `refused`.

    ``parts`` are the host's fields and what is asked for each, in the order of the requests.
    """
    try:
        yield
    except OSError as problem:
        raise refused(*parts[getattr(problem, "position", 0)], problem) from None


def add_device(
    sock: netlink.Netlink,
    name: str,
    kind: str,
    index: int,
    *data: Attribute,
    below: int | None = None,
) -> None:
    """Ask the kernel for a device, perhaps on one ``below``, with its kind's ``data``."""
    inner = (rows.IFLA_INFO_DATA, packed(*data) if data else None)
    info = (rows.IFLA_LINKINFO, packed((rows.IFLA_INFO_KIND, text(kind)), inner))
    on = (rows.IFLA_LINK, number(below))
    sock.add(messages.link(index, (rows.IFLA_IFNAME, text(name)), info, on))


def set_flags(sock: netlink.Netlink, index: int, flags: int, mask: int) -> None:
    """Set the ``mask`` bits of an interface's flags to ``flags``. Raises OSError."""
    sock.change(messages.link(index, flags=flags, change=mask))


def make(
    sock: netlink.Netlink,
    name: str,
    kind: str,
    index: int,
    table: int | None = None,
    reserved: Collection[str] = (),
) -> Device:
    """Make one interface of a scenario's ``kind``, down and without addresses.

    ``table`` is that of a vrf; ``reserved`` are names that hidden devices avoid. Raises
    SandboxError where the kernel refuses, SandboxUnavailable where it has no such kind.
    """
    row = kind if kind in _TYPES else "ethernet"
    for used in _TYPES[row]:
        if used in _missing:
            continue
        try:
            _make(sock, name, row, used, index, table, reserved)
        except OSError as problem:
            # /dev/net/tun may be there and refuse; a device of another type is as good then
            another = used == "tun" and used != _TYPES[row][-1]
            if problem.errno != errno.EOPNOTSUPP and not another:
                raise refused(f"host.interfaces.{name}", f"a {used} device", problem) from None
            _missing.add(used)
        else:
            return Device(name, used, index)
    raise SandboxUnavailable(*_UNAVAILABLE["ethernet" if kind in AS_ETHERNET else kind])


def _make(
    sock: netlink.Netlink,
    name: str,
    kind: str,
    used: str,
    index: int,
    table: int | None,
    reserved: Collection[str],
) -> None:
    """Make a device of the kernel's type ``used``; EOPNOTSUPP where it has none."""
    if used == "tun":
        _make_tun(name, index, _HARDWARE[kind])
    elif used == "veth":
        hidden = PEER_INDEX + index
        peer = next(p for n in count(index, 1000) if (p := f"peer{n}") not in reserved)
        end = messages.link_body(hidden, (rows.IFLA_IFNAME, text(peer)))
        add_device(sock, name, used, index, (rows.VETH_INFO_PEER, end))
        # without this the hidden end would get multicast routes of its own
        sysctls.write(f"net.ipv6.conf.{peer}.disable_ipv6", "1", optional=True)
        set_flags(sock, hidden, IFF_UP, IFF_UP)
    elif used in _REMOTE:
        remote = ip_address(_REMOTE[used].format(index % 250 + 1, index))
        add_device(sock, name, used, index, (rows.IFLA_IPTUN_REMOTE, remote.packed))
    elif used == "vrf":
        add_device(sock, name, used, index, (rows.IFLA_VRF_TABLE, number(table or 0)))
    else:
        add_device(sock, name, used, index)


def _make_tun(name: str, index: int, hardware: int) -> None:
    try:
        # closing it would take the device away: it is open as long as the host stands
        tun = os.open(TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP)) from None
    try:
        fcntl.ioctl(tun, _TUNSETIFINDEX, struct.pack("=I", index))
        fcntl.ioctl(tun, _TUNSETIFF, struct.pack("=16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
        fcntl.ioctl(tun, _TUNSETLINK, hardware)
    except OSError:
        os.close(tun)
        raise
    _open.append(tun)


def forget() -> None:
    """Let go of the devices of a host that is left behind."""
    while _open:
        os.close(_open.pop())


def offered(sock: netlink.Netlink, kind: str, index: int, below: Device) -> int:
    """Try to make a device of ip-link(8)'s ``kind``, perhaps on one ``below``.

    Returns 0 when it was made, else an errno: EOPNOTSUPP where the kernel has none.
    """
    try:
        if kind in _ON_ANOTHER:
            add_device(sock, f"try{index}", kind, index, below=below.index)
        else:
            _make(sock, f"try{index}", "tunnel", kind, index, 100, ())
    except OSError as problem:
        return problem.errno or errno.EIO
    return 0

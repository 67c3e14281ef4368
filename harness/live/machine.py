"""This host's gai.conf, services, kernel, its dumps and its settings, read only."""

import socket
from collections.abc import Collection, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, AF_INET6
from typing import Self

from harness.kernel.netlink import Netlink
from harness.kernel.observe import observe
from harness.kernel.rows import HOP_LINKDOWN, Hop, KernelAddress, KernelLink, KernelRoute
from harness.live.said import Said
from harness.model.host import HostView, Target
from harness.sandbox.values import PEER_INDEX
from harness.text.reading import setting

GAI_CONF = Path("/etc/gai.conf")
_ROOT = Path("/proc/sys/net")
_LINKDOWN = "ignore_routes_with_linkdown"
_WHOLE = (
    "ipv6.bindv6only", "ipv4.fib_multipath_hash_policy", "ipv6.fib_multipath_hash_policy",
    "ipv4.fib_multipath_use_neigh",
)  # fmt: skip
_EVERYWHERE = (
    "ipv4.ignore_routes_with_linkdown", "ipv4.route_localnet", "ipv6.ignore_routes_with_linkdown",
    "ipv6.use_oif_addrs_only", "ipv6.use_optimistic", "ipv6.forwarding",
)  # fmt: skip


def read_gai_conf() -> bytes | None:
    """The host's gai.conf, None where there is none or it cannot be read, as for glibc."""
    try:
        return GAI_CONF.read_bytes()
    except OSError:
        return None


def look(targets: Iterable[Target] = (), own: bool = False) -> HostView:
    """The host as its kernel describes it, with the ways to ``targets``; ``own``: and its own
    names. Raises OSError.
    """
    with closing(Netlink()) as netlink:
        return observe(netlink, targets, own)


def service_ports(service: str | None) -> dict[tuple[str, str], int]:
    """The host's ports of a service name, keyed (name, protocol): they tell of no order."""
    found = {}
    if service and not service.isdigit():
        for protocol in ("tcp", "udp", "dccp", "udplite", "sctp", "mptcp"):
            with suppress(OSError):
                found[service, protocol] = socket.getservbyname(service, protocol)
    return found


@dataclass(frozen=True, slots=True)
class Dumps:
    """What a kernel lists, without the hidden ends of a sandbox's veth pairs."""

    links: tuple[KernelLink, ...]
    addresses: tuple[KernelAddress, ...]
    routes: tuple[KernelRoute, ...]

    @classmethod
    def of(cls, netlink: Netlink) -> Self:
        """The dumps of the network namespace that ``netlink`` is in. Raises OSError."""
        links = (link for link in netlink.links() if link.index < PEER_INDEX or link.kind != "veth")
        addresses = (row for row in netlink.addresses() if row.local or row.address)
        routes = (*netlink.routes(AF_INET), *netlink.routes(AF_INET6))
        return cls(tuple(links), tuple(addresses), routes)

    @property
    def names(self) -> dict[int, str]:
        """The interfaces' names by index."""
        return {link.index: link.name for link in self.links}

    @property
    def routed(self) -> list[KernelAddress]:
        """The addresses for whose network the kernel would make a route."""
        up = {link.index for link in self.links if link.up}
        return [row for row in self.addresses if row.has_route and row.index in up]

    def ignored(self, row: KernelRoute, hop: Hop) -> bool:
        """Whether the kernel passes over a way because its interface has no carrier."""
        if not hop.flags & HOP_LINKDOWN:
            return False
        return ignores_linkdown(row.version, self.names.get(hop.dev, "all"))


class SettingsHidden(Exception):
    """A place without /proc, where nothing can be said of the kernel's settings."""

    exit_status = 3


def sysctls(names: Iterable[str], left_out: list[Said]) -> dict[str, str]:
    """The settings, of interfaces too, that differ from those a sandbox begins with.

    One this kernel does not have, or show, is passed over. Raises SettingsHidden without any.
    """
    found: dict[str, str] = {}
    if not _ROOT.is_dir():
        raise SettingsHidden(
            f"the kernel's settings cannot be read: there is no {_ROOT}; "
            "mount it: mount -t proc proc /proc"
        )

    def keep(*path: str, usual: Collection[str] = ("0",)) -> None:
        value = _read(*path)
        if value is not None and value not in usual:
            found[".".join(("net", *path))] = value

    for key in _WHOLE:
        keep(*key.split("."))
    off = _read("ipv6", "conf", "all", "disable_ipv6")
    if off is None:
        left_out.append(Said("the kernel has no IPv6 at all: in the copy it is switched off"))
        found["net.ipv6.conf.all.disable_ipv6"] = "1"
    elif off != "0":
        found["net.ipv6.conf.all.disable_ipv6"] = off
    usual = found.get("net.ipv6.conf.all.disable_ipv6", "0")
    for where in ("all", "lo", *names):
        for name in _EVERYWHERE:
            family, _, last = name.partition(".")
            of_all = found.get(f"net.{family}.conf.all.{last}")
            if of_all is None:
                keep(family, "conf", where, last)
            elif name == f"ipv6.{_LINKDOWN}" and where != "all":
                keep(family, "conf", where, last, usual=(of_all,))
        if where != "all":
            keep("ipv6", "conf", where, "disable_ipv6", usual=(usual,))
        if where not in ("all", "lo"):
            keep("ipv6", "conf", where, "use_tempaddr", usual=("0", "-1"))
    return found


def _read(*parts: str) -> str | None:
    return setting(_ROOT.joinpath(*parts))


def ignores_linkdown(version: int, name: str) -> bool:
    """Whether routes over an interface without carrier are ignored.

    For IPv4 "all" counts too; for IPv6 it is written into every interface, and each can be
    set back (the kernel's ip6_ignore_linkdown).
    """
    places = ("all", name) if version == 4 else (name,)
    return "1" in (_read(f"ipv{version}", "conf", where, _LINKDOWN) for where in places)

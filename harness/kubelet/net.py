"""The node's network as Go and kubelet read it, and the address behind its default route.

Source: kubernetes/kubernetes, staging/src/k8s.io/apimachinery/pkg/util/net/interface.go.
It reads /proc/net/route and /proc/net/ipv6_route, not netlink, and looks at less than the
kernel does: a route is a default route when its destination is all zeros, whatever its prefix
length and metric, the first line wins, and an IPv6 default route without a gateway is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from harness.model.host import IPAddress

KubeletVersion = tuple[int, int]
LOOPBACK_SINCE: KubeletVersion = (1, 21)
"""kubernetes/kubernetes#95790: a default route over an interface without a global address."""
_BROADCAST = IPv4Address("255.255.255.255")


@dataclass(frozen=True, slots=True)
class NodeInterface:
    """One interface as Go's net package sees it; ``addresses`` in the order of the dump."""

    name: str
    addresses: tuple[IPAddress, ...]
    up: bool = True
    loopback: bool = False
    point_to_point: bool = False


@dataclass(frozen=True, slots=True)
class Net:
    """The host's interfaces and its route files (proc(5)), None where there is no such file.

    ``ipv4_routes`` is /proc/net/route, ``ipv6_routes`` /proc/net/ipv6_route, each as text.
    """

    interfaces: tuple[NodeInterface, ...]
    ipv4_routes: str | None = ""
    ipv6_routes: str | None = ""

    @property
    def addresses(self) -> frozenset[IPAddress]:
        """Every address of every interface, up or down."""
        return frozenset(address for one in self.interfaces for address in one.addresses)


def parse_ip(text: str) -> IPAddress | None:
    """Read an address as kubelet does, or None.

    Leading zeros are decimal (k8s.io/utils/net ParseIPSloppy; every Go did so before 1.17),
    an IPv4-mapped address is the IPv4 address, a zone is refused.
    """
    parts = text.split(".")
    if len(parts) == 4 and all(p.isascii() and p.isdigit() and len(p) <= 64 for p in parts):
        numbers = [int(part) for part in parts]
        if max(numbers) > 255:
            return None
        return IPv4Address(bytes(numbers))
    if "%" in text:
        return None
    try:
        return plain(IPv6Address(text))
    except ValueError:
        return None


def plain(address: IPAddress) -> IPAddress:
    """The address without the ::ffff:0:0/96 around an IPv4 address, as Go's To4 takes it off."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_global_unicast(address: IPAddress) -> bool:
    """Go's IsGlobalUnicast, which private addresses satisfy too."""
    return address != _BROADCAST and unusable(address) is None


def unusable(address: IPAddress) -> str | None:
    """The first kind kubelet's check of a node IP refuses, in its order; None for a good one."""
    kinds = {
        "a loopback address": address.is_loopback,
        "a multicast address": address.is_multicast,
        "a link-local address": address.is_link_local,
        "the unspecified address": address.is_unspecified,
    }
    return next((kind for kind, holds in kinds.items() if holds), None)


class NoAddressError(Exception):
    """No address can be chosen; the argument says why."""


def default_routes(net: Net) -> list[tuple[int, str]]:
    """Family and interface of the default routes in the order of the files, IPv4 first.

    Raises NoAddressError for a line kubelet would not understand.
    """
    try:
        return [
            *(
                (4, fields[0])
                for fields in _lines(net.ipv4_routes)
                if fields[0] != "Iface" and not int(IPv4Address(bytes.fromhex(fields[1])))
            ),
            *(
                (6, fields[9])
                for fields in _lines(net.ipv6_routes)
                if not int(IPv6Address(bytes.fromhex(fields[0])))
                and int(IPv6Address(bytes.fromhex(fields[4])))
            ),
        ]
    except (ValueError, IndexError):
        raise NoAddressError("a route file has a line of another form") from None


def _lines(text: str | None) -> Iterable[list[str]]:
    return (line.split() for line in (text or "").splitlines() if line.strip())


def choose(net: Net, families: tuple[int, int], version: KubeletVersion) -> tuple[IPAddress, str]:
    """The address ResolveBindAddress finds, and where it was found.

    Parameters: ``families`` (4, 6) or (6, 4), the preferred one first. Raises NoAddressError.
    """
    if net.ipv4_routes is None:
        return _any_interface(net, families)
    routes = default_routes(net)
    if not routes:
        raise NoAddressError("there is no default route")
    by_name = {one.name: one for one in net.interfaces}
    for family in families:
        for name in (name for version_of, name in routes if version_of == family):
            if name not in by_name:
                raise NoAddressError(f"the default route's interface {name} is unknown")
            found = _first_global(by_name[name], family)
            if found is not None:
                why = f"the first global IPv{family} address of {name}, which has the default route"
                return found, why
            others = net.interfaces if version >= LOOPBACK_SINCE else ()
            for other in others:
                found = _first_global(other, family) if other.loopback else None
                if found is not None:
                    return found, (
                        f"{name} has the default route but no global IPv{family} address: "
                        f"the first one of {other.name}"
                    )
    raise NoAddressError("no interface with a default route has a global address")


def _any_interface(net: Net, families: tuple[int, int]) -> tuple[IPAddress, str]:
    usable = [one for one in net.interfaces if not one.loopback and not one.point_to_point]
    for family in families:
        for one in usable:
            found = _first_global(one, family)
            if found is not None:
                return found, (
                    f"there is no /proc/net/route: the first global IPv{family} address, "
                    f"on {one.name}"
                )
    raise NoAddressError("no interface has a global address")


def _first_global(interface: NodeInterface, family: int) -> IPAddress | None:
    """Its first global address of a family; None where it has none or is down."""
    addresses = interface.addresses if interface.up else ()
    usable = (one for one in addresses if one.version == family and is_global_unicast(one))
    return next(usable, None)

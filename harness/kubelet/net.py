"""The node's network as Go and kubelet read it, and the address behind its default route.

Source: kubernetes/kubernetes, staging/src/k8s.io/apimachinery/pkg/util/net/interface.go.
It reads /proc/net/route and /proc/net/ipv6_route, not netlink, and looks at less than the
kernel does: a route is a default route when its destination is all zeros, whatever its prefix
length and metric, the first line wins, and an IPv6 default route without a gateway is none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from harness.model.golang_names import literal
from harness.model.golang_rows import behaviour
from harness.model.host import IPAddress

KubeletVersion = tuple[int, int]
LOOPBACK_SINCE: KubeletVersion = (1, 21)
"""kubernetes/kubernetes#95790: a default route over an interface without a global address."""
_BROADCAST = IPv4Address("255.255.255.255")
_SLOPPY = behaviour("1.16")


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
    found = None if "%" in text else literal(text, {}, _SLOPPY)
    return None if found is None else found.address


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
        ipv4 = [
            (4, fields[0])
            for fields in map(str.split, (net.ipv4_routes or "").splitlines())
            if fields and fields[0] != "Iface" and _is_zero(fields[1], 4)
        ]
        ipv6 = [
            (6, fields[9])
            for fields in map(str.split, (net.ipv6_routes or "").splitlines())
            if fields and _is_zero(fields[0], 16) and not _is_zero(fields[4], 16)
        ]
    except (ValueError, IndexError):
        raise NoAddressError("a route file has a line of another form") from None
    return ipv4 + ipv6


def _is_zero(text: str, size: int) -> bool:
    address = bytes.fromhex(text)
    if len(address) != size:
        raise ValueError(text)
    return not any(address)


def choose(net: Net, families: tuple[int, int], version: KubeletVersion) -> tuple[IPAddress, str]:
    """The address ResolveBindAddress finds, and where it was found.

    Parameters: ``families`` (4, 6) or (6, 4), the preferred one first. Raises NoAddressError.
    """
    if net.ipv4_routes is not None and not default_routes(net):
        raise NoAddressError("there is no default route")
    for family in families:
        for interface, why in _interfaces(net, family, version):
            for one in interface.addresses if interface.up else ():
                # Go's IsGlobalUnicast, which private addresses satisfy too
                if one.version == family and one != _BROADCAST and unusable(one) is None:
                    return one, f"the first global IPv{family} address {why}"
    which = "" if net.ipv4_routes is None else " with a default route"
    raise NoAddressError(f"no interface{which} has a global address")


def _interfaces(
    net: Net, family: int, version: KubeletVersion
) -> Iterator[tuple[NodeInterface, str]]:
    """Where a global address is looked for, in kubelet's order, and in words."""
    if net.ipv4_routes is None:
        for one in net.interfaces:
            if not one.loopback and not one.point_to_point:
                yield one, f"of {one.name}: there is no /proc/net/route"
        return
    by_name = {one.name: one for one in net.interfaces}
    for name in (name for version_of, name in default_routes(net) if version_of == family):
        if name not in by_name:
            raise NoAddressError(f"the default route's interface {name} is unknown")
        yield by_name[name], f"of {name}, which has the default route"
        if version >= LOOPBACK_SINCE:
            for one in net.interfaces:
                if one.loopback:
                    yield one, f"of {one.name}: {name} has the default route, but none"

"""The address of the interface with the default route, as apimachinery chooses it.

Source: kubernetes/kubernetes, staging/src/k8s.io/apimachinery/pkg/util/net/interface.go.
It reads /proc/net/route and /proc/net/ipv6_route, not netlink, and looks at less than the
kernel does: a route is a default route when its destination is all zeros, whatever its prefix
length and metric, the first line wins, and an IPv6 default route without a gateway is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from harness.kubelet.addresses import is_global_unicast
from harness.kubelet.values import Interface, Net, Version
from harness.model.host import IPAddress

LOOPBACK_SINCE: Version = (1, 21)
"""kubernetes/kubernetes#95790: a default route over an interface without a global address."""


class NoAddressError(Exception):
    """No address can be chosen; the argument says why."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The address chosen and where it was found."""

    address: IPAddress
    why: str


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """A line of a route file that counts as a default route."""

    family: int
    interface: str


def default_routes(net: Net) -> tuple[DefaultRoute, ...]:
    """The default routes in the order of the files, IPv4 first.

    Raises NoAddressError for a line kubelet would not understand.
    """
    try:
        return (
            *(
                DefaultRoute(4, fields[0])
                for fields in _lines(net.ipv4_routes)
                if fields[0] != "Iface" and int(IPv4Address(bytes.fromhex(fields[1]))) == 0
            ),
            *(
                DefaultRoute(6, fields[9])
                for fields in _lines(net.ipv6_routes)
                if int(IPv6Address(bytes.fromhex(fields[0]))) == 0
                and int(IPv6Address(bytes.fromhex(fields[4]))) != 0
            ),
        )
    except (ValueError, IndexError):
        raise NoAddressError("a route file has a line of another form") from None


def _lines(text: str | None) -> Iterable[list[str]]:
    return (line.split() for line in (text or "").splitlines() if line.strip())


def choose(net: Net, families: tuple[int, int], version: Version) -> Choice:
    """The address ResolveBindAddress finds.

    Parameters: ``families`` (4, 6) or (6, 4), the preferred one first. Raises NoAddressError.
    """
    if net.ipv4_routes is None:
        return _any_interface(net, families)
    routes = default_routes(net)
    if not routes:
        raise NoAddressError("there is no default route")
    by_name = {one.name: one for one in net.interfaces}
    for family in families:
        for route in routes:
            if route.family != family:
                continue
            interface = by_name.get(route.interface)
            if interface is None:
                raise NoAddressError(f"the default route's interface {route.interface} is unknown")
            found = _first_global(interface, family) if interface.up else None
            if found is not None:
                return Choice(
                    found,
                    f"the first global IPv{family} address of {interface.name}, "
                    "which has the default route",
                )
            if version >= LOOPBACK_SINCE:
                for other in net.interfaces:
                    found = _first_global(other, family) if other.up and other.loopback else None
                    if found is not None:
                        return Choice(
                            found,
                            f"{interface.name} has the default route but no global IPv{family} "
                            f"address: the first one of {other.name}",
                        )
    raise NoAddressError("no interface with a default route has a global address")


def _any_interface(net: Net, families: tuple[int, int]) -> Choice:
    for family in families:
        for one in net.interfaces:
            if not one.up or one.loopback or one.point_to_point:
                continue
            found = _first_global(one, family)
            if found is not None:
                return Choice(
                    found,
                    f"there is no /proc/net/route: the first global IPv{family} address, "
                    f"on {one.name}",
                )
    raise NoAddressError("no interface has a global address")


def _first_global(interface: Interface, family: int) -> IPAddress | None:
    for address in interface.addresses:
        if address.version == family and is_global_unicast(address):
            return address
    return None

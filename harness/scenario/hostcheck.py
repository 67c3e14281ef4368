"""Checks of a host that span several fields: what its kernel would refuse, said beforehand."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from typing import TYPE_CHECKING

from .errors import bad
from .values import IPNetwork

if TYPE_CHECKING:
    from .schema import Host, Interface, RouteSpec


def check_host(host: Host) -> None:
    """Check a host whose parts are valid by themselves.

    Parameters: ``host``. Raises the error of `errors.bad` for the first fault.
    """
    for name, interface in host.interfaces.items():
        _check_interface(name, interface)
    for position, route in enumerate(host.routes):
        _check_route(host, position, route)


def _check_interface(name: str, interface: Interface) -> None:
    seen: set[str] = set()
    for position, address in enumerate(interface.addresses):
        at = ("interfaces", name, "addresses", position)
        if address.label is not None and not (
            address.label == name or address.label.startswith(f"{name}:")
        ):
            raise bad(
                f'a label that begins with the interface name: "{name}" or "{name}:…"',
                address.label,
                at=(*at, "label"),
            )
        # the kernel takes one IPv4 address twice with different lengths, IPv6 never
        key = address.address if address.ip.version == 4 else str(address.ip)
        if key in seen:
            raise bad("each address once on an interface", address.address, at=at)
        seen.add(key)


def _check_route(host: Host, position: int, route: RouteSpec) -> None:
    at = ("routes", position)
    if route.type != "unicast":
        for field, value in (("via", route.via), ("dev", route.dev)):
            if value is not None:
                raise bad(f"no {field} in a route of type {route.type}", value, at=(*at, field))
    elif route.via is None and route.dev is None:
        raise bad("a gateway (via), an interface (dev) or a type such as unreachable", at=at)
    if route.to == "default" and route.via is None and route.from_ is None:
        raise bad(
            '"0.0.0.0/0" or "::/0": "default" takes its family from via or from, '
            "and this route has neither",
            route.to,
            at=(*at, "to"),
        )
    version = route.network.version
    for field, value in (("via", route.via), ("from", route.from_)):
        if value is not None and ip_address(value).version != version:
            raise bad(f"an IPv{version} address, as the route's", value, at=(*at, field))
    if route.dev is not None and route.dev != "lo" and route.dev not in host.interfaces:
        known = ", ".join([*host.interfaces, "lo"])
        raise bad(f"an interface of the host ({known})", route.dev, at=(*at, "dev"))
    if route.from_ is not None and not _is_own(host, route.from_):
        raise bad("an address of the host as preferred source", route.from_, at=(*at, "from"))
    if route.on_link and (route.via is None or route.dev is None):
        raise bad("on-link only with via and dev", "true", at=(*at, "on-link"))
    if route.via is not None and not route.on_link and not _on_link(host, position, route):
        raise bad(
            "a gateway in a network of the host's interfaces, or dev and on-link: true",
            route.via,
            at=(*at, "via"),
        )
    for earlier in host.routes[:position]:
        if (earlier.network, earlier.metric or 0) == (route.network, route.metric or 0):
            raise bad("each route once: another metric for a second one", route.to, at=(*at, "to"))


def _is_own(host: Host, text: str) -> bool:
    wanted = ip_address(text)
    return wanted.is_loopback or any(
        address.ip == wanted
        for interface in host.interfaces.values()
        for address in interface.addresses
    )


def _on_link(host: Host, position: int, route: RouteSpec) -> bool:
    """Whether the kernel would find the gateway directly reachable when it adds the route."""
    assert route.via is not None
    gateway = ip_address(route.via)
    if gateway.version == 6 and gateway.is_link_local:
        return route.dev is not None  # fe80::/64 is on every link that has an address
    networks: list[IPNetwork] = [
        ip_interface(address.peer or address.address).network
        for name, interface in host.interfaces.items()
        if route.dev in (None, name)
        for address in interface.addresses
    ]
    networks += [
        earlier.network
        for earlier in host.routes[:position]
        if earlier.via is None and earlier.dev is not None and route.dev in (None, earlier.dev)
    ]
    return any(gateway in network for network in networks)

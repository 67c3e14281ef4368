"""Checks of a host that span several fields: what its kernel would refuse, said beforehand."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING

from . import sysctls
from .errors import bad
from .values import IPNetwork

if TYPE_CHECKING:
    from .hostspec import Host, Interface, NextHop, RouteSpec


def check_host(host: Host) -> None:
    """Check a host whose parts are valid by themselves.

    Parameters: ``host``. Raises the error of `errors.bad` for the first fault.
    """
    for name, interface in host.interfaces.items():
        _check_interface(name, interface)
        _check_vrf(host, name, interface)
    for position, route in enumerate(host.routes):
        _check_route(host, position, route)
    for position, rule in enumerate(host.rules):
        at = ("rules", position)
        for field in ("iif", "oif"):
            _check_dev(host, getattr(rule, field), (*at, field))
    for position, row in enumerate(host.addrlabels or ()):
        _check_dev(host, row.dev, ("addrlabels", position, "dev"))
    for key in host.sysctls:
        sysctls.check(key, host.interfaces, ("sysctls", key))


def _check_dev(host: Host, dev: str | None, at: tuple[str | int, ...]) -> None:
    if dev is not None and dev != "lo" and dev not in host.interfaces:
        known = ", ".join([*host.interfaces, *(() if "lo" in host.interfaces else ("lo",))])
        raise bad(f"an interface of the host ({known})", dev, at=at)


def _check_vrf(host: Host, name: str, interface: Interface) -> None:
    for position, member in enumerate(interface.interfaces):
        at = ("interfaces", name, "interfaces", position)
        if member not in host.interfaces or host.interfaces[member].kind == "vrf":
            raise bad("an interface of the host that is no vrf", member, at=at)
        others = [
            other
            for other, each in host.interfaces.items()
            if other != name and member in each.interfaces
        ]
        if others:
            raise bad(f"an interface that is not in {others[0]} already", member, at=at)


def _check_interface(name: str, interface: Interface) -> None:
    if name == "lo":
        if interface.kind != "ethernet" or not interface.up:
            raise bad("addresses only: lo is always there and up", at=("interfaces", name))
        for position, address in enumerate(interface.addresses):
            if str(address.ip) in ("127.0.0.1", "::1"):
                at = ("interfaces", name, "addresses", position)
                raise bad("another address than lo has anyway", address.address, at=at)
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


_TO_A_DEVICE = ("unicast", "local", "broadcast", "anycast", "multicast")


def _check_route(host: Host, position: int, route: RouteSpec) -> None:
    at = ("routes", position)
    ways = (("via", route.via), ("dev", route.dev), ("nexthops", route.nexthops or None))
    for field, value in ways:
        if value is not None and route.type not in _TO_A_DEVICE:
            raise bad(f"no {field} in a route of type {route.type}", value, at=(*at, field))
        if value is not None and field != "dev" and route.type not in ("unicast", "multicast"):
            raise bad(f"only dev in a route of type {route.type}", value, at=(*at, field))
    if route.type in _TO_A_DEVICE and all(value is None for _, value in ways):
        raise bad("a gateway (via), an interface (dev) or a type such as unreachable", at=at)
    if route.nexthops and (route.via is not None or route.dev is not None):
        raise bad("either nexthops or via and dev", "both", at=(*at, "nexthops"))
    _check_family(position, route)
    hops: list[RouteSpec | NextHop] = [*route.nexthops] or [route]
    for number, hop in enumerate(hops):
        where = (*at, "nexthops", number) if route.nexthops else at
        _check_hop(host, position, route, hop, where)
    if route.from_ is not None and not _is_own(host, position, route.from_):
        raise bad("an address of the host as preferred source", route.from_, at=(*at, "from"))
    for earlier in host.routes[:position]:
        if _key(earlier) == _key(route):
            raise bad("each route once: another metric for a second one", route.to, at=(*at, "to"))


def _key(route: RouteSpec) -> tuple[object, ...]:
    return route.network, route.metric or 0, route.table, route.source


def _check_family(position: int, route: RouteSpec) -> None:
    at = ("routes", position)
    hints = (route.via, route.from_, route.source, *(hop.via for hop in route.nexthops))
    if route.to == "default" and not any(hints):
        raise bad(
            '"0.0.0.0/0" or "::/0": "default" takes its family from via or from, '
            "and this route has neither",
            route.to,
            at=(*at, "to"),
        )
    version = route.network.version
    if route.from_ is not None and ip_address(route.from_).version != version:
        raise bad(f"an IPv{version} address, as the route's", route.from_, at=(*at, "from"))
    if route.source is not None and (version == 4 or ip_network(route.source).version == 4):
        raise bad("an IPv6 prefix in an IPv6 route", route.source, at=(*at, "source"))
    for field, value, owner in (("scope", route.scope, 4), ("pref", route.pref, 6)):
        if value is not None and version != owner:
            raise bad(f"no {field}: only IPv{owner} routes have one", value, at=(*at, field))


def _check_hop(
    host: Host,
    position: int,
    route: RouteSpec,
    hop: RouteSpec | NextHop,
    at: tuple[str | int, ...],
) -> None:
    if route.nexthops and hop.via is None and hop.dev is None:
        raise bad("a gateway (via) or an interface (dev)", at=at)
    version = route.network.version
    if hop.via is not None and ip_address(hop.via).version != version:
        raise bad(f"an IPv{version} address, as the route's", hop.via, at=(*at, "via"))
    _check_dev(host, hop.dev, (*at, "dev"))
    if hop.on_link and (hop.via is None or hop.dev is None):
        raise bad("on-link only with via and dev", "true", at=(*at, "on-link"))
    if hop.via is not None and not hop.on_link and not on_link(host, position, hop.via, hop.dev):
        raise bad(
            "a gateway in a network of the host's interfaces, or dev and on-link: true",
            hop.via,
            at=(*at, "via"),
        )


def _is_own(host: Host, position: int, text: str) -> bool:
    wanted = ip_address(text)
    return (
        wanted.is_loopback
        or any(
            address.ip == wanted
            for interface in host.interfaces.values()
            for address in interface.addresses
        )
        or any(
            route.type == "local" and wanted in route.network for route in host.routes[:position]
        )
    )


def on_link(host: Host, position: int, via: str, dev: str | None) -> bool:
    """Whether the kernel would find a gateway directly reachable when it adds a route.

    Parameters: ``host``; ``position`` that of the route in ``host.routes``; ``via`` and
    ``dev`` the route's. Raises nothing.
    """
    gateway = ip_address(via)
    if gateway.version == 6 and gateway.is_link_local:
        return dev is not None  # fe80::/64 is on every link that has an address
    networks: list[IPNetwork] = [
        ip_interface(address.peer or address.address).network
        for name, interface in host.interfaces.items()
        if dev in (None, name) and interface.up
        for address in interface.addresses
        if "noprefixroute" not in address.flags
    ]
    networks += [
        earlier.network
        for earlier in host.routes[:position]
        if earlier.via is None and earlier.dev is not None and dev in (None, earlier.dev)
    ]
    return any(gateway in network for network in networks)

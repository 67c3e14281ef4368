"""A whole host, and the checks that span its parts: what its kernel would refuse."""

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from harness.model.host import IPAddress
from harness.text.errors import some
from harness.text.validation import bad

from .hostspec import AddressLabel, Interface, NextHop, RouteSpec, RoutingRule
from .sysctls import JSON_SCHEMA, check_sysctl
from .values import (
    IFNAMSIZ,
    FrozenDict,
    IPNetwork,
    Model,
    Place,
    Setting,
    Text,
    Truth,
    as_interface,
)

HOSTNAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")


def _check_names(interfaces: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in interfaces:
        if name in (".", "..", "all", "default"):
            raise bad("an interface name the kernel does not use for something else", name)
        if not 0 < len(name) < IFNAMSIZ:
            raise bad(f"an interface name of 1 to {IFNAMSIZ - 1} characters", name)
        if not all("!" <= c <= "~" for c in name) or set(name) & set("/:%"):
            free = "slash, colon, percent, space"
            raise bad(f"an interface name of printable ASCII without {free}", name)
    return FrozenDict(interfaces)


class Host(Model):
    """The host on which the look-ups are made; ``lo`` is always there.

    ``rules`` come beside the kernel's own (0 local, 32766 main, 32767 default), which
    ``default_rules: false`` takes away. ``addrlabels``, where it is given, is the whole table.
    """

    hostname: Annotated[Text, Field(pattern=f"^{HOSTNAME.pattern}$")] = "sandbox"
    interfaces: Annotated[
        Mapping[Text, Interface], Field(max_length=4096), AfterValidator(_check_names)
    ] = Field(default_factory=FrozenDict)
    routes: Annotated[tuple[RouteSpec, ...], Field(max_length=4096)] = ()
    rules: Annotated[tuple[RoutingRule, ...], Field(max_length=1024)] = ()
    default_rules: Truth = True
    addrlabels: Annotated[tuple[AddressLabel, ...], Field(max_length=256)] | None = None
    sysctls: Annotated[
        Mapping[Text, Setting],
        Field(max_length=16384, json_schema_extra={"propertyNames": JSON_SCHEMA}),
        AfterValidator(FrozenDict),
    ] = Field(default_factory=FrozenDict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        vrf_of: dict[str, str] = {}
        for name, interface in self.interfaces.items():
            _check_interface(name, interface)
            _check_vrf(self, name, interface, vrf_of)
        routing = _Routing(self)
        for position, route in enumerate(self.routes):
            _check_route(self, route, ("routes", position), routing)
        for position, rule in enumerate(self.rules):
            _check_dev(self, rule.iif, ("rules", position, "iif"))
            _check_dev(self, rule.oif, ("rules", position, "oif"))
        for position, row in enumerate(self.addrlabels or ()):
            _check_dev(self, row.dev, ("addrlabels", position, "dev"))
        for key in self.sysctls:
            check_sysctl(key, self.interfaces, ("sysctls", key))
        return self


_ANY_LINK, _OWN = "/link", "/own"  # no interface has such a name


class _Routing:
    """What the kernel knows when it takes a route: the host's addresses and the earlier routes."""

    def __init__(self, host: Host) -> None:
        self._lengths: set[tuple[int, int]] = set()
        self._networks: set[tuple[str, int, int, int]] = set()
        self._routes: set[object] = set()
        for name, interface in host.interfaces.items():
            for address in interface.addresses:
                self._add(ip_network(address.ip), _OWN)
                if interface.up and "noprefixroute" not in address.flags:
                    link = as_interface(address.peer or address.address).network
                    self._add(link, name, _ANY_LINK)

    def _add(self, network: IPNetwork, *owners: str) -> None:
        version, length = network.version, network.prefixlen
        start = int(network.network_address) >> network.max_prefixlen - length
        self._lengths.add((version, length))
        self._networks |= {(owner, version, length, start) for owner in owners}

    def _has(self, owner: str, address: IPAddress) -> bool:
        value, bits = int(address), address.max_prefixlen
        return any(
            (owner, version, length, value >> bits - length) in self._networks
            for version, length in self._lengths
            if version == address.version
        )

    def add_route(self, route: RouteSpec) -> bool:
        """Whether the route is new: no earlier one has its place."""
        network, known = route.network, len(self._routes)
        self._routes.add((network, route.metric or 0, route.table, route.source))
        if route.via is None and route.dev is not None:
            self._add(network, route.dev, _ANY_LINK)
        if route.type == "local":
            self._add(network, _OWN)
        return len(self._routes) > known

    def is_own(self, text: str) -> bool:
        wanted = ip_address(text)
        return wanted.is_loopback or self._has(_OWN, wanted)

    def on_link(self, via: str, dev: str | None) -> bool:
        """Whether the kernel would find a gateway directly reachable."""
        gateway = ip_address(via)
        if gateway.version == 6 and gateway.is_link_local:
            return dev is not None  # fe80::/64 is on every link that has an address
        return self._has(dev or _ANY_LINK, gateway)


def _check_dev(host: Host, dev: str | None, at: Place) -> None:
    if dev is not None and dev != "lo" and dev not in host.interfaces:
        known = some([*{**host.interfaces, "lo": None}])
        raise bad(f"an interface of the host ({known})", dev, at=at)


def _check_vrf(host: Host, name: str, interface: Interface, vrf_of: dict[str, str]) -> None:
    for position, member in enumerate(interface.interfaces):
        at = ("interfaces", name, "interfaces", position)
        if member not in host.interfaces or host.interfaces[member].kind == "vrf":
            raise bad("an interface of the host that is no vrf", member, at=at)
        if member in vrf_of:
            raise bad(f"an interface that is not in {vrf_of[member]} already", member, at=at)
        vrf_of[member] = name


def _check_interface(name: str, interface: Interface) -> None:
    if name == "lo" and (interface.kind != "ethernet" or not interface.up):
        raise bad("addresses only: lo is always there and up", at=("interfaces", name))
    seen: set[str] = set()
    for position, address in enumerate(interface.addresses):
        at = ("interfaces", name, "addresses", position)
        if name == "lo" and str(address.ip) in ("127.0.0.1", "::1"):
            raise bad("another address than lo has anyway", address.address, at=at)
        if address.label is not None and address.label.partition(":")[0] != name:
            wanted = f'a label that begins with the interface name: "{name}" or "{name}:…"'
            raise bad(wanted, address.label, at=(*at, "label"))
        # the kernel takes one IPv4 address twice with different lengths, IPv6 never
        key = address.address if address.ip.version == 4 else str(address.ip)
        if key in seen:
            raise bad("each address once on an interface", address.address, at=at)
        seen.add(key)


_TO_A_DEVICE = ("unicast", "local", "broadcast", "anycast", "multicast")


def _check_route(host: Host, route: RouteSpec, at: Place, routing: _Routing) -> None:
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
    _check_family(route, at)
    for number, hop in enumerate(route.nexthops):
        if hop.via is None and hop.dev is None:
            raise bad("a gateway (via) or an interface (dev)", at=(*at, "nexthops", number))
        _check_hop(host, route.network.version, hop, (*at, "nexthops", number), routing)
    if not route.nexthops:
        _check_hop(host, route.network.version, route, at, routing)
    if route.from_ is not None and not routing.is_own(route.from_):
        raise bad("an address of the host as preferred source", route.from_, at=(*at, "from"))
    if not routing.add_route(route):
        raise bad("each route once: another metric for a second one", route.to, at=(*at, "to"))


def _check_family(route: RouteSpec, at: Place) -> None:
    if route.to == "default" and not route.family_hints:
        why = '"default" takes its family from via or from, and this route has neither'
        raise bad(f'"0.0.0.0/0" or "::/0": {why}', route.to, at=(*at, "to"))
    version = route.network.version
    if route.from_ is not None and ip_address(route.from_).version != version:
        raise bad(f"an IPv{version} address, as the route's", route.from_, at=(*at, "from"))
    if route.source is not None and (version == 4 or ip_network(route.source).version == 4):
        raise bad("an IPv6 prefix in an IPv6 route", route.source, at=(*at, "source"))
    for field, value, owner in (("scope", route.scope, 4), ("pref", route.pref, 6)):
        if value is not None and version != owner:
            raise bad(f"no {field}: only IPv{owner} routes have one", value, at=(*at, field))


def _check_hop(
    host: Host, version: int, hop: RouteSpec | NextHop, at: Place, routing: _Routing
) -> None:
    if hop.via is not None and ip_address(hop.via).version != version:
        raise bad(f"an IPv{version} address, as the route's", hop.via, at=(*at, "via"))
    _check_dev(host, hop.dev, (*at, "dev"))
    if hop.on_link and (hop.via is None or hop.dev is None):
        raise bad("on-link only with via and dev", "true", at=(*at, "on-link"))
    if hop.via is not None and not hop.on_link and not routing.on_link(hop.via, hop.dev):
        wanted = "a gateway in a network of the host's interfaces, or dev and on-link: true"
        raise bad(wanted, hop.via, at=(*at, "via"))

"""A whole host, and the checks that span its parts: what its kernel would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from harness.text.errors import some
from harness.text.validation import bad

from . import values
from .base import FrozenDict, Model, Text, Truth, printable, word
from .hostspec import AddressLabel, Interface, NextHop, RouteSpec, Rule
from .sysctls import JSON_SCHEMA
from .sysctls import check as check_sysctl
from .values import IPAddress, IPNetwork


def _check_interfaces(interfaces: Mapping[str, Any]) -> Mapping[str, Any]:
    return FrozenDict({values.interface_name(name): each for name, each in interfaces.items()})


_Setting = Annotated[
    Text,
    BeforeValidator(word),
    Field(min_length=1, max_length=128),
    AfterValidator(printable),
    WithJsonSchema({"type": ["string", "integer", "boolean"]}),
]


class Host(Model):
    """The host on which the look-ups are made; ``lo`` is always there.

    ``rules`` come beside the kernel's own (0 local, 32766 main, 32767 default), which
    ``default_rules: false`` takes away. ``addrlabels``, where it is given, is the whole table.
    """

    interfaces: Annotated[
        Mapping[Text, Interface], Field(max_length=4096), AfterValidator(_check_interfaces)
    ] = Field(default_factory=FrozenDict)
    routes: Annotated[tuple[RouteSpec, ...], Field(max_length=4096)] = ()
    rules: Annotated[tuple[Rule, ...], Field(max_length=1024)] = ()
    default_rules: Truth = True
    addrlabels: Annotated[tuple[AddressLabel, ...], Field(max_length=256)] | None = None
    sysctls: Annotated[
        Mapping[Text, _Setting],
        Field(max_length=16384, json_schema_extra={"propertyNames": JSON_SCHEMA}),
        AfterValidator(FrozenDict),
    ] = Field(default_factory=FrozenDict)

    @model_validator(mode="after")
    def _consistent(self) -> Host:
        _check_host(self)
        return self


def _check_host(host: Host) -> None:
    vrf_of: dict[str, str] = {}
    for name, interface in host.interfaces.items():
        _check_interface(name, interface)
        _check_vrf(host, name, interface, vrf_of)
    routing = _Routing(host)
    for position, route in enumerate(host.routes):
        _check_route(host, position, route, routing)
        routing.add(route)
    for position, rule in enumerate(host.rules):
        for field in ("iif", "oif"):
            _check_dev(host, getattr(rule, field), ("rules", position, field))
    for position, row in enumerate(host.addrlabels or ()):
        _check_dev(host, row.dev, ("addrlabels", position, "dev"))
    for key in host.sysctls:
        check_sysctl(key, host.interfaces, ("sysctls", key))


class _Networks:
    """A set of networks that is asked whether one of them has an address.

    Asking takes as long as there are different prefix lengths, however many networks.
    """

    def __init__(self) -> None:
        self._starts: dict[tuple[int, int], set[int]] = {}

    def add(self, network: IPNetwork) -> None:
        length = network.prefixlen
        start = int(network.network_address) >> network.max_prefixlen - length
        self._starts.setdefault((network.version, length), set()).add(start)

    def __contains__(self, address: IPAddress) -> bool:
        value, bits = int(address), address.max_prefixlen
        return any(
            version == address.version and value >> bits - length in starts
            for (version, length), starts in self._starts.items()
        )


class _Routing:
    """What the kernel knows when it takes a route: the host's addresses and the earlier routes."""

    def __init__(self, host: Host) -> None:
        self._links: dict[str | None, _Networks] = {None: _Networks()}
        self._own = _Networks()
        self._routes: set[object] = set()
        for name, interface in host.interfaces.items():
            for address in interface.addresses:
                self._own.add(ip_network(address.ip))
                if interface.up and "noprefixroute" not in address.flags:
                    link = ip_interface(address.peer or address.address).network
                    self._add_link(name, link)

    def add(self, route: RouteSpec) -> None:
        network = route.network
        self._routes.add(_key(route, network))
        if route.via is None and route.dev is not None:
            self._add_link(route.dev, network)
        if route.type == "local":
            self._own.add(network)

    def has(self, route: RouteSpec) -> bool:
        return _key(route, route.network) in self._routes

    def is_own(self, text: str) -> bool:
        wanted = ip_address(text)
        return wanted.is_loopback or wanted in self._own

    def on_link(self, via: str, dev: str | None) -> bool:
        """Whether the kernel would find a gateway directly reachable."""
        gateway = ip_address(via)
        if gateway.version == 6 and gateway.is_link_local:
            return dev is not None  # fe80::/64 is on every link that has an address
        return dev in self._links and gateway in self._links[dev]

    def _add_link(self, name: str, network: IPNetwork) -> None:
        self._links[None].add(network)
        self._links.setdefault(name, _Networks()).add(network)


def _check_dev(host: Host, dev: str | None, at: tuple[str | int, ...]) -> None:
    if dev is not None and dev != "lo" and dev not in host.interfaces:
        known = some([*host.interfaces, *(() if "lo" in host.interfaces else ("lo",))])
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
        if address.label is not None and address.label.partition(":")[0] != name:
            wanted = f'a label that begins with the interface name: "{name}" or "{name}:…"'
            raise bad(wanted, address.label, at=(*at, "label"))
        # the kernel takes one IPv4 address twice with different lengths, IPv6 never
        key = address.address if address.ip.version == 4 else str(address.ip)
        if key in seen:
            raise bad("each address once on an interface", address.address, at=at)
        seen.add(key)


_TO_A_DEVICE = ("unicast", "local", "broadcast", "anycast", "multicast")


def _check_route(host: Host, position: int, route: RouteSpec, routing: _Routing) -> None:
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
        _check_hop(host, route, hop, where, routing)
    if route.from_ is not None and not routing.is_own(route.from_):
        raise bad("an address of the host as preferred source", route.from_, at=(*at, "from"))
    if routing.has(route):
        raise bad("each route once: another metric for a second one", route.to, at=(*at, "to"))


def _key(route: RouteSpec, network: IPNetwork) -> tuple[object, ...]:
    return network, route.metric or 0, route.table, route.source


def _check_family(position: int, route: RouteSpec) -> None:
    at = ("routes", position)
    hints = (route.via, route.from_, route.source, *(hop.via for hop in route.nexthops))
    if route.to == "default" and not any(hints):
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
    host: Host,
    route: RouteSpec,
    hop: RouteSpec | NextHop,
    at: tuple[str | int, ...],
    routing: _Routing,
) -> None:
    if route.nexthops and hop.via is None and hop.dev is None:
        raise bad("a gateway (via) or an interface (dev)", at=at)
    version = route.network.version
    if hop.via is not None and ip_address(hop.via).version != version:
        raise bad(f"an IPv{version} address, as the route's", hop.via, at=(*at, "via"))
    _check_dev(host, hop.dev, (*at, "dev"))
    if hop.on_link and (hop.via is None or hop.dev is None):
        raise bad("on-link only with via and dev", "true", at=(*at, "on-link"))
    if hop.via is not None and not hop.on_link and not routing.on_link(hop.via, hop.dev):
        wanted = "a gateway in a network of the host's interfaces, or dev and on-link: true"
        raise bad(wanted, hop.via, at=(*at, "via"))

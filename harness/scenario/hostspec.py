"""The parts of a host: interfaces, routes, rules and address labels, as data.

The words are netplan's where it has one and iproute2's for the rest.
"""

from ipaddress import ip_network
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from harness.model.host import IPAddress
from harness.text.validation import PLAIN, bad

from . import values
from .values import Model, Number, PlainAddress, Prefix, Text, Truth, Whole

Kind = Literal[
    "ethernet", "sit", "tunnel", "tunnel6",
    "bridge", "bond", "vlan", "macvlan", "macvtap", "ipvlan", "veth", "dummy", "vxlan", "tun",
    "wireguard", "gre", "ppp", "vrf",
]  # fmt: skip
_AddressFlag = Literal[
    "deprecated", "home", "optimistic", "nodad",
    "temporary", "mngtmpaddr", "noprefixroute", "tentative",
]  # fmt: skip
_RouteType = Literal[
    "unicast", "unreachable", "blackhole", "prohibit", "throw",
    "local", "broadcast", "anycast", "multicast",
]  # fmt: skip
_ONLY_IPV6 = ("home", "optimistic", "temporary", "mngtmpaddr", "tentative")
_OnLink = Annotated[Truth, Field(alias="on-link")]


def _short_or_long(schema: dict[str, Any]) -> None:
    long = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string"}, long]


class Address(Model, json_schema_extra=_short_or_long):
    """An address of an interface; the short form in a file is ``address`` alone.

    After validation ``address`` and ``peer`` always carry a prefix length, the same one.
    """

    address: values.InterfaceAddress
    peer: values.InterfaceAddress | None = None
    label: Annotated[Text, Field(min_length=1, max_length=values.IFNAMSIZ - 1)] | None = None
    flags: Annotated[tuple[_AddressFlag, ...], AfterValidator(values.once)] = ()
    scope: Literal["global", "site", "link", "host"] | None = None
    metric: Number | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"address": value}
        if not isinstance(value, (dict, Address)):
            raise bad("an address, as 172.18.45.2/24, or a mapping with the key address", value)
        if isinstance(value, dict) and isinstance(value.get("peer"), str):
            peer, address = value["peer"], value.get("address")
            # a peer without a length has the address's
            if isinstance(address, str) and "/" not in peer and "/" in address:
                value = {**value, "peer": f"{peer}/{address.partition('/')[2]}"}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        version = self.ip.version
        if self.peer is not None:
            peer = values.as_interface(self.peer)
            if peer.version != version:
                raise bad("a peer of the same family as the address", self.peer, at=("peer",))
            if peer.network.prefixlen != self.prefixlen:
                same = f"the same prefix length as the address's, {self.prefixlen}"
                raise bad(same, self.peer, at=("peer",))
        for name, value in (("label", self.label), ("scope", self.scope)):
            if value is not None and version == 6:
                raise bad(f"no {name}: only IPv4 addresses have one", value, at=(name,))
        for position, flag in enumerate(self.flags):
            if version == 4 and flag in _ONLY_IPV6:
                kept = "deprecated, nodad or noprefixroute: Linux keeps no other flag of an"
                raise bad(f"{kept} IPv4 address", flag, at=("flags", position))
        for one, other in (("optimistic", "nodad"), ("tentative", "nodad"),
                           ("tentative", "optimistic")):  # fmt: skip
            if {one, other} <= set(self.flags):
                raise bad(f"either {one} or {other}", "both", at=("flags",))
        return self

    @property
    def ip(self) -> IPAddress:
        """The local address."""
        return values.as_interface(self.address).ip

    @property
    def prefixlen(self) -> int:
        """The prefix length."""
        return int(self.address.partition("/")[2])

    @property
    def peer_ip(self) -> IPAddress | None:
        """The address at the other end of a point-to-point link, if there is one."""
        return None if self.peer is None else values.as_interface(self.peer).ip


AltName = Annotated[Text, Field(pattern=f"^{PLAIN}{{0,126}}$")]


class Interface(Model):
    """An interface: its kind and its addresses, in the order they are added.

    A ``vrf`` has a ``table`` and lists its ``interfaces``. The interface ``lo`` takes addresses
    only, beside its 127.0.0.1 and ::1.
    """

    kind: Kind = "ethernet"
    up: Truth = True
    table: values.Table | None = None
    interfaces: Annotated[tuple[Text, ...], AfterValidator(values.once)] = ()
    altnames: Annotated[tuple[AltName, ...], Field(max_length=256)] = ()
    addresses: Annotated[tuple[Address, ...], Field(max_length=4096)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "vrf" and self.table is None:
            raise bad("the table of the vrf", at=("table",))
        for name, given in (("table", self.table), ("interfaces", self.interfaces)):
            if given and self.kind != "vrf":
                raise bad(f"no {name}: only a vrf has one", given, at=(name,))
        return self


class _Way(Model):
    """Where a route leads: ``via: fe80::1%eth0`` names the interface as well."""

    @model_validator(mode="before")
    @classmethod
    def _zone_is_dev(cls, given: Any) -> Any:
        via = given.get("via") if isinstance(given, dict) else None
        address, percent, zone = via.partition("%") if isinstance(via, str) else ("", "", "")
        if not percent or ":" not in address:
            return given
        dev = given.get("dev", zone)
        if dev != zone:
            raise bad(f"as zone the interface of the route ({dev})", via, at=("via",))
        return {**given, "via": address, "dev": zone}


class NextHop(_Way):
    """One way of a multipath route."""

    via: PlainAddress | None = None
    dev: Text | None = None
    weight: Annotated[Whole, Field(ge=1, le=256)] = 1
    on_link: _OnLink = False


class RouteSpec(_Way):
    """A route. ``from`` is the preferred source, ``source`` a prefix that the source must be in.

    ``to: default`` takes its family from ``via`` or ``from``; a default route that has
    neither is written ``0.0.0.0/0`` or ``::/0``.
    """

    to: values.Destination
    via: PlainAddress | None = None
    dev: Text | None = None
    from_: PlainAddress | None = Field(default=None, alias="from")
    type: _RouteType = "unicast"
    metric: Number | None = None
    on_link: _OnLink = False
    table: values.Table = values.TABLES["main"]
    scope: Literal["global", "site", "link", "host", "nowhere"] | None = None
    pref: Literal["low", "medium", "high"] | None = None
    source: Prefix | None = None
    nexthops: Annotated[tuple[NextHop, ...], Field(max_length=256)] = ()

    @property
    def family_hints(self) -> list[str]:
        """What gives ``default`` its family."""
        hints = (self.via, self.from_, self.source, *(hop.via for hop in self.nexthops))
        return [hint for hint in hints if hint]

    @property
    def network(self) -> values.IPNetwork:
        """The destination as a network; ``default`` in the family of the hints."""
        if self.to != "default":
            return ip_network(self.to)
        return ip_network("::/0" if any(":" in hint for hint in self.family_hints) else "0.0.0.0/0")


class RoutingRule(Model):
    """A routing rule (ip-rule(8)) of one family, which ``from``, ``to`` or ``family`` names.

    The rule looks a ``table`` up, goes to another rule (``goto``), or is of a ``type`` that ends
    the search.
    """

    priority: Number
    family: Literal["inet", "inet6"] | None = None
    from_: Prefix | None = Field(default=None, alias="from")
    to: Prefix | None = None
    iif: Text | None = None
    oif: Text | None = None
    fwmark: values.FirewallMark | None = None
    ipproto: Annotated[Whole, Field(ge=1, le=255)] | None = None
    not_: Truth = Field(default=False, alias="not")
    table: values.Table | None = None
    goto: Number | None = None
    type: Literal["unicast", "unreachable", "blackhole", "prohibit", "nop"] = "unicast"
    suppress_prefixlength: Annotated[Whole, Field(ge=0, le=128)] | None = None

    @property
    def versions(self) -> set[int]:
        """The IP versions that the rule names; exactly one, once it is validated."""
        named = {ip_network(text).version for text in (self.from_, self.to) if text}
        return named | ({4 if self.family == "inet" else 6} if self.family else set())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.versions) != 1:
            raise bad("one family, which from, to or family (inet or inet6) names")
        if [self.table is None, self.goto is None, self.type == "unicast"].count(False) != 1:
            raise bad("one of table, goto and a type such as unreachable")
        if self.goto is not None and self.goto <= self.priority:
            raise bad("a priority above the rule's own", self.goto, at=("goto",))
        return self

    @property
    def version(self) -> int:
        """The IP version the rule is for."""
        return min(self.versions)


class AddressLabel(Model):
    """A row of the kernel's own label table (ip-addrlabel(8)), which steers its IPv6 sources."""

    prefix: Prefix
    label: Number
    dev: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if ip_network(self.prefix).version == 4:
            raise bad("an IPv6 prefix, IPv4 as ::ffff:0:0/96", self.prefix, at=("prefix",))
        return self

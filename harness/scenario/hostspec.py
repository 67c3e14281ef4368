"""The host of a scenario: interfaces, routes, rules, address labels and sysctls, as data.

The words are netplan's where it has one and iproute2's for the rest.
"""

from __future__ import annotations

from ipaddress import ip_interface, ip_network
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from harness.text.validation import bad

from . import values
from .base import Model, PlainAddress, Prefix, Table, Text, Truth, Whole, once, word

Kind = Literal[
    "ethernet", "sit", "tunnel", "tunnel6",
    "bridge", "bond", "vlan", "macvlan", "macvtap", "ipvlan", "veth", "dummy", "vxlan", "tun",
    "wireguard", "gre", "vrf",
]  # fmt: skip
AddressFlag = Literal[
    "deprecated", "home", "optimistic", "nodad",
    "temporary", "mngtmpaddr", "noprefixroute", "tentative",
]  # fmt: skip
AddressScope = Literal["global", "site", "link", "host"]
RouteType = Literal[
    "unicast", "unreachable", "blackhole", "prohibit", "throw",
    "local", "broadcast", "anycast", "multicast",
]  # fmt: skip
RouteScope = Literal["global", "site", "link", "host", "nowhere"]
RuleType = Literal["unicast", "unreachable", "blackhole", "prohibit", "nop"]
Family = Literal["inet", "inet6"]
_ONLY_IPV6 = ("home", "optimistic", "temporary", "mngtmpaddr", "tentative")
_Number = Annotated[Whole, Field(ge=0, lt=2**32)]


class Address(Model):
    """An address of an interface; the short form in a file is ``address`` alone.

    After validation ``address`` and ``peer`` always carry a prefix length, the same one.
    ``scope`` is that of IPv4 addresses, which steers the kernel's choice of a source;
    ``metric`` that of the route to the address's network.
    """

    address: Annotated[Text, AfterValidator(values.interface_address)]
    peer: Annotated[Text, AfterValidator(values.interface_address)] | None = None
    label: Annotated[Text, Field(min_length=1, max_length=values.IFNAMSIZ - 1)] | None = None
    flags: Annotated[tuple[AddressFlag, ...], AfterValidator(once)] = ()
    scope: AddressScope | None = None
    metric: _Number | None = None

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
    def _consistent(self) -> Address:
        if self.peer is not None:
            if self.peer_ip.version != self.ip.version:  # type: ignore[union-attr]
                raise bad("a peer of the same family as the address", self.peer, at=("peer",))
            if int(self.peer.partition("/")[2]) != self.prefixlen:
                same = f"the same prefix length as the address's, {self.prefixlen}"
                raise bad(same, self.peer, at=("peer",))
        for name, value in (("label", self.label), ("scope", self.scope)):
            if value is not None and self.ip.version == 6:
                raise bad(f"no {name}: only IPv4 addresses have one", value, at=(name,))
        for position, flag in enumerate(self.flags):
            if self.ip.version == 4 and flag in _ONLY_IPV6:
                kept = "deprecated, nodad or noprefixroute: Linux keeps no other flag of an"
                raise bad(f"{kept} IPv4 address", flag, at=("flags", position))
        for one, other in (("optimistic", "nodad"), ("tentative", "nodad"),
                           ("tentative", "optimistic")):  # fmt: skip
            if {one, other} <= set(self.flags):
                raise bad(f"either {one} or {other}", "both", at=("flags",))
        return self

    @property
    def ip(self) -> values.IPAddress:
        """The local address."""
        return ip_interface(self.address).ip

    @property
    def prefixlen(self) -> int:
        """The prefix length."""
        return int(self.address.partition("/")[2])

    @property
    def peer_ip(self) -> values.IPAddress | None:
        """The address at the other end of a point-to-point link, if there is one."""
        return None if self.peer is None else ip_interface(self.peer).ip

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler.resolve_ref_schema(handler(core_schema))]}


class Interface(Model):
    """An interface: what kind of link it is and its addresses, in the order they are added.

    ``up: false`` leaves it down. A ``vrf`` has a ``table`` and lists its ``interfaces``.
    The interface ``lo`` takes addresses only, beside its 127.0.0.1 and ::1.
    """

    kind: Kind = "ethernet"
    up: Truth = True
    table: Table | None = None
    interfaces: Annotated[tuple[Text, ...], AfterValidator(once)] = ()
    addresses: Annotated[tuple[Address, ...], Field(max_length=4096)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Interface:
        if self.kind == "vrf" and self.table is None:
            raise bad("the table of the vrf", at=("table",))
        if self.kind != "vrf":
            for name, given in (("table", self.table), ("interfaces", self.interfaces)):
                if given:
                    raise bad(f"no {name}: only a vrf has one", given, at=(name,))
        return self


class NextHop(Model):
    """One way of a multipath route."""

    via: PlainAddress | None = None
    dev: Text | None = None
    weight: Annotated[Whole, Field(ge=1, le=256)] = 1
    on_link: Truth = Field(default=False, alias="on-link")


class RouteSpec(Model):
    """A route in netplan's words: to, via, from, type, metric, on-link; the rest iproute2's.

    ``to: default`` takes its family from ``via`` or ``from``; a default route that has
    neither is written ``0.0.0.0/0`` or ``::/0``. ``from`` is the preferred source, as in
    netplan; ``source`` a prefix that the source must be in, as in ``ip -6 route … from``.
    """

    to: Annotated[Text, AfterValidator(values.prefix)]
    via: PlainAddress | None = None
    dev: Text | None = None
    from_: PlainAddress | None = Field(default=None, alias="from")
    type: RouteType = "unicast"
    metric: _Number | None = None
    on_link: Truth = Field(default=False, alias="on-link")
    table: Table = values.TABLES["main"]
    scope: RouteScope | None = None
    pref: Literal["low", "medium", "high"] | None = None
    source: Prefix | None = None
    nexthops: Annotated[tuple[NextHop, ...], Field(max_length=256)] = ()

    @property
    def network(self) -> values.IPNetwork:
        """The destination as a network; ``default`` in the family of ``via`` or ``from``."""
        if self.to != "default":
            return ip_network(self.to)
        hints = (self.via, self.from_, self.source, *(hop.via for hop in self.nexthops))
        return ip_network("::/0" if any(":" in hint for hint in hints if hint) else "0.0.0.0/0")


class Rule(Model):
    """A routing rule (ip-rule(8)) of one family, which ``from``, ``to`` or ``family`` names.

    ``not`` turns the selectors round. The rule looks a ``table`` up, goes to another rule
    (``goto``), or is of a ``type`` that ends the search.
    """

    priority: _Number
    family: Family | None = None
    from_: Prefix | None = Field(default=None, alias="from")
    to: Prefix | None = None
    iif: Text | None = None
    oif: Text | None = None
    fwmark: Annotated[Text, BeforeValidator(word), AfterValidator(values.fwmark)] | None = None
    ipproto: Annotated[Whole, Field(ge=1, le=255)] | None = None
    not_: Truth = Field(default=False, alias="not")
    table: Table | None = None
    goto: _Number | None = None
    type: RuleType = "unicast"
    suppress_prefixlength: Annotated[Whole, Field(ge=0, le=128)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        versions = {ip_network(text).version for text in (self.from_, self.to) if text}
        if self.family is not None:
            versions.add(4 if self.family == "inet" else 6)
        if len(versions) != 1:
            raise bad("one family, which from, to or family (inet or inet6) names")
        actions = [self.table is not None, self.goto is not None, self.type != "unicast"]
        if actions.count(True) != 1:
            raise bad("one of table, goto and a type such as unreachable")
        if self.goto is not None and self.goto <= self.priority:
            raise bad("a priority above the rule's own", self.goto, at=("goto",))
        return self

    @property
    def version(self) -> int:
        """The IP version the rule is for."""
        text = self.from_ or self.to
        return ip_network(text).version if text else 4 if self.family == "inet" else 6


class AddressLabel(Model):
    """A row of the kernel's own label table (ip-addrlabel(8)), which steers its IPv6 sources."""

    prefix: Prefix
    label: _Number
    dev: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> AddressLabel:
        if ip_network(self.prefix).version == 4:
            raise bad("an IPv6 prefix, IPv4 as ::ffff:0:0/96", self.prefix, at=("prefix",))
        return self

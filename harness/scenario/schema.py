"""The scenario file as data: the YAML contract in pydantic models (frozen, unknown keys refused).

The models also take the short forms of the file: an address as a bare string, one
expectation instead of a list of them, numbers for services and sysctls.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface, ip_network
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Strict,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from . import values
from .errors import bad
from .hostcheck import check_host

Kind = Literal["ethernet", "sit", "tunnel", "tunnel6"]
AddressFlag = Literal["deprecated", "home", "optimistic", "nodad"]
RouteType = Literal["unicast", "unreachable", "blackhole", "prohibit"]
Family = Literal["unspec", "inet", "inet6"]
SockType = Literal["any", "stream", "dgram", "raw", "seqpacket", "dccp"]

Text = Annotated[str, Strict()]
Whole = Annotated[int, Strict()]
Truth = Annotated[bool, Strict()]

_K = TypeVar("_K")
_V = TypeVar("_V")


class FrozenDict(dict[_K, _V]):
    """A dict that cannot be changed, so that a scenario is a value through and through."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("a scenario cannot be changed")

    __setitem__ = __delitem__ = _refuse
    clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


def _word(value: Any) -> Any:
    """The text of a number or truth value where YAML reads a bare word as one."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if isinstance(value, int) else value


def _unbool(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, (dict, BaseModel)) else value


def _once(items: tuple[str, ...]) -> tuple[str, ...]:
    for position, item in enumerate(items):
        if item in items[:position]:
            raise bad("each entry once", item, at=(position,))
    return items


def _printable(text: str) -> str:
    if not text.isprintable():
        raise bad("text without control characters", text)
    return text


def _keys(table: Mapping[str, Any], check: Any) -> None:
    for key in table:
        check(key)


def _check_names(names: Mapping[str, Any]) -> Mapping[str, Any]:
    seen: dict[str, str] = {}
    for name in names:
        values.hostname(name)
        if name.lower() in seen:
            raise bad(f"each name once: {seen[name.lower()]!r} differs only in case", name)
        seen[name.lower()] = name
    return FrozenDict(names)


def _check_interfaces(interfaces: Mapping[str, Any]) -> Mapping[str, Any]:
    _keys(interfaces, values.interface_name)
    return FrozenDict(interfaces)


def _check_sysctls(sysctls: Mapping[str, str]) -> Mapping[str, str]:
    _keys(sysctls, values.sysctl_name)
    return FrozenDict(sysctls)


PlainAddress = Annotated[Text, AfterValidator(values.plain_address)]
ScalarText = {"type": ["string", "integer"]}


class Model(BaseModel):
    """Base of every part of a scenario: frozen, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Address(Model):
    """An address of an interface; the short form in a file is ``address`` alone.

    After validation ``address`` and ``peer`` always carry a prefix length, the same one.
    """

    address: Annotated[Text, AfterValidator(values.interface_address)]
    peer: Annotated[Text, AfterValidator(values.interface_address)] | None = None
    label: Annotated[Text, Field(min_length=1, max_length=values.IFNAMSIZ - 1)] | None = None
    flags: Annotated[tuple[AddressFlag, ...], AfterValidator(_once)] = ()

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
            length = self.peer.partition("/")[2]
            if int(length) != self.prefixlen:
                raise bad(
                    f"the same prefix length as the address's, {self.prefixlen}",
                    self.peer,
                    at=("peer",),
                )
        if self.label is not None and self.ip.version == 6:
            raise bad("no label: only IPv4 addresses have one", self.label, at=("label",))
        for position, flag in enumerate(self.flags):
            if self.ip.version == 4 and flag in ("home", "optimistic"):
                expected = "deprecated or nodad: Linux keeps no other flag of an IPv4 address"
                raise bad(expected, flag, at=("flags", position))
        if {"optimistic", "nodad"} <= set(self.flags):
            raise bad("either optimistic or nodad", "both", at=("flags",))
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
    """An interface: what kind of link it is and its addresses, in the order they are added."""

    kind: Kind = "ethernet"
    addresses: Annotated[tuple[Address, ...], Field(max_length=4096)] = ()


class RouteSpec(Model):
    """A route in netplan's words: to, via, from, type, metric, on-link; ``dev`` as in iproute2.

    ``to: default`` takes its family from ``via`` or ``from``; a default route that has
    neither is written ``0.0.0.0/0`` or ``::/0``.
    """

    to: Annotated[Text, AfterValidator(values.prefix)]
    via: PlainAddress | None = None
    dev: Text | None = None
    from_: PlainAddress | None = Field(default=None, alias="from")
    type: RouteType = "unicast"
    metric: Annotated[Whole, Field(ge=0, lt=2**32)] | None = None
    on_link: Truth = Field(default=False, alias="on-link")

    @property
    def network(self) -> values.IPNetwork:
        """The destination as a network; ``default`` in the family of ``via`` or ``from``."""
        if self.to != "default":
            return ip_network(self.to)
        return ip_network("::/0" if ":" in (self.via or self.from_ or "") else "0.0.0.0/0")


class Host(Model):
    """The host on which the look-ups are made; ``lo`` is always there."""

    interfaces: Annotated[
        Mapping[Text, Interface], Field(max_length=256), AfterValidator(_check_interfaces)
    ] = Field(default_factory=FrozenDict)
    routes: Annotated[tuple[RouteSpec, ...], Field(max_length=4096)] = ()
    sysctls: Annotated[
        Mapping[
            Text,
            Annotated[
                Text,
                BeforeValidator(_word),
                Field(min_length=1, max_length=128),
                AfterValidator(_printable),
                WithJsonSchema({"type": ["string", "integer", "boolean"]}),
            ],
        ],
        Field(max_length=256),
        AfterValidator(_check_sysctls),
    ] = Field(default_factory=FrozenDict)

    @model_validator(mode="after")
    def _consistent(self) -> Host:
        check_host(self)
        return self


class Dns(Model):
    """The DNS server: which of the two questions of an AF_UNSPEC look-up it answers first."""

    first_reply: Literal["A", "AAAA"] = "A"


class GaiConfFile(Model):
    """A gai.conf by file name: beside the scenario or in the catalogue, nowhere else."""

    file: Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]

    @model_validator(mode="after")
    def _is_conf(self) -> GaiConfFile:
        if not self.file.endswith(".conf"):
            raise bad("a file name that ends in .conf", self.file, at=("file",))
        return self


class Expect(Model):
    """What a look-up must give, on the glibc versions and architectures it is stated for."""

    order: (
        Annotated[
            tuple[Annotated[Text, AfterValidator(values.answer_address)], ...],
            Field(min_length=1, max_length=16384),
        ]
        | None
    ) = None
    decided_by: Annotated[Whole, Field(ge=1, le=10)] | None = None
    error: Annotated[Text, AfterValidator(values.error_name)] | None = None
    glibc: Annotated[Text, AfterValidator(values.specifier)] | None = None
    arch: tuple[Annotated[Text, Field(pattern=r"^[a-z0-9-]{1,32}$")], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Expect:
        if (self.order is None) == (self.error is None):
            raise bad("either order or error", "neither" if self.order is None else "both")
        if self.decided_by is not None and (self.order is None or len(self.order) < 2):
            raise bad(
                "decided_by only with an order of two or more: it names the rule that put "
                "the first before the second",
                self.decided_by,
                at=("decided_by",),
            )
        return self

    def matches(self, version: str, arch: str = "amd64") -> bool:
        """Whether this expectation is stated for a glibc.

        Parameters: ``version`` as "2.36"; ``arch`` in Debian's words.
        Raises ValueError for a version that is none.
        """
        if self.arch and arch not in self.arch:
            return False
        return self.glibc is None or values.satisfies(version, self.glibc)


class Lookup(Model):
    """One call of getaddrinfo(3)."""

    name: (
        Annotated[
            Annotated[Text, Field(min_length=1, max_length=1024)],
            BeforeValidator(_unbool),
            AfterValidator(_printable),
            WithJsonSchema(ScalarText),
        ]
        | None
    ) = None
    service: (
        Annotated[
            Annotated[Text, Field(min_length=1, max_length=64)],
            BeforeValidator(_unbool),
            AfterValidator(_printable),
            WithJsonSchema(ScalarText),
        ]
        | None
    ) = None
    family: Family = "unspec"
    socktype: SockType = "stream"
    protocol: Annotated[Whole, Field(ge=0, le=262)] = 0
    flags: Annotated[
        tuple[Annotated[Text, AfterValidator(values.flag_name)], ...], AfterValidator(_once)
    ] = ()
    expect: Annotated[tuple[Expect, ...], Field(max_length=64), BeforeValidator(_listed)] = ()

    @model_validator(mode="after")
    def _asks(self) -> Lookup:
        if self.name is None and self.service is None:
            raise bad("a name, a service or both", "neither")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        many = schema["properties"]["expect"]
        schema["properties"]["expect"] = {"anyOf": [many["items"], many], "default": []}
        return schema


def _gai_conf_form(value: Any) -> str:
    if value is None:
        return "none"
    return "text" if isinstance(value, str) else "file"


class Scenario(Model):
    """A host, the names it can look up, its gai.conf and the look-ups to make."""

    name: Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)]
    description: Annotated[Text, Field(max_length=8192)] = ""
    host: Host
    names: Annotated[
        Mapping[Text, Annotated[tuple[PlainAddress, ...], Field(min_length=1, max_length=4096)]],
        Field(max_length=4096),
        AfterValidator(_check_names),
    ] = Field(default_factory=FrozenDict)
    resolver: Literal["files", "dns"] = "files"
    dns: Dns = Dns()
    gai_conf: Annotated[
        Annotated[Annotated[Text, Field(max_length=65536)], Tag("text")]
        | Annotated[GaiConfFile, Tag("file")]
        | Annotated[None, Tag("none")],
        Discriminator(_gai_conf_form),
    ] = None
    lookups: Annotated[tuple[Lookup, ...], Field(min_length=1, max_length=4096)]

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        if self.dns != Dns() and self.resolver != "dns":
            raise bad("no dns settings without resolver: dns", self.dns.first_reply, at=("dns",))
        return self

"""The scenario file as data: the YAML contract in pydantic models (frozen, unknown keys refused)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["ethernet", "sit", "tunnel", "tunnel6"]
AddressFlag = Literal["deprecated", "home", "optimistic", "nodad"]
RouteType = Literal["unicast", "unreachable", "blackhole", "prohibit"]
Family = Literal["unspec", "inet", "inet6"]
SockType = Literal["any", "stream", "dgram", "raw", "seqpacket", "dccp"]


class Model(BaseModel):
    """Base of every part of a scenario: frozen, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Address(Model):
    """An address of an interface in long form; the short form is ``address`` alone."""

    address: str                       # "172.18.45.2/24"; no length means /32 or /128
    peer: str | None = None            # "10.9.0.2/32"
    label: str | None = None           # "eth0:1", IPv4 only
    flags: tuple[AddressFlag, ...] = ()


class Interface(Model):
    kind: Kind = "ethernet"
    addresses: tuple[Address, ...] = ()


class RouteSpec(Model):
    """A route in netplan's words: to, via, from, type, metric, on-link, scope; ``dev`` as in iproute2."""

    to: str                            # "default" or a prefix
    via: str | None = None
    dev: str | None = None
    from_: str | None = Field(default=None, alias="from")   # preferred source
    type: RouteType = "unicast"
    metric: int | None = None
    on_link: bool = Field(default=False, alias="on-link")


class Host(Model):
    interfaces: dict[str, Interface] = Field(default_factory=dict)
    routes: tuple[RouteSpec, ...] = ()
    sysctls: dict[str, str] = Field(default_factory=dict)


class Dns(Model):
    first_reply: Literal["A", "AAAA"] = "A"


class GaiConfFile(Model):
    file: str


class Expect(Model):
    order: tuple[str, ...] | None = None
    decided_by: int | None = None
    error: str | None = None           # "EAI_NONAME"
    glibc: str | None = None           # ">=2.8" or "<2.41,>=2.31"


class Lookup(Model):
    name: str | None = None
    service: str | None = None
    family: Family = "unspec"
    socktype: SockType = "stream"
    protocol: int = 0
    flags: tuple[str, ...] = ()        # "AI_ADDRCONFIG", ...
    expect: tuple[Expect, ...] = ()    # one mapping or a list of them in the file


class Scenario(Model):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    description: str = ""
    host: Host
    names: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    resolver: Literal["files", "dns"] = "files"
    dns: Dns = Dns()
    gai_conf: str | GaiConfFile | None = None
    lookups: tuple[Lookup, ...]

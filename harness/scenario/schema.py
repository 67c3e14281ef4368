"""The scenario file as data: the YAML contract in pydantic models, short forms included."""

import re
from collections.abc import Collection, Mapping
from types import NoneType
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from harness.model.dns_servers import ascii_lower
from harness.model.myhostname import knows
from harness.model.services import Kind
from harness.text.errors import some
from harness.text.validation import PLAIN, bad

from . import values
from .host import Host
from .hostspec import Address, AddressLabel, Interface, NextHop, RouteSpec, RoutingRule
from .nameservice import Dns, DnsServer, Names, NameServiceSpec, check_dns_names, parse_hosts
from .values import FrozenDict, Model, NamedAddress, Place, Text, Whole, Word

__all__ = [
    "Address", "AddressLabel", "After", "Dns", "Expect", "GaiConfFile", "Host", "Interface",
    "Lookup", "NameServiceSpec", "NextHop", "RouteSpec", "RoutingRule", "Scenario",
]  # fmt: skip

Family = Literal["unspec", "inet", "inet6"]
Resolver = Literal["files", "dns", "nss", "nss_by_family"]
SockType = Literal["any", "stream", "dgram", "raw", "seqpacket", "dccp"]
MOST_ANSWERS = 16384
"""So many addresses may all look-ups of a scenario return together."""
_MOST_IN_A_PROCESS = 64
"""So many look-ups may share a process where gai.conf changes: each depends on all before it."""

_CONF_NAME = re.compile(r"[^\s#]+\.conf")
"""What is meant as a file's name; as the text of a file glibc would ignore it."""


class GaiConfFile(Model):
    """A gai.conf by file name: beside the scenario or in the catalogue, nowhere else."""

    file: Annotated[Text, Field(pattern=f"^{PLAIN}{{0,127}}$")]

    @model_validator(mode="after")
    def _is_conf(self) -> Self:
        if not self.file.endswith(".conf"):
            raise bad("a file name that ends in .conf", self.file, at=("file",))
        return self


class After(Model):
    """What becomes of gai.conf before a look-up, while the process of the one before lives on.

    ``mtime`` is set against that of the last file: a second newer or older, a nanosecond later
    in the same second, or the same to the nanosecond.
    """

    gai_conf: Annotated[Text, Field(max_length=65536)] | None
    mtime: Literal["newer", "older", "same-second", "same"] = "newer"

    @model_validator(mode="after")
    def _has_time(self) -> Self:
        if self.gai_conf is None and self.mtime != "newer":
            raise bad("no mtime for a file that is removed", self.mtime, at=("mtime",))
        return self


class Expect(Model):
    """What a look-up must give, on the glibc versions and architectures it is stated for."""

    order: (
        Annotated[tuple[NamedAddress, ...], Field(min_length=1, max_length=MOST_ANSWERS)] | None
    ) = None
    decided_by: Annotated[Whole, Field(ge=1, le=10)] | None = None
    error: values.ErrorName | None = None
    glibc: values.Specifier | None = None
    arch: tuple[Annotated[Text, Field(pattern=r"^[a-z0-9-]{1,32}$")], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.order is None) == (self.error is None):
            raise bad("either order or error", "neither" if self.order is None else "both")
        if self.decided_by is not None and (self.order is None or len(self.order) < 2):
            why = "it names the rule that put the first before the second"
            wanted = f"decided_by only with an order of two or more: {why}"
            raise bad(wanted, self.decided_by, at=("decided_by",))
        return self

    def matches(self, version: str, arch: str = "amd64") -> bool:
        """Whether it is stated for a glibc as "2.36". Raises ValueError for no version."""
        if self.arch and arch not in self.arch:
            return False
        return self.glibc is None or values.satisfies(version, self.glibc)


class Lookup(Model, json_schema_extra=values.one_or_many("expect")):
    """One call of getaddrinfo(3)."""

    name: Annotated[Word, Field(min_length=1, max_length=1024)] | None = None
    service: Annotated[Word, Field(max_length=64)] | None = None
    hints: Literal["none"] | None = None
    family: Family | values.CInt = "unspec"
    socktype: SockType = "stream"
    protocol: Annotated[Whole, Field(ge=0, le=262)] = 0
    flags: Annotated[tuple[values.Flag, ...], AfterValidator(values.once)] = ()
    after: After | None = None
    expect: Annotated[
        tuple[Expect, ...], Field(max_length=64), BeforeValidator(values.listed(dict, Expect))
    ] = ()

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if self.name is None and self.service is None:
            raise bad("a name, a service or both", "neither")
        given = self.model_fields_set & {"family", "socktype", "protocol", "flags"}
        if self.hints and given:
            raise bad("no other hint beside hints: none", some(sorted(given)), at=("hints",))
        return self


def _check_zone(text: str, known: Collection[str], at: Place) -> None:
    """Refuse an address whose %zone is neither an interface of ``known`` nor a number."""
    _, percent, zone = text.partition("%")
    if not percent or zone in known:
        return
    if not (zone.isascii() and zone.isdecimal() and len(zone) <= 10 and int(zone) < 1 << 32):
        raise bad(f"as zone an interface of the host ({some([*known])}) or a number", text, at=at)


class Scenario(Model):
    """A host, the names it can look up, its gai.conf and the look-ups to make.

    ``left_out`` says what of a real host a snapshot could not carry over.
    """

    name: Annotated[Text, Field(pattern=f"^{PLAIN}*$", max_length=128)]
    description: Annotated[Text, Field(max_length=8192)] = ""
    host: Host
    names: Names = Field(default_factory=FrozenDict)
    resolver: Resolver = "files"
    dns: Dns = Dns()
    name_service: NameServiceSpec | None = None
    netlink: Literal["allowed", "refused"] = "allowed"
    gai_conf: Annotated[
        Annotated[Annotated[Text, Field(max_length=65536)], Tag("text")]
        | Annotated[GaiConfFile, Tag("file")]
        | Annotated[None, Tag("none")],
        Discriminator(lambda given: {str: "text", NoneType: "none"}.get(type(given), "file")),
    ] = None
    lookups: Annotated[tuple[Lookup, ...], Field(min_length=1, max_length=4096)]
    left_out: Annotated[tuple[Text, ...], Field(max_length=4096)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dns != Dns() and self.resolver != "dns":
            raise bad("no dns settings without resolver: dns", self.dns.first_reply, at=("dns",))
        if self.resolver == "dns":
            check_dns_names(self.names, ("names",))
        short = self.names or self.resolver != "files"
        if short and self.name_service is not None:
            wanted = "either name_service or names, resolver and dns"
            raise bad(wanted, "both", at=("name_service",))
        if self.netlink == "refused" and self.asks("myhostname"):
            raise bad("netlink: allowed, which myhostname needs", self.netlink, at=("netlink",))
        number = len(self.lookups)
        if number > _MOST_IN_A_PROCESS and any(one.after for one in self.lookups):
            wanted = f"at most {_MOST_IN_A_PROCESS} look-ups where one has after"
            raise bad(wanted, number, at=("lookups",))
        if isinstance(self.gai_conf, str) and _CONF_NAME.fullmatch(self.gai_conf):
            wanted = "the text of a gai.conf, or {file: NAME} with a file beside the scenario"
            raise bad(f"{wanted} or of the catalogue", self.gai_conf, at=("gai_conf",))
        self._check_zones()
        self._check_answers()
        return self

    @property
    def served(self) -> NameServiceSpec | None:
        """The whole name service if it is one: DNS without search domains has that of the host."""
        own, domain = self.name_service, self.host.hostname.partition(".")[2]
        if not domain or not self.asks("dns"):
            return own
        if own is None:
            server = DnsServer(names=self.names, first_reply=self.dns.first_reply)
            own = NameServiceSpec(hosts="dns", dns=(server,))
        return own.searching(domain)

    @property
    def hosts_line(self) -> str:
        """The ``hosts:`` line of nsswitch.conf, where nss is the name service module."""
        return self.resolver if self.name_service is None else self.name_service.hosts

    @property
    def seen_hosts_line(self) -> str:
        """The line as Go sees it: that of the host a snapshot is of."""
        own = None if self.name_service is None else self.name_service.nsswitch
        return self.hosts_line if own is None else own

    def asks(self, kind: Kind) -> bool:
        """Whether its name service asks a service of that kind."""
        return any(kind == one for one, _ in parse_hosts(self.hosts_line))

    def with_other_reply_first(self) -> Self:
        """The scenario with the other of the two DNS replies first."""

        def turned(own: Dns) -> Dns:
            other = {"first_reply": "AAAA" if own.first_reply == "A" else "A"}
            return own.model_copy(update=other)

        if self.name_service is None:
            return self.model_copy(update={"dns": turned(self.dns)})
        dns = tuple(map(turned, self.name_service.dns))
        service = self.name_service.model_copy(update={"dns": dns})
        return self.model_copy(update={"name_service": service})

    def _check_zones(self) -> None:
        """Refuse a %zone that is no interface of the host, or that its resolver cannot carry."""
        known = {**self.host.interfaces, "lo": None}
        service = self.name_service or NameServiceSpec()
        tables: list[tuple[Place, bool, Mapping[str, tuple[str, ...]]]] = [
            (("names",), self.resolver.startswith("nss"), self.names)
        ]
        for number, one in enumerate(service.dns):
            tables.append((("name_service", "dns", number, "names"), False, one.names))
        tables.append((("name_service", "nss"), True, service.nss))
        for place, zones, names in tables:
            for name, addresses in names.items():
                for position, text in enumerate(addresses):
                    at: Place = (*place, name, position)
                    if "%" in text and not zones:
                        why = "neither a hosts file nor a DNS record can carry a scope"
                        raise bad(f"an address without %zone, or resolver: nss: {why}", text, at=at)
                    _check_zone(text, known, at)
        for number, lookup in enumerate(self.lookups):
            for which, expect in enumerate(lookup.expect):
                for position, text in enumerate(expect.order or ()):
                    at = ("lookups", number, "expect", which, "order", position)
                    _check_zone(text, known, at)

    def _check_answers(self) -> None:
        """Bound what a run has to hold: look-ups × addresses × kinds of socket."""
        service = self.served
        held: Mapping[str, Collection[str]] = self.names if service is None else service.addresses()
        counts = {ascii_lower(name): len(addresses) for name, addresses in held.items()}
        total = 0
        for number, lookup in enumerate(self.lookups):
            asked = ascii_lower(lookup.name or "")
            spellings = (service or NameServiceSpec()).spellings(asked)
            known = max(counts.get(one, 0) for one in spellings)
            if self.asks("myhostname") and knows(lookup.name or "", self.host.hostname):
                known += sum(len(one.addresses) for one in self.host.interfaces.values())
            most = 3 if lookup.service is None else 5  # discard: tcp, udp, dccp, sctp twice
            total += known * (most if lookup.hints or lookup.socktype == "any" else 1)
            if total > MOST_ANSWERS:
                wanted = f"look-ups that return at most {MOST_ANSWERS} addresses together"
                raise bad(wanted, lookup.name, at=("lookups", number))

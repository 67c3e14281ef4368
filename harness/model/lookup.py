"""Before the sort: which addresses getaddrinfo finds, in which order, or the error it gives.

The order found here is the one rule 10 preserves. Follows glibc 2.9 to 2.44 for
``hosts: files``, ``hosts: dns`` and a module that hands over addresses as listed ("nss").
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple, Self

from harness.model.addresses import (
    inet_aton,
    inet_pton6,
    interface_index,
    is_link_local,
    is_v4mapped,
    mapped,
    scope_number,
    strtoul,
    unmapped,
)
from harness.model.dialects import Dialect
from harness.model.dns import Resolver, Status
from harness.model.dns_servers import Record, Server
from harness.model.host import Target
from harness.model.netdb import AF, AI, FAMILY, IPPROTO, SOCK, EaiError
from harness.model.services import (
    Action,
    Held,
    Kind,
    Service,
    ServiceAddresses,
    StaleFailure,
    UndefinedAnswer,
    answer,
)

_KNOWN_FLAGS = 0x7FF
_BLANK = re.compile(r"[ \t\n\v\f\r]")
_DIGITS_AND_DOTS = re.compile(r"[0-9](?:[0-9.]*[0-9])?")


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of one getaddrinfo call, in C's numbers; None is NULL.

    Without ``hints`` NULL is given for them; the numbers are then what glibc takes in their place.
    """

    name: str | None
    service: str | None = None
    family: int = AF.UNSPEC
    socktype: int = 0
    protocol: int = 0
    flags: int = 0
    hints: bool = True


@dataclass(frozen=True, slots=True)
class Etc:
    """The files of a name service as other resolvers than glibc read them, each in its own way.

    ``hosts_line`` is that of nsswitch.conf, ``hosts`` are the lines of the hosts file, ``resolver``
    and ``servers`` what resolv.conf says: also where the line asks no DNS, and nothing listens.
    ``chance``: of the answers that time decides between, the one by this number, from 0.
    """

    hosts_line: str = "files"
    hosts: tuple[str, ...] = ()
    resolver: Resolver = field(default_factory=Resolver)
    servers: tuple[Server, ...] = (Server(closed=True),)
    chance: int = 0


@dataclass(frozen=True, slots=True)
class NameService:
    """What the name service holds.

    ``names`` maps a lower-case name to its addresses in the order of the hosts file or
    the DNS answer; ``services`` maps (name, protocol) to a port. With ``dns``,
    ``first_reply`` is the record type whose reply arrives first. Only with ``nss`` an IPv6
    address may have a scope id. ``spelled`` has the names as the service writes them. ``hosts``
    are the services to ask in turn where that is more than one service with what stands here,
    files and dns where nsswitch.conf has no hosts line (``unset``).
    ``etc`` is the same as files.
    """

    names: Mapping[str, tuple[Target, ...]]
    kind: Kind = "files"
    first_reply: Record = "A"
    services: Mapping[tuple[str, str], int] = field(default_factory=dict)
    links: Mapping[str, int] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[Service, ...] = ()
    unset: bool = False
    etc: Etc = field(default_factory=Etc)

    @property
    def chain(self) -> tuple[Service, ...]:
        """The services in the order in which they are asked."""
        return self.hosts or (Service(self.kind, self.names, self.spelled),)

    def of(self, dialect: Dialect) -> Self:
        """The name service as a glibc asks it, which has a hosts line of its own."""
        if not self.unset or dialect.files_before_dns:
            return self
        files, dns = self.hosts
        ends: dict[Status, Action] = dict.fromkeys(("SUCCESS", "NOTFOUND", "TRYAGAIN"), "return")
        return replace(self, hosts=(replace(dns, actions=ends), files), unset=False)

    def asks(self, kind: Kind) -> bool:
        """Whether a service of that kind is among them."""
        return any(service.kind == kind for service in self.chain)


@dataclass(frozen=True, slots=True)
class Item:
    """One addrinfo before sorting."""

    target: Target
    socktype: int
    protocol: int
    port: int

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6, of the entry and of its socket address."""
        return FAMILY[self.target.address.version]

    @property
    def addrlen(self) -> int:
        """The bytes of its struct sockaddr_in or sockaddr_in6 (netinet/in.h)."""
        return 16 if self.target.address.version == 4 else 28


@dataclass(frozen=True, slots=True)
class Found:
    """The addrinfos in the order found, or the EAI name of the failure.

    ``needs_sort`` says whether getaddrinfo goes on to sort: only with more than one address.
    ``canonname`` is the name that AI_CANONNAME asks for; the first entry has it, after the sort,
    or every one where they are ``all_named``. ``flags`` is the ai_flags of each entry, None where
    that is what was asked for.
    ``errno`` is what the record has beside the error, where the resolver has a word of its own.
    ``ways``: so many answers there may be, as time decides; `Etc.chance` asks for one of them.
    ``undefined``: glibc overwrites what it has found, and anything may come of it; ``stale``: an
    earlier look-up of the process may have left an h_errno by which another error comes.
    """

    items: tuple[Item, ...] = ()
    error: str | None = None
    needs_sort: bool = False
    canonname: str | None = None
    undefined: bool = False
    stale: bool = False
    all_named: bool = False
    flags: int | None = None
    errno: int | None = None
    ways: int = 1


def find(
    request: Request, service: NameService, seen_ipv4: bool, seen_ipv6: bool, dialect: Dialect
) -> Found:
    """What getaddrinfo has in hand before it sorts.

    ``seen_ipv4`` and ``seen_ipv6`` are those of the address table: an address of the family
    other than 127.0.0.1 or ::1 exists (AI_ADDRCONFIG asks for that).
    """
    try:
        return _find(request, service.of(dialect), seen_ipv4, seen_ipv6, dialect)
    except EaiError as failure:
        return Found(error=str(failure), stale=isinstance(failure, StaleFailure))
    except UndefinedAnswer:
        return Found(undefined=True)


def _find(
    request: Request, service: NameService, seen_ipv4: bool, seen_ipv6: bool, dialect: Dialect
) -> Found:
    name, family, flags = _given(request.name), request.family, request.flags
    if name is None and _given(request.service) is None:
        raise EaiError("EAI_NONAME")
    if flags & ~_KNOWN_FLAGS or (flags & AI.CANONNAME and name is None):
        raise EaiError("EAI_BADFLAGS")
    if family not in (AF.UNSPEC, AF.INET, AF.INET6):
        raise EaiError("EAI_FAMILY")
    if flags & AI.ADDRCONFIG:
        if not family and seen_ipv4 is not seen_ipv6:
            family = AF.INET if seen_ipv4 else AF.INET6
        elif not {AF.INET: seen_ipv4, AF.INET6: seen_ipv6}.get(family, True):
            raise EaiError("EAI_NONAME")
    wanted = sockets(request, service.services, dialect)
    targets, canonname, got_ipv6, stale = _addresses(name, family, flags, service, dialect)
    if got_ipv6 and flags & AI.V4MAPPED and not flags & AI.ALL:
        targets = [target for target in targets if not is_v4mapped(target.address)]
    if not targets:
        raise EaiError("EAI_NONAME")
    items = tuple(Item(target, *socket) for target in targets for socket in wanted)
    return Found(
        items, None, bool(targets[1:]), canonname if name and flags & AI.CANONNAME else None,
        stale=stale,
    )  # fmt: skip


def _given(text: str | None) -> str | None:
    return None if text == "*" else text


# --- socket types, protocols and ports: getaddrinfo(3)


class _Known(NamedTuple):
    socktype: int
    protocol: int | None  # None: any, and no service
    name: str
    default: bool = False  # returned when the caller names neither type nor protocol


_KNOWN = (
    _Known(SOCK.STREAM, IPPROTO.TCP, "tcp", default=True),
    _Known(SOCK.DGRAM, IPPROTO.UDP, "udp", default=True),
    _Known(SOCK.DCCP, IPPROTO.DCCP, "dccp"),
    _Known(SOCK.DGRAM, IPPROTO.UDPLITE, "udplite"),
    _Known(SOCK.STREAM, IPPROTO.SCTP, "sctp"),
    _Known(SOCK.SEQPACKET, IPPROTO.SCTP, "sctp"),
    _Known(SOCK.STREAM, IPPROTO.MPTCP, "mptcp"),
    _Known(SOCK.RAW, None, "raw", default=True),
)


def sockets(
    request: Request, services: Mapping[tuple[str, str], int], dialect: Dialect
) -> list[tuple[int, int, int]]:
    """The (socktype, protocol, port) each address is returned with; raises EaiError.

    ``services`` as `NameService` has them; ports are in host byte order.
    """
    service, socktype, protocol = _given(request.service), request.socktype, request.protocol
    known = (k for k in _KNOWN if k.protocol != IPPROTO.MPTCP or dialect.mptcp_known)
    port: int | None = 0
    if service:
        number = strtoul(service, dialect.word_bits)
        if number is None and request.flags & AI.NUMERICSERV:
            raise EaiError("EAI_NONAME")
        # cut to an int, a negative one counts as numeric above, yet is looked up as a name
        port = None if number is None or number >> 31 & 1 else number & 0xFFFF
    hinted = bool(socktype or protocol)
    if hinted:
        first = next((
            k for k in known
            if socktype in (0, k.socktype) and (k.protocol is None or protocol in (0, k.protocol))
        ), None)  # fmt: skip
        if first is None:
            raise EaiError("EAI_SOCKTYPE" if socktype else "EAI_SERVICE")
        asked = [first]
    else:
        asked = [*known] if port is None else [k for k in _KNOWN if k.default]
    if port is None or (service and hinted):
        asked = [k for k in asked if k.protocol is not None]
    result = []
    for k in asked:
        found = services.get((service or "", k.name)) if port is None else port
        if found is not None:
            result.append((k.socktype, protocol if k.protocol is None else k.protocol, found))
    if not result:
        raise EaiError("EAI_SERVICE")
    return result


# --- the addresses of a name


def _addresses(
    name: str | None, family: int, flags: int, service: NameService, dialect: Dialect
) -> ServiceAddresses:
    """The addresses for a name, or for none; raises EaiError and UndefinedAnswer."""
    if name is None:
        local = ("::", "0.0.0.0") if flags & AI.PASSIVE else ("::1", "127.0.0.1")
        both = [Target(ip_address(text)) for text in local]
        own = [one for one in both if family in (AF.UNSPEC, FAMILY[one.address.version])]
        return ServiceAddresses(own)
    if flags & AI.IDN and not name.isascii():
        raise EaiError("EAI_IDN_ENCODE")  # the C locale has no such letters
    number = _numeric(name, family, flags, service, dialect)
    if number is not None:
        return ServiceAddresses([number], name)
    if flags & AI.NUMERICHOST:
        raise EaiError("EAI_NONAME")
    if family == AF.INET and not flags & AI.CANONNAME and looks_numeric(name):
        raise EaiError("EAI_NONAME")
    return answer(service.chain, name, family, flags, service.first_reply, dialect)


def held(name: str, service: NameService, dialect: Dialect) -> tuple[Held, ...] | None:
    """The addresses that the services have for a name, in their order; None for one unknown."""
    places = {one.kind: place for place, one in reversed([*enumerate(service.chain)])}
    # two alike hold the same
    known = [service.chain[place].held(name, dialect, place) for place in sorted(places.values())]
    if all(one is None for one in known):
        return None
    return tuple(one for each in known for one in each or ())


def looks_numeric(name: str) -> bool:
    """What gethostbyname2(AF.INET), used for plain IPv4 look-ups, never asks the service for."""
    if _DIGITS_AND_DOTS.fullmatch(name):
        return True
    return ":" in name and (name[0] == ":" or name[0] in "0123456789abcdefABCDEF")


def _numeric(
    name: str, family: int, flags: int, service: NameService, dialect: Dialect
) -> Target | None:
    four = inet_aton(name if dialect.numeric_names_whole else _BLANK.split(name, maxsplit=1)[0])
    if four is not None:
        if family in (AF.UNSPEC, AF.INET):
            return Target(four)
        if flags & AI.V4MAPPED:
            return mapped(four)
        raise EaiError("EAI_ADDRFAMILY")
    text, zone_given, zone = name.partition("%")
    six = inet_pton6(text)
    if six is None:
        return None
    if family != AF.INET:
        return Target(six, _scope_id(six, zone, service, dialect) if zone_given else 0)
    if not is_v4mapped(six):
        raise EaiError("EAI_ADDRFAMILY")
    four = unmapped(six)
    if zone_given:
        # checked, then dropped; by now the IPv4 address lies over the first four bytes
        _scope_id(IPv6Address(four.packed + six.packed[4:]), zone, service, dialect)
    return Target(four)


def _scope_id(address: IPv6Address, zone: str, service: NameService, dialect: Dialect) -> int:
    # An interface name only for link-local addresses; a number for any.
    multicast = int(address) >> 112 & 0xFF0F
    local = multicast == 0xFF02 or (multicast == 0xFF01 and dialect.node_local_zone_names)
    index = None
    if is_link_local(address) or local:
        index = interface_index(zone, service.links, cut=not dialect.interface_names_whole)
    if index is not None:
        return index
    if dialect.zone_numbers_checked:
        number = scope_number(zone)
    else:
        number = strtoul(zone or "0", dialect.word_bits)
    if number is None:
        raise EaiError("EAI_NONAME")
    return number & 0xFFFFFFFF

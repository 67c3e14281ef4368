"""Before the sort: which addresses getaddrinfo finds, in which order, or the error it gives.

The order found here is the one rule 10 preserves. Follows glibc 2.26 to 2.44 for
``hosts: files``, ``hosts: dns`` and a module that hands over addresses as listed ("nss").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from harness.model.addresses import inet_aton, inet_pton6, is_v4mapped, mapped
from harness.model.dialects import Dialect
from harness.model.host import IPAddress, Target
from harness.model.services import Socket, sockets

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10

AI_PASSIVE = 0x1
AI_CANONNAME = 0x2
AI_NUMERICHOST = 0x4
AI_V4MAPPED = 0x8
AI_ALL = 0x10
AI_ADDRCONFIG = 0x20
AI_IDN = 0x40
AI_CANONIDN = 0x80
AI_NUMERICSERV = 0x400
_DIGITS_AND_DOTS = re.compile(r"[0-9](?:[0-9.]*[0-9])?")
_KNOWN_FLAGS = 0x4FF | 0x300  # 0x300: the two retired AI_IDN_* flags, accepted and ignored


class LookupFailed(Exception):
    """getaddrinfo fails; the argument is the EAI name."""


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of one getaddrinfo call, in C's numbers.

    Parameters:
        name: the node, or None for NULL.
        service: the service, or None for NULL.
        family: ``ai_family`` of the hints.
        socktype: ``ai_socktype``.
        protocol: ``ai_protocol``.
        flags: ``ai_flags``.
    """

    name: str | None
    service: str | None = None
    family: int = AF_UNSPEC
    socktype: int = 0
    protocol: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class NameService:
    """What the name service holds.

    ``names`` maps a lower-case name to its addresses in the order of the hosts file or
    the DNS answer; ``services`` maps (name, protocol) to a port. With ``dns``,
    ``first_reply`` is the record type whose reply arrives first. Only with ``nss`` an IPv6
    address may have a scope id.
    """

    names: Mapping[str, tuple[Target, ...]]
    kind: Literal["files", "dns", "nss"] = "files"
    first_reply: Literal["A", "AAAA"] = "A"
    services: Mapping[tuple[str, str], int] = field(default_factory=dict)
    links: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One addrinfo before sorting."""

    target: Target
    socktype: int
    protocol: int
    port: int


@dataclass(frozen=True, slots=True)
class Found:
    """The addrinfos in the order found, or the EAI name of the failure.

    ``needs_sort`` says whether getaddrinfo goes on to sort: only with more than one address.
    """

    items: tuple[Item, ...] = ()
    error: str | None = None
    needs_sort: bool = False


def find(
    request: Request, service: NameService, seen_ipv4: bool, seen_ipv6: bool, dialect: Dialect
) -> Found:
    """What getaddrinfo has in hand before it sorts.

    ``seen_ipv4`` and ``seen_ipv6`` are those of the address table: an address of the family
    other than 127.0.0.1 or ::1 exists (AI_ADDRCONFIG asks for that).
    """
    try:
        return _find(request, service, seen_ipv4, seen_ipv6, dialect)
    except LookupFailed as failure:
        return Found(error=str(failure))


def _find(
    request: Request, service: NameService, seen_ipv4: bool, seen_ipv6: bool, dialect: Dialect
) -> Found:
    name = None if request.name == "*" else request.name
    servname = None if request.service == "*" else request.service
    if name is None and servname is None:
        raise LookupFailed("EAI_NONAME")
    if request.flags & ~_KNOWN_FLAGS or (request.flags & AI_CANONNAME and name is None):
        raise LookupFailed("EAI_BADFLAGS")
    if request.family not in (AF_UNSPEC, AF_INET, AF_INET6):
        raise LookupFailed("EAI_FAMILY")
    family = request.family
    if request.flags & AI_ADDRCONFIG:
        if family == AF_UNSPEC and seen_ipv4 != seen_ipv6:
            family = AF_INET if seen_ipv4 else AF_INET6
        elif (family == AF_INET and not seen_ipv4) or (family == AF_INET6 and not seen_ipv6):
            raise LookupFailed("EAI_NONAME")
    numeric = bool(request.flags & AI_NUMERICSERV)
    wanted = sockets(
        servname, request.socktype, request.protocol, numeric, service.services, dialect
    )
    if isinstance(wanted, str):
        raise LookupFailed(wanted)
    targets, got_ipv6 = _addresses(name, family, request.flags, service)
    if got_ipv6 and request.flags & (AI_V4MAPPED | AI_ALL) == AI_V4MAPPED:
        targets = [target for target in targets if not is_v4mapped(target.address)]
    if not targets:
        raise LookupFailed("EAI_NONAME")
    return Found(_items(targets, wanted), needs_sort=len(targets) > 1)


def _items(targets: list[Target], wanted: tuple[Socket, ...]) -> tuple[Item, ...]:
    return tuple(
        Item(target, socket.socktype, socket.protocol, socket.port)
        for target in targets
        for socket in wanted
    )


def _addresses(
    name: str | None, family: int, flags: int, service: NameService
) -> tuple[list[Target], bool]:
    """The addresses for a name, and whether an AF_INET6 look-up itself found any."""
    if name is None:
        return _local(family, bool(flags & AI_PASSIVE)), False
    number = _numeric(name, family, flags, service)
    if number is not None:
        return [number], False
    if flags & AI_NUMERICHOST:
        raise LookupFailed("EAI_NONAME")
    if family == AF_INET and not flags & AI_CANONNAME and _looks_numeric(name):
        raise LookupFailed("EAI_NONAME")
    known = service.names.get(name.lower().removesuffix("."))
    if service.kind != "dns" and name.endswith("."):
        known = service.names.get(name.lower())
    if known is None:
        raise LookupFailed("EAI_NONAME")
    if not known:
        raise LookupFailed(_nothing(service))
    if family == AF_UNSPEC:
        return _both_families(known, service), False
    if family == AF_INET:
        found: list[IPAddress] = list(_inet(known, service))
        if not found:
            raise LookupFailed(_nothing(service))
        return [Target(address) for address in found], False
    # by family a module gives a struct hostent, which has no room for scope ids
    six = [one.address for one in known if one.address.version == 6]
    got_ipv6 = bool(six)
    if flags & AI_V4MAPPED and (flags & AI_ALL or not got_ipv6):
        six += [mapped(address) for address in _inet(known, service)]
    if not six:
        raise LookupFailed(_nothing(service))
    return [Target(address) for address in six], got_ipv6


def _looks_numeric(name: str) -> bool:
    """What gethostbyname2(AF_INET), used for plain IPv4 look-ups, never asks the service for."""
    if _DIGITS_AND_DOTS.fullmatch(name):
        return True
    return ":" in name and (name[0] == ":" or name[0] in "0123456789abcdefABCDEF")


def _nothing(service: NameService) -> str:
    # DNS and the module know the name but have no such record; the hosts file knows only
    # whole lines.
    return "EAI_NONAME" if service.kind == "files" else "EAI_NODATA"


def _local(family: int, passive: bool) -> list[Target]:
    targets = []
    if family in (AF_UNSPEC, AF_INET6):
        targets.append(Target(IPv6Address(0 if passive else 1)))
    if family in (AF_UNSPEC, AF_INET):
        targets.append(Target(IPv4Address("0.0.0.0" if passive else "127.0.0.1")))
    return targets


def _numeric(name: str, family: int, flags: int, service: NameService) -> Target | None:
    four = inet_aton(name)
    if four is not None:
        if family in (AF_UNSPEC, AF_INET):
            return Target(four)
        if flags & AI_V4MAPPED:
            return Target(mapped(four))
        raise LookupFailed("EAI_ADDRFAMILY")
    text, zone_given, zone = name.partition("%")
    six = inet_pton6(text)
    if six is None:
        return None
    scope_id = 0
    if family == AF_INET:
        if not is_v4mapped(six):
            raise LookupFailed("EAI_ADDRFAMILY")
        four_int = int(six) & 0xFFFFFFFF
        if zone_given:
            # checked, then dropped; by now the IPv4 address lies over the first four bytes
            _scope_id(IPv6Address(four_int << 96 | int(six)), zone, service)
        return Target(IPv4Address(four_int))
    if zone_given:
        scope_id = _scope_id(six, zone, service)
    return Target(six, scope_id)


def _scope_id(address: IPv6Address, zone: str, service: NameService) -> int:
    # An interface name only for link-local addresses; a number for any.
    multicast_link_local = int(address) >> 112 & 0xFF0F in (0xFF01, 0xFF02)
    if (address.is_link_local or multicast_link_local) and zone in service.links:
        return service.links[zone]
    if zone.isascii() and zone.isdigit():
        digits = zone.lstrip("0") or "0"
        # 10 digits hold every scope id; int() refuses very long strings
        if len(digits) <= 10 and int(digits) <= 0xFFFFFFFF:
            return int(digits)
    raise LookupFailed("EAI_NONAME")


def _both_families(known: tuple[Target, ...], service: NameService) -> list[Target]:
    if service.kind != "dns":
        return list(known)
    four = [one for one in known if one.address.version == 4]
    six = [one for one in known if one.address.version == 6]
    return four + six if service.first_reply == "A" else six + four


def _inet(known: tuple[Target, ...], service: NameService) -> list[IPv4Address]:
    """An AF_INET look-up: the files module also turns ::1 and ::ffff:a.b.c.d into IPv4."""
    found = []
    for address in (one.address for one in known):
        if isinstance(address, IPv4Address):
            found.append(address)
        elif service.kind == "files":
            if is_v4mapped(address):
                found.append(IPv4Address(int(address) & 0xFFFFFFFF))
            elif int(address) == 1:
                found.append(IPv4Address("127.0.0.1"))
    return found

"""From a scenario's words to the arguments of getaddrinfo and the model's name service."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

from harness.model.addresses import parse_target
from harness.model.dialects import Dialect
from harness.model.host import HostView, Target
from harness.model.lookup import NameService, Request, find
from harness.model.table import address_table
from harness.native.query import Query
from harness.scenario.schema import Lookup, Scenario

FAMILIES = {"unspec": 0, "inet": 2, "inet6": 10}
SOCKTYPES = {"any": 0, "stream": 1, "dgram": 2, "raw": 3, "seqpacket": 5, "dccp": 6}
FLAGS = {
    "AI_PASSIVE": 0x1,
    "AI_CANONNAME": 0x2,
    "AI_NUMERICHOST": 0x4,
    "AI_V4MAPPED": 0x8,
    "AI_ALL": 0x10,
    "AI_ADDRCONFIG": 0x20,
    "AI_IDN": 0x40,
    "AI_CANONIDN": 0x80,
    "AI_NUMERICSERV": 0x400,
}


def request_for(lookup: Lookup) -> Request:
    """The C arguments of a scenario's look-up."""
    flags = 0
    for flag in lookup.flags:
        flags |= FLAGS[flag]
    return Request(
        name=lookup.name,
        service=lookup.service,
        family=FAMILIES[lookup.family],
        socktype=SOCKTYPES[lookup.socktype],
        protocol=lookup.protocol,
        flags=flags,
    )


def lookup_title(lookup: Lookup) -> str:
    """A short name for a look-up: its name (or service) and every hint that is not the default."""
    words = [lookup.name if lookup.name is not None else f":{lookup.service}"]
    if lookup.name is not None and lookup.service is not None:
        words[0] += f":{lookup.service}"
    if lookup.family != "unspec":
        words.append(lookup.family)
    if lookup.socktype != "stream":
        words.append(lookup.socktype)
    if lookup.protocol:
        words.append(f"protocol={lookup.protocol}")
    words += lookup.flags
    return " ".join(words)


def name_service(
    scenario: Scenario, view: HostView, services: Mapping[tuple[str, str], int]
) -> NameService:
    """The scenario's names as the model's name service sees them, zones as numbers."""
    links = {link.name: link.index for link in view.links}
    return NameService(
        names={
            name.lower(): tuple(parse_target(text, links) for text in addresses)
            for name, addresses in scenario.names.items()
        },
        kind=scenario.resolver,
        first_reply=scenario.dns.first_reply,
        services=services,
        links=links,
    )


def targets_of(
    requests: Iterable[Request], service: NameService, view: HostView, dialects: Iterable[Dialect]
) -> tuple[Target, ...]:
    """Every destination glibc may sort for these requests, so that its route can be asked for.

    ``view`` needs addresses and links only.
    """
    table = address_table(view.addresses)
    wanted: dict[Target, None] = {}
    spoken = list(dialects)
    for request in requests:
        for dialect in spoken:
            found = find(request, service, table.seen_ipv4, table.seen_ipv6, dialect)
            if found.needs_sort:
                wanted.update((item.target, None) for item in found.items)
    return tuple(wanted)


def family_of(target: Target) -> int:
    """The AF_* number of a target."""
    return socket.AF_INET if target.address.version == 4 else socket.AF_INET6


def query_for(request: Request) -> Query:
    """The same arguments for the native side."""
    return Query(
        request.name,
        request.service,
        request.family,
        request.socktype,
        request.protocol,
        request.flags,
    )

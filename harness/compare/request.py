"""From a scenario's words to the arguments of getaddrinfo and the model's name service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from harness.model.addresses import parse_target
from harness.model.dialects import Dialect
from harness.model.host import HostView, Target
from harness.model.lookup import Found, NameService, Request, find
from harness.model.table import address_table
from harness.native.record import Query
from harness.sandbox import SERVICES
from harness.scenario.schema import Lookup

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


def request_for(lookup: Lookup) -> Query:
    """The C arguments of a scenario's look-up."""
    flags = 0
    for flag in lookup.flags:
        flags |= FLAGS[flag]
    return Query(
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
    names: Mapping[str, Sequence[str]],
    kind: Literal["files", "dns", "nss"],
    first_reply: Literal["A", "AAAA"],
    view: HostView,
) -> NameService:
    """A scenario's names as the model's name service sees them, zones as numbers."""
    links = {link.name: link.index for link in view.links}
    parsed = {
        text: parse_target(text, links) for text in {t for each in names.values() for t in each}
    }
    return NameService(
        names={name.lower(): tuple([parsed[t] for t in each]) for name, each in names.items()},
        kind=kind,
        first_reply=first_reply,
        services=dict(SERVICES),  # the sandbox's table, in a form that can be sent
        links=links,
    )


def found_for(
    requests: Sequence[Request], service: NameService, view: HostView, dialects: Iterable[Dialect]
) -> dict[Dialect, list[Found]]:
    """What getaddrinfo has in hand before it sorts, in each dialect for each request.

    ``view`` needs addresses and links only.
    """
    table = address_table(view.addresses)
    seen = table.seen_ipv4, table.seen_ipv6
    return {one: [find(each, service, *seen, one) for each in requests] for one in dialects}


def targets_of(found: Mapping[Dialect, Iterable[Found]]) -> tuple[Target, ...]:
    """Every destination that glibc may sort, so that its route can be asked for."""
    sorted_ones = (one for listed in found.values() for one in listed if one.needs_sort)
    return tuple(dict.fromkeys(item.target for one in sorted_ones for item in one.items))

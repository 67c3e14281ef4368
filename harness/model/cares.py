"""How c-ares orders addresses: RFC 6724 §6, as far as ares_getaddrinfo follows it.

The table, the rules, the order, and what it makes of its arguments; the names are in `cares_names`
and `cares_dns`, what changed between versions in `cares_rows`. Source: c-ares,
src/lib/ares_getaddrinfo.c and ares_sortaddrinfo.c of the tags that `cares_rows` names. There is no
way to configure the order: c-ares reads no gai.conf, and sortlist of resolv.conf is for
ares_gethostbyname alone.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from harness.model.cares_dns import CaresChannel
from harness.model.cares_names import (
    CaresDns,
    Collected,
    Failed,
    hosts_file,
    ipv4,
    ipv6,
    is_localhost,
)
from harness.model.cares_names import lookups as lookups_of
from harness.model.cares_rows import CaresBehaviour, Status, behaviour
from harness.model.chance import MOST_WAYS, Chance, outcomes
from harness.model.host import HostView, Target
from harness.model.lookup import Found, Item, NameService, Request
from harness.model.netdb import AF, AI, FAMILY
from harness.model.order import RULES, Order, order_of
from harness.model.policy import DEFAULT_SCOPES, Policy, prefixes
from harness.model.services import UndefinedAnswer
from harness.model.standards import RFC6724, Standard, ipv6_bits, known_destinations

NOSORT = 0x40000000
"""ARES_AI_NOSORT, in a place that netdb.h leaves free (csrc/PROTOCOL.md)."""

# RFC 6724 §2.1's table, but :: is no IPv4-compatible address.
POLICY = Policy(
    (*prefixes(("::/128", 1)), *RFC6724.policy.labels),
    (*prefixes(("::/128", 40)), *RFC6724.policy.precedence),
    DEFAULT_SCOPES,
)

# RFC 6724 §6 with these rules:
# 1  as the RFC has it: what a UDP socket cannot be connected to is unreachable.
# 2  as the RFC has it, across families. Of two unreachable destinations too: no source counts as
#    one of scope 1, which a node-local multicast address alone has. Before 1.18 memory that was
#    never written is taken for the source.
# 3, 4 and 7 are left out: c-ares looks at no flag of an address, and at no interface.
# 5  as the RFC has it. Of two unreachable destinations no source counts as one of label 1: a usual
#    IPv6 address goes before one of the rarer kinds, and before IPv4.
# 6  as the RFC has it, of unreachable destinations too.
# 8  as the RFC has it, of unreachable destinations too.
# 9  IPv6 only: all equal leading bits, whatever the source's prefix length.
# 10 as the RFC has it. The sort is qsort(3), which in glibc is the merge sort; its steps matter
#    where ::ffff:a.b.c.d and a.b.c.d stand in one list, as rule 9 then compares only some.
CARES = Standard(
    "c-ares", POLICY, ipv6_bits,
    tuple(rule for rule in RULES if rule.number not in (3, 4, 7)),
)  # fmt: skip


def order(targets: Sequence[Target], view: HostView, version: str) -> Order:
    """The order in which c-ares ``version`` gives ``targets``, which are in the order found.

    Raises KeyError for a target the view has no route for, ValueError for a version too old.
    """
    known = [
        one if one.reachable else replace(one, source_scope=1, source_label=1)  # of nobody
        for one in known_destinations(CARES, CARES.policy, targets, view)
    ]
    found = order_of(known, CARES.rules)
    by_chance = behaviour(version).unreachable_by_chance
    return replace(found, unsettled=sum(by_chance and not one.reachable for one in known))


def not_asked(request: Request, names: NameService) -> str:  # noqa: ARG001
    """Why c-ares is not put a question; "" where it is."""
    if any(one.kind.startswith("nss") or one.kind == "myhostname" for one in names.chain):
        return "a module of nsswitch.conf is glibc's: c-ares reads the hosts file and asks DNS"
    if any("misnamed" in server.words for one in names.chain for server in one.servers):
        return "the model does not know which of them takes the addresses of another name"
    return ""


_EAI = {
    Status.ENODATA: "EAI_NODATA", Status.ENOTFOUND: "EAI_NONAME", Status.EBADNAME: "EAI_NONAME",
    Status.ESERVFAIL: "EAI_AGAIN", Status.ECONNREFUSED: "EAI_AGAIN", Status.ETIMEOUT: "EAI_AGAIN",
    Status.ENOTIMP: "EAI_FAMILY", Status.ESERVICE: "EAI_SERVICE",
}  # fmt: skip


def find(
    request: Request,
    names: NameService,
    view: HostView,  # noqa: ARG001
    version: str,
) -> Found:
    """What c-ares has in hand before it sorts; where time decides, see `Found.ways`.

    These are an upper bound for the likeliest one, and exact for the others. Nothing of the view
    counts. Raises ValueError for a version that is too old.
    """
    own, number, chance = behaviour(version), names.etc.chance, Chance()
    if not number:
        plain = _find(request, names, own, chance)
        return replace(plain, ways=MOST_WAYS) if chance.taken else plain
    ways = [*outcomes(lambda chance: _find(request, names, own, chance))]
    return replace(dict(enumerate(ways)).get(number, ways[0]), ways=len(ways))


def _find(request: Request, names: NameService, own: CaresBehaviour, chance: Chance) -> Found:
    try:
        found, port = _addresses(request, names, own, chance)
    except Failed as failure:
        (status,) = failure.args
        return Found(error=_EAI.get(status, "EAI_FAIL"), errno=status)
    except UndefinedAnswer:
        return Found(undefined=True)
    except _Died:
        return Found(error="SIGSEGV")
    socket = (request.socktype, request.protocol) if request.hints else (0, 0)
    items = tuple(Item(target, *socket, port) for target in found.targets)
    wants_name = request.hints and request.flags & AI.CANONNAME
    return Found(
        items, None, bool(request.name and items[1:]) and not request.flags & NOSORT,
        found.canonname if items and wants_name else None, flags=0, errno=Status.SUCCESS,
    )  # fmt: skip


class _Died(Exception):
    """The process does."""


def _addresses(
    request: Request, names: NameService, own: CaresBehaviour, chance: Chance
) -> tuple[Collected, int]:
    """The addresses and the port of each; raises Failed, _Died."""
    name, family = request.name, request.family if request.hints else AF.UNSPEC
    flags = request.flags if request.hints else 0
    if family not in (AF.UNSPEC, AF.INET, AF.INET6):
        raise Failed(Status.ENOTIMP)
    if name is None and not own.nameless:
        raise _Died
    if name is None and request.service is None:
        raise Failed(Status.ENOTFOUND)
    if name is not None and re.search(r"(?ai)\.onion\.?$", name):
        raise Failed(Status.ENOTFOUND)
    port = _port(request.service, flags, names, own)
    if name is None:
        local = ("::", "0.0.0.0") if flags & AI.PASSIVE else ("::1", "127.0.0.1")
        both = Target(IPv6Address(local[0])), Target(IPv4Address(local[1]))
        targets = [one for one in both if family in (AF.UNSPEC, FAMILY[one.address.version])]
        return Collected(targets), port
    four, six = ipv4(name), ipv6(name, own) if family != AF.INET else None
    found = Collected()
    if four is not None:
        found.targets.append(Target(four))
        found.canonname = name
        if family == AF.INET or not own.literal_asked_for:
            return found, port
        found.canonname = None
    elif six is not None:
        return Collected([Target(six)], name), port
    etc = names.etc
    channel = CaresChannel(etc.servers, etc.resolver, names.first_reply, own, chance)
    dns = CaresDns(name, family, etc, channel)
    status = Status.ECONNREFUSED
    for lookup in lookups_of(etc.hosts_line, own):
        if lookup == "f" and hosts_file(name, family, etc, own, found):
            return found, port
        if lookup == "b" and not is_localhost(name, own):
            status = dns.search(found, status)
            if not status:  # success
                if not found.targets and own.alias_alone == "crash":
                    raise _Died
                return found, port
    raise Failed(status)


def _port(service: str | None, flags: int, names: NameService, own: CaresBehaviour) -> int:
    """The port of a service over TCP, whatever the socket is for; raises Failed."""
    if service is None:
        return 0
    port = 0 if flags & AI.NUMERICSERV else names.services.get((service, "tcp"), 0)
    if port:
        return port
    number = _number(service, own)
    if number is None:
        raise Failed(Status.ESERVICE)
    return number


_BLANKS = r"[ \t\n\v\f\r]*"
_C_NUMBER = re.compile(_BLANKS + r"([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)?", re.A)
_DECIMAL = re.compile(_BLANKS + r"([+-]?)0*([0-9]{1,20})")
_DIGITS = re.compile(r"0*([0-9]{1,5})")
_ULONG = 1 << 64
_MOST_PORT = 65535


def _number(text: str, own: CaresBehaviour) -> int | None:
    if own.port_numbers == "digits":
        plain = _DIGITS.fullmatch(text)
        return int(plain[1]) if plain and int(plain[1]) <= _MOST_PORT else None
    if own.port_numbers == "whole":
        match = _DECIMAL.fullmatch(text)
        return _port_or_none(match[1], int(match[2])) if match else None if text else 0
    match = _C_NUMBER.match(text)
    digits = (match and match[2]) or "0"
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits[0] == "0" else 10
    sign, number = match[1] if match else "", int(digits, base)
    if own.port_numbers == "loose":
        return _port_or_none(sign, number)
    if number >= _ULONG:
        return _MOST_PORT
    return (-number if sign == "-" else number) & _MOST_PORT or None


def _port_or_none(sign: str, number: int) -> int | None:
    """What strtoul(3) makes of a number, None for what is no port."""
    if sign == "-" and number < _ULONG:
        number = -number % _ULONG
    return number if number <= _MOST_PORT else None

"""How musl orders addresses: RFC 6724, as far as musl follows it, in one number for each address.

The table, the rules, the order, and what getaddrinfo makes of its arguments; the names are in
`musl_names`, what changed between versions in `musl_rows`. Source: musl, src/network/lookup_name.c,
getaddrinfo.c, lookup_serv.c and lookup_ipliteral.c; no version from 1.1.24 to 1.2.6 changed the
order. There is no way to configure it: musl reads no gai.conf and no nsswitch.conf.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from harness.model.addresses import as_ipv6_int, mapped, strtoul
from harness.model.gaiconf import PrefixEntry
from harness.model.host import HostView, IPAddress, Target
from harness.model.lookup import Found, Item, NameService, Request
from harness.model.musl_names import MOST_ADDRESSES, dns, hosts_file, number
from harness.model.musl_rows import MuslBehaviour, behaviour
from harness.model.netdb import AF, AI, IPPROTO, SOCK, EaiError
from harness.model.order import RULES, Order
from harness.model.policy import GLOBAL_SCOPE, Policy, prefixes
from harness.model.services import UndefinedAnswer
from harness.model.standards import RFC6724, Standard, all_bits, standard_order

_KNOWN_FLAGS = (
    AI.PASSIVE | AI.CANONNAME | AI.NUMERICHOST | AI.V4MAPPED | AI.ALL | AI.ADDRCONFIG
    | AI.NUMERICSERV
)  # fmt: skip
_LONGEST_NAME = 254
_MOST_PORT = 65535
_MOST_SERVICES = 2
_LOOPBACK4, _LOOPBACK6 = Target(IPv4Address("127.0.0.1")), Target(IPv6Address("::1"))
_ANY4, _ANY6 = Target(IPv4Address(0)), Target(IPv6Address(0))
# the errors of a socket or a connect() that mean "there is none of this family"
_ABSENT = frozenset(
    {"EADDRNOTAVAIL", "EAFNOSUPPORT", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"}
)  # fmt: skip

_GIVEN_BACK = ("::/96", "3ffe::/16", "fec0::/10")


def _still_used(table: Sequence[PrefixEntry]) -> tuple[PrefixEntry, ...]:
    return tuple(one for one in table if f"{IPv6Address(one.prefix)}/{one.bits}" not in _GIVEN_BACK)


# RFC 6724 §2.1's table without the rows of address ranges that were given back.
POLICY = Policy(
    _still_used(RFC6724.policy.labels), _still_used(RFC6724.policy.precedence),
    prefixes(("0.0.0.0/0", GLOBAL_SCOPE)),
)  # fmt: skip


def common_prefix(destination: IPAddress, source: IPAddress, prefixlen: int) -> int:
    """CommonPrefixLen of RFC 3484 §2.2, of an IPv4 address as ::ffff:a.b.c.d: 96 bits and more."""
    one, other = (IPv6Address(as_ipv6_int(each)) for each in (destination, source))
    return all_bits(one, other, prefixlen)


# RFC 6724 §6 with these rules:
# 1  as the RFC has it: what a UDP socket cannot be connected to is unreachable.
# 2  as the RFC has it, across families; but every IPv4 address is global, 127.0.0.1 and
#    169.254.0.0/16 too, since musl looks at ::ffff:a.b.c.d.
# 3, 4 and 7 are left out: musl looks at no flag of an address, and at no interface.
# 5  as the RFC has it.
# 6  as the RFC has it, of unreachable destinations too.
# 8  as the RFC has it, of unreachable destinations too.
# 9  all equal leading bits, whatever the source's prefix length: for IPv4 as well, where IPv6
#    addresses are in the list, and across families (only ::ffff:a.b.c.d and a.b.c.d come so far).
# 10 no two have the same number, so that the sort's own steps do not matter.
MUSL = Standard(
    "musl", POLICY, common_prefix,
    tuple(
        replace(rule, values=lambda a, b: (a.common_prefix, b.common_prefix))
        if rule.number == 9 else rule
        for rule in RULES if rule.number not in (3, 4, 7)
    ),
)  # fmt: skip


def order(targets: Sequence[Target], view: HostView, version: str = "") -> Order:  # noqa: ARG001
    """The order in which musl gives ``targets``, which are in the order found.

    It is that of every ``version``. Raises KeyError for a target the view has no route for.
    """
    return standard_order(MUSL, targets, view)


def not_asked(request: Request, names: NameService) -> str:  # noqa: ARG001
    """Why musl is not put a question; "" where it is."""
    if any(one.kind.startswith("nss") or one.kind == "myhostname" for one in names.chain):
        return "a module of nsswitch.conf is glibc's: musl reads the hosts file and asks DNS"
    return ""


def find(request: Request, names: NameService, view: HostView, version: str) -> Found:
    """What musl has in hand before it sorts. A list of IPv4 addresses alone is never sorted.

    Of the view's routes only those to 127.0.0.1 and ::1 count, with AI_ADDRCONFIG; without them
    both are there. Raises ValueError for a version that is too old.
    """
    try:
        return _find(request, names, view, behaviour(version))
    except EaiError as failure:
        return Found(error=str(failure))
    except UndefinedAnswer:
        return Found(undefined=True)


def _find(request: Request, names: NameService, view: HostView, own: MuslBehaviour) -> Found:
    if not request.hints:  # where glibc takes AI_ADDRCONFIG and AI_V4MAPPED, musl takes none
        request = replace(request, flags=0)
    family, flags = request.family, request.flags
    if request.name is None and request.service is None:
        raise EaiError("EAI_NONAME")
    if flags & ~_KNOWN_FLAGS:
        raise EaiError("EAI_BADFLAGS")
    if family not in (AF.UNSPEC, AF.INET, AF.INET6):
        raise EaiError("EAI_FAMILY")
    missing = False
    if flags & AI.ADDRCONFIG:
        family, missing = _configured(family, view, own)
    sockets = _sockets(request, names.services)
    # IPv4 in the place of IPv6 is a look-up for both, of which the one is then taken
    both = family not in (AF.UNSPEC, AF.INET) and bool(flags & AI.V4MAPPED)
    if both:
        family = AF.UNSPEC
    targets, canonname = _addresses(request.name, family, flags, names, own)
    if missing:
        raise EaiError("EAI_NODATA")
    if both:
        six = [one for one in targets if one.address.version == 6]
        chosen = targets if flags & AI.ALL or not six else six
        targets = [mapped(one.address) if one.address.version == 4 else one for one in chosen]
    has_ipv6 = any(one.address.version == 6 for one in targets)
    items = tuple(Item(target, *socket) for target in targets for socket in sockets)
    return Found(
        items, None, bool(targets[1:]) and has_ipv6, canonname, all_named=True, flags=0
    )  # fmt: skip


def _configured(family: int, view: HostView, own: MuslBehaviour) -> tuple[int, bool]:
    """The family that is left by AI_ADDRCONFIG, and whether the one asked for is missing.

    A family is there where its loopback address can be reached.
    """
    missing = False
    for other, loopback in ((AF.INET6, _LOOPBACK4), (AF.INET, _LOOPBACK6)):
        route = view.routes.get(loopback)
        if family == other or route is None or route.source is not None:
            continue
        if route.error not in _ABSENT:
            raise EaiError("EAI_SYSTEM")
        if family and not own.no_data_told:
            raise EaiError("EAI_NONAME")
        missing |= bool(family)
        family = other
    return family, missing


def _sockets(
    request: Request, services: Mapping[tuple[str, str], int]
) -> list[tuple[int, int, int]]:
    service, socktype, protocol = request.service, request.socktype, request.protocol
    usual = {SOCK.STREAM: IPPROTO.TCP, SOCK.DGRAM: IPPROTO.UDP}
    if socktype in usual:
        if protocol not in (0, usual[socktype]):
            raise EaiError("EAI_SERVICE")
        protocol = usual[socktype]
    elif socktype:
        if service is not None:
            raise EaiError("EAI_SERVICE")
        return [(socktype, protocol & 0xFF, 0)]  # kept in a byte
    # of any type with another protocol than these two, both are given
    asked = [
        pair for pair in usual.items()
        if protocol not in usual.values() or protocol == pair[1]
    ]  # fmt: skip
    port = strtoul(service, 64) if service else 0
    if service == "" or (port is not None and port > _MOST_PORT):
        raise EaiError("EAI_SERVICE")
    if port is not None:
        return [(*pair, port) for pair in asked]
    if request.flags & AI.NUMERICSERV:
        raise EaiError("EAI_NONAME")
    # any words of a line count as its name: "80/tcp" too
    texts: dict[tuple[str, int], str] = {}
    for (name, text), held in services.items():
        texts[text, held] = f"{texts.get((text, held), '')} {name}" + (
            "" if (text, held) in texts else f" {held}/{text}"
        )
    lines = [key for key, line in texts.items() if f" {service} " in f"{line} "]
    by_name = {"tcp": (SOCK.STREAM, IPPROTO.TCP), "udp": (SOCK.DGRAM, IPPROTO.UDP)}
    found = [(*by_name[text], held) for text, held in lines if by_name.get(text) in asked]
    if not found:
        raise EaiError("EAI_SERVICE")
    return found[:_MOST_SERVICES]


def _addresses(
    name: str | None, family: int, flags: int, names: NameService, own: MuslBehaviour
) -> tuple[list[Target], str | None]:
    """The addresses of a name, or for none, and the canonical name; raises as `find` catches."""
    if name is None:
        local = (_ANY4, _ANY6) if flags & AI.PASSIVE else (_LOOPBACK4, _LOOPBACK6)
        unwanted = {AF.INET: 6, AF.INET6: 4}.get(family)
        return [one for one in local if one.address.version != unwanted], None
    if not name or len(name.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
        raise EaiError("EAI_NONAME")
    literal = number(name, family, names.links, own)
    if literal is not None:
        return [literal], name
    if flags & AI.NUMERICHOST:
        raise EaiError("EAI_NONAME")
    found = hosts_file(name, family, names, own)
    if found is None:
        found = dns(name, family, names.etc, own)
    return found[0][:MOST_ADDRESSES], found[1]

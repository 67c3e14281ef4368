"""How Go's own resolver orders addresses: RFC 6724, as far as Go follows it.

What net.LookupIP, and with it net.Dial, gives where it does not ask getaddrinfo: a program built
without cgo, PreferGo, GODEBUG=netdns=go, and by default where nsswitch.conf is a plain one. The
table, the rules, the order; where the names come from is in `golang_names`, what changed between
versions in `golang_rows`. Source: golang/go, src/net/addrselect.go, ipsock.go and lookup.go; no
version from 1.15 to 1.26 changed the order. There is no way to configure it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from harness.model.golang_names import find_targets, literal
from harness.model.golang_rows import GoBehaviour, behaviour
from harness.model.host import HostView, IPAddress, Route, Target
from harness.model.lookup import Found, Item, NameService, Request
from harness.model.netdb import AF, FAMILY, SOCK, EaiError
from harness.model.order import RULES, Order
from harness.model.standards import RFC6724, Standard, ipv6_bits, of_reached, standard_order

_INTERFACE_ID = 64  # bits of an IPv6 address that rule 9 does not look at
_ANY_IPV4, _ANY_IPV6 = Target(IPv4Address(0)), Target(IPv6Address(0))


def _of_ipv6_half(destination: IPAddress, source: IPAddress, prefixlen: int) -> int:
    """CommonPrefixLen of RFC 6724 §2.2: up to the interface identifier, whatever the prefix length.

    For IPv4 the rule undid DNS round robin, so Go dropped it there (golang/go#13283, #18518).
    """
    return min(ipv6_bits(destination, source, prefixlen), _INTERFACE_ID)


# RFC 6724 §2.1's table, and §6 with these rules:
# 1  as the RFC has it: what a UDP socket cannot be connected to is unreachable. Two such
#    destinations are equal in all that follows.
# 2  as the RFC has it, across families; site-local is fec0::/10, an IPv4 address is link-local in
#    127.0.0.0/8 and 169.254.0.0/16, else global.
# 3, 4 and 7 are left out: Go looks at no flag of an address, and at no interface.
# 5  as the RFC has it.
# 6  as the RFC has it. No IPv6 address has IPv4's precedence, 35: below, families do not meet.
# 8  as the RFC has it.
# 9  for IPv6 alone, up to 64 bits.
# 10 the sort is stable.
GOLANG = Standard(
    "Go", RFC6724.policy, _of_ipv6_half,
    tuple(
        of_reached(rule) if rule.number in (6, 8) else rule
        for rule in RULES if rule.number not in (3, 4, 7)
    ),
)  # fmt: skip


def order(targets: Sequence[Target], view: HostView, version: str = "") -> Order:  # noqa: ARG001
    """The order in which Go gives ``targets``, which are in the order found.

    It is that of every ``version``. Raises KeyError for a target the view has no route for.
    """
    routes = {target: _broadcasting(view.routes[target]) for target in targets}
    return standard_order(GOLANG, targets, replace(view, routes=routes))


def _broadcasting(route: Route) -> Route:
    """The way to a broadcast address, which Go's sockets may send to (SO_BROADCAST)."""
    return route if route.broadcast is None else Route(route.broadcast)


def find(request: Request, names: NameService, view: HostView, version: str) -> Found:
    """What Go has in hand before it sorts: an address for each item, of no socket type.

    For both families that is LookupIPAddr's, for one LookupIP's, which knows no zones. An error is
    named by the EAI code that says most nearly what it says: EAI_NONAME for "no such host",
    EAI_AGAIN for one that is temporary or a time-out, EAI_ADDRFAMILY for "no suitable address",
    EAI_FAIL for all others.
    """
    try:
        targets = _find(request, names, view, behaviour(version))
    except EaiError as failure:
        return Found(error=str(failure))
    items = tuple(Item(target, 0, 0, 0) for target in targets)
    return Found(items, needs_sort=bool(items[1:]), flags=0)


def _find(
    request: Request, names: NameService, view: HostView, own: GoBehaviour
) -> Sequence[Target]:
    name, family = request.name or "", request.family
    number = literal(name, _interfaces(names, view), own)
    if number is None:
        hostname = None if view.own is None else view.own.hostname
        targets = find_targets(name, family, names, hostname, own)
    else:
        targets = [number]
    if family not in FAMILY.values():
        return targets
    # a host may have IPv6 by half (golang/go#18806)
    if [one.address for one in targets] == [_ANY_IPV6.address]:
        targets = [_ANY_IPV6, _ANY_IPV4]
    taken = [Target(one.address) for one in targets if FAMILY[one.address.version] == family]
    if not taken:
        raise EaiError("EAI_ADDRFAMILY")
    return taken


def _interfaces(names: NameService, view: HostView) -> Mapping[str, int]:
    """The interfaces that Go knows, by one name each: a dump gives them, where it has all of it."""
    if not view.netlink:
        return {}
    others = {name for one in view.links for name in one.altnames}
    return {
        name: index
        for name, index in names.links.items()
        if index not in view.unlisted and name not in others
    }


def not_asked(request: Request, names: NameService) -> str:
    """Why Go is not put a question, or ""."""
    if request.name is None or request.service is not None:
        return "LookupIPAddr is asked for a name alone, and takes no service"
    if request.family not in (AF.UNSPEC, AF.INET, AF.INET6):
        return "Go knows the networks ip, ip4 and ip6 alone"
    if request.flags and request.hints:
        return "Go has no word for getaddrinfo's flags"
    if request.protocol or request.socktype not in range(SOCK.DGRAM + 1):
        return "LookupIPAddr looks addresses up for no kind of socket"
    if not any(service.kind in ("files", "dns") for service in names.chain):
        return "a module of nsswitch.conf is glibc's: Go reads the hosts file and asks DNS"
    return ""

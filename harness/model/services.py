"""The services of the ``hosts:`` line of nsswitch.conf: what each says, and what glibc makes of it.

Follows `getaddrinfo` and, for plain IPv4 look-ups, ``gethostbyname2_r``, which it then calls.
Sources: nsswitch.conf(5), host.conf(5), and glibc's history as `harness.model.dialects` names it.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple

from harness.model import myhostname
from harness.model.addresses import V4MAPPED, is_v4mapped, unmapped
from harness.model.dialects import Dialect
from harness.model.host import IPAddress, OwnNames, Target

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
AI_CANONNAME, AI_V4MAPPED, AI_ALL = 0x2, 0x8, 0x10
FAMILY = {4: AF_INET, 6: AF_INET6}

Kind = Literal["files", "dns", "nss", "nss_by_family", "myhostname"]
Status = Literal["SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN"]
Action = Literal["return", "continue", "merge"]

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def ascii_lower(name: str) -> str:
    """``name`` as strcasecmp(3) compares it in the C locale: only A to Z have another case."""
    return name.translate(_LOWER)


class LookupFailed(Exception):
    """getaddrinfo fails; the argument is the EAI name."""


class UndefinedAnswer(Exception):
    """What glibc answers depends on memory that it overwrites."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """How DNS is asked: search domains, ndots and options of resolv.conf(5)."""

    search: tuple[str, ...] = ()
    ndots: int = 1
    options: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Service:
    """One service: what it holds, and what glibc does after each status.

    ``names`` maps a lower-case name to its addresses in the service's order; ``owners`` has the
    first name of the hosts file's line of each, where that is not the name as ``spelled``. Without
    ``multi`` the hosts file gives the first line only that can be said in the family asked for.
    ``actions`` has what is not the default: to return after SUCCESS, and to go on otherwise.
    ``resolver`` is of DNS alone, ``own`` of myhostname, which has no ``names``.
    """

    kind: Kind = "files"
    names: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    multi: bool = True
    actions: Mapping[Status, Action] = field(default_factory=dict)
    resolver: Resolver = Resolver()
    own: OwnNames | None = None

    def held(self, name: str, dialect: Dialect) -> tuple[Target, ...] | None:
        """The addresses it has for a name; None for a name it does not know."""
        if self.own is None:
            return self.names.get(self.key(name))
        known = myhostname.answer(self.own, name, AF_UNSPEC, dialect)
        return None if known is None else known[1]

    def key(self, name: str) -> str:
        """How ``names`` has a name that is asked for: DNS has none with a final dot."""
        return ascii_lower(name.removesuffix(".") if self.kind == "dns" else name)

    def action(self, status: Status) -> Action:
        """What glibc does after the service has given ``status``."""
        return self.actions.get(status, "return" if status == "SUCCESS" else "continue")


class Reply(NamedTuple):
    """What a service gives: ``no_data`` where it knows the name and no address to be had."""

    status: Status
    targets: tuple[Target, ...] = ()
    canonname: str | None = None
    no_data: bool = False


class Answer(NamedTuple):
    """The addresses of a name; ``got_ipv6``: an AF_INET6 look-up itself found some."""

    targets: list[Target]
    got_ipv6: bool
    canonname: str | None


def answer(
    chain: Sequence[Service],
    name: str,
    family: int,
    flags: int,
    first_reply: Literal["A", "AAAA"],
    dialect: Dialect,
) -> Answer:
    """What the services of ``chain`` make of a name. ``first_reply``: the DNS reply that is first.

    Raises LookupFailed, and UndefinedAnswer for what chance decides.
    """
    if family == AF_INET and not flags & AI_CANONNAME:
        return _through_gethostbyname2(chain, name, dialect)
    at_once = family == AF_UNSPEC or dialect.families_asked_together
    found = Answer([], got_ipv6=False, canonname=None)
    no_data = no_inet6_data = merge = False
    status: Status = "UNAVAIL"
    for service in chain:
        if dialect.continue_discards:
            found = Answer([], got_ipv6=False, canonname=None)
            if merge:  # which the database of hosts does not know
                if status in ("UNAVAIL", "TRYAGAIN"):
                    raise LookupFailed("EAI_SYSTEM")
                break
        elif found.targets and at_once:
            raise UndefinedAnswer
        if at_once and service.kind != "nss_by_family":
            reply = _both_families(service, name, first_reply, dialect)
            taken = _taken(reply.targets, family, flags)
            no_data = no_inet6_data = reply.no_data or (reply.status == "SUCCESS" and not taken)
            got_ipv6 = family == AF_INET6 and any(one.address.version == 6 for one in reply.targets)
            status, replies = reply.status, [reply]
        else:
            first = AF_INET if family == AF_INET else AF_INET6
            replies = [_of_family(service, name, first, dialect)]
            six, taken = replies[0], list(replies[0].targets)
            no_data = no_inet6_data = six.no_data and _tells(service, dialect)
            got_ipv6 = found.got_ipv6 or (first == AF_INET6 and bool(taken))
            maps = flags & AI_V4MAPPED and (flags & AI_ALL or not got_ipv6)
            if family == AF_UNSPEC or (family == AF_INET6 and maps):
                four = _of_family(service, name, AF_INET, dialect)
                replies.append(four)
                no_data = four.no_data and _tells(service, dialect)
                got_ipv6 &= not (four.targets and dialect.last_family_noted)
                others = list(four.targets)
                if family == AF_INET6:
                    others = [mapped(one.address) for one in others]
                kept = dialect.mapped_beside_ipv6 or not others
                taken = [*taken, *others] if kept else others
            status = "SUCCESS" if any(one.status == "SUCCESS" for one in replies) else six.status
        names = [found.canonname, *(one.canonname for one in replies)]
        canonname = next((one for one in names if one is not None), None)
        found = Answer([*found.targets, *taken], got_ipv6, canonname)
        action = service.action(status)
        if action == "return":
            break
        merge = action == "merge"
    if no_data and no_inet6_data:
        raise LookupFailed("EAI_NODATA")
    if not found.targets:
        raise LookupFailed("EAI_NONAME")
    return found


def _tells(service: Service, dialect: Dialect) -> bool:
    """Whether glibc hears of a look-up for one family that the name is known."""
    return dialect.no_data_told_by_family or service.kind.startswith("nss")


def _through_gethostbyname2(chain: Sequence[Service], name: str, dialect: Dialect) -> Answer:
    """AF_INET without AI_CANONNAME. It knows merging, but not how to merge hosts.

    Where that does not end the look-up, the addresses kept count as the next service's answer if
    that has none, and both are lost if it has some.
    """
    reply = Reply("UNAVAIL")
    status: Status = "UNAVAIL"
    kept: Reply | None = None
    for service in chain:
        own = _of_family(service, name, AF_INET, dialect)
        status = own.status
        if kept is None:
            reply = own
        elif status == "SUCCESS":
            status, kept = "UNAVAIL", None
        elif service.kind == "files":
            raise UndefinedAnswer  # it has read its lines to where the addresses lie
        else:
            status = "SUCCESS"
        if status == "SUCCESS" and service.action(status) == "merge":
            if dialect.merge_ends_lookup:
                raise LookupFailed("EAI_NODATA")  # EINVAL, which getaddrinfo takes for this
            status, kept = "UNAVAIL", reply
        if service.action(status) == "return":
            break
    if status == "SUCCESS":
        return Answer(list(reply.targets), got_ipv6=False, canonname=None)
    told = status == "UNAVAIL" or (reply.no_data and dialect.no_data_told_by_family)
    raise LookupFailed("EAI_NODATA" if told else "EAI_NONAME")


def _taken(targets: Sequence[Target], family: int, flags: int) -> list[Target]:
    """What a look-up takes of an answer for both families, each at its place."""
    maps = family == AF_INET6 and flags & AI_V4MAPPED
    return [
        one if family in (AF_UNSPEC, FAMILY[one.address.version]) else mapped(one.address)
        for one in targets
        if family in (AF_UNSPEC, FAMILY[one.address.version]) or maps
    ]


def mapped(address: IPAddress) -> Target:
    """An IPv4 address in its IPv6 form."""
    return Target(IPv6Address(V4MAPPED | int(address)))


# --- one service


def _both_families(service: Service, name: str, first_reply: str, dialect: Dialect) -> Reply:
    """A service's gethostbyname4_r."""
    if service.own is not None:
        return _own(service.own, name, AF_UNSPEC, dialect)
    # with single-request the second question waits for the first reply, and A is asked for first
    alone = "single-request" in service.resolver.options
    first = 4 if first_reply == "A" or alone else 6

    def once(spelled: str) -> Reply:
        key, known = _known(service, spelled, dialect)
        found = list(enumerate(known or ()))
        if service.kind == "dns":
            found.sort(key=lambda one: one[1].address.version != first)
        return _reply(service, spelled, key, known, found)

    return _searched(service, name, once)


def _of_family(service: Service, name: str, family: int, dialect: Dialect) -> Reply:
    """A service's gethostbyname3_r, or 2_r: its struct hostent has no room for scope ids."""
    if service.own is not None:
        return _own(service.own, name, family, dialect)

    def once(spelled: str) -> Reply:
        key, known = _known(service, spelled, dialect)
        told = (
            (place, _said_in(service, one.address, family)) for place, one in enumerate(known or ())
        )
        found = [(place, Target(address)) for place, address in told if address is not None]
        return _reply(service, spelled, key, known, found)

    return _searched(service, name, once)


def _own(own: OwnNames, name: str, family: int, dialect: Dialect) -> Reply:
    known = myhostname.answer(own, name, family, dialect)
    return Reply("NOTFOUND") if known is None else Reply("SUCCESS", known[1], known[0])


def _searched(service: Service, name: str, once: Callable[[str], Reply]) -> Reply:
    """The first answer to a name as it is and with each search domain, as resolv.conf(5) says.

    Without one, what is said of the name as it is counts if that was asked first, else whether any
    of them is known.
    """
    resolver = service.resolver
    if not resolver.search or service.kind != "dns":
        return once(name)
    own: Reply | None = None
    if name.endswith(".") or name.count(".") >= resolver.ndots:
        own = once(name)
        if own.status == "SUCCESS" or name.endswith("."):
            return own
    known = False
    for domain in resolver.search:
        reply = once(f"{name}.{domain}")
        if reply.status == "SUCCESS":
            return reply
        known |= reply.no_data
    if own is not None:
        return own
    reply = once(name)
    return reply._replace(no_data=reply.no_data or known) if reply.status != "SUCCESS" else reply


def _known(service: Service, name: str, dialect: Dialect) -> tuple[str, Sequence[Target] | None]:
    key = service.key(name)
    known = service.names.get(key)
    if known and "no-aaaa" in service.resolver.options and dialect.no_aaaa_known:
        return key, [one for one in known if one.address.version == 4]
    return key, known


def _reply(
    service: Service,
    name: str,
    key: str,
    known: Sequence[Target] | None,
    found: Sequence[tuple[int, Target]],
) -> Reply:
    """A reply with the addresses ``found``, each with its place in what is ``known``."""
    if not found:
        # the hosts file knows only whole lines: either one of the family is there, or no name
        return Reply("NOTFOUND", no_data=known is not None and service.kind != "files")
    if service.kind == "files" and not service.multi:
        found = found[:1]
    if service.kind == "dns":
        canonname = name.removesuffix(".")
    elif key in service.owners:
        canonname = service.owners[key][found[0][0]]
    else:
        canonname = service.spelled.get(key, name)
    return Reply("SUCCESS", tuple(target for _, target in found), canonname)


def _said_in(service: Service, address: IPAddress, family: int) -> IPAddress | None:
    """An address in a family: the files module also turns ::1 and ::ffff:a.b.c.d into IPv4."""
    if FAMILY[address.version] == family:
        return address
    if family == AF_INET and service.kind == "files" and isinstance(address, IPv6Address):
        if is_v4mapped(address):
            return unmapped(address)
        if int(address) == 1:
            return IPv4Address("127.0.0.1")
    return None

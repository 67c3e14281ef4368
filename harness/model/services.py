"""The services of the ``hosts:`` line of nsswitch.conf: what each says, and what glibc makes of it.

Follows `getaddrinfo` and, for plain IPv4 look-ups, ``gethostbyname2_r``, which it then calls.
Sources: nsswitch.conf(5), host.conf(5), and glibc's history as `harness.model.dialects` names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple

from harness.model import myhostname
from harness.model.addresses import V4MAPPED, is_v4mapped, unmapped
from harness.model.dialects import Dialect
from harness.model.dns import Record, Reply, Resolver, Server, Status, Trouble, ascii_lower, ask
from harness.model.host import IPAddress, OwnNames, Target

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
AI_CANONNAME, AI_V4MAPPED, AI_ALL = 0x2, 0x8, 0x10
FAMILY = {4: AF_INET, 6: AF_INET6}

Kind = Literal["files", "dns", "nss", "nss_by_family", "myhostname", "missing"]
"""What a service is; ``missing``: the machine has no module of that name."""

Action = Literal["return", "continue", "merge"]


class LookupFailed(Exception):
    """getaddrinfo fails; the argument is the EAI name."""


class StaleFailure(LookupFailed):
    """The same, unless an earlier look-up of the process has left another h_errno."""


class UndefinedAnswer(Exception):
    """What glibc answers depends on memory that it overwrites, or a module of it on chance."""


class Source(NamedTuple):
    """Who has an address: the service's place on the line, and of dns the server and the name
    that it is asked for.
    """

    service: int = 0
    server: int = 0
    spelled: str | None = None


class Held(NamedTuple):
    """An address that a service has, and the name that has it where that is another one."""

    target: Target
    name: str | None = None
    source: Source = Source()


@dataclass(frozen=True, slots=True)
class Service:
    """One service: what it holds, and what glibc does after each status.

    ``names`` maps a lower-case name to its addresses in the service's order; ``owners`` has the
    first name of the hosts file's line of each, where that is not the name as ``spelled``. Without
    ``multi`` the hosts file gives the first line only that can be said in the family asked for.
    ``actions`` has what is not the default: to return after SUCCESS, and to go on otherwise.
    ``resolver`` and ``servers`` are of DNS alone; without servers there is one with ``names``.
    ``own`` is of myhostname, which has no ``names``.
    """

    kind: Kind = "files"
    names: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    multi: bool = True
    actions: Mapping[Status, Action] = field(default_factory=dict)
    resolver: Resolver = field(default_factory=Resolver)
    servers: tuple[Server, ...] = ()
    own: OwnNames | None = None

    def key(self, name: str) -> str:
        """How ``names`` has a name that is asked for: DNS has none with a final dot."""
        return ascii_lower(name.removesuffix(".") if self.kind == "dns" else name)

    @property
    def dns_servers(self) -> tuple[Server, ...]:
        """The servers that the dns service asks."""
        return self.servers or (Server(self.names),)

    def sources(self, name: str, place: int) -> Iterator[Source]:
        """Who may have a name: the service, which stands at a ``place``, or each DNS server."""
        if self.kind != "dns":
            yield Source(place)
            return
        for spelled in self.resolver.spellings(name):
            yield from (Source(place, n, spelled) for n in range(len(self.dns_servers)))

    def held(self, name: str, dialect: Dialect, place: int = 0) -> tuple[Held, ...] | None:
        """The addresses it has for a name, with DNS in any spelling; None for one unknown."""
        asked, found = ascii_lower(name.removesuffix(".")), list[Held]()
        is_known = False
        for source in self.sources(name, place):
            holder, targets = None, self.names.get(self.key(name))
            if self.own is not None:
                found_own = myhostname.answer(self.own, name, AF_UNSPEC, dialect)
                targets = None if found_own is None else found_own[1]
            elif source.spelled is not None:
                end, targets = self.dns_servers[source.server].held(source.spelled)
                holder = None if ascii_lower(end) == asked else end
            is_known |= targets is not None
            before = {(one.target, one.name) for one in found}
            for target in targets or ():  # servers tell much the same
                if not source.server or (target, holder) not in before:
                    found.append(Held(target, holder, source))
        return tuple(found) if is_known else None

    def action(self, status: Status) -> Action:
        """What glibc does after the service has given ``status``."""
        return self.actions.get(status, "return" if status == "SUCCESS" else "continue")


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
    first_reply: Record,
    dialect: Dialect,
) -> Answer:
    """What the services of ``chain`` make of a name. ``first_reply``: the DNS reply that is first.

    Raises LookupFailed, and UndefinedAnswer for what chance decides.
    """
    if family == AF_INET and not flags & AI_CANONNAME:
        return _through_gethostbyname2(chain, name, first_reply, dialect)
    at_once = family == AF_UNSPEC or dialect.families_asked_together
    found = Answer([], got_ipv6=False, canonname=None)
    trouble: Trouble = ""
    of_ipv6: Trouble = ""
    merge = False
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
        if service.kind == "missing":
            status, taken, replies, got_ipv6 = "UNAVAIL", [], [], found.got_ipv6
            trouble = "NETDB_INTERNAL" if dialect.no_data_told_by_family else trouble
        elif at_once and service.kind != "nss_by_family":
            reply = _both_families(service, name, first_reply, dialect)
            taken = _taken(reply.targets, family, flags)
            trouble = reply.trouble
            if reply.status == "SUCCESS":
                trouble = "" if taken else "NO_DATA"
            of_ipv6 = trouble
            got_ipv6 = family == AF_INET6 and any(one.address.version == 6 for one in reply.targets)
            status, replies = reply.status, [reply]
        else:
            first = AF_INET if family == AF_INET else AF_INET6
            replies = [_of_family(service, name, first, first_reply, dialect)]
            six, taken = replies[0], list(replies[0].targets)
            status = six.status
            trouble = of_ipv6 = _told(six, service, dialect)
            got_ipv6 = found.got_ipv6 or (first == AF_INET6 and bool(taken))
            maps = flags & AI_V4MAPPED and (flags & AI_ALL or not got_ipv6)
            if family == AF_UNSPEC or (family == AF_INET6 and maps):
                four = _of_family(service, name, AF_INET, first_reply, dialect)
                replies.append(four)
                trouble = _told(four, service, dialect)
                got_ipv6 &= not (four.targets and dialect.last_family_noted)
                others = list(four.targets)
                if family == AF_INET6:
                    others = [mapped(one.address) for one in others]
                kept = dialect.mapped_beside_ipv6 or not others
                taken = [*taken, *others] if kept else others
                if six.status in ("SUCCESS", "TRYAGAIN") and four.status != "SUCCESS":
                    status = six.status
                elif four.status != "UNAVAIL":
                    status = four.status
        names = [found.canonname, *(one.canonname for one in replies)]
        canonname = next((one for one in names if one is not None), None)
        found = Answer([*found.targets, *taken], got_ipv6, canonname)
        action = service.action(status)
        if action == "return":
            break
        merge = action == "merge"
    if trouble == "NETDB_INTERNAL":
        raise LookupFailed("EAI_SYSTEM")
    told = "NO_DATA", "TRY_AGAIN"
    if trouble in told and of_ipv6 in told:
        raise LookupFailed("EAI_AGAIN" if trouble == of_ipv6 == "TRY_AGAIN" else "EAI_NODATA")
    if not found.targets:
        raise LookupFailed("EAI_NONAME")
    return found


def _told(reply: Reply, service: Service, dialect: Dialect) -> Trouble:
    """What glibc hears of a look-up for one family."""
    heard = dialect.no_data_told_by_family or service.kind.startswith("nss")
    return reply.trouble if heard else ""


def _through_gethostbyname2(
    chain: Sequence[Service], name: str, first_reply: Record, dialect: Dialect
) -> Answer:
    """AF_INET without AI_CANONNAME. It knows merging, but not how to merge hosts.

    Where that does not end the look-up, the addresses kept count as the next service's answer if
    that has none, and both are lost if it has some.
    """
    own = reply = Reply("NOTFOUND")  # where nobody is asked, errno says that nothing went wrong
    status: Status = "NOTFOUND"
    kept: Reply | None = None
    has_errno = False
    told: Trouble | None = None  # h_errno
    for service in chain:
        if service.kind == "missing":  # and passed over, as long as that may go on
            if service.action("UNAVAIL") != "continue":
                break
            continue
        own = _of_family(service, name, AF_INET, first_reply, dialect)
        status = own.status
        has_errno |= _sets_errno(service, own, dialect)
        if service.kind != "files" or service.multi or status != "SUCCESS":
            told = own.trouble
        if kept is None:
            reply = own
        elif status == "SUCCESS":
            status, kept = "UNAVAIL", None
        elif service.kind == "files" or own.read:
            raise UndefinedAnswer  # it has read lines, or records, to where the addresses lie
        else:
            status = "SUCCESS"
        if status == "SUCCESS" and service.action(status) == "merge":
            if dialect.merge_ends_lookup:
                raise _failure(told)  # EINVAL
            status, kept = "UNAVAIL", reply
        if service.action(status) == "return":
            break
    if status == "SUCCESS":
        return Answer(list(reply.targets), got_ipv6=False, canonname=None)
    if own.status == "UNAVAIL" and not has_errno:
        status = "NOTFOUND"
    if status != "NOTFOUND":  # errno is set, and h_errno is looked at for two words alone
        raise _failure(told)
    no_data = own.trouble == "NO_DATA" and dialect.no_data_told_by_family
    raise LookupFailed("EAI_NODATA" if no_data else "EAI_NONAME")


def _failure(told: Trouble | None) -> LookupFailed:
    """What getaddrinfo makes of an errno, with the h_errno of the services if they have set it."""
    if told is None:
        return StaleFailure("EAI_NODATA")
    return LookupFailed("EAI_AGAIN" if told == "TRY_AGAIN" else "EAI_NODATA")


def _sets_errno(service: Service, reply: Reply, dialect: Dialect) -> bool:
    """Whether errno is set where it was not: dns then says TRY_AGAIN, of the last name it asks."""
    if service.kind == "files":
        return bool(service.names) and not dialect.files_keep_errno
    nss = service.kind in ("nss", "nss_by_family")
    return reply.trouble == "TRY_AGAIN" or (nss and reply.status == "NOTFOUND")


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


def _both_families(service: Service, name: str, first_reply: Record, dialect: Dialect) -> Reply:
    """A service's gethostbyname4_r."""
    if service.own is not None:
        return _own(service.own, name, AF_UNSPEC, dialect)
    if service.kind == "dns":
        return _asked(service, name, ("A", "AAAA"), first_reply, dialect)
    known = service.names.get(service.key(name))
    return _reply(service, name, known, list(enumerate(known or ())))


def _of_family(
    service: Service, name: str, family: int, first_reply: Record, dialect: Dialect
) -> Reply:
    """A service's gethostbyname3_r, or 2_r: its struct hostent has no room for scope ids."""
    if service.own is not None:
        return _own(service.own, name, family, dialect)
    if service.kind == "dns":
        record: Record = "A" if family == AF_INET else "AAAA"
        return _asked(service, name, (record,), first_reply, dialect)
    known = service.names.get(service.key(name))
    told = (
        (place, _said_in(service, one.address, family)) for place, one in enumerate(known or ())
    )
    found = [(place, Target(address)) for place, address in told if address is not None]
    return _reply(service, name, known, found)


def _own(own: OwnNames, name: str, family: int, dialect: Dialect) -> Reply:
    if myhostname.is_undefined(own, name, family, dialect):
        raise UndefinedAnswer
    known = myhostname.answer(own, name, family, dialect)
    return Reply("NOTFOUND") if known is None else Reply("SUCCESS", known[1], known[0])


def _asked(
    service: Service, name: str, records: tuple[Record, ...], first: Record, dialect: Dialect
) -> Reply:
    return ask(service.dns_servers, service.resolver, name, records, first, dialect)


def _reply(
    service: Service,
    name: str,
    known: Sequence[Target] | None,
    found: Sequence[tuple[int, Target]],
) -> Reply:
    """A reply with the addresses ``found``, each with its place in what is ``known``."""
    if not found:
        # the hosts file knows only whole lines: either one of the family is there, or no name
        held = known is not None and service.kind != "files"
        return Reply("NOTFOUND", trouble="NO_DATA" if held else "HOST_NOT_FOUND")
    if service.kind == "files" and not service.multi:
        found = found[:1]
    key = service.key(name)
    if key in service.owners:
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

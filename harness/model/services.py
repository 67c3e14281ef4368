"""The services of the ``hosts:`` line of nsswitch.conf: what each says, and what glibc makes of it.

The line itself is read in `harness.scenario.nameservice` (a scenario's) and `harness.live.names`
(this machine's). Follows `getaddrinfo` and, for plain IPv4 look-ups, ``gethostbyname2_r``, which it
then calls. Sources: nsswitch.conf(5), host.conf(5), and glibc's history as `harness.model.dialects`
names it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple

from harness.model import myhostname
from harness.model.addresses import is_v4mapped, mapped, unmapped
from harness.model.dialects import Dialect
from harness.model.dns import Reply, Resolver, Status, Stub, Trouble
from harness.model.dns_servers import Record, Server, ascii_lower
from harness.model.host import OwnNames, Target
from harness.model.netdb import AF, AI, FAMILY, RECORDS, EaiError

Kind = Literal["files", "dns", "nss", "nss_by_family", "myhostname", "missing"]
"""What a service is; ``missing``: the machine has no module of that name."""

Action = Literal["return", "continue", "merge"]


class StaleFailure(EaiError):
    """getaddrinfo fails, unless an earlier look-up of the process has left another h_errno."""


class UndefinedAnswer(Exception):
    """What glibc answers depends on memory that it overwrites, or a module of it on chance."""


class Holder(NamedTuple):
    """Who has an address: the service's place on the line, and of dns the server and the name
    that it is asked for.
    """

    service: int = 0
    server: int = 0
    spelled: str | None = None


class Held(NamedTuple):
    """An address that a service has, and the name that has it where that is another one.

    ``line`` is its line in the hosts file, and ``alone``: the file gives one line of a name.
    """

    target: Target
    name: str | None = None
    source: Holder = Holder()
    line: int | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """One service: what it holds, and what glibc does after each status.

    ``names`` maps a lower-case name to its addresses in the service's order; ``owners`` has the
    first name of the hosts file's line of each, where that is not the name as ``spelled``, and
    ``lines`` the numbers of these lines, where the file has been written by somebody. Without
    ``multi`` the hosts file gives the first line only that can be said in the family asked for.
    ``actions`` has what is not the default: to return after SUCCESS, and to go on otherwise.
    ``resolver`` and ``servers`` are of DNS alone; without servers there is one with ``names``.
    ``own`` is of myhostname, which has no ``names``. ``absent``: there is no hosts file.
    ``called``: where it stands for a module of a live host, what that is called.
    """

    kind: Kind = "files"
    names: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    multi: bool = True
    actions: Mapping[Status, Action] = field(default_factory=dict)
    resolver: Resolver = Resolver()  # noqa: RUF009 - it cannot be changed
    servers: tuple[Server, ...] = ()
    own: OwnNames | None = None
    lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    called: str = ""
    absent: bool = False

    @property
    def dns_servers(self) -> tuple[Server, ...]:
        """The servers that the dns service asks."""
        return self.servers or (Server(self.names),)

    def sources(self, name: str, place: int) -> Iterator[Holder]:
        """Who may have a name: the service, which stands at a ``place``, or each DNS server."""
        if self.kind != "dns":
            yield Holder(place)
            return
        for spelled in self.resolver.spellings(name):
            yield from (Holder(place, n, spelled) for n in range(len(self.dns_servers)))

    def held(self, name: str, dialect: Dialect, place: int = 0) -> tuple[Held, ...] | None:
        """The addresses it has for a name, with DNS in any spelling; None for one unknown."""
        asked, found = ascii_lower(name.removesuffix(".")), list[Held]()
        is_known = False
        for source in self.sources(name, place):
            holder, targets = None, self.names.get(ascii_lower(name))
            if self.own is not None:
                found_own = myhostname.answer(self.own, name, AF.UNSPEC, dialect)
                targets = None if found_own is None else found_own[1]
            elif source.spelled is not None:
                end, targets = self.dns_servers[source.server].held(source.spelled)
                holder = None if ascii_lower(end) == asked else end
            is_known |= targets is not None
            before = {(one.target, one.name) for one in found}
            lines = self.lines.get(ascii_lower(name), ())
            for number, target in enumerate(targets or ()):  # servers tell much the same
                if not source.server or (target, holder) not in before:
                    line = lines[number] if lines else None
                    found.append(Held(target, holder, source, line, not self.multi))
        return tuple(found) if is_known else None

    def action(self, status: Status) -> Action:
        """What glibc does after the service has given ``status``."""
        return self.actions.get(status, "return" if status == "SUCCESS" else "continue")


class Ending(NamedTuple):
    """The service after which no other is asked, and the status that it gives."""

    service: str
    status: Status


class ServiceAddresses(NamedTuple):
    """The addresses of a name; ``got_ipv6``: an AF.INET6 look-up itself found some; ``stale``:
    another h_errno than 0, of an earlier look-up of the process, may have ended this one.
    """

    targets: list[Target]
    canonname: str | None = None
    got_ipv6: bool | None = None
    stale: bool = False


def answer(
    chain: Sequence[Service], name: str, family: int, flags: int, first_reply: Record,
    dialect: Dialect,
) -> ServiceAddresses:  # fmt: skip
    """What the services of ``chain`` make of a name. ``first_reply``: the DNS reply that is first.

    Raises EaiError, and UndefinedAnswer for what chance decides.
    """
    look_up = _LookUp(name, first_reply, dialect)
    if family == AF.INET and not flags & AI.CANONNAME:
        return _through_gethostbyname2(chain, look_up, dialect)
    got_ipv6: bool | None
    at_once = not family or dialect.families_asked_together
    found = ServiceAddresses([])
    trouble: Trouble = ""
    of_ipv6: Trouble = ""
    action: Action = "continue"
    status: Status = "UNAVAIL"
    for place, service in enumerate(chain):
        if place and dialect.continue_discards:
            found = ServiceAddresses([])
            if action == "merge":  # which the database of hosts does not know
                if status in ("UNAVAIL", "TRYAGAIN"):
                    raise EaiError("EAI_SYSTEM")
                break
        elif found.targets and at_once:
            raise UndefinedAnswer
        if service.kind == "missing":
            status, taken, replies, got_ipv6 = "UNAVAIL", [], [], found.got_ipv6
            trouble = look_up.left = "NETDB_INTERNAL" if dialect.no_data_told_by_family else ""
        elif at_once and not service.kind.endswith("by_family"):
            six = look_up.asked(service, AF.UNSPEC)
            replies, taken, status, got_ipv6 = [six], list(six.targets), six.status, None
            trouble = of_ipv6 = "" if taken else _told_of_both(six, dialect)
            if family:
                taken, got_ipv6 = _taken(six.targets, family, flags)
                if not taken and six.targets:
                    trouble = of_ipv6 = "NO_DATA"
        else:
            six = look_up.asked(service, family or AF.INET6)
            replies, taken, status = [six], list(six.targets), six.status
            trouble = of_ipv6 = _told(six, service, dialect)
            got_ipv6 = found.got_ipv6 or bool(taken)
            maps = flags & AI.V4MAPPED and (flags & AI.ALL or not got_ipv6)
            if not family or (family == AF.INET6 and maps):
                four = look_up.asked(service, AF.INET)
                replies.append(four)
                trouble = _told(four, service, dialect)
                if four.targets and dialect.last_family_noted:
                    got_ipv6 = False
                others = [mapped(one.address) if family else one for one in four.targets]
                if dialect.mapped_beside_ipv6:
                    taken += others
                else:
                    taken = others or taken
                no_six = six.status in ("NOTFOUND", "UNAVAIL")
                if four.status == "SUCCESS" or (four.status != "UNAVAIL" and no_six):
                    status = four.status
            if trouble == "NETDB_INTERNAL":  # which no other service is asked after
                break
        names = [found.canonname, *(one.canonname for one in replies)]
        canonname = next((one for one in names if one is not None), None)
        found = ServiceAddresses([*found.targets, *taken], canonname, got_ipv6)
        action = service.action(status)
        if action == "return":
            break
    if dialect.unavailable_is_system_error:
        trouble = "NETDB_INTERNAL" if status == "UNAVAIL" else trouble
    failure = StaleFailure if look_up.stale else EaiError
    if trouble == "NETDB_INTERNAL":
        raise failure("EAI_SYSTEM")
    told = "NO_DATA", "TRY_AGAIN"
    if trouble in told and of_ipv6 in told:
        raise failure("EAI_NODATA" if "NO_DATA" in (trouble, of_ipv6) else "EAI_AGAIN")
    if not found.targets:
        raise failure("EAI_NONAME")
    return found._replace(stale=look_up.stale)


def ending(
    chain: Sequence[Service], name: str, family: int, first_reply: Record, dialect: Dialect
) -> Ending | None:
    """Which service ends a look-up, those behind it unasked; None where all of them are asked."""
    look_up = _LookUp(name, first_reply, dialect)
    with suppress(UndefinedAnswer):
        for service in chain[:-1]:
            there = service.kind != "missing"
            status = look_up.asked(service, family).status if there else "UNAVAIL"
            if service.action(status) == "return":
                return Ending(service.called or service.kind, status)
    return None


def _told(reply: Reply, service: Service, dialect: Dialect) -> Trouble:
    """What glibc hears of a look-up for one family: up to 2.26 nothing where errno is not set."""
    if dialect.no_data_told_by_family:
        return reply.trouble
    failed = service.kind == "dns" and reply.trouble == "TRY_AGAIN"
    sets_errno = service.kind.startswith("nss") or failed
    return reply.trouble if sets_errno else ""


def _told_of_both(reply: Reply, dialect: Dialect) -> Trouble:
    """What glibc hears of a look-up for both families at once."""
    unheard = []
    if not dialect.no_data_told_by_family:
        unheard.append("NETDB_INTERNAL")
    if not dialect.failure_of_both_told:
        unheard.append("TRY_AGAIN")
    return "" if reply.trouble in unheard else reply.trouble


def _through_gethostbyname2(
    chain: Sequence[Service], look_up: "_LookUp", dialect: Dialect
) -> ServiceAddresses:
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
            if service.action("UNAVAIL") in ("return", "merge"):
                break
            continue
        own = look_up.asked(service, AF.INET)
        status = own.status
        has_errno |= _sets_errno(service, own, dialect)
        if status != "SUCCESS" or service.multi:
            told = look_up.left
        if kept is None:
            reply = own
        elif status == "SUCCESS":
            status, kept = "UNAVAIL", None
        elif own.read or (service.kind == "files" and not service.absent):
            raise UndefinedAnswer  # it has read lines, or records, to where they lie
        else:
            status = "SUCCESS"
        if status == "SUCCESS" and service.action(status) == "merge":
            if dialect.merge_ends_lookup:
                raise _failure(told)  # EINVAL
            status, kept = "UNAVAIL", reply
        if service.action(status) == "return":
            break
    if status == "SUCCESS":
        return ServiceAddresses(list(reply.targets))
    if status != "NOTFOUND" and (own.status != "UNAVAIL" or has_errno):
        raise _failure(told)  # errno is set, and h_errno is looked at for two words alone
    no_data = own.trouble == "NO_DATA" and dialect.no_data_told_by_family
    raise EaiError("EAI_NODATA" if no_data else "EAI_NONAME")


def _failure(told: Trouble | None) -> EaiError:
    """What getaddrinfo makes of an errno, with the h_errno of the services if they have set it."""
    if told is None:
        return StaleFailure("EAI_NODATA")
    return EaiError("EAI_AGAIN" if told == "TRY_AGAIN" else "EAI_NODATA")


def _sets_errno(service: Service, reply: Reply, dialect: Dialect) -> bool:
    """Whether errno is set where it was not: dns then says TRY_AGAIN, of the last name it asks."""
    if service.absent:
        return True
    if service.kind == "files":
        return bool(service.names) and not dialect.files_keep_errno
    if service.kind.startswith("nss") and reply.status == "NOTFOUND":
        return True
    return reply.trouble == "TRY_AGAIN"


def _taken(targets: Sequence[Target], family: int, flags: int) -> tuple[list[Target], bool]:
    """What a look-up for one family takes of an answer for both, and whether IPv6 is in it."""
    own = [one for one in targets if family == FAMILY[one.address.version]]
    if family == AF.INET or not flags & AI.V4MAPPED:
        return own, family == AF.INET6 and bool(own)
    taken = [mapped(one.address) if one.address.version == 4 else one for one in targets]
    return taken, bool(own)


# --- one service


class _LookUp:
    """One look-up: a name that services are asked for, and the resolver's state meanwhile.

    ``left`` is h_errno, None where nobody has said anything in it; ``stale``: it counts even so.
    """

    def __init__(self, name: str, first_reply: Record, dialect: Dialect) -> None:
        self._name, self._first, self._dialect = name, first_reply, dialect
        self._stub: Stub | None = None
        self.left: Trouble | None = None
        self.stale = False

    def asked(self, service: Service, family: int) -> Reply:
        """A service's gethostbyname4_r for AF.UNSPEC, its gethostbyname3_r or 2_r for a family."""
        if service.absent and family:  # for one it says nothing in h_errno
            self.stale |= self.left is None and self._dialect.no_data_told_by_family
            return Reply("UNAVAIL", trouble=self.left or "")
        reply = self._reply(service, family)
        self.left = reply.trouble
        return reply

    def _reply(self, service: Service, family: int) -> Reply:
        if service.absent:
            no_data = self._dialect.absent_hosts_is_no_data
            return Reply("UNAVAIL", trouble="NO_DATA" if no_data else "HOST_NOT_FOUND")
        name = self._name
        if service.own is not None:
            if myhostname.is_undefined(service.own, name, family, self._dialect):
                raise UndefinedAnswer
            own = myhostname.answer(service.own, name, family, self._dialect)
            return Reply("NOTFOUND") if own is None else Reply("SUCCESS", own[1], own[0])
        if service.kind == "dns":
            if self._stub is None:
                servers, resolver = service.dns_servers, service.resolver
                self._stub = Stub(servers, resolver, self._first, self._dialect)
            return self._stub.ask(name, RECORDS[family])
        key = ascii_lower(name)
        known = service.names.get(key)
        told = [(place, _said_in(service, one, family)) for place, one in enumerate(known or ())]
        found = [(place, one) for place, one in told if one is not None]
        if not found:
            # the hosts file knows only whole lines: either one of the family is there, or no name
            held = known is not None and service.kind.startswith("nss")
            return Reply("NOTFOUND", trouble="NO_DATA" if held else "HOST_NOT_FOUND")
        if not service.multi:
            found = found[:1]
        if key in service.owners:
            canonname = service.owners[key][found[0][0]]
        else:
            canonname = service.spelled.get(key, name)
        return Reply("SUCCESS", tuple(one for _, one in found), canonname)


def _said_in(service: Service, target: Target, family: int) -> Target | None:
    """A target in a family, for which there is no room for scope ids: the files module also turns
    ::1 and ::ffff:a.b.c.d into IPv4.
    """
    address = target.address
    if not family:
        return target
    if FAMILY[address.version] == family:
        return Target(address)
    if isinstance(address, IPv6Address) and not service.kind.startswith("nss"):
        if is_v4mapped(address):
            return Target(unmapped(address))
        if int(address) == 1:
            return Target(IPv4Address("127.0.0.1"))
    return None

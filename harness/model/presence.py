"""Which addresses getaddrinfo returns, what it made of each, and why the others are left out.

The reasons are found by taking them away: an address is left out *because of* AI_ADDRCONFIG when
`find` returns it for the same look-up without that flag. So what is said here is never of another
mind than `harness.model.lookup`. A further reason is a further row of `_LIFTS`.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial, reduce
from ipaddress import IPv4Address
from itertools import combinations
from typing import NamedTuple

from harness.model.address_table import address_table
from harness.model.addresses import inet_pton6, is_v4mapped, unmapped
from harness.model.dialects import Dialect
from harness.model.host import AddressRow, IPAddress, Target
from harness.model.lookup import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AI_ADDRCONFIG,
    AI_ALL,
    AI_CANONNAME,
    AI_NUMERICHOST,
    AI_V4MAPPED,
    Found,
    LookupFailed,
    NameService,
    Request,
    find,
    held,
    looks_numeric,
    sockets,
)
from harness.model.services import Service, mapped

_MAPS = AI_V4MAPPED | AI_ALL


class Cause(StrEnum):
    """Why an address is left out or changed, or why there is no answer at all."""

    ADDRCONFIG = "addrconfig"
    NUMERICHOST = "numerichost"
    LOOKS_NUMERIC = "looks-numeric"
    V4MAPPED_WITHOUT_ALL = "v4mapped-without-all"
    ALL_LOSES_IPV6 = "all-loses-ipv6"
    FAMILY = "family"
    MULTI_OFF = "multi-off"
    EARLIER_SERVICE = "earlier-service"
    NO_AAAA = "no-aaaa"
    ALL_ADDS = "all-adds-mapped"
    NO_OWN_ADDRESS = "no-own-address"
    # of an error alone
    BAD_FLAGS = "bad-flags"
    BAD_FAMILY = "bad-family"
    NO_QUESTION = "no-name-no-service"
    SOCKTYPE = "socktype"
    SERVICE = "service"
    NUMERICSERV = "numericserv"
    IDN = "idn"
    ZONE = "zone"
    UNKNOWN_NAME = "name-unknown"
    NO_ADDRESS = "no-address"
    NO_REPLY = "no-reply"


class Made(StrEnum):
    """What became of an address."""

    AS_HELD = "as-held"
    LOOPBACK = "loopback-to-ipv4"
    UNMAPPED = "unmapped"
    MAPPED = "mapped"
    WITHOUT_ZONE = "without-zone"
    ADDED = "added"
    LEFT_OUT = "left-out"


@dataclass(frozen=True, slots=True)
class Account:
    """One address that the name service holds, or that could be expected without one.

    ``place`` is where its ``returned`` form stands before the sort, from 0; both None where it is
    left out. ``causes`` are those without which it would be returned, or be returned as it is held:
    several where taking away one of them is not enough. An address that is returned in two forms
    has a second account.
    """

    held: Target
    place: int | None = None
    returned: Target | None = None
    causes: tuple[Cause, ...] = ()

    @property
    def made(self) -> Made:
        """What became of it."""
        if {Cause.ALL_ADDS, Cause.NO_OWN_ADDRESS} & {*self.causes}:
            return Made.ADDED
        if self.returned is None:
            return Made.LEFT_OUT
        if self.returned == self.held:
            return Made.AS_HELD
        if self.returned.address == self.held.address:
            return Made.WITHOUT_ZONE
        if self.returned.address.version == 6:
            return Made.MAPPED
        return Made.UNMAPPED if is_v4mapped(self.held.address) else Made.LOOPBACK


@dataclass(frozen=True, slots=True)
class Presence:
    """Every address of one look-up accounted for, in the order it is held, and the error's causes.

    ``host`` are the host's own addresses that AI_ADDRCONFIG looks at, in the order of the dump.
    """

    request: Request
    accounts: tuple[Account, ...]
    host: tuple[IPAddress, ...]
    error: str | None = None
    causes: tuple[Cause, ...] = ()

    @property
    def returned(self) -> tuple[Target, ...]:
        """The addresses as `find` gives them, once for each that is held."""
        placed = [(one.place, one.returned) for one in self.accounts if one.place is not None]
        return tuple(target for _, target in sorted(placed, key=lambda one: one[0]) if target)


class _Question(NamedTuple):
    """All that `find` is given."""

    request: Request
    service: NameService
    seen: tuple[bool, bool]
    dialect: Dialect

    def find(self) -> Found:
        return find(self.request, self.service, *self.seen, self.dialect)

    def asked(self, **changes: object) -> _Question:
        return self._replace(request=replace(self.request, **changes))  # type: ignore[arg-type]

    def held_by(self, **changes: object) -> _Question:
        return self._replace(service=replace(self.service, **changes))  # type: ignore[arg-type]

    def flags(self, put: int = 0, taken: int = 0) -> _Question:
        return self.asked(flags=(self.request.flags | put) & ~taken)


class _Lift(NamedTuple):
    """A reason: whether it may be one of a look-up, and the look-up without it."""

    cause: Cause
    applies: Callable[[_Question], bool]
    without: Callable[[_Question], _Question]


def _flag(cause: Cause, flag: int) -> _Lift:
    return _Lift(cause, lambda q: bool(q.request.flags & flag), lambda q: q.flags(taken=flag))


def _alone(service: Service) -> _Lift:
    """That another service is asked too."""
    alone = partial(_Question.held_by, hosts=(service,))
    return _Lift(Cause.EARLIER_SERVICE, lambda _: True, alone)


def _with_all_records(service: Service) -> Service:
    """The service without an option that keeps records back."""
    options = service.resolver.options - {"no-aaaa"}
    return replace(service, resolver=replace(service.resolver, options=options))


_MOST_TOGETHER = 3  # reasons beside those that end the look-up: a file may have sixteen

# the more telling of two that would both do stands first
_LIFTS = (
    _flag(Cause.ADDRCONFIG, AI_ADDRCONFIG),
    _flag(Cause.NUMERICHOST, AI_NUMERICHOST),
    _Lift(
        Cause.LOOKS_NUMERIC,
        lambda q: q.request.family == AF_INET and looks_numeric(q.request.name or " "),
        lambda q: q.flags(put=AI_CANONNAME),
    ),
    _Lift(
        Cause.V4MAPPED_WITHOUT_ALL,
        lambda q: q.request.family == AF_INET6 and q.request.flags & _MAPS == AI_V4MAPPED,
        lambda q: q.flags(put=AI_ALL),
    ),
    _flag(Cause.ALL_LOSES_IPV6, AI_ALL),
    _Lift(
        Cause.FAMILY,
        lambda q: q.request.family in (AF_INET, AF_INET6),
        lambda q: q.asked(family=AF_UNSPEC),
    ),
    _Lift(
        Cause.MULTI_OFF,
        lambda q: not all(one.multi for one in q.service.hosts),
        lambda q: q.held_by(hosts=tuple(replace(one, multi=True) for one in q.service.hosts)),
    ),
    _Lift(
        Cause.NO_AAAA,
        lambda q: any("no-aaaa" in one.resolver.options for one in q.service.hosts),
        lambda q: q.held_by(hosts=tuple(map(_with_all_records, q.service.hosts))),
    ),
)


def presence(
    request: Request, service: NameService, rows: Sequence[AddressRow] | None, dialect: Dialect
) -> Presence:
    """Account for every address of a look-up.

    Args:
        request: The look-up.
        service: What the name service holds.
        rows: The kernel's address dump of the host; None where it cannot be had.
        dialect: How this glibc behaves.
    """
    if request.name == "*":  # as NULL
        request = replace(request, name=None)
    table = address_table(rows)
    question = _Question(request, service, (table.seen_ipv4, table.seen_ipv6), dialect)
    found = question.find()
    expected = () if found.undefined else _expected(question)
    made = _made(expected, found)
    other = {n for n, one in enumerate(made) if one.returned != expected[n]}
    causes: dict[int, tuple[Cause, ...]] = {}
    stops = tuple(_stops(question))
    for lifted, without in _lifted(question, stops) if other else ():
        answer = _made(expected, without.find())
        back = {n for n in other if _is_back(expected[n], made[n].returned, answer[n].returned)}
        causes |= dict.fromkeys(back, lifted)
        other -= back
        if not other:
            break
    # alone, each service gives a copy of its own, and which of them it is cannot be told
    copies = {target for target, often in Counter(expected).items() if often > 1}
    if len(service.hosts) > 1:
        causes |= {n: (Cause.EARLIER_SERVICE,) for n in other if expected[n] in copies}
    accounts = [
        Account(target, *one, causes.get(n, ()))
        for n, (target, one) in enumerate(zip(expected, made, strict=True))
    ]
    accounts += _added(accounts, found, question)
    seen = (row.address if row.address is not None else row.local for row in rows or ())
    host = tuple(dict.fromkeys(one for one in seen if one is not None))
    why = () if found.error is None else _error(question, found.error, stops)
    return Presence(request, tuple(accounts), host, found.error, why)


def _is_back(expected: Target, before: Target | None, after: Target | None) -> bool:
    """Whether an address that was left out is there, or one that was changed is as it is held."""
    return after is not None if before is None else after == expected


class _Placed(NamedTuple):
    place: int | None
    returned: Target | None


def _expected(question: _Question) -> tuple[Target, ...]:
    """The addresses that the service holds; of a number, or without a name, those of any family."""
    name = question.request.name
    if name is None:
        free = question.flags(taken=AI_ADDRCONFIG | AI_CANONNAME).asked(family=AF_UNSPEC)
        return targets(free.find())
    number = question.asked(
        family=AF_UNSPEC, flags=AI_NUMERICHOST, service=None, socktype=0, protocol=0
    )
    return targets(number.find()) or held(name, question.service, question.dialect) or ()


def targets(found: Found) -> tuple[Target, ...]:
    """The addresses found, each once for all socket types it is returned with."""
    kinds = [(item.socktype, item.protocol) for item in found.items[:1]]
    return tuple(item.target for item in found.items if (item.socktype, item.protocol) == kinds[0])


def _made(expected: Sequence[Target], found: Found) -> list[_Placed]:
    """Where each expected address stands in what was found: as it is held, else in another form."""
    places: dict[Target, deque[int]] = defaultdict(deque)
    for place, target in enumerate(targets(found)):
        places[target].append(place)
    made = [_Placed(None, None)] * len(expected)
    for forms in (lambda one: (one,), _other_forms):
        for number, one in enumerate(expected):
            form = next((each for each in forms(one) if places.get(each)), None)
            if form is not None and made[number].place is None:
                made[number] = _Placed(places[form].popleft(), form)
    return made


def _added(accounts: Sequence[Account], found: Found, question: _Question) -> Iterator[Account]:
    """What else was found: with AI_ALL an address of a hosts file is IPv6, and mapped IPv4 too.

    And myhostname has a loopback address of a family of which the host has no other.
    """
    own = any(one.own is not None for one in question.service.hosts)
    given = {one.place for one in accounts}
    forms = {}
    for one in reversed(accounts):
        for form in _other_forms(one.held):
            if isinstance(form.address, IPv4Address):
                forms[mapped(form.address)] = one.held
    for place, target in enumerate(targets(found)):
        if place not in given and target in forms:
            yield Account(forms[target], place, target, (Cause.ALL_ADDS,))
        elif place not in given and own:
            yield Account(target, place, target, (Cause.NO_OWN_ADDRESS,))


def _other_forms(held: Target) -> Iterator[Target]:
    """What else getaddrinfo makes of an address."""
    if isinstance(held.address, IPv4Address):
        yield mapped(held.address)
        return
    if held.scope_id:
        yield Target(held.address)
    if is_v4mapped(held.address):
        yield Target(unmapped(held.address))
    elif int(held.address) == 1:
        yield Target(IPv4Address("127.0.0.1"))


def _lifted(
    question: _Question, always: Sequence[Cause]
) -> Iterator[tuple[tuple[Cause, ...], _Question]]:
    """The look-up without one of its reasons, then without two of them, and so on.

    Those of ``always`` are taken away each time.
    """
    applying = [one for one in _LIFTS if one.applies(question)]
    if len(question.service.hosts) > 1:
        applying += [_alone(one) for one in question.service.hosts]
    for size in range(1, min(len(applying), len(always) + _MOST_TOGETHER) + 1):
        for chosen in combinations(applying, size):
            causes = tuple(one.cause for one in chosen)
            if set(always) <= set(causes):
                lifts = (one.without for one in chosen)
                yield causes, reduce(lambda asked, without: without(asked), lifts, question)


_DIRECT = {
    "EAI_BADFLAGS": Cause.BAD_FLAGS,
    "EAI_FAMILY": Cause.BAD_FAMILY,
    "EAI_SERVICE": Cause.SERVICE,
    "EAI_SOCKTYPE": Cause.SOCKTYPE,
    "EAI_IDN_ENCODE": Cause.IDN,
}


def _error(question: _Question, error: str, stops: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """Why there is no answer: what has to be taken away for one, or what no flag would change."""
    if error in _DIRECT:
        return (_DIRECT[error],)
    request = question.request
    if request.name is None and request.service in (None, "*"):
        return (Cause.NO_QUESTION,)
    for causes, lifted in _lifted(question, stops):
        if lifted.find().error is None:
            return causes
    try:
        sockets(request, question.service.services, question.dialect)
    except LookupFailed:
        return (*stops, Cause.NUMERICSERV)
    name = request.name or ""
    if "%" in name and inet_pton6(name.partition("%")[0]) is not None:
        return (*stops, Cause.ZONE)
    if held(name, question.service, question.dialect) is not None:
        return (*stops, Cause.NO_ADDRESS)
    return stops if Cause.NUMERICHOST in stops else (*stops, Cause.UNKNOWN_NAME)


def _stops(question: _Question) -> Iterator[Cause]:
    """What ends the look-up before a name service is asked, whatever that would say."""
    request, (ipv4, ipv6) = question.request, question.seen
    if request.flags & AI_ADDRCONFIG and (
        (request.family == AF_INET and not ipv4) or (request.family == AF_INET6 and not ipv6)
    ):
        yield Cause.ADDRCONFIG
    if request.flags & AI_NUMERICHOST and request.name is not None:
        number = question.flags(taken=AI_ADDRCONFIG).asked(family=AF_UNSPEC, service=None)
        if number.find().error is not None:
            yield Cause.NUMERICHOST

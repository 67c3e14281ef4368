"""Which addresses getaddrinfo returns, what it made of each, and why the others are left out.

The reasons are found by taking them away: an address is left out *because of* AI_ADDRCONFIG when
`find` returns it for the same look-up without that flag. So what is said here is never of another
mind than `harness.model.lookup`. The reasons stand in `harness.model.presence_reasons`.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, partial
from ipaddress import IPv4Address
from typing import NamedTuple

from harness.model.address_table import address_table
from harness.model.addresses import inet_pton6, is_v4mapped, mapped, unmapped
from harness.model.dialects import Dialect
from harness.model.host import AddressRow, IPAddress, Target
from harness.model.lookup import Found, NameService, Request, held, sockets
from harness.model.netdb import AF, AI, EaiError
from harness.model.presence_reasons import (
    NARROWING,
    Cause,
    Lifts,
    PresenceQuestion,
    found_without,
    lifts_of,
    needed,
    of_dns_server,
    stops,
)
from harness.model.services import Ending, Held, Holder, ending


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
    has a second account. ``name`` has it, where that is not the name asked for, and ``line`` is its
    line in the hosts file.
    """

    held: Target
    place: int | None = None
    returned: Target | None = None
    causes: tuple[Cause, ...] = ()
    name: str | None = None
    line: int | None = None

    @property
    def made(self) -> Made:
        """What became of it."""
        if {Cause.ALL_ADDS, Cause.ASKED_AGAIN, Cause.NO_OWN_ADDRESS} & {*self.causes}:
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

    ``host`` are the host's own addresses that AI_ADDRCONFIG looks at, in the order of the dump,
    ``ending`` the service at which the look-up ends, where one of the causes is that.
    """

    request: Request
    accounts: tuple[Account, ...]
    host: tuple[IPAddress, ...]
    error: str | None = None
    causes: tuple[Cause, ...] = ()
    ending: Ending | None = None

    @property
    def returned(self) -> tuple[Target, ...]:
        """The addresses as `find` gives them, once for each that is held."""
        placed = [(one.place, one.returned) for one in self.accounts if one.place is not None]
        return tuple(target for _, target in sorted(placed, key=lambda one: one[0]) if target)


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
    table, service = address_table(rows), service.of(dialect)
    question = PresenceQuestion(request, service, (table.seen_ipv4, table.seen_ipv6), dialect)
    found = question.find()
    known = () if found.undefined else _expected(question)
    expected = tuple(one.target for one in known)
    made = _made(known, found)
    again = _held_again(known, made)
    other = {n for n, one in enumerate(made) if one.returned != expected[n]} - again
    always = tuple(stops(question))
    tried = {}
    for source in {known[n].source for n in other}:
        lifts = lifts_of(question, source)
        tried[source] = lifts, cache(partial(_returned_of, known, source, question, lifts))
    causes = {}
    for n in other:
        lifts, returned_of = tried[known[n].source]
        is_back = partial(_is_back, n, expected[n], made[n].returned, returned_of)
        causes[n] = needed(lifts, always, is_back)
    accounts = [
        Account(own.target, *one, causes.get(n, ()), own.name, own.line)
        for n, (own, one) in enumerate(zip(known, made, strict=True))
        if n not in again
    ]
    accounts += _added(accounts, found, question)
    seen = (row.address if row.address is not None else row.local for row in rows or ())
    host = tuple(dict.fromkeys(one for one in seen if one is not None))
    why = () if found.error is None else _error(question, found.error, always)
    ends = None
    if any(Cause.EARLIER_SERVICE in each for each in (why, *causes.values())):
        of_any, first = request.name or "", service.first_reply
        ends = ending(service.chain, of_any, request.family, first, dialect)
    return Presence(request, tuple(accounts), host, found.error, why, ends)


class _Placed(NamedTuple):
    place: int | None
    returned: Target | None


def _expected(question: PresenceQuestion) -> tuple[Held, ...]:
    """The addresses that the service holds; of a number, or without a name, those of any family."""
    name = question.request.name
    if name is None:
        free = question.flags(taken=AI.ADDRCONFIG | AI.CANONNAME).asked(family=AF.UNSPEC)
        return tuple(map(Held, targets(free.find())))
    number = question.asked(
        family=AF.UNSPEC, flags=AI.NUMERICHOST, service=None, socktype=0, protocol=0
    )
    numeric = tuple(map(Held, targets(number.find())))
    return numeric or held(name, question.service, question.dialect) or ()


def targets(found: Found) -> tuple[Target, ...]:
    """The addresses found, each once for all socket types it is returned with."""
    kinds = [(item.socktype, item.protocol) for item in found.items[:1]]
    return tuple(item.target for item in found.items if (item.socktype, item.protocol) == kinds[0])


def _made(known: Sequence[Held], found: Found, *, lines: bool = False) -> list[_Placed]:
    """Where each address that is held stands in what was found: as it is, else in another form.

    A hosts file that gives one line of a name gives the first that will do, in whatever form;
    ``lines``: it gives all of them.
    """
    places: dict[Target, deque[int]] = defaultdict(deque)
    for place, target in enumerate(targets(found)):
        places[target].append(place)
    made = [_Placed(None, None)] * len(known)
    for others in (False, True):
        for number, one in enumerate(known):
            forms = [one.target]
            if others or (one.alone and not lines):
                forms += _other_forms(one.target)
            form = next((each for each in forms if places.get(each)), None)
            if form is not None and made[number].place is None:
                made[number] = _Placed(places[form].popleft(), form)
    return made


def _held_again(known: Sequence[Held], made: Sequence[_Placed]) -> set[int]:
    """The addresses that are not missing, for another source that has them too gives them."""
    given = {own.target: own for own, one in zip(known, made, strict=True) if one.returned}
    return {
        n
        for n, (own, one) in enumerate(zip(known, made, strict=True))
        if one.returned is None and own.target in given
        if own.source != given[own.target].source
    }


def _returned_of(
    known: Sequence[Held], source: Holder, question: PresenceQuestion, lifts: Lifts,
    causes: frozenset[Cause],
) -> dict[int, Target | None]:  # fmt: skip
    """What becomes of the addresses of a source in the look-up without ``causes``.

    Those of others count as far as that look-up asks them: one alike may stand before.
    """
    alone = [at for at, cause in enumerate(NARROWING) if cause in causes]
    kept = [n for n, one in enumerate(known) if all(one.source[at] == source[at] for at in alone)]
    found = found_without(question, lifts, causes)
    made = _made([known[n] for n in kept], found, lines=Cause.MULTI_OFF in causes)
    return {n: one.returned for n, one in zip(kept, made, strict=True)}


def _is_back(
    number: int, expected: Target, before: Target | None,
    returned_of: Callable[[frozenset[Cause]], dict[int, Target | None]], causes: frozenset[Cause],
) -> bool:  # fmt: skip
    """Whether an address that was left out is there, or one that was changed is as it is held.

    A ::1 that comes as 127.0.0.1 is not there.
    """
    now = returned_of(causes)[number]
    if before is None and now is not None:
        return Account(expected, 0, now).made is not Made.LOOPBACK
    return now == expected


def _added(
    accounts: Sequence[Account], found: Found, question: PresenceQuestion
) -> Iterator[Account]:
    """What else was found: with AI_ALL an address of a hosts file is IPv6, and mapped IPv4 too.

    A service that stands on the line twice may give all of it again, and myhostname has a loopback
    address of a family of which the host has no other.
    """
    own = any(one.own is not None for one in question.service.hosts)
    given = {one.place for one in accounts}
    forms, again = {}, {one.returned: one for one in accounts}
    for one in reversed(accounts):
        for form in _other_forms(one.held):
            if isinstance(form.address, IPv4Address):
                forms[mapped(form.address)] = one
    for place, target in enumerate(targets(found)):
        if place in given:
            continue
        if target in forms:
            yield replace(forms[target], place=place, returned=target, causes=(Cause.ALL_ADDS,))
        elif target in again:
            of = again[target]
            yield replace(of, place=place, returned=target, causes=(Cause.ASKED_AGAIN,))
        elif own:
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


_DIRECT = {
    "EAI_BADFLAGS": Cause.BAD_FLAGS,
    "EAI_FAMILY": Cause.BAD_FAMILY,
    "EAI_SERVICE": Cause.SERVICE,
    "EAI_SOCKTYPE": Cause.SOCKTYPE,
    "EAI_IDN_ENCODE": Cause.IDN,
}


def _error(question: PresenceQuestion, error: str, always: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """Why there is no answer: what has to be taken away for one, or what no flag would change."""
    if error in _DIRECT:
        return (_DIRECT[error],)
    request = question.request
    if request.name is None and request.service in (None, "*"):
        return (Cause.NO_QUESTION,)
    failed = error in ("EAI_AGAIN", "EAI_SYSTEM")  # whatever there is to be found

    name = request.name or ""
    services = enumerate(question.service.hosts)
    sources = [one for place, each in services for one in each.sources(name, place)] or [Holder()]

    def is_over(lifts: Lifts, causes: frozenset[Cause]) -> bool:
        other = found_without(question, lifts, causes).error
        return not other or (failed and other != error)

    every = (lifts_of(question, one, failed=failed) for one in sources)
    ways = (needed(lifts, always, partial(is_over, lifts)) for lifts in every)
    fewest = min(
        filter(None, ways), default=None,
        key=lambda way: (len(way), failed and not any(map(of_dns_server, way))),
    )  # fmt: skip
    if fewest is not None:
        return fewest
    try:
        sockets(request, question.service.services, question.dialect)
    except EaiError:
        return (*always, Cause.NUMERICSERV)
    if "%" in name and inet_pton6(name.partition("%")[0]) is not None:
        return (*always, Cause.ZONE)
    if held(name, question.service, question.dialect) is not None:
        return (*always, Cause.NO_ADDRESS)
    return always if Cause.NUMERICHOST in always else (*always, Cause.UNKNOWN_NAME)

"""What may be the reason that an address is missing: each with the look-up as it is without it.

A further reason is a further row of `_LIFTS`.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from enum import StrEnum
from functools import partial, reduce
from typing import NamedTuple, Self

from harness.model.dialects import Dialect
from harness.model.dns_servers import State
from harness.model.lookup import Found, NameService, Request, find, looks_numeric
from harness.model.netdb import AF, AI
from harness.model.services import Holder, Kind, Service

_MAPS = AI.V4MAPPED | AI.ALL


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
    ACTION = "action"
    BY_FAMILY = "by-family"
    SERVICE_FAILED = "service-failed"
    SEARCH = "search-domain"
    EARLIER_SERVER = "earlier-dns-server"
    # what a DNS server says, or does not say
    SERVFAIL = "dns-servfail"
    REFUSED = "dns-refused"
    SHORT = "dns-short"
    FORMERR = "dns-formerr"
    NXDOMAIN = "dns-nxdomain"
    NODATA = "dns-nodata"
    UNRELATED = "dns-unrelated"
    MISNAMED = "dns-misnamed"
    TRUNCATED = "dns-truncated"
    LAME = "dns-lame"
    SILENT = "dns-silent"
    LATE = "dns-late"
    CLOSED = "dns-closed"
    ALL_ADDS = "all-adds-mapped"
    ASKED_AGAIN = "asked-again"
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
    MALFORMED = "malformed-hosts-line"


def of_dns_server(cause: Cause) -> bool:
    """Whether it is what a DNS server says, or does not say."""
    return cause.startswith("dns-")


class PresenceQuestion(NamedTuple):
    """All that `find` is given."""

    request: Request
    service: NameService
    seen: tuple[bool, bool]
    dialect: Dialect

    def find(self) -> Found:
        """What is found."""
        return find(self.request, self.service, *self.seen, self.dialect)

    def asked(self, **changes: object) -> Self:
        """The same with other arguments of the call."""
        return self._replace(request=replace(self.request, **changes))  # type: ignore[arg-type]

    def held_by(self, **changes: object) -> Self:
        """The same with another name service."""
        return self._replace(service=replace(self.service, **changes))  # type: ignore[arg-type]

    def flags(self, put: int = 0, taken: int = 0) -> Self:
        """The same with some flags more and some less."""
        return self.asked(flags=(self.request.flags | put) & ~taken)


Lift = Callable[[PresenceQuestion], PresenceQuestion]
"""The look-up without a reason: the same one where that is none of it."""
Lifts = dict[Cause, Lift]


def _flag(flag: int) -> Lift:
    return lambda question: question.flags(taken=flag)


def _services(change: Callable[[Service], Service]) -> Lift:
    return lambda question: question.held_by(hosts=tuple(map(change, question.service.hosts)))


def _with_all_records(service: Service) -> Service:
    """The service without an option that keeps records back."""
    options = service.resolver.options - {"no-aaaa"}
    return replace(service, resolver=replace(service.resolver, options=options))


def _without_action(service: Service) -> Service:
    """The service without an action that drops what it has found."""
    others = {**service.actions}
    others.pop("SUCCESS", None)
    return replace(service, actions=others)


def _as_module(kind: Kind) -> Lift:
    """With a plain module in the place of another kind of service."""
    return _services(lambda one: replace(one, kind="nss") if one.kind == kind else one)


def _through_others(question: PresenceQuestion) -> PresenceQuestion:
    """A name that looks like a number is asked for in the way that does not look at that."""
    numeric = question.request.family == AF.INET and looks_numeric(question.request.name or " ")
    return question.flags(put=AI.CANONNAME) if numeric else question


def _with_mapped(question: PresenceQuestion) -> PresenceQuestion:
    request = question.request
    maps = request.family == AF.INET6 and request.flags & _MAPS == AI.V4MAPPED
    return question.flags(put=AI.ALL) if maps else question


def _of_any_family(question: PresenceQuestion) -> PresenceQuestion:
    known = question.request.family in (AF.INET, AF.INET6)
    return question.asked(family=AF.UNSPEC) if known else question


# the more telling of two that would both do stands first
_LIFTS: Lifts = {
    Cause.ADDRCONFIG: _flag(AI.ADDRCONFIG),
    Cause.NUMERICHOST: _flag(AI.NUMERICHOST),
    Cause.LOOKS_NUMERIC: _through_others,
    Cause.ACTION: _services(_without_action),
    Cause.V4MAPPED_WITHOUT_ALL: _with_mapped,
    Cause.ALL_LOSES_IPV6: _flag(AI.ALL),
    Cause.NO_AAAA: _services(_with_all_records),
    Cause.FAMILY: _of_any_family,
    Cause.MULTI_OFF: _services(lambda one: replace(one, multi=True)),
    Cause.BY_FAMILY: _as_module("nss_by_family"),
    Cause.SERVICE_FAILED: _as_module("missing"),
}
NARROWING = Cause.EARLIER_SERVICE, Cause.EARLIER_SERVER, Cause.SEARCH
"""Without these nobody but a source is asked: they are of the parts of a `Source`, in turn."""


def _of_source(question: PresenceQuestion, source: Holder) -> Iterator[tuple[Cause, Lift]]:
    """That others come before the one who has an address, and what DNS servers say."""
    if not question.service.hosts:
        return
    own = question.service.hosts[source.service]
    yield Cause.EARLIER_SERVICE, lambda q: q.held_by(hosts=(q.service.hosts[source.service],))
    for word in sorted({word for server in own.servers for word in server.words}):
        yield Cause(f"dns-{word}"), _services(partial(_unsaid, word))
    yield Cause.EARLIER_SERVER, _services(partial(_served_by, source.server))
    name = question.request.name or ""
    yield Cause.SEARCH, _services(partial(_asked_as, source.spelled, name))


def _unsaid(word: State, service: Service) -> Service:
    return replace(service, servers=tuple(one.without(word) for one in service.servers))


def _served_by(number: int, service: Service) -> Service:
    return replace(service, servers=service.servers[number : number + 1])


def _asked_as(spelled: str | None, name: str, service: Service) -> Service:
    """The service with the search domain alone that makes a name of another, or without any."""
    search = () if spelled == name else ((spelled or "").removeprefix(f"{name}."),)
    resolver = replace(service.resolver, search=search, ndots=None)
    return replace(service, resolver=resolver) if service.resolver.search else service


def lifts_of(question: PresenceQuestion, source: Holder, *, failed: bool = False) -> Lifts:
    """The reasons that there may be for what a ``source`` has: those that change the look-up.

    ``failed``: what a DNS server says is more telling than what is asked.
    """
    every = [*_LIFTS.items(), *_of_source(question, source)]
    if failed:
        every.sort(key=lambda one: not of_dns_server(one[0]))
    return {cause: lift for cause, lift in every if lift(question) != question}


def found_without(question: PresenceQuestion, lifts: Lifts, causes: Collection[Cause]) -> Found:
    """What is found when some of the reasons are taken away."""
    lifted = (lift for cause, lift in lifts.items() if cause in causes)
    return reduce(lambda asked, lift: lift(asked), lifted, question).find()


def needed(
    lifts: Lifts, always: Collection[Cause], ends: Callable[[frozenset[Cause]], bool]
) -> tuple[Cause, ...]:
    """The reasons that have to be taken away for something, none where that does not help.

    One that is enough alone, else all of them but those that can be put back. Those of ``always``
    are taken away each time; ``ends`` says whether it is over without some.
    """
    taken = frozenset(always)
    free = [one for one in lifts if one not in taken]
    ways = [taken, *(taken | {one} for one in free)]
    chosen = next((each for each in ways if each and ends(each)), None)
    if chosen is None:
        chosen = taken.union(free)
        if not ends(chosen):
            return ()
        for one in reversed(free):
            fewer = chosen - {one}
            chosen = fewer if ends(fewer) else chosen
    return tuple(one for one in lifts if one in chosen)


def stops(question: PresenceQuestion) -> Iterator[Cause]:
    """What ends the look-up before a name service is asked, whatever that would say."""
    request, (ipv4, ipv6) = question.request, question.seen
    if request.flags & AI.ADDRCONFIG and (
        (request.family == AF.INET and not ipv4) or (request.family == AF.INET6 and not ipv6)
    ):
        yield Cause.ADDRCONFIG
    if request.flags & AI.NUMERICHOST and request.name is not None:
        number = question.flags(taken=AI.ADDRCONFIG).asked(family=AF.UNSPEC, service=None)
        if number.find().error is not None:
            yield Cause.NUMERICHOST

"""What may be the reason that an address is missing: each with the look-up as it is without it.

A further reason is a further row of `_LIFTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial, reduce
from itertools import chain, combinations, islice
from typing import NamedTuple

from harness.model.dialects import Dialect
from harness.model.dns import Server
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
    NameService,
    Request,
    find,
    looks_numeric,
)
from harness.model.services import Service

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
    TRUNCATED = "dns-truncated"
    LAME = "dns-lame"
    SILENT = "dns-silent"
    LATE = "dns-late"
    CLOSED = "dns-closed"
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
    SERVICE_FAILED = "service-failed"


class Question(NamedTuple):
    """All that `find` is given."""

    request: Request
    service: NameService
    seen: tuple[bool, bool]
    dialect: Dialect

    def find(self) -> Found:
        """What is found."""
        return find(self.request, self.service, *self.seen, self.dialect)

    def asked(self, **changes: object) -> Question:
        """The same with other arguments of the call."""
        return self._replace(request=replace(self.request, **changes))  # type: ignore[arg-type]

    def held_by(self, **changes: object) -> Question:
        """The same with another name service."""
        return self._replace(service=replace(self.service, **changes))  # type: ignore[arg-type]

    def flags(self, put: int = 0, taken: int = 0) -> Question:
        """The same with some flags more and some less."""
        return self.asked(flags=(self.request.flags | put) & ~taken)


class _Lift(NamedTuple):
    """A reason: whether it may be one of a look-up, and the look-up without it."""

    cause: Cause
    applies: Callable[[Question], bool]
    without: Callable[[Question], Question]


def _flag(cause: Cause, flag: int) -> _Lift:
    return _Lift(cause, lambda q: bool(q.request.flags & flag), lambda q: q.flags(taken=flag))


def _alone(service: Service) -> _Lift:
    """That another service is asked too."""
    alone = partial(Question.held_by, hosts=(service,))
    return _Lift(Cause.EARLIER_SERVICE, lambda _: True, alone)


def _with_all_records(service: Service) -> Service:
    """The service without an option that keeps records back."""
    options = service.resolver.options - {"no-aaaa"}
    return replace(service, resolver=replace(service.resolver, options=options))


def _of_dns(question: Question) -> Iterator[_Lift]:
    """What DNS servers say in the place of records, that one of them is asked first, and where."""
    for service in question.service.hosts:
        words = {word for one in service.servers for word in one.words}
        for word in sorted(words):
            without = tuple(one.without(word) for one in service.servers)
            yield _served_by(Cause(f"dns-{word}"), without)
        if len(service.servers) > 1:
            for one in service.servers:
                yield _served_by(Cause.EARLIER_SERVER, (one,))
        name = question.request.name or ""
        if service.kind == "dns" and service.resolver.search:
            for spelled in service.resolver.spellings(name):
                whole = partial(Question.asked, name=f"{spelled}.")
                yield _Lift(Cause.SEARCH, lambda _: True, whole)


def _served_by(cause: Cause, servers: tuple[Server, ...]) -> _Lift:
    def without(question: Question) -> Question:
        hosts = question.service.hosts
        other = (replace(one, servers=servers if one.servers else ()) for one in hosts)
        return question.held_by(hosts=tuple(other))

    return _Lift(cause, lambda _: True, without)


_MOST_TOGETHER = 3  # reasons beside those that end the look-up: a file may have sixteen
_MOST_TRIED = 1024

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


def lifted(
    question: Question, always: Sequence[Cause]
) -> Iterator[tuple[tuple[Cause, ...], Question]]:
    """The look-up without one of its reasons, then without two of them, and so on.

    Those of ``always`` are taken away each time.
    """
    applying = [one for one in _LIFTS if one.applies(question)]
    if len(question.service.hosts) > 1:
        applying += [_alone(one) for one in question.service.hosts]
    applying += _of_dns(question)
    sizes = range(1, min(len(applying), len(always) + _MOST_TOGETHER) + 1)
    every = chain.from_iterable(combinations(applying, size) for size in sizes)
    for chosen in islice(every, _MOST_TRIED):
        causes = tuple(one.cause for one in chosen)
        if set(always) <= set(causes):
            lifts = (one.without for one in chosen)
            yield causes, reduce(lambda asked, without: without(asked), lifts, question)


def stops(question: Question) -> Iterator[Cause]:
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

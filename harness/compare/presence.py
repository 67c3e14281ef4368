"""Presence as results carry it: each address with what became of it, and the words for it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Self

from pydantic import Field

from harness.compare.values import grouped, sent_by_values
from harness.model.host import address_text
from harness.model.lookup import Request
from harness.model.netdb import AF, AI
from harness.model.presence import Account, Made, Presence
from harness.model.presence_reasons import Cause
from harness.model.services import Ending

_NAMED = 8  # addresses in one line
_FAMILY = {AF.INET: "IPv4", AF.INET6: "IPv6"}
_AF = {AF.INET: "AF_INET", AF.INET6: "AF_INET6"}
_SERVICE_FAILED = ("EAI_AGAIN", "EAI_FAIL", "EAI_SYSTEM")
_LOOPBACK = {4: "127.0.0.1", 6: "::1"}


@sent_by_values
@dataclass(frozen=True, slots=True)
class AccountRow:
    """One address that the name service holds, or that could be expected without one."""

    address: Annotated[str, Field(description="as it is held")]
    returned: Annotated[str | None, Field(description="as it is returned; null where left out")]
    made: Annotated[Made, Field(description="what became of it")]
    causes: Annotated[
        tuple[Cause, ...], Field(description="without which it would be returned, or as it is held")
    ]
    why: Annotated[str, Field(description="the causes in words; empty where there are none")]
    name: Annotated[
        str | None,
        Field(
            description="the name that has it, where that is not the one asked for: "
            "with a search domain, or at the end of aliases"
        ),
    ] = None
    line: Annotated[int | None, Field(description="its line in the hosts file, from 1")] = None
    times: Annotated[
        int, Field(description="how often the address is returned that this one is returned as")
    ] = 0


@sent_by_values
@dataclass(frozen=True, slots=True)
class PresenceRow:
    """Every address of a look-up accounted for, and why there is none, by the model.

    ``causes`` are those of the error; ``why`` has them in words.
    """

    addresses: tuple[AccountRow, ...] = ()
    causes: tuple[Cause, ...] = ()
    why: str = ""

    @classmethod
    def of(cls, found: Presence) -> Self:
        """What the model says of it, in words."""
        times = Counter(one.returned for one in found.accounts if one.returned)
        rows = (
            AccountRow(
                str(one.held), None if one.returned is None else str(one.returned), one.made,
                one.causes, "; ".join(_account(one, found)), one.name, one.line,
                0 if one.returned is None else times[one.returned],
            )
            for one in found.accounts
        )  # fmt: skip
        return cls(tuple(rows), found.causes, _words(found.causes, found))

    @classmethod
    def unanswered(
        cls, request: Request, error: str | None, failed: str = "", malformed: str = ""
    ) -> Self | None:
        """What is said where a name service failed, of which the model knows nothing.

        ``failed``: the service, with how it failed, at which the hosts line ends the look-up;
        ``malformed``: what is wrong with that line.
        """
        if error is not None and malformed:
            return cls(causes=(Cause.MALFORMED,), why=malformed)
        if error not in _SERVICE_FAILED:
            return None
        if failed:
            why = f"{failed}, and nsswitch.conf's hosts line ends the look-up there"
            return cls(causes=(Cause.SERVICE_FAILED,), why=why)
        return cls(causes=(Cause.NO_REPLY,), why=_of(Cause.NO_REPLY, request))

    def lines(self, error: str | None) -> Iterator[str]:
        """What a reader has to be told, beside the order: nothing where all is as it is held.

        ``error`` is the one that the causes are of.
        """
        if error is not None and self.why:
            alike = [one.address for one in self.addresses if one.why == self.why]
            yield f"{error}: {self.why}" + (f" (left out: {_listed(alike)})" if alike else "")
        told = [one for one in self.addresses if one.why and (error is None or one.why != self.why)]
        for (made, why), group in groupby(told, lambda one: (one.made, one.why)):
            same = list(group)
            if made is Made.LEFT_OUT:
                multi = (_with_line(one, Cause.MULTI_OFF in one.causes) for one in same)
                yield f"left out {_listed(multi)}: {why}"
            elif made is Made.ADDED:
                yield f"added {_listed(str(one.returned) for one in same)}: {why}"
            else:
                changes = (f"{_with_line(one)} to {one.returned}" for one in same)
                yield f"changed {_listed(changes)}: {why}"
        elsewhere = grouped((one for one in self.addresses if one.returned), lambda one: one.name)
        for name, these in elsewhere.items():
            if name is not None:
                yield f"found {_listed(str(one.returned) for one in these)} as {name}"
        given = grouped((one for one in self.addresses if one.returned), lambda one: one.returned)
        doubles = [(returned, _times(same)) for returned, same in given.items() if len(same) > 1]
        for times, those in grouped(doubles, lambda one: one[1]).items():
            yield f"doubled {_listed(str(returned) for returned, _ in those)}: returned {times}"


def _times(rows: list[AccountRow]) -> str:
    """How often an address is returned, and for which of those held."""
    times = "twice" if len(rows) == 2 else f"{len(rows)} times"
    if any(Cause.ALL_ADDS in one.causes for one in rows):
        return f"{times}, also as the IPv4 address in it"
    different = list(dict.fromkeys(one.address for one in rows))
    said = f"{times}, as often as the name service gives it"
    if len(different) > 1:
        said = f"{times}, for {', '.join(different[:-1])} and {different[-1]}"
    lines = [str(one.line) for one in rows if one.line is not None]
    if len(lines) < len(rows):
        return said
    return f"{said} (lines {', '.join(lines[:-1])} and {lines[-1]} of the hosts file)"


def _with_line(one: AccountRow, wanted: bool = True) -> str:
    """An address, with its line in the hosts file where that is known, and ``wanted``."""
    known = wanted and one.line is not None
    return f"{one.address} (line {one.line} of the hosts file)" if known else one.address


def _listed(addresses: Iterable[str]) -> str:
    texts = list(dict.fromkeys(addresses))
    more = len(texts) - _NAMED
    return ", ".join(texts[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _account(one: Account, found: Presence) -> Iterator[str]:
    if one.causes or one.made is Made.LEFT_OUT:
        yield _words(one.causes or found.causes, found)
    if one.made in _MADE:
        yield _MADE[one.made]


def _words(causes: Iterable[Cause], found: Presence) -> str:
    return "; ".join(
        _addrconfig(found) if c is Cause.ADDRCONFIG
        else _ending(found.ending) if c is Cause.EARLIER_SERVICE and found.ending is not None
        else _of(c, found.request)
        for c in causes
    )  # fmt: skip


def _ending(ending: Ending) -> str:
    """At which service a look-up ends, and by what."""
    said = f"nsswitch.conf's hosts line ends with {ending.service}"
    if ending.status == "SUCCESS":
        return f"{said}, which has an answer"
    return f"{said}, by [{ending.status}=return]: no service behind it is asked"


def _of(cause: Cause, request: Request) -> str:
    """A cause that rests on the look-up alone, in words."""
    if cause is Cause.FAMILY:
        mapped = request.family == AF.INET6 and not request.flags & AI.V4MAPPED
        without = " without AI_V4MAPPED" if mapped else ""
        return f"{_FAMILY[request.family]} alone is asked for ({_AF[request.family]}{without})"
    return _CAUSES[cause].format(name=request.name, service=request.service)


def _addrconfig(found: Presence) -> str:
    """Which family the host counts as not having, and by which of its addresses."""
    own: dict[int, list[str]] = {4: [], 6: []}
    counted: dict[int, list[str]] = {4: [], 6: []}
    for address in found.host:
        text, version = address_text(address), address.version
        (own if text == _LOOPBACK[version] else counted)[version].append(text)
    asked = {AF.INET: 4, AF.INET6: 6}.get(found.request.family)
    missing = asked if asked and not counted[asked] else 6 if counted[4] else 4
    said = f"AI_ADDRCONFIG: the host has no IPv{missing} address"
    if own[missing]:
        said += f" other than {_LOOPBACK[missing]}"
    elif missing == 6:
        said += ", not even ::1, as where the sysctl disable_ipv6 is set"
    other = 10 - missing
    return said if asked == missing else f"{said}, but has IPv{other} ({_listed(counted[other])})"


_MADE = {
    Made.LOOPBACK: "in a look-up for IPv4 the ::1 of a hosts file counts as 127.0.0.1",
    Made.UNMAPPED: "the IPv4 address in it is taken",
    Made.MAPPED: "AI_V4MAPPED maps IPv4 into IPv6",
    Made.WITHOUT_ZONE: "a look-up by family has no room for zones",
}

_CAUSES = {
    Cause.NUMERICHOST: "AI_NUMERICHOST: {name} is no number, so no name service is asked",
    Cause.LOOKS_NUMERIC: "{name} looks like a number, for which AF_INET asks no name service",
    Cause.V4MAPPED_WITHOUT_ALL: "AI_V4MAPPED without AI_ALL gives IPv4 only where there is no IPv6",
    Cause.ALL_LOSES_IPV6: "AI_ALL: this glibc then gives mapped IPv4 addresses alone",
    Cause.MULTI_OFF: "multi is off in host.conf: the hosts file gives one line of a name alone",
    Cause.MALFORMED: "nsswitch.conf's hosts line is malformed",
    Cause.EARLIER_SERVICE: "another service of nsswitch.conf's hosts line decides",
    Cause.NO_AAAA: "no-aaaa in resolv.conf: DNS is asked for no IPv6 address",
    Cause.BY_FAMILY: "its module is asked for one family after the other",
    Cause.SERVICE_FAILED: "a service that nsswitch.conf's hosts line names is not there",
    Cause.ACTION: "an action of nsswitch.conf's hosts line drops what a service found",
    Cause.SEARCH: "resolv.conf's search domains and ndots: another name with an answer comes first",
    Cause.EARLIER_SERVER: "another DNS server is asked first, and its answer counts",
    Cause.SERVFAIL: "a DNS server says SERVFAIL",
    Cause.REFUSED: "a DNS server says REFUSED",
    Cause.SHORT: "a DNS server says REFUSED and leaves the question out",
    Cause.FORMERR: "a DNS server says FORMERR",
    Cause.NXDOMAIN: "a DNS server says NXDOMAIN: that there is no such name",
    Cause.NODATA: "a DNS server says that the name has no such record",
    Cause.UNRELATED: "a DNS server answers with records of other types alone",
    Cause.MISNAMED: "a DNS server answers with the addresses of another name",
    Cause.TRUNCATED: "a DNS server asks for TCP",
    Cause.LAME: "a DNS server is not responsible, and asks no other",
    Cause.SILENT: "a DNS reply does not come",
    Cause.LATE: "a DNS reply comes too late",
    Cause.CLOSED: "no DNS server listens there",
    Cause.ALL_ADDS: "with AI_ALL the IPv4 form that a hosts file's line has is mapped and added",
    Cause.ASKED_AGAIN: "nsswitch.conf's hosts line has the service twice, and goes on after it",
    Cause.NO_OWN_ADDRESS: "myhostname gives it where the host has no address of the family asked "
    "for",
    Cause.BAD_FLAGS: "a flag is unknown, or AI_CANONNAME is given without a name",
    Cause.BAD_FAMILY: "the address family is none that getaddrinfo knows",
    Cause.NO_QUESTION: "neither a name nor a service is given",
    Cause.SOCKTYPE: "there is no such protocol of this socket type",
    Cause.SERVICE: "the service {service} has no port for this socket type and protocol",
    Cause.NUMERICSERV: "AI_NUMERICSERV: the service {service} is no number",
    Cause.IDN: "AI_IDN: {name} cannot be encoded in the C locale, in which it is asked for here; a "
    "program with a UTF-8 locale asks for its xn-- form",
    Cause.ZONE: "the zone of {name} is no interface that counts here, and no number",
    Cause.UNKNOWN_NAME: "the name service does not know {name}",
    Cause.NO_ADDRESS: "the name service knows {name}, but no address of it",
    Cause.NO_REPLY: "the name service did not answer",
}

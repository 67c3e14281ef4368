"""The name service of a scenario: nsswitch.conf's ``hosts:`` line, and what stands behind it."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from harness.model.addresses import inet_aton
from harness.model.services import Action, Kind, Status, ascii_lower
from harness.text.validation import bad

from . import values
from .values import FrozenDict, Model, NamedAddress, Place, Text, Truth

_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}")
_MOST_SERVICES = 8
_SERVICE = re.compile(r"\s*([A-Za-z0-9_]+)\s*(?:\[([^\[\]]*)\])?")
_CRITERION = re.compile(r"\s*(!?)([A-Za-z]+)\s*=\s*([A-Za-z]+)(?=\s|$)")


def check_name(name: str) -> str:
    """Refuse a name that no name service can hold or getaddrinfo never asks for.

    A hosts file parts words at blanks and ends a line at #; all other characters are a name's.
    """
    whole = name.isprintable() and not any(char.isspace() or char == "#" for char in name)
    if not name or not whole or len(name.encode()) > 254:
        raise bad("a host name: 1 to 254 bytes without blanks, # and control characters", name)
    if inet_aton(name) is not None:  # one to three numbers, in octal and hex too
        why = "getaddrinfo never looks a numeric name up"
        raise bad(f"a host name, not a number: {why}", name)
    return name


def _check_names(names: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse names as `check_name`, and names twice."""
    seen: dict[str, str] = {}
    for name in map(check_name, names):
        other = seen.setdefault(ascii_lower(name), name)
        if other != name:
            raise bad(f"each name once: {other!r} differs only in case", name)
    return FrozenDict(names)


def check_dns_names(names: Iterable[str], at: Place = ()) -> None:
    """Refuse names that glibc takes from no DNS answer, and names twice."""
    seen: dict[str, str] = {}
    for name in names:
        plain = name.removesuffix(".")
        if len(plain) > 253 or not all(_LABEL.fullmatch(label) for label in plain.split(".")):
            wanted = (
                "with dns labels of 1 to 63 letters, digits, hyphens and underscores, 253 in all, "
                "no hyphen first; an international name as xn--"
            )
            raise bad(wanted, name, at=at)
        other = seen.setdefault(plain.lower(), name)
        if other != name:
            wanted = f"with dns each name once: {other!r} differs only in a final dot"
            raise bad(wanted, name, at=at)


def _dns_names(names: Mapping[str, Any]) -> Mapping[str, Any]:
    check_dns_names(names)
    return names


Names = Annotated[
    Mapping[Text, Annotated[tuple[NamedAddress, ...], Field(min_length=1, max_length=4096)]],
    Field(max_length=4096),
    AfterValidator(_check_names),
]
"""Names with their addresses in order."""


def _hosts_file_line(line: str) -> str:
    address, *names = line.split()
    if not names:
        raise bad("an address and a name, as in a hosts file", line)
    return " ".join((values.plain_address(address), *map(check_name, names)))


def parse_hosts(text: str) -> tuple[tuple[Kind, dict[Status, Action]], ...]:
    """The services of a ``hosts:`` line with the actions in brackets after each.

    ``!STATUS`` means all statuses but that one. Raises ValueError, as `bad` makes it.
    """
    services: list[tuple[Kind, dict[Status, Action]]] = []
    rest = text.rstrip()
    while rest:
        found = _SERVICE.match(rest)
        kinds = {kind: kind for kind in get_args(Kind)}
        if not found or found[1] not in kinds:
            raise bad(f"services ({', '.join(kinds)}), each perhaps with [STATUS=action …]", text)
        services.append((kinds[found[1]], {} if found[2] is None else _actions(found[2], text)))
        rest = rest[found.end() :]
    if not 1 <= len(services) <= _MOST_SERVICES:
        raise bad(f"1 to {_MOST_SERVICES} services", text)
    return tuple(services)


def _actions(criteria: str, text: str) -> dict[Status, Action]:
    statuses: dict[str, Status] = {status: status for status in get_args(Status)}
    actions: dict[str, Action] = {action: action for action in get_args(Action)}
    result: dict[Status, Action] = {}
    rest = criteria.rstrip()
    while rest or not result:
        found = _CRITERION.match(rest)
        status = found and statuses.get(found[2].upper())
        action = found and actions.get(found[3].lower())
        if not found or not status or not action:
            wanted = f"[STATUS=action] of {', '.join(statuses)} and {', '.join(actions)}"
            raise bad(wanted, text)
        for one in statuses.values():
            if (one == status) is not bool(found[1]):
                result[one] = action
        rest = rest[found.end() :]
    return result


def _hosts(text: str) -> str:
    parse_hosts(text)
    return text


class Dns(Model):
    """The DNS server: which of the two questions of an AF_UNSPEC look-up it answers first."""

    first_reply: Literal["A", "AAAA"] = "A"


class DnsService(Dns):
    """The DNS server with what it knows."""

    names: Annotated[Names, AfterValidator(_dns_names)] = Field(default_factory=FrozenDict)


def _domains(domains: tuple[str, ...]) -> tuple[str, ...]:
    check_dns_names(domains)
    return domains


ResolverOption = Literal["single-request", "no-aaaa", "edns0", "rotate", "use-vc"]


class ResolvConf(Model):
    """What resolv.conf says beside the server's address."""

    search: Annotated[tuple[Text, ...], Field(max_length=6), AfterValidator(_domains)] = ()
    ndots: Annotated[values.Whole, Field(ge=0, le=15)] = 1
    options: Annotated[tuple[ResolverOption, ...], AfterValidator(values.once)] = ()

    def lines(self) -> list[str]:
        """The lines of the file."""
        search = [f"search {' '.join(self.search)}"] if self.search else []
        return [*search, " ".join(("options", f"ndots:{self.ndots}", *self.options))]


HostsFileLine = Annotated[Text, Field(max_length=4096), AfterValidator(_hosts_file_line)]


class NameService(Model):
    """The name service as files of /etc describe it: several services, each with its names."""

    hosts: Annotated[Text, Field(max_length=1024), AfterValidator(_hosts)] = "files"
    multi: Truth = True
    files: Annotated[tuple[HostsFileLine, ...], Field(max_length=16384)] = ()
    dns: DnsService = DnsService()
    nss: Names = Field(default_factory=FrozenDict)
    resolv_conf: ResolvConf = ResolvConf()

    def addresses(self) -> dict[str, list[str]]:
        """All addresses of each lower-case name, service by service in the order of the line."""
        held: dict[str, list[str]] = {}
        for kind in dict.fromkeys(kind for kind, _ in parse_hosts(self.hosts)):
            for name, address in self._pairs(kind):
                held.setdefault(ascii_lower(name), []).append(address)
        return held

    def spellings(self, name: str) -> tuple[str, ...]:
        """A lower-case name as the services may be asked for it: as it is, and in each domain."""
        domains = () if name.endswith(".") else self.resolv_conf.search
        forms = (name, *(f"{name}.{ascii_lower(domain)}" for domain in domains))
        return (name, *(form.removesuffix(".") for form in forms))

    def _pairs(self, kind: Kind) -> Iterable[tuple[str, str]]:
        if kind == "files":
            for line in self.files:
                address, *names = line.split()
                yield from ((name, address) for name in dict.fromkeys(map(ascii_lower, names)))
            return
        lists = {"dns": self.dns.names, "nss": self.nss, "nss_by_family": self.nss}
        for name, addresses in lists.get(kind, {}).items():
            plain = name.removesuffix(".") if kind == "dns" else name
            yield from ((plain, address) for address in addresses)

"""The name service of a scenario: nsswitch.conf's ``hosts:`` line, and what stands behind it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from harness.model.addresses import inet_aton
from harness.model.dns import MOST_PAIRS, Resolver, Status, sortlist_pair
from harness.model.dns_servers import SLOW, UNHEARD, Record, Server, State, Word, ascii_lower
from harness.model.host import Target
from harness.model.services import Action, Kind
from harness.text.validation import bad

from . import values
from .values import FrozenDict, Model, NamedAddress, Place, Text, Truth

T = TypeVar("T")
_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}")
UNSET_HOSTS = "files dns"
_MOST_SERVICES = 8
_MOST_SERVERS = 3  # resolv.h: MAXNS
_MOST_ALIASES = 8
_SERVICE = re.compile(r"\s*([A-Za-z0-9_]+)\s*(?:\[([^\[\]]*)\])?", re.A)
_CRITERION = re.compile(r"\s*(!?)([A-Za-z]+)\s*=\s*([A-Za-z]+)(?=\s|$)", re.A)


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
    return FrozenDict(names)


Names = Annotated[
    Mapping[Text, Annotated[tuple[NamedAddress, ...], Field(min_length=1, max_length=4096)]],
    Field(max_length=4096),
    AfterValidator(_check_names),
]
"""Names with their addresses in order."""
DnsTable = Annotated[Mapping[Text, T], Field(max_length=4096), AfterValidator(_dns_names)]


def _hosts_file_line(line: str) -> str:
    address, *names = line.split()
    if not names:
        raise bad("an address and a name, as in a hosts file", line)
    if "%" in address:
        raise bad("an address without %scope, which a hosts file cannot carry", address)
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
    parse_hosts(values.printable(text))
    return text


class Dns(Model):
    """The DNS server: which of the two questions of an AF_UNSPEC look-up it answers first."""

    first_reply: Record = "A"


class NameReplies(Model):
    """What a DNS server says of one name in the place of its records, by the record's type."""

    a: Annotated[Word | None, Field(alias="A")] = None
    aaaa: Annotated[Word | None, Field(alias="AAAA")] = None
    first: Record | None = None


class DnsServer(Dns):
    """A DNS server with what it knows, and what it says otherwise."""

    names: Annotated[Names, AfterValidator(_dns_names)] = Field(default_factory=FrozenDict)
    aliases: DnsTable[Text] = Field(default_factory=FrozenDict)
    replies: DnsTable[NameReplies] = Field(default_factory=FrozenDict)
    always: State | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        """Refuse aliases that stand beside addresses, go in circles or go on for too long."""
        server = self.server
        for name in self.aliases:
            key = plain_name(name)
            if key in server.names:
                raise bad("an alias or addresses of a name (RFC 1034)", name, at=("aliases",))
            for _ in range(_MOST_ALIASES + 1):
                key = ascii_lower(server.aliases.get(key, ""))
            if key:
                raise bad(f"aliases that end within {_MOST_ALIASES}", name, at=("aliases",))
            check_dns_names([self.aliases[name]], ("aliases", name))
        return self

    @property
    def server(self) -> Server:
        """The server as the model and the sandbox know it."""
        replies: dict[str, dict[Record, Word]] = {}
        for name, one in self.replies.items():
            pairs: tuple[tuple[Record, Word | None], ...] = (("A", one.a), ("AAAA", one.aaaa))
            replies[plain_name(name)] = {record: word for record, word in pairs if word is not None}
        return Server(
            dns_table(self.names),
            {plain_name(name): target.removesuffix(".") for name, target in self.aliases.items()},
            replies,
            firsts={plain_name(name): one.first for name, one in self.replies.items() if one.first},
            always=None if self.always == "closed" else self.always,
            closed=self.always == "closed",
        )


def plain_name(name: str) -> str:
    """A name in lower case without its final dot."""
    return ascii_lower(name.removesuffix("."))


def dns_table(names: Mapping[str, Iterable[str]]) -> dict[str, tuple[Target, ...]]:
    """The addresses of names as a DNS server has them."""
    return {
        plain_name(name): tuple(Target(ip_address(text)) for text in texts)
        for name, texts in names.items()
    }


def _domains(domains: tuple[str, ...]) -> tuple[str, ...]:
    check_dns_names(domains)
    return domains


ResolverOption = Literal[
    "single-request", "no-aaaa", "edns0", "rotate", "use-vc", "strict-error"
]  # fmt: skip


def _sortlist_entry(text: str) -> str:
    net, slash, mask = text.partition("/")
    if sortlist_pair(net) is None or (slash and inet_aton(mask) is None):
        raise bad("an IPv4 address, perhaps with a netmask, as 10.0.0.0/255.0.0.0", text)
    return text


class ResolvConf(Model):
    """What resolv.conf says beside the servers' addresses.

    ``search_before`` is on a search line of its own further up, which the last one replaces.
    """

    search_before: Annotated[tuple[Text, ...], Field(max_length=6), AfterValidator(_domains)] = ()
    search: Annotated[tuple[Text, ...], Field(max_length=6), AfterValidator(_domains)] = ()
    ndots: Annotated[values.Whole, Field(ge=0, le=255)] = 1
    timeout: Annotated[values.Whole, Field(ge=1, le=30)] | None = None
    attempts: Annotated[values.Whole, Field(ge=1, le=5)] = 2
    options: Annotated[tuple[ResolverOption, ...], AfterValidator(values.once)] = ()
    sortlist: Annotated[
        tuple[Annotated[Text, Field(max_length=64), AfterValidator(_sortlist_entry)], ...],
        Field(max_length=MOST_PAIRS),
    ] = ()

    @model_validator(mode="after")
    def _is_replaced(self) -> Self:
        if self.search_before and not self.search:
            wanted = "search domains, for it is their line that replaces this one"
            raise bad(wanted, "none", at=("search",))
        return self

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The addresses and netmasks of sortlist."""
        return tuple(filter(None, map(sortlist_pair, self.sortlist)))


HostsFileLine = Annotated[Text, Field(max_length=4096), AfterValidator(_hosts_file_line)]


class NameServiceSpec(Model, json_schema_extra=values.one_or_many("dns")):
    """The name service as files of /etc describe it: several services, each with its names.

    Without ``hosts_file`` there is no such file, which is not the same as one without lines.
    Without ``hosts_line`` nsswitch.conf has none, and ``hosts`` is what glibc then takes.
    """

    hosts: Annotated[Text, Field(max_length=1024), AfterValidator(_hosts)] = "files"
    hosts_line: Truth = True
    multi: Truth = True
    hosts_file: Truth = True
    files: Annotated[tuple[HostsFileLine, ...], Field(max_length=16384)] = ()
    dns: Annotated[
        tuple[DnsServer, ...],
        Field(min_length=1, max_length=_MOST_SERVERS),
        BeforeValidator(values.listed(dict, DnsServer)),
    ] = (DnsServer(),)
    nss: Names = Field(default_factory=FrozenDict)
    resolv_conf: ResolvConf = ResolvConf()
    nsswitch: Annotated[Text, Field(max_length=1024), AfterValidator(values.printable)] | None = (
        None
    )

    @model_validator(mode="after")
    def _has_file(self) -> Self:
        if self.files and not self.hosts_file:
            raise bad("no lines of a hosts file that is not there", self.files[0], at=("files",))
        if not self.hosts_line and self.hosts != UNSET_HOSTS:
            wanted = f"{UNSET_HOSTS}, which counts where nsswitch.conf has no line"
            raise bad(wanted, self.hosts, at=("hosts",))
        return self

    @property
    def servers(self) -> tuple[Server, ...]:
        """The DNS servers in the order of resolv.conf."""
        if "single-request" in self.resolv_conf.options:
            # there is no pair of questions whose replies could be held back
            return tuple(replace(one.server, first="A", firsts={}) for one in self.dns)
        usual = self.dns[0].first_reply
        return tuple(
            replace(one.server, first=None if one.first_reply == usual else one.first_reply)
            for one in self.dns
        )

    def searching(self, domain: str) -> Self:
        """The service with a domain to search, where it has none. Source: resolv.conf(5)."""
        if self.resolv_conf.search:
            return self
        conf = self.resolv_conf.model_copy(update={"search": (domain,)})
        return self.model_copy(update={"resolv_conf": conf})

    @property
    def words(self) -> set[State | None]:
        """All that the servers say or do in the place of what they hold."""
        replies = (one for server in self.dns for one in server.replies.values())
        said = {word for one in replies for word in (one.a, one.aaaa)}
        return {*said, *(one.always for one in self.dns)}

    @property
    def is_slow(self) -> bool:
        """Whether a resolver may have to wait for a server in vain."""
        return not self.words.isdisjoint(SLOW)

    @property
    def remembers(self) -> bool:
        """Whether a look-up may depend on what its process has asked DNS before."""
        rotates = len(self.dns) > 1 and "rotate" in self.resolv_conf.options
        return self.is_slow or rotates or not self.hosts_file

    @property
    def has_unheard(self) -> bool:
        """Whether another resolver than glibc's may wait where that goes on at once: musl for a
        better answer than an error, and both where nsswitch.conf leaves DNS out.
        """
        asked = {kind for kind, _ in parse_hosts(self.hosts)}
        return "dns" not in asked or not self.words.isdisjoint(UNHEARD)

    def resolv_conf_lines(self) -> list[str]:
        """The lines of resolv.conf beside the servers' addresses."""
        conf = self.resolv_conf
        # glibc's own five seconds would make a look-up of a silent server last for half a minute
        timeout = conf.timeout or (1 if self.is_slow or self.has_unheard else None)
        options = [f"ndots:{conf.ndots}", f"attempts:{conf.attempts}", *conf.options]
        if timeout is not None:
            options.append(f"timeout:{timeout}")
        search = [f"search {' '.join(one)}" for one in (conf.search_before, conf.search) if one]
        sortlist = [f"sortlist {' '.join(conf.sortlist)}"] if conf.sortlist else []
        return [*search, *sortlist, " ".join(("options", *options))]

    def addresses(self) -> dict[str, list[str]]:
        """All addresses of each lower-case name, service by service in the order of the line."""
        held: dict[str, list[str]] = {}
        for kind in dict.fromkeys(kind for kind, _ in parse_hosts(self.hosts)):
            for name, address in self._pairs(kind):
                held.setdefault(ascii_lower(name), []).append(address)
        return held

    def known(self) -> dict[str, str]:
        """The names that a service of the line can say something of, each by its plain form."""
        kinds, names = {kind for kind, _ in parse_hosts(self.hosts)}, list[str]()
        if "files" in kinds:
            names += [name for line in self.files for name in line.split()[1:]]
        if not kinds.isdisjoint(("nss", "nss_by_family")):
            names += self.nss
        for one in self.dns if "dns" in kinds else ():
            names += [*one.names, *one.aliases, *one.replies]
        return {plain_name(name): name for name in names}

    def spellings(self, name: str) -> tuple[str, ...]:
        """A lower-case name as the services may be asked for it: as it is, and in each domain."""
        conf = self.resolv_conf
        search = tuple(map(ascii_lower, conf.search))
        return (name, *Resolver(search, conf.ndots).spellings(name))

    def _pairs(self, kind: Kind) -> Iterable[tuple[str, str]]:
        if kind == "files":
            for line in self.files:
                address, *names = line.split()
                yield from ((name, address) for name in dict.fromkeys(map(ascii_lower, names)))
        elif kind in ("nss", "nss_by_family"):
            for name, addresses in self.nss.items():
                yield from ((name, address) for address in addresses)
        elif kind == "dns":
            for server in self.servers:
                for name in (*server.names, *server.aliases):
                    yield from ((name, str(one)) for one in server.held(name)[1] or ())

"""This host's name service as a scenario has it: its files, and what its services say of names.

The files are read here; DNS and the modules are asked, each name as getaddrinfo would ask them for
both families. What a copy cannot have, or nobody here understands, is said.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import gethostname
from typing import get_args

from harness.live import names
from harness.live.dns_replies import DnsTables, is_dns_name
from harness.live.said import Data, Name, Said, SaidAddress, joined, literal
from harness.model.addresses import inet_aton, inet_pton4, inet_pton6
from harness.model.dns import MOST_PAIRS, Resolver, sortlist_pair
from harness.model.dns_servers import ascii_lower
from harness.model.host import Target
from harness.model.myhostname import knows
from harness.sandbox.pool import RESOLVER_VARIABLES
from harness.scenario.nameservice import ResolverOption, parse_hosts
from harness.text.reading import text_of

_ETC = Path("/etc")
_NSCD = Path("/var/run/nscd/socket")
_USUAL = ("files", "dns", "resolve", "myhostname", "mymachines", "compat", "nis", "mdns4_minimal")
_MOST_SERVICES, _MOST_DOMAINS, _MOST_SERVERS = 8, 6, 3
# resolv.h; no name has as many dots as the first says
_MOST = {"ndots": 255, "timeout": 30, "attempts": 5}
# what is known of the order of modules that a copy has in no other form
_ORDERS = {
    "resolve": "systemd-resolved gives its answer in an order of its own, the family whose reply "
    "came first before the other; it also knows the hosts file and the names of myhostname",
    "mdns": "it asks Avahi for names in .local, of the families that its name says, and gives what "
    "Avahi hears, in that order",
}
_MALFORMED = (
    "nsswitch.conf's hosts line is malformed at {}, where [STATUS=action] was expected: glibc "
    "2.36 and later then ask no service at all, 2.31 those before it alone, or its own default"
)
_SET_ASIDE = (
    "{} in the environment: a program that is started with it goes by it, as nothing that is asked "
    "here does"
)
_NOT_SORTED_BY = (
    "resolv.conf: {} in sortlist, which is no IPv4 address: with a netmask after it, no look-up of "
    "glibc that asks DNS ever ends"
)
_NO_DOMAIN = "resolv.conf: the search domain {}: no name of DNS ends so"
_STANDS_IN = "in a copy a module that hands over lists has its answer, and not its reasons"


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """The addresses that glibc is given for a name, by a ``service`` if any, and in its order.

    ``note``: why that is not certain. ``failed``: the service, with how it failed, that ended it;
    ``stopped``: the service, and the status, by which no other is asked, where that gives no
    address.
    """

    service: str | None = None
    targets: tuple[Target, ...] = ()
    note: Said = Said("")  # noqa: RUF009 - it cannot be changed
    failed: str = ""
    stopped: tuple[str, str] | None = None

    @property
    def lacking(self) -> bool:
        """Whether that service is not there."""
        return self.failed.endswith(names.NO_MODULE)


@dataclass(frozen=True, slots=True)
class NameServiceReading:
    """A host's name service: ``raw`` as the ``name_service`` of a scenario, what of it is not
    there, and what glibc is given for each name. ``lines`` are the numbers of the hosts file's
    lines that are in it, ``services`` what those of its hosts line are called.

    ``odd``: what of the files is not understood, or has no words in a scenario; ``malformed``: what
    is wrong with the hosts line of nsswitch.conf.
    """

    raw: Data
    lines: tuple[int, ...]
    services: tuple[str, ...]
    left_out: tuple[Said, ...]
    odd: tuple[Said, ...]
    malformed: Said
    answers: Mapping[str, HostAnswer]


@dataclass(slots=True)
class _Tables:
    files: list[tuple[int, str, list[str]]]
    dns: DnsTables
    held: dict[str, None] = field(default_factory=dict)  # names that are looked for in the file
    nss: dict[str, list[Target]] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)  # services of which there is no module
    ended: set[int] = field(default_factory=set)  # modules that know no name, and end the look-up
    services: list[str] = field(default_factory=list)  # what those that are kept are called
    left_out: list[Said] = field(default_factory=list)
    of_services: list[Said] = field(default_factory=list)  # what a copy has not of these


def read(
    wanted: Sequence[str], links: Mapping[int, str], timeout: float = 10.0
) -> NameServiceReading:
    """Read the host's name service for host names.

    Args:
        wanted: The names; numbers among them are passed over.
        links: The names of the host's interfaces by index, for zones.
        timeout: Seconds for each question.
    """
    text = _text("nsswitch.conf")
    services = names.hosts_services(text)
    left_out = list(_passed_over(wanted))
    resolv_conf = _resolv_conf(left_out)
    options = frozenset(resolv_conf.get("options", ()))
    resolver = Resolver(resolv_conf.get("search", ()), resolv_conf.get("ndots", 1), options)
    of_dns = DnsTables(resolver, _name_servers())
    files = [line for line in _hosts_lines() if _taken(line[1])]
    tables = _Tables(files, of_dns, left_out=left_out)
    malformed = Said("")
    if (part := names.malformed(text)) is not None:
        malformed = Said(_MALFORMED, part)
        left_out.append(malformed)
    variables = [one for one in RESOLVER_VARIABLES if "_DIR" not in one and one in os.environ]
    if variables:
        left_out.append(Said(_SET_ASIDE, Said(", ".join(variables))))
    looked_up = [name for name in dict.fromkeys(wanted) if literal(name) is None]
    single = len(looked_up) == 1
    answers = {name: _ask(services, name, tables, single, timeout) for name in looked_up}
    left_out += of_dns.failed
    hosts = _hosts_line(services, tables)
    wanted_lines = [
        line
        for line in tables.files
        if not tables.held.keys().isdisjoint(map(ascii_lower, line[2]))
    ]
    raw: Data = {
        "hosts": hosts or "files",
        "multi": _multi(left_out),
        "hosts_file": _has_hosts_file(),
        "files": [
            " ".join((address, *(name for name in known if literal(name) is None)))
            for _, address, known in wanted_lines
        ],
        "resolv_conf": resolv_conf,
        "nss": _texts(tables.nss, links),
    }
    if (dns := of_dns.data()) is not None:
        raw["dns"] = dns
    line = names.hosts_line(text)
    own = " ".join(_shown(word, conditions) for word, conditions in line or ())
    if own != raw["hosts"]:
        raw["nsswitch"] = own
    numbers = tuple(number for number, _, _ in wanted_lines)
    every = tuple(dict.fromkeys([*left_out, *tables.of_services]))
    called = tuple(tables.services)
    return NameServiceReading(raw, numbers, called, every, tuple(left_out), malformed, answers)


def zoned(target: Target, links: Mapping[int, str]) -> str:
    """An address with the name of its zone, if it has one."""
    zone = target.scope_id and f"%{links.get(target.scope_id, target.scope_id)}"
    return f"{target.address}{zone or ''}"


def _texts(table: Mapping[str, list[Target]], links: Mapping[int, str]) -> Data:
    return {name: [zoned(one, links) for one in each] for name, each in table.items()}


def _ask(
    services: Sequence[names.ConfiguredService],
    name: str,
    tables: _Tables,
    single: bool,
    timeout: float,
) -> HostAnswer:
    """What the services give for a name. Each is asked as far as glibc would go; of a ``single``
    name of which nothing came, those behind are asked too, so that it can be told what ended it.
    """
    notes: list[Said] = []
    if _NSCD.exists():
        notes.append(Said("nscd answers before the name services, in an order of its own"))
    answer, ended, failed, stopped = HostAnswer(), False, "", None
    key, holder = ascii_lower(name), None
    tables.held[key] = None
    for place, service in enumerate(services):
        kind = service.name if service.name in ("files", "dns", "myhostname") else "nss"
        if kind == "files":
            found = [one for _, one, known in tables.files if key in map(ascii_lower, known)]
            parsed = (inet_pton4(text) or inet_pton6(text) for text in found)
            targets = tuple(Target(one) for one in parsed if one is not None)
            none = "NOTFOUND" if _has_hosts_file() else "UNAVAIL"
            status = "SUCCESS" if targets else none
        else:
            status, targets, holder = names.ask_service(service, name, timeout)
        if status not in names.STATUSES:
            if status == names.NO_MODULE:
                kind = "missing"
                tables.missing.add(place)
                tables.of_services.append(Said("{}: {}", _known(service.name), Said(status)))
            else:
                tables.left_out.append(Said("{}: {}", _known(service.name), Said(status)))
            if not ended and ("UNAVAIL" in service.returns or service is services[-1]):
                failed = f"{service.name} {status}"
            status = "UNAVAIL"
        stops = status in service.returns
        if kind == "dns":
            tables.dns.answer(name, targets, holder)
        if status == "SUCCESS":
            if kind == "nss":
                tables.nss.setdefault(name, [*targets])
                plain = [one for one in targets if not one.scope_id]  # as records have them
                if service.name == "resolve" and plain:
                    # its DNS stub has them for those that ask DNS alone
                    tables.dns.put(name, plain)
            both = len({target.address.version for target in targets}) > 1
            if both and not ended and service.name in ("dns", "resolve"):
                said = "the family whose reply came first stands first"
                notes.append(Said("{}: " + said, _known(service.name)))
        if kind != "nss":
            use = status != "UNAVAIL" and knows(name, gethostname())
            tables.kept |= {place} if kind != "myhostname" or use else set()
        elif status == "SUCCESS" or (stops and single and not ended):
            tables.kept.add(place)
            if status != "SUCCESS":
                tables.ended.add(place)
            order = next((words for stem, words in _ORDERS.items() if stem in service.name), "")
            words = f"{order}; {_STANDS_IN}" if order else _STANDS_IN
            tables.of_services.append(Said("{}: " + words, _known(service.name)))
            if order and not ended and service.name != "resolve":  # of which it is said
                notes.append(Said("{}: " + order, _known(service.name)))
        if not ended:
            if answer.service is not None:
                # since 2.36: hosts cannot be merged, and going on drops what there is; before, the
                # next service's answer overwrites it in memory
                known, answer = _known(answer.service), HostAnswer()
                if services[place - 1].merges:
                    notes.append(
                        Said("{}: [SUCCESS=merge] ends the look-up without an address", known)
                    )
                    break
                notes.append(Said("{}: [SUCCESS=continue] drops its addresses", known))
            if status == "SUCCESS":
                answer = HostAnswer(service.name, targets)
            ended = stops
            if stops and status != "SUCCESS" and service is not services[-1]:
                stopped = service.name, status
        if ended and (answer.service is not None or not single):
            if kind == "nss" and place not in tables.kept:  # which is not there to end it
                del tables.held[key]
            break
    return HostAnswer(answer.service, answer.targets, joined(notes), failed, stopped)


def _known(service: str) -> str:
    return Said(service) if service in _USUAL else service


def _hosts_line(services: Sequence[names.ConfiguredService], tables: _Tables) -> str:
    """The line of a copy: services without an answer to any name are left out of it."""
    shown = []
    for place, service in enumerate(services):
        known = service.name in ("files", "dns", "myhostname")
        if place in tables.kept or service.name in ("files", "dns"):
            words = []
            for word in service.conditions:
                with suppress(ValueError):  # the malformed are told
                    parse_hosts(f"files [{word}]")
                    words.append(word)
            if place in tables.ended:  # for whatever reason: what stands in has this one
                words = ["NOTFOUND=return"]
            kind = "missing" if place in tables.missing else service.name if known else "nss"
            shown.append(_shown(kind, words))
            tables.services.append(service.name)
    if len(shown) > _MOST_SERVICES:
        tables.left_out.append(Said(f"services behind the first {_MOST_SERVICES}"))
    return " ".join(shown[:_MOST_SERVICES])


def _shown(name: str, conditions: Iterable[str]) -> str:
    words = " ".join(conditions)
    return f"{name} [{words}]" if words else name


def _text(name: str) -> str | None:
    return text_of(_ETC / name)


def _has_hosts_file() -> bool:
    """Whether there is a hosts file that can be read: for glibc another is none."""
    return _text("hosts") is not None


def _hosts_lines() -> Iterator[tuple[int, str, list[str]]]:
    """The hosts file's lines with names: the number, the address of whatever form, and they."""
    for number, raw in enumerate((_text("hosts") or "").splitlines(), 1):
        address, *known = raw.partition("#")[0].split() or [""]
        if known:
            yield number, address, known


def _taken(address: str) -> bool:
    """Whether glibc takes an address of the hosts file: it knows no zones there."""
    return (inet_pton4(address) or inet_pton6(address)) is not None


def _passed_over(wanted: Iterable[str]) -> Iterator[Said]:
    """The lines of the hosts file for names that are wanted which glibc does not take."""
    names_of = {ascii_lower(name): name for name in wanted}
    for _, address, known in _hosts_lines():
        for name in known:
            if not _taken(address) and (asked := names_of.get(ascii_lower(name))) is not None:
                said = "{} for {} in the hosts file: glibc takes no such address, others may"
                yield Said(said, SaidAddress(address), Name(asked))


def _multi(left_out: list[Said]) -> bool:
    """host.conf's ``multi``; what else of it changes an answer is said. Source: host.conf(5)."""
    on = {}
    for raw in (_text("host.conf") or "").splitlines():
        keyword, *words = raw.partition("#")[0].lower().split() or [""]
        if keyword in ("multi", "reorder"):
            on[keyword] = words[:1] == ["on"]
        elif keyword == "trim" and words:
            left_out.append(Said("host.conf: trim, which takes domains off canonical names"))
    if on.get("reorder"):
        left_out.append(
            Said("host.conf: reorder on, which puts near addresses first in a plain IPv4 look-up")
        )
    return on.get("multi", False)


def _name_servers() -> list[str]:
    """The DNS servers that resolv.conf names, or the one without it. Source: resolv.conf(5)."""
    named = [words[0] for keyword, words in _resolv_conf_lines() if keyword == "nameserver"]
    return named[:_MOST_SERVERS] or ["127.0.0.1"]


def _resolv_conf_lines() -> Iterator[tuple[str, list[str]]]:
    """The keyword and the words of each line; for glibc one that begins with a blank is none."""
    for raw in (_text("resolv.conf") or "").splitlines():
        keyword, *words = raw.split() or [""]
        if words and raw.startswith(keyword):
            yield keyword, words


def _sortlist(words: Iterable[str], left_out: list[Said]) -> Iterator[str]:
    """The entries of a sortlist line up to a ``;``, as a scenario has them."""
    for word in " ".join(words).partition(";")[0].split():
        net, sign, mask = re.sub("[/&]", "/", word, count=1).partition("/")
        if sortlist_pair(net) is None:
            left_out.append(Said(_NOT_SORTED_BY, SaidAddress(word)))
        else:
            yield f"{net}/{mask}" if sign and inet_aton(mask) is not None else net


def _resolv_conf(left_out: list[Said]) -> Data:
    """What resolv.conf says beside the servers, as a scenario has it. Source: resolv.conf(5)."""
    conf: Data = {}
    options: list[str] = []
    for keyword, words in _resolv_conf_lines():
        if keyword in ("search", "domain"):
            conf["search"] = [word for word in words if word != "."][
                : 1 if keyword == "domain" else None
            ]
        elif keyword == "options":
            options += words
        elif keyword == "sortlist":
            conf.setdefault("sortlist", []).extend(_sortlist(words, left_out))
    if domain := gethostname().partition(".")[2]:
        conf.setdefault("search", [domain])
    search = conf.get("search", ())
    left_out += [Said(_NO_DOMAIN, one) for one in search if not is_dns_name(one)]
    by_plain = {ascii_lower(one).removesuffix("."): one for one in search if is_dns_name(one)}
    conf["search"] = [*by_plain.values()]
    if len(conf["search"]) > _MOST_DOMAINS:
        left_out.append(Said(f"resolv.conf: search domains behind the first {_MOST_DOMAINS}"))
        conf["search"] = conf["search"][:_MOST_DOMAINS]
    if len(conf.get("sortlist", ())) > MOST_PAIRS:
        left_out.append(Said(f"resolv.conf: entries of sortlist behind the first {MOST_PAIRS}"))
        conf["sortlist"] = conf["sortlist"][:MOST_PAIRS]
    known = get_args(ResolverOption)
    conf["options"] = [one for one in dict.fromkeys(options) if one in known]
    for one in options:
        word, colon, number = one.partition(":")
        if colon and word in _MOST and re.fullmatch("[0-9]{1,6}", number):
            conf[word] = min(int(number), _MOST[word])
        elif one not in known and one not in ("debug", "trust-ad", "inet6"):
            left_out.append(Said("resolv.conf: the option {}", one))
    return {key: value for key, value in conf.items() if value}

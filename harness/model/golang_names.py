"""Where Go's own resolver looks a name up: nsswitch.conf, the hosts file, DNS.

Go reads the files itself, and never asks glibc or its modules. Source: golang/go, src/net: conf.go,
nss.go, hosts.go, dnsconfig_unix.go, dnsclient_unix.go and dnsclient.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from harness.model.addresses import is_v4mapped, unmapped
from harness.model.dns_servers import Record, Server, ascii_lower
from harness.model.golang_rows import GoBehaviour
from harness.model.host import IPAddress, Target
from harness.model.lookup import AF_INET, AF_INET6, EaiError, Etc, NameService

_BLANKS = " \t\r\n"
_DEFAULT = {"success": "return", **dict.fromkeys(("notfound", "unavail", "tryagain"), "continue")}
_BOTH = ("files", "dns")
_OPTIONS = frozenset(("rotate", "single-request", "use-vc"))
"""Those of the options in a scenario's resolv.conf that a version with ``_in_doubt`` knows."""
_RECORDS: dict[int, tuple[Record, ...]] = {AF_INET: ("A",), AF_INET6: ("AAAA",)}
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST = 254  # with the final dot
_DECIMAL = re.compile(r"[0-9]+")
_LAST_INDEX = 0xFFFFFF


def unmapped_target(address: IPAddress) -> Target:
    """A target as Go sees it: ``::ffff:a.b.c.d`` is the IPv4 address itself."""
    return Target(unmapped(address) if is_v4mapped(address) else address)


def literal(text: str, links: Mapping[str, int], own: GoBehaviour) -> Target | None:
    """The address that a text is, or None. ``links`` gives the index of each interface."""
    if ":" not in text or "." in text.partition(":")[0]:
        four = _ipv4(text, own)
        return None if four is None else Target(four)
    whole, percent, zone = text.partition("%")
    if percent and own.zone_from_first_percent and not zone:
        return None
    if percent and not own.zone_from_first_percent:
        whole, _, zone = text.rpartition("%")
    six = None if "%" in whole else _ipv6(whole, own)
    if six is None:
        return None
    if is_v4mapped(six):
        return Target(unmapped(six))
    return Target(six, zone_index(zone, links))


def _ipv4(text: str, own: GoBehaviour) -> IPv4Address | None:
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    if own.no_leading_zeros and any(len(part) > 1 and part[0] == "0" for part in parts):
        return None
    numbers = [int(part.lstrip("0")[:4] or "0") for part in parts]
    return IPv4Address(bytes(numbers)) if max(numbers) < 256 else None


def _ipv6(text: str, own: GoBehaviour) -> IPv6Address | None:
    head, colon, last = text.rpartition(":")
    if "." in last:
        four = _ipv4(last, own)
        if four is None:
            return None
        last = f"{int(four) >> 16:x}:{int(four) & 0xFFFF:x}"
    if not own.four_digits:
        parts = re.split("(:)", head + colon + last)
        text = "".join(re.sub("^0+(?=.)", "", part) for part in parts)
    else:
        text = head + colon + last
    try:
        return IPv6Address(text)
    except ValueError:
        return None


def zone_index(zone: str, links: Mapping[str, int]) -> int:
    """The scope id that Go's sockets give the kernel: an interface's, else the leading number."""
    if zone in links:
        return links[zone]
    number = _DECIMAL.match(zone)
    return min(int(number[0].lstrip("0")[:9] or "0"), _LAST_INDEX) if number else 0


# --- nsswitch.conf: which of the hosts file and DNS, in which order


class Word(NamedTuple):
    """A service of the ``hosts:`` line, and whether the conditions behind it change nothing."""

    name: str
    usual: bool


def hosts_line(text: str) -> tuple[Word, ...] | None:
    """The services of a ``hosts:`` line; None where Go cannot read it."""
    found: list[Word] = []
    rest = text.strip(_BLANKS)
    while rest:
        name, _, rest = rest.partition(" ")
        rest, conditions = rest.strip(_BLANKS), list[str]()
        if rest.startswith("["):
            inside, closed, rest = rest[1:].partition("]")
            conditions = [one.strip(_BLANKS) for one in inside.split(" ") if one.strip(_BLANKS)]
            plain = [one.removeprefix("!") for one in conditions]
            if not closed or any(len(one) < 3 or "=" not in one for one in plain):
                return None
        found.append(Word(name, is_usual(conditions)))
        rest = rest.strip(_BLANKS)
    return tuple(found)


def is_usual(conditions: Sequence[str]) -> bool:
    """Whether conditions say only what holds without them; the last may say "return" of any."""
    for number, text in enumerate(conditions, 1):
        status, _, action = ascii_lower(text).partition("=")
        default = _DEFAULT.get(status)
        last = number == len(conditions) and action == "return"
        if default is None or (action != default and not last):
            return False
    return True


def sources(name: str, etc: Etc, hostname: str | None, own: GoBehaviour) -> tuple[str, ...]:
    """Which of "files" and "dns" are asked for a name, in their order.

    ``hostname`` is the machine's, where myhostname is on the line.
    """
    words = hosts_line(etc.hosts_line)
    if not words:
        return _BOTH
    if own.services_one_by_one:
        known = {word.name for word in words}
        listed = (word.name if word.name in _BOTH else "dns" for word in words)
        if "dns" in known:
            listed = (word.name for word in words if word.name in _BOTH)
        return tuple(dict.fromkeys(listed))
    if _in_doubt(words, name, etc, hostname):
        return _BOTH
    return tuple(dict.fromkeys(word.name for word in words if word.name in _BOTH)) or _BOTH


def _in_doubt(words: Sequence[Word], name: str, etc: Etc, hostname: str | None) -> bool:
    """Whether Go up to 1.20 would rather ask glibc, and, where it must not, does not trust itself.

    Of a service that begins with mdns it knows that it has nothing but names in .local.
    """
    plain = ascii_lower(name.removesuffix("."))
    if etc.resolver.options - _OPTIONS or {"\\", "%"} & {*name} or plain.endswith(".local"):
        return True
    for word in words:
        if word.name == "myhostname":
            local = re.fullmatch(r"(.*\.)?localhost(\.localdomain)?", plain, re.DOTALL)
            if local or plain in ("gateway", ascii_lower(hostname or "")):
                return True
        elif not (word.usual if word.name in _BOTH else word.name.startswith("mdns")):
            return True
    return False


# --- the hosts file


def in_hosts_file(name: str, etc: Etc, own: GoBehaviour) -> list[Target]:
    """The addresses of a name in the order of the lines; one as often as a line has the name.

    A name with a dot is the same as with a final one; one without is not.
    """
    return list(_hosts_file(etc.hosts, own).get(_absolute(name), ()))


@lru_cache(8)
def _hosts_file(lines: tuple[str, ...], own: GoBehaviour) -> Mapping[str, Sequence[Target]]:
    held: dict[str, list[Target]] = {}
    for line in lines:
        address, *names = [*filter(None, re.split("[ \t\r]", line.partition("#")[0])), ""]
        target = literal(address, {}, own)
        for name in filter(None, names if target is not None else ()):
            assert target is not None
            held.setdefault(_absolute(name), []).append(target)
    return held


def _absolute(name: str) -> str:
    lower = ascii_lower(name)
    return lower if "." not in lower or lower.endswith(".") else f"{lower}."


# --- DNS


def is_domain_name(name: str, own: GoBehaviour) -> bool:
    """Whether Go asks DNS for a name at all: one that could be a host's, and no number."""
    if name == ".":
        return own.root_is_name
    bare = name.removesuffix(".")
    return (
        _NAME.fullmatch(name) is not None
        and len(bare) < _LONGEST
        and re.search("[A-Za-z_-]", bare) is not None
        and all(0 < len(one) <= 63 and "-" not in (one[0], one[-1]) for one in bare.split("."))
    )


def _names(name: str, etc: Etc, own: GoBehaviour) -> Iterator[str]:
    """The names that DNS is asked for in turn, without final dots."""
    if name.endswith(".") and len(name) == _LONGEST and not own.rooted_254_asked:
        return
    onion = [ascii_lower(name.removesuffix("."))]
    spelled = etc.resolver.spellings(name)
    for one in spelled:
        if len(one) < _LONGEST:
            if own.onion_by_name:
                onion = [ascii_lower(one)]
            if not onion[0].endswith(".onion"):
                yield one


class GoDns:
    """DNS during one look-up.

    A and AAAA are asked for at once, each by a goroutine of its own; the first address, or error,
    is that of the goroutine that comes first. What `NameService` says of the first reply is taken
    for that, and an ``offset`` of the option rotate for which of the two took the first server: 0
    where it is the one for A. Each asks server after server until one answers, or says that there
    is no such name; what is no answer is an error of its own.
    """

    def __init__(self, names: NameService, family: int, own: GoBehaviour) -> None:
        resolver = names.etc.resolver
        self._etc = names.etc
        self._own = own
        self._servers = names.etc.servers
        self._attempts = resolver.attempts
        self._stream = "use-vc" in resolver.options
        self._rotate = "rotate" in resolver.options
        self._taken = 0
        wanted: tuple[Record, ...] = ("A", "AAAA")
        if own.asks_one_family:
            wanted = _RECORDS.get(family, wanted)
        self._asked = self._read = wanted
        if "single-request" not in resolver.options:
            first = names.first_reply
            self._read = tuple(sorted(wanted, key=lambda record: record != first))
            self._asked = wanted[:: -1 if resolver.offset else 1]

    def ask(self, name: str) -> tuple[list[Target], str | None]:
        """The addresses of a name, or the EAI name of the error; neither, where nobody is asked."""
        error: str | None = None
        for spelled in _names(name, self._etc, self._own):
            found: list[Target] = []
            replies = {record: self._reply(spelled, record) for record in self._asked}
            for record in self._read:
                reply = replies[record]
                if not isinstance(reply, str):
                    found += reply
                elif error is None or spelled == name:
                    error = reply
            if found:
                return found, None
        return [], error

    def _reply(self, name: str, record: Record) -> list[Target] | str:
        start = self._taken if self._rotate else 0
        self._taken += 1
        error = ""
        for number in [*range(len(self._servers))] * self._attempts:
            server = self._servers[(start + number) % len(self._servers)]
            reply = self._exchange(server, name, record)
            if reply == "EAI_NONAME" or not isinstance(reply, str):
                return reply
            error = reply
        return error

    def _exchange(self, server: Server, name: str, record: Record) -> list[Target] | str:
        """A server's answer, or what is wrong: for now (EAI_AGAIN), or with it (EAI_FAIL).

        Each question is new, with a number and a socket of its own: a server that is late with the
        first one is late with each.
        """
        if server.closed:
            return "EAI_AGAIN"
        packet = server.packet(name, record)
        match packet.word:
            case "silent" | "late" | "short":  # it waits, or finds the connection at its end
                return "EAI_FAIL" if self._stream else "EAI_AGAIN"
            case "servfail":
                return "EAI_AGAIN"
            case "refused" | "formerr" | "lame":
                return "EAI_FAIL"
        found = [unmapped_target(address) for address in packet.addresses]
        return found if packet.rcode == "NOERROR" and found else "EAI_NONAME"


def find_targets(
    name: str, family: int, names: NameService, hostname: str | None, own: GoBehaviour
) -> list[Target]:
    """The addresses of a name before they are sorted; raises EaiError."""
    etc = names.etc
    order = sources(name, etc, hostname, own)
    found = in_hosts_file(name, etc, own) if order[0] == "files" else []
    if found:
        return found
    if "dns" not in order:
        if own.miss_is_error:
            raise EaiError("EAI_NONAME")
        return []
    if not is_domain_name(name, own):
        raise EaiError("EAI_NONAME")
    found, error = GoDns(names, family, own).ask(name)
    if not found and order == ("dns", "files"):
        found = in_hosts_file(name, etc, own)
    if not found and error is not None:
        raise EaiError(error)
    return found

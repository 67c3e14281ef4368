"""Where Go's own resolver looks a name up: nsswitch.conf, the hosts file, DNS.

Go reads the files itself, and never asks glibc or its modules. Source: golang/go, src/net: conf.go,
nss.go, hosts.go, dnsconfig_unix.go, dnsclient_unix.go and dnsclient.go.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeVar

from harness.model.addresses import is_v4mapped, unmapped
from harness.model.dns_servers import Record, Server, ascii_lower
from harness.model.golang_rows import GoBehaviour
from harness.model.host import IPAddress, Target
from harness.model.lookup import Etc, NameService
from harness.model.netdb import FAMILY, RECORDS, EaiError

_ZEROS_BEFORE_DECIMAL = re.compile(r"(?<![0-9A-Fa-f])0+(?=[0-9]+(\.|\Z))")
_ZEROS_OF_IPV6 = re.compile(r"(?<![0-9A-Fa-f.])0+(?=[0-9A-Fa-f]+(:|\Z))")
_LEADING_NUMBER = re.compile(r"\A0*([0-9]{0,9}).*", re.S)
_SERVICE = re.compile(r"([^ ]+) *(?:\[([^]]*)\])?")
_USUAL = frozenset(("success=return", "notfound=continue", "unavail=continue", "tryagain=continue"))
_USUAL_LAST = frozenset((*_USUAL, "notfound=return", "unavail=return", "tryagain=return"))
_Address = TypeVar("_Address", IPv4Address, IPv6Address)
_BOTH = ("files", "dns")
_OPTIONS = frozenset(("rotate", "single-request", "use-vc"))
"""Those of the options in a scenario's resolv.conf that a version with ``_in_doubt`` knows."""
_PAIRS: dict[Record, tuple[Record, ...]] = {"A": ("A", "AAAA"), "AAAA": ("AAAA", "A")}
"""A pair of questions, by the one that comes first."""
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.*[A-Za-z_-])(?!.{{253}}[^.])(?!.{{255}})(?:{_LABEL}\.)*{_LABEL}\.?")
_LONGEST, _LONGEST_ROOTED = 253, 252  # without the final dot
_LAST_INDEX = 0xFFFFFF


def unmapped_target(address: IPAddress) -> Target:
    """A target as Go sees it: ``::ffff:a.b.c.d`` is the IPv4 address itself."""
    return Target(unmapped(address) if is_v4mapped(address) else address)


def literal(text: str, links: Mapping[str, int], own: GoBehaviour) -> Target | None:
    """The address that a text is, or None. ``links`` gives the index of each interface."""
    four = _parsed(IPv4Address, text, own)
    if four is not None:
        return Target(four)
    if own.zone_from_first_percent:
        whole, percent, zone = text.partition("%")
        if percent and not zone:
            return None
    else:
        whole, *rest = text.rsplit("%", 1)
        zone = "".join(rest)
    six = None if "%" in whole else _parsed(IPv6Address, whole, own)
    if six is None:
        return None
    return unmapped_target(six) if is_v4mapped(six) else Target(six, zone_index(zone, links))


def _parsed(kind: type[_Address], text: str, own: GoBehaviour) -> _Address | None:
    if not own.no_leading_zeros:
        text = _ZEROS_BEFORE_DECIMAL.sub("", text)
    if not own.four_digits:
        text = _ZEROS_OF_IPV6.sub("", text)
    try:
        return kind(text)
    except ValueError:
        return None


def zone_index(zone: str, links: Mapping[str, int]) -> int:
    """The scope id that Go's sockets give the kernel: an interface's, else the leading number."""
    number = int(_LEADING_NUMBER.sub(r"\1", zone) or 0)
    return links.get(zone, min(number, _LAST_INDEX))


# --- nsswitch.conf: which of the hosts file and DNS, in which order


class Word(NamedTuple):
    """A service of the ``hosts:`` line, and whether the conditions behind it change nothing."""

    name: str
    usual: bool


def hosts_line(text: str) -> tuple[Word, ...] | None:
    """The services of a ``hosts:`` line; None where Go cannot read a condition."""
    found = [(name, inside.split()) for name, inside in _SERVICE.findall(text)]
    if any("=" not in one for _, conditions in found for one in conditions):
        return None
    return tuple(Word(name, is_usual(conditions)) for name, conditions in found)


def is_usual(conditions: Sequence[str]) -> bool:
    """Whether conditions say only what holds without them; the last may say "return" of any."""
    *others, last = [*map(ascii_lower, conditions)] or ["success=return"]
    return last in _USUAL_LAST and _USUAL.issuperset(others)


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
    strange = etc.resolver.sortlist or etc.resolver.options - _OPTIONS
    if strange or {"\\", "%"} & {*name} or plain.endswith(".local"):
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
    return own.root_is_name if name == "." else _NAME.fullmatch(name) is not None


def _names(name: str, etc: Etc, own: GoBehaviour) -> Iterator[str]:
    """The names that DNS is asked for in turn, without final dots."""
    longest = _LONGEST
    if not own.rooted_254_asked and name.endswith("."):
        longest = _LONGEST_ROOTED
    for one in etc.resolver.spellings(name):
        onion = one if own.onion_by_name else name.removesuffix(".")
        if len(one) <= longest and not ascii_lower(onion).endswith(".onion"):
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
        self._asked = self._read = _PAIRS["A"]
        if "single-request" not in resolver.options:
            self._read = _PAIRS[names.first_reply]
            self._asked = _PAIRS["AAAA" if resolver.offset else "A"]
        if own.asks_one_family and family in FAMILY.values():
            self._asked = self._read = RECORDS[family]

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
        servers = deque(self._servers)
        if self._rotate:
            servers.rotate(-self._taken)
        self._taken += 1
        error = ""
        for server in servers * self._attempts:
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
        return found or "EAI_NONAME"


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
    if not found and "files" in order:
        found = in_hosts_file(name, etc, own)
    if not found and error is not None:
        raise EaiError(error)
    return found

"""c-ares' names: which files say what is asked, numbers, the hosts file, and DNS name by name.

Source: c-ares, src/lib/ares_getaddrinfo.c, ares_init.c, ares_sysconfig_files.c, ares_hosts_file.c
(before 1.22 ares__readaddrinfo.c), ares_search.c and inet_net_pton.c of the tags that `cares_rows`
names.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from harness.model.cares_dns import CaresChannel, CaresReply
from harness.model.cares_rows import CaresBehaviour, Status
from harness.model.dns_servers import ascii_lower
from harness.model.host import Target
from harness.model.lookup import Etc
from harness.model.netdb import AF, FAMILY, RECORDS
from harness.model.services import UndefinedAnswer

_LETTERS = {"d": "b", "r": "b", "f": "f"}
_WORDS = {
    **dict.fromkeys(("dns", "bind", "resolv", "resolve"), "b"),
    **dict.fromkeys(("files", "file", "local"), "f"),
}
_LOOPBACKS = (Target(IPv6Address("::1")), Target(IPv4Address("127.0.0.1")))
_PLAIN = re.compile(r"[A-Za-z0-9._/*-]*")
_ESCAPED = re.compile(r"\\(.)", re.S)
_OCTETS = re.compile(r"0*([0-9]{1,3})" + r"(?:\.0*([0-9]{1,3}))?" * 3)
_BITS = re.compile(r"0|[1-9][0-9]?|1[01][0-9]|12[0-8]")
_LONGEST_IPV6 = 50  # of the text, with /128
_LABELS = re.compile(rb"(?s)[^.]{1,63}(\.[^.]{1,63})*")
_LONGEST_NAME, _LONGEST_SENT, _LONGEST_VALUE = 255, 253, 511


class Failed(Exception):
    """The look-up ends without an address; the argument is the `Status`."""


@dataclass(slots=True)
class Collected:
    """What a look-up has so far: addresses in the order found, and the last canonical name."""

    targets: list[Target] = field(default_factory=list)
    canonname: str | None = None


def lookups(hosts_line: str, own: CaresBehaviour) -> str:
    """What is asked in turn: ``f`` the hosts file, ``b`` DNS. Services of other names are not."""
    if own.whole_words:
        known = [_WORDS.get(word.lower(), "") for word in re.split(r"[ \t]+", hosts_line)]
        return "".join(dict.fromkeys(known)) or "fb"
    known = [_LETTERS.get(word[:1], "") for word in re.split(r"[\s,]+", hosts_line)]
    return "".join(known)[:2] or "fb"


# --- names that are numbers


def ipv4(text: str) -> IPv4Address | None:
    """a.b.c.d of decimal numbers, which may begin with zeros."""
    match = _OCTETS.fullmatch(text)
    try:
        return IPv4Address(bytes(map(int, match.groups("none")))) if match else None
    except ValueError:
        return None


def ipv6(text: str, own: CaresBehaviour) -> IPv6Address | None:
    """An IPv6 address, perhaps with a prefix length; within, an IPv4 address of fewer numbers than
    four has zeros behind them. Raises UndefinedAnswer where memory decides.
    """
    address, slash, length = text.partition("/")
    if slash and own.prefix_lengths == "none":
        return None
    if len(text) > _LONGEST_IPV6 or "%" in text or (slash and not _BITS.fullmatch(length)):
        return None
    head, colon, tail = address.rpartition(":")
    octets = _OCTETS.fullmatch(tail)
    if "." in tail and octets:
        numbers = [int(one) for one in octets.groups("0")]
        address = head + colon + ".".join(map(str, numbers))
    try:
        found = IPv6Address(address)
    except ValueError:
        return None
    kept = found.packed[: -(-int(length or "128") // 8)]
    if kept != found.packed and own.prefix_lengths == "garbage":
        raise UndefinedAnswer
    return IPv6Address(kept.ljust(16, b"\0"))


# --- the hosts file


def is_localhost(name: str, own: CaresBehaviour) -> bool:
    """Whether a name is the loopback's by itself, and never asked of DNS."""
    if own.localhost == "domain":
        lower = ascii_lower(name)
        return lower == "localhost" or lower.endswith(".localhost")
    return own.localhost == "alone" and name == "localhost"


def hosts_file(name: str, family: int, etc: Etc, own: CaresBehaviour, found: Collected) -> bool:
    """Add what the hosts file has of a name, localhost included; whether that is the answer."""
    before = len(found.targets)
    read = _merged if own.merged_hosts else _by_line
    targets, canonname = read(name, family, etc.hosts, own)
    found.targets += targets
    found.canonname = canonname or found.canonname
    if is_localhost(name, own) and (not targets or own.localhost_filled):
        kept = {one.address.version for one in found.targets[before:]}
        lacking = [one for one in _LOOPBACKS if one.address.version not in kept]
        found.targets += _of_family(lacking, family)
        return True
    return bool(targets)


def _of_family(targets: Sequence[Target], family: int) -> list[Target]:
    return [one for one in targets if family in (AF.UNSPEC, FAMILY[one.address.version])]


def _by_line(
    name: str, family: int, lines: Sequence[str], own: CaresBehaviour
) -> tuple[list[Target], str | None]:
    """Every line with the name, which gives its first name as the canonical one."""
    targets: list[Target] = []
    canonname = None
    for line in lines:
        address, *names = line.split()
        if ascii_lower(name) not in map(ascii_lower, names):
            continue
        targets += _of_family([Target(ip_address(address))], family)
        if targets or own.unused_names:
            canonname = names[0]
    return targets, canonname


def _merged(
    name: str,
    family: int,
    lines: Sequence[str],
    own: CaresBehaviour,  # noqa: ARG001
) -> tuple[list[Target], str | None]:
    """The entry of the name: a line is added to the one that has its address, or else its name."""
    by_address: dict[str, tuple[list[Target], list[str]]] = {}
    by_name: dict[str, tuple[list[Target], list[str]]] = {}
    for line in lines:
        text, *names = line.split()
        target = Target(ip_address(text))
        known: list[str] = []
        for one in names:
            if one.isascii():
                known += [one] if _PLAIN.fullmatch(one) else []
            elif not known:
                break  # the line is bad, unless a name has been taken before
        if not known:
            continue
        entry = by_address.get(str(target))
        if entry is None:
            same = (by_name[ascii_lower(one)] for one in known if ascii_lower(one) in by_name)
            entry = next(same, ([], []))
            entry[0].append(target)
            by_address[str(target)] = entry
        for one in known:
            if ascii_lower(one) not in by_name:
                by_name[ascii_lower(one)] = entry
                entry[1].append(one)
    entry = by_name.get(ascii_lower(name))
    if entry is None:
        return [], None
    targets = _of_family(entry[0], family)
    return targets, entry[1][0] if targets else None


# --- DNS


def spellings(name: str, etc: Etc, own: CaresBehaviour) -> Iterator[str]:
    """The names that are asked for in turn."""
    resolver = etc.resolver
    ended = name.endswith(".")
    domains = [f"{name}.{domain}" for domain in resolver.search]
    if own.long_lines_ignored and len(" ".join(resolver.search).encode()) > _LONGEST_VALUE:
        domains = []
    if ended and not own.end_dot_searched:
        domains = []
    first = ended or (resolver.ndots is not None and name.count(".") >= resolver.ndots)
    yield from (name, *domains) if first else (*domains, name)


def askable(name: str, own: CaresBehaviour) -> Status:
    """Whether a name can be put in a question, or what is wrong with it."""
    if own.plain_names and not _PLAIN.fullmatch(_ESCAPED.sub(r"\1", name)):
        return Status.EBADNAME
    if name in ("", "."):
        return Status.SUCCESS
    text = _ESCAPED.sub("x", name).removesuffix(".").encode("utf-8", "surrogateescape")
    longest = _LONGEST_NAME if own.plain_names else _LONGEST_SENT
    if len(text) > longest or not _LABELS.fullmatch(text):
        return Status.EBADNAME
    return Status.EFORMERR if len(name) > _LONGEST_NAME else Status.SUCCESS  # with a final dot


class CaresDns:
    """The DNS part of a look-up: name after name, until one has an answer or ends it."""

    def __init__(self, name: str, family: int, etc: Etc, channel: CaresChannel) -> None:
        self.channel, self.own = channel, channel.own
        self.names = spellings(name, etc, self.own)
        self.records = RECORDS[family]
        self.no_data = False

    def search(self, found: Collected, status: Status) -> Status:
        """Add the first answer of a name; the status that is left where no name has one.

        Raises Failed where the look-up ends with an error.
        """
        for name in self.names:
            if (wrong := askable(name, self.own)) is not Status.SUCCESS:
                replies = [CaresReply(wrong)] * len(self.records)
            else:
                replies = self.channel.ask(name, self.records)
            status = self._end(name, replies, found)
            if status is Status.SUCCESS:
                break
        return status

    def _end(self, name: str, replies: Sequence[CaresReply], found: Collected) -> Status:
        """What is made of the replies to one name: the last one is the word without an address."""
        for reply in replies:
            parsed = self._parse(reply, found)
        status = replies[-1].status
        if parsed is Status.ENODATA and self.own.empty_last:
            raise Failed(parsed)
        if found.targets or status is parsed is Status.SUCCESS:
            return Status.SUCCESS
        if Status.ENODATA in (status, parsed) and self.own.goes_on:
            self.no_data = True
            return Status.ENODATA
        if status is Status.ENOTFOUND or (
            self.own.past_failure
            and status in (Status.ESERVFAIL, Status.EREFUSED)
            and "." not in name
        ):
            return Status.ENODATA if self.no_data else status
        raise Failed(status)

    def _parse(self, reply: CaresReply, found: Collected) -> Status:
        """Take the addresses of an answer, and its canonical name."""
        packet = reply.packet
        if packet is None:
            return Status.SUCCESS
        if not packet.addresses and (not packet.chain or self.own.alias_alone == "no data"):
            return Status.ENODATA
        found.targets += map(Target, packet.addresses)
        found.canonname = packet.chain[-1] if packet.chain else found.canonname
        return Status.SUCCESS

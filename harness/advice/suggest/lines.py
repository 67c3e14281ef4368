"""Prefixes that tell addresses apart, and gai.conf lines made of them. Pure.

Only the nodes of the tree that the bits of a look-up's addresses form make a difference.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import pairwise
from typing import Any

from harness.advice.lint import lint
from harness.advice.meant import KNOWN
from harness.model.addresses import V4MAPPED, as_ipv6_int, leading_zeros, prefix_text
from harness.model.dialects import Dialect
from harness.model.gaiconf import Effect, GaiConf, PrefixEntry, parse_gai_conf
from harness.model.host import IPAddress
from harness.model.policy import Policy

KEYWORDS = {"precedence": "precedence", "label": "labels", "scopev4": "scopes"}
"""The keywords in the order of a file's lines, each with the name of its table."""
# blocks with a meaning of their own, and lengths at which networks are usually cut
_BLOCKS = {4: KNOWN[4], 6: {*KNOWN[6], "::/96"} - {"::/0", "::1/128", "::ffff:0:0/96"}}
_USUAL = {4: (16, 24), 6: (32, 48, 56, 64)}

Prefix = tuple[int, int]
"""128 bits with host bits cleared, and the length; IPv4 is ::ffff:a.b.c.d."""
LINK_LOCAL: Prefix = int(ip_address("fe80::")), 10


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line to add to a gai.conf; ``restored`` when it only keeps a default alive."""

    keyword: str
    prefix: Prefix
    value: int
    restored: bool = False

    @property
    def text(self) -> str:
        """The line as every version of glibc reads it."""
        value, bits = self.prefix
        return f"{self.keyword} {prefix_text(IPv6Address(value), bits)} {self.value}"

    @property
    def entry(self) -> PrefixEntry:
        """The row this line makes in glibc's table, which of scopes has prefixes of IPv4."""
        value, bits = self.prefix
        if self.keyword == "scopev4":
            return PrefixEntry(value - V4MAPPED, bits - 96, self.value, 32)
        return PrefixEntry(value, bits, self.value, 128)


def one_each(lines: Sequence[NewLine]) -> bool:
    """True where every line counts: of two with one prefix the second does not."""
    return len({(line.keyword, line.prefix) for line in lines}) == len(lines)


@dataclass(frozen=True, slots=True)
class Mended:
    """A line of the present file whose effect is undefined up to 2.40, and what it means."""

    line: int
    old: str
    new: str


def cut(value: int, bits: int) -> Prefix:
    """``value`` with everything below ``bits`` cleared, and ``bits``."""
    return value >> (128 - bits) << (128 - bits), bits


def network_of(address: IPAddress, bits: int) -> Prefix:
    """The network of an address with its prefix length."""
    return cut(as_ipv6_int(address), bits + (96 if address.version == 4 else 0))


def holds(prefix: Prefix, value: int) -> bool:
    """True when an address lies in a prefix."""
    return (prefix[0] ^ value) >> (128 - prefix[1]) == 0


def tree(values: Iterable[int]) -> list[Prefix]:
    """The longest prefixes that hold each possible part of ``values``: hosts first."""
    known = sorted(set(values))
    hosts = [(value, 128) for value in known]
    forks = {cut(a, leading_zeros(a ^ b, 128)) for a, b in pairwise(known)}
    return hosts + sorted(forks, key=lambda prefix: -prefix[1])


def is_ipv4(prefix: Prefix) -> bool:
    """True for ::ffff:0:0/96 and its parts."""
    return prefix[1] >= 96 and prefix[0] >> 32 == 0xFFFF


def shorter(prefix: Prefix) -> list[Prefix]:
    """Prefixes of usual lengths above ``prefix``, the shortest first; IPv4's stay IPv4's."""
    value, bits = prefix
    version, above = (4, 96) if is_ipv4(prefix) else (6, 0)
    networks = map(ip_network, _BLOCKS[version])
    blocks = {network_of(one.network_address, one.prefixlen) for one in networks}
    cuts = {cut(value, length + above) for length in _USUAL[version]}
    held = [one for one in blocks | cuts if one[1] < bits and holds(one, value)]
    return sorted(held, key=lambda one: one[1])


def network_text(prefix: Prefix) -> str:
    """A prefix as one writes it; IPv4's without what stands before its bits."""
    value, bits = prefix
    if is_ipv4(prefix):
        return f"{IPv4Address(value - V4MAPPED)}/{bits - 96}"
    return f"{IPv6Address(value)}/{bits}"


def is_block(prefix: Prefix) -> bool:
    """True for a block with a meaning of its own, ::/0 and those of IPv4 among them."""
    text = network_text(prefix)
    return text in _BLOCKS[4 if "." in text else 6] or text.endswith("/0")


def as_prefix(entry: PrefixEntry) -> Prefix:
    """The prefix of a row, of IPv4 in a table of scopes."""
    mapped = V4MAPPED if entry.width == 32 else 0
    return cut(entry.prefix | mapped, entry.bits + 128 - entry.width)


def present_value(prefix: Prefix, table: Iterable[PrefixEntry]) -> int:
    """The value that the addresses of a prefix have in a table, the longest row first."""
    rows = ((as_prefix(row), row.value) for row in table)
    return next(value for row, value in rows if row[1] <= prefix[1] and holds(row, prefix[0]))


def with_rows(policy: Policy, lines: Sequence[NewLine]) -> Policy:
    """The policy with new lines before the rows that it has; no default is lost."""
    tables: dict[str, Any] = {}
    for keyword, table in KEYWORDS.items():
        new = [line.entry for line in lines if line.keyword == keyword]
        if new:
            rows = (*new, *getattr(policy, table))
            tables[table] = tuple(sorted(rows, key=lambda row: -row.bits))
    return replace(policy, **tables)


def restored(lines: Sequence[NewLine], present: GaiConf, dialect: Dialect) -> tuple[NewLine, ...]:
    """The defaults that ``lines`` would drop, as lines; glibc itself adds ::/0 back."""
    usual = Policy.of(GaiConf(), dialect)
    found = []
    for keyword, table in KEYWORDS.items():
        new = {line.prefix for line in lines if line.keyword == keyword}
        if new and not getattr(present, table):
            found += [
                NewLine(keyword, as_prefix(entry), entry.value, restored=True)
                for entry in getattr(usual, table)
                if entry.bits and as_prefix(entry) not in new
            ]
    return tuple(found)


def mended(data: bytes, dialects: Sequence[Dialect]) -> tuple[bytes, tuple[Mended, ...]]:
    """The file with every line that is undefined in one of the dialects written out.

    As lint says it was probably meant; else with /128 (or /32), by which a prefix means in every
    version what gai.conf(5) says of none.
    """
    rows = data.split(b"\n")
    found = []
    meant = {one.line: one.meant[0] for one in lint(data) if one.code == "GAI006" and one.meant}
    undefined = {
        line.number: line
        for dialect in dialects
        for line in parse_gai_conf(data, dialect).lines
        if line.effect is Effect.UNDEFINED
    }
    for number in sorted(undefined):
        row = rows[number - 1]
        words = row.split()
        dotted = b"." in words[1] and b":" not in words[1]
        new = row.replace(words[1], words[1] + (b"/32" if dotted else b"/128"), 1)
        if number in meant:
            new = b"".join([meant[number].encode() + b" ", *row.partition(b"#")[1:]]).rstrip()
        rows[number - 1] = new
        found.append(Mended(number, row.decode("utf-8", "replace"), new.decode("utf-8", "replace")))
    return b"\n".join(rows), tuple(found)


def with_new_lines(data: bytes, lines: Sequence[NewLine]) -> bytes:
    """The file with lines in front: among equal prefixes glibc takes the first."""
    return "".join(line.text + "\n" for line in lines).encode() + data

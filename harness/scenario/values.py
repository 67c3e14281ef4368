"""Parsing of the small values a scenario is made of: addresses, names, sysctls, versions.

Every function returns the value in its normal form or raises what `bad` makes,
which names what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)  # fmt: skip
from operator import eq, ge, gt, le, lt, ne

from harness.text.errors import some
from harness.text.validation import bad
from harness.versions import Version

IPAddress = IPv4Address | IPv6Address
IPInterface = IPv4Interface | IPv6Interface
IPNetwork = IPv4Network | IPv6Network

IFNAMSIZ = 16  # linux/if.h, the closing NUL included: names and labels have 15 characters

TABLES = {"default": 253, "main": 254, "local": 255}  # linux/rtnetlink.h, rt_class_t

AI_FLAGS = (
    "AI_PASSIVE", "AI_CANONNAME", "AI_NUMERICHOST", "AI_V4MAPPED", "AI_ALL", "AI_ADDRCONFIG",
    "AI_IDN", "AI_CANONIDN", "AI_NUMERICSERV",
)  # fmt: skip
EAI_ERRORS = (
    "EAI_BADFLAGS", "EAI_NONAME", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_FAMILY",
    "EAI_SOCKTYPE", "EAI_SERVICE", "EAI_ADDRFAMILY", "EAI_MEMORY", "EAI_SYSTEM", "EAI_OVERFLOW",
    "EAI_IDN_ENCODE",
)  # fmt: skip

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NUMBER = re.compile(r"(?:0[xX][0-9A-Fa-f]*|[0-9]+)")
_MARK = r"(0x[0-9a-fA-F]{1,8}|0|[1-9][0-9]{0,9})"
_FWMARK = re.compile(f"{_MARK}(?:/{_MARK})?")
_COMPARISONS = {">=": ge, "<=": le, "==": eq, "!=": ne, "<": lt, ">": gt}
_CLAUSE = re.compile(r"(>=|<=|==|!=|<|>)\s*([0-9]{1,3}\.[0-9]{1,3})")


def canonical(address: IPAddress) -> str:
    """The address in inet_ntop's spelling, the same in every Python version.

    Python spells v4-mapped addresses in hex
    before 3.13 and dotted from then on; C libraries always spell them dotted.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return f"::ffff:{address.ipv4_mapped}"
    return str(address)


def plain_address(text: str) -> str:
    """An address as hosts files and DNS records carry one: no length and no scope."""
    if "%" in text:
        raise bad(
            "an address without %scope: neither a hosts file nor a DNS record can carry a scope",
            text,
        )
    if "/" in text:
        raise bad("an address without a prefix length", text)
    try:
        return canonical(ip_address(text))
    except ValueError:
        raise bad("an IPv4 or IPv6 address, as 192.0.2.1 or 2001:db8::1", text) from None


def answer_address(text: str) -> str:
    """An address as an answer can have it: a %scope is allowed on IPv6."""
    address, percent, scope = text.partition("%")
    if percent and (not scope or ":" not in address):
        raise bad("an address, an IPv6 one perhaps with %scope", text)
    return plain_address(address) + percent + scope


def interface_address(text: str) -> str:
    """An address of an interface with its prefix length (/32 or /128 when absent)."""
    example = "172.18.45.2/24 or 2001:db8:1::2/64"
    if "%" in text:
        raise bad("an address without %scope: the interface it is listed under is its scope", text)
    head, slash, length = text.partition("/")
    try:
        address = ip_address(head)
    except ValueError:
        raise bad(f"an address with its prefix length, as {example}", text) from None
    bits = address.max_prefixlen
    if slash and not (length.isascii() and length.isdecimal() and int(length) <= bits):
        raise bad(f"a prefix length from 0 to {bits}", text)
    if address.is_unspecified or address.is_multicast:
        raise bad("a unicast address: an interface cannot have this one", text)
    return f"{canonical(address)}/{int(length) if slash else bits}"


def prefix(text: str) -> str:
    """A route's destination: "default" or a prefix without host bits."""
    if text == "default":
        return text
    try:
        found = ip_interface(text)
        mask = text.partition("/")[2]
        if mask and not mask.isdecimal():
            raise ValueError(mask)
    except ValueError:
        raise bad('"default" or a prefix, as 10.0.0.0/8 or 2001:db8::/32', text) from None
    if found.ip != found.network.network_address:
        raise bad(f"a prefix without host bits; the network is {found.network}", text)
    return str(ip_network(text))


def network(text: str) -> str:
    """A prefix without host bits, "all" or "default" not being one."""
    if text == "default":
        raise bad("a prefix, as 10.0.0.0/8, 0.0.0.0/0 or 2001:db8::/32", text)
    return prefix(text)


def table(value: object) -> object:
    """The number of a routing table, which may be given as local, main or default.

    Parameters: ``value`` as the file has it.
    """
    if isinstance(value, str) and value in TABLES:
        return TABLES[value]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**32:
        raise bad("a routing table: local, main, default or a number from 1", value)
    return value


def fwmark(text: str) -> str:
    """A firewall mark, perhaps with a mask: 0x1/0xff."""
    found = _FWMARK.fullmatch(text)
    if not found or any(part and int(part, 0) >= 2**32 for part in found.groups()):
        raise bad("a firewall mark, as 0x1, 51820 or 0x1/0xff", text)
    return text


def hostname(text: str) -> str:
    """A host name that getaddrinfo looks up in the name service."""
    labels = text.split(".")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise bad(
            "a host name: letters, digits and hyphens in labels of 1 to 63 characters, 253 in all",
            text,
        )
    # inet_aton also takes one to three numbers, in octal and hex too
    if len(labels) <= 4 and all(_NUMBER.fullmatch(label) for label in labels):
        raise bad("a host name, not a number: getaddrinfo never looks a numeric name up", text)
    return text


def interface_name(text: str) -> str:
    """The name of an interface the scenario may create."""
    if text in (".", "..", "all", "default"):
        raise bad("an interface name the kernel does not use for something else", text)
    if not 0 < len(text) < IFNAMSIZ:
        raise bad(f"an interface name of 1 to {IFNAMSIZ - 1} characters", text)
    if not all("!" <= c <= "~" for c in text) or set(text) & set("/:%"):
        raise bad("an interface name of printable ASCII without slash, colon, percent, space", text)
    return text


def flag_name(text: str) -> str:
    """A flag of getaddrinfo(3), with AI_ in front whether the file has it or not."""
    upper = text.upper()
    name = upper if upper.startswith("AI_") else f"AI_{upper}"
    if name not in AI_FLAGS:
        raise bad(f"one of {', '.join(AI_FLAGS)}", text)
    return name


def check_zone(text: str, known: Sequence[str], at: tuple[str | int, ...]) -> None:
    """Check the %zone of an address, if it has one: an interface of ``known`` or a number.

    Parameters: ``text``; ``known``; ``at`` where it stands in the file.
    """
    _, percent, zone = text.partition("%")
    if not percent or zone in known:
        return
    if not (zone.isascii() and zone.isdecimal() and len(zone) <= 10 and int(zone) < 1 << 32):
        raise bad(f"as zone an interface of the host ({some(known)}) or a number", text, at=at)


def error_name(text: str) -> str:
    """An error of getaddrinfo(3)."""
    if text not in EAI_ERRORS:
        raise bad(f"one of {', '.join(EAI_ERRORS)}", text)
    return text


def specifier(text: str) -> str:
    """A glibc version specifier: clauses like ">=2.8", all of which must hold."""
    clauses = [_CLAUSE.fullmatch(part.strip()) for part in text.split(",")]
    if len(clauses) > 8 or not all(clauses):
        raise bad('glibc versions as ">=2.8", "<2.41", "==2.36" or ">=2.31,<2.41"', text)
    return ",".join(f"{clause[1]}{clause[2]}" for clause in clauses if clause)


def satisfies(version: str, spec: str) -> bool:
    """Whether a glibc version fits a specifier that `specifier` accepted.

    Parameters: ``version`` as "2.36"; ``spec`` as ">=2.8,<2.41".
    Raises ValueError for a version that is none.
    """
    have = Version.parse(version).release
    for clause in spec.split(","):
        found = _CLAUSE.fullmatch(clause.strip())
        if not found:
            raise ValueError(f"not a glibc specifier: {spec!r}")
        if not _COMPARISONS[found[1]](have, Version.parse(found[2]).release):
            return False
    return True

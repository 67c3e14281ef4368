"""Addresses as plain integers inside the model, ``ipaddress`` objects at its edges."""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from harness.model.host import IPAddress, Target, address_text

V4MAPPED = int(IPv6Address("::ffff:0:0"))
_LONGEST_INTERFACE = 15
_C_NUMBER = re.compile(r"0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*)")
_DECIMAL = re.compile(r"[ \t\n\v\f\r]*(?:\+|(-))?([0-9]+)")


_parsed = lru_cache(1 << 12)(ip_address)  # a host's addresses are those of many names


def parse(address: str | IPAddress) -> IPAddress:
    """Return ``address`` as an ``ipaddress`` object; ValueError for what is none, or has a zone."""
    if not isinstance(address, str):
        return address
    if "%" in address:
        raise ValueError(f"{address}: an address without %zone was expected")
    return _parsed(address)


def parse_target(text: str, links: Mapping[str, int]) -> Target:
    """An address perhaps with a zone: the name of an interface, or a number.

    ``links`` gives the index of each interface. An interface called by a number goes
    before the number, as in glibc. Raises ValueError for what is neither.

    >>> str(parse_target("fe80::1%eth0", {"eth0": 2}))
    'fe80::1%2'
    """
    address, percent, zone = text.partition("%")
    if not percent:
        return Target(_parsed(address))
    number = links.get(zone, scope_number(zone))
    if number is None:
        raise ValueError(f"{text}: no interface {zone}")
    return Target(IPv6Address(address), number)


def prefix_text(address: IPAddress, bits: int) -> str:
    """A prefix as gai.conf(5) writes it: all of IPv4 is ``::ffff:0:0/96``, a part of it dotted.

    >>> prefix_text(IPv6Address("::ffff:10.0.0.0"), 104)
    '::ffff:10.0.0.0/104'
    """
    whole = int(address) == V4MAPPED and bits <= 96
    return f"{'::ffff:0:0' if whole else address_text(address)}/{bits}"


def means(text: str, target: Target, links: Mapping[str, int]) -> bool:
    """Whether a text means a target: by interface or number of the zone, or in any zone."""
    if "%" not in text:
        return text == address_text(target.address)
    try:
        return parse_target(text, links) == target
    except ValueError:
        return False


def interface_index(name: str, links: Mapping[str, int], *, cut: bool = False) -> int | None:
    """The index that if_nametoindex(3) gives for a name, None for none.

    The kernel passes over a colon and what is behind it, which was an alias once. A name is of 15
    bytes at most (IFNAMSIZ); with ``cut`` more of them are left away.

    >>> interface_index("eth0:1", {"eth0": 2})
    2
    """
    data = name.encode("utf-8", "surrogateescape")
    if len(data) > _LONGEST_INTERFACE and not cut:
        return None
    kept = data[:_LONGEST_INTERFACE].partition(b":")[0]
    return links.get(kept.decode("utf-8", "surrogateescape"))


def scope_number(zone: str) -> int | None:
    """A zone that is a decimal number of 32 bits, or None."""
    number = _value(zone) if zone.isascii() and zone.isdecimal() else None
    return number if number is not None and number < 1 << 32 else None


def as_ipv6_int(address: IPAddress) -> int:
    """The 128-bit value tables are searched with: IPv4 as ::ffff:a.b.c.d (RFC 3484 §2.1)."""
    return int(address) | V4MAPPED if isinstance(address, IPv4Address) else int(address)


def is_v4mapped(address: IPAddress) -> bool:
    """True for an IPv6 address in ::ffff:0:0/96."""
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


def is_link_local(address: IPAddress) -> bool:
    """True in fe80::/10 and 169.254.0.0/16. From Python 3.13 on, ``ipaddress`` counts the latter in
    its mapped form too, which neither the kernel nor a C library does.
    """
    return address.is_link_local and not is_v4mapped(address)


def is_multicast(address: IPAddress) -> bool:
    """True in ff00::/8 and 224.0.0.0/4, for a mapped one as `is_link_local`."""
    return address.is_multicast and not is_v4mapped(address)


def needs_scope(address: IPAddress) -> bool:
    """True for IPv6 of one link, or multicast to one or to the host: the kernel asks which link."""
    if address.version == 4:
        return False
    return is_link_local(address) or int(address) >> 112 & 0xFF0F in (0xFF01, 0xFF02)


def mapped(address: IPAddress) -> Target:
    """An IPv4 address in its IPv6 form."""
    return Target(IPv6Address(as_ipv6_int(address)))


def unmapped(address: IPAddress) -> IPv4Address:
    """``::ffff:a.b.c.d`` as ``a.b.c.d``."""
    return IPv4Address(int(address) & 0xFFFFFFFF)


def leading_zeros(value: int, width: int) -> int:
    """Number of equal leading bits of two ``width``-bit numbers whose XOR is ``value``."""
    return width - value.bit_length()


@lru_cache(maxsize=1024)  # files of one host, and versions of glibc, read the same prefixes
def inet_pton6(text: str) -> IPv6Address | None:
    """Parse as inet_pton(AF_INET6) does (RFC 4291 §2.2 text forms, no zone), or None."""
    try:
        return None if "%" in text else IPv6Address(text)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def inet_pton4(text: str) -> IPv4Address | None:
    """Parse as inet_pton(AF_INET) does (four decimal numbers, no leading zeros), or None."""
    try:
        return IPv4Address(text)
    except ValueError:
        return None


def inet_aton(text: str) -> IPv4Address | None:
    """Parse as inet_aton(3) does: one to four parts, decimal, octal (0…) or hex (0x…), or None."""
    numbers = []
    for part in text.split("."):
        match = _C_NUMBER.fullmatch(part)
        if match is None or match.lastindex is None:
            return None
        base = (16, 8, 10)[match.lastindex - 1]
        numbers.append(_value(match[match.lastindex], base))
    *first, last = numbers  # the last one fills what the others leave
    if len(first) > 3 or any(one > 255 for one in first) or last >> 8 * (4 - len(first)):
        return None
    return IPv4Address(bytes(first) + last.to_bytes(4 - len(first), "big"))


def strtoul(text: str, word_bits: int) -> int | None:
    """strtoul(3) of the whole text in base 10, sign and wrap-around included.

    None for what is no number; ULONG_MAX for what fits into no unsigned long.
    """
    if len(text) < 10 and text.isascii() and text.isdecimal():
        return int(text)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    number, most = _value(match[2]), (1 << word_bits) - 1
    if number > most:
        return most
    return -number & most if match[1] else number


def _value(digits: str, base: int = 10) -> int:
    """The value of digits, whose first 24 are beyond 64 bits: int() refuses very long ones."""
    return int(digits.lstrip("0")[:24] or "0", base)

"""Addresses as plain integers inside the model, ``ipaddress`` objects at its edges."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from harness.model.host import IPAddress, Target

V4MAPPED = 0xFFFF << 32


def parse(address: str | IPAddress) -> IPAddress:
    """Return ``address`` as an ``ipaddress`` object.

    Raises ValueError for anything that is not an IPv4 or IPv6 address without zone.
    """
    if isinstance(address, str):
        if "%" in address:
            raise ValueError(f"{address}: an address without %zone was expected")
        return ip_address(address)
    return address


def parse_target(text: str, links: Mapping[str, int]) -> Target:
    """An address perhaps with a zone: the name of an interface, or a number.

    ``links`` gives the index of each interface. An interface called by a number goes
    before the number, as in glibc. Raises ValueError for what is neither.

    >>> str(parse_target("fe80::1%eth0", {"eth0": 2}))
    'fe80::1%2'
    """
    address, percent, zone = text.partition("%")
    if not percent:
        return Target(ip_address(address))
    if zone in links:
        return Target(IPv6Address(address), links[zone])
    if not (zone.isascii() and zone.isdecimal() and len(zone) <= 10 and int(zone) < 1 << 32):
        raise ValueError(f"{text}: no interface {zone}")
    return Target(IPv6Address(address), int(zone))


def as_ipv6_int(address: IPAddress) -> int:
    """The 128-bit value tables are searched with: IPv4 as ::ffff:a.b.c.d (RFC 3484 §2.1)."""
    return int(address) | V4MAPPED if address.version == 4 else int(address)


def is_v4mapped(address: IPAddress) -> bool:
    """True for an IPv6 address in ::ffff:0:0/96."""
    return address.version == 6 and int(address) >> 32 == 0xFFFF


def mapped(address: IPv4Address) -> IPv6Address:
    """``a.b.c.d`` as ``::ffff:a.b.c.d``."""
    return IPv6Address(V4MAPPED | int(address))


def leading_zeros(value: int, width: int) -> int:
    """Number of equal leading bits of two ``width``-bit numbers whose XOR is ``value``."""
    return width - value.bit_length()


def inet_pton6(text: str) -> IPv6Address | None:
    """Parse as inet_pton(AF_INET6) does (RFC 4291 §2.2 text forms, no zone), or None."""
    if "%" in text or "/" in text:
        return None
    try:
        return IPv6Address(text)
    except ValueError:
        return None


def inet_pton4(text: str) -> IPv4Address | None:
    """Parse as inet_pton(AF_INET) does (four decimal numbers, no leading zeros), or None."""
    try:
        return IPv4Address(text)
    except ValueError:
        return None


def inet_aton(text: str) -> IPv4Address | None:
    """Parse as inet_aton(3) does: one to four parts, decimal, octal (0…) or hex (0x…), or None."""
    parts = text.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    numbers = []
    for part in parts:
        number = _c_number(part)
        if number is None:
            return None
        numbers.append(number)
    if any(number > 255 for number in numbers[:-1]):
        return None
    room = 8 * (5 - len(numbers))
    if numbers[-1] >> room:
        return None
    value = numbers[-1]
    for position, number in enumerate(numbers[:-1]):
        value |= number << (24 - 8 * position)
    return IPv4Address(value)


def _c_number(part: str) -> int | None:
    if not part or not part.isascii() or not part[0].isdigit():
        return None
    lower = part.lower()
    if lower.startswith("0x"):
        digits, base = lower[2:], 16
    elif part[0] == "0" and len(part) > 1:
        digits, base = part[1:], 8
    else:
        digits, base = part, 10
    allowed = "0123456789abcdef"[:base]
    if not digits or any(digit not in allowed for digit in digits):
        return None
    digits = digits.lstrip("0") or "0"
    # 11 octal digits hold every part; int() refuses very long strings
    return int(digits, base) if len(digits) <= 11 else None

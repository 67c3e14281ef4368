"""Which (socktype, protocol, port) combinations a look-up asks for (getaddrinfo(3))."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.model.dialects import Dialect

SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_DCCP = 1, 2, 3, 5, 6
IPPROTO_TCP, IPPROTO_UDP, IPPROTO_DCCP, IPPROTO_SCTP = 6, 17, 33, 132
IPPROTO_UDPLITE, IPPROTO_MPTCP = 136, 262
_DECIMAL = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+)")


@dataclass(frozen=True, slots=True)
class Socket:
    """One combination an address is returned with; ``port`` in host byte order."""

    socktype: int
    protocol: int
    port: int


@dataclass(frozen=True, slots=True)
class _Known:
    socktype: int
    protocol: int
    name: str
    default: bool = False  # returned when the caller names neither type nor protocol
    any_protocol: bool = False
    no_service: bool = False


_KNOWN = (
    _Known(SOCK_STREAM, IPPROTO_TCP, "tcp", default=True),
    _Known(SOCK_DGRAM, IPPROTO_UDP, "udp", default=True),
    _Known(SOCK_DCCP, IPPROTO_DCCP, "dccp"),
    _Known(SOCK_DGRAM, IPPROTO_UDPLITE, "udplite"),
    _Known(SOCK_STREAM, IPPROTO_SCTP, "sctp"),
    _Known(SOCK_SEQPACKET, IPPROTO_SCTP, "sctp"),
    _Known(SOCK_STREAM, IPPROTO_MPTCP, "mptcp"),
    _Known(SOCK_RAW, 0, "raw", default=True, any_protocol=True, no_service=True),
)


def sockets(
    service: str | None,
    socktype: int,
    protocol: int,
    numeric_only: bool,
    services: Mapping[tuple[str, str], int],
    dialect: Dialect,
) -> tuple[Socket, ...] | str:
    """The combinations for a service and hints, or the EAI name of the error."""
    known = [k for k in _KNOWN if dialect.mptcp_known or k.protocol != IPPROTO_MPTCP]
    port: int | None = 0
    if service:
        number = _service_number(service, dialect)
        if number is None and numeric_only:
            return "EAI_NONAME"
        # a negative number counts as numeric for AI_NUMERICSERV, yet is looked up as a name
        port = None if number is None or number < 0 else number & 0xFFFF
    hinted = bool(socktype or protocol)
    first = None
    if hinted:
        first = next((k for k in known if _fits(k, socktype, protocol)), None)
        if first is None:
            return "EAI_SOCKTYPE" if socktype else "EAI_SERVICE"
        if service and first.no_service:
            return "EAI_SERVICE"
    if port is not None:
        if first is not None:
            return (_socket(first, protocol, port),)
        return tuple(_socket(k, protocol, port) for k in known if k.default)
    assert service is not None
    if first is not None:
        named = services.get((service, first.name))
        return "EAI_SERVICE" if named is None else (_socket(first, protocol, named),)
    found = tuple(
        _socket(k, protocol, services[service, k.name])
        for k in known
        if not k.no_service and (service, k.name) in services
    )
    return found or "EAI_SERVICE"


def _fits(known: _Known, socktype: int, protocol: int) -> bool:
    if socktype and socktype != known.socktype:
        return False
    return not protocol or known.any_protocol or protocol == known.protocol


def _socket(known: _Known, protocol: int, port: int) -> Socket:
    return Socket(known.socktype, protocol if known.any_protocol else known.protocol, port)


def _service_number(service: str, dialect: Dialect) -> int | None:
    """strtoul(3) of the whole text, cut to an int; None when it is a name."""
    match = _DECIMAL.fullmatch(service)
    if match is None:
        return None
    digits = match[2].lstrip("0") or "0"
    # 20 digits hold every unsigned long; int() refuses very long strings
    if len(digits) > 20 or int(digits) >> dialect.word_bits:
        return -1  # ULONG_MAX as an int
    number = (-int(digits) if match[1] == "-" else int(digits)) & 0xFFFFFFFF
    return number - (1 << 32) if number >> 31 else number

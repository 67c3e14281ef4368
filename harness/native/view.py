"""What the kernel looks like from a worker (``csrc/PROTOCOL.md``, "View"), without getaddrinfo.

Only the self-test of a foreign lane uses it: see `harness.compare.selftest`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from harness.native.errors import RecordError

IPAddress = IPv4Address | IPv6Address

ADDRESSES: Final = b"A"
LINKS: Final = b"L"
_SOURCES: Final = b"S"

_HEAD = struct.Struct("<II")
_ADDRESS = struct.Struct("<BBBBII")
_LINK = struct.Struct("<IHII")
_SOURCE = struct.Struct("<III")


@dataclass(frozen=True, slots=True)
class SeenAddress:
    """One entry of the address dump: the fields of ``struct ifaddrmsg`` and three attributes.

    Parameters: ``flags8`` ifa_flags, ``flags`` IFA_FLAGS; ``address`` and ``local`` IFA_ADDRESS
    and IFA_LOCAL, None where there is none.
    """

    index: int
    family: int
    prefixlen: int
    flags8: int
    flags: int
    scope: int
    address: IPAddress | None
    local: IPAddress | None


@dataclass(frozen=True, slots=True)
class SeenLink:
    """One entry of the link dump.

    Parameters: ``kind`` the hardware type (ARPHRD); ``by_name`` the index ``if_nametoindex``
    gives for the name, ``by_index`` the name ``if_indextoname`` gives for the index.
    """

    index: int
    name: str
    kind: int
    flags: int
    by_name: int
    by_index: str


@dataclass(frozen=True, slots=True)
class SeenSource:
    """What connect() and getsockname() of a UDP socket gave for one destination.

    Parameters: ``error`` errno, 0 for none; ``family`` the source's; ``scope_id`` its scope,
    left out of comparisons, because glibc's sort never looks at it.
    """

    error: int
    family: int
    address: IPAddress | None
    scope_id: int = field(default=0, compare=False)


Seen = SeenAddress | SeenLink | SeenSource


@dataclass(frozen=True, slots=True)
class View:
    """One view: its entries, or the ``error`` (errno, 0 for none) of one that failed as a whole."""

    error: int
    entries: tuple[Seen, ...]


def sources_request(family: int, destinations: Sequence[tuple[IPAddress, int]]) -> bytes:
    """The view request for the sources of ``(destination, scope id)``, from one socket.

    Parameters: ``family`` of the socket, AF_INET or AF_INET6.
    """
    parts = [_SOURCES, struct.pack("<i", family)]
    for address, scope_id in destinations:
        parts.append(bytes([len(address.packed)]) + address.packed)
        if isinstance(address, IPv6Address):
            parts.append(struct.pack("<I", scope_id))
    return b"".join(parts)


def decode_view(request: bytes, data: bytes) -> View:
    """Decode the view that answers ``request``.

    Raises:
        RecordError: it is none.
    """
    try:
        error, count = _HEAD.unpack_from(data)
        reader = _Reader(data, _HEAD.size)
        read = _READERS[request[:1]]
        view = View(error, tuple(read(reader) for _ in range(count)))
    except (struct.error, ValueError, IndexError, KeyError) as problem:
        raise RecordError(f"bad view: {problem}") from None
    if reader.at != len(data):
        raise RecordError("bad view: bytes left over")
    return view


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def fields(self, layout: struct.Struct) -> tuple[int, ...]:
        found = layout.unpack_from(self.data, self.at)
        self.at += layout.size
        return found

    def bytes(self) -> bytes:
        length = self.data[self.at]
        found = self.data[self.at + 1 : self.at + 1 + length]
        if len(found) != length:
            raise ValueError("a text cut short")
        self.at += 1 + length
        return found


def _address(reader: _Reader) -> SeenAddress:
    family, prefixlen, flags8, scope, index, flags = reader.fields(_ADDRESS)
    address, local = _parsed(reader.bytes()), _parsed(reader.bytes())
    return SeenAddress(index, family, prefixlen, flags8, flags, scope, address, local)


def _link(reader: _Reader) -> SeenLink:
    index, kind, flags, by_name = reader.fields(_LINK)
    name, by_index = (reader.bytes().decode("utf-8", "surrogateescape") for _ in range(2))
    return SeenLink(index, name, kind, flags, by_name, by_index)


def _source(reader: _Reader) -> SeenSource:
    error, family, scope_id = reader.fields(_SOURCE)
    return SeenSource(error, family, _parsed(reader.bytes()), scope_id)


_READERS: Final[Mapping[bytes, Callable[[_Reader], Seen]]] = {
    ADDRESSES: _address,
    LINKS: _link,
    _SOURCES: _source,
}


def _parsed(packed: bytes) -> IPAddress | None:
    if not packed:
        return None
    if len(packed) not in (4, 16):
        raise ValueError(f"an address of {len(packed)} bytes")
    return ip_address(packed)

"""What the kernel looks like from a worker (``csrc/PROTOCOL.md``, "View"), without getaddrinfo.

Only the self-test of a foreign lane uses it: see `harness.compare.selftest`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from harness.model.host import IPAddress, Target
from harness.native.errors import RecordError

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


def sources_request(family: int, destinations: Sequence[Target]) -> bytes:
    """The view request for the sources of the destinations, from one socket.

    Parameters: ``family`` of the socket, AF_INET or AF_INET6.
    """
    parts = [_SOURCES, struct.pack("<i", family)]
    for target in destinations:
        packed = target.address.packed
        parts.append(bytes([len(packed)]) + packed)
        if isinstance(target.address, IPv6Address):
            parts.append(struct.pack("<I", target.scope_id))
    return b"".join(parts)


def decode_view(request: bytes, data: bytes) -> View:
    """Decode the view that answers ``request``.

    Raises:
        RecordError: it is none.
    """
    entries: list[Seen] = []
    try:
        error, count = _HEAD.unpack_from(data)
        at = _HEAD.size
        layout, texts, entry = _FORMS[request[:1]]
        for _ in range(count):
            values: list[Any] = [*layout.unpack_from(data, at)]
            at += layout.size
            for _ in range(texts):  # each behind a byte with its length
                start, at = at + 1, at + 1 + data[at]
                values.append(data[start:at])
            entries.append(entry(*values))
    except (struct.error, ValueError, IndexError, KeyError) as problem:
        raise RecordError(f"bad view: {problem}") from None
    if at != len(data):
        raise RecordError("bad view: bytes left over, or a text cut short")
    return View(error, tuple(entries))


def _address(
    family: int, prefixlen: int, flags8: int, scope: int, index: int, flags: int, *texts: bytes
) -> SeenAddress:
    return SeenAddress(index, family, prefixlen, flags8, flags, scope, *map(_parsed, texts))


def _link(index: int, kind: int, flags: int, by_name: int, *texts: bytes) -> SeenLink:
    name, by_index = (text.decode("utf-8", "surrogateescape") for text in texts)
    return SeenLink(index, name, kind, flags, by_name, by_index)


def _source(error: int, family: int, scope_id: int, address: bytes) -> SeenSource:
    return SeenSource(error, family, _parsed(address), scope_id)


def _parsed(packed: bytes) -> IPAddress | None:
    if not packed:
        return None
    if len(packed) not in (4, 16):
        raise ValueError(f"an address of {len(packed)} bytes")
    return ip_address(packed)


_FORMS: Final[Mapping[bytes, tuple[struct.Struct, int, Callable[..., Seen]]]] = {
    ADDRESSES: (_ADDRESS, 2, _address),
    LINKS: (_LINK, 2, _link),
    _SOURCES: (_SOURCE, 1, _source),
}

"""What the kernel looks like from a worker (``csrc/PROTOCOL.md``, "View"), without getaddrinfo.

Only the self-test of a foreign lane uses it: see `harness.compare.selftest`.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from harness.model.host import IPAddress, Target
from harness.native.record import RecordError

ADDRESSES: Final = b"A"
LINKS: Final = b"L"
_SOURCES: Final = b"S"


@dataclass(frozen=True, slots=True)
class SeenAddress:
    """One entry of the address dump: the fields of ``struct ifaddrmsg`` and three attributes.

    ``flags8`` is ifa_flags, ``flags`` IFA_FLAGS; ``address`` and ``local`` are IFA_ADDRESS and
    IFA_LOCAL, None where there is none.
    """

    family: int
    prefixlen: int
    flags8: int
    scope: int
    index: int
    flags: int
    address: IPAddress | None
    local: IPAddress | None


@dataclass(frozen=True, slots=True)
class SeenLink:
    """One entry of the link dump: ``kind`` is the hardware type (ARPHRD), ``by_name`` the index
    ``if_nametoindex`` gives for the name, ``by_index`` the name ``if_indextoname`` gives.
    """

    index: int
    kind: int
    flags: int
    by_name: int
    name: str
    by_index: str


@dataclass(frozen=True, slots=True)
class SeenSource:
    """What connect() and getsockname() of a UDP socket gave for one destination.

    ``error`` is errno, 0 for none; ``family`` the source's. glibc's sort never looks at the
    ``scope_id``, so it is not compared.
    """

    error: int
    family: int
    scope_id: int = field(compare=False)
    address: IPAddress | None


Seen = SeenAddress | SeenLink | SeenSource


@dataclass(frozen=True, slots=True)
class View:
    """One view: its entries, or the ``error`` (errno, 0 for none) of one that failed as a whole."""

    error: int
    entries: tuple[Seen, ...]


def sources_request(family: int, destinations: Sequence[Target]) -> bytes:
    """The view request for the sources of the destinations, from one socket of ``family``."""
    parts = [_SOURCES, struct.pack("<i", family)]
    for target in destinations:
        packed = target.address.packed
        parts.append(bytes([len(packed)]) + packed)
        if isinstance(target.address, IPv6Address):
            parts.append(struct.pack("<I", target.scope_id))
    return b"".join(parts)


def _address(packed: bytes) -> IPAddress | None:
    if len(packed) not in (0, 4, 16):
        raise ValueError(f"an address of {len(packed)} bytes")
    return ip_address(packed) if packed else None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


_HEAD = struct.Struct("<II")
# for each request: the numbers of an entry, its texts and what they are, and the entry's type
_Form = tuple[struct.Struct, int, Callable[[bytes], object], Callable[..., Seen]]
_FORMS: Final[Mapping[bytes, _Form]] = {
    ADDRESSES: (struct.Struct("<BBBBII"), 2, _address, SeenAddress),
    LINKS: (struct.Struct("<IHII"), 2, _text, SeenLink),
    _SOURCES: (struct.Struct("<III"), 1, _address, SeenSource),
}


def decode_view(request: bytes, data: bytes) -> View:
    """Decode the view that answers ``request``. Raises RecordError when it is none."""
    entries: list[Seen] = []
    try:
        error, count = _HEAD.unpack_from(data)
        at = _HEAD.size
        layout, texts, parsed, entry = _FORMS[request[:1]]
        for _ in range(count):
            values: list[Any] = [*layout.unpack_from(data, at)]
            at += layout.size
            for _ in range(texts):  # each behind a byte with its length
                start, at = at + 1, at + 1 + data[at]
                values.append(parsed(data[start:at]))
            entries.append(entry(*values))
    except (struct.error, ValueError, IndexError, KeyError) as problem:
        raise RecordError(f"bad view: {problem}") from None
    if at != len(data):
        raise RecordError("bad view: bytes left over, or a text cut short")
    return View(error, tuple(entries))

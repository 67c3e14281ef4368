"""What the kernel looks like from a worker (``csrc/PROTOCOL.md``, "View"), without getaddrinfo.

Only the self-test of a foreign lane uses it: see `harness.compare.selftest`.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from harness.model.host import IPAddress, Target
from harness.native.record import RecordError

ADDRESSES: Final = b"A"
LINKS: Final = b"L"
_SOURCES: Final = b"S"

Seen = Mapping[str, Any]
"""One entry, by the names of `_FORMS`; an address that is not there is None."""


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


# for each request: the numbers of an entry and their names, its texts' names and what they are
_FORMS: Final[Mapping[bytes, tuple[str, str, str, Callable[[bytes], object]]]] = {
    ADDRESSES: ("<BBBBII", "family prefixlen flags8 scope index flags", "address local", _address),
    # "by_…": what if_nametoindex and if_indextoname give
    LINKS: ("<IHII", "index type flags by_name", "name by_index", _text),
    # glibc's sort never looks at the source's scope id
    _SOURCES: ("<II4x", "error family", "address", _address),
}


def decode_view(request: bytes, data: bytes) -> View:
    """Decode the view that answers ``request``. Raises RecordError when it is none."""
    entries: list[Seen] = []
    try:
        error, count = struct.unpack_from("<II", data)
        at = 8
        layout, numbers, texts, parsed = _FORMS[request[:1]]
        for _ in range(count):
            values = struct.unpack_from(layout, data, at)
            entry: dict[str, Any] = dict(zip(numbers.split(), values, strict=True))
            at += struct.calcsize(layout)
            for name in texts.split():  # each behind a byte with its length
                start, at = at + 1, at + 1 + data[at]
                entry[name] = parsed(data[start:at])
            entries.append(entry)
    except (struct.error, ValueError, IndexError, KeyError) as problem:
        raise RecordError(f"bad view: {problem}") from None
    if at != len(data):
        raise RecordError("bad view: bytes left over, or a text cut short")
    return View(error, tuple(entries))

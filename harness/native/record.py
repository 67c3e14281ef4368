"""What came back from ``getaddrinfo``, and its decoding (``csrc/PROTOCOL.md``)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from harness.model.host import Target
from harness.native.errors import RecordError
from harness.versions import is_version

_VERSION = 1
_HEAD = struct.Struct("<BiiQB")
#: The bytes of a record before the glibc's version.
HEAD_SIZE = _HEAD.size
_COUNT = struct.Struct("<I")
_ENTRY = struct.Struct("<iiiHIB")
_NO_CANONNAME = 0xFFFFFFFF
_ADDRESS_LENGTH = {socket.AF_INET: 4, socket.AF_INET6: 16}

#: The names of netdb.h on Linux; the same numbers on every architecture.
EAI_NAMES = {
    -1: "EAI_BADFLAGS", -2: "EAI_NONAME", -3: "EAI_AGAIN", -4: "EAI_FAIL", -5: "EAI_NODATA",
    -6: "EAI_FAMILY", -7: "EAI_SOCKTYPE", -8: "EAI_SERVICE", -9: "EAI_ADDRFAMILY",
    -10: "EAI_MEMORY", -11: "EAI_SYSTEM", -12: "EAI_OVERFLOW", -100: "EAI_INPROGRESS",
    -101: "EAI_CANCELED", -102: "EAI_NOTCANCELED", -103: "EAI_ALLDONE", -104: "EAI_INTR",
    -105: "EAI_IDN_ENCODE",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AddrInfo:
    """One ``struct addrinfo``.

    Parameters:
        family: ``ai_family``, a C int (2 is AF_INET, 10 is AF_INET6).
        socktype: ``ai_socktype``.
        protocol: ``ai_protocol``.
        address: the address in text, without a scope; empty for an unknown family.
        port: the port in host order.
        scope_id: ``sin6_scope_id``, 0 for IPv4.
        canonname: ``ai_canonname``, or None.
    """

    family: int
    socktype: int
    protocol: int
    address: str
    port: int
    scope_id: int
    canonname: str | None

    @property
    def target(self) -> Target:
        """The address with its scope id. Raises ValueError for an unknown family."""
        return Target(ip_address(self.address), self.scope_id)


@dataclass(frozen=True, slots=True)
class Answer:
    """One return of ``getaddrinfo``. The time is left out of comparisons.

    Parameters:
        error: None, or the name of the EAI code ("EAI_NONAME").
        errno: ``errno`` when ``error`` is "EAI_SYSTEM", else 0.
        elapsed_ns: duration of the call in nanoseconds (CLOCK_MONOTONIC).
        addrinfos: the list in the order returned; empty on an error.
        glibc: what ``gnu_get_libc_version()`` says ("2.36").
    """

    error: str | None
    errno: int
    elapsed_ns: int = field(compare=False)
    addrinfos: tuple[AddrInfo, ...]
    glibc: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """The process died while it answered, or before.

    Parameters:
        signal: number of the signal (11 is SIGSEGV).
    """

    signal: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The lookup did not return in time; its process is gone.

    Parameters:
        seconds: the time it was given.
    """

    seconds: float


Outcome = Answer | Crashed | TimedOut


@lru_cache(64)
def version_text(data: bytes) -> str:
    """The version that a glibc gives itself; a foreign one may say anything.

    Raises:
        RecordError: it has not the form of a version, and so is fit for no report.
    """
    text = data.decode("ascii", "backslashreplace")
    if not is_version(text):
        raise RecordError(f"bad record: {text[:40]!r} as glibc version")
    return text


def decode(data: bytes) -> Answer:
    """Decodes one record.

    Args:
        data: exactly one record, as the core packs it.

    Raises:
        RecordError: it is none.
    """
    try:
        version, eai, errno, elapsed, size = _HEAD.unpack_from(data)
        if version != _VERSION:
            raise RecordError(f"record version {version}, expected {_VERSION}")
        at = _HEAD.size
        glibc = version_text(data[at : at + size])
        at += size
        (count,) = _COUNT.unpack_from(data, at)
        at += _COUNT.size
        if count * _ENTRY.size > len(data):
            raise RecordError("bad record: more entries than bytes")
        entries: list[AddrInfo] = []
        for _ in range(count):
            family, socktype, protocol, port, scope, length = _ENTRY.unpack_from(data, at)
            at += _ENTRY.size
            address = ""
            if length:
                if length != _ADDRESS_LENGTH.get(family) or at + length > len(data):
                    raise RecordError(f"bad record: {length} address bytes for family {family}")
                address = socket.inet_ntop(family, data[at : at + length])
                at += length
            (size,) = _COUNT.unpack_from(data, at)
            at += _COUNT.size
            canonname: str | None = None
            if size != _NO_CANONNAME:
                if size > len(data) - at:
                    raise RecordError("bad record: canonical name too long")
                canonname = data[at : at + size].decode("utf-8", "surrogateescape")
                at += size
            entries.append(AddrInfo(family, socktype, protocol, address, port, scope, canonname))
        if at != len(data):
            raise RecordError("bad record: bytes left over")
        error = None if eai == 0 else EAI_NAMES.get(eai, f"EAI_{eai}")
        return Answer(error, errno, elapsed, tuple(entries), glibc)
    except (struct.error, UnicodeDecodeError) as error:
        raise RecordError(f"bad record: {error}") from None

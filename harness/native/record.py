"""One call of ``getaddrinfo``: what is asked, what came back and its decoding."""

import socket
import struct
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import ip_address

from harness.model.host import Target
from harness.model.lookup import Request
from harness.versions import is_version

# csrc/PROTOCOL.md, "Record"
RECORD_VERSION = 2
_HEAD = struct.Struct("<BiiQB")
HEAD_SIZE = _HEAD.size
TIME = slice(9, 17)
"""Where a record has its time."""
_COUNT = struct.Struct("<I")
ENTRY = struct.Struct("<iiiiIHHIB")
NAME = struct.Struct("<II")
_ADDRESS_LENGTH = {socket.AF_INET: 4, socket.AF_INET6: 16}
_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_TEXT_MAX = 65535

#: The names of netdb.h on Linux; the same numbers on every architecture.
EAI_NAMES = {
    -1: "EAI_BADFLAGS", -2: "EAI_NONAME", -3: "EAI_AGAIN", -4: "EAI_FAIL", -5: "EAI_NODATA",
    -6: "EAI_FAMILY", -7: "EAI_SOCKTYPE", -8: "EAI_SERVICE", -9: "EAI_ADDRFAMILY",
    -10: "EAI_MEMORY", -11: "EAI_SYSTEM", -12: "EAI_OVERFLOW", -100: "EAI_INPROGRESS",
    -101: "EAI_CANCELED", -102: "EAI_NOTCANCELED", -103: "EAI_ALLDONE", -104: "EAI_INTR",
    -105: "EAI_IDN_ENCODE",
}  # fmt: skip


class LaneError(Exception):
    """The lane itself failed: it did not start, or it broke its protocol.

    A glibc that crashes or hangs is a result (``Crashed``, ``TimedOut``), never this.
    """

    exit_status = 3


class RecordError(LaneError):
    """Bytes that are no record or frame of ``csrc/PROTOCOL.md``."""


@dataclass(frozen=True, slots=True)
class Query(Request):
    """The arguments of one call, in a form that C can take: what the model is asked, checked.

    Raises ValueError for a NUL or too many bytes in a text, or a number that is no C int.
    """

    def __post_init__(self) -> None:
        for what in ("name", "service"):
            text = getattr(self, what) or ""
            if "\0" in text:
                raise ValueError(f"{what} contains a NUL")
            if len(text) * 4 > _TEXT_MAX and len(encode_text(text)) > _TEXT_MAX:
                raise ValueError(f"{what} is longer than {_TEXT_MAX} bytes")
        for what in ("family", "socktype", "protocol", "flags"):
            if not _INT_MIN <= getattr(self, what) <= _INT_MAX:
                raise ValueError(f"{what} {getattr(self, what)} is no C int")


def encode_text(text: str) -> bytes:
    """The bytes of a name or service: UTF-8, with odd bytes escaped as Python's file names are."""
    return text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class AddrInfo:
    """One ``struct addrinfo``, its numbers those of C (family 2 is AF_INET, 10 is AF_INET6).

    ``address`` is without scope, and empty for an unknown family; ``port`` is in host order.
    ``addrlen`` is ai_addrlen, ``sa_family`` the family within the socket address.
    """

    family: int
    socktype: int
    protocol: int
    address: str
    port: int
    scope_id: int
    flags: int
    addrlen: int
    sa_family: int
    canonname: str | None = None

    @property
    def target(self) -> Target:
        """The address with its scope id. Raises ValueError for an unknown family."""
        return Target(ip_address(self.address), self.scope_id)


@dataclass(frozen=True, slots=True)
class Answer:
    """One return of ``getaddrinfo``.

    ``error`` is None or the name of the EAI code ("EAI_NONAME"), ``errno`` is set with
    "EAI_SYSTEM" only. ``elapsed_ns``, nanoseconds of CLOCK_MONOTONIC, is left out of comparisons.
    ``addrinfos`` keep the order returned; ``glibc`` is what it calls itself ("2.36").
    """

    error: str | None
    errno: int
    elapsed_ns: int = field(compare=False)
    addrinfos: tuple[AddrInfo, ...]
    glibc: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """The process died of ``signal`` (11 is SIGSEGV) while it answered, or before.

    ``said`` is its last words on standard error, as far as they are known: those of an assertion.
    """

    signal: int
    said: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The lookup did not return in the ``seconds`` it was given; its process is gone."""

    seconds: float


Outcome = Answer | Crashed | TimedOut


@lru_cache(64)
def version_text(data: bytes) -> str:
    """The version that a glibc gives itself. A foreign one may say anything: raises RecordError
    for what has not the form of a version, and so is fit for no report.
    """
    text = data.decode("ascii", "backslashreplace")
    if not is_version(text):
        raise RecordError(f"bad record: {text[:40]!r} as glibc version")
    return text


def _add_names(data: bytes, at: int, entries: list[AddrInfo]) -> int:
    """Give the entries their canonical names; where these end."""
    (left,) = _COUNT.unpack_from(data, at)
    at += _COUNT.size
    last = -1
    for _ in range(left):
        position, size = NAME.unpack_from(data, at)
        at += NAME.size
        if size > len(data) - at:
            raise RecordError("bad record: canonical name too long")
        if not last < position < len(entries):
            raise RecordError("bad record: a canonical name of no entry")
        last = position
        name = data[at : at + size].decode("utf-8", "surrogateescape")
        entries[position] = replace(entries[position], canonname=name)
        at += size
    return at


def decode(data: bytes) -> Answer:
    """Decodes exactly one record, as the core packs it. Raises RecordError for anything else."""
    try:
        version, eai, errno, elapsed, size = _HEAD.unpack_from(data)
        if version != RECORD_VERSION:
            raise RecordError(f"record version {version}, expected {RECORD_VERSION}")
        at = HEAD_SIZE
        glibc = version_text(data[at : at + size])
        at += size
        (count,) = _COUNT.unpack_from(data, at)
        at += _COUNT.size
        if count * ENTRY.size > len(data):
            raise RecordError("bad record: more entries than bytes")
        entries: list[AddrInfo] = []
        for _ in range(count):
            *head, port, scope, length = ENTRY.unpack_from(data, at)
            family, socktype, protocol, *rest = head
            at += ENTRY.size
            address = ""
            if length:
                if length != _ADDRESS_LENGTH.get(family) or at + length > len(data):
                    raise RecordError(f"bad record: {length} address bytes for family {family}")
                address = socket.inet_ntop(family, data[at : at + length])
                at += length
            entries.append(AddrInfo(family, socktype, protocol, address, port, scope, *rest))
        if eai == 0:
            at = _add_names(data, at, entries)
        if at != len(data):
            raise RecordError("bad record: bytes left over")
        error = None if eai == 0 else EAI_NAMES.get(eai, f"EAI_{eai}")
        return Answer(error, errno, elapsed, tuple(entries), glibc)
    except (struct.error, UnicodeDecodeError) as error:
        raise RecordError(f"bad record: {error}") from None

"""The frames of ``csrc/PROTOCOL.md`` and a pair of pipes that carries them."""

import os
import select
import struct
import time
from collections.abc import Iterable

from harness.native.record import LaneError, Query, RecordError, encode_text

OPEN, LOOKUP, VIEW, END, QUIT, RESYNC = b"O", b"L", b"V", b"E", b"Q", b"R"
HELLO, STARTED, ANSWER, SEEN, DIED, ERROR = b"H", b"S", b"A", b"V", b"D", b"X"

#: How a session ended, in a DIED frame.
BY_EXIT, BY_SIGNAL, BY_TIMEOUT, NO_FORK = range(4)

PROTOCOL_VERSION = 1

_HEADER = struct.Struct("<Ic")
_SESSION = struct.Struct("<IcI")
_LENGTH = struct.Struct("<I")
_REPLY_MAX = 17 * 1024 * 1024
_CHUNK = 1 << 18
_TIMEOUT_MS_MAX = 86_400_000


class StalledError(LaneError):
    """Nothing came in the time allowed."""


def plain_frame(kind: bytes, payload: bytes = b"") -> bytes:
    """A request to the worker: QUIT, or RESYNC with the cookie of a death."""
    return _HEADER.pack(len(payload), kind) + payload


def session_frame(kind: bytes, session: int, payload: bytes = b"") -> bytes:
    """A request to one session, by its number: OPEN, END, or LOOKUP and VIEW with a payload."""
    return _SESSION.pack(4 + len(payload), kind, session) + payload


def whole_session(session: int, lookups: Iterable[bytes]) -> bytes:
    """All requests of one session, from OPEN to END; ``lookups`` from `lookup_payload`."""
    asked = session_frames(LOOKUP, session, lookups)
    return session_frame(OPEN, session) + asked + session_frame(END, session)


def session_frames(kind: bytes, session: int, payloads: Iterable[bytes]) -> bytes:
    """Many requests of one type to one session."""
    pack = _SESSION.pack
    return b"".join(
        [part for each in payloads for part in (pack(4 + len(each), kind, session), each)]
    )


def lookup_payload(query: Query, timeout: float) -> bytes:
    """What a LOOKUP asks. ``timeout`` in seconds; ValueError but for a millisecond to a day."""
    numbers = query.family, query.socktype, query.protocol, query.flags
    texts = _text(query.name) + _text(query.service) + b"\0" * (not query.hints)
    return struct.pack("<Iiiii", _milliseconds(timeout), *numbers) + texts


def view_payload(request: bytes, timeout: float) -> bytes:
    """What a VIEW asks (see `harness.native.kernel_view`); ``timeout`` as for a look-up."""
    return struct.pack("<I", _milliseconds(timeout)) + request


def _milliseconds(timeout: float) -> int:
    if not 0.001 <= timeout <= _TIMEOUT_MS_MAX / 1000:
        raise ValueError(f"timeout {timeout} is not between a millisecond and a day")
    return round(timeout * 1000)


def _text(text: str | None) -> bytes:
    if text is None:
        return b"\0\0\0"
    data = encode_text(text)
    return struct.pack("<BH", 1, len(data)) + data + b"\0"


class Channel:
    """Two pipe ends, which it owns: requests go out through ``write_fd`` while replies come in
    through ``read_fd``, so that neither side can block.
    """

    __slots__ = ("_in", "_out", "_poll", "_read_fd", "_write_fd", "_writing")

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self._in = bytearray()
        self._out = bytearray()
        self._poll = select.poll()
        self._poll.register(read_fd, select.POLLIN)
        self._writing = False

    def send(self, data: bytes) -> None:
        """Queues requests and writes what the pipe takes now; ``receive`` writes the rest."""
        self._out += data
        self._write()

    def restart(self, data: bytes) -> None:
        """Drops requests not yet written, which nobody would read, and queues ``data``."""
        self._out.clear()
        self.send(data)

    def receive(self, timeout: float, pause: float = 0.0) -> tuple[bytes, bytes] | None:
        """The next frame as (type, payload), or None at the end of the other side.

        A ``pause`` in seconds lets several come before it looks: waking up for each takes longer
        than to read it.
        Raises StalledError when none came in ``timeout`` seconds, RecordError for what is none.
        """
        frame = self._frame()
        deadline = time.monotonic() + timeout
        while frame is None:
            if pause:
                time.sleep(pause)
            if self._writing != bool(self._out):
                self._writing = bool(self._out)
                if self._writing:
                    self._poll.register(self._write_fd, select.POLLOUT)
                else:
                    self._poll.unregister(self._write_fd)
            left = deadline - time.monotonic()
            events = self._poll.poll(max(0.0, left) * 1000 + 1) if left > 0 else []
            if not events:
                raise StalledError(f"no reply within {timeout:g} s")
            if any(fd == self._write_fd for fd, _ in events):
                self._write()
            if any(fd == self._read_fd for fd, _ in events) and not self._read():
                return None
            frame = self._frame()
        return frame

    def take(self, kind: bytes, start: bytes, most: int) -> list[bytes]:
        """Of the frames that are here already, those of a type whose payload begins with ``start``,
        which is left out: up to ``most``, and up to the first other one.
        """
        data, begins, size = self._in, kind + start, len(self._in)
        found: list[bytes] = []
        at = 0
        while len(found) < most and at + _HEADER.size <= size:
            end = at + _HEADER.size + _LENGTH.unpack_from(data, at)[0]
            if end > size or not data.startswith(begins, at + 4, end):
                break
            found.append(bytes(data[at + 4 + len(begins) : end]))
            at = end
        del data[:at]
        return found

    def close(self) -> None:
        """Closes both ends; harmless when repeated."""
        for fd in (self._read_fd, self._write_fd):
            if fd >= 0:
                os.close(fd)
        self._read_fd = self._write_fd = -1

    def _write(self) -> None:
        try:
            while self._out:
                written = os.write(self._write_fd, self._out[:_CHUNK])
                del self._out[:written]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._out.clear()  # the end shows up on the reading side

    def _read(self) -> bool:
        try:
            data = os.read(self._read_fd, _CHUNK)
        except BlockingIOError:
            return True
        self._in += data
        return bool(data)

    def _frame(self) -> tuple[bytes, bytes] | None:
        """The next whole frame that is here already. Raises RecordError for what is none."""
        if len(self._in) < _HEADER.size:
            return None
        length, kind = _HEADER.unpack_from(self._in)
        if length > _REPLY_MAX:
            raise RecordError(f"a frame of {length} bytes")
        end = _HEADER.size + length
        if end > len(self._in):
            return None
        payload = bytes(self._in[_HEADER.size : end])
        del self._in[:end]
        return kind, payload

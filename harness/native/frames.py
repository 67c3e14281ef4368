"""The frames of ``csrc/PROTOCOL.md`` and a pair of pipes that carries them."""

import os
import select
import struct
import time
from collections import deque
from collections.abc import Iterable

from harness.native.record import LaneError, Query, RecordError, encode_text

OPEN, LOOKUP, VIEW, END, QUIT, RESYNC = b"O", b"L", b"V", b"E", b"Q", b"R"
HELLO, STARTED, ANSWER, SEEN, DIED, ERROR = b"H", b"S", b"A", b"V", b"D", b"X"

#: How a session ended, in a DIED frame.
BY_EXIT, BY_SIGNAL, BY_TIMEOUT, NO_FORK = range(4)

PROTOCOL_VERSION = 1

_HEADER = struct.Struct("<Ic")
_SESSION = struct.Struct("<IcI")
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
    asked = [session_frame(LOOKUP, session, payload) for payload in lookups]
    return b"".join([session_frame(OPEN, session), *asked, session_frame(END, session)])


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

    __slots__ = ("_frames", "_in", "_out", "_read_fd", "_write_fd")

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self._in = bytearray()
        self._out = bytearray()
        self._frames: deque[tuple[bytes, bytes]] = deque()

    def send(self, data: bytes) -> None:
        """Queues requests and writes what the pipe takes now; ``receive`` writes the rest."""
        self._out += data
        self._write()

    def restart(self, data: bytes) -> None:
        """Drops requests not yet written, which nobody would read, and queues ``data``."""
        self._out.clear()
        self.send(data)

    def receive(self, timeout: float) -> tuple[bytes, bytes] | None:
        """The next frame as (type, payload), or None at the end of the other side.

        Raises StalledError when none came in ``timeout`` seconds, RecordError for what is none.
        """
        if self._frames:
            return self._frames.popleft()
        deadline = time.monotonic() + timeout
        poll = select.poll()
        poll.register(self._read_fd, select.POLLIN)
        writing = False
        while not self._frames:
            if writing != bool(self._out):
                writing = bool(self._out)
                if writing:
                    poll.register(self._write_fd, select.POLLOUT)
                else:
                    poll.unregister(self._write_fd)
            left = deadline - time.monotonic()
            events = poll.poll(max(0.0, left) * 1000 + 1) if left > 0 else []
            if not events:
                raise StalledError(f"no reply within {timeout:g} s")
            if any(fd == self._write_fd for fd, _ in events):
                self._write()
            if any(fd == self._read_fd for fd, _ in events) and not self._read():
                return None
        return self._frames.popleft()

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
        at = 0
        while len(self._in) - at >= _HEADER.size:
            length, kind = _HEADER.unpack_from(self._in, at)
            if length > _REPLY_MAX:
                raise RecordError(f"a frame of {length} bytes")
            end = at + _HEADER.size + length
            if end > len(self._in):
                break
            self._frames.append((kind, bytes(self._in[at + _HEADER.size : end])))
            at = end
        del self._in[:at]
        return bool(data)

"""The frames of ``csrc/PROTOCOL.md`` and a pair of pipes that carries them."""

from __future__ import annotations

import os
import select
import struct
import time
from collections import deque
from typing import Final

from harness.native.errors import LaneError, RecordError
from harness.native.query import Query, encode_text

OPEN: Final = b"O"
LOOKUP: Final = b"L"
VIEW: Final = b"V"
END: Final = b"E"
QUIT: Final = b"Q"
RESYNC: Final = b"R"
HELLO: Final = b"H"
STARTED: Final = b"S"
ANSWER: Final = b"A"
SEEN: Final = b"V"
DIED: Final = b"D"
ERROR: Final = b"X"

#: How a session ended, in a DIED frame.
BY_EXIT, BY_SIGNAL, BY_TIMEOUT, NO_FORK = range(4)

PROTOCOL_VERSION: Final = 1

_HEADER = struct.Struct("<Ic")
_LOOKUP = struct.Struct("<IcIIiiii")
_SESSION = struct.Struct("<IcI")
_VIEW = struct.Struct("<IcII")
_TEXT = struct.Struct("<BH")
_REPLY_MAX = 17 * 1024 * 1024
_CHUNK = 1 << 18
_TIMEOUT_MS_MAX = 86_400_000


class StalledError(LaneError):
    """Nothing came in the time allowed."""


def session_frame(kind: bytes, session: int) -> bytes:
    """A request that has only a session number (OPEN, END)."""
    return _SESSION.pack(4, kind, session)


def quit_frame() -> bytes:
    """The request to end."""
    return _HEADER.pack(0, QUIT)


def resync_frame(cookie: bytes) -> bytes:
    """The request that ends the discarding after a session died; the cookie names the death."""
    return _HEADER.pack(len(cookie), RESYNC) + cookie


def lookup_frame(session: int, query: Query, timeout: float) -> bytes:
    """The request for one lookup.

    Args:
        session: its number.
        query: what to ask.
        timeout: seconds, from a millisecond to a day.

    Raises:
        ValueError: the time-out is out of range.
    """
    milliseconds = _milliseconds(timeout)
    texts = _text(query.name) + _text(query.service)
    return (
        _LOOKUP.pack(
            _LOOKUP.size - _HEADER.size + len(texts),
            LOOKUP,
            session,
            milliseconds,
            query.family,
            query.socktype,
            query.protocol,
            query.flags,
        )
        + texts
    )


def view_frame(session: int, request: bytes, timeout: float) -> bytes:
    """The request for one view.

    Args:
        session: its number.
        request: the view request, see `harness.native.view`.
        timeout: seconds, from a millisecond to a day.

    Raises:
        ValueError: the time-out is out of range.
    """
    length = _VIEW.size - _HEADER.size + len(request)
    return _VIEW.pack(length, VIEW, session, _milliseconds(timeout)) + request


def _milliseconds(timeout: float) -> int:
    if not 0.001 <= timeout <= _TIMEOUT_MS_MAX / 1000:
        raise ValueError(f"timeout {timeout} is not between a millisecond and a day")
    return round(timeout * 1000)


def _text(text: str | None) -> bytes:
    if text is None:
        return b"\0\0\0"
    data = encode_text(text)
    return _TEXT.pack(1, len(data)) + data + b"\0"


class Channel:
    """Two pipe ends: requests go out while replies come in, so that neither side can block.

    Parameters:
        read_fd: where replies come from; the channel owns it.
        write_fd: where requests go to; the channel owns it.
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

        Args:
            timeout: seconds.

        Raises:
            StalledError: no frame came in that time.
            RecordError: what came is no frame.
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

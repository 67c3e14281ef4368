"""Frames between the asking process and a sandbox: a length, then a pickled value.

Both ends are this package in one user's processes, so pickle is safe here.
"""

from __future__ import annotations

import pickle
import struct
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import socket

_LENGTH = struct.Struct("!Q")

Tag = Literal["value", "done", "error", "died"]
"""What a frame of a job says: one value, the end, an exception, or how the child died."""


def send(sock: socket.socket, value: Any) -> None:
    """Send one value.

    Parameters: ``sock`` a connected stream socket; ``value`` anything picklable.
    Raises OSError, and whatever pickling raises before a byte is sent.
    """
    send_bytes(sock, pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))


def receive(sock: socket.socket) -> Any:
    """Receive one value.

    Parameters: ``sock`` a connected stream socket.
    Raises EOFError when the peer has gone, in the middle of a frame too; OSError.
    """
    return pickle.loads(receive_bytes(sock))


def send_bytes(sock: socket.socket, data: bytes) -> None:
    """Send bytes as one frame. Raises OSError."""
    sock.sendall(_LENGTH.pack(len(data)) + data)


def receive_bytes(sock: socket.socket) -> bytes:
    """Receive the bytes of one frame. Raises EOFError, OSError."""
    (length,) = _LENGTH.unpack(_exactly(sock, _LENGTH.size))
    return _exactly(sock, length)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = sock.recv_into(view)
        if count == 0:
            raise EOFError("the other end has gone")
        view = view[count:]
    return bytes(data)

"""What passes between the asking process and a sandbox: pickled values, and namespaces.

A frame is a length and a value. Both ends are this package in one user's processes, so pickle
is safe here.
"""

import os
import pickle
import socket
import struct
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from . import syscalls
from .values import Closing, SandboxError

_LENGTH = struct.Struct("!Q")
# the user namespace first: it gives the right to enter the others
_KINDS = {
    "user": syscalls.CLONE_NEWUSER, "net": syscalls.CLONE_NEWNET, "uts": syscalls.CLONE_NEWUTS,
    "ipc": syscalls.CLONE_NEWIPC, "pid": syscalls.CLONE_NEWPID, "mnt": syscalls.CLONE_NEWNS,
}  # fmt: skip


def send(sock: socket.socket, value: Any) -> None:
    """Send one value. Raises OSError, and what pickling raises before a byte is sent."""
    send_bytes(sock, pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))


def receive(sock: socket.socket) -> Any:
    """Receive one value. Raises EOFError when the peer has gone, even amid a frame; OSError."""
    return pickle.loads(receive_bytes(sock))


def send_bytes(sock: socket.socket, data: bytes) -> None:
    """Send bytes as one frame. Raises OSError."""
    sock.sendall(_LENGTH.pack(len(data)) + data)


def receive_bytes(sock: socket.socket) -> bytes:
    """Receive the bytes of one frame. Raises as `receive`."""
    (length,) = _LENGTH.unpack(_exactly(sock, _LENGTH.size))
    return _exactly(sock, length)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:  # a signal may cut it short
        piece = sock.recv(size - len(data), socket.MSG_WAITALL)
        if not piece:
            raise EOFError("the other end has gone")
        data += piece
    return data


class NamespaceFds(Closing):
    """Descriptors of a sandbox's namespaces, the way into it; they keep no process alive."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._descriptors = tuple(descriptors)

    def enter(self) -> None:
        """Put this process, which must have one thread only, into the sandbox as its root.

        Its next child is the first process in the sandbox's process tree.
        Raises SandboxError where the kernel refuses, and after `close`.
        """
        if not self._descriptors:
            raise SandboxError("the sandbox has been closed")
        try:
            for descriptor, kind in zip(self._descriptors, _KINDS.values(), strict=True):
                syscalls.setns(descriptor, kind)
        except OSError as problem:
            raise SandboxError(f"cannot enter the sandbox: {problem.strerror}") from None

    def close(self) -> None:
        """Give the descriptors back; harmless when repeated."""
        for descriptor in self._descriptors:
            with suppress(OSError):
                os.close(descriptor)
        self._descriptors = ()


def send_namespaces(sock: socket.socket) -> None:
    """Send the descriptors of this process's own namespaces. Raises OSError."""
    with ExitStack() as opened:
        paths = (Path("/proc/self/ns", kind) for kind in _KINDS)
        files = [opened.enter_context(path.open("rb")) for path in paths]
        socket.send_fds(sock, [b"d"], [file.fileno() for file in files])


def receive_namespaces(sock: socket.socket) -> NamespaceFds:
    """What `send_namespaces` sent. Raises SandboxError where the sender has gone."""
    _, descriptors, _, _ = socket.recv_fds(sock, 1, len(_KINDS), socket.MSG_CMSG_CLOEXEC)
    received = NamespaceFds(descriptors)
    if len(descriptors) != len(_KINDS):
        received.close()
        raise SandboxError("the sandbox died before it could be entered")
    return received

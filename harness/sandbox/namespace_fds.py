"""The way into a sandbox that stands: descriptors of its namespaces, passed between processes.

Example::

    with pool.converse(stand, spec) as conversation:
        ...
        with conversation.namespaces() as namespaces:
            if os.fork() == 0:
                namespaces.enter()      # and once more os.fork(), to be in its process tree
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from . import kernel
from .errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Sequence

# the user namespace first: it gives the right to enter the others
_KINDS = {
    "user": kernel.CLONE_NEWUSER,
    "net": kernel.CLONE_NEWNET,
    "uts": kernel.CLONE_NEWUTS,
    "ipc": kernel.CLONE_NEWIPC,
    "pid": kernel.CLONE_NEWPID,
    "mnt": kernel.CLONE_NEWNS,
}


class NamespaceFds:
    """Descriptors of one sandbox's namespaces; they do not keep its processes alive."""

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
                kernel.setns(descriptor, kind)
        except OSError as problem:
            raise SandboxError(f"cannot enter the sandbox: {problem.strerror}") from None

    def close(self) -> None:
        """Give the descriptors back; harmless when repeated."""
        for descriptor in self._descriptors:
            with suppress(OSError):
                os.close(descriptor)
        self._descriptors = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def send(sock: socket.socket) -> None:
    """Send the descriptors of this process's own namespaces. Raises OSError."""
    with ExitStack() as opened:
        paths = (Path("/proc/self/ns", kind) for kind in _KINDS)
        files = [opened.enter_context(path.open("rb")) for path in paths]
        socket.send_fds(sock, [b"d"], [file.fileno() for file in files])


def receive(sock: socket.socket) -> NamespaceFds:
    """What `send` sent. Raises SandboxError where the sender has gone."""
    message, descriptors, _, _ = socket.recv_fds(sock, 1, len(_KINDS), socket.MSG_CMSG_CLOEXEC)
    found = NamespaceFds(descriptors)
    if not message or len(descriptors) != len(_KINDS):
        found.close()
        raise SandboxError("the sandbox died before it could be entered")
    return found

"""Speaking with a job while its sandbox stands."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from . import wire
from .doors import Doors, receive
from .errors import SandboxError


class Conversation:
    """One job that answers what it is sent; closing it ends its sandbox and all in it.

    `Pool.converse` makes it; use it as a context manager.
    """

    def __init__(
        self, sock: socket.socket, following: Callable[[socket.socket], tuple[bool, Any]]
    ) -> None:
        self._sock = sock
        self._following = following

    def receive(self) -> Any:
        """The next value the job yields.

        Raises SandboxError as `Pool.run`, and where the job has ended.
        """
        more, value = self._following(self._sock)
        if not more:
            raise SandboxError("the job in the sandbox has ended")
        return value

    def send(self, value: Any) -> None:
        """Send a value to `Box.hear`; it has to be picklable. Raises SandboxError."""
        try:
            wire.send(self._sock, value)
        except OSError as problem:
            raise SandboxError(f"the sandbox has gone: {problem.strerror}") from None

    def doors(self) -> Doors:
        """Wait for `Box.hand_over_doors`. Raises SandboxError where the sandbox has gone."""
        return receive(self._sock)

    def close(self) -> None:
        """End the sandbox with every process in it; harmless when repeated."""
        # a process that entered it has a copy of the socket, which closing alone leaves open
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""A command of the person at the keyboard, run under strace inside a sandbox.

It is no resolver that is tested: it runs as the caller's own code, on the caller's files, in the
network and with the names of the sandbox. With the sandbox ends all that it has started.
"""

import os
import selectors
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from harness.native.calls import ProcessEnd, Reader, SystemCall
from harness.native.contacts import Contact, Contacts, Look, Milliseconds
from harness.native.trace import TraceUnavailable, strace
from harness.sandbox import SandboxError

_CALLS = (
    "execve,socket,connect,getsockname,getsockopt,sendto,sendmsg,sendmmsg,recvfrom,recvmsg,"
    "?recvmmsg,write,read,close"
)
_KEPT = 64 * 1024  # bytes of what it prints
_PIECE = 64 * 1024
_GLANCE = 0.05  # seconds between two looks at whether strace has ended


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: its words, its environment, and the seconds after which it is ended."""

    words: tuple[str, ...]
    environment: Mapping[str, str]
    timeout: float


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did; see `Contacts`.

    ``status`` and ``signal`` are both None where the time was up before it had ended.
    """

    looks: tuple[Look, ...]
    contacts: tuple[Contact, ...]
    left_out: Annotated[int, Field(ge=0, description="of both, those behind the first thousand")]
    status: Annotated[int | None, Field(description="the command's; null where it has none")]
    signal: Annotated[str | None, Field(description="what killed the command")]
    timed_out: Annotated[
        bool, Field(description="the command, or a process that it left, was ended")
    ]
    elapsed_ms: Milliseconds
    output: Annotated[str, Field(description="what it printed on both streams, as it came")]
    output_left_out: Annotated[int, Field(ge=0, description="bytes of it that are not kept")]


def run(command: Command, folder: Path) -> Ran:
    """Run a command until it and all that descends from it have ended, or its time is up.

    What is left of it then has to be ended by the caller. ``folder`` is a private folder.
    Raises TraceUnavailable where strace is missing or may not trace, SandboxError for a command
    that the kernel does not start.
    """
    place = folder / "calls"
    os.mkfifo(place)
    log, output, printed = _Log(), bytearray(), 0
    deadline = time.monotonic() + command.timeout
    with (
        os.fdopen(os.open(place, os.O_RDONLY | os.O_NONBLOCK), "rb", 0) as calls,
        _started(command, place) as tracer,
        selectors.DefaultSelector() as selector,
    ):
        assert tracer.stdout is not None
        selector.register(calls, selectors.EVENT_READ)
        selector.register(tracer.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            ended = tracer.poll() is not None
            ready = selector.select(0 if ended else min(left, _GLANCE))
            for key, _ in ready:
                data = os.read(key.fd, _PIECE)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is calls:
                    log.feed(data)
                else:
                    printed += len(data)
                    output += data[: _KEPT - len(output)]
            if ended and not ready:
                break
        timed_out = tracer.poll() is None
        tracer.kill()
    words = output.decode(errors="replace")
    begun, end = log.checked(command, words)
    status, signal, elapsed = None, None, command.timeout
    if end is not None:
        status, signal, elapsed = end.status, end.signal, max(end.at - begun, 0.0)
    return Ran(
        *log.contacts.found(begun), log.contacts.left_out, status, signal, timed_out,
        round(elapsed * 1000, 3), words, printed - len(output),
    )  # fmt: skip


def _started(command: Command, place: Path) -> subprocess.Popen[bytes]:
    # what has the loader look elsewhere is for the command, and not for strace
    of_loader = [name for name in command.environment if name.startswith("LD_")]
    given = (word for name in of_loader for word in ("-E", f"{name}={command.environment[name]}"))
    kept = {k: v for k, v in command.environment.items() if k not in of_loader}
    try:
        return subprocess.Popen(
            [strace(), "-f", "-q", "-ttt", "-T", "-y", "-s", "0", "-e", f"trace={_CALLS}",
             "-o", str(place), *given, "--", *command.words],
            env=kept, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,  # a signal to its process group spares the sandbox
        )  # fmt: skip
    except OSError as problem:
        raise TraceUnavailable(f"strace cannot be started: {problem.strerror}") from None


class _Log:
    """What strace has written so far: the calls, and the first process's beginning and end."""

    def __init__(self) -> None:
        self.contacts = Contacts({name: index for index, name in socket.if_nameindex()})
        self._reader = Reader()
        self._rest = b""
        self._first: SystemCall | None = None
        self._end: ProcessEnd | None = None

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            read = self._reader.read(line.decode(errors="replace"))
            if isinstance(read, SystemCall):
                if self._first is None:
                    self._first = read  # the execve of the command itself
                self.contacts.take(read)
            elif read is not None and self._first is not None and read.pid == self._first.pid:
                self._end = read

    def checked(self, command: Command, said: str) -> tuple[float, ProcessEnd | None]:
        """When the command began, and its end; no more calls come, not even the end of one.

        Raises where it did not start, with what strace ``said``.
        """
        if self._first is None:
            last = said.strip().rpartition("\n")[2] or "no reason given"
            raise TraceUnavailable(f"strace cannot trace a command: {last}")
        if self._first.error is not None:
            raise SandboxError(f"{command.words[0]}: cannot be started: {self._first.error}")
        for call in self._reader.unfinished():
            self.contacts.take(call)
        return self._first.at, self._end

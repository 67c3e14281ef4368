"""The door to the sandboxes: run a function in a fresh one and stream what it yields.

Example::

    def views(box: Box, host: Host) -> Iterator[HostView]:
        box.build(host)
        yield box.observe([])

    with Pool() as pool:
        (view,) = pool.run(views, host)
"""

from __future__ import annotations

import json
import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from . import namespace_fds, programs, userns_diagnosis, wire
from .errors import SandboxError, SandboxUnavailable
from .spool import Spool

if TYPE_CHECKING:
    from .box import Box

Job = Callable[["Box", Any], Iterator[Any]]
"""A module-level generator function: it is sent by reference, its values by pickle."""

# The child sees the same modules as this process, tests and plug-ins included. With -P nothing
# of the current folder is imported; what its own interpreter adds comes last.
_FORKSERVER = (
    "import sys, json; given = json.loads(sys.argv.pop()); "
    "sys.path[:] = given + [entry for entry in sys.path if entry not in given]; "
    "from harness.sandbox.forkserver import main; main()"
)
# these change what glibc's resolver does, so the children must not inherit them
RESOLVER_VARIABLES = (
    "GETCONF_DIR", "HOSTALIASES", "LOCALDOMAIN", "RESOLV_ADD_TRIM_DOMAINS", "RESOLV_HOST_CONF",
    "RESOLV_MULTI", "RESOLV_OVERRIDE_TRIM_DOMAINS", "RESOLV_REORDER", "RES_OPTIONS",
)  # fmt: skip
# these put other code in front of glibc's: what the children ask must be glibc itself
LOADER_VARIABLES = ("LD_AUDIT", "LD_PRELOAD")
_AHEAD = 8  # finished jobs kept per running one while an earlier job still runs


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one job ended: what it yielded, and the error that stopped it, if one did."""

    values: Sequence[Any]
    error: SandboxError | None = None


@dataclass(slots=True)
class _Running:
    """A job under way: its number and what it has yielded so far."""

    number: int
    values: Spool[Any] = field(default_factory=Spool)


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
        """The next value the job yields. Raises as `Pool.run`, and where the job has ended."""
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

    def namespaces(self) -> namespace_fds.NamespaceFds:
        """Wait for `Box.send_namespaces`. Raises SandboxError where the sandbox has gone."""
        return namespace_fds.receive(self._sock)

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


class Pool:
    """Runs functions in fresh sandboxes; use it as a context manager.

    Parameters: ``jobs`` how many sandboxes `map` and `outcomes` keep at work at once.
    Raises ValueError for fewer than one.
    """

    def __init__(self, jobs: int = 1) -> None:
        if jobs < 1:
            raise ValueError("jobs must be 1 or more")
        self.jobs = jobs
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._forkserver: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if not sys.platform.startswith("linux"):
            raise SandboxUnavailable("sandboxes need Linux", "run this on a Linux machine")
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every sandbox of this pool; jobs still running are cut off. Raises nothing."""
        with self._lock:
            if self._control is not None:
                self._control.close()
                self._control = None
            if self._forkserver is not None:
                try:
                    self._forkserver.wait(5)
                except subprocess.TimeoutExpired:
                    self._forkserver.kill()
                    self._forkserver.wait()
                self._forkserver = None

    def run(self, function: Job, spec: Any) -> Iterator[Any]:
        """Run ``function(box, spec)`` in a fresh sandbox and stream what it yields.

        Parameters: ``function`` a generator function of a module; ``spec`` anything
        picklable. Leaving the iterator early ends the sandbox.
        Raises SandboxError for what goes wrong inside (``details`` has the traceback of a
        failure that was not foreseen), SandboxUnavailable where the machine allows no
        sandbox, TypeError for a function that cannot be sent.
        """
        return self._stream(function.__module__, _payload(function, spec))

    def map(self, function: Job, specs: Iterable[Any]) -> Iterator[list[Any]]:
        """Run ``function`` for many specs, ``jobs`` at a time.

        Parameters: as for `run`. Yields the list of each spec's values, in the order of
        ``specs`` and as soon as that order allows. Raises as `run` at the first spec that
        failed; see `outcomes` for the others.
        """
        for outcome in self.outcomes(function, specs):
            if outcome.error is not None:
                raise outcome.error
            yield list(outcome.values)

    def converse(self, function: Job, spec: Any) -> Conversation:
        """Run ``function`` in a fresh sandbox that stands until the conversation is closed.

        Parameters: as for `run`; the function hears what is sent with `Box.hear`.
        Raises as `run`.
        """
        return Conversation(self._begin(function.__module__, _payload(function, spec)), self._next)

    def outcomes(self, function: Job, specs: Iterable[Any]) -> Iterator[Outcome]:
        """Like `map`, but a failed job gives an `Outcome` with its error and the rest go on.

        Parameters: as for `run`. Raises TypeError for a function or spec that cannot be sent.
        """
        waiting = enumerate(specs)
        running: dict[socket.socket, _Running] = {}
        finished: dict[int, Outcome] = {}
        following = 0
        exhausted = False
        selector = selectors.DefaultSelector()
        try:
            while True:
                while (
                    not exhausted
                    and len(running) < self.jobs
                    and (len(finished) < self.jobs * _AHEAD)
                ):
                    following_spec = next(waiting, None)
                    if following_spec is None:
                        exhausted = True
                        break
                    number, spec = following_spec
                    try:
                        sock = self._begin(function.__module__, _payload(function, spec))
                    except SandboxError as problem:
                        finished[number] = Outcome([], problem)
                        continue
                    running[sock] = _Running(number)
                    selector.register(sock, selectors.EVENT_READ)
                while following in finished:
                    yield finished.pop(following)
                    following += 1
                if exhausted and not running:
                    return
                for key, _ in selector.select() if running else ():
                    sock = key.fileobj  # type: ignore[assignment]
                    outcome = self._advance(sock, running[sock].values)
                    if outcome is not None:
                        selector.unregister(sock)
                        finished[running.pop(sock).number] = outcome
                        sock.close()
        finally:
            selector.close()
            for sock in running:
                sock.close()

    def _advance(self, sock: socket.socket, values: Spool[Any]) -> Outcome | None:
        """Take one frame of a running job: None while there is more to come."""
        try:
            more, value, size = self._read(sock)
        except SandboxError as problem:
            return Outcome(values, problem)
        if more:
            values.append(value, size)
        return None if more else Outcome(values)

    def _stream(self, module: str, payload: bytes) -> Iterator[Any]:
        with self._begin(module, payload) as sock:
            while (found := self._next(sock))[0]:
                yield found[1]

    def _begin(self, module: str, payload: bytes) -> socket.socket:
        """Start a job; its socket."""
        try:
            ours, theirs = socket.socketpair()
        except OSError as problem:
            raise userns_diagnosis.unavailable(problem) from None
        try:
            with theirs, self._lock:
                control = self._alive()
                message = f"{module}\0{programs.home_of(module)}"
                socket.send_fds(control, [os.fsencode(message)], [theirs.fileno()])
        except OSError as problem:
            ours.close()
            raise SandboxError(
                f"the sandbox process has gone: {problem.strerror}", exit_status=3
            ) from None
        except BaseException:
            ours.close()
            raise
        # a child that could not make its namespaces has said why instead of reading
        with suppress(BrokenPipeError, ConnectionResetError):
            wire.send_bytes(ours, payload)
        return ours

    def _next(self, sock: socket.socket) -> tuple[bool, Any]:
        """The next value of a job as (True, value), or (False, None) at its end."""
        return self._read(sock)[:2]

    def _read(self, sock: socket.socket) -> tuple[bool, Any, int]:
        """As `_next`, with the bytes that were sent."""
        try:
            data = wire.receive_bytes(sock)
            tag, value = pickle.loads(data)
        except (EOFError, OSError):
            raise SandboxError(self._why_gone(), exit_status=3) from None
        except Exception as problem:  # half a frame of a killed child, or a value of no use here
            raise SandboxError(f"the sandbox sent what cannot be read: {problem}") from None
        if tag == "value":
            return True, value, len(data)
        if tag == "done":
            return False, None, 0
        if tag == "died":
            raise SandboxError(f"the sandbox died: {value}")
        raise value

    def _why_gone(self) -> str:
        status = self._forkserver.poll() if self._forkserver is not None else None
        if status is None:
            return "the sandbox died: it was killed, or its supervisor was"
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return f"the process that makes sandboxes has ended ({how})"

    def _alive(self) -> socket.socket:
        """The control socket of a living fork server; a new one after the old one was killed."""
        if self._control is None or self._forkserver is None:
            raise SandboxError("the pool is closed: use it inside its with block")
        if self._forkserver.poll() is not None:
            self._control.close()
            self._start()
        return self._control

    def _start(self) -> None:
        try:
            self._fork()
        except OSError as problem:
            raise userns_diagnosis.unavailable(problem) from None

    def _fork(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        left_out = (*RESOLVER_VARIABLES, *LOADER_VARIABLES)
        environment = {k: v for k, v in programs.environment().items() if k not in left_out}
        path = json.dumps(programs.module_path())
        arguments = [str(theirs.fileno()), str(os.getpid()), path]
        with theirs:
            self._forkserver = subprocess.Popen(
                [sys.executable, "-P", "-c", _FORKSERVER, *arguments],
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # what a child prints must not end up in a report on standard output
                stdout=sys.__stderr__ if _is_file(sys.__stderr__) else subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the asking process only
            )
        self._control = ours


def _is_file(stream: Any) -> bool:
    try:
        return isinstance(stream.fileno(), int)
    except (AttributeError, OSError, ValueError):
        return False


def _payload(function: Job, spec: Any) -> bytes:
    if function.__module__ == "__main__":
        raise TypeError("a job's function must be in a module that can be imported")
    try:
        return pickle.dumps((function, spec), protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as problem:
        raise TypeError(f"this job cannot be sent to a sandbox: {problem}") from problem

"""The door to the sandboxes: run a function in a fresh one and stream what it yields.

Example::

    def views(box: Box, host: Host) -> Iterator[HostView]:
        box.build(host)
        yield box.observe([])

    with Pool() as pool:
        (view,) = pool.run(views, host)
"""

import json
import os
import pickle
import selectors
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self

import harness
from harness.text.errors import signal_name

from . import messages, programs, userns_diagnosis
from .spool import Spool
from .values import Closing, SandboxError, SandboxUnavailable

if TYPE_CHECKING:
    from .box import Box

Job = Callable[["Box", Any], Iterator[Any]]
"""A module-level generator function: it is sent by reference, its values by pickle."""

# The child sees the same modules as this process, tests and plug-ins included. With -P nothing
# of the current folder is imported; what its own interpreter adds comes last.
_FORKSERVER = (
    "import sys, json; given = json.loads(sys.argv.pop()); "
    "sys.path[:] = given + [entry for entry in sys.path if entry not in given]; "
    "from harness.sandbox.forkserver import main; main(*map(int, sys.argv[1:]))"
)
# these change what glibc's resolver does, so the children must not inherit them
RESOLVER_VARIABLES = (
    "GETCONF_DIR", "HOSTALIASES", "LOCALDOMAIN", "RESOLV_ADD_TRIM_DOMAINS", "RESOLV_HOST_CONF",
    "RESOLV_MULTI", "RESOLV_OVERRIDE_TRIM_DOMAINS", "RESOLV_REORDER", "RES_OPTIONS",
)  # fmt: skip
# these put other code in front of glibc's: what the children ask must be glibc itself
_LOADER_VARIABLES = ("LD_AUDIT", "LD_PRELOAD")
_AHEAD = 8  # finished jobs kept per running one while an earlier job still runs


@dataclass(frozen=True, slots=True)
class PoolOutcome:
    """How one job ended: what it yielded, and the error that stopped it, if one did."""

    values: Sequence[Any]
    error: SandboxError | None = None


class Conversation(Closing):
    """One job in its sandbox; closing it ends the sandbox and all in it."""

    def __init__(self, sock: socket.socket, why_gone: Callable[[], str]) -> None:
        self._sock = sock
        self._why_gone = why_gone

    def fileno(self) -> int:
        """What a selector waits for."""
        return self._sock.fileno()

    def following(self) -> tuple[Any, int] | None:
        """The next value and the bytes it took; None at the job's end. Raises as `Pool.run`."""
        try:
            data = messages.receive_bytes(self._sock)
            tag, value = pickle.loads(data)
        except (EOFError, OSError):
            raise SandboxError(self._why_gone(), exit_status=3) from None
        except Exception as problem:  # half a frame of a killed child, or a value of no use here
            raise SandboxError(f"the sandbox sent what cannot be read: {problem}") from None
        if tag == "died":
            raise SandboxError(f"the sandbox died: {value}")
        if tag == "error":
            raise value
        return (value, len(data)) if tag == "value" else None

    def receive(self) -> Any:
        """The next value the job yields. Raises as `Pool.run`, and where the job has ended."""
        received = self.following()
        if received is None:
            raise SandboxError("the job in the sandbox has ended")
        return received[0]

    def send(self, value: Any) -> None:
        """Send a value to `Box.hear`; it has to be picklable. Raises SandboxError."""
        try:
            messages.send(self._sock, value)
        except OSError as problem:
            raise SandboxError(f"the sandbox has gone: {problem.strerror}") from None

    def namespaces(self) -> messages.NamespaceFds:
        """Wait for `Box.send_namespaces`. Raises SandboxError where the sandbox has gone."""
        return messages.receive_namespaces(self._sock)

    def again(self, payload: bytes) -> None:
        """Put another job to a sandbox whose last one has ended well: on a host of its own."""
        # a sandbox that has died is found out where the answer is read
        with suppress(BrokenPipeError, ConnectionResetError):
            messages.send_bytes(self._sock, payload)

    def close(self) -> None:
        """End the sandbox with every process in it; harmless when repeated."""
        # a process that entered it has a copy of the socket, which closing alone leaves open
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()


class Pool(Closing):
    """Runs functions in fresh sandboxes, ``jobs`` at once; use it as a context manager.

    Where this process is ``harness.pristine`` the fork server is a fork of it, which has imported
    most of what that needs: its children inherit its memory, and are to call getaddrinfo first.
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

        Leaving the iterator early ends the sandbox. Raises SandboxError for what goes wrong
        inside, SandboxUnavailable where the machine allows no sandbox, TypeError for a function
        or a spec that cannot be sent.
        """
        return self._stream(function, _payload(function, spec))

    def map(self, function: Job, specs: Iterable[Any]) -> Iterator[list[Any]]:
        """Run ``function`` for many specs, ``jobs`` at a time; yield each one's values in order.

        Raises as `run` at the first spec that failed; see `outcomes` for the others.
        """
        for outcome in self.outcomes(function, specs):
            if outcome.error is not None:
                raise outcome.error
            yield list(outcome.values)

    def converse(self, function: Job, spec: Any) -> Conversation:
        """Run ``function`` for as long as the conversation is open. Raises as `run`."""
        return self._begin(function, _payload(function, spec))

    def outcomes(
        self, function: Job, specs: Iterable[Any], *, kept: bool = False
    ) -> Iterator[PoolOutcome]:
        """Like `map`, but a failed job gives a `PoolOutcome` with its error and the rest go on.

        ``kept``: the process of a job that has ended well takes another one, in a new network with
        new folders (`Box.renew`); forking one costs more than most hosts do.
        """
        waiting = enumerate(specs)
        running: dict[Conversation, tuple[int, Spool[Any]]] = {}
        idle: list[Conversation] = []
        finished: dict[int, PoolOutcome] = {}
        following = 0
        exhausted = False
        with selectors.DefaultSelector() as selector:
            try:
                while running or not exhausted:
                    room = len(finished) < self.jobs * _AHEAD
                    if len(running) < self.jobs and room and not exhausted:
                        number, spec = next(waiting, (-1, None))
                        exhausted = number < 0
                        if not exhausted:
                            payload = _payload(function, spec)
                            try:
                                if idle:
                                    job = idle.pop()
                                    job.again(payload)
                                else:
                                    job = self._begin(function, payload)
                            except SandboxError as problem:
                                finished[number] = PoolOutcome([], problem)
                            else:
                                running[job] = (number, Spool())
                                selector.register(job, selectors.EVENT_READ)
                            continue
                    while following in finished:
                        yield finished.pop(following)
                        following += 1
                    for key, _ in selector.select() if running else ():
                        job = key.fileobj  # type: ignore[assignment]
                        number, values = running[job]
                        received, error = None, None
                        try:
                            received = job.following()
                        except SandboxError as problem:
                            error = problem
                        if received is not None:
                            values.append(*received)
                            continue
                        finished[number] = PoolOutcome(values, error)
                        selector.unregister(job)
                        del running[job]
                        if kept and error is None:
                            idle.append(job)
                        else:
                            job.close()
                yield from (finished[number] for number in sorted(finished))
            finally:
                for job in (*running, *idle):
                    job.close()

    def _stream(self, function: Job, payload: bytes) -> Iterator[Any]:
        with self._begin(function, payload) as job:
            while (received := job.following()) is not None:
                yield received[0]

    def _begin(self, function: Job, payload: bytes) -> Conversation:
        try:
            ours, theirs = socket.socketpair()
        except OSError as problem:
            raise userns_diagnosis.unavailable(problem) from None
        job = Conversation(ours, self._why_gone)
        module = function.__module__
        try:
            with theirs, self._lock:
                control = self._alive()
                message = f"{module}\0{programs.home_of(module)}"
                socket.send_fds(control, [os.fsencode(message)], [theirs.fileno()])
        except BaseException as problem:
            job.close()
            if isinstance(problem, OSError):
                said = f"the sandbox process has gone: {problem.strerror}"
                raise SandboxError(said, exit_status=3) from None
            raise
        # a child that could not make its namespaces has said why instead of reading
        with suppress(BrokenPipeError, ConnectionResetError):
            messages.send_bytes(ours, payload)
        return job

    def _why_gone(self) -> str:
        status = self._forkserver.poll() if self._forkserver is not None else None
        if status is None:
            return "the sandbox died: it was killed, or its supervisor was"
        how = signal_name(-status) if status < 0 else f"status {status}"
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
        left_out = (*RESOLVER_VARIABLES, *_LOADER_VARIABLES)
        environment = {k: v for k, v in programs.environment().items() if k not in left_out}
        path, asker = programs.module_path(), os.getpid()
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            number = theirs.fileno()
            options: dict[str, Any] = {
                "stdin": subprocess.DEVNULL,
                # what a child prints must not end up in a report on standard output
                "stdout": sys.__stderr__ if _is_file(sys.__stderr__) else subprocess.DEVNULL,
                "start_new_session": True,  # Ctrl-C reaches the asking process only
            }
            if _may_fork():
                command = ["forkserver"]
                options["preexec_fn"] = lambda: _serve(number, asker, environment, path)
                # as in Python itself, which is not started anew: a peer that goes is an error
                options["restore_signals"] = False
            else:
                given = map(str, (number, asker, json.dumps(path)))
                command = [sys.executable, "-P", "-c", _FORKSERVER, *given]
                options |= {"env": environment, "pass_fds": [number]}
            with theirs:
                self._forkserver = subprocess.Popen(command, **options)
        except OSError as problem:
            raise userns_diagnosis.unavailable(problem) from None
        self._control = ours


def _may_fork() -> bool:
    """Whether a fork of this process has one thread, and glibc's own code as it was loaded."""
    with suppress(OSError):
        alone = len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - names are enough
        plain = harness.pristine and not any(name in os.environ for name in _LOADER_VARIABLES)
        return plain and alone
    return False


def _serve(
    control: int, asker: int, environment: Mapping[str, str], path: Sequence[str]
) -> NoReturn:
    """In a fork of this process, in the place of a program: what `_FORKSERVER` does."""
    status = 1
    try:
        # Popen's own pipe too: its end tells the parent that the child has started
        os.closerange(3, control)
        os.closerange(control + 1, os.sysconf("SC_OPEN_MAX"))
        # what this process has not yet written stays where it is
        sys.stdout = sys.stderr = os.fdopen(2, "w", 1, "utf-8", "backslashreplace")
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = path
        from .forkserver import main

        main(control, asker)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


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

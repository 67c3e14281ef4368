"""The process that forks one sandbox per job.

It has imported what a sandbox needs once, has a single thread (a user namespace demands
that) and never calls getaddrinfo, so that its children can be asked for a first call.

    asking process --socket--> fork server --fork--> supervisor --fork--> pid 1 of the sandbox

Nothing survives the asking process: the fork server watches it through a pidfd and its end of
the socket, the kernel kills the supervisor when it dies and pid 1 when the
supervisor dies, and with pid 1 goes everything in its pid namespace.
"""

import errno
import gc
import importlib
import itertools
import os
import pickle
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from harness.text.errors import signal_name

from . import box, messages, namespaces, syscalls, userns_diagnosis
from .values import SandboxError

_REQUEST_SIZE = 65536
_LOOK = 200  # milliseconds that an ended child may stay a zombie
# What few hosts need takes longer to import than the rest; for many hosts that is done once here,
# after so many requests, and for few by those that need it.
_RARE, _WARM = ("sandbox.dns", "kernel.rules"), 3


def serve(control: socket.socket, asker: int) -> None:
    """Fork a sandbox for every request until the asking process closes its end or dies.

    ``control`` is a SOCK_SEQPACKET socket: each message is the name of the job's module, NUL,
    and the folder it was found in or nothing, and carries the job's stream socket; ``asker`` is
    the asking process's pid. Raises OSError.
    """
    poll = select.poll()
    try:
        poll.register(os.pidfd_open(asker), select.POLLIN)
    except ProcessLookupError:
        return
    if os.getppid() != asker:
        return
    poll.register(control, select.POLLIN)
    # what the specs of jobs are made of; imported here once, not in each child
    importlib.import_module("harness.scenario.schema")
    gc.collect()
    gc.freeze()  # the children share these pages for longer
    alive = os.pipe()
    try:
        _serve(control, poll, alive)
    finally:
        os.close(alive[1])  # by which they know
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)


def _serve(control: socket.socket, poll: select.poll, alive: tuple[int, int]) -> None:
    for number in itertools.count():
        if number == _WARM:
            for name in _RARE:
                importlib.import_module(f"harness.{name}")
            gc.freeze()
        while not (ready := [descriptor for descriptor, _ in poll.poll(_reaped())]):
            pass
        if ready != [control.fileno()] or (request := _request(control)) is None:
            return
        message, job = request
        with job:
            module, _, home = message.partition("\0")
            if home and home not in sys.path:
                sys.path.append(home)  # behind all others
            _fork_job(control, job, module, alive)


def _reaped() -> int | None:
    """Wait for the children that have ended, so that their processor time is that of the asker's
    children: the milliseconds until the next look, None where there are no others.
    """
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return _LOOK
    return None


def _request(control: socket.socket) -> tuple[str, socket.socket] | None:
    message, descriptors, _, _ = socket.recv_fds(control, _REQUEST_SIZE, 1)
    return (os.fsdecode(message), socket.socket(fileno=descriptors[0])) if message else None


def _fork_job(
    control: socket.socket, job: socket.socket, module: str, alive: tuple[int, int]
) -> None:
    # a failure shows up again in the child, with its reason
    with suppress(Exception):
        importlib.import_module(module)
    forkserver = os.getpid()

    def supervise() -> None:
        control.close()
        os.close(alive[1])
        _supervise(job, forkserver, alive[0])

    try:
        _forked(job, supervise)
    except OSError as problem:
        _tell(job, userns_diagnosis.unavailable(problem))


def _forked(job: socket.socket, work: Callable[[], None]) -> int:
    """As `syscalls.forked`; the asker is told why the work failed."""

    def told() -> None:
        try:
            work()
        except BaseException as problem:
            _tell(job, problem)
            raise

    return syscalls.forked(told)


def _supervise(job: socket.socket, forkserver: int, alive: int) -> None:
    """Enter the namespaces, fork pid 1 and wait for it; kill it once the asker has gone.

    ``alive`` is a pipe that the fork server closes at its end.
    """
    syscalls.die_with_parent()
    namespaces.enter()
    syscalls.die_with_parent()  # a change of credentials clears it
    if os.getppid() != forkserver:
        return
    # pid 1 cannot see its parent's pid; it sees this pipe close instead
    alive_read, alive_write = os.pipe()

    def pid_one() -> None:
        os.close(alive_write)
        os.close(alive)
        syscalls.die_with_parent()
        watch = select.poll()
        watch.register(alive_read, 0)
        if not watch.poll(0):
            _run(job)

    pid = _forked(job, pid_one)
    os.close(alive_read)
    poll, ended = select.poll(), os.pidfd_open(pid)
    poll.register(ended, select.POLLIN)
    poll.register(job, 0)  # only POLLHUP: the asker has closed its end
    poll.register(alive, 0)
    if all(descriptor != ended for descriptor, _ in poll.poll()):
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        with suppress(OSError):
            messages.send(job, ("died", signal_name(os.WTERMSIG(status))))


def _run(job: socket.socket) -> None:
    function, spec = pickle.loads(messages.receive_bytes(job))
    namespaces.furnish()
    host = box.Box(job)
    while True:
        for value in function(host, spec):
            messages.send(job, ("value", value))
        # said before this process ends: taking a network down is slow and nobody waits for it
        messages.send(job, ("done", None))
        try:
            function, spec = pickle.loads(messages.receive_bytes(job))
        except (EOFError, ConnectionResetError):  # it was the last one
            return
        host.renew()


def _tell(job: socket.socket, problem: BaseException) -> None:
    with suppress(Exception):
        messages.send(job, ("error", _as_sandbox_error(problem)))


def _as_sandbox_error(problem: BaseException) -> SandboxError:
    if isinstance(problem, SandboxError):
        return problem
    if isinstance(problem, MemoryError):
        problem = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    if isinstance(problem, ImportError):  # an extension module that could not be opened
        names = {os.strerror(number): number for number in userns_diagnosis.REFUSED}
        said = str(problem).rpartition(": ")[2]
        problem = OSError(names[said], said) if said in names else problem
    if isinstance(problem, OSError) and problem.errno in userns_diagnosis.REFUSED:
        return userns_diagnosis.unavailable(problem)
    status = getattr(problem, "exit_status", None)
    if isinstance(status, int):  # foreseen by the job's own room: a worker that does not start
        return SandboxError(" ".join(str(problem).split()), exit_status=status)
    return SandboxError.unforeseen("unexpected failure inside the sandbox", problem)


def main(descriptor: int, asker: int) -> None:
    """Serve on the inherited socket ``descriptor`` for the process ``asker``."""
    with socket.socket(fileno=descriptor) as control:
        try:
            serve(control, asker)
        except OSError as problem:
            with suppress(OSError):
                # answer every request with the error for which no sandbox can be made
                while (request := _request(control)) is not None:
                    with request[1] as job:
                        messages.send(job, ("error", userns_diagnosis.unavailable(problem)))

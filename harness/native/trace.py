"""The system calls the real glibc made for one look-up, recorded by strace.

strace is a program of the host; the model never reads what it says. It is evidence: the
source addresses getsockname() returned are set beside the kernel's route look-ups.
"""

import re
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.native.calls import Reader, SystemCall
from harness.native.lanes import Lane
from harness.native.record import Outcome, Query
from harness.sandbox import programs

_CALLS = "socket,connect,getsockname,sendto,recvmsg,openat,open,bind"
_ATTACH_TIME = 10.0


class TraceUnavailable(Exception):
    """strace is not there or may not attach; the text says what to install or allow."""

    exit_status = 3


@dataclass(frozen=True, slots=True)
class Connection:
    """One connect() to a destination, and the source getsockname() then gave, or the error."""

    destination: str
    source: str | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """One traced look-up: its outcome, the calls as strace prints them, and the connections."""

    outcome: Outcome
    calls: tuple[str, ...]
    connections: tuple[Connection, ...]


def strace() -> str:
    """The path of strace. Raises TraceUnavailable with what to install."""
    found = programs.find("strace")
    if found is None:
        raise TraceUnavailable(f"strace is not installed; {programs.install('strace')}")
    return found


def traced(lane: Lane, query: Query, folder: Path, timeout: float = 10.0) -> Trace:
    """One look-up in a fresh session of ``lane``, with strace attached to its process.

    ``folder`` is a private folder for strace's output. Raises TraceUnavailable when strace
    is missing or cannot attach.
    """
    program = strace()
    output = folder / "strace.out"
    output.unlink(missing_ok=True)
    with lane.open() as session:
        pid = session.pid_here()
        try:
            tracer = subprocess.Popen(
                [program, "-qq", "-v", "-s", "4096", "-e", f"trace={_CALLS}", "-e", "signal=none",
                 "-o", str(output), "-p", str(pid)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise TraceUnavailable(f"strace cannot be started: {error.strerror}") from None
        with tracer:
            try:
                _wait_attached(pid, tracer)
                outcome = session.lookup(query, timeout)
            finally:
                session.close()
                with suppress(subprocess.TimeoutExpired):
                    tracer.wait(timeout)
                tracer.kill()
    calls = tuple(output.read_text(errors="replace").splitlines())
    return Trace(outcome, calls, connections(calls))


def _wait_attached(pid: int, tracer: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _ATTACH_TIME
    while time.monotonic() < deadline:
        if tracer.poll() is not None:
            said = tracer.stderr.read().decode(errors="replace") if tracer.stderr else ""
            raise TraceUnavailable(f"strace cannot attach: {said.strip() or 'no reason given'}")
        with suppress(OSError):  # a process that has ended has no file: strace says it
            # the number of a traced process is that of our own process tree
            if re.search(r"^TracerPid:\s+[1-9]", Path(f"/proc/{pid}/status").read_text(), re.M):
                return
        time.sleep(0.005)
    raise TraceUnavailable("strace did not attach in time")


def connections(calls: Sequence[str]) -> tuple[Connection, ...]:
    """The connects of a look-up's sort, each with the source that getsockname() returned."""
    found: list[Connection] = []
    reader = Reader()
    for line in calls:
        call = reader.read(line)
        if not isinstance(call, SystemCall) or call.endpoint is None:
            continue
        address, port = call.endpoint
        if call.name == "connect" and port != 53:
            found.append(Connection(address, None, call.error))
        elif call.name == "getsockname" and found:
            last = found[-1]
            if last.error is None and last.source is None:
                found[-1] = Connection(last.destination, address)
    return tuple(found)

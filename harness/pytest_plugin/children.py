"""Running a function of a test in a forked child inside a sandbox, and bringing home its result.

::

    pytest --fork--> child, enters the sandbox --fork--> the function, in its process tree

The function is forked from pytest itself, so closures, lambdas and what the test module has
in memory are simply there; only the result is sent. The kernel kills the first when pytest
dies, and the second with the first or with the sandbox.
"""

import faulthandler
import gc
import os
import pickle
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.glibcs import host
from harness.model.dialects import dialect as dialect_of
from harness.model.gaiconf import parse_gai_conf
from harness.sandbox import messages, namespaces, syscalls
from harness.sandbox.names import replace, write_names

# xfail's exception is one of fail's
_OUTCOMES: dict[str, Any] = {"skip": pytest.skip, "xfail": pytest.xfail, "fail": pytest.fail}
_HERE = Path(__file__).parent
_LONGEST = 1e6  # seconds; the system takes not many more
_GAI_CONF = Path("/etc/gai.conf")
_NAME = "gai-harness-probe"
# no network is needed: rule 6 decides between two that cannot be reached
_ORDER = ("192.0.2.1", "198.51.100.1")
_STALE = (
    "this pytest process has sorted addresses before, and glibc reads gai.conf once per process, "
    "so code forked from it cannot see the gai.conf of this host; run the code by "
    "box.command([sys.executable, …]), or this test in a run of its own"
)
_TURNS = b"precedence ::ffff:0:0/96 10\nprecedence ::ffff:198.51.100.0/120 90\n"


class ChildError(Exception):
    """A function that ended without a result, or with one that cannot be sent."""


def call(enter: Callable[[], None], work: Callable[[], Any], timeout: float | None) -> Any:
    """What ``work`` returns in a child, or raise what it raises there.

    Parameters: ``enter`` puts the child, which has one thread, into the sandbox; ``timeout``
    in seconds, None for no limit. An exception carries the child's traceback as a note.
    Raises TimeoutError, and ChildError for a process that died.
    """
    __tracebackhide__ = True
    ours, theirs = socket.socketpair()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    asker = os.getpid()
    with warnings.catch_warnings():
        # Python 3.12 warns where there are threads; the child execs nothing of theirs
        warnings.simplefilter("ignore", DeprecationWarning)
        child = syscalls.forked(partial(_first, asker, theirs, enter, work))
    theirs.close()
    with ours:
        try:
            return _receive(ours, timeout)
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _receive(sock: socket.socket, timeout: float | None) -> Any:
    __tracebackhide__ = True
    sock.settimeout(None if timeout is None else min(max(timeout, 0.001), _LONGEST))
    try:
        kind, value = pickle.loads(messages.receive_bytes(sock))
    except TimeoutError:
        raise TimeoutError(f"the function did not end within {timeout:g} s") from None
    except (EOFError, OSError):
        raise ChildError("the child was killed before it gave a result") from None
    if kind == "value":
        return value
    if kind == "raised":
        raise value
    if kind in _OUTCOMES:
        _OUTCOMES[kind](value)
    raise ChildError(value)


def _first(
    asker: int, sock: socket.socket, enter: Callable[[], None], work: Callable[[], Any]
) -> None:
    """The child in the outer process tree: enters, forks the function, says how it ended."""
    try:
        gc.freeze()  # nothing of pytest's is finalised here
        syscalls.die_with_parent()
        enter()
        syscalls.die_with_parent()  # a change of credentials clears it
        if os.getppid() != asker:
            return
        _, status = os.waitpid(syscalls.forked(partial(_second, sock, work)), 0)
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)  # the real-time signals in the middle have no name
            names = {one.value: one.name for one in signal.Signals}
            said = f"the function's process died of {names.get(number, f'signal {number}')}"
        else:
            said = f"the function's process ended with status {os.WEXITSTATUS(status)}"
        # unread where there was a result
        messages.send(sock, ("ended", said))
    except BaseException as problem:
        with suppress(BaseException):
            messages.send_bytes(sock, _raised(problem))


def _second(sock: socket.socket, work: Callable[[], Any]) -> None:
    syscalls.die_with_parent()
    os.setsid()  # a signal to "my process group", or to a parent numbered 0, spares pytest
    if faulthandler.is_enabled():
        faulthandler.enable(file=2)  # among what the test's own output is captured with
    try:
        frame = _value(work())
    except BaseException as problem:
        frame = _raised(problem)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    messages.send_bytes(sock, frame)


def _packed(kind: str, value: Any) -> bytes:
    """A frame that can be read again, too."""
    frame = pickle.dumps((kind, value), protocol=pickle.HIGHEST_PROTOCOL)
    pickle.loads(frame)
    return frame


def _value(value: Any) -> bytes:
    try:
        return _packed("value", value)
    except Exception as problem:
        said = f"the function's result cannot be sent out of the sandbox: {problem}"
        raise ChildError(said) from None


def _raised(problem: BaseException) -> bytes:
    """The exception with the child's traceback as a note; as text where it cannot be sent."""
    shown = _traceback(problem)
    if shown:
        with suppress(Exception):
            problem.add_note(f"\nin the sandbox:\n{shown}")
    for kind, outcome in _OUTCOMES.items():
        if isinstance(problem, outcome.Exception):  # which pickle does not find by its name
            return pickle.dumps((kind, str(problem)))
    try:
        return _packed("raised", problem)
    except Exception:
        return pickle.dumps(("ended", f"{type(problem).__name__}: {problem}\n{shown}"))


def _traceback(problem: BaseException) -> str:
    """Where it was raised, without the frames of this package; "" where there are no others."""
    frames = problem.__traceback__
    while frames is not None and Path(frames.tb_frame.f_code.co_filename).parent == _HERE:
        frames = frames.tb_next
    if frames is None:
        return ""
    if problem.__cause__ is None and problem.__context__ is None:
        return "".join(traceback.format_tb(frames)).rstrip()
    # what led to it is lost on the way
    return "".join(traceback.format_exception(type(problem), problem, frames)).rstrip()


class StaleGaiConf(Exception):
    """A pytest process whose glibc has read another gai.conf before and keeps to it."""


def gai_conf_matters(gai_conf: bytes | None) -> bool:
    """Whether a host's gai.conf says anything else than this host's; None for no file."""
    build = host()
    dialect = dialect_of(build.version, build.arch)
    try:
        kept = _GAI_CONF.read_bytes()
    except OSError:
        kept = b""
    wanted = parse_gai_conf(gai_conf or b"", dialect)
    return bool(wanted.undefined) or wanted != parse_gai_conf(kept, dialect)


def check_fresh() -> None:
    """In a process inside a sandbox: try whether its glibc reads a gai.conf.

    A child does it, with a network and an /etc of its own. Raises StaleGaiConf.
    """
    if os.waitpid(syscalls.forked(_expect_turned), 0)[1] != 0:
        raise StaleGaiConf(_STALE)


def _expect_turned() -> None:
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET)
    namespaces.mount_tmpfs("/etc")
    write_names(Path("/etc"), {_NAME: _ORDER}, "files")
    replace(_GAI_CONF, _TURNS)
    found = socket.getaddrinfo(_NAME, None, socket.AF_INET, socket.SOCK_STREAM)
    if tuple(info[4][0] for info in found) != _ORDER[::-1]:
        raise StaleGaiConf(_STALE)

"""The lane to this interpreter's own glibc, through the cffi extension."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
from functools import cache
from typing import TYPE_CHECKING, NoReturn, Self

from harness.native import frames
from harness.native.lanes import START_TIME, Lane, Session, ended
from harness.native.record import Answer, Crashed, LaneError, TimedOut, decode, encode_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.native.record import Query


def lookup_here(query: Query) -> Answer:
    """Calls ``getaddrinfo`` in this very process, without a time-out; other threads go on.

    For measuring. This process has then read gai.conf, and a crash is its own. Raises MemoryError.
    """
    from harness.native._core import ffi, lib

    # named here because they must live as long as the call
    name, service = (
        ffi.NULL if text is None else ffi.new("char[]", encode_text(text))
        for text in (query.name, query.service)
    )
    numbers = query.family, query.socktype, query.protocol, query.flags
    arguments = ffi.new("struct gai_query *", (name, service, *numbers))
    buffer = ffi.new("struct gai_buffer *")
    try:
        if lib.gai_lookup(arguments, buffer) != 0:
            raise MemoryError
        return decode(bytes(ffi.buffer(buffer.data, buffer.length)))
    finally:
        lib.gai_buffer_free(buffer)


class _DlInfo(ctypes.Structure):
    """Dl_info of dladdr(3)."""

    _fields_ = (
        ("file", ctypes.c_char_p), ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p), ("address", ctypes.c_void_p),
    )  # fmt: skip


@cache
def other_getaddrinfo() -> str | None:
    """The library whose getaddrinfo a call of this process reaches; None where it is glibc's."""
    every = ctypes.CDLL(None)
    libc = _place(every, "gnu_get_libc_version")
    for name in ("getaddrinfo", "freeaddrinfo"):
        found = _place(every, name)
        if found.base != libc.base:
            return os.fsdecode(found.file or b"a library without a name")
    return None


def _place(every: ctypes.CDLL, name: str) -> _DlInfo:
    place = _DlInfo()
    if not every.dladdr(ctypes.cast(every[name], ctypes.c_void_p), ctypes.byref(place)):
        raise LaneError(f"no library of this process has {name}")
    return place


class CffiLane(Lane):
    """Forks the calling process, which must have a single thread, for each session.

    The caller must not have called ``getaddrinfo``: the sessions inherit its memory.

    ``modules`` are name service modules that every session loads before its first look-up:
    glibc takes a loaded one by its soname, wherever the file lies.
    """

    def __init__(self, modules: Sequence[Path] = ()) -> None:
        self._modules = tuple(str(path) for path in modules)
        self._sessions: list[_ForkedSession] = []

    def open(self) -> Session:
        """Starts a session; several may be open at once.

        Raises LaneError also where the getaddrinfo of this process is not glibc's.
        """
        # Loaded before the fork, so that a missing extension is an error here and not there.
        from harness.native import _core  # noqa: F401

        other = other_getaddrinfo()
        if other is not None:
            raise LaneError(
                f"getaddrinfo of this process is not glibc's but that of {other}, a preloaded "
                "library: start without LD_PRELOAD, or take it out of /etc/ld.so.preload"
            )
        self._sessions = [one for one in self._sessions if one.alive]
        session = _ForkedSession.fork(self._modules)
        self._sessions.append(session)
        return session.start()

    def close(self) -> None:
        """Closes the sessions that are still open."""
        for session in self._sessions:
            session.close()
        self._sessions.clear()


class _ForkedSession(Session):
    def __init__(self, channel: frames.Channel, child: int) -> None:
        super().__init__(channel, number=1)
        self._child = child
        self.alive = True

    @classmethod
    def fork(cls, modules: tuple[str, ...]) -> Self:
        request_out, request_in = os.pipe2(os.O_CLOEXEC)
        reply_out, reply_in = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        try:
            child = os.fork()
        except OSError as error:
            for fd in (request_out, request_in, reply_out, reply_in):
                os.close(fd)
            raise LaneError(f"cannot fork: {error}") from None
        if child == 0:
            _serve(request_out, reply_in, parent, modules)
        os.close(request_out)
        os.close(reply_in)
        return cls(frames.Channel(reply_out, request_in), child)

    def _lost(self, timeout: float) -> Crashed | TimedOut | LaneError:
        status = self._reap()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            how = frames.BY_TIMEOUT if number == signal.SIGALRM else frames.BY_SIGNAL
            return ended(how, number, timeout)
        return ended(frames.BY_EXIT, os.waitstatus_to_exitcode(status), timeout)

    def _stop(self) -> None:
        if self.alive:
            os.kill(self._child, signal.SIGKILL)
            self._reap()

    def _finish(self) -> None:
        if not self.alive:
            return
        self._channel.send(frames.session_frame(frames.END, self._number))
        try:
            while self._channel.receive(START_TIME) is not None:
                pass
        except LaneError:
            self._stop()
        else:
            self._reap()

    def _reap(self) -> int:
        self.alive = False
        self._channel.close()
        try:
            return os.waitpid(self._child, 0)[1]
        except ChildProcessError:
            raise LaneError("someone else has waited for the session's process") from None


def _serve(requests: int, replies: int, parent: int, modules: tuple[str, ...]) -> NoReturn:
    """The child: leaves only what a fresh process has, and never returns into Python's code."""
    status = 70
    try:
        from harness.native._core import ffi, lib

        loaded = [ffi.dlopen(module, ffi.RTLD_NOW) for module in modules]
        null = os.open(os.devnull, os.O_RDWR)
        # Moved out of the way first, in case the caller runs with 0, 1 or 2 closed.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 3) for fd in (requests, replies, null)]
        for standard, fd in enumerate(high):
            os.dup2(fd, standard)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        status = lib.gai_session_main(1, parent)
        loaded.clear()  # named here because they must stay loaded until now
    finally:
        os._exit(status)

"""The lane to this interpreter's own glibc, through the cffi extension."""

import ctypes
import locale
import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from harness.native.lanes import Lane
from harness.native.record import LaneError


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
    """Forks the calling process, which must have a single thread, for its worker.

    The caller must not have called ``getaddrinfo``: the sessions inherit its memory.

    ``modules`` are name service modules that the worker loads: glibc takes a loaded one by its
    soname, wherever the file lies. Without ``netlink`` they may open no such socket.
    """

    def __init__(self, modules: Sequence[Path] = (), netlink: bool = True) -> None:
        super().__init__(self._start)
        self._netlink = netlink
        self._modules = tuple(str(path) for path in modules)

    def _start(self, **pipes: Any) -> subprocess.Popen[bytes]:
        """Raises LaneError also where this process's getaddrinfo is not glibc's."""
        # Loaded before the fork, so that a missing extension is an error here and not there.
        from harness.native._core import ffi, lib
        from harness.sandbox import syscalls

        other = other_getaddrinfo()
        if other is not None:
            raise LaneError(
                f"getaddrinfo of this process is not glibc's but that of {other}, a preloaded "
                "library: start without LD_PRELOAD, or take it out of /etc/ld.so.preload"
            )

        def serve() -> NoReturn:
            """In the child, in the place of a program: it never returns into Python's code."""
            status = 70
            try:
                # Python has taken the environment's locale, in which AI_IDN and AI_CANONIDN know
                # more letters; a program that sets none, as the worker, has the C locale
                locale.setlocale(locale.LC_ALL, "C")
                loaded = [ffi.dlopen(module, ffi.RTLD_NOW) for module in self._modules]
                if not self._netlink:
                    syscalls.refuse_netlink()
                # Popen's own pipe too: its end tells the parent that the child has started
                os.closerange(3, os.sysconf("SC_OPEN_MAX"))
                status = lib.gai_worker_main()
                loaded.clear()  # named here because they must stay loaded until now
            finally:
                os._exit(status)

        return subprocess.Popen(["worker"], preexec_fn=serve, **pipes)

"""The few system calls that Python 3.11 does not offer, through ctypes.

Sources: unshare(2), setns(2), mount(2), umount(2), prctl(2), sethostname(2) and their headers
in linux/.
"""

from __future__ import annotations

import ctypes
import os
import signal

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def unshare(flags: int) -> None:
    """Move this process into new namespaces.

    Parameters: ``flags`` CLONE_NEW* bits. Raises OSError.
    """
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount ``source`` on ``target``.

    Parameters: as mount(2), an empty ``kind`` or ``data`` meaning none. Raises OSError.
    """
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        os.fsencode(kind) if kind else None,
        ctypes.c_ulong(flags),
        os.fsencode(data) if data else None,
    )
    _check(result, target)


def unmount(target: str, flags: int = 0) -> None:
    """Take away the topmost mount of ``target``.

    Parameters: ``flags`` as umount2(2). Raises OSError.
    """
    _check(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), target)


def setns(descriptor: int, kind: int) -> None:
    """Move this process into another namespace.

    Parameters: ``descriptor`` of a file under /proc/PID/ns; ``kind`` its CLONE_NEW* bit.
    Raises OSError.
    """
    _check(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def set_hostname(name: str) -> None:
    """Set the host name of this UTS namespace. Raises OSError."""
    data = os.fsencode(name)
    _check(_libc.sethostname(data, ctypes.c_size_t(len(data))), name)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that forked it dies.

    A parent that died before this call is not noticed: check for that afterwards.
    Raises OSError.
    """
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")

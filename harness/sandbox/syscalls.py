"""The few system calls that Python 3.11 does not offer, through ctypes.

Sources: unshare(2), setns(2), mount(2), umount(2), pivot_root(2), prctl(2), capset(2), keyctl(2),
sethostname(2), seccomp(2) and their headers in linux/.
"""

import ctypes
import errno
import os
import platform
import signal
import struct
import sys
from collections.abc import Callable, Sequence

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 1 << 12, 1 << 14, 1 << 18, 1 << 21
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_SECCOMP = 22
_PR_SET_SECUREBITS = 28
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
# no root, no fix-up, no ambient set, each with its lock; keeping capabilities is locked off
_SECUREBITS = 0b1110_1111
_CAPABILITY_VERSION_3 = 0x20080522
_KEYCTL_JOIN_SESSION_KEYRING = 1
# keyctl(2) has no function in glibc
_SYS_KEYCTL = {
    "x86_64": 250, "i386": 288, "i686": 288, "aarch64": 219, "riscv64": 219, "armv7l": 311,
    "armv8l": 311, "ppc64le": 271, "s390x": 280,
}  # fmt: skip
_SECCOMP_MODE_FILTER = 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with an errno
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
# per AUDIT_ARCH_*, the call and its first argument that keep netlink away: socket(AF_NETLINK), or,
# where sockets share one call whose arguments a filter cannot see, its recvmsg, which only the
# dumps of getaddrinfo use
_NETLINK_CALLS = (
    (0xC000003E, 41, 16), (0xC00000B7, 198, 16), (0xC00000F3, 198, 16), (0xC0000015, 326, 16),
    (0x40000028, 281, 16), (0x40000003, 102, 17), (0x80000016, 102, 17),
)  # fmt: skip
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def unshare(flags: int) -> None:
    """Move this process into new namespaces, ``flags`` of CLONE_NEW*. Raises OSError."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """As mount(2), an empty ``kind`` or ``data`` meaning none. Raises OSError."""
    texts = (os.fsencode(text) or None for text in (source, target, kind))
    _check(_libc.mount(*texts, ctypes.c_ulong(flags), os.fsencode(data) or None), target)


def unmount(target: str, flags: int = 0) -> None:
    """Take away the topmost mount of ``target``; ``flags`` as umount2(2). Raises OSError."""
    _check(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), target)


def setns(descriptor: int, kind: int) -> None:
    """Move this process into the namespace of an open file of /proc/PID/ns. Raises OSError."""
    _check(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def set_hostname(name: str) -> None:
    """Set the host name of this UTS namespace. Raises OSError."""
    data = os.fsencode(name)
    _check(_libc.sethostname(data, ctypes.c_size_t(len(data))), name)


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0), "prctl")


def die_with_parent() -> None:
    """Be killed when the thread that forked this process dies; check whether it has before."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def forked(work: Callable[[], object]) -> int:
    """Fork a process that does ``work`` and ends: with status 1 where that raises, else 0.

    Returns its pid. Raises OSError where none can be forked.
    """
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def pivot_root(root: str | os.PathLike[str]) -> None:
    """Make ``root``, a mount, the root folder and detach what was there. Raises OSError."""
    os.chdir(root)
    # both at one place: the old root lies on the new one until it is detached
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    unmount(".", MNT_DETACH)
    os.chdir("/")


def bound_capabilities() -> None:
    """Empty the bounding set and lock the secure bits: no program gives capabilities back."""
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    if ctypes.get_errno() != errno.EINVAL:  # which says that there is no such capability
        _check(-1, "prctl")
    _prctl(_PR_SET_SECUREBITS, _SECUREBITS)


def drop_capabilities() -> None:
    """Give up every capability, and with no_new_privs every way to one. Raises OSError."""
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def own_proc_files() -> None:
    """Give this process its files under /proc back after a change of user. Raises OSError."""
    _prctl(_PR_SET_DUMPABLE, 1)


def forbid_attaching() -> None:
    """Let no process attach to this one that has no rights in the user namespace it began in.

    Raises OSError.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def leave_session_keyring() -> None:
    """Take an empty session keyring in place of the caller's, where the kernel has any."""
    number = _SYS_KEYCTL.get(platform.machine())
    if number is not None:
        _libc.syscall(ctypes.c_long(number), _KEYCTL_JOIN_SESSION_KEYRING, None)


def filter_calls(instructions: Sequence[tuple[int, int, int, int]]) -> None:
    """Have a seccomp filter decide on every system call of this process and what it starts.

    ``instructions`` are struct sock_filter of linux/filter.h: code, jt, jf, k. Raises OSError.
    """
    program = b"".join(struct.pack("=HBBI", *one) for one in instructions)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(instructions), ctypes.addressof(buffer))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    filled = ctypes.create_string_buffer(header, len(header))
    _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, filled, 0, 0), "prctl")


def refuse_netlink() -> None:
    """Let this process and what it starts open no netlink socket, as a service manager may.

    Raises OSError.
    """
    low = 16 if sys.byteorder == "little" else 20  # of the first argument in struct seccomp_data
    instructions = []
    for arch, call, argument in _NETLINK_CALLS:
        for offset, value, skipped in ((4, arch, 5), (0, call, 3), (low, argument, 1)):
            instructions += [(_LOAD, 0, 0, offset), (_JUMP_EQUAL, 0, skipped, value)]
        instructions.append((_RETURN, 0, 0, _REFUSE | errno.EAFNOSUPPORT))
    filter_calls([*instructions, (_RETURN, 0, 0, _ALLOW)])

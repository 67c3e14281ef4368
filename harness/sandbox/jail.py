"""Where other people's code runs: a glibc of an unpacked image is a program like any other.

Inside a sandbox, a child between fork and exec gives up what the code must not have. What it
then has is a root of its own, read-only, without /proc and without the machine's files; a
process tree of its own, so that it can neither name nor signal another process; a user
without any capability, nobody where root made the sandbox; and no way to more.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import kernel
from .namespaces import NOBODY, write


@contextmanager
def process_tree() -> Iterator[None]:
    """The child forked inside the with block is the first of a process tree of its own.

    It dies with the first process of the tree. Raises OSError.
    """
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        kernel.unshare(kernel.CLONE_NEWPID)
        try:
            yield
        finally:
            kernel.setns(own, kernel.CLONE_NEWPID)
    finally:
        os.close(own)


def enter(root: Path) -> None:
    """In a child that will exec: see nothing but ``root``, a mount, and have no capability.

    Parameters: ``root`` as `Box.private_root` gives it. Raises OSError.
    """
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    # to be reached once /proc is gone
    proc, this = (
        os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for path in ("/proc", "/proc/self")
    )
    kernel.pivot_root(root)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kernel.leave_session_keyring()
    kernel.bound_capabilities()
    with suppress(OSError):  # refused where nobody is not mapped, and where root is not real
        os.setgroups([])
    with suppress(OSError):
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    _forbid_namespaces(proc, this)
    kernel.drop_capabilities()


def _forbid_namespaces(proc: int, this: int) -> None:
    """A user namespace in which no other can be made, for there the code would be root again.

    Where even this one is refused, so is one of the code's own.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        kernel.unshare(kernel.CLONE_NEWUSER)
    except OSError:
        return
    kernel.own_proc_files()
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {uid} 1"),
        ("gid_map", f"{NOBODY} {gid} 1"),
    ):
        write(name, text, this)
    # /proc/sys is read-only in most containers
    with suppress(OSError):
        write("sys/user/max_user_namespaces", "0", proc)
    with suppress(OSError):
        kernel.bound_capabilities()

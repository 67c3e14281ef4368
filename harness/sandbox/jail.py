"""Where other people's code runs: a glibc of an unpacked image is a program like any other.

Inside a sandbox, a child between fork and exec gives up what the code must not have. What it
then has is a root of its own, read-only, without /proc and without the machine's files; a
process tree of its own, so that it can neither name nor signal another process; a user
without any capability, nobody where root made the sandbox; and no way to more.
"""

import os
import resource
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import syscalls, userns_diagnosis
from .namespaces import NOBODY, write


def start(
    argv: Sequence[str], root: Path | None, netlink: bool = True, **options: Any
) -> subprocess.Popen[bytes]:
    """Start ``argv``, as seen there, in the jail of ``root``, with ``options`` of Popen.

    ``root`` is as `Box.private_root` gives it; None for a program of one's own, which runs in no
    jail. Its environment is empty but for the options'. Without ``netlink`` it may open no such
    socket. Raises OSError where the program cannot be started, and subprocess.SubprocessError with
    the part of the jail that the kernel refuses.
    """
    options = {"env": {}, **options}
    if root is None:
        limit = None if netlink else syscalls.refuse_netlink
        return subprocess.Popen(argv, preexec_fn=limit, **options)
    told, tell = os.pipe2(os.O_CLOEXEC)

    def confine() -> None:
        try:
            enter(root)
            if not netlink:
                with _part("a filter of system calls (seccomp)"):
                    syscalls.refuse_netlink()
        except OSError as problem:
            os.write(tell, f"{problem.errno}\n{problem.filename}".encode())
            raise

    try:
        with _process_tree():
            return subprocess.Popen(argv, preexec_fn=confine, **options)
    except subprocess.SubprocessError:
        os.set_blocking(told, False)
        number, _, part = os.read(told, 4096).decode().partition("\n")
        problem = OSError(int(number), os.strerror(int(number)), part)
        said = userns_diagnosis.unavailable(problem, "the kernel refuses a part of its jail")
        raise subprocess.SubprocessError(said.message) from None
    finally:
        os.close(told)
        os.close(tell)


@contextmanager
def _part(words: str) -> Iterator[None]:
    """Name a part of the jail in the OSError of a call that the kernel refuses."""
    try:
        yield
    except OSError as problem:
        raise OSError(problem.errno, problem.strerror, words) from None


@contextmanager
def _process_tree() -> Iterator[None]:
    """The child forked inside the with block is the first of a process tree, and ends it."""
    with Path("/proc/self/ns/pid").open("rb") as own:
        syscalls.unshare(syscalls.CLONE_NEWPID)
        try:
            yield
        finally:
            syscalls.setns(own.fileno(), syscalls.CLONE_NEWPID)


def enter(root: Path) -> None:
    """In a child that will exec: see nothing but ``root``, a mount, and have no capability.

    Raises OSError, whose file name is the part of the jail that the kernel refuses.
    """
    with _part("mounts of its own"):
        nobody_is_mapped = all(_maps_nobody(name) for name in ("uid_map", "gid_map"))
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
        # to be reached once /proc is gone
        proc, this = (
            os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            for path in ("/proc", "/proc/self")
        )
    with _part("a root folder of its own (pivot_root)"):
        syscalls.pivot_root(root)
    with _part("limits and keys of its own"):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        syscalls.leave_session_keyring()
    with _part("to bound its capabilities (prctl)"):
        syscalls.bound_capabilities()
    with suppress(OSError):  # refused where nobody is not mapped, and where root is not real
        os.setgroups([])
    become = _part("to become the user nobody (setresuid)")
    with become if nobody_is_mapped else suppress(OSError):
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    with _part("a user namespace without further ones"):
        _forbid_namespaces(proc, this)
    with _part("to give up its capabilities (capset, prctl)"):
        syscalls.drop_capabilities()


def _maps_nobody(name: str) -> bool:
    """Whether a map of this user namespace, ``uid_map`` or ``gid_map``, has nobody in it."""
    rows = (line.split() for line in Path("/proc/self", name).read_text().splitlines())
    return any(int(first) <= NOBODY < int(first) + int(count) for first, _, count in rows)


def _forbid_namespaces(proc: int, this: int) -> None:
    """A user namespace in which no other can be made: there the code would be root again."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        syscalls.unshare(syscalls.CLONE_NEWUSER)
    except OSError:
        return
    syscalls.own_proc_files()
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
        syscalls.bound_capabilities()

"""The network and the name service files of another process, for our own code to ask in.

A child of this process enters that process's network and host name, and has a mount namespace of
its own, where /etc is that process's files of name service. Its programs and libraries are not
used: what runs there is this interpreter with this host's glibc, without a capability. Sources:
setns(2), namespaces(7), user_namespaces(7), proc_pid_root(5), ptrace(2) (who may attach to whom).
"""

import os
import pickle
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from os.path import samestat
from pathlib import Path
from typing import TypeVar

from harness.sandbox import namespaces, syscalls
from harness.text.reading import open_regular

T = TypeVar("T")
_LARGEST = 1 << 20
_LARGEST_HOSTS = 8 << 20  # one that blocks advertisers has some
_FILES = (
    "gai.conf", "host.conf", "hosts", "nsswitch.conf", "protocols", "resolv.conf", "services",
)  # fmt: skip


class ProcessUnavailable(Exception):
    """A process whose network or files this user may not enter, or work there that failed; one
    line.
    """

    def __init__(self, line: str, exit_status: int = 3) -> None:
        super().__init__(line)
        self.exit_status = exit_status


def inside(pid: int | None, work: Callable[[], T]) -> T:
    """What ``work`` gives in the network of a process, with its files of name service in /etc.

    It runs in a child, which brings home what can be pickled; without a ``pid`` it runs here.
    Raises ProcessUnavailable where this user may not go there, OSError as ``work`` does, and its
    other errors by their line.
    """
    return work() if pid is None else _in_child(partial(_enter_and, pid, work))


def _enter_and(pid: int, work: Callable[[], T]) -> T:
    try:
        _enter(pid)
    except OSError as problem:
        said = f"{problem.filename}: {problem.strerror}"
        raise ProcessUnavailable(
            f"pid:{pid}: its network and its files cannot be entered ({said}); name a "
            "running process of yours, or ask as root (in a container with CAP_SYS_ADMIN and "
            "CAP_SYS_PTRACE, and the process in sight)"
        ) from None
    return work()


def _enter(pid: int) -> None:
    # held by descriptors: another process may get the number
    process = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY)
    root = os.open("root", os.O_RDONLY | os.O_DIRECTORY, dir_fd=process)
    files = _in_child(partial(_name_service, root))
    hidden = namespaces.daemons()
    with suppress(FileNotFoundError):
        if samestat(Path("/run").stat(), os.stat("run", dir_fd=root, follow_symlinks=False)):
            hidden = []  # the daemons it asks are this host's
    os.chdir("/")
    _join(process)
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS)
    except PermissionError:
        namespaces.unshare_as_oneself(syscalls.CLONE_NEWNS)
    namespaces.hide("/etc", *hidden)
    for name, data in files.items():
        Path("/etc", name).write_bytes(data)
    syscalls.drop_capabilities()


def _join(process: int) -> None:
    """Enter the namespaces that are not ours, by way of the user namespace where that is needed."""
    others = {
        kind: os.open(f"ns/{kind}", os.O_RDONLY, dir_fd=process)
        for kind in ("user", "net", "uts")
        if not samestat(os.stat(f"ns/{kind}", dir_fd=process), Path(f"/proc/self/ns/{kind}").stat())
    }
    users = others.pop("user", None)
    try:
        for one in others.values():
            syscalls.setns(one, 0)
    except PermissionError:
        if users is None:
            raise
        # in there its processes may do much with others: not attach to this one
        syscalls.forbid_attaching()
        syscalls.setns(users, syscalls.CLONE_NEWUSER)
        for one in others.values():
            syscalls.setns(one, 0)


def _name_service(root: int) -> Mapping[str, bytes]:
    """The files of name service below a root, read by a process that makes it its own.

    So no link leads out of it. A file that glibc would not find is left out. Raises OSError.
    """
    os.fchdir(root)
    try:
        os.chroot(".")
    except PermissionError:
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        os.chroot(".")
    found: dict[str, bytes] = {}
    for name in _FILES:
        most = _LARGEST_HOSTS if name == "hosts" else _LARGEST
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            open_regular(f"/etc/{name}", most, follow=True) as stream,
        ):
            found[name] = stream.read(most)
    return found


def _in_child(work: Callable[[], T]) -> T:
    """Run ``work`` in a forked child and bring back what it gives or raises."""
    reading, writing = os.pipe()

    def answer() -> None:
        syscalls.die_with_parent()
        os.close(reading)
        said: T | Exception
        try:
            said = work()
        except OSError as problem:
            said = OSError(problem.errno, problem.strerror, problem.filename)
        except Exception as problem:
            status = getattr(problem, "exit_status", None)
            said = RuntimeError(repr(problem))
            if isinstance(status, int):
                said = ProcessUnavailable(str(problem), status)
        with os.fdopen(writing, "wb") as stream:
            pickle.dump(said, stream)

    child = syscalls.forked(answer)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        data = stream.read()
    os.waitpid(child, 0)
    said = pickle.loads(data) if data else RuntimeError("a child ended without a word")
    if isinstance(said, Exception):
        raise said
    result: T = said
    return result

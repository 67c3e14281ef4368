"""Run a command that ends, with every process it started, when its asker dies.

A program of its own, ``python -I -S supervise.py [--root] COMMAND…``, without threads and with the
standard library alone. Its input is a pipe of which the asker alone has the other end: the kernel
closes that however the asker ends. The command's is empty. ``--root`` shows an ordinary user's
command that it is root, where the kernel allows a user namespace.

Two nets: the command is process 1 of a pid namespace where the kernel allows one; and its orphans
become children of this process (PR_SET_CHILD_SUBREAPER), which ends them itself. Sources:
prctl(2), unshare(2), pid_namespaces(7), user_namespaces(7).
"""

import ctypes
import os
import select
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_CLONE_NEWUSER, _CLONE_NEWPID = 0x10000000, 0x20000000
_libc = ctypes.CDLL(None, use_errno=True)


def main(command: list[str], root: bool) -> int:
    """Run *command* until it or the input ends; gives its exit status as a shell would."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if _works(root):
        _enter(root)
    child = os.fork()
    if child == 0:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.execv(command[0], command)
        os._exit(127)
    status = _wait(child)
    while True:
        for orphan in _children():
            with suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return status


def _wait(child: int) -> int:
    poll = select.poll()
    poll.register(0, select.POLLHUP)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) & 0xFF
        if poll.poll(50):
            os.kill(child, signal.SIGKILL)
            return 128 + signal.SIGKILL


def _enter(root: bool) -> None:
    """Give the processes started from now on a pid namespace; OSError where that cannot be."""
    user, group = os.geteuid(), os.getegid()
    maps = {"setgroups": "deny", "uid_map": f"{0 if root else user} {user} 1",
            "gid_map": f"{0 if root else group} {group} 1"}  # fmt: skip
    if _libc.unshare(_CLONE_NEWPID) == 0:
        return
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWPID) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in maps.items():
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
            file.write(text)


def _works(root: bool) -> bool:
    """Whether _enter works here, tried by a child: half of it could not be undone."""
    child = os.fork()
    if child == 0:
        try:
            _enter(root)
            os.fork()  # the first one is process 1; it can be refused by a limit
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _children() -> list[int]:
    """The processes whose parent this one is (proc_pid_stat(5)), its own orphans among them."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdecimal():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                if int(file.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    found.append(int(name))
    return found


if __name__ == "__main__":
    as_root = sys.argv[1] == "--root"
    sys.exit(main(sys.argv[1 + as_root :], as_root))

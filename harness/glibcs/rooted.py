"""Write the files of another process's root that make up its glibc to standard output, as a tar.

A program of its own, ``python -I -S rooted.py PID NAMES FILE…``, with the standard library alone;
NAMES is the expression that a library's name matches, each FILE is taken too. It makes that root
its own before it looks at a name in it, so that a link in somebody else's container never leads to
a file of this host.
Sources: proc_pid_root(5), chroot(2), user_namespaces(7).
"""

import ctypes
import os
import re
import signal
import sys

# tarfile would ask for owners' names, and libc would load that root's name service for it
sys.modules["pwd"] = sys.modules["grp"] = None  # type: ignore[assignment]
import tarfile  # noqa: E402

_CLONE_NEWUSER = 0x10000000
_DEEPEST = 4


def main(pid: str, names: str, *files: str) -> int:
    """Write the tar; 1 with a line on standard error where that root cannot be entered."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # it ends with its reader
    try:
        root = os.open(f"/proc/{int(pid)}/root", os.O_RDONLY | os.O_DIRECTORY)
        libc = ctypes.CDLL(None, use_errno=True)
        if os.geteuid() != 0 and libc.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        os.fchdir(root)
        os.chroot(".")
        sys.meta_path.clear()  # no module is imported out of that root
    except (OSError, ValueError) as error:
        print(getattr(error, "strerror", None) or error, file=sys.stderr)
        return 1
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        for name in (*files, *_libraries(re.compile(names))):
            try:
                _add(archive, name)
            except OSError:  # not there, or not for us to read
                continue
    return 0


def _add(archive: tarfile.TarFile, name: str) -> None:
    """Add a file or a link; what has become a FIFO since it was looked at is not waited for."""
    member: tarfile.TarInfo | None = archive.gettarinfo(name)
    if member is not None and member.isreg():
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
        with os.fdopen(opened, "rb") as content:
            member = archive.gettarinfo(arcname=name, fileobj=content)
            if member is not None and member.isreg():
                archive.addfile(member, content)
    elif member is not None and (member.issym() or member.islnk()):
        archive.addfile(member)


def _libraries(wanted: re.Pattern[str]) -> list[str]:
    found = []
    for top in (".", "usr"):
        for folder in os.listdir(top) if os.path.isdir(top) else ():  # noqa: PTH112, PTH208
            if not folder.startswith("lib"):
                continue
            for where, inner, names in os.walk(f"{top}/{folder}"):
                if where.count("/") >= _DEEPEST:
                    inner.clear()
                found += [f"{where}/{name}" for name in names if wanted.fullmatch(name)]
    return found


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

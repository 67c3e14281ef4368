"""Entering the namespaces of a sandbox: users, network, mounts, host name, IPC, processes.

Order matters: the user namespace comes first (it gives an ordinary user the right to the
others), mounts are made private before anything is mounted, and the process tree gets a
pid 1 whose death ends everything in it.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from . import syscalls, userns_diagnosis
from .values import SandboxError

HOSTNAME = "sandbox"
NOBODY = 65534
"""The user and the group that other people's code runs as, where root makes the sandbox."""
_NAMESPACES = (
    syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWPID
)  # fmt: skip
BARE = syscalls.MS_NOSUID | syscalls.MS_NODEV
_READ_ONLY = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY
# where an answer could come from that is not the sandbox's: nscd, systemd-resolved
_HIDDEN = ("/run", "/var/run", "/var/cache/nscd", "/var/db/nscd")
# where a folder for temporary files may be, where there is none of the hidden ones
_SPARE = Path("/mnt"), Path("/media"), Path("/srv")
# what decides over names and their order comes from the scenario alone
_NAME_SERVICE = frozenset((
    "gai.conf", "gaiharness.names", "host.conf", "hostname", "hosts", "networks", "nscd.conf",
    "nsswitch.conf", "protocols", "resolv.conf", "resolvconf", "services",
))  # fmt: skip


def enter() -> None:
    """Put this process, which must have one thread only, into new namespaces as their root.

    The pid namespace begins with the next fork. Raises SandboxUnavailable where the kernel
    or its settings refuse.
    """
    uid, gid = os.geteuid(), os.getegid()
    mapped = _mapped_by_helper(gid) if uid == 0 else nullcontext(lambda: False)
    what = "new namespaces"
    try:
        with mapped as nobody_too:
            syscalls.unshare(_NAMESPACES)
            what = f"to map uid {uid} in a user namespace"
            if not nobody_too():
                _map_one(0, uid, 0, gid)
    except OSError as problem:
        raise userns_diagnosis.refused(what, problem) from None


def unshare_as_oneself(flags: int) -> None:
    """Enter new namespaces with a user namespace that has this user alone. Raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.CLONE_NEWUSER | flags)
    _map_one(uid, uid, gid, gid)


def _map_one(inside_uid: int, uid: int, inside_gid: int, gid: int) -> None:
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{inside_uid} {uid} 1")
    write("/proc/self/gid_map", f"{inside_gid} {gid} 1")


@contextmanager
def _mapped_by_helper(gid: int) -> Iterator[Callable[[], bool]]:
    """For root: call what it gives after unshare, to have the user and group nobody mapped too.

    A process cannot map more than itself once it is inside, so one that stays outside does
    it. The call returns False where the kernel refuses.
    """
    this = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    inside, told = os.pipe()

    def help_inside() -> None:
        os.close(told)
        if os.read(inside, 1):
            write("uid_map", f"0 0 1\n{NOBODY} {NOBODY} 1", this)
            write("gid_map", f"0 {gid} 1\n{NOBODY} {NOBODY} 1", this)

    helper = syscalls.forked(help_inside)
    os.close(inside)
    os.close(this)

    def mapped() -> bool:
        os.write(told, b"m")
        return os.waitpid(helper, 0)[1] == 0

    try:
        yield mapped
    finally:
        os.close(told)


def furnish() -> None:
    """Give the entered namespaces private mounts and, where that is allowed, a host name.

    Call it as pid 1. Afterwards /etc and the places of name service daemons are empty folders,
    and /proc shows this pid namespace where the kernel allows it. Raises SandboxUnavailable.
    """
    os.umask(0o022)  # what is made in here is read by other users, see `jail`
    try:
        hide("/etc", *daemons())
    except OSError as problem:
        what = f"a private mount on {problem.filename}"
        raise userns_diagnosis.refused(what, problem) from None
    # podman's seccomp filter refuses it, and no look-up depends on it
    with suppress(OSError):
        syscalls.set_hostname(HOSTNAME)
    # refused where parts of /proc are hidden (containers); the old one then serves as well,
    # because /proc/sys/net follows the reader's network namespace
    with suppress(OSError):
        syscalls.mount("proc", "/proc", "proc", BARE | syscalls.MS_NOEXEC)


def renew(used: Path | None) -> None:
    """Give the furnished namespaces a new network, and what `furnish` gave them.

    For pid 1 of a private process tree alone: every other process in it is ended first. ``used`` is
    what `scratch` gave, if it was called. Raises SandboxUnavailable; ValueError elsewhere.
    """
    if os.getpid() != 1:  # elsewhere the next line would end all that the caller may end
        raise ValueError("only the first process of a sandbox can renew it")
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    what = "one more network"
    try:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        if used in _SPARE:
            syscalls.unmount(str(used), syscalls.MNT_DETACH)
        for place in ("/etc", *daemons()):
            what = f"another private mount on {place}"
            syscalls.unmount(place, syscalls.MNT_DETACH)
            mount_tmpfs(place)
    except OSError as problem:
        raise userns_diagnosis.refused(what, problem) from None
    with suppress(OSError):
        syscalls.set_hostname(HOSTNAME)


def hide(*places: str) -> None:
    """Make this mount namespace private, and the places in it empty folders. Raises OSError."""
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    for place in places:
        mount_tmpfs(place)


def mount_tmpfs(place: str | Path) -> None:
    """Mount an empty tmpfs on a folder. Raises OSError."""
    syscalls.mount("tmpfs", str(place), "tmpfs", BARE, "mode=755,size=64m")


def bind(source: Path, target: Path, *, flags: int = 0) -> None:
    """Show ``source`` at the existing ``target`` too, read-only, in here. Raises SandboxError."""
    try:
        syscalls.mount(str(source), str(target), flags=syscalls.MS_BIND | syscalls.MS_REC)
        # a user namespace may not take away flags the source's mount has
        has = os.statvfs(target).f_flag
        flags |= has & (BARE | syscalls.MS_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME)
        flags |= syscalls.MS_RELATIME if has & os.ST_RELATIME else 0
        syscalls.mount("none", str(target), flags=flags | _READ_ONLY)
    except OSError as problem:
        raise SandboxError(f"cannot show {source} at {target}: {problem.strerror}") from None


def gather(parts: Sequence[tuple[str, Path]], target: Path) -> None:
    """Show files and folders by names below ``target``, read-only. Raises SandboxError."""
    try:
        mount_tmpfs(target)
        for name, source in parts:
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                place.mkdir()
            else:
                place.touch()
            bind(source, place, flags=BARE)
        syscalls.mount("none", str(target), flags=_READ_ONLY | BARE)
    except OSError as problem:
        raise SandboxError(f"cannot show files at {target}: {problem.strerror}") from None


def scratch() -> Path:
    """A folder on a tmpfs; call it after `furnish`, once. Raises SandboxError without a place."""
    emptied = daemons()
    if emptied:
        place = Path(emptied[0]) / "gai-harness"
        place.mkdir()
        return place
    for place in _SPARE:
        if place.is_dir():
            mount_tmpfs(place)
            return place
    raise SandboxError("no folder for temporary files: /run, /mnt, /media, /srv are missing")


def show_machine_etc(etc: Path, scratch: Path) -> bool:
    """Link every file of the machine's /etc but those of name service into ``etc``, read-only.

    Programs that are more than look-ups want the machine's users, certificates, time zone and
    the loader's cache. ``etc`` is mounted over the machine's. Returns False where the kernel
    refuses it. Raises FileExistsError when called twice.
    """
    whole, kept = scratch / "machine", scratch / "etc"
    whole.mkdir()
    kept.mkdir()
    try:
        # a copy of the tree, without the mount that hides the machine's /etc
        syscalls.mount("/", str(whole), flags=syscalls.MS_BIND | syscalls.MS_REC)
        hidden = whole / etc.relative_to("/")
        syscalls.unmount(str(hidden), syscalls.MNT_DETACH)
        bind(hidden, kept)
        syscalls.unmount(str(whole), syscalls.MNT_DETACH)
    except (OSError, SandboxError):
        return False
    for entry in kept.iterdir():
        if entry.name not in _NAME_SERVICE:
            with suppress(FileExistsError):
                (etc / entry.name).symlink_to(entry)
    return True


def daemons() -> list[str]:
    """The folders with the sockets of name service daemons."""
    # /var/run is /run on most systems: one mount is enough
    places = dict.fromkeys(os.path.realpath(place) for place in _HIDDEN)
    return [place for place in places if Path(place).is_dir()]


def write(path: str, text: str, folder: int | None = None) -> None:
    """Write ``text`` to an existing file, in the open ``folder`` if given. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)

"""Places where the kernel really refuses what a sandbox needs: ``denied_places.py PLACE COMMAND…``.

PLACE may also be CALL:ERROR, as in ``pipe2:EPERM``: that system call then fails in that way.

The process enters the place and becomes the command. All of it is in namespaces of its own:
nothing of the machine is changed.
"""

import errno
import os
import platform
import sys
from pathlib import Path

from harness.sandbox import syscalls

# the numbers of system calls: asm/unistd.h of each processor
_NUMBERS = {
    "x86_64": {"unshare": 272, "sethostname": 170, "setdomainname": 171, "setns": 308, "bpf": 321,
               "perf_event_open": 298, "ptrace": 101, "process_vm_readv": 310, "clone": 56,
               "clone3": 435, "chroot": 161, "pivot_root": 155, "mount": 165, "umount2": 166,
               "socket": 41, "socketpair": 53, "pidfd_open": 434, "memfd_create": 319,
               "pipe2": 293, "prctl": 157, "ppoll": 271, "poll": 7, "setsid": 112,
               "setresuid": 117, "setgroups": 116, "capset": 126, "sendmsg": 46, "bind": 49},
    "aarch64": {"unshare": 97, "sethostname": 161, "setdomainname": 162, "setns": 268, "bpf": 280,
                "perf_event_open": 241, "ptrace": 117, "process_vm_readv": 270, "clone": 220,
                "clone3": 435, "chroot": 51, "pivot_root": 41, "mount": 40, "umount2": 39,
                "socket": 198, "socketpair": 199, "pidfd_open": 434, "memfd_create": 279,
                "pipe2": 59, "prctl": 167, "ppoll": 73, "poll": 73, "setsid": 157,
                "setresuid": 147, "setgroups": 159, "capset": 91, "sendmsg": 211, "bind": 200},
}  # fmt: skip


def limited() -> None:
    """No user namespace left: the limit of the namespace this process is in is nought."""
    _own_namespaces(syscalls.CLONE_NEWUSER)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def chrooted() -> None:
    """A chroot into a plain folder with everything of the machine in it."""
    _own_namespaces(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
    here = Path.cwd()
    scratch = Path("/mnt")
    syscalls.mount("tmpfs", str(scratch), "tmpfs")
    root = scratch / "root"
    root.mkdir()
    for entry in Path("/").iterdir():
        if entry.is_symlink():
            (root / entry.name).symlink_to(entry.readlink())
        elif entry.is_dir() and entry != scratch:
            (root / entry.name).mkdir()
            syscalls.mount(
                str(entry), str(root / entry.name), "", syscalls.MS_BIND | syscalls.MS_REC
            )
    os.chroot(root)
    os.chdir(here)


def filtered() -> None:
    """A seccomp filter that refuses namespaces and mounts as docker's does without capabilities.

    Source: the default profile of docker, where only CAP_SYS_ADMIN allows these.
    """
    _refuse("unshare", "setns", "mount", "umount2", "pivot_root", "sethostname", "setdomainname",
            "bpf", "perf_event_open")  # fmt: skip


def podman() -> None:
    """A seccomp filter that refuses what podman's does to a container without capabilities.

    Source: the default profile in pkg/seccomp of the library that podman takes it from.
    """
    _refuse("sethostname", "setdomainname", "setns", "bpf", "perf_event_open", "ptrace",
            "process_vm_readv")  # fmt: skip


def _refuse(*calls: str, error: int = errno.EPERM) -> None:
    numbers = [_NUMBERS[platform.machine()][call] for call in calls]
    load, jump_equal, give = 0x20, 0x15, 0x06
    instructions = [(load, 0, 0, 0)]  # seccomp_data.nr
    for left, number in enumerate(reversed(numbers)):
        instructions.insert(1, (jump_equal, left + 1, 0, number))
    instructions += [(give, 0, 0, 0x7FFF0000), (give, 0, 0, 0x00050000 | error)]
    syscalls.filter_calls(instructions)


def masked() -> None:
    """/proc/sys read-only and parts of /proc hidden, as container engines mount them."""
    _own_namespaces(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
    syscalls.mount("/proc/sys", "/proc/sys", "", syscalls.MS_BIND)
    flags = os.statvfs("/proc/sys").f_flag & (
        syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    )
    read_only = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY
    syscalls.mount("none", "/proc/sys", "", read_only | flags | 1 << 21)
    syscalls.mount("tmpfs", "/proc/scsi" if Path("/proc/scsi").is_dir() else "/proc/fs", "tmpfs")


def powerless() -> None:
    """Root without any capability, as an engine's --cap-drop ALL leaves it."""
    _own_namespaces(syscalls.CLONE_NEWUSER, 0, 0)
    syscalls.bound_capabilities()
    syscalls.drop_capabilities()


def procless() -> None:
    """/proc is an empty folder."""
    _emptied("/proc")


def devless() -> None:
    """/dev has nothing in it, not even null."""
    _emptied("/dev")


def _emptied(folder: str) -> None:
    _own_namespaces(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
    syscalls.mount("tmpfs", folder, "tmpfs")


def _own_namespaces(flags: int, user: int | None = None, group: int | None = None) -> None:
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(flags)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid if user is None else user} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid if group is None else group} {gid} 1")
    if flags & syscalls.CLONE_NEWNS:
        syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)


def enter(place: str) -> None:
    """Put this process into the place."""
    places = (limited, chrooted, filtered, podman, masked, powerless, procless, devless)
    call, _, error = place.partition(":")
    if error:
        _refuse(call, error=getattr(errno, error))
    else:
        {one.__name__: one for one in places}[call]()


if __name__ == "__main__":
    enter(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])

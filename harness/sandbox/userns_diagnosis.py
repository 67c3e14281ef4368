"""Why this host refuses a namespace or a mount, and what would allow it.

Sources: user_namespaces(7), namespaces(7), seccomp(2), and create_user_ns() in the kernel's
kernel/user_namespace.c.
"""

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.text.reading import setting, text_of

from . import syscalls
from .values import NoSandbox, SandboxUnavailable

_SYSCTLS = Path("/proc/sys")
_CAP_SYS_ADMIN, _CAP_SETFCAP = 21, 31
# an engine's --security-opt NAME=unconfined, as a pod has it
_OF_POD = {
    "seccomp": "securityContext: {seccompProfile: {type: Unconfined}}",
    "apparmor": "securityContext: {appArmorProfile: {type: Unconfined}}",
    "systempaths": "securityContext: {procMount: Unmasked} in a pod with hostUsers: false",
}
# a pod's containers have the variable, and most of them the folder
_IN_POD = "KUBERNETES_SERVICE_HOST" in os.environ or (
    Path("/var/run/secrets/kubernetes.io/serviceaccount").is_dir()
)
_FEWER = "try fewer --jobs or a higher limit"
_USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EFBIG})
REFUSED = _USED_UP | {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EAGAIN}
"""Of an OSError: the kernel, a filter before it or a limit says no; the program is not at fault."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting, as sysctl(8) has it, that can refuse namespaces, perhaps to users only."""

    key: str
    refuses: str
    allows: str
    spares_root: bool = False

    @property
    def value(self) -> str | None:
        """The setting as it is; None where this kernel does not have it."""
        return setting(_SYSCTLS / self.key.replace(".", "/"))


SWITCHES = (
    Switch("kernel.unprivileged_userns_clone", "0", "1", spares_root=True),
    Switch("kernel.apparmor_restrict_unprivileged_userns", "1", "0", spares_root=True),
    Switch("user.max_user_namespaces", "0", "10000"),
    Switch("user.max_net_namespaces", "0", "10000"),
)


def unconfined(name: str) -> str:
    """What frees a container of what confines it, by the name that --security-opt has for it."""
    if _IN_POD:
        return (
            f"start the container with {_OF_POD[name]}, or one beside it with "
            "kubectl debug --profile=sysadmin"
        )
    return f"start the container with --security-opt {name}=unconfined"


def _hint(number: int | None) -> str:
    """What would help against a refusal with the errno ``number``."""
    if number in (errno.EMFILE, errno.ENFILE):
        return _FEWER
    denied = number in (errno.EPERM, errno.EACCES)
    if denied and _filtered():
        return f"a seccomp filter refuses unshare(2): {unconfined('seccomp')}"
    if denied and _chrooted():
        return (
            "this is a chroot, where the kernel allows no user namespace: work outside of it, or "
            "enter the folder by pivot_root(8) in a mount namespace of its own"
        )
    for switch in SWITCHES:
        if switch.value == switch.refuses and not (switch.spares_root and _PRIVILEGED):
            return f"allow it with: sysctl {switch.key}={switch.allows}"
    if denied and _UNMAPPED:
        return (
            "root needs CAP_SETFCAP to map itself: run it as another user, or start the container "
            "with --cap-add SETFCAP"
        )
    if number in (errno.ENOSPC, errno.EUSERS):
        return "the limit of namespaces is reached: raise sysctl user.max_user_namespaces"
    if number in (errno.EINVAL, errno.ENOSYS):
        return "the kernel needs CONFIG_USER_NS, CONFIG_NET_NS and CONFIG_PID_NS"
    profile = _read("attr/current", r"\A(.+) \(enforce\)[\0\s]*\Z")
    if denied and profile:
        confined = f"AppArmor's profile {profile} confines this process"
        return f"{confined}: {unconfined('apparmor')}"
    return (
        "a container must allow unshare(2) and mount(2): see its seccomp and AppArmor profiles; "
        "in a chroot the kernel allows neither"
    )


def refused(what: str, problem: OSError) -> NoSandbox:
    """The error for a part of a sandbox that the kernel refuses."""
    said = f": {problem.strerror}" if problem.strerror else ""
    return NoSandbox(f"the kernel refuses {what}{said}", _hint(problem.errno))


def hostname(name: str, problem: OSError) -> SandboxUnavailable:
    """The error for a host name that may not be set, although there is a namespace for it."""
    said = f"host.hostname: the kernel refused {name}: {problem.strerror}"
    return SandboxUnavailable(said, unconfined("seccomp"))


def unavailable(problem: OSError, what: str = "no sandbox could be made") -> SandboxUnavailable:
    """The error for a refused call, the file name of ``problem``, which ``what`` needed."""
    called = f"{problem.filename}: " if isinstance(problem.filename, str) else ""
    said = f"{what}: {called}{problem.strerror}"
    if problem.errno in _USED_UP:
        return SandboxUnavailable(said, _FEWER)
    if problem.errno == errno.EAGAIN:
        return NoSandbox(said, "the limit of processes is reached: see ulimit -u and pids.max")
    if _read("status", r"^Seccomp:\s*(\d+)") == "2" and not _filtered():
        refuses = "a seccomp filter refuses a call that sandboxes need"
        return NoSandbox(said, f"{refuses}: {unconfined('seccomp')}")
    return NoSandbox(said, _hint(problem.errno))


def _filtered() -> bool:
    """Whether a seccomp filter refuses unshare(2) itself: without flags it does nothing."""
    try:
        syscalls.unshare(0)
    except OSError as problem:
        return problem.errno in (errno.EPERM, errno.EACCES)
    return False


def _chrooted() -> bool:
    """Whether this process's root folder is not a mount, as in a plain chroot(2)."""
    mounts = (text_of("/proc/self/mountinfo") or "").splitlines()
    return bool(mounts) and all(line.split()[4] != "/" for line in mounts)


def _read(name: str, pattern: str) -> str:
    """What a group of ``pattern`` matches in a file of this process, "" for nothing."""
    match = re.search(pattern, text_of(f"/proc/self/{name}") or "", re.MULTILINE)
    return match[1] if match else ""


# as it was before this process entered a namespace, where everybody has every right
_HELD = int(_read("status", r"^CapEff:\s*(\w+)") or "0", 16)
_PRIVILEGED = bool(_HELD >> _CAP_SYS_ADMIN & 1)
# since Linux 5.12 (user_namespaces(7))
_UNMAPPED = _read("status", r"^Uid:\s*\d+\s+(\d+)") == "0" and not _HELD >> _CAP_SETFCAP & 1

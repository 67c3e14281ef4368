"""Why this machine refuses a namespace or a mount, and what would allow it.

Sources: user_namespaces(7), namespaces(7), seccomp(2), and create_user_ns() in the kernel's
kernel/user_namespace.c.
"""

from __future__ import annotations

import errno
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import kernel
from .values import NoSandbox, SandboxUnavailable

_SYSCTLS = Path("/proc/sys")
_CAP_SYS_ADMIN = 21
_USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EFBIG})
REFUSED = _USED_UP | {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EAGAIN}
"""Of an OSError: the kernel, a filter before it or a limit says no; the program is not at fault."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting of the kernel, as sysctl(8) has it, that can refuse namespaces.

    ``spares_root``: whether it leaves a process with CAP_SYS_ADMIN alone.
    """

    key: str
    refuses: str
    allows: str
    spares_root: bool = False

    @property
    def value(self) -> str | None:
        """The setting as it is; None where this kernel does not have it."""
        try:
            return (_SYSCTLS / self.key.replace(".", "/")).read_text().strip()
        except OSError:
            return None

    @property
    def refusing(self) -> bool:
        """Whether it refuses namespaces to this very process."""
        return self.value == self.refuses and not (self.spares_root and _PRIVILEGED)

    @property
    def remedy(self) -> str:
        """The command that switches it."""
        return f"sysctl {self.key}={self.allows}"


SWITCHES = (
    Switch("kernel.unprivileged_userns_clone", "0", "1", spares_root=True),
    Switch("kernel.apparmor_restrict_unprivileged_userns", "1", "0", spares_root=True),
    Switch("user.max_user_namespaces", "0", "10000"),
    Switch("user.max_net_namespaces", "0", "10000"),
)


def hint(number: int | None) -> str:
    """What would help against a refusal with the errno ``number``."""
    denied = number in (errno.EPERM, errno.EACCES)
    if denied and filtered():
        return (
            "a seccomp filter refuses unshare(2): start the container with "
            "--security-opt seccomp=unconfined"
        )
    if denied and chrooted():
        return (
            "this is a chroot, where the kernel allows no user namespace: work outside of it, or "
            "enter the folder by pivot_root(8) in a mount namespace of its own"
        )
    for switch in SWITCHES:
        if switch.refusing:
            return f"allow it with: {switch.remedy}"
    if number in (errno.ENOSPC, errno.EUSERS):
        return "the limit of namespaces is reached: raise sysctl user.max_user_namespaces"
    if number in (errno.EINVAL, errno.ENOSYS):
        return "the kernel needs CONFIG_USER_NS, CONFIG_NET_NS and CONFIG_PID_NS"
    profile = confined_by()
    if denied and profile:
        return (
            f"AppArmor's profile {profile} confines this process: start the container with "
            "--security-opt apparmor=unconfined"
        )
    return (
        "a container must allow unshare(2) and mount(2): see its seccomp and AppArmor profiles; "
        "in a chroot the kernel allows neither"
    )


def refused(what: str, problem: OSError) -> NoSandbox:
    """The error for a part of a sandbox that the kernel refuses."""
    said = f": {problem.strerror}" if problem.strerror else ""
    return NoSandbox(f"the kernel refuses {what}{said}", hint(problem.errno))


def unavailable(problem: OSError, what: str = "no sandbox could be made") -> SandboxUnavailable:
    """The error for a refused call, the file name of ``problem``, which ``what`` needed."""
    called = f"{problem.filename}: " if isinstance(problem.filename, str) else ""
    said = f"{what}: {called}{problem.strerror}"
    if problem.errno in _USED_UP:
        return SandboxUnavailable(said, "try fewer --jobs or a higher limit")
    if problem.errno == errno.EAGAIN:
        return NoSandbox(said, "the limit of processes is reached: see ulimit -u and pids.max")
    if _status("Seccomp") == "2" and not filtered():
        return NoSandbox(
            said,
            "a seccomp filter refuses a call that sandboxes need: start the container with "
            "--security-opt seccomp=unconfined",
        )
    return NoSandbox(said, hint(problem.errno))


def filtered() -> bool:
    """Whether a seccomp filter refuses unshare(2) itself: without flags it does nothing."""
    try:
        kernel.unshare(0)
    except OSError as problem:
        return problem.errno in (errno.EPERM, errno.EACCES)
    return False


def chrooted() -> bool:
    """Whether this process's root folder is not a mount, as in a plain chroot(2)."""
    with suppress(OSError):
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
        return bool(lines) and all(line.split()[4] != "/" for line in lines)
    return False


def confined_by() -> str:
    """The AppArmor profile that is enforced on this process, "" for none."""
    with suppress(OSError):
        text = Path("/proc/self/attr/current").read_text(errors="replace").strip("\0\n ")
        match = re.fullmatch(r"(?P<name>.+) \(enforce\)", text)
        return match["name"] if match else ""
    return ""


def _status(field: str) -> str:
    with suppress(OSError):
        text = Path("/proc/self/status").read_text(errors="replace")
        match = re.search(rf"^{field}:\s*(.*)$", text, re.MULTILINE)
        return match[1] if match else ""
    return ""


# as it was before this process entered a namespace, where everybody has every right
_PRIVILEGED = bool(int(_status("CapEff") or "0", 16) >> _CAP_SYS_ADMIN & 1)

"""Running a command as an ordinary user from a test that runs as root.

The command gets a mount namespace of its own in which the interpreter and this source
tree can be reached even when they lie under a folder closed to others, and in which
/dev/net/tun is open to all, as udev makes it.
"""

import os
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.sandbox import syscalls

UID = 65534
_HIDDEN = ("PYTEST_", "XDG_", "GAI_HARNESS_CACHE")  # what is this user's own
ROOT = Path(__file__).resolve().parents[2]
_TUN = Path("/dev/net/tun")


def run(
    arguments: Sequence[str], *, tun: bool = True, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command as uid 65534; ``tun`` whether that user may open /dev/net/tun."""
    return subprocess.run(
        arguments, cwd=ROOT, env=variables(environment), preexec_fn=lambda: become(tun),
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


def variables(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of that user."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_HIDDEN)}
    return kept | {"HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1", **(more or {})}


def become(tun: bool = True) -> None:
    """Make this process that user's."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    _open_up({ROOT, *(Path(p).resolve() for p in (sys.prefix, sys.base_prefix))})
    if _TUN.exists():
        device = _TUN.stat().st_rdev
        syscalls.mount("tmpfs", str(_TUN.parent), "tmpfs", 0, "mode=755")
        os.mknod(_TUN, stat.S_IFCHR, device)
        _TUN.chmod(0o666 if tun else 0o600)
    os.chdir(ROOT)
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)
    syscalls.own_proc_files()


def _open_up(needed: set[Path]) -> None:
    closed: dict[Path, list[Path]] = {}
    for path in needed:
        for parent in reversed([path, *path.parents]):
            if not parent.stat().st_mode & stat.S_IXOTH:
                closed.setdefault(parent, []).append(path)
                break
    for parent, paths in closed.items():
        kept = {path: os.open(path, os.O_PATH) for path in paths}
        syscalls.mount("tmpfs", str(parent), "tmpfs", 0, "mode=755")
        for path, descriptor in kept.items():
            path.mkdir(parents=True, exist_ok=True)
            syscalls.mount(f"/proc/self/fd/{descriptor}", str(path), flags=syscalls.MS_BIND)

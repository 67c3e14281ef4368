"""The machine's own /etc beside a sandbox's, for programs that are more than look-ups.

A sandbox's /etc holds the files of name service and nothing else. A program also wants its
users, certificates, time zone, alternatives and the loader's cache.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from . import kernel, namespaces
from .errors import SandboxError

# what decides over names and their order comes from the scenario alone
_NAME_SERVICE = frozenset(
    {
        "gai.conf", "gaiharness.names", "host.conf", "hostname", "hosts", "networks",
        "nscd.conf", "nsswitch.conf", "protocols", "resolv.conf", "resolvconf", "services",
    }
)  # fmt: skip


def show(etc: Path, scratch: Path) -> bool:
    """Link every other file of the machine's /etc into ``etc``.

    Parameters: ``etc`` the private one, mounted over the machine's; ``scratch`` a folder of
    this mount namespace. What is shown is read-only. Returns False where the kernel refuses
    it. Raises FileExistsError when called twice.
    """
    whole, kept = scratch / "machine", scratch / "etc"
    whole.mkdir()
    kept.mkdir()
    try:
        # a copy of the tree, without the mount that hides the machine's /etc
        kernel.mount("/", str(whole), flags=kernel.MS_BIND | kernel.MS_REC)
        hidden = whole / etc.relative_to("/")
        kernel.unmount(str(hidden), kernel.MNT_DETACH)
        namespaces.bind(hidden, kept)
        kernel.unmount(str(whole), kernel.MNT_DETACH)
    except (OSError, SandboxError):
        return False
    for entry in kept.iterdir():
        if entry.name not in _NAME_SERVICE:
            with suppress(FileExistsError):
                (etc / entry.name).symlink_to(entry)
    return True

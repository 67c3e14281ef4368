"""The glibc builds of this host: the host's, directories, and distribution packages.

::

    from harness.glibcs import fetch, find, stage, command

    fetch("2.31")                           # through the host's apt-get or dnf, into the cache
    for build in find("all"):               # the host's first, then the cache's
        root = stage(build, Path("worker")) # a private root with only that glibc's files
        argv = command(build)               # to run inside it
"""

from typing import TYPE_CHECKING, Any

from harness.glibcs.build import Build, GlibcError, GlibcMissing, GlibcUnavailable, together
from harness.glibcs.discover import from_directory
from harness.glibcs.emulators import Emulator, emulator_for, fetch_emulator
from harness.glibcs.host_libc import host, hosted_command, python_parts
from harness.glibcs.known_builds import add, find, inventory, remove
from harness.glibcs.managers import Progress
from harness.glibcs.private_roots import command, stage

if TYPE_CHECKING:
    from harness.glibcs.fetching import catalogue, fetch

__all__ = [
    "Build", "Emulator", "GlibcError", "GlibcMissing", "GlibcUnavailable", "Progress",
    "add", "catalogue", "command", "emulator_for", "fetch", "fetch_emulator", "find",
    "from_directory", "host", "hosted_command", "inventory", "python_parts", "remove", "stage",
    "together",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("catalogue", "fetch"):  # package managers and archives, for who fetches
        from harness.glibcs import fetching

        return getattr(fetching, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

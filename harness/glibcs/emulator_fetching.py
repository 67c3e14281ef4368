"""Fetching qemu-user as a package of the host's distribution, for running foreign builds.

Static programs need nothing of the suite they come from, so any suite's serve. Up to Debian
12 they are in qemu-user-static; from Debian 13 on qemu-user's own are static, and
qemu-user-static is an empty package or has links to them.
"""

from __future__ import annotations

import platform
import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.glibcs import apt, cache
from harness.glibcs.catalog import Distribution, Suite, host_distribution, native_arch
from harness.glibcs.deb import unpack
from harness.glibcs.emulators import QEMU_NAMES, Emulator, emulator_folders, emulator_for, is_static
from harness.glibcs.errors import GlibcUnavailable
from harness.glibcs.fetching import Progress, Watcher, download_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.glibcs.build import Build

_PACKAGES = ("qemu-user-static", "qemu-user")
_PROGRAM = re.compile(rf"usr/bin/qemu-(?:{'|'.join(sorted(set(QEMU_NAMES.values())))})(?:-static)?")


def fetch_emulator(build: Build, progress: Watcher | None = None) -> Emulator | None:
    """Have what runs a build's programs, fetching it into the cache where it is missing.

    Args:
        build: The build.
        progress: Called as the work goes on.

    Returns:
        The emulator, or None where the kernel runs the build itself.

    Raises:
        GlibcUnavailable: It is not on this machine and cannot be fetched either.
        GlibcError: Nothing is known to run that architecture.
    """
    watch = progress or (lambda _: None)
    try:
        return emulator_for(build)
    except GlibcUnavailable as missing:
        failure = missing
    distribution = host_distribution()
    with cache.making("qemu") as work:
        # under the lock: another run may just have fetched it
        with suppress(GlibcUnavailable):
            return emulator_for(build)
        for suite in _suites(distribution):
            for package in _PACKAGES:
                try:
                    _fetch(distribution, suite, package, work / f"{suite.name}-{package}", watch)
                    return emulator_for(build)
                except GlibcUnavailable as error:
                    failure = error
    raise GlibcUnavailable(
        f"{build.arch} programs run here through qemu-user, which cannot be fetched: "
        f"{failure.reason}",
        "install it: apt-get install qemu-user-static (from Debian 13 on qemu-user)",
    )


def _suites(distribution: Distribution) -> Iterator[Suite]:
    """This machine's own suite, then the others, newest first."""
    own = distribution.suite(platform.freedesktop_os_release().get("VERSION_CODENAME", ""))
    if own is not None:
        yield own
    for suite in reversed(distribution.suites):
        if suite != own and not suite.extra:
            yield suite


def _fetch(
    distribution: Distribution, suite: Suite, package: str, work: Path, watch: Watcher
) -> None:
    """Put the static programs of one package into the cache; none may be in it."""
    work.mkdir()
    request = apt.PackageRequest(
        package, suite.name, distribution.tools, native_arch(), archived=suite.archived
    )
    archive = download_package(distribution, request, work / "apt", watch)
    watch(Progress(suite.name, "unpack", 0.0))
    tree, made = work / "tree", work / "made"
    tree.mkdir()
    made.mkdir()
    try:
        unpack(archive, tree, lambda name: _PROGRAM.fullmatch(name) is not None)
        for program in sorted(tree.glob("usr/bin/qemu-*")):
            if not program.is_symlink() and is_static(program):
                program.rename(made / program.name)
    except OSError as error:
        raise GlibcUnavailable(
            f"suite {suite.name}: {error.strerror}", "make room in the cache folder"
        ) from None
    shutil.rmtree(tree)
    if not any(made.iterdir()):
        raise GlibcUnavailable(
            f"{package} of suite {suite.name} has no static programs", "install qemu-user-static"
        )
    # apt names the file PACKAGE_VERSION_ARCH.deb; the version may hold a colon as %3a
    name, version = archive.name.split("_")[:2]
    final = cache.cache_folder() / "qemu" / f"{distribution.id}-{suite.name}-{name}-{version}"
    final.parent.mkdir(exist_ok=True)
    cache.publish(made, final)
    for old in emulator_folders():
        if old != final:
            shutil.rmtree(old, ignore_errors=True)
    watch(Progress(suite.name, "done", 1.0))

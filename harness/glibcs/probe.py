"""Which glibcs this machine has and could have: its own, the cache's, its distribution's."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.glibcs import apt, cache, emulators
from harness.glibcs.build import Build
from harness.glibcs.catalog import (
    Distribution,
    distributions,
    host_distribution,
    native_arch,
    package_name,
)
from harness.glibcs.errors import GlibcError, GlibcUnavailable
from harness.glibcs.fetching import catalogue, mirrors
from harness.glibcs.running import host
from harness.glibcs.sources import Source, choose, host_sources, no_apt
from harness.glibcs.staging import command, stage
from harness.model.dialects import dialect
from harness.native.errors import LaneError
from harness.native.worker_lane import WorkerLane, bundled_worker
from harness.sandbox import NoSandbox, Pool, SandboxError, programs
from harness.sandbox.checks import Check
from harness.versions import Version

if TYPE_CHECKING:
    from harness.sandbox import Box

OLDEST = Version((2, 9))
"""From here on the model's table of differences between versions is complete."""
_KEYS = (Path("/etc/apt/trusted.gpg"), Path("/etc/apt/trusted.gpg.d"))
_KEYRINGS = {"debian": "debian-archive-keyring", "ubuntu": "ubuntu-keyring"}
_NO_FETCH = "gai-harness glibc fetch cannot be used"
_OTHER = "gai-harness glibc add DIR takes the glibc of any folder"


def probe(network: bool = False) -> Iterator[Check]:
    """Look at the glibcs of this machine. Nothing is downloaded without ``network``.

    Args:
        network: Ask the mirrors for the signed release file of each suite.
    """
    yield _own()
    try:
        cache.cache_folder()
    except GlibcUnavailable as problem:
        yield Check(
            "cache folder", "missing", problem.reason, "no glibc but the host's own can be run",
            problem.hint,
        )  # fmt: skip
    else:
        yield _cached()
        yield _foreign()
        yield _folder()
    try:
        distribution = host_distribution()
        sources = host_sources()
        if programs.find("apt-get") is None:
            raise no_apt()
    except GlibcUnavailable as problem:
        yield Check("packages", "missing", problem.reason, _NO_FETCH, problem.hint)
        return
    yield _packages(distribution, sources)
    if network:
        yield from _mirrors(distribution, sources)


def _own() -> Check:
    try:
        own = host()
        dialect(own.version, own.arch)
    except GlibcUnavailable as problem:
        return Check(
            "host glibc", "cannot", problem.reason,
            "other glibcs can be run all the same: --glibc VERSION", problem.hint,
        )  # fmt: skip
    except (GlibcError, ValueError) as problem:
        return Check("host glibc", "cannot", str(problem), "--glibc VERSION takes another")
    newest = max(
        Version.parse(suite.glibc) for one in distributions().values() for suite in one.suites
    )
    found = f"{own.version} {own.arch}"
    if own.ordered_version < OLDEST:
        return Check(
            "host glibc", "limited", found, f"the model knows glibc fully from {OLDEST} on only"
        )
    if own.ordered_version > newest:
        return Check(
            "host glibc", "limited", found,
            f"newer than any the model was compared with; it is taken to behave as {newest}",
        )  # fmt: skip
    return Check("host glibc", "ok", f"{found}, which the model covers ({OLDEST} to {newest})")


def _cached() -> Check:
    kept = cache.cached()
    damaged = [one.folder.name for one in kept if one.build is None]
    names: dict[str, list[str]] = {native_arch(): []}
    for build in (one.build for one in kept if one.build is not None):
        names.setdefault(build.arch, []).append(build.name or build.version)
    found = "; ".join(
        (f"{arch}: " if number else "") + ", ".join(dict.fromkeys(each))
        for number, (arch, each) in enumerate(names.items())
        if each
    )
    if damaged:
        return Check(
            "other glibcs", "limited", f"{found or 'none'}; damaged: {damaged[0]}",
            "what is damaged is passed over", f"gai-harness glibc remove {damaged[0]}",
        )  # fmt: skip
    if not found:
        return Check(
            "other glibcs", "missing", "none in the cache", "run --glibc has the host's only",
            "gai-harness glibc fetch --all",
        )  # fmt: skip
    return Check("other glibcs", "ok", f"in the cache: {found}")


def _foreign() -> Check:
    """Which other architectures' programs run here; with a build in the cache, it is tried."""
    newest = {one.build.arch: one.build for one in cache.cached() if one.build is not None}
    ways: dict[str, list[str]] = {}
    without: list[str] = []
    for arch in _with_worker():
        way = _way(arch, newest.get(arch))
        if way:
            ways.setdefault(way, []).append(arch)
        else:
            without.append(arch)
    topic = "foreign architectures"
    found = [f"{', '.join(arches)} {way}" for way, arches in ways.items()]
    if not without:
        return Check(topic, "ok", "; ".join(found))
    return Check(
        topic, "limited" if found else "missing",
        "; ".join([*found, f"nothing runs {', '.join(without)}"]),
        "a glibc of another architecture runs through qemu-user; --glibc 2.36:armhf names one",
        "apt-get install qemu-user-static, or let gai-harness glibc fetch VERSION:ARCH fetch it",
    )  # fmt: skip


def _with_worker() -> Iterator[str]:
    for arch in emulators.QEMU_NAMES:
        with suppress(LaneError):
            bundled_worker(arch)
            if arch != native_arch():
                yield arch


def _way(arch: str, build: Build | None) -> str:
    """How programs of an architecture run here; "" when they do not."""
    try:
        emulator = emulators.emulator_for(build) if build else emulators.installed(arch)
    except GlibcUnavailable:
        return ""
    if emulator is None:
        return "by the kernel itself" if build else ""
    if build is not None and not _starts(build, emulator):
        return ""
    return f"through qemu-user {emulator.version}"


def _starts(build: Build, emulator: emulators.Emulator) -> bool:
    """Whether a qemu runs a build: tried where look-ups run it, for it is other people's code."""
    try:
        root = stage(build, bundled_worker(build.arch), emulator=emulator)
        with Pool() as pool:
            list(pool.run(_started, (command(build, emulator), root)))
    except NoSandbox:  # which is a finding of its own; nothing is run outside of one
        return True
    except (GlibcError, GlibcUnavailable, LaneError, SandboxError):
        return False
    return True


def _started(box: Box, spec: tuple[list[str], Path]) -> Iterator[None]:
    argv, skeleton = spec
    with WorkerLane(argv, root=box.private_root(skeleton)) as lane:
        lane.start()
    yield None


def _folder() -> Check:
    folder = cache.cache_folder()
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".gai-harness-", dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as problem:
        return Check(
            "cache folder", "missing", f"{folder}: cannot be written ({problem.strerror})",
            "no glibc but the host's own can be prepared there",
            "name another one in the environment variable GAI_HARNESS_CACHE",
        )  # fmt: skip
    used = sum(
        os.lstat(Path(base, name)).st_size for base, _, names in os.walk(folder) for name in names
    )
    return Check("cache folder", "ok", f"{folder}: {_size(used)} used, {_size(free)} free")


def _packages(distribution: Distribution, sources: tuple[Source, ...]) -> Check:
    suites = catalogue(distribution)
    missing = ""
    for suite in suites:
        chosen = choose(sources, distribution, suite.name, native_arch())
        if not chosen:
            return Check(
                "packages", "missing",
                f"apt's sources have no mirror of {distribution.id}'s {distribution.component}",
                _NO_FETCH, f"add one to apt's sources; {_OTHER}",
            )  # fmt: skip
        missing = missing or next(filter(None, map(_without_key, chosen)), "")
    if missing:
        return Check(
            "packages", "missing", missing, "no signature could be checked",
            f"apt-get install {distribution.id}-archive-keyring"
            if distribution.id == "debian" else f"apt-get install {distribution.id}-keyring",
        )  # fmt: skip
    versions = ", ".join(dict.fromkeys(suite.glibc for suite in suites))
    return Check(
        "packages", "ok", f"apt-get and a mirror of {distribution.id}, which has had {versions}",
        "gai-harness glibc fetch takes them from there; --network tries whether it answers",
    )  # fmt: skip


def _without_key(source: Source) -> str:
    """Why signatures of a source cannot be checked; "" when they can, as far as files tell."""
    files = [Path(word) for word in source.signed_by.split() if word.startswith("/")]
    for file in files:
        if not os.access(file, os.R_OK):
            return f"the keyring {file} is not there, or cannot be read"
    if source.signed_by or any(one.is_file() or _has_files(one) for one in _KEYS):
        return ""
    return "apt has no keys of its own, and its sources name none"


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _mirrors(distribution: Distribution, sources: tuple[Source, ...]) -> Iterator[Check]:
    for suite in catalogue(distribution):
        topic = f"mirror: {suite.name}"
        arch = native_arch()
        request = apt.Request(
            package_name(arch), suite.name, distribution.component, arch, suite.archived
        )
        failure: GlibcUnavailable | None = None
        for source, uri in mirrors(choose(sources, distribution, suite.name, arch)):
            try:
                with cache.making(f"reach-{suite.name}") as work:
                    apt.reach(request, source, uri, work)
            except GlibcUnavailable as problem:
                failure = failure or problem
                continue
            yield Check(topic, "ok", f"answers, signed; glibc {suite.glibc} is expected there")
            break
        else:
            if failure is not None:
                yield Check(
                    topic, "missing", failure.reason,
                    f"glibc {suite.glibc} cannot be fetched now", failure.hint,
                )  # fmt: skip


def _size(number: int) -> str:
    value = float(number)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"

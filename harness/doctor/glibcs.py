"""Which glibcs this host has and could have: its own, the cache's, its distribution's."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from harness.compare.values import grouped
from harness.doctor.rows import CheckFinding, CheckRow, Found
from harness.glibcs import cache, catalog, emulators, golang
from harness.glibcs.apt_sources import Source, choose, host_sources
from harness.glibcs.build import Build, GlibcError, GlibcUnavailable
from harness.glibcs.fetching import catalogue, offered, package_request, reach
from harness.glibcs.host_libc import host
from harness.glibcs.managers import PackageRequest, not_here
from harness.glibcs.private_roots import command, stage
from harness.model.dialects import COMPLETE_FROM, dialect
from harness.native.record import LaneError
from harness.native.worker_lane import WorkerLane, bundled_worker
from harness.sandbox import Box, NoSandbox, Pool, SandboxError, programs
from harness.text.reading import size
from harness.versions import Version

_ADD = "gai-harness glibc add DIR takes the glibc of any folder"
_KEYRINGS = {"debian": "debian-archive-keyring"}  # the others: ubuntu-keyring


def _own() -> Found:
    own = host()
    try:
        dialect(own.version, own.arch)
    except ValueError as problem:
        return CheckFinding(str(problem))
    known = catalog.distributions().values()
    newest = max(Version.parse(suite.glibc) for one in known for suite in one.suites)
    found = f"{own.version} {own.arch}"
    if own.ordered_version < Version.parse(COMPLETE_FROM):
        return CheckFinding(
            found, "limited", f"the model knows glibc fully from {COMPLETE_FROM} on only"
        )
    if own.ordered_version > newest:
        meaning = f"newer than any the model was compared with; it is taken to behave as {newest}"
        return CheckFinding(found, "limited", meaning)
    return f"{found}, which the model covers ({COMPLETE_FROM} to {newest})"


def _cached() -> Found:
    try:
        kept = cache.cached()
    except GlibcUnavailable:  # as the row "cache folder" says
        return None
    own, parts = catalog.native_arch(), []
    builds = sorted(kept, key=lambda build: build.arch != own)
    for arch, same in grouped(builds, lambda build: build.arch).items():
        names = dict.fromkeys(build.name or build.named_version for build in same)
        parts.append(("" if arch == own else f"{arch}: ") + ", ".join(names))
    found = "; ".join(parts)
    if damaged := next((one.name for one in cache.damaged()), ""):
        return CheckFinding(
            f"{found or 'none'}; damaged: {damaged}", "limited", "what is damaged is passed over",
            f"gai-harness glibc remove {damaged}",
        )  # fmt: skip
    return f"in the cache: {found}" if found else CheckFinding("none in the cache")


def _foreign() -> Found:
    """Which other architectures' programs run here; with a build in the cache, it is tried."""
    try:
        newest = {one.arch: one for one in cache.cached() if not one.is_other}
    except GlibcUnavailable:
        return None
    ways: dict[str, list[str]] = {}
    for arch in emulators.QEMU_NAMES:
        with suppress(LaneError):
            bundled_worker(arch)
            if arch != catalog.native_arch():
                ways.setdefault(way(arch, newest.get(arch)), []).append(arch)
    without = ways.pop("", [])
    found = [f"{', '.join(arches)} {way}" for way, arches in ways.items()]
    if not without:
        return "; ".join(found)
    said = "; ".join([*found, f"nothing runs {', '.join(without)}"])
    return CheckFinding(said, "limited" if found else None)


def way(arch: str, build: Build | None) -> str:
    """How programs of an architecture run here; "" when they do not."""
    try:
        emulator = emulators.emulator_for(build) if build else emulators.installed(arch)
        if emulator is None:
            return "by the kernel itself" if build else ""
        if build is not None:
            # tried where look-ups run it, for it is other people's code
            root = stage(build, bundled_worker(arch), emulator=emulator)
            # what no sandbox means is a finding of its own; nothing is run outside of one
            with suppress(NoSandbox), Pool() as pool:
                list(pool.run(_start, (command(build, emulator), root)))
    except (GlibcError, LaneError, SandboxError):
        return ""
    return f"through qemu-user {emulator.version}"


def _start(box: Box, spec: tuple[list[str], Path]) -> Iterator[None]:
    argv, skeleton = spec
    with WorkerLane(argv, root=box.private_root(skeleton)) as lane:
        lane.start()
    yield None


def _go() -> Found:
    _, version = golang.host_go()
    kept = any(one.version == version for one in cache.cached() if golang.is_kept(one))
    return f"{version}; its resolver is built{'' if kept else ' when it is first asked'}"


def _folder() -> Found:
    folder = cache.cache_folder()
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".gai-harness-", dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as problem:
        return CheckFinding(f"{folder}: cannot be written ({problem.strerror})")
    used = sum(
        os.lstat(Path(base, name)).st_size for base, _, names in os.walk(folder) for name in names
    )
    return f"{folder}: {size(used)} used, {size(free)} free"


def _offer() -> catalog.Distribution:
    """What packages of glibc can be had of. Raises GlibcUnavailable."""
    distribution = offered()
    if programs.find(distribution.manager) is None:
        raise not_here(distribution.manager)
    return distribution


def _packages() -> Found:
    distribution = _offer()
    suites = catalogue(distribution)
    versions = ", ".join(dict.fromkeys(suite.glibc for suite in suites if suite.glibc))
    had = f"had {versions}" if versions else f"the suites {', '.join(one.name for one in suites)}"
    meaning = "gai-harness glibc fetch takes them from there; --network tries whether it answers"
    if distribution.of_rpm:
        found = f"dnf and this host's repositories; {distribution.id} has {had}"
        return CheckFinding(found, "ok", meaning)
    sources = host_sources()
    chosen = [choose(sources, distribution, suite.name, catalog.native_arch()) for suite in suites]
    if not all(chosen):
        return CheckFinding(
            f"apt's sources have no mirror of {distribution.id}'s {distribution.component}",
            remedy=f"add one to apt's sources; {_ADD}",
        )
    missing = [reason for each in chosen for reason in map(_without_key, each) if reason]
    if missing:
        keyring = _KEYRINGS.get(distribution.id, f"{distribution.id}-keyring")
        meaning = "no signature could be checked"
        return CheckFinding(missing[0], None, meaning, f"apt-get install {keyring}")
    return CheckFinding(
        f"apt-get and a mirror of {distribution.id}, which has {had}", "ok", meaning
    )


def _without_key(source: Source) -> str:
    """Why signatures of a source cannot be checked; "" when they can, as far as files tell."""
    for word in source.signed_by.split():
        if word.startswith("/") and not os.access(word, os.R_OK):
            return f"the keyring {word} is not there, or cannot be read"
    trusted = Path("/etc/apt/trusted.gpg")
    if source.signed_by or trusted.is_file() or any(Path(f"{trusted}.d").glob("*")):
        return ""
    return "apt has no keys of its own, and its sources name none"


def mirror_rows() -> Iterator[CheckRow]:
    """A row for each suite of this distribution; none where no package can be had at all."""
    with suppress(GlibcUnavailable):
        distribution, arch = _offer(), catalog.native_arch()
        everywhere = distribution.of_rpm
        sources = () if everywhere else host_sources()
        for suite in catalogue(distribution):
            if everywhere or choose(sources, distribution, suite.name, arch):
                request = package_request(distribution, suite, arch)
                lacking = f"glibc {suite.glibc or f'of {suite.name}'} cannot be fetched now"
                yield CheckRow(f"mirror: {suite.name}", partial(_mirror, request), lacking)


def _mirror(request: PackageRequest) -> Found:
    with cache.making(f"reach-{request.suite.name}") as work:
        reach(request, work / "reach")
    # dnf checks a package's signature; few repositories sign their index
    signed = "" if request.distribution.of_rpm else ", signed"
    expected = request.suite.glibc and f"; glibc {request.suite.glibc} is expected there"
    return f"answers{signed}{expected}"


ROWS = (
    CheckRow(
        "host glibc", _own, "other glibcs can be run all the same: --glibc VERSION",
        verdict="cannot",
    ),
    CheckRow(
        "other glibcs", _cached, "run --glibc has the host's only",
        "gai-harness glibc fetch --all",
    ),
    CheckRow(
        "foreign architectures", _foreign,
        "a glibc of another architecture runs through qemu-user; --glibc 2.36:armhf names one",
        f"{programs.install('qemu-user-static')}, or let "
        "gai-harness glibc fetch VERSION:ARCH fetch it",
    ),
    CheckRow("go", _go, "--resolver go cannot be asked"),
    CheckRow(
        "cache folder", _folder, "no glibc but the host's own can be run",
        "name another one in the environment variable GAI_HARNESS_CACHE",
    ),
    CheckRow("packages", _packages, "gai-harness glibc fetch cannot be used"),
)  # fmt: skip

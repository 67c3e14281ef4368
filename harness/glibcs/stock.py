"""Which builds there are: the host's, the cache's, and what the distribution offers."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.glibcs import cache
from harness.glibcs.build import Build
from harness.glibcs.catalog import host_distribution, native_arch
from harness.glibcs.errors import GlibcError, GlibcMissing, GlibcUnavailable
from harness.glibcs.running import host
from harness.glibcs.sources import no_apt
from harness.glibcs.trees import from_directory
from harness.sandbox import programs
from harness.text.nearest import did_you_mean, nearest
from harness.versions import SUPPORTED, is_version

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")
_RESERVED = frozenset({"host", "all"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of ``glibc list``.

    Args:
        version: Its version; for what can be fetched, the one expected. Empty for a damaged entry.
        arch: Debian's name of its architecture; empty for a damaged entry.
        state: ``host``, ``cached`` (a package), ``added`` (a directory), ``available`` (can be
            fetched) or ``damaged`` (fetch or add it again).
        origin: Where it comes from, for people.
        id: Its stable key.
        name: The name it was added under, or None.
    """

    version: str
    arch: str
    state: str
    origin: str
    id: str
    name: str | None = None


def inventory() -> tuple[Entry, ...]:
    """The host's build, the cache's, and the suites that can still be fetched, in that order."""
    entries: list[Entry] = []
    # On a musl host, what was fetched or added can be listed all the same.
    with contextlib.suppress(GlibcError):
        entries.append(_entry(host(), "host"))
    have: set[tuple[str, str, str]] = set()
    for one in cache.cached():
        if one.build is None or one.manifest is None:
            entries.append(Entry("", "", "damaged", str(one.folder), one.folder.name))
        elif one.manifest.kind == "package":
            have.add((one.manifest.distribution, one.build.version, one.build.arch))
            entries.append(_entry(one.build, "cached"))
        else:
            entries.append(_entry(one.build, "added"))
    try:
        distribution, arch = host_distribution(), native_arch()
    except GlibcUnavailable:
        return tuple(entries)
    for suite in distribution.suites:
        if (distribution.id, suite.glibc, arch) not in have:
            key = f"{distribution.id}-{suite.name}-{suite.glibc}-{arch}"
            origin = f"{distribution.id} {suite.name}"
            entries.append(Entry(suite.glibc, arch, "available", origin, key))
    return tuple(entries)


def find(spec: str) -> list[Build]:
    """The builds a user names.

    Args:
        spec: ``host``; ``all`` (the host's, then every one in the cache by ascending version, of
            the host's architecture; ``all:ARCH`` for another, ``all:all`` for every one); a
            version, ``2.36``, ``2.36:armhf`` or ``2.36:all`` (the distribution's package
            before one that was added, before the host's); a name given to `add`; or a
            directory, with ``:ARCH`` behind it where it has a glibc of several architectures.

    Raises:
        GlibcMissing: No such build is on this machine.
        GlibcUnavailable: ``host`` on a host without glibc.
        GlibcError: The specification is malformed, or the directory has no usable glibc.
    """
    if spec == "host":
        return [host()]
    kept = [one.build for one in cache.cached() if one.build is not None]
    name, _, arch = spec.partition(":")
    if name == "all":
        return _all(kept, arch or native_arch())
    named = [build for build in kept if spec in (build.name, build.id)]
    if named:
        return named
    if is_version(name) and arch == "all":
        found = [build for build in _all(kept, arch) if build.version == name]
        if not found:
            raise GlibcMissing(spec, _remedy(f"{name} --arch all", name, native_arch()))
        return found
    if is_version(name):
        return [_by_version(spec, name, arch, kept)]
    if "/" in spec or (spec.isprintable() and spec and Path(spec).is_dir()):
        return [_directory(spec)]
    raise _unknown(spec)


def add(path: Path | str, name: str | None = None, arch: str | None = None) -> Build:
    """Register the glibc of a directory: its files are copied into the cache.

    Args:
        path: As for `from_directory`.
        name: What to call it from now on; the directory's own name by default.
        arch: Which one to take where the directory has a glibc of several architectures.

    Returns:
        The build in the cache. The directory is not needed any longer. Adding a directory again
        under its name takes its files anew.

    Raises:
        GlibcError: The directory has no usable glibc, or the name is malformed or taken.
    """
    found = from_directory(path, arch)
    resolved = Path(os.path.realpath(path))
    chosen = _name(name, resolved, found)
    key = f"added-{chosen}-{found.version}-{found.arch}"
    with cache.making(f"added-{chosen}") as work:
        taken = [one for one in cache.cached() if one.build and one.build.name == chosen]
        if any(one.build and one.build.origin != found.origin for one in taken):
            raise GlibcError(f"the name {chosen} is taken; gai-harness glibc remove {chosen}")
        made = work / "build"
        manifest = cache.Manifest(
            id=key,
            version=found.version,
            arch=found.arch,
            origin=found.origin,
            kind="added",
            files=cache.install(found, made),
            name=chosen,
        )
        cache.write_manifest(made, manifest)
        for number, one in enumerate(taken):
            one.folder.rename(work / f"replaced{number}")
        final = cache.cache_folder() / "builds" / key
        cache.publish(made, final)
        build = cache.read_cached(final).build
    if build is None:
        raise GlibcError(f"{final}: damaged while it was written")
    return build


def remove(spec: str) -> list[str]:
    """Remove builds from the cache, with the private roots made of them.

    Args:
        spec: A version (``2.31``, ``2.36:armhf``), a name given to `add`, an id, or ``all``.

    Returns:
        The ids of the builds removed.

    Raises:
        GlibcError: Nothing in the cache is called that.
    """
    if spec == "host":
        raise GlibcError("the host's glibc cannot be removed; expected one from glibc list")
    name, _, arch = spec.partition(":")
    entries = cache.cached()
    if spec == "all":
        chosen = entries
    else:
        chosen = [
            one
            for one in entries
            if spec in (one.folder.name, one.build and one.build.name)
            or (one.build and (one.build.version, one.build.arch) == (name, arch or native_arch()))
        ]
    if not chosen and spec != "all":
        raise _unknown(spec)
    for one in chosen:
        with cache.making(f"remove-{one.folder.name}") as work:
            _retire(one.folder, work / "build")
            for number, root in enumerate(cache.roots_of(one.folder.name)):
                _retire(root, work / f"root{number}")
    return [one.folder.name for one in chosen]


def _retire(folder: Path, grave: Path) -> None:
    """Take a folder out of sight at once; it is deleted with the grave."""
    try:
        folder.rename(grave)
    except FileNotFoundError:
        return  # another run was faster
    shutil.rmtree(grave, ignore_errors=True)


def _entry(build: Build, state: str) -> Entry:
    return Entry(build.version, build.arch, state, build.origin, build.id, build.name)


def _directory(spec: str) -> Build:
    path, colon, arch = spec.rpartition(":")
    # a colon may be the name's own
    if colon and arch.isalnum() and not Path(spec).exists():
        return from_directory(path, arch)
    return from_directory(spec)


def _all(kept: list[Build], arch: str) -> list[Build]:
    # what was added for an architecture without a worker can be listed, not run
    wanted = SUPPORTED if arch == "all" else (arch,)
    found = [build for build in kept if build.arch in wanted]
    try:
        own = host()
    except GlibcUnavailable:
        if not found:
            raise
        return found
    if arch in ("all", own.arch):
        return [own, *found]
    if not found:
        hint = f"gai-harness glibc fetch --all --arch {arch}"
        if arch not in SUPPORTED:
            hint = f"the architectures with a worker are {', '.join(SUPPORTED)}"
        raise GlibcMissing(f"all:{arch}", hint)
    return found


def _by_version(spec: str, version: str, arch: str, kept: list[Build]) -> Build:
    wanted = (version, arch or native_arch())
    for build in kept:
        if (build.version, build.arch) == wanted:
            return build
    try:
        own = host()
    except GlibcUnavailable:
        own = None
    if own is not None and (own.version, own.arch) == wanted:
        return own
    raise GlibcMissing(spec, _remedy(spec, version, wanted[1]))


def _remedy(spec: str, version: str, arch: str) -> str:
    """How to get a version: a command only where the distribution is known to have had it."""
    try:
        distribution = host_distribution()
    except GlibcUnavailable as problem:
        return problem.hint
    if distribution.carrying(version):
        if arch not in SUPPORTED:
            near = did_you_mean(arch, SUPPORTED, f"{version}:{{}}")
            return f"the architectures known here are {', '.join(SUPPORTED)}{near}"
        if programs.find("apt-get") is None:
            return no_apt().hint
        return f"gai-harness glibc fetch {spec}"
    known = ", ".join(dict.fromkeys(suite.glibc for suite in distribution.suites))
    return f"{distribution.id} is known to have {known}; gai-harness glibc add DIR takes any"


def _name(name: str | None, directory: Path, found: Build) -> str:
    chosen = name if name is not None else directory.name
    if name is None and not _NAME.match(chosen):
        chosen = f"local-{found.version}"
    if not _NAME.match(chosen) or chosen in _RESERVED:
        raise GlibcError(
            f"{chosen!r} cannot name a glibc; expected letters, digits and . _ + - (not host, all)"
        )
    if is_version(chosen) and chosen != found.version:
        raise GlibcError(f"{directory}: glibc {found.version} cannot be named {chosen}")
    return chosen


def _unknown(spec: str) -> GlibcError:
    known = [build.name or build.version for one in cache.cached() if (build := one.build)]
    shown = ", ".join(dict.fromkeys(known)) or "nothing"
    return GlibcError(
        f"{spec!r} names no glibc; expected a version, host, all, a directory "
        f"or one of the cache ({shown}){_perhaps(spec, known)}"
    )


def _perhaps(spec: str, known: list[str]) -> str:
    """What a word that names no build may have meant: a suite's glibc, or a word mistyped."""
    try:
        suites = {suite.name: suite.glibc for suite in host_distribution().suites}
    except GlibcUnavailable:
        suites = {}
    near = nearest(spec, [*known, "host", "all", *suites])
    if near is None:
        return ""
    if near in suites:
        return f"; did you mean {suites[near]}, the glibc of {near}?"
    return f"; did you mean {near}?"

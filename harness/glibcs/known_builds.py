"""Which builds there are: the host's, the cache's, and what the distribution offers."""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from stat import S_ISDIR

from harness.glibcs import cache
from harness.glibcs.build import Build, GlibcError, GlibcMissing, GlibcUnavailable
from harness.glibcs.catalog import Distribution, elsewhere, host_distribution, native_arch
from harness.glibcs.discover import PACKED, from_directory, image_and_arch, is_packed, mode
from harness.glibcs.host_libc import host
from harness.glibcs.managers import not_here
from harness.glibcs.other_files import any_in_directory
from harness.glibcs.release import package_of_host
from harness.model.dialects import NEWEST, dialect, told
from harness.sandbox import programs
from harness.text.nearest import did_you_mean, nearest
from harness.versions import RESOLVERS, SUPPORTED, is_version

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")
_FETCH = "gai-harness glibc fetch"
_RESERVED = frozenset({"host", "all"})


def inventory() -> tuple[Build, ...]:
    """The host's build, the cache's, and the suites that can still be fetched, in that order."""
    found: list[Build] = []
    # On a musl host, what was fetched or added can be listed all the same.
    with contextlib.suppress(GlibcError):
        found.append(replace(host(), state="host", source="host", **package_of_host()._asdict()))
    have: set[tuple[str, str, str]] = set()
    kept = cache.cached()
    added = {_content(one) for one in kept if one.state == "added"}
    for one in kept:
        if one.is_given and one.digest and _content(one) in added:
            continue  # it has a name by now
        source = one.source or ("package" if one.state == "cached" else one.origin)
        found.append(replace(one, source=source))
        if not one.is_other:
            have |= {(one.distribution, of, one.arch) for of in (one.version, one.release)}
    found += [Build("", "", str(one), one.name, state="damaged") for one in cache.damaged()]
    with contextlib.suppress(GlibcUnavailable):
        distribution, arch = _offered(), native_arch()
        for suite in distribution.suites:
            if have.isdisjoint((distribution.id, of, arch) for of in (suite.glibc, suite.name)):
                key = f"{distribution.id}-{suite.name}-{suite.glibc}-{arch}"
                offered = Build(
                    suite.glibc, arch, f"{distribution.id} {suite.name}", key, state="available",
                    distribution=distribution.id, release=suite.name, source="package",
                )  # fmt: skip
                found.append(offered)
    return tuple(found)


def find(spec: str) -> list[Build]:
    """The builds a user names.

    Args:
        spec: ``host``; ``all`` (the host's, then the cache's by ascending version, but for images
            named once; of the host's architecture, ``all:ARCH`` or ``all:all``); a version,
            ``2.36``, ``2.36:armhf`` or ``2.36:all`` (of one package, else added, the host's, or an
            image's); a name given to `add`; an image, packages or a process
            (`harness.glibcs.images`); or a directory, ``:ARCH`` behind it where it has several.

    Raises:
        GlibcMissing: No such build is on this host.
        GlibcUnavailable: ``host`` on a host without glibc.
        GlibcError: The specification is malformed, or the directory has no usable glibc.
    """
    if spec == "host":
        return [host()]
    # an image or packages are named by who means them: they stay no part of later runs
    kept, given = list[Build](), list[Build]()
    for one in cache.cached():
        if not one.is_other:
            (given if one.is_given else kept).append(one)
    name, _, arch = spec.partition(":")
    if name == "all":  # whatever a file of the cache calls its build
        return _all(kept, arch or native_arch())
    if named := [build for build in (*kept, *given) if spec in (build.name, build.id)]:
        return named
    if is_packed(spec):
        with _source(spec, None) as found, cache.making("packed") as work:
            if other := next((build for build in found if build.is_other), None):
                raise GlibcError(
                    f"{spec}: {other.named_version}; expected one with glibc "
                    f"(for --resolver: {other.resolver}={spec})"
                )
            return [cache.keep(build, work, "image") for build in found]
    if is_version(name):
        return _of_version(spec, name, arch or native_arch(), kept, given)
    if "/" in spec or (spec.isprintable() and spec and S_ISDIR(mode(spec))):
        path, _, arch = spec.rpartition(":")
        # a colon may be the name's own
        if path and arch.isalnum() and mode(path) and not mode(spec):
            return [from_directory(path, arch)]
        return [from_directory(spec)]
    raise _unknown(spec)


def add(
    path: Path | str,
    name: str | None = None,
    arch: str | None = None,
    rows: Sequence[str] = (),
) -> Build:
    """Register the glibc of a directory or an image, or its musl: its files go into the cache.

    ``name`` is by default the directory's own, under which its files can be taken anew; ``path``
    and ``arch`` are as for `from_directory` or `images.unpacked`, ``rows`` as in `Build`. Raises
    GlibcError where there is no usable glibc, the name is malformed or taken, or a row is none.
    """
    try:
        told(dialect(NEWEST), rows)
    except ValueError as error:
        raise GlibcError(f"--row {error}") from None
    with contextlib.ExitStack() as stack:
        found, *more = stack.enter_context(_source(str(path), arch))
        if more:
            each = ", ".join(one.arch for one in (found, *more))
            raise GlibcError(f"{path}: for {each}; expected one, which --arch names")
        place = str(path).replace(":", "-") if is_packed(str(path)) else os.path.realpath(path)
        if found.is_other and rows:
            raise GlibcError(f"--row is of glibc's dialect table, and {path} has {found.resolver}")
        chosen = _name(name, Path(place), found)
        key = f"added-{chosen}-{found.version}-{found.arch}"
        work = stack.enter_context(cache.making(f"added-{chosen}"))
        taken = [one for one in cache.cached() if one.name == chosen]
        if any(one.origin != found.origin for one in taken):
            raise GlibcError(f"the name {chosen} is taken; gai-harness glibc remove {chosen}")
        named = {row.partition("=")[0]: row for row in (*found.rows, *rows)}
        build = cache.keep(
            replace(found, id=key, name=chosen, rows=tuple(named.values())), work, "added"
        )
        for number, one in enumerate(taken):
            if one.id != key:
                _retire(cache.folder_of(one.id), work / f"replaced{number}")
    return build


@contextlib.contextmanager
def _source(path: str, arch: str | None) -> Iterator[list[Build]]:
    if is_packed(path):
        from harness.glibcs.images import unpacked  # only who names an image pays for it

        image, own = image_and_arch(path)
        with unpacked(image, arch or own) as found:
            yield found
    else:
        yield [any_in_directory(path, arch)]


def remove(spec: str) -> list[str]:
    """Remove builds from the cache, with the private roots made of them; gives their ids.

    ``spec`` is a version (``2.31``, ``2.36:armhf``), another resolver or a version of one
    (``musl``, ``musl=1.2.3``), a name given to `add`, an id, or ``all``.
    Raises GlibcError where nothing in the cache is called that.
    """
    if spec == "host":
        raise GlibcError("the host's glibc cannot be removed; expected one from glibc list")
    name, _, arch = spec.partition(":")
    wanted = (name, arch or native_arch())
    chosen = [one.id for one in cache.cached() if spec == "all" or _means(spec, wanted, one)]
    chosen += [one.name for one in cache.damaged() if spec in ("all", one.name)]
    if not chosen and spec != "all":
        raise _unknown(spec)
    for key in chosen:
        with cache.making(f"remove-{key}") as work:
            for number, folder in enumerate((cache.folder_of(key), *cache.roots_of(key))):
                _retire(folder, work / f"removed{number}")
    return chosen


def _means(spec: str, version_and_arch: tuple[str, str], build: Build) -> bool:
    if build.is_other:
        resolver, equals, what = spec.partition("=")
        meant = resolver == build.resolver and (not equals or what in build.named)
    else:
        meant = (build.version, build.arch) == version_and_arch
    return meant or spec in (build.id, build.name)


def _retire(folder: Path, grave: Path) -> None:
    """Take a folder out of sight at once; it is deleted with the work folder the grave is in."""
    with contextlib.suppress(FileNotFoundError):  # another run was faster
        folder.rename(grave)


def _content(build: Build) -> tuple[str, str, str]:
    return build.digest, build.arch, build.resolver


def _own() -> Build | None:
    """The host's build; None on a host without glibc, where the cache serves all the same."""
    with contextlib.suppress(GlibcUnavailable):
        return host()
    return None


def _all(kept: list[Build], arch: str) -> list[Build]:
    # what was added for an architecture without a worker can be listed, not run
    wanted = SUPPORTED if arch == "all" else (arch,)
    found = [build for build in kept if build.arch in wanted]
    own = _own() if found else host()
    if own is not None and arch in ("all", own.arch):
        return [own, *found]
    if not found:
        hint = f"gai-harness glibc fetch --all --arch {arch}"
        if arch not in SUPPORTED:
            hint = f"the architectures with a worker are {', '.join(SUPPORTED)}"
        raise GlibcMissing(f"all:{arch}", hint)
    return found


def _of_version(
    spec: str, version: str, arch: str, kept: list[Build], given: list[Build]
) -> list[Build]:
    wanted = spec
    if arch == "all":
        found = [build for build in _all(kept, arch) if build.version == version]
        wanted, arch = f"{version} --arch all", native_arch()
    else:
        builds = (*kept, _own(), *given)
        found = [one for one in builds if one and (one.version, one.arch) == (version, arch)][:1]
    if not found:
        hint = _remedy(wanted, version, arch)
        fetched = hint == f"{_FETCH} {spec}"
        raise GlibcMissing(spec, hint, (spec,) if fetched else ())
    return found


def _offered() -> Distribution:
    from harness.glibcs.fetching import offered  # only who lacks a build pays for it

    return offered()


def _remedy(spec: str, version: str, arch: str) -> str:
    """How to get a version: a command only where the distribution is known to have had it."""
    try:
        distribution = _offered()
    except GlibcUnavailable as problem:
        return elsewhere(version) or problem.hint
    if distribution.carrying(version):
        if arch not in SUPPORTED:
            near = did_you_mean(arch, SUPPORTED, f"{version}:{{}}")
            return f"the architectures known here are {', '.join(SUPPORTED)}{near}"
        if programs.find(distribution.manager) is None:
            return not_here(distribution.manager).hint
        return f"{_FETCH} {spec}"
    return elsewhere(version) or distribution.offer


def _name(name: str | None, directory: Path, found: Build) -> str:
    chosen = directory.name if name is None else name
    if name is None and not _NAME.match(chosen):
        chosen = f"local-{found.named_version.replace(' ', '-')}"
    if not _NAME.match(chosen) or chosen in _RESERVED:
        raise GlibcError(
            f"{chosen!r} cannot name a glibc; expected letters, digits and . _ + - (not host, all)"
        )
    if (is_version(chosen) and chosen != found.version) or chosen in RESOLVERS:
        shown = found.named_version if found.is_other else f"glibc {found.version}"
        raise GlibcError(f"{directory}: {shown} cannot be named {chosen}")
    return chosen


def _unknown(spec: str) -> GlibcError:
    known = [one.name or one.version for one in cache.cached() if not one.is_other]
    shown = ", ".join(dict.fromkeys(known)) or "nothing"
    perhaps = _perhaps(spec, known)
    if perhaps.endswith(f" of {spec}?"):
        return GlibcError(f"{spec!r} is a suite, and no glibc{perhaps}")
    return GlibcError(
        f"{spec!r} names no glibc; expected a version, host, all, a directory, {PACKED}, "
        f"or one of the cache ({shown}){perhaps}"
    )


def _perhaps(spec: str, known: list[str]) -> str:
    """What a word that names no build may have meant: a suite's glibc, or a word mistyped."""
    suites: dict[str, str] = {}
    with contextlib.suppress(GlibcUnavailable):
        known_of = host_distribution().suites
        suites = {suite.name: suite.glibc for suite in known_of if suite.glibc}
    near = nearest(spec, [*known, "host", "all", *suites])
    if near in suites:
        return f"; did you mean {suites[near]}, the glibc of {near}?"
    return f"; did you mean {near}?" if near else ""

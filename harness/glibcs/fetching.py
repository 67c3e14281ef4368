"""Fetching builds as packages of the host's distribution."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from harness.glibcs import apt, cache, catalog, dnf
from harness.glibcs.apt_sources import Source, choose, host_sources, is_pocket
from harness.glibcs.archive import unpack
from harness.glibcs.build import Build, GlibcError, GlibcMissing, GlibcUnavailable
from harness.glibcs.catalog import Distribution, Suite, host_distribution, host_id, native_arch
from harness.glibcs.discover import from_directory
from harness.glibcs.elf import sha256
from harness.glibcs.managers import PackageRequest, Progress, Watcher, named, silent
from harness.text.nearest import did_you_mean
from harness.versions import is_version

Got = TypeVar("Got")


def fetch(
    wanted: str, arch: str | None = None, progress: Watcher = silent, refresh: bool = False
) -> Build:
    """Fetch a glibc as a package, through the host's apt-get or dnf; gives the build in the cache.

    ``wanted`` is a version (``2.31``, ``2.36:armhf``) or a suite (``bookworm``; ``9`` of RPM's),
    ``arch`` Debian's name of another architecture than the host's; ``refresh`` fetches it again.

    Raises:
        GlibcUnavailable: No apt-get, dnf, mirror, keys, suite or network, or no glibc came.
        GlibcMissing: No suite is known to carry that version.
        GlibcError: *wanted* or *arch* is malformed.
    """
    name, colon, suffix = wanted.partition(":")
    if colon and arch not in (None, suffix):
        raise GlibcError(f"{wanted}: names another architecture than {arch}")
    arch = suffix if colon else arch or native_arch()
    if not arch.isalnum() or not arch.isascii():
        raise GlibcError(f"{arch!r} is not an architecture; expected Debian's name, such as amd64")
    distribution = offered() if is_version(name) else host_distribution()
    if not is_version(name) and distribution.suite(name) is None:
        if distribution.of_rpm:
            distribution = replace(distribution, suites=(catalog.release(name),))
        elif (own := _own_suites(distribution)).suite(name):
            distribution = own
    failure: GlibcUnavailable | None = None
    for suite in _suites(distribution, name):
        try:
            build = _fetch_suite(
                package_request(distribution, suite, arch), progress, refresh, name
            )
        except GlibcUnavailable as error:
            failure = failure or error
            continue
        if not is_version(name) or build.version == name:
            return build
        failure = failure or GlibcUnavailable(
            f"suite {suite.name} now carries glibc {build.version}, not {name}",
            f"{build.version} was fetched instead",
        )
    assert failure is not None  # _suites gives one at least
    raise failure


def package_request(distribution: Distribution, suite: Suite, arch: str) -> PackageRequest:
    """What to fetch for a suite's glibc."""
    package, also = catalog.package_name(arch), (catalog.MODULE, *catalog.MODULE_NEEDS)
    if distribution.of_rpm:
        package, also = catalog.RPM_PACKAGES
    return PackageRequest(package, distribution, suite, arch, distribution.component, also)


def catalogue(distribution: Distribution | None = None) -> tuple[Suite, ...]:
    """The suites ``glibc fetch --all`` fetches, one for each version; by default `offered` ones."""
    return tuple(suite for suite in (distribution or offered()).suites if not suite.extra)


def offered() -> Distribution:
    """This host's distribution, its parent, or, without a mirror of that, the host's own suites.

    Raises GlibcUnavailable where none is known.
    """
    chosen = host_distribution()
    if not chosen.of_rpm:
        with suppress(GlibcUnavailable):  # who fetches says so
            sources = host_sources()
            if not choose(sources, chosen, chosen.suites[0].name, native_arch()):
                own = _own_suites(chosen)
                return own if own.suites else chosen
    return chosen


def _own_suites(parent: Distribution) -> Distribution:
    """The suites that this host's sources have and the catalogue does not know.

    An archive with a path for a suite is no distribution's; nor is one without glibc's component.
    """
    known = {suite.name for suite in parent.suites} | {*parent.aliases}
    names = dict.fromkeys(
        name
        for source in host_sources()
        if parent.component in source.components
        for name in source.suites
        if name not in known and "/" not in name and not is_pocket(name)
    )
    suites = tuple(Suite(name, "") for name in names)
    return replace(parent, id=host_id(), suites=suites, aliases=())


def _suites(distribution: Distribution, name: str) -> tuple[Suite, ...]:
    suite = distribution.suite(name)
    found = (suite,) if suite else distribution.carrying(name)
    if found:
        return found
    if not is_version(name):
        names = [one.name for one in distribution.suites]
        near = did_you_mean(name, names)
        raise GlibcError(
            f"{name!r} is neither a version nor a suite; expected one of {', '.join(names)}{near}"
        )
    raise GlibcMissing(name, catalog.elsewhere(name) or distribution.offer)


def _fetch_suite(request: PackageRequest, watch: Watcher, refresh: bool, wanted: str) -> Build:
    suite = request.suite
    with cache.making(f"{request.distribution.id}-{suite.name}-{request.arch}") as work:
        # Under the lock: another run may just have fetched it.
        for build in () if refresh else reversed(in_cache(request)):
            if not build.is_other and (not is_version(wanted) or build.version == wanted):
                watch(Progress(suite.name, "cached", 1.0))
                return build
        if suite.archived:
            note = f"suite {suite.name} is archived: its index is accepted past its date"
            watch(Progress(suite.name, "update", 0.0, note))
        package = _download(request, work, watch)
        with unpacking(suite, watch):
            build = _install(request, work, package)
        note = ""
        if suite.glibc and build.version != suite.glibc:
            note = f"suite {suite.name} carries glibc {build.version}, not {suite.glibc}"
        watch(Progress(suite.name, "done", 1.0, note))
        return build


@contextmanager
def unpacking(suite: Suite, watch: Watcher) -> Iterator[None]:
    """Say that a package is unpacked; what goes wrong with it is the suite's, not the user's."""
    watch(Progress(suite.name, "unpack", 0.0))
    try:
        yield
    except GlibcUnavailable:
        raise
    except GlibcError as error:
        raise GlibcUnavailable(
            f"suite {suite.name}: {error}", f"fetch it again: gai-harness glibc fetch {suite.name}"
        ) from None
    except OSError as error:
        raise GlibcUnavailable(
            f"suite {suite.name}: {error.strerror}", "make room in the cache folder"
        ) from None


def in_cache(request: PackageRequest) -> list[Build]:
    """The builds that were fetched from a suite for an architecture, the newest version last."""
    wanted = "cached", request.distribution.id, request.suite.name, request.arch
    return [
        one
        for one in cache.cached()
        if (one.state, one.distribution, one.release, one.arch) == wanted
    ]


def _download(request: PackageRequest, work: Path, watch: Watcher) -> Path:
    """The suite's package, or else the one for cross-compilers, which every machine can have.

    A mirror may lack another architecture or be half updated there, while the suite's own
    cross-built libc for it is in this host's index.
    """
    try:
        package = download_package(request, work / "apt", watch)
        other = request.distribution.suite(request.suite.modules)
        if other is not None and not any(package.parent.glob(f"{catalog.MODULE}_*")):
            module = replace(
                request, package=catalog.MODULE, suite=other, also=catalog.MODULE_NEEDS
            )
            with suppress(GlibcUnavailable):  # a glibc is one without it too
                download_package(module, work / "module", watch)
        return package
    except GlibcUnavailable as failure:
        if request.arch == native_arch() or request.distribution.of_rpm:
            raise
        cross = replace(
            request, package=catalog.cross_package_name(request.arch), arch=native_arch(), also=()
        )
        try:
            package = download_package(cross, work / "cross", watch)
        except GlibcUnavailable:
            raise failure from None
        suite = request.suite.name
        note = f"suite {suite}: {cross.package} was taken, because {failure.reason}"
        watch(Progress(suite, "download", 1.0, note))
        return package


def download_package(request: PackageRequest, work: Path, watch: Watcher) -> Path:
    """Fetch one package; gives its file in ``work``, a private folder, not there yet."""
    work.mkdir()
    if request.distribution.of_rpm:
        return dnf.download(request, work, watch)
    return _first_mirror(
        request, work, lambda source, folder: apt.download(request, source, folder, watch)
    )


def reach(request: PackageRequest, work: Path) -> None:
    """See that the host's mirrors have the request's suite, by its index alone; as above."""
    work.mkdir()
    if request.distribution.of_rpm:
        dnf.reach(request, work)
    else:
        _first_mirror(request, work, lambda source, folder: apt.reach(request, source, folder))


def _first_mirror(request: PackageRequest, work: Path, ask: Callable[[Source, Path], Got]) -> Got:
    """What the first of the host's mirrors gives; GlibcUnavailable of the first where none does."""
    distribution = request.distribution
    failure: GlibcUnavailable | None = None
    for source in choose(host_sources(), distribution, request.suite.name, request.arch):
        try:
            return ask(source, Path(tempfile.mkdtemp(dir=work)))
        except GlibcUnavailable as error:
            failure = failure or error
    raise failure or GlibcUnavailable(
        f"the host's apt sources have no mirror of {distribution.id}'s {distribution.component}",
        "add one to the host's apt sources, or name a folder: gai-harness glibc add DIR",
    )


def _install(request: PackageRequest, work: Path, package: Path) -> Build:
    tree = work / "tree"
    tree.mkdir()
    for one in sorted(work.rglob(f"*{package.suffix}")):
        unpack(one, tree)
    found = from_directory(tree)
    if found.arch != request.arch:
        raise GlibcError(f"{package.name} is for {found.arch}; expected {request.arch}")
    name, version = named(package)
    shown = version if name == request.package else f"{name} {version}"
    return keep(found, request, package, work, found.version, shown)


def keep(
    build: Build, request: PackageRequest, package: Path, work: Path, key: str, words: str
) -> Build:
    """Put what was found in a package's file into the cache; ``work`` is as in `cache.keep`.

    ``key`` tells the build from others of that suite, ``words`` say what it is.
    """
    distribution, suite = request.distribution.id, request.suite.name
    build = replace(
        build,
        id=f"{distribution}-{suite}-{key}-{build.arch}",
        origin=f"{distribution} {suite} {words}",
        distribution=distribution,
        release=suite,
        package_version=named(package)[1],
        digest=f"sha256:{sha256(package)}",
    )
    return cache.keep(build, work, "package")

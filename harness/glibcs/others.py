"""Other resolvers than glibc's: the builds of them that the cache has, and fetching more."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.glibcs import cache, golang
from harness.glibcs.archive import is_glibc, unpack
from harness.glibcs.build import Build, GlibcError, GlibcMissing, GlibcUnavailable, together
from harness.glibcs.catalog import Distribution, Suite, native_arch
from harness.glibcs.discover import is_packed, mode
from harness.glibcs.fetching import download_package, fetch, in_cache, keep, offered, unpacking
from harness.glibcs.managers import PackageRequest, Progress, Watcher, named, silent
from harness.glibcs.other_files import CARES_FILE, musl_in_directory, with_cares
from harness.text.nearest import did_you_mean
from harness.versions import RESOLVERS

OTHERS = tuple(name for name in RESOLVERS if name != "glibc")
PACKAGES: dict[str, tuple[str, ...]] = {"musl": ("musl",), "c-ares": ("libc-ares2", "libcares2")}
"""The packages of a resolver; the first is in every suite, though c-ares' has become empty."""
_FETCH = "gai-harness glibc fetch"
_KNOWN_OF = "its packages are known of Debian and its kin"


def find_others(words: Sequence[str]) -> list[Build]:
    """The builds that words name, each once, those of one resolver from old to new.

    A word is ``musl``, or ``c-ares-nosort`` for c-ares that does not sort; ``musl=`` and a version
    of it (as apt-get writes it), a suite, a name given to `harness.glibcs.add`, a directory or an
    image; or ``all``: what there is of each. ``go`` is built by this host's Go where that has not
    been done.

    Raises:
        GlibcMissing: Nothing of a resolver, or not that version, is on this host.
        GlibcUnavailable: Several are missing, or there is no Go to build with.
        GlibcError: A word names no resolver, or nothing of it.
    """
    named = [_resolver(word, ("all",)) for word in words]
    if any(name == "go" and golang.is_hosts(what) for name, what in named):
        golang.built()
    held = [
        build
        for build in cache.cached()
        if build.is_other
        and build.arch == native_arch()
        and (build.resolver != "go" or golang.is_kept(build))
    ]
    found: dict[tuple[str, str], Build] = {}
    missing: list[GlibcError] = []
    for word, (name, what) in zip(words, named, strict=True):
        fitting = [
            build
            for build in held
            if name in ("all", build.resolver)
            # an image is named by who means it: it stays no part of later runs
            and (what in (*build.named, build.release) if what else not build.is_given)
        ]
        if not fitting and (is_packed(what) or "/" in what):
            fitting = _opened(name, what)
        if not fitting and name != "all":
            missing.append(_missing(name, what))
        if word.startswith("c-ares-nosort"):
            fitting = [replace(one, resolver="c-ares-nosort") for one in fitting]
        found.update({(one.id, one.resolver): one for one in fitting})
    if missing:
        raise together(missing)
    return list(found.values())


def absent() -> list[GlibcError]:
    """Of each resolver of which nothing is on this host, so that ``all`` is without it, the words
    that say it.
    """
    here = {build.resolver for build in find_others(["all"])}
    return [_missing(name, "") for name in (*PACKAGES, "go") if name not in here]


def is_other(word: str) -> bool:
    """Whether a word means another resolver than glibc's: ``musl``, ``musl=trixie``."""
    return word.partition("=")[0] in OTHERS


def suites_with(words: Iterable[str]) -> dict[Suite, list[str]]:
    """What to fetch of which suite: the resolvers that words name by the suite that has each.

    ``musl`` alone means every suite that has another version of it. Raises GlibcError for a word
    that names nothing, GlibcUnavailable where this host's distribution has none of it.
    """
    wanted: dict[Suite, list[str]] = {}
    for word in words:
        name, what = _resolver(word)
        distribution = offered()
        having = [one for one in distribution.suites if name in one.others]
        if what:  # a version may be in several suites
            having = [one for one in having if what in (one.name, one.others[name])][:1]
        else:
            every = {one.others[name]: one for one in reversed(having) if not one.extra}
            having = [*reversed(every.values())]
        if not having:
            raise GlibcUnavailable(f"{word} cannot be fetched", _offer(name, distribution))
        for suite in having:
            named = wanted.setdefault(suite, [])
            named += [name] if name not in named else []
    return wanted


def fetch_others(
    suite: Suite,
    resolvers: Sequence[str],
    arch: str | None = None,
    progress: Watcher = silent,
    refresh: bool = False,
) -> list[Build]:
    """Fetch resolvers (of `PACKAGES`) of one suite, c-ares with its glibc; gives the builds.

    ``suite`` is as `suites_with` gives it, all else as for `fetch`. Raises GlibcUnavailable: no
    apt-get, mirror, keys, network or package, or what came is damaged.
    """
    arch, distribution = arch or native_arch(), offered()
    components = " ".join(dict.fromkeys((distribution.component, distribution.tools)))
    request = PackageRequest("", distribution, suite, arch, components)
    with cache.making(f"others-{distribution.id}-{suite.name}-{arch}") as work:
        # under the lock: another run may just have fetched them
        known = () if refresh else in_cache(request)
        builds: dict[str, Build] = {build.resolver: build for build in known}
        wanted = [name for name in resolvers if name not in builds]
        if not wanted:
            progress(Progress(suite.name, "cached", 1.0))
            return [builds[name] for name in resolvers]
        if "c-ares" in wanted:
            builds["glibc"] = fetch(suite.name, arch, progress)
        first, *also = (package for name in wanted for package in PACKAGES[name])
        request = replace(request, package=first, also=tuple(also))
        download_package(request, work / "apt", progress)
        with unpacking(suite, progress):
            builds |= {name: _install(name, request, work, builds) for name in wanted}
        notes = [
            f"suite {suite.name} carries {builds[name].named_version}, not {suite.others[name]}"
            for name in wanted
            if builds[name].resolver_version != suite.others.get(name)
        ]
        progress(Progress(suite.name, "done", 1.0, "; ".join(notes)))
    return [builds[name] for name in resolvers]


def _install(name: str, request: PackageRequest, work: Path, builds: dict[str, Build]) -> Build:
    tree, beside = work / name, ""
    tree.mkdir()
    found = [path for one in PACKAGES[name] for path in (work / "apt").rglob(f"{one}_*.deb")]
    for path in found:
        unpack(path, tree, _is_wanted)
    if not found:
        raise GlibcError(f"no package of {name}")
    if name == "musl":
        made = musl_in_directory(tree, request.arch)
    else:
        made, beside = with_cares(builds["glibc"], tree), f", {builds['glibc'].origin}"
    package = found[-1]  # what is empty stands first
    words = f"{name} {named(package)[1]}{beside}"
    return keep(made, request, package, work, f"{name}-{made.resolver_version}", words)


def _is_wanted(member: str) -> bool:
    return is_glibc(member) or CARES_FILE.fullmatch(member.rpartition("/")[2]) is not None


def _resolver(word: str, more: tuple[str, ...] = ()) -> tuple[str, str]:
    """The resolver of a build, and what is said of it behind the sign of equality."""
    name, equals, what = word.partition("=")
    if name == "glibc" and what:
        raise GlibcError(f"{word!r}: builds of glibc are named by --glibc {what}")
    if (name not in OTHERS and word not in more) or (equals and not what):
        near = did_you_mean(name, (*RESOLVERS, *more))
        raise GlibcError(
            f"{word!r}: one of {', '.join(RESOLVERS)}, or NAME=VERSION, was expected{near}"
        )
    return "c-ares" if name == "c-ares-nosort" else name, what


def _opened(name: str, what: str) -> list[Build]:
    """The build of a directory, or the builds of an image, which then lie in the cache."""
    if not is_packed(what):
        if name != "musl":
            raise GlibcError(f"{name}={what}: a version, a suite or an image was expected")
        if not mode(what):
            raise GlibcError(f"{name}={what}: a folder that exists was expected")
        opened = [musl_in_directory(what)]
    else:
        from harness.glibcs.images import unpacked  # only who names an image pays for it

        with unpacked(what) as found, cache.making("packed") as work:
            opened = [cache.keep(one, work, "image") for one in found if one.resolver == name]
    return [one for one in opened if one.arch == native_arch()]


def _missing(name: str, what: str) -> GlibcMissing:
    spec = f"{name}={what}" if what else name
    if name == "go" and what:
        return GlibcMissing(spec, f"put a Go of that version first on PATH, and {_FETCH} go")
    try:
        if name == "go":
            golang.host_go()
        else:
            suites_with([spec])
    except GlibcUnavailable as problem:
        return GlibcMissing(spec, problem.hint)
    return GlibcMissing(spec, f"{_FETCH} {spec}", (spec,))


def _offer(name: str, distribution: Distribution) -> str:
    """Which versions of a resolver there are, as a line's hint."""
    if name == "go":
        return f"{_FETCH} go builds it with the Go of this host"
    known = dict.fromkeys(one.others[name] for one in distribution.suites if name in one.others)
    says = f"{distribution.id} is known to have {', '.join(known)}" if known else _KNOWN_OF
    return says + ("; gai-harness glibc add DIR takes any folder" if name == "musl" else "")

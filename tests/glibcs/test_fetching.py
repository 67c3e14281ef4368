import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.glibcs import Progress, apt, catalogue, fetch, fetching, find, host, inventory, remove
from harness.glibcs.apt_sources import Source
from harness.glibcs.build import Build, GlibcError, GlibcMissing, GlibcUnavailable
from harness.glibcs.catalog import Suite
from harness.glibcs.managers import PackageRequest
from tests.conftest import Call
from tests.glibcs.conftest import OTHER, Mirror
from tests.glibcs.making import deb, link, member, state_of

NEVER = "9.99"


@pytest.fixture
def mirror(mirror_of: Callable[..., Mirror], tmp_path: Path, own: Build) -> Mirror:
    """Three suites with the host's glibc: the host's version, the same again, an old one."""
    same, stale = Suite("second", own.version, extra=True), Suite("stale", NEVER, archived=True)
    found = mirror_of(Suite("first", own.version), same, stale)
    found.serve = _serving(_package(tmp_path, own, "./usr/lib/x-linux-gnu"))
    return found


def _package(tmp_path: Path, own: Build, folder: str) -> Path:
    members = [member(f"{folder}/{name}", path.read_bytes()) for name, path in own.files]
    members.append(link(f"./lib64/{own.names[0]}", f"{folder[1:]}/{own.names[0]}"))
    return deb(tmp_path / "served.deb", *members)


def _serving(package: Path) -> Callable[[PackageRequest, Path], object]:
    return lambda _, path: shutil.copy(package, path)


def _cleared(cache: Path) -> bool:
    return not any((cache / "tmp").iterdir())


def test_a_package_becomes_a_build_with_a_manifest(mirror: Mirror, cache: Path, own: Build) -> None:
    seen: list[Progress] = []
    build = fetch("first", progress=seen.append)
    assert (build.version, build.arch, build.names) == (own.version, own.arch, own.names)
    assert build.origin == "made first 1:2.99-1"
    assert build.id == f"made-first-{own.version}-{own.arch}"
    assert build.loader == cache / "builds" / build.id / "lib" / own.names[0]
    manifest = json.loads((cache / "builds" / build.id / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["package_version"] == "1:2.99-1"
    assert manifest["digest"].startswith("sha256:")
    assert [file[0] for file in manifest["files"]] == list(own.names)
    assert [one.step for one in seen] == ["download", "unpack", "done"]
    assert _cleared(cache)
    # removing it takes its roots too
    (cache / "roots" / f"{build.id}-0123456789abcdef").mkdir(parents=True)
    assert remove(own.version) == [build.id]
    assert not any(any((cache / folder).iterdir()) for folder in ("builds", "roots"))
    with pytest.raises(GlibcError, match="names no glibc"):
        remove(own.version)


def test_a_derivative_has_suites_of_its_own(
    mirror: Mirror, own: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kali's are in no catalogue; another vendor's packages beside them are no suite."""
    sources = (
        Source("http://kali.test", ("kali-rolling",), ("main",)),
        Source("http://kali.test", ("kali-last-security",), ("main",)),
        Source("http://vendor.test", ("first/vendor/7.0",), ("main",)),
        Source("http://vendor.test", ("vendored",), ("stable",)),
    )
    monkeypatch.setattr("harness.glibcs.fetching.host_sources", lambda: sources)
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"ID": "kali"})
    assert catalogue() == (Suite("kali-rolling", ""),)
    assert _available() == [("", "kali", "kali-rolling")]
    offer = "kali offers kali-rolling: gai-harness glibc fetch kali-rolling$"
    for ask in (find, fetch):  # not the parent's, which nothing here has
        with pytest.raises(GlibcMissing, match=f"glibc {NEVER} is not on this host; {offer}"):
            ask(NEVER)
    seen: list[Progress] = []
    build = fetch("kali-rolling", progress=seen.append)
    assert (build.version, build.origin) == (own.version, "kali kali-rolling 1:2.99-1")
    assert [one.note for one in seen if one.note] == []
    assert fetch("kali-rolling") == build
    assert len(mirror.requests) == 1
    assert _available() == []
    for name in ("kali-last-security", "first/vendor/7.0", "vendored"):
        with pytest.raises(GlibcError, match="neither a version nor a suite"):
            fetch(name)
    # beside a mirror of the parent its own suite is taken by its name alone
    parent = (Source("http://mirror.test", ("first",), ("main",)), *sources)
    monkeypatch.setattr("harness.glibcs.fetching.host_sources", lambda: parent)
    assert [suite.name for suite in catalogue()] == ["first", "stale"]
    assert {name for _, name, _ in _available()} == {"made"}
    assert fetch("kali-rolling") == build


def _available() -> list[tuple[str, str, str]]:
    listed = (one for one in inventory() if one.state == "available")
    return [(one.version, one.distribution, one.release) for one in listed]


def test_what_is_there_is_not_fetched_again(mirror: Mirror, own: Build) -> None:
    seen: list[Progress] = []
    first = fetch("first")
    assert fetch(own.version, progress=seen.append) == first == fetch(f"{own.version}:{own.arch}")
    assert [one.step for one in seen] == ["cached"]
    assert len(mirror.requests) == 1
    assert fetch("first", refresh=True) == first
    assert len(mirror.requests) == 2
    first.libc.write_bytes(b"short")  # a damaged one is
    with pytest.raises(GlibcMissing):
        find(NEVER)
    assert fetch("first") == first
    assert len(mirror.requests) == 3
    assert first.libc.read_bytes() == own.libc.read_bytes()


def test_two_fetches_at_once_download_once(mirror: Mirror) -> None:
    together = threading.Barrier(4, timeout=600)

    def run(_: int) -> Build:
        together.wait()
        return fetch("first")

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(run, range(4)))) == 1
    assert len(mirror.requests) == 1


def test_a_failure_leaves_nothing(mirror: Mirror, cache: Path, tmp_path: Path, own: Build) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    whole, data = mirror.serve, (tmp_path / "served.deb").read_bytes()
    with pytest.raises(GlibcUnavailable, match=f"is for {own.arch}; expected {OTHER}"):
        fetch("first", OTHER)
    for part in (0.0, 0.1, 0.5, 0.99):
        (tmp_path / "cut.deb").write_bytes(data[: int(len(data) * part)])
        mirror.serve = _serving(tmp_path / "cut.deb")
        with pytest.raises(GlibcUnavailable, match=r"damaged package.*glibc fetch first"):
            fetch("first")
    mirror.serve = _serving(deb(tmp_path / "other.deb", member("./usr/share/doc/x", b"text")))
    with pytest.raises(GlibcUnavailable, match=r"no libc\.so\.6 in it"):
        fetch("first")
    mirror.serve = interrupt
    with pytest.raises(KeyboardInterrupt):
        fetch("first")
    assert not any((cache / "builds").iterdir())
    assert _cleared(cache)
    (cache / "tmp" / f"made-first-{own.arch}.killed_1").mkdir()
    mirror.serve = whole
    assert fetch("first").origin == "made first 1:2.99-1"
    assert _cleared(cache)


def test_a_foreign_architecture_comes_from_the_cross_compilers(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: Build
) -> None:
    """The mirror has nothing for it, but this host's index has a libc built for it."""
    mirror.missing = {own.arch}
    with pytest.raises(GlibcUnavailable, match="first gone"):  # not for this host's own
        fetch("first")
    assert [asked.arch for asked in mirror.requests] == [own.arch]
    mirror.requests.clear()
    monkeypatch.setattr(fetching, "native_arch", lambda: "sparc64")
    mirror.serve = _serving(_package(tmp_path, own, "./usr/x-linux-gnu/lib"))
    seen: list[Progress] = []
    build = fetch("first", own.arch, seen.append)
    assert [asked.arch for asked in mirror.requests] == [own.arch, "sparc64"]
    assert (build.version, build.arch) == (own.version, own.arch)
    assert build.origin == f"made first libc6-{own.arch}-cross 1:2.99-1"
    assert any(f"libc6-{own.arch}-cross was taken, because first gone" in one.note for one in seen)


def test_what_cannot_be_had(mirror: Mirror, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write_bytes(b"a file in its place")
    with pytest.raises(GlibcUnavailable, match=r"cannot be written.*GAI_HARNESS_CACHE"):
        fetch("first")
    cache.unlink()
    for name, arch, said in (
        ("bookwurm", None, "neither a version nor a suite; expected one of first,"),
        ("1.1", None, "made is known to have"),
        ("first:arm64", "amd64", "names another architecture"),
        ("first", "../x", "is not an architecture"),
    ):
        with pytest.raises(GlibcError, match=said):
            fetch(name, arch)
    monkeypatch.setattr(fetching, "host_sources", lambda: ())
    with pytest.raises(GlibcUnavailable, match="no mirror of made's main; add one"):
        fetch("first")
    assert mirror.requests == []


def test_the_second_mirror_is_tried(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def download(request: PackageRequest, source: Source, *more: object) -> Path:
        asked.append(source.uri)
        if len(asked) == 1:
            raise GlibcUnavailable("down", "wait")
        return mirror.download(request, source, *more)  # type: ignore[arg-type]

    sources = [Source(f"http://{name}.test", ("first",), ("main",)) for name in "aba"]
    monkeypatch.setattr(fetching, "host_sources", lambda: sources)
    monkeypatch.setattr(apt, "download", download)
    fetch("first")
    assert asked == ["http://a.test", "http://b.test"]


def test_the_command_says_each_step_once(mirror: Mirror, own: Build, call: Call) -> None:
    done = call("glibc", "fetch", "--suite", "stale", "first")
    origin = f"glibc {own.version} {own.arch} (made"
    assert done.out.splitlines() == [f"{origin} first 1:2.99-1)", f"{origin} stale 1:2.99-1)"]
    assert (done.status, done.err.splitlines()) == (0, [
        "first: downloading",
        "first: unpacking",
        "suite stale is archived: its index is accepted past its date",
        "stale: reading the index",
        "stale: downloading",
        "stale: unpacking",
        f"suite stale carries glibc {own.version}, not {NEVER}",
    ])  # fmt: skip
    # the package is believed, not the catalogue
    with pytest.raises(GlibcUnavailable, match=f"now carries glibc {own.version}, not {NEVER}"):
        fetch(NEVER)


def test_the_missing_is_said_and_the_rest_fetched(mirror: Mirror, own: Build, call: Call) -> None:
    """The mirror hands out the host's own architecture whatever is asked for."""
    mirror.missing = {"stale"}
    # where all is wanted, an architecture may lack some, but not each
    for words, status, lines, said in (
        ("--all", 0, 1, "stale passed over: stale gone; wait"),
        ("stale first", 3, 1, "stale not fetched: stale gone; wait"),
        (f"first --arch {own.arch},{own.arch}", 0, 1, ""),
        (f"first --arch {OTHER},{own.arch}", 3, 1, f"first:{OTHER} not fetched: suite first: "),
        (f"first --arch {OTHER},{own.arch}", 3, 1, f"expected {OTHER}"),
        (f"--all --arch {own.arch}", 0, 1, f"stale:{own.arch} passed over: stale gone; wait"),
        (f"--all --arch {OTHER}", 3, 0, f"first:{OTHER} passed over: "),
        ("first --arch vax", 2, 0, "fetch: an architecture of amd64, i386, "),
        ("first:vax", 2, 0, "was expected, not 'vax'"),
        ("first:all", 2, 0, "was expected, not 'all'"),
    ):
        done = call("glibc", "fetch", *words.split())
        assert (done.status, len(done.out.splitlines())) == (status, lines), words
        assert said in done.err
        assert lines == 0 or f"glibc {own.version} {own.arch} (made first 1:2.99-1)\n" in done.out


@pytest.mark.usefixtures("mirror")
def test_all_is_each_with_a_worker(own: Build, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fetched(_name: str, arch: str, *_: object) -> Build:
        asked.append(arch)
        return own

    monkeypatch.setattr("harness.glibcs.fetch", fetched)
    assert call("glibc", "fetch", "first", "--arch", "all").status == 0
    assert asked == ["amd64", "i386", "arm64", "armhf", "ppc64el", "riscv64", "s390x"]


# --- real packages of the host's distribution, through its own apt-get

APT_FOLDERS = ("etc/apt", "var/lib/apt", "var/cache/apt", "var/lib/dpkg", "var/log/apt")


@pytest.mark.network
@pytest.mark.needs("apt-get", "apt")
# the oldest and the newest: tests/e2e/test_unprivileged.py
@pytest.mark.parametrize("which", [slice(1, 2), pytest.param(slice(None), marks=pytest.mark.slow)])
def test_every_version_and_another_processor(
    which: slice, run_staged: Callable[[Build], str]
) -> None:
    """Each runs by itself, and the host's apt is as it was."""
    before = state_of(*APT_FOLDERS)
    try:
        suites = catalogue()
    except GlibcUnavailable as problem:
        pytest.skip(str(problem))
    for suite in suites[which]:
        if suite.archived and suite.name != "bullseye":
            continue  # a mirror may have dropped it, except where it is known to be kept
        build = fetch(suite.glibc)
        assert build.version == suite.glibc
        assert {"libc.so.6", "libresolv.so.2", "libnss_files.so.2"} <= set(build.names)
        assert f"release version {suite.glibc}." in run_staged(build)
    other = "armhf" if host().arch == "amd64" else "amd64"
    foreign = fetch(build.version, other)
    assert (foreign.version, foreign.arch) == (build.version, other)
    assert find(f"{build.version}:{other}") == [foreign]
    assert state_of(*APT_FOLDERS) == before

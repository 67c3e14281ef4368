"""Real packages of the host's distribution, through its own apt-get."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.glibcs import Build, GlibcUnavailable, catalogue, fetch, find, host

pytestmark = [pytest.mark.network, pytest.mark.needs("apt-get", "apt")]

APT_FOLDERS = ("/etc/apt", "/var/lib/apt", "/var/cache/apt", "/var/lib/dpkg", "/var/log/apt")


def _state() -> dict[Path, tuple[int, ...]]:
    """Every file and folder of the host's apt, with what changes when somebody writes."""
    found: dict[Path, tuple[int, ...]] = {}
    for folder in map(Path, APT_FOLDERS):
        for path in (folder, *folder.rglob("*")) if folder.exists() else ():
            one = path.lstat()
            found[path] = (one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
    return found


def _versions() -> list[str]:
    try:
        # A mirror may have dropped an archived suite, except where it is known to be kept.
        kept = (suite for suite in catalogue() if not suite.archived or suite.name == "bullseye")
        return [suite.glibc for suite in kept]
    except GlibcUnavailable:
        return []


VERSIONS = _versions()


@pytest.fixture(scope="module")
def fetched() -> Iterator[dict[str, Build]]:
    """Every version of the catalogue, and one of another processor, in a cache of their own."""
    other = "armhf" if host().arch == "amd64" else "amd64"
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("GAI_HARNESS_CACHE", folder)
        before = _state()
        builds = {version: fetch(version) for version in VERSIONS}
        foreign = fetch(VERSIONS[0], other)
        assert _state() == before
        assert (foreign.version, foreign.arch) == (VERSIONS[0], other)
        assert find(f"{VERSIONS[0]}:{other}") == [foreign]
        yield builds


@pytest.mark.parametrize("version", VERSIONS)
def test_the_version_of_the_mirror_runs_by_itself(
    fetched: dict[str, Build], version: str, run_staged: Callable[[Build], str]
) -> None:
    build = fetched[version]
    assert build.version == version
    assert {"libc.so.6", "libresolv.so.2", "libnss_files.so.2"} <= set(build.names)
    assert f"release version {version}." in run_staged(build)

"""Real packages of the host's distribution, through its own apt-get."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import harness
from harness.glibcs import Build, GlibcUnavailable, catalogue, fetch, find

pytestmark = [
    pytest.mark.network,
    pytest.mark.needs("apt-get", "apt"),
]

APT_FOLDERS = ("/etc/apt", "/var/lib/apt", "/var/cache/apt", "/var/lib/dpkg", "/var/log/apt")
FETCH = """
import json, sys
from harness.glibcs import fetch
for version in sys.argv[1:]:
    build = fetch(version)
    print(json.dumps([build.version, build.arch, build.id]))
"""
PACKAGE = str(Path(harness.__file__).parents[1])
PYTHONPATH = os.pathsep.join([PACKAGE, *filter(None, sys.path)])


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
    """Every version of the catalogue, fetched once into an empty cache."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("GAI_HARNESS_CACHE", folder)
        before = _state()
        builds = {version: fetch(version) for version in VERSIONS}
        assert _state() == before
        yield builds


@pytest.mark.parametrize("version", VERSIONS)
def test_the_version_of_the_mirror_runs_by_itself(
    fetched: dict[str, Build], version: str, run_staged: Callable[[Build], str]
) -> None:
    build = fetched[version]
    assert build.version == version
    assert {"libc.so.6", "libresolv.so.2", "libnss_files.so.2"} <= set(build.names)
    assert f"release version {version}." in run_staged(build)


def test_host_tells_the_glibc_python_was_started_under(fetched: dict[str, Build]) -> None:
    newest = fetched[max(VERSIONS, key=lambda version: fetched[version].ordered_version)]
    show = "from harness.glibcs import host; b = host(); print(b.version, b.loader)"
    library_path = str(newest.loader.parent)
    python = os.path.realpath(sys.executable)
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
    done = subprocess.run(
        [str(newest.loader), "--library-path", library_path, python, "-c", show],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    assert done.stdout.split() == [newest.version, str(newest.loader)]


def test_a_foreign_architecture(own: Build) -> None:
    other = "armhf" if own.arch == "amd64" else "amd64"
    before = _state()
    build = fetch(VERSIONS[0], other)
    assert (build.version, build.arch) == (VERSIONS[0], other)
    assert find(f"{VERSIONS[0]}:{other}") == [build]
    assert _state() == before


def test_two_processes_at_once(cache: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
    runs = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", FETCH, VERSIONS[-1], VERSIONS[0]],
            stdout=subprocess.PIPE, text=True, env=environment,
        )
        for _ in range(3)
    ]  # fmt: skip
    said = {run.communicate()[0] for run in runs}
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert len(said) == 1
    assert len(list((cache / "builds").iterdir())) == 2
    assert not any((cache / "tmp").iterdir())

"""Fixtures of the tests that hold the documentation to what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from harness.glibcs.cache import cache_folder
from tests.docs.pages import ROOT

VERSIONS = {"2.31", "2.36", "2.41", "2.43", "2.44"}


@pytest.fixture(scope="session")
def glibc_cache() -> Path:
    """The run's cache of glibcs, perhaps empty."""
    return cache_folder()


@pytest.fixture(scope="session")
def every_glibc(
    glibc_cache: Path, fetch_glibcs: Callable[..., str], unreachable: Callable[[str], NoReturn]
) -> Path:
    """The same cache with every build in it that the pages show: they look as on a warm one."""
    command = str(Path(sysconfig.get_path("scripts"), "gai-harness"))
    fetch_glibcs("--all")
    fetch_glibcs("2.36", "--arch", "armhf,s390x")
    missing = VERSIONS - _cached(command)
    if missing:
        unreachable(f"glibc {', '.join(sorted(missing))} not fetched")
    return glibc_cache


def _cached(command: str) -> set[str]:
    listed = subprocess.run(
        [command, "glibc", "list", "--format", "json"], capture_output=True, text=True, check=True
    )
    builds = json.loads(listed.stdout)["builds"]
    return {one["version"] for one in builds if one["state"] == "cached" and one["arch"] == "amd64"}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The site, built from a copy: nothing of an earlier build, nothing left behind."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("_build"))
    for name in ("CHANGELOG.md", "csrc"):
        (folder / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-E", "-b", "html",
         folder / "docs", folder / "out"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    yield folder / "out"
    shutil.rmtree(folder)

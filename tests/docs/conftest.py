"""Fixtures of the tests that hold the documentation to what it says."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from harness.glibcs.cache import cache_folder, cached
from tests.docs.pages import ROOT

VERSIONS = {"2.31", "2.36", "2.41", "2.43", "2.44"}


@pytest.fixture(scope="session")
def every_glibc(fetch_glibcs: Callable[..., str], unreachable: Callable[[str], NoReturn]) -> Path:
    """The cache with every build in it that the pages show: they look as on a warm one."""
    fetch_glibcs("--all")
    fetch_glibcs("2.36", "--arch", "armhf,s390x")
    builds = cached()
    missing = VERSIONS - {build.version for build in builds if build.arch == "amd64"}
    if missing:
        unreachable(f"glibc {', '.join(sorted(missing))} not fetched")
    return cache_folder()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The site, built from a copy: nothing of an earlier build, nothing left behind."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("_build"))
    for name in ("CHANGELOG.md", "csrc"):
        (folder / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-E", "-b", "html",
         "-D", "try_page_runtime=0",
         folder / "docs", folder / "out"],
        capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr == ""
    yield folder / "out"
    shutil.rmtree(folder)

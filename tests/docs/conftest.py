"""Fixtures of the tests that hold the documentation to what it says."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import platformdirs
import pytest

VERSIONS = {"2.31", "2.36", "2.41", "2.43", "2.44"}


@pytest.fixture(scope="session")
def glibc_cache() -> Path:
    """The user's cache of glibcs, perhaps empty."""
    return platformdirs.user_cache_path("gai-harness")


@pytest.fixture(scope="session")
def every_glibc(glibc_cache: Path, unreachable: Callable[[str], NoReturn]) -> Path:
    """The same cache with every version in it that the pages show."""
    command = str(Path(sysconfig.get_path("scripts"), "gai-harness"))
    missing = VERSIONS - _cached(command)
    if missing:
        fetched = subprocess.run(
            [command, "glibc", "fetch", "--all"], capture_output=True, text=True, check=False
        )
        missing = VERSIONS - _cached(command)
        if missing:
            unreachable(f"glibc {', '.join(sorted(missing))} not fetched: {fetched.stderr}")
    return glibc_cache


def _cached(command: str) -> set[str]:
    listed = subprocess.run(
        [command, "glibc", "list", "--format", "json"], capture_output=True, text=True, check=True
    )
    builds = json.loads(listed.stdout)["builds"]
    return {one["version"] for one in builds if one["state"] == "cached" and one["arch"] == "amd64"}

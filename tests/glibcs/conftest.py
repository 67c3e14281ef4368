from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from harness.glibcs import Build, host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "network: needs the distribution's package mirror")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of its own for each test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def own() -> Build:
    return host()


@pytest.fixture
def tree(tmp_path: Path, own: Build) -> Callable[..., Path]:
    """Makes a tree with the host's glibc in it, its files in the given folders."""

    def make(libraries: str, loader: str | None = None, name: str = "tree") -> Path:
        root = tmp_path / name
        for place in (libraries, libraries if loader is None else loader):
            (root / place).mkdir(parents=True, exist_ok=True)
        for number, (soname, path) in enumerate(own.files):
            place = loader if number == 0 and loader is not None else libraries
            shutil.copy(path, root / place / soname)
        return root

    return make

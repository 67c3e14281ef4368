"""What all tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import NoReturn

import pytest


def in_ci() -> bool:
    """True where everything a test needs has to be there."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _give_up(reason: str) -> NoReturn:
    if in_ci():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def unreachable() -> object:
    """Call it with the reason where a mirror or registry cannot be reached.

    It skips the test, but fails it in CI, so that nothing is left out there unseen.
    """
    return _give_up


def _program(name: str, package: str = "") -> str:
    # /usr/sbin is not on an ordinary user's PATH
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    return found or _give_up(f"needs {name} (apt-get install {package or name})")


@pytest.fixture(scope="session")
def needs() -> Callable[..., str]:
    """Call it with a program's name, and the name of its package if that is another.

    It gives the program's path; where there is none it skips the test, but fails it in CI.
    """
    return _program


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        _program(*mark.args)

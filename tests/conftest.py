"""What all tests share."""

from __future__ import annotations

import os
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

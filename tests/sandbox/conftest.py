from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.sandbox import Pool, SandboxUnavailable
from tests.sandbox import jobs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    with Pool() as opened:
        try:
            list(opened.run(jobs.nothing, None))
        except SandboxUnavailable as problem:
            pytest.skip(str(problem))
        yield opened

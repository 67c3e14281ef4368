from collections.abc import Iterator

import pytest

from harness.sandbox import Pool, SandboxUnavailable
from tests.sandbox import jobs


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    with Pool() as opened:
        try:
            list(opened.run(jobs.nothing, None))
        except SandboxUnavailable as problem:
            pytest.skip(str(problem))
        yield opened

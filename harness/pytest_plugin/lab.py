"""What one pytest session has of gai-harness: its settings and its sandboxes, made when used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from harness.pytest_plugin.settings import Settings

if TYPE_CHECKING:
    from harness.sandbox import Pool, SandboxUnavailable

_KEY = pytest.StashKey["Lab"]()


class Lab:
    """Settings and sandboxes of one session; ``refusal`` is why no scenario was collected."""

    def __init__(self, config: pytest.Config) -> None:
        self.settings = Settings(config)
        self.refusal: pytest.UsageError | None = None
        self._pool: Pool | None = None

    @property
    def pool(self) -> Pool:
        """The process that makes sandboxes. Raises SandboxUnavailable where there are none."""
        from harness.sandbox import Pool

        if self._pool is None:
            self._pool = Pool().__enter__()
        return self._pool

    @cached_property
    def unavailable(self) -> SandboxUnavailable | None:
        """Why this machine makes no sandbox; None where it does."""
        from harness.compare.persistent_host import visit
        from harness.sandbox import SandboxUnavailable

        try:
            list(self.pool.run(visit, None))
        except SandboxUnavailable as problem:
            return problem
        return None

    def give_up(self, problem: SandboxUnavailable) -> str:
        """The one line for a test that this machine cannot run.

        Raises pytest's own Skipped where the settings prefer that.
        """
        line = f"this machine cannot make the private network of this test: {problem}"
        if self.settings.skips_without_sandbox:
            pytest.skip(line)
        return f"{line} (--gai-no-sandbox=skip leaves such tests out)"

    def close(self) -> None:
        """End every sandbox."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def lab_of(config: pytest.Config) -> Lab:
    """The laboratory of this session."""
    if _KEY not in config.stash:
        config.stash[_KEY] = Lab(config)
    return config.stash[_KEY]


def is_worker(config: pytest.Config) -> bool:
    """Whether this process runs tests for another one, as pytest-xdist's do."""
    return hasattr(config, "workerinput")


def complain(config: pytest.Config) -> None:
    """Raise the UsageError that kept scenarios from being collected, if there is one."""
    lab = config.stash.get(_KEY, None)
    if lab is not None and lab.refusal is not None:
        raise lab.refusal


def close(config: pytest.Config) -> None:
    """End what this session keeps running."""
    lab = config.stash.get(_KEY, None)
    if lab is not None:
        lab.close()

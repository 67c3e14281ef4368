"""The options and ini keys, resolved to builds of glibc and gai.conf files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.compare.evidence import GaiConf, LaneSpec


class Settings:
    """What the command line says, or else the ini file.

    Every property raises pytest.UsageError, one line, for what cannot be used.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def check(self) -> None:
        """Look at everything at once."""
        _ = self.lanes, self.gai_confs, self.skips_without_sandbox

    @property
    def glibc(self) -> str:
        """The builds asked for, as they were written."""
        given: str | None = self._config.option.gai_glibc
        return str(self._config.getini("gai_glibc")) if given is None else given

    @cached_property
    def lanes(self) -> tuple[LaneSpec, ...]:
        """The builds of glibc to run on, oldest first."""
        where = "gai_glibc" if self._config.option.gai_glibc is None else "--gai-glibc"
        return self.lanes_for(self.glibc, where)

    def lanes_for(self, words: str, where: str) -> tuple[LaneSpec, ...]:
        """The builds of glibc of a comma-separated list.

        Parameters: ``where`` it was written, for the message.
        """
        from harness.compare.plan import PlanError, lanes_for, untested_lanes
        from harness.glibcs import GlibcError
        from harness.native import LaneError
        from harness.sandbox import NoSandbox, SandboxError

        try:
            self._fetch_missing(words)
            try:
                return lanes_for(words, "auto")
            except NoSandbox:  # each scenario says so, or is skipped
                return untested_lanes(words, "auto")
        except (GlibcError, PlanError, LaneError, SandboxError) as problem:
            text = str(problem).removeprefix("--glibc: ")
            raise pytest.UsageError(f"{where}: {text}{self._hint(problem)}") from None
        except OSError as problem:  # of the cache folder
            raise pytest.UsageError(f"{where}: {words}: {problem}") from None

    def _hint(self, problem: Exception) -> str:
        from harness.glibcs import GlibcMissing

        if isinstance(problem, GlibcMissing) and "fetch" in problem.hint and not self.fetches:
            return " (or let pytest do that: --gai-fetch)"
        return ""

    def _fetch_missing(self, words: str) -> None:
        if not self.fetches:
            return
        from harness.glibcs import GlibcMissing, fetch, fetch_emulator, find

        for word in filter(None, (word.strip() for word in words.split(","))):
            try:
                builds = find(word)
            except GlibcMissing:
                self._say(f"gai-harness: fetching glibc {word}")
                builds = [fetch(word)]
            for build in builds:
                fetch_emulator(build)  # where it is missing, and needed

    def _say(self, line: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(line)

    @cached_property
    def gai_confs(self) -> tuple[GaiConf, ...]:
        """The gai.conf files to run under; none where each scenario's own is meant."""
        from harness.compare.plan import PlanError, load_gai_conf

        given: Sequence[str] | None = self._config.option.gai_conf
        words = list(dict.fromkeys(given or self._config.getini("gai_conf")))
        where = "--gai-conf" if given else "gai_conf"
        confs = []
        for word in words:
            # what the ini file names lies beside it, wherever pytest was started
            beside = self._config.rootpath / word
            path = str(beside) if not given and beside.is_file() else word
            try:
                confs.append(replace(load_gai_conf(path), name=word))
            except PlanError as problem:
                raise pytest.UsageError(f"{where}: {problem}") from None
        short = [conf.name.rpartition("/")[2] for conf in confs]
        return tuple(
            replace(conf, name=name) if short.count(name) == 1 else conf
            for conf, name in zip(confs, short, strict=True)
        )

    @property
    def fetches(self) -> bool:
        """Whether a missing glibc is fetched."""
        return bool(self._config.option.gai_fetch or self._config.getini("gai_fetch"))

    @property
    def skips_without_sandbox(self) -> bool:
        """Whether tests are skipped where no sandbox can be made; else they fail."""
        word = self._config.option.gai_no_sandbox or self._config.getini("gai_no_sandbox")
        if word not in ("fail", "skip"):
            raise pytest.UsageError(f"gai_no_sandbox: fail or skip was expected, got {word!r}")
        return bool(word == "skip")

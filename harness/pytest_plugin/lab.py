"""What one pytest session has of gai-harness: what its options name, and its sandboxes."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import pytest

from harness.compare.evidence import LaneSpec, NamedGaiConf
from harness.compare.plan import PlanError, lanes_for, load_gai_conf
from harness.compare.run import visit
from harness.glibcs import GlibcError, GlibcMissing, fetch, fetch_emulator, find
from harness.native.record import LaneError
from harness.sandbox import NoSandbox, Pool, SandboxError, SandboxUnavailable
from harness.text.shown import one_line

_KEY = pytest.StashKey["Lab"]()


class Lab:
    """What the command line says, or else the ini file, and the sandboxes of one session.

    What is read of the options raises pytest.UsageError, one line, for what cannot be used.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @cached_property
    def lanes(self) -> tuple[LaneSpec, ...]:
        """The builds of glibc to run on, oldest first."""
        option = self._config.option
        asked = str(option.gai_resolver or self._config.getini("gai_resolver"))
        given: str | None = option.gai_glibc
        if given is not None:
            return self.lanes_for(given, "--gai-glibc", asked)
        where = "gai_glibc"
        if asked != "glibc":
            where = "--gai-resolver" if option.gai_resolver else "gai_resolver"
        return self.lanes_for(str(self._config.getini("gai_glibc")), where, asked)

    def lanes_for(self, words: str, where: str, resolver: str = "glibc") -> tuple[LaneSpec, ...]:
        """The builds that ``words`` of --glibc, written at ``where``, and of --resolver name."""
        try:
            if self._fetches:
                self._fetch_missing(words)
            try:
                return lanes_for(words, "auto", resolver=resolver)
            except NoSandbox:  # each scenario says so, or is skipped
                return lanes_for(words, "auto", tested=False, resolver=resolver)
        except (GlibcError, PlanError, LaneError, SandboxError) as problem:
            text = str(problem).removeprefix("--glibc: ")
            if getattr(problem, "fetch", ()) and not self._fetches:
                text += " (or let pytest do that: --gai-fetch)"
            raise pytest.UsageError(f"{where}: {text}") from None
        except OSError as problem:  # of the cache folder
            raise pytest.UsageError(f"{where}: {words}: {problem}") from None

    @property
    def _fetches(self) -> bool:
        return bool(self._config.option.gai_fetch or self._config.getini("gai_fetch"))

    def _fetch_missing(self, words: str) -> None:
        for word in filter(None, (word.strip() for word in words.split(","))):
            try:
                builds = find(word)
            except GlibcMissing:
                reporter = self._config.pluginmanager.get_plugin("terminalreporter")
                if reporter is not None:
                    reporter.ensure_newline()
                    reporter.write_line(f"gai-harness: fetching glibc {word}")
                builds = [fetch(word)]
            for build in builds:
                fetch_emulator(build)  # where it is missing, and needed

    @cached_property
    def gai_confs(self) -> tuple[NamedGaiConf, ...]:
        """The gai.conf files to run under; none where each scenario's own is meant."""
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
    def skips_without_sandbox(self) -> bool:
        """Whether tests are skipped where no sandbox can be made; else they fail."""
        word = self._config.option.gai_no_sandbox or self._config.getini("gai_no_sandbox")
        if word not in ("fail", "skip"):
            raise pytest.UsageError(f"gai_no_sandbox: fail or skip was expected, got {word!r}")
        return bool(word == "skip")

    def header(self) -> list[str]:
        """Which builds of glibc, where they are from, and which gai.conf files: lines to print."""
        builds = ", ".join(f"{one.version} {one.arch} ({one.build})" for one in self.lanes)
        confs = ", ".join(one.name for one in self.gai_confs)
        said = [f"gai-harness: glibc {builds}", *([f"gai-harness: gai.conf {confs}"] * bool(confs))]
        return [one_line(line) for line in said]

    @cached_property
    def pool(self) -> Pool:
        """The process that makes sandboxes. Raises SandboxUnavailable where there are none."""
        pool = Pool().__enter__()
        self._config.add_cleanup(pool.close)
        return pool

    @cached_property
    def unavailable(self) -> SandboxUnavailable | None:
        """Why this host makes no sandbox; None where it does."""
        try:
            list(self.pool.run(visit, None))
        except SandboxUnavailable as problem:
            return problem
        return None

    def give_up(self, problem: SandboxUnavailable) -> str:
        """The one line for a test that this host cannot run.

        Raises pytest's own Skipped where the options prefer that.
        """
        line = f"this host cannot make the private network of this test: {problem}"
        if self.skips_without_sandbox:
            pytest.skip(line)
        return f"{line} (--gai-no-sandbox=skip leaves such tests out)"


def lab_of(config: pytest.Config) -> Lab:
    """The laboratory of this session; one that was never used costs nothing."""
    return config.stash.setdefault(_KEY, Lab(config))


def check_markers(item: pytest.Item) -> None:
    """Skip a test whose markers ask for what is not on this host."""
    lab = lab_of(item.config)
    for mark in item.iter_markers("gai_glibc"):
        if not mark.args or mark.kwargs or not all(isinstance(arg, str) for arg in mark.args):
            pytest.fail('gai_glibc: versions as text were expected, such as "2.41"', pytrace=False)
        for word in mark.args:
            try:
                lab.lanes_for(word, "gai_glibc")
            except pytest.UsageError as problem:
                pytest.skip(str(problem))
    if item.get_closest_marker("gai_namespaces") is not None and lab.unavailable is not None:
        pytest.skip(f"no private networks here: {lab.unavailable}")

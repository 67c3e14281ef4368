"""Hosts for people's own tests: `gai_host` builds them, `HostBox` runs code inside."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pytest

from harness.compare.persistent_host import Standing, stand
from harness.compare.plan import PlanError
from harness.compare.run import JobOutcome
from harness.native import bundled_module
from harness.pytest_plugin import children, freshness
from harness.pytest_plugin.hosts import OWN, GaiConfWords, scenario_of
from harness.pytest_plugin.lab import Lab, lab_of
from harness.sandbox import SandboxError, SandboxUnavailable
from harness.sandbox.pool import RESOLVER_VARIABLES
from harness.scenario import ScenarioError

if TYPE_CHECKING:
    from harness.compare.results import LookupReport
    from harness.compare.run import HostJob
    from harness.sandbox import Pool
    from harness.scenario import LoadedScenario

T = TypeVar("T")


class HostBox:
    """A host in a private network, for code of one's own; `gai_host` builds it.

    Inside, the code is root of its own network, host name and /etc, whose files of name
    service are the host's; all other files are this machine's. ``loaded`` is the scenario.
    """

    def __init__(self, pool: Pool, loaded: LoadedScenario) -> None:
        self.loaded = loaded
        self._stack = ExitStack()
        try:
            spec = Standing(loaded.scenario, loaded.gai_conf)
            self._conversation = self._stack.enter_context(pool.converse(stand, spec))
            self.devices: tuple[str, ...] = self._conversation.receive()
            self._doors = self._stack.enter_context(self._conversation.doors())
        except BaseException:
            self._stack.close()
            raise
        self._matters = freshness.matters(loaded.gai_conf)

    def run(self, function: Callable[..., T], *args: Any, timeout: float | None = None) -> T:
        """Call ``function(*args)`` in a forked child inside the host; return what it returns.

        Closures and lambdas work; the result has to be picklable. What the function raises
        is raised here, with the child's traceback as a note.
        Raises TimeoutError after ``timeout`` seconds, ChildError for a process that died,
        StaleGaiConf where this pytest process has read another gai.conf before (see
        docs/pytest.md).
        """
        __tracebackhide__ = True
        work = partial(self._inside, partial(function, *args))
        result: T = children.call(self._enter, work, timeout)
        return result

    def command(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        timeout: float | None = None,
        input: str | None = None,  # noqa: A002 (subprocess.run's word)
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside the host, its output captured as text.

        Parameters: as for `subprocess.run`; ``timeout`` in seconds. Raises as that does.
        """
        __tracebackhide__ = True
        if isinstance(argv, (str, bytes)):
            raise TypeError("box.command: a list of words was expected")
        variables = dict(os.environ if env is None else env)
        if self.loaded.scenario.resolver == "nss":
            # glibc takes a loaded name service module by its soname
            variables["LD_PRELOAD"] = str(bundled_module())
        work = partial(
            subprocess.run,
            [os.fspath(word) for word in argv],
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            input=input,
            env={k: v for k, v in variables.items() if k not in RESOLVER_VARIABLES},
            cwd=cwd,
            check=check,
        )
        done: subprocess.CompletedProcess[str] = children.call(self._enter, work, None)
        return done

    def ask(self, job: HostJob) -> tuple[LookupReport, ...]:
        """The reports of look-ups on this host as it is now. Raises SandboxError."""
        self._conversation.send(job)
        outcome = self._conversation.receive()
        assert isinstance(outcome, JobOutcome)
        if outcome.error is not None:
            raise outcome.error
        return tuple(outcome.reports)

    def close(self) -> None:
        """End the host with every process in it; harmless when repeated."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _enter(self) -> None:
        """In the child: into the sandbox, in the folder where it was."""
        here = Path.cwd()
        self._doors.enter()
        try:
            os.chdir(here)
        except OSError:  # hidden in there, as all under /run
            os.chdir("/")

    def _inside(self, function: Callable[[], T]) -> T:
        """In the sandbox's process tree: make this process one that sees the host's names."""
        for variable in RESOLVER_VARIABLES:
            os.environ.pop(variable, None)
        if self._matters:
            freshness.check()
        if self.loaded.scenario.resolver == "nss":
            import ctypes

            ctypes.CDLL(str(bundled_module()))
        return function()


class Builder:
    """The fixture `gai_host`: called with a host, it gives its `HostBox`."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._lab: Lab = lab_of(request.config)
        here = request.path.parent
        self.folders = (here, request.config.rootpath, request.config.invocation_params.dir)
        self._stack = ExitStack()

    @property
    def lab(self) -> Lab:
        """The session's laboratory."""
        return self._lab

    def __call__(
        self,
        host: object,
        *,
        names: Mapping[str, Sequence[str]] | None = None,
        resolver: str | None = None,
        gai_conf: GaiConfWords = OWN,
    ) -> HostBox:
        """Build a host; it stands until the test ends.

        Parameters: ``host`` a scenario file, a name of the built-in library, or the words of
        a scenario or of its ``host`` as a mapping or YAML text. ``names``, ``resolver`` and
        ``gai_conf`` (text, bytes, a file, or None for none) replace the scenario's.
        Raises ScenarioError for words that are none, SandboxError for a host that the
        kernel refuses.
        """
        __tracebackhide__ = True
        try:
            loaded = scenario_of(host, self.folders, names, resolver, gai_conf)
            return self._stack.enter_context(HostBox(self._lab.pool, loaded))
        except SandboxUnavailable as problem:
            line = self._lab.give_up(problem)
        except (ScenarioError, PlanError, SandboxError) as problem:
            raise problem.with_traceback(None) from None  # the one line says it all
        return pytest.fail(line, pytrace=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

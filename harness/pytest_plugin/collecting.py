"""Scenario files as collectors, their look-ups as test items."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.compare.plan import make_jobs
from harness.pytest_plugin.examining import Examined, Findings, Spot, examine_spots
from harness.pytest_plugin.explained import Crash, Explained
from harness.pytest_plugin.failing import explain_error, explain_result
from harness.pytest_plugin.lab import Lab, is_worker, lab_of
from harness.pytest_plugin.naming import item_name, lane_names, lookup_names
from harness.pytest_plugin.properties import properties_of
from harness.sandbox import SandboxError, SandboxUnavailable
from harness.scenario import ScenarioError, load

if TYPE_CHECKING:
    from harness.compare.run import HostJob


class LookupFailed(Exception):
    """A look-up that is not as it should be; pytest shows the explanation instead."""

    def __init__(self, explained: Explained) -> None:
        super().__init__(explained.reprcrash.message)
        self.explained = explained


class GaiFile(pytest.File):
    """One scenario. Its host is built once for all of its items that were selected."""

    def collect(self) -> Iterator[pytest.Item]:
        """An item for each look-up, gai.conf and glibc."""
        lab = lab_of(self.config)
        try:
            loaded = load(self.path)
        except ScenarioError as problem:
            raise self.CollectError(_named(problem, self.nodeid)) from None
        try:
            lanes, confs = lab.settings.lanes, lab.settings.gai_confs
            _ = lab.settings.skips_without_sandbox
        except pytest.UsageError as problem:
            if is_worker(self.config):  # which cannot end the whole session
                raise self.CollectError(str(problem)) from None
            lab.refusal = problem
            return
        (self._job,) = make_jobs([loaded], lanes, confs)
        self._findings: Findings = {}
        lookups, builds = lookup_names(loaded.scenario.lookups), lane_names(lanes)
        for lookup, title in enumerate(lookups):
            for conf, gai_conf in enumerate(self._job.gai_confs):
                for lane, build in enumerate(builds):
                    name = item_name(title, build, gai_conf.name if confs else "")
                    yield GaiItem.from_parent(
                        self,
                        name=name,
                        # pytest 9.2 takes the brackets of a name alone for a part of the name,
                        # and so finds no item again by its id, in --lf for one
                        nodeid=f"{self.nodeid}::{name}",
                        spot=Spot(lookup, conf, lane),
                    )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The one line of a file that cannot be used."""
        if isinstance(excinfo.value, self.CollectError):
            line = str(excinfo.value)
            return Explained(Crash(self.nodeid, 0, line), (line,))
        del style  # which a collector of pytest's does not take
        return super().repr_failure(excinfo)

    @property
    def job(self) -> HostJob:
        """The whole file as a job."""
        return self._job

    def setup(self) -> None:
        """Build the host and make the look-ups of all items that were selected."""
        items = [item for item in self.session.items if item.parent is self]
        self._examine([item.spot for item in items if isinstance(item, GaiItem)])

    def found(self, spot: Spot) -> Examined | SandboxError:
        """What was found for one item."""
        self._examine([spot])
        return self._findings[spot]

    def _examine(self, wanted: list[Spot]) -> None:
        new = [spot for spot in wanted if spot not in self._findings]
        if not new:
            return
        lab = lab_of(self.config)
        try:
            self._findings |= examine_spots(lab.pool, self._job, new)
        except SandboxUnavailable as problem:
            self._findings |= dict.fromkeys(new, problem)


class GaiItem(pytest.Item):
    """One look-up on one glibc under one gai.conf."""

    def __init__(self, *, spot: Spot, **rest: Any) -> None:
        super().__init__(**rest)
        self.spot = spot
        assert isinstance(self.parent, GaiFile)
        self._file = self.parent
        self.extra_keyword_matches.add(self._file.job.scenario.name)

    def runtest(self) -> None:
        """Fail unless native and model agree and every expectation holds."""
        found = self._file.found(self.spot)
        if isinstance(found, SandboxUnavailable):
            line = self._lab.give_up(found)
            raise LookupFailed(explain_error(SandboxError(line), *self._place))
        if isinstance(found, SandboxError):
            raise LookupFailed(explain_error(found, *self._place))
        self.user_properties += properties_of(found)
        if found.result.untrusted:
            pytest.skip(f"not counted: {found.result.untrusted}")
        if found.result.failed:
            raise LookupFailed(explain_result(found, *self._place))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The explanation of a failure."""
        if isinstance(excinfo.value, LookupFailed):
            return excinfo.value.explained
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The file, the look-up's line in it from 0, and a title."""
        line = self._place[1]
        title = f"{self._file.job.scenario.name}: {self.name}"
        return self.path, line - 1 if line else None, title

    @property
    def _lab(self) -> Lab:
        return lab_of(self.config)

    @property
    def _place(self) -> tuple[str, int]:
        """The file as pytest shows it, and the look-up's line from 1, 0 for unknown."""
        lines = self._file.job.lines
        line = lines[self.spot.lookup] if self.spot.lookup < len(lines) else 0
        return self._file.nodeid, line


def _named(problem: ScenarioError, file: str) -> str:
    """The one line of a scenario error, with the file as pytest shows it."""
    return str(ScenarioError(file, problem.line, problem.field, problem.expected, problem.got))

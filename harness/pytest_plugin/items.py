"""Scenario files as collectors, their look-ups as test items, and how they are run."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from _pytest._code.code import ReprExceptionInfo

from harness.compare.evidence import LaneSpec
from harness.compare.open_lane import lacks_module
from harness.compare.plan import make_jobs
from harness.compare.predict import lookup_title
from harness.compare.run import HostJob, examine
from harness.glibcs.catalog import native_arch
from harness.pytest_plugin import reporting
from harness.pytest_plugin.lab import lab_of
from harness.pytest_plugin.reporting import Examined
from harness.report.words import unused_name
from harness.sandbox import Pool, SandboxError, SandboxUnavailable
from harness.scenario import ScenarioError, load
from harness.scenario.schema import Lookup
from harness.text.shown import lines, one_line


class Spot(NamedTuple):
    """One test item: the positions of its look-up, gai.conf and build in the file's job."""

    lookup: int
    gai_conf: int
    lane: int


Findings = dict[Spot, Examined | SandboxError]


class LookupFailed(Exception):
    """A look-up that is not as it should be; pytest shows the explanation instead."""

    def __init__(self, explained: ReprExceptionInfo) -> None:
        super().__init__(explained)
        self.explained = explained


class GaiFile(pytest.File):
    """One scenario. Its host is built once for all of its items that were selected."""

    def collect(self) -> Iterator[pytest.Item]:
        """An item for each look-up, gai.conf and glibc."""
        lab = lab_of(self.config)
        try:
            loaded = load(self.path)
        except ScenarioError as problem:
            problem.file = self.nodeid  # as pytest shows it
            raise self.CollectError(str(problem)) from None
        try:
            lanes, confs = lab.lanes, lab.gai_confs
            _ = lab.skips_without_sandbox
        except pytest.UsageError as problem:
            if reporting.is_worker(self.config):  # which cannot end the whole session
                raise self.CollectError(str(problem)) from None
            self.config.stash[reporting.REFUSAL] = problem
            return
        (self.job,) = make_jobs([loaded], lanes, confs)
        unasked = self.job.not_asked
        self._findings: Findings = {}
        titles = enumerate(lookup_names(loaded.scenario.lookups))
        builds = dict(zip(lanes, lane_names(lanes), strict=True))
        for each in self.job.left_out:
            self.warn(pytest.PytestCollectionWarning(f"left out: {lacks_module(each)}"))
        for (lookup, title), (conf, gai_conf), (lane, spec) in product(
            titles, enumerate(self.job.gai_confs), enumerate(self.job.lanes)
        ):
            if (lane, lookup) not in unasked:
                name = item_name(title, builds[spec], gai_conf.name if confs else "")
                # pytest 9.2 takes the brackets of a name alone for a part of the name, and so
                # finds no item again by its id, in --lf for one
                nodeid, spot = f"{self.nodeid}::{name}", Spot(lookup, conf, lane)
                yield GaiItem.from_parent(self, name=name, nodeid=nodeid, spot=spot)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The one line of a file that cannot be used."""
        if isinstance(excinfo.value, self.CollectError):
            return reporting.shown(self.nodeid, 0, [str(excinfo.value)])
        del style  # which a collector of pytest's does not take
        return super().repr_failure(excinfo)

    def found(self, spot: Spot) -> Examined | SandboxError:
        """What was found for one item; the first one that asks has all that were selected asked."""
        if spot not in self._findings:
            items = (item for item in self.session.items if item.parent is self)
            wanted = {spot, *(item.spot for item in items if isinstance(item, GaiItem))}
            try:
                self._findings |= examine_spots(lab_of(self.config).pool, self.job, wanted)
            except SandboxUnavailable as problem:
                self._findings |= dict.fromkeys(wanted, problem)
        return self._findings[spot]


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
            found = SandboxError(lab_of(self.config).give_up(found))
        if isinstance(found, SandboxError):
            said = [one_line(str(found))], lines(found.details)
            raise LookupFailed(reporting.shown(*self._place, *said))
        self.user_properties += reporting.properties_of(found)
        if found.result.untrusted:
            pytest.skip(f"not counted: {found.result.untrusted}")
        if found.result.failed:
            raise LookupFailed(reporting.explain_result(found, *self._place))

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
    def _place(self) -> tuple[str, int]:
        """The file as pytest shows it, and the look-up's line from 1, 0 for unknown."""
        lines = self._file.job.lines
        line = lines[self.spot.lookup] if self.spot.lookup < len(lines) else 0
        return self._file.nodeid, line


def examine_spots(pool: Pool, job: HostJob, wanted: Collection[Spot]) -> Findings:
    """Build the host once and look up what is wanted: each spot's result, or the error in its way.

    If one build of glibc cannot be used, the others are still asked: they are tried one by one.
    """
    lookups, confs, lanes = (sorted(set(axis)) for axis in zip(*wanted, strict=True))
    scenario = job.scenario
    if any(lookup.after for lookup in scenario.lookups[: lookups[-1] + 1]):
        lookups = list(range(lookups[-1] + 1))  # what the process has read by then counts
    part = replace(
        job,
        scenario=scenario.model_copy(
            update={"lookups": tuple(scenario.lookups[number] for number in lookups)}
        ),
        lines=tuple(job.lines[number] for number in lookups if number < len(job.lines)),
        gai_confs=tuple(job.gai_confs[number] for number in confs),
        lanes=tuple(job.lanes[number] for number in lanes),
    )
    unasked = job.not_asked
    asked = {
        lookup: [lane for lane in lanes if (lane, lookup) not in unasked] for lookup in lookups
    }
    (outcome,) = pool.outcomes(examine, [part])
    found: Findings = {}
    places = [(lookup, conf) for conf in confs for lookup in lookups if asked[lookup]]
    # shorter where the host was ended by an error
    for (lookup, conf), report in zip(places, outcome.values, strict=False):
        for lane, result in zip(asked[lookup], report.results, strict=True):
            found[Spot(lookup, conf, lane)] = Examined(result, report)
    problem, left = outcome.error, [spot for spot in wanted if spot not in found]
    if problem is None or not left:
        return found
    lanes = sorted({spot.lane for spot in left})
    if len(lanes) == 1 or isinstance(problem, SandboxUnavailable):
        return found | dict.fromkeys(left, problem)
    for lane in lanes:
        found |= examine_spots(pool, job, [spot for spot in left if spot.lane == lane])
    return found


def lookup_names(lookups: Sequence[Lookup]) -> list[str]:
    """A name for each look-up of a file: "web", "web+inet6", "web#2" for the same once more."""
    taken: dict[str, int] = {}
    return [unused_name(lookup_title(each).replace(" ", "+"), taken, "#") for each in lookups]


def lane_names(lanes: Sequence[LaneSpec]) -> list[str]:
    """A name for each build: "2.36", "2.36:armhf", "2.36-host" beside another 2.36."""
    own = native_arch()
    often = Counter((lane.version, lane.arch) for lane in lanes)
    names = []
    for lane in lanes:
        name = lane.version if lane.arch == own else f"{lane.version}:{lane.arch}"
        name = name.replace(" ", "-")
        if often[lane.version, lane.arch] > 1:
            name += "-" + re.sub(r"[^\w.+-]+", "-", lane.label)
        names.append(name)
    return names


def item_name(lookup: str, lane: str, gai_conf: str) -> str:
    """The last part of a node id: "web[2.36]" or "web[2.36-prefer-ipv4.conf]".

    ``FILE::web`` then selects all builds. pytest splits ids at "::" and "[", so a look-up
    with these in its name, such as an IPv6 address, stands behind the bracket.
    """
    build = f"{lane}-{gai_conf}" if gai_conf else lane
    if "::" in lookup or "[" in lookup:
        return f"lookup[{lookup}-{build}]"
    return f"{lookup}[{build}]"

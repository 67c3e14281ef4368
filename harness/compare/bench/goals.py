"""What the harness costs, as ratios with a goal each: under keys that do not change.

Every ratio is of one run. Rates and times are of processor time, but for ``cores``, which the
clock alone can show.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import computed_field

from harness.compare import plan
from harness.compare.bench.curve import Point
from harness.compare.evidence import LaneSpec
from harness.compare.run import HostJob, bare, visit
from harness.native.record import LaneError
from harness.sandbox import Pool
from harness.scenario import library

_STARTS = 5  # of each program; the fastest counts
_TURNS = 3  # of one job and of two; the fastest counts
_ALL_GLIBCS = 5  # that the goal of the fuzz loop on several is for
_CLI = (sys.executable, "-P", "-m", "harness")


@dataclass(frozen=True, slots=True)
class Ratio:
    """One ratio and what it should be: ``goal`` at least, or at most; None for no goal.

    ``key`` is one of `WORDS`.
    """

    key: str
    value: float
    goal: float | None = None
    at_most: bool = False

    @computed_field  # type: ignore[prop-decorator]
    @property
    def reached(self) -> float | None:
        """How much of the goal is reached: 1 and more is all of it. None without one."""
        if self.goal is None:
            return None
        return self.goal / self.value if self.at_most else self.value / self.goal


WORDS = {
    "prepared": "engine on prepared cases, in rates of the bare loop, the slowest glibc",
    "whole": "whole fuzz loop, in rates of the bare loop, the slowest glibc",
    "together": "whole fuzz loop on every glibc measured, in rates of the bare loop",
    "model": "model, in native calls, at its slowest number of destinations",
    "cores": "fuzz by the clock, two jobs in rates of one",
    "start": "run seed-rule9-dual-stack, in starts of an empty Python",
    "library": "run of the library, in its hosts and look-ups alone",
    "suite": "run --suite rule9 on every glibc measured, in its hosts and look-ups alone",
}
"""What each key stands for."""


def of_engine(
    prepared: Sequence[float], whole: Sequence[float], together: float, points: Sequence[Point]
) -> Iterator[Ratio]:
    """The ratios of what was measured in sandboxes; of each glibc one of the first two."""
    yield Ratio("prepared", min(prepared), 0.8)
    yield Ratio("whole", min(whole), 0.45)
    yield Ratio("together", together, 0.7 if len(whole) >= _ALL_GLIBCS else None)
    yield Ratio("model", max(point.ratio for point in points), 0.25, at_most=True)


def of_commands(cases: int) -> Iterator[Ratio]:
    """The ratios of whole commands, those that fuzz asking ``cases``: the same batches, since
    one may take as long as thirty others. Raises LaneError where one fails.
    """
    turns = [[_fuzzed(jobs, cases) for jobs in (1, 2)] for _ in range(_TURNS)]
    one, two = map(max, zip(*turns, strict=True))
    yield Ratio("cores", two / one, 1.8 if (os.cpu_count() or 1) > 1 else None)
    run = min(_processor(*_CLI, "run", "seed-rule9-dual-stack") for _ in range(_STARTS))
    empty = min(_processor(sys.executable, "-P", "-c", "pass") for _ in range(_STARTS))
    yield Ratio("start", run / empty, 28, at_most=True)


def of_runs(lanes: Sequence[LaneSpec], glibc: str, quick: bool) -> Iterator[Ratio]:
    """The ratios of whole runs, which ``quick`` makes of a few hosts, where the start counts for
    more and no goal stands; ``glibc`` names ``lanes``.

    Raises LaneError where one fails.
    """
    scenarios = plan.load_scenarios(library()[::40] if quick else ())
    names = [one.scenario.name for one in scenarios] if quick else []
    own = plan.lanes_for("host", "auto")
    whole = _processor(*_CLI, "run", *names)
    alone = _alone(plan.make_jobs(scenarios, own))
    yield Ratio("library", whole / alone, None if quick else 3, at_most=True)
    suite = "smoke" if quick else "rule9"
    command = "run", "--suite", suite, "--glibc", glibc, "--lane", "worker"
    jobs = plan.make_jobs(plan.load_suite(suite), tuple(lanes))
    whole = _processor(*_CLI, *command)
    yield Ratio("suite", whole / _alone(jobs), None if quick else 4.2, at_most=True)


def _alone(jobs: Sequence[HostJob]) -> float:
    """The processor time of the hosts and look-ups of jobs, without the start of a Python."""
    times = []
    for work, specs in ((visit, [None]), (bare, jobs)):
        before = ended()
        with Pool(1) as pool:
            for _ in pool.outcomes(work, specs, kept=True):
                pass  # a host that this kernel refuses costs the run as little
        times.append(ended() - before)
    return times[1] - times[0]


def ended() -> float:
    """The processor time of this process's children that have ended, and of theirs, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fuzzed(jobs: int, cases: int) -> float:
    """Cases a second by the clock."""
    said = _output(*_CLI, "fuzz", "--json", "--jobs", str(jobs), "--cases", str(cases))
    found = json.loads(said)
    return float(found["cases"] / found["seconds"])


def _processor(*command: str) -> float:
    """The processor time of a command and of all its processes, in seconds."""
    before = ended()
    _output(*command)
    return ended() - before


def _output(*command: str) -> bytes:
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise LaneError(f"{' '.join(command)} ended with status {done.returncode}")
    return done.stdout

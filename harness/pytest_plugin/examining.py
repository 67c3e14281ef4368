"""Running the look-ups of one scenario that were selected, in one sandbox where possible."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from harness.compare.run import examine
from harness.sandbox import SandboxUnavailable

if TYPE_CHECKING:
    from harness.compare.results import LookupReport, Result
    from harness.compare.run import HostJob
    from harness.sandbox import Pool, SandboxError


class Spot(NamedTuple):
    """One test item: the positions of its look-up, gai.conf and build in the file's job."""

    lookup: int
    gai_conf: int
    lane: int


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found for one item: its result, and the report it is a part of."""

    result: Result
    report: LookupReport


Findings = dict[Spot, "Examined | SandboxError"]


def examine_spots(pool: Pool, job: HostJob, wanted: Collection[Spot]) -> Findings:
    """Build the host once and look up what is wanted.

    Every spot gets its result, or the error that kept it from having one. A build of glibc
    that cannot be used keeps the others of the same host from nothing: they are then tried
    one by one.
    """
    found, problem = _run(pool, job, wanted)
    left = [spot for spot in wanted if spot not in found]
    if problem is None or not left:
        return found
    lanes = sorted({spot.lane for spot in left})
    if len(lanes) == 1 or isinstance(problem, SandboxUnavailable):
        return found | dict.fromkeys(left, problem)
    for lane in lanes:
        found |= examine_spots(pool, job, [spot for spot in left if spot.lane == lane])
    return found


def _run(
    pool: Pool, job: HostJob, wanted: Collection[Spot]
) -> tuple[Findings, SandboxError | None]:
    lookups, confs, lanes = (sorted(set(axis)) for axis in zip(*wanted, strict=True))
    scenario = job.scenario
    part = replace(
        job,
        scenario=scenario.model_copy(
            update={"lookups": tuple(scenario.lookups[number] for number in lookups)}
        ),
        lines=tuple(job.lines[number] for number in lookups if number < len(job.lines)),
        gai_confs=tuple(job.gai_confs[number] for number in confs),
        lanes=tuple(job.lanes[number] for number in lanes),
    )
    (outcome,) = pool.outcomes(examine, [part])
    found: Findings = {}
    places = [(lookup, conf) for conf in confs for lookup in lookups]
    # shorter where the host was ended by an error
    for (lookup, conf), report in zip(places, outcome.values, strict=False):
        for lane, result in zip(lanes, report.results, strict=True):
            found[Spot(lookup, conf, lane)] = Examined(result, report)
    return found, outcome.error

"""The batches of a seed, drawn and compared one after another or side by side."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness import sandbox
from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.engine import Engine
from harness.compare.fuzz.found import FuzzReport
from harness.sandbox import Pool, PoolOutcome
from harness.scenario.fuzz import Draw, batch_numbers, draw_batches

ROWS_EVERY = 8
"""One batch in so many also counts dialect rows and lines, which costs several batches' work."""


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """One batch to do: the seed's ``number``-th on ``lanes``."""

    seed: int
    number: int
    lanes: tuple[LaneSpec, ...]


def fuzz(
    lanes: Sequence[LaneSpec],
    seed: int,
    *,
    cases: int | None = None,
    seconds: float | None = None,
    jobs: int = 1,
    draw: Draw = "all",
) -> Iterator[FuzzReport]:
    """Compare until ``cases`` are done or ``seconds`` have passed, whichever comes first.

    Parameters: ``lanes`` the glibcs, called by their workers; ``seed`` determines every case,
    whatever ``jobs`` (sandboxes at a time) is, ``draw`` which of them are made. Yields the report
    of each batch, in order. Raises SandboxUnavailable where the machine allows no sandbox,
    SandboxError for a failure inside one.
    """
    specs = (BatchSpec(seed, number, tuple(lanes)) for number in numbers(seconds, draw))
    with Pool(jobs) as pool:
        yield from reports(pool.outcomes(examine, specs), seed, cases, draw)


def numbers(seconds: float | None, draw: Draw = "all") -> Iterator[int]:
    """The numbers of the batches to begin, until ``seconds`` have passed."""
    end = None if seconds is None else time.monotonic() + seconds
    for number in batch_numbers(draw):
        if end is not None and time.monotonic() >= end:
            return
        yield number


def reports(
    outcomes: Iterable[PoolOutcome], seed: int, cases: int | None, draw: Draw = "all"
) -> Iterator[FuzzReport]:
    """The reports of the batches, until ``cases`` are done.

    A host that the kernel refuses is a batch without cases; any other error is raised.
    """
    done = 0
    for number, outcome in zip(batch_numbers(draw), outcomes, strict=False):
        if outcome.error is None:
            report: FuzzReport = outcome.values[0]
        elif str(outcome.error).startswith("host."):
            report = FuzzReport(1, refused=(f"fuzz-{seed}-{number}: {outcome.error}",))
        else:
            raise outcome.error
        yield report
        done += report.cases
        if cases is not None and done >= cases:
            return


def examine(box: "sandbox.Box", spec: BatchSpec) -> Iterator[FuzzReport]:
    """Inside a sandbox: draw the batch and compare it, on the lanes with the modules it asks."""
    rows = spec.number % ROWS_EVERY == 0
    report = FuzzReport()
    able = tuple(lane for lane in spec.lanes if lane.myhostname)
    plain = all(lane.resolver != "glibc" for lane in spec.lanes)
    batches = draw_batches(spec.seed, spec.number, bool(able), plain)
    box.build(batches[0].host)
    for batch in batches:
        lanes = able if batch.asks_myhostname else spec.lanes
        with Engine(box, batch, lanes, rows=rows) as engine:
            report += engine.run()
    yield replace(report, batches=1)

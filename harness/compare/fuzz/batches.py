"""The batches of a seed, drawn and compared one after another or side by side."""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from harness import sandbox
from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.engine import Engine
from harness.compare.fuzz.found import FuzzReport
from harness.compare.run import Workers
from harness.sandbox import Pool
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
    pool: Workers | None = None,
) -> Generator[FuzzReport, None, None]:
    """Compare until ``cases`` are done or ``seconds`` have passed, whichever comes first.

    Parameters: ``lanes`` the glibcs, called by their workers; ``seed`` determines every case,
    whatever ``jobs`` (sandboxes at a time) is, ``draw`` which of them are made; ``pool`` who does
    the work in the place of a pool on this host, which it closes. Yields the report of each batch,
    in order; a host that the kernel refuses is a batch without cases. Raises SandboxUnavailable
    where the machine allows no sandbox, SandboxError for a failure inside one, and ClusterError.
    """
    end = None if seconds is None else time.monotonic() + seconds
    begun = takewhile(lambda _: end is None or time.monotonic() < end, batch_numbers(draw))
    specs = (BatchSpec(seed, number, tuple(lanes)) for number in begun)
    done = 0
    with pool or Pool(jobs) as opened:
        outcomes = opened.outcomes(examine, specs)
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

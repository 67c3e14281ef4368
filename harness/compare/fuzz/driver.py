"""Fuzzing: batch after batch of random cases, each batch in a sandbox of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING

from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.engine import BatchReport, Engine
from harness.compare.fuzz.tally import Counts
from harness.sandbox import Outcome, Pool
from harness.scenario.fuzz import draw_batch

if TYPE_CHECKING:
    from harness.compare.fuzz.engine import Disagreement
    from harness.sandbox import Box

ROWS_EVERY = 8
"""One batch in so many also counts dialect rows and lines, which costs several batches' work."""

_KEPT = 20  # a bug of the model shows in thousands of cases


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """One batch to do: the seed's ``number``-th on ``lanes``.

    ``mutation`` names a function (``module:function``) that changes the model first, in the
    sandbox's process only: how tests plant a bug.
    """

    seed: int
    number: int
    lanes: tuple[LaneSpec, ...]
    timeout: float = 10.0
    mutation: str | None = None


@dataclass(frozen=True, slots=True)
class FuzzReport:
    """The sum of batches. ``refused`` are hosts that the kernel would not build.

    ``disagreements`` are the first of the ``differing`` cases.
    """

    batches: int = 0
    cases: int = 0
    crashes: int = 0
    unasked: int = 0
    native_ns: int = 0
    differing: int = 0
    refused: tuple[str, ...] = ()
    counts: Counts = field(default_factory=Counts)
    disagreements: tuple[Disagreement, ...] = ()

    def plus(self, step: Step) -> FuzzReport:
        """This and one batch more."""
        report = step.report
        return FuzzReport(
            self.batches + 1,
            self.cases + report.cases,
            self.crashes + report.crashes,
            self.unasked + report.unasked,
            self.native_ns + report.native_ns,
            self.differing + report.differing,
            self.refused + ((f"{report.title}: {step.refused}",) if step.refused else ()),
            self.counts + report.counts,
            (self.disagreements + report.disagreements)[:_KEPT],
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One batch done, or ``refused`` by the kernel with its words."""

    report: BatchReport
    refused: str = ""


def fuzz(
    lanes: Sequence[LaneSpec],
    seed: int,
    *,
    cases: int | None = None,
    seconds: float | None = None,
    jobs: int = 1,
    timeout: float = 10.0,
    mutation: str | None = None,
    first: int = 0,
) -> Iterator[Step]:
    """Compare until ``cases`` are done or ``seconds`` have passed, whichever comes first.

    Parameters: ``lanes`` the glibcs, called by their workers; ``seed`` with ``first``, the
    number of the first batch, determines every case, whatever ``jobs`` (sandboxes at a time)
    is; ``mutation`` see `BatchSpec`. Yields batches in order. Raises SandboxUnavailable
    where the machine allows no sandbox, SandboxError for a failure inside one.
    """
    specs = (
        BatchSpec(seed, number, tuple(lanes), timeout, mutation)
        for number in numbers(seconds, first)
    )
    with Pool(jobs) as pool:
        yield from steps(pool.outcomes(examine, specs), seed, cases, first)


def numbers(seconds: float | None, first: int = 0) -> Iterator[int]:
    """The numbers of the batches to begin, from ``first`` until ``seconds`` have passed."""
    end = None if seconds is None else time.monotonic() + seconds
    for number in count(first):
        if end is not None and time.monotonic() >= end:
            return
        yield number


def steps(
    outcomes: Iterable[Outcome], seed: int, cases: int | None, first: int = 0
) -> Iterator[Step]:
    """The batches of the outcomes, until ``cases`` are done.

    A host that the kernel refuses is a batch without cases; any other error is raised.
    """
    done = 0
    for number, outcome in enumerate(outcomes, first):
        if outcome.error is None:
            step = Step(outcome.values[0])
        elif str(outcome.error).startswith("host."):
            step = Step(BatchReport(f"fuzz-{seed}-{number}"), str(outcome.error))
        else:
            raise outcome.error
        yield step
        done += step.report.cases
        if cases is not None and done >= cases:
            return


def examine(box: Box, spec: BatchSpec) -> Iterator[BatchReport]:
    """Inside a sandbox: draw the batch and compare it."""
    mutate(spec.mutation)
    batch = draw_batch(spec.seed, spec.number)
    rows = spec.number % ROWS_EVERY == 0
    with Engine(box, batch, spec.lanes, spec.timeout, rows=rows) as engine:
        yield engine.run()


def mutate(mutation: str | None) -> None:
    """Change the model in this process as ``module:function`` does. None changes nothing."""
    if mutation is not None:
        module, _, function = mutation.partition(":")
        getattr(import_module(module), function)()

"""Fuzzing: batch after batch of random cases, each batch in a sandbox of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.engine import Disagreement, Engine, FuzzReport
from harness.compare.predict import lookup_title
from harness.sandbox import Outcome, Pool
from harness.scenario.fuzz import draw_batch
from harness.scenario.load import as_yaml

if TYPE_CHECKING:
    from harness.sandbox import Box

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
) -> Iterator[FuzzReport]:
    """Compare until ``cases`` are done or ``seconds`` have passed, whichever comes first.

    Parameters: ``lanes`` the glibcs, called by their workers; ``seed`` determines every case,
    whatever ``jobs`` (sandboxes at a time) is. Yields the report of each batch, in order. Raises
    SandboxUnavailable where the machine allows no sandbox, SandboxError for a failure inside one.
    """
    specs = (BatchSpec(seed, number, tuple(lanes)) for number in numbers(seconds))
    with Pool(jobs) as pool:
        yield from reports(pool.outcomes(examine, specs), seed, cases)


def numbers(seconds: float | None) -> Iterator[int]:
    """The numbers of the batches to begin, until ``seconds`` have passed."""
    end = None if seconds is None else time.monotonic() + seconds
    for number in count():
        if end is not None and time.monotonic() >= end:
            return
        yield number


def reports(outcomes: Iterable[Outcome], seed: int, cases: int | None) -> Iterator[FuzzReport]:
    """The reports of the batches, until ``cases`` are done.

    A host that the kernel refuses is a batch without cases; any other error is raised.
    """
    done = 0
    for number, outcome in enumerate(outcomes):
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


def examine(box: Box, spec: BatchSpec) -> Iterator[FuzzReport]:
    """Inside a sandbox: draw the batch and compare it."""
    batch = draw_batch(spec.seed, spec.number)
    rows = spec.number % ROWS_EVERY == 0
    with Engine(box, batch, spec.lanes, rows=rows) as engine:
        yield engine.run()


def write_scenario(found: Disagreement, folder: Path, name: str, origin: str = "") -> Path:
    """Write a disagreement as the scenario file ``name``.yaml, which `gai-harness run` reproduces.

    What each side says stands in it as a comment and the description. Parameters: ``found`` the
    disagreement, shrunk; ``folder`` is made when it is not there; ``origin`` where it comes
    from, a phrase. Returns the file's path. Raises OSError.
    """
    result = found.result
    native = ", ".join(result.native) or result.error or "nothing"
    model = ", ".join(result.model) or result.model_error or "nothing"
    comments = [
        f"glibc {result.glibc} ({result.arch}) answers: {native}",
        f"the model says: {model}",
        *(f"the model's reason: {reason.why}" for reason in result.decisions),
        *(f"the model remarks: {remark.text}" for remark in result.remarks),
        *(f"undefined in this glibc: {line}" for line in result.undefined),
    ]
    if result.agreed:
        comments.append("only the fast path of the model differs; its rules agree with glibc")
    description = (
        f"Found by fuzzing{origin and f' ({origin})'}: native and model differ on "
        f"{lookup_title(found.evidence.lookup)} with glibc {result.glibc}. "
        f"Native: {native}. Model: {model}."
    )
    scenario = found.evidence.scenario.model_copy(update={"description": description})
    text = as_yaml(scenario, [fill(line, 94, subsequent_indent="  ") for line in comments])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path

"""Which rows of the dialect table a real build follows, found by running the library on it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field, computed_field

from harness.compare.evidence import Evidence, LaneSpec
from harness.compare.fields import Arch, Count, Glibc, Schema, Where
from harness.compare.plan import load_scenarios, make_jobs
from harness.compare.predict import Prediction
from harness.compare.run import HostJob, collect
from harness.compare.values import fill
from harness.compare.verdict import by_server, fits, judge, prediction_for
from harness.model.dialects import FEATURES, Dialect, beyond_model, dialect, shown, turned
from harness.model.watched import WatchedDialect
from harness.native.record import Answer, LaneError, TimedOut
from harness.sandbox import Box, NoSandbox, Pool


@dataclass(frozen=True, slots=True)
class ProbedRow:
    """One row of the dialect table, and the value that a build's answers show."""

    row: str
    follows: Annotated[str | None, Field(description="null where no answer tells")]
    expected: Annotated[str, Field(description="what its version has")]
    model: Annotated[str, Field(description="what the model has: its version's, or as told")]
    told_by: Annotated[
        tuple[str, ...], Field(description="the scenarios that no other value explains")
    ]
    why: Annotated[str, Field(description="why it cannot be told; else empty")] = ""


@dataclass(frozen=True, slots=True)
class Unexplained:
    """An answer that no value of any row explains, and the model's with the rows it follows."""

    scenario: str
    lookup: str
    gai_conf: str
    native: str
    model: str
    differences: Annotated[tuple[str, ...], Field(description="beside the addresses")]


@dataclass(frozen=True, slots=True)
class Probe:
    """``gai-harness glibc probe --json``."""

    glibc: Glibc
    arch: Arch
    build: Where
    answers: Annotated[Count, Field(description="look-ups of the library that were judged")]
    refused: Annotated[tuple[str, ...], Field(description="hosts the kernel would not build")]
    rows: tuple[ProbedRow, ...]
    unexplained: tuple[Unexplained, ...]
    mend: Annotated[
        str, Field(description="the command that tells the model of the rows; else empty")
    ] = ""
    schema: Schema = 1

    @computed_field(description="newer than the model knows, and judged as the newest known")  # type: ignore[prop-decorator]
    @property
    def beyond_model(self) -> bool:
        """True for a release that is newer than the newest one the model knows."""
        return beyond_model(self.glibc)

    @property
    def found(self) -> tuple[str, ...]:
        """The rows in which the build differs from its version, as ``glibc add --row`` takes."""
        values = ((one.row, one.follows or one.model, one.expected) for one in self.rows)
        return tuple(f"{row}={value}" for row, value, expected in values if value != expected)

    @property
    def differing(self) -> tuple[ProbedRow, ...]:
        """The rows of which the model has another value than the build."""
        return tuple(one for one in self.rows if one.follows not in (None, one.model))


def probe(lane: LaneSpec) -> Probe:
    """Run the library on a build, and find the values of its rows that explain its answers.

    Raises SandboxUnavailable where no sandbox can be had, and LaneError for a build that does not
    run: nothing is said of one that answered nothing.
    """
    dialects = tuple(turned(lane.dialect).values())
    jobs = [replace(job, dialects=dialects) for job in make_jobs(load_scenarios(()), (lane,))]
    seen: list[Evidence] = []
    refused = []
    with Pool(os.cpu_count() or 1) as pool:
        for job, outcome in zip(jobs, pool.outcomes(_evidences, jobs), strict=True):
            if isinstance(outcome.error, NoSandbox):
                raise outcome.error
            if outcome.error is not None:
                if not seen and outcome.error.exit_status == LaneError.exit_status:
                    raise LaneError(str(outcome.error))  # it does not start, on whichever host
                refused.append(f"{job.scenario.name}: {outcome.error}")
            seen += outcome.values
            if seen and all(isinstance(one.native, TimedOut) for one in seen):
                raise LaneError(f"glibc {lane.name} answers no look-up in {job.timeout:g} s")
    if not seen:
        raise LaneError(f"glibc {lane.name} was asked nothing: {refused[0]}")
    return probed(lane, seen, tuple(refused))


def _evidences(box: Box, job: HostJob) -> Iterator[Evidence]:
    for evidences, _ in collect(box, job):
        yield from evidences


def probed(lane: LaneSpec, seen: Sequence[Evidence], refused: tuple[str, ...] = ()) -> Probe:
    """What the answers ``seen`` of one build say of its rows. Pure."""
    known: dict[Dialect, tuple[Prediction | None, ...]] = {}
    cases = [_Case(one) for one in seen]

    def explained(own: Dialect) -> tuple[Prediction | None, ...]:
        """What that dialect predicts of each of the answers that it explains."""
        if own not in known:
            known[own] = tuple(one.explained(own) for one in cases)
        return known[own]

    def told_by(own: Dialect, other: Dialect) -> list[bool]:
        """Which of the answers one dialect explains and another does not.

        A crash tells nothing, as anything can cause it, nor does a prediction that leaves all open.
        """
        every = zip(seen, explained(own), explained(other), strict=True)
        return [
            that is None and this is not None and this.is_settled and isinstance(one.native, Answer)
            for one, this, that in every
        ]

    nearest = lane.dialect
    while not all(explained(nearest)):

        def gain(own: Dialect, old: Dialect = nearest) -> int:
            lost = zip(explained(own), explained(old), strict=True)
            return sum(told_by(own, old)) - sum(
                new is None and had is not None for new, had in lost
            )

        better = max(turned(nearest).values(), key=gain)
        if gain(better) <= 0:
            break
        nearest = better
    rows = []
    version = dialect(lane.glibc, lane.arch)
    for feature, other in turned(nearest).items():
        tells = zip(seen, told_by(nearest, other), strict=True)
        names = dict.fromkeys(one.scenario.name for one, by_it in tells if by_it)
        values = (shown(getattr(own, feature)) for own in (nearest, version, lane.dialect))
        follows, expected, model = values
        why = "" if names else _why(seen, nearest, other, refused)
        rows.append(
            ProbedRow(feature, follows if names else None, expected, model, tuple(names), why)
        )
    told = replace(lane, rows=tuple(f"{name}={shown(getattr(nearest, name))}" for name in FEATURES))
    answers = zip(seen, explained(nearest), strict=True)
    wrong = [judge(replace(one, lane=told)) for one, right in answers if right is None]
    unexplained = tuple(
        fill(Unexplained, one, native=one.answer, model=one.model_answer) for one in wrong
    )
    return Probe(lane.glibc, lane.arch, lane.where, len(seen), refused, tuple(rows), unexplained)


class _Case:
    """An answer, and what dialects predict of it: once for those that agree in all it asks for."""

    def __init__(self, evidence: Evidence) -> None:
        self._possible = by_server(evidence) or (evidence,)
        self._known: list[tuple[WatchedDialect, Prediction | None]] = []

    def explained(self, own: Dialect) -> Prediction | None:
        """The dialect's prediction if that explains the answer, one way that chance may go."""
        for watched, prediction in self._known:
            if watched.holds_for(own):
                return prediction
        watching: Any = WatchedDialect(own)
        predictions = ((each, prediction_for(each, dialect=watching)) for each in self._possible)
        found = next((said for each, said in predictions if fits(each, said)), None)
        self._known.append((watching, found))
        return found


def _why(seen: Sequence[Evidence], one: Dialect, other: Dialect, refused: tuple[str, ...]) -> str:
    """Why no answer tells two values of a row apart."""
    for each in seen:
        first, second = (prediction_for(each, dialect=own) for own in (one, other))
        if (first.items, first.error) != (second.items, second.error):
            return f"the answer to {each.scenario.name} may come of both values, or of neither"
    if refused:
        return "no look-up that could be made here depends on it; hosts were refused"
    return f"no look-up of the library depends on it on {one.arch}"

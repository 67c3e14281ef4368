"""The report of a fuzzing run, for reading and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from harness.compare.evidence import LaneSpec
from harness.compare.fields import Count, Schema
from harness.compare.fuzz.found import FuzzReport
from harness.compare.values import fill
from harness.model.dialects import beyond_model
from harness.report.words import beyond
from harness.text.shown import one_line
from harness.versions import RESOLVERS

_GROUPS = (
    ("rule", "Rules (neighbouring pairs decided)"),
    ("trap", "Traps (look-ups that met them)"),
    ("row", "Dialect rows (look-ups that the other value would change; one batch in eight)"),
    ("line", "gai.conf lines (look-ups made under them)"),
    ("cause", "Reasons of a name service (look-ups with them; one batch in eight of these)"),
    ("reading", "gai.conf changed between the look-ups of a process (sorts)"),
)
_DECIDED = " decided"
_CAUSES = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Disagreements of one build that one thing may explain.

    ``causes`` are the changes of the model that explain all of them; where nothing does, ``kind``
    has what they have in common.
    """

    build: Annotated[str, Field(description="in words: 2.36:amd64 (bookworm)")]
    causes: Annotated[
        tuple[str, ...],
        Field(description="changes of the model of which each alone explains all of them"),
    ]
    kind: Annotated[str, Field(description="what differs in the smallest of them")]
    seen: Annotated[Count, Field(description="those looked into; there may be more")] = 0
    written: Annotated[str, Field(description="the scenario file of the smallest one, shrunk")] = ""


@dataclass(frozen=True, slots=True)
class FuzzDocument:
    """``gai-harness fuzz --json``."""

    seed: int
    glibc: Annotated[tuple[str, ...], Field(description="VERSION:ARCH of each build")]
    builds: Annotated[tuple[str, ...], Field(description="each in words: 2.36:amd64 (bookworm)")]
    jobs: Count
    seconds: float
    batches: Count
    cases: Count
    disagreements: Count
    crashes: Annotated[Count, Field(description="as predicted")]
    unasked: Annotated[Count, Field(description="look-ups lost with a crash")]
    native_seconds: float
    refused: tuple[str, ...]
    counts: dict[str, int]
    left_out: tuple[str, ...]
    written: Annotated[tuple[str, ...], Field(description="scenario files of what was found")]
    groups: Annotated[tuple[Group, ...], Field(description="the disagreements by their causes")]
    beyond_model: Annotated[
        tuple[str, ...],
        Field(description="versions newer than the model knows, and judged as the newest known"),
    ]
    schema: Schema = 1


def document(
    report: FuzzReport, seed: int, lanes: Sequence[LaneSpec], jobs: int, elapsed: float,
    groups: Sequence[Group],
) -> FuzzDocument:  # fmt: skip
    """The report of all batches on ``lanes`` as a document; ``elapsed`` is in seconds."""
    return fill(
        FuzzDocument,
        report,
        seed=seed,
        glibc=tuple(f"{lane.version}:{lane.arch}" for lane in lanes),
        builds=tuple(lane.where for lane in lanes),
        jobs=jobs,
        seconds=round(elapsed, 3),
        disagreements=report.differing,
        native_seconds=round(report.native_ns / 1e9, 3),
        counts={key: report.counts[key] for key in sorted(report.counts, key=_natural)},
        written=tuple(group.written for group in groups if group.written),
        groups=tuple(groups),
        beyond_model=tuple(
            dict.fromkeys(
                one.glibc for one in lanes if one.resolver == "glibc" and beyond_model(one.glibc)
            )
        ),
    )


def as_text(found: FuzzDocument) -> str:
    """The document in words."""
    rate = found.cases / found.seconds if found.seconds else 0.0
    others = [build for build in found.builds if build.startswith(RESOLVERS[1:])]
    whose = "glibc " * (len(others) < len(found.builds))
    lines = [
        f"seed {found.seed}, {whose}{', '.join(found.builds)}, jobs {found.jobs}",
        f"{found.cases} cases on {found.batches} hosts in {found.seconds:.0f} s: {rate:.0f} a "
        f"second, {found.native_seconds:.0f} s inside getaddrinfo",
        f"{found.disagreements} disagreements, {found.crashes} crashes as predicted "
        f"({found.unasked} look-ups lost with them), {len(found.refused)} hosts refused",
        *filter(None, [beyond(found.beyond_model)]),
        "",
    ]
    if not whose:
        lines.append("What the cases met is counted for glibc alone.")
    for group, title in _GROUPS if whose else ():
        lines.append(f"{title}:")
        for key, number in found.counts.items():
            kind, _, name = key.partition(" ")
            shown_beside = key.endswith(_DECIDED) and key.removesuffix(_DECIDED) in found.counts
            if kind != group or shown_beside:
                continue
            more = found.counts.get(f"{key}{_DECIDED}")
            lines.append(f"  {name:32}{number:>12}{f', decided {more}' if more else ''}")
    if whose:
        lines += ["", f"Left out: {', '.join(found.left_out) or 'nothing'}"]
    lines += [f"Refused: {text}" for text in found.refused[:5]]
    for each in found.groups:
        causes = "; or by: ".join(each.causes[:_CAUSES])
        lines.append(f"{each.build}: {each.seen} looked into, {each.kind}")
        lines += [f"  explained by: {causes}"] if causes else []
        lines += [f"  written: {each.written}"] if each.written else []
    return "\n".join(map(one_line, lines)) + "\n"


def _natural(key: str) -> tuple[str, int, str]:
    group, _, name = key.partition(" ")
    return group, int(name) if name.isdecimal() else 0, name

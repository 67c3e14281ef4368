"""The report of a fuzzing run, for reading and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.compare.results import Count, Schema
from harness.report.documents import fill
from harness.text.shown import one_line

if TYPE_CHECKING:
    from harness.compare.fuzz.engine import FuzzReport

_GROUPS = (
    ("rule", "Rules (neighbouring pairs decided)"),
    ("trap", "Traps (look-ups that met them)"),
    ("row", "Dialect rows (look-ups that the other value would change; one batch in eight)"),
    ("line", "gai.conf lines (look-ups made under them)"),
)
_DECIDED = " decided"


@dataclass(frozen=True, slots=True)
class Document:
    """``gai-harness fuzz --json``."""

    seed: int
    glibc: Annotated[tuple[str, ...], Field(description="VERSION:ARCH of each build")]
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
    schema: Schema = 1


def document(
    report: FuzzReport, seed: int, builds: Sequence[str], jobs: int, elapsed: float,
    written: Sequence[Path],
) -> Document:  # fmt: skip
    """The report of all batches as a document; ``builds`` are VERSION:ARCH, ``elapsed`` seconds."""
    return fill(
        Document,
        report,
        seed=seed,
        glibc=tuple(builds),
        jobs=jobs,
        seconds=round(elapsed, 3),
        disagreements=report.differing,
        native_seconds=round(report.native_ns / 1e9, 3),
        counts={key: report.counts[key] for key in sorted(report.counts, key=_natural)},
        written=tuple(map(str, written)),
    )


def as_text(found: Document) -> str:
    """The document in words."""
    rate = found.cases / found.seconds if found.seconds else 0.0
    lines = [
        f"seed {found.seed}, glibc {', '.join(found.glibc)}, jobs {found.jobs}",
        f"{found.cases} cases on {found.batches} hosts in {found.seconds:.0f} s: {rate:.0f} a "
        f"second, {found.native_seconds:.0f} s inside getaddrinfo",
        f"{found.disagreements} disagreements, {found.crashes} crashes as predicted "
        f"({found.unasked} look-ups lost with them), {len(found.refused)} hosts refused",
        "",
    ]
    for group, title in _GROUPS:
        lines.append(f"{title}:")
        for key, number in found.counts.items():
            kind, _, name = key.partition(" ")
            shown_beside = key.endswith(_DECIDED) and key.removesuffix(_DECIDED) in found.counts
            if kind != group or shown_beside:
                continue
            more = found.counts.get(f"{key}{_DECIDED}")
            lines.append(f"  {name:32}{number:>12}{f', decided {more}' if more else ''}")
    lines += ["", f"Left out: {', '.join(found.left_out) or 'nothing'}"]
    lines += [f"Refused: {text}" for text in found.refused[:5]]
    lines += [f"Written: {path}" for path in found.written]
    return "\n".join(map(one_line, lines)) + "\n"


def _natural(key: str) -> tuple[str, int, str]:
    group, _, name = key.partition(" ")
    return group, int(name) if name.isdecimal() else 0, name

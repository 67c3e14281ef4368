"""The report of a fuzzing run, for reading and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.compare.results import Count
from harness.report.documents import Schema, text
from harness.text.shown import one_line

if TYPE_CHECKING:
    from harness.compare.fuzz.driver import FuzzReport

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


def as_text(
    report: FuzzReport,
    seed: int,
    builds: Sequence[str],
    jobs: int,
    elapsed: float,
    written: Sequence[Path],
) -> str:
    """The report in words.

    Parameters: ``report``; ``seed``, ``builds`` (VERSION:ARCH) and ``jobs`` it was made with;
    ``elapsed`` seconds; ``written`` the scenario files of what was found.
    """
    rate = report.cases / elapsed if elapsed else 0.0
    lines = [
        f"seed {seed}, glibc {', '.join(builds)}, jobs {jobs}",
        f"{report.cases} cases on {report.batches} hosts in {elapsed:.0f} s: {rate:.0f} a second, "
        f"{report.native_ns / 1e9:.0f} s inside getaddrinfo",
        f"{report.differing} disagreements, {report.crashes} crashes as predicted "
        f"({report.unasked} look-ups lost with them), {len(report.refused)} hosts refused",
        "",
    ]
    numbers = report.counts.numbers
    for group, title in _GROUPS:
        lines.append(f"{title}:")
        keys = [key for key in numbers if key.startswith(f"{group} ")]
        for key in sorted(keys, key=_natural):
            if key.endswith(_DECIDED) and key.removesuffix(_DECIDED) in numbers:
                continue
            name = key.partition(" ")[2]
            more = numbers.get(f"{key}{_DECIDED}")
            decided = f", decided {more}" if more else ""
            lines.append(f"  {name:32}{numbers[key]:>12}{decided}")
    left_out = report.counts.left_out
    lines.append("")
    lines.append(f"Left out: {', '.join(left_out) if left_out else 'nothing'}")
    lines += [f"Refused: {text}" for text in report.refused[:5]]
    lines += [f"Written: {path}" for path in written]
    return "\n".join(map(one_line, lines)) + "\n"


def _natural(key: str) -> tuple[str, int, str]:
    group, _, name = key.partition(" ")
    return group, int(name) if name.isdecimal() else 0, name


def as_json(
    report: FuzzReport,
    seed: int,
    builds: Sequence[str],
    jobs: int,
    elapsed: float,
    written: Sequence[Path],
) -> str:
    """The report as JSON; parameters as for `as_text`."""
    numbers = report.counts.numbers
    return text(
        Document(
            seed=seed,
            glibc=tuple(builds),
            jobs=jobs,
            seconds=round(elapsed, 3),
            batches=report.batches,
            cases=report.cases,
            disagreements=report.differing,
            crashes=report.crashes,
            unasked=report.unasked,
            native_seconds=round(report.native_ns / 1e9, 3),
            refused=tuple(report.refused),
            counts=dict(sorted(numbers.items(), key=lambda item: _natural(item[0]))),
            left_out=tuple(report.counts.left_out),
            written=tuple(map(str, written)),
        )
    )

"""Where neighbouring versions answer differently, and which row of the dialect table says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from harness.compare.judge import Evidence
from harness.compare.predict import predict
from harness.compare.request import request_for
from harness.compare.results import Result, VersionChange
from harness.model.dialects import Row, boundaries, dialect, parse_version

Seen = tuple[Evidence, Result]
"""One build's evidence and the result judged from it."""


def changes(evidences: Sequence[Evidence], results: Sequence[Result]) -> tuple[VersionChange, ...]:
    """Compare each version's answer with the next newer one's, within one architecture.

    ``evidences`` and ``results`` go together, one per glibc, for one look-up under one
    gai.conf. Only a row whose value alone turns the model's older answer into the newer
    one is named.
    """
    pairs = sorted(
        zip(evidences, results, strict=True), key=lambda pair: parse_version(pair[0].glibc)
    )
    found = []
    for old, new in pairwise(pairs):
        if old[0].arch != new[0].arch or _answer(old[1]) == _answer(new[1]):
            continue
        if old[0].glibc == new[0].glibc and old[1].label == new[1].label:
            continue
        labels = (_label(old[1], results), _label(new[1], results))
        found.append(
            VersionChange(old[0].glibc, new[0].glibc, explaining(old, new), *labels)
        )  # fmt: skip
    return tuple(found)


def explaining(one: Seen, other: Seen) -> tuple[str, ...]:
    """The rows, in words, that explain why two builds answer differently.

    Empty where no single row does. A file whose effect is undefined is an explanation too.
    """
    old, new = sorted((one, other), key=lambda seen: parse_version(seen[0].glibc))
    rows = _explaining(old[0], old[1], new[0]) if old[0].arch == new[0].arch else []
    lines = old[1].undefined or new[1].undefined
    if not rows and lines:
        return ("the file's effect is undefined: " + "; ".join(lines),)
    return tuple(_words(row) for row in rows)


def _answer(result: Result) -> tuple[tuple[str, ...], str | None]:
    return result.native, result.error


def _label(result: Result, among: Sequence[Result]) -> str:
    """The build's label where those of its version do not answer alike."""
    alike = [r for r in among if (r.glibc, r.arch) == (result.glibc, result.arch)]
    return result.label if len({_answer(r) for r in alike}) > 1 else ""


def _words(row: Row) -> str:
    return f"since {row.since[0]}.{row.since[1]} {row.evidence} ({row.feature})"


def _explaining(old: Evidence, old_result: Result, new: Evidence) -> list[Row]:
    newer = _prediction(new, None)
    rows = []
    for row in boundaries(old.glibc, new.glibc):
        if row.archs is not None and new.arch not in row.archs:
            continue
        switched = _prediction(old, row)
        if switched == newer and (_prediction(old, None) != newer or old_result.undefined):
            rows.append(row)
    return rows


def _prediction(evidence: Evidence, row: Row | None) -> tuple[object, ...]:
    spoken = dialect(evidence.glibc, evidence.arch)
    if row is not None:
        spoken = replace(spoken, **{row.feature: row.value})  # type: ignore[arg-type]
    prediction = predict(
        request_for(evidence.lookup),
        evidence.names,
        evidence.view,
        evidence.gai_conf,
        spoken,
    )
    return prediction.items, prediction.error, bool(prediction.undefined)

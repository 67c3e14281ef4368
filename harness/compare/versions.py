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
    for (old, old_result), (new, new_result) in pairwise(pairs):
        if old.arch != new.arch or old.glibc == new.glibc:
            continue
        if _answer(old_result) == _answer(new_result):
            continue
        why = tuple(_words(row) for row in _explaining(old, old_result, new))
        if not why and (old_result.undefined or new_result.undefined):
            why = ("the file's effect is undefined: " + "; ".join(old_result.undefined),)
        found.append(VersionChange(old.glibc, new.glibc, why))
    return tuple(found)


def _answer(result: Result) -> tuple[tuple[str, ...], str | None]:
    return result.native, result.error


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

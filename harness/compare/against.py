"""One build held against another: what it answers otherwise, and which rule decided. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.compare.results import BuildChange, Result, Side, Verdict, place
from harness.compare.versions import explaining
from harness.model.dialects import Dialect
from harness.model.order import compare_pair

if TYPE_CHECKING:
    from harness.compare.evidence import Evidence
    from harness.compare.predict import Prediction
    from harness.compare.verdict import Analysis
    from harness.model.order import Decision


def against(
    evidences: Sequence[Evidence],
    results: Sequence[Result],
    analyses: Mapping[Dialect, Analysis],
    reference: int,
) -> tuple[BuildChange, ...]:
    """What the other builds answer otherwise than the one at ``reference``.

    ``evidences`` and ``results`` go together, one per build, for one look-up under one
    gai.conf; ``analyses`` hold the model's answer for each of their dialects.
    """

    def prediction(number: int) -> Prediction:
        evidence = evidences[number]
        return analyses[evidence.dialect].prediction

    old = results[reference]
    found = []
    for number, new in enumerate(results):
        if old.untrusted or new.untrusted or (new.native, new.error) == (old.native, old.error):
            continue
        first, second = _first_difference(old.order, new.order)
        before = _side(old, prediction(reference), first, second)
        after = _side(new, prediction(number), second, first)
        undefined = bool(old.undefined or new.undefined)
        found.append(
            BuildChange(
                before,
                after,
                undefined,
                why=explaining((evidences[reference], old), (evidences[number], new)),
                **place(new),
            )
        )
    return tuple(found)


def _first_difference(old: Sequence[str], new: Sequence[str]) -> tuple[str, str]:
    """The addresses at the first place where two orders differ; empty where one ends."""
    for left, right in zip(old, new, strict=False):
        if left != right:
            return left, right
    return "", ""


def _side(result: Result, prediction: Prediction, before: str, after: str) -> Side:
    order = result.order
    if result.error is not None or not before:
        return Side(result.where, order, result.error, None, "")
    if result.verdict is not Verdict.AGREE:
        why = "the model does not explain this order"
        expected = _decision(prediction, after, before)
        if expected is not None and expected.preferred:
            why += f", and would turn it by {expected.why}"
        return Side(result.where, order, None, None, why)
    decision = _decision(prediction, before, after)
    if decision is None:
        return Side(result.where, order, None, None, "the order of the answer, not sorted")
    return Side(result.where, order, None, decision.rule, decision.why)


def _decision(prediction: Prediction, before: str, after: str) -> Decision | None:
    """Which rule puts one address before another; None where they were not sorted."""
    if prediction.order is None:
        return None
    known = {str(item.target): item for item in prediction.order.ranked}
    if before not in known or after not in known:
        return None
    return compare_pair(known[before], known[after])

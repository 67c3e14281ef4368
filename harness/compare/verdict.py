"""Native answer and model side by side: the verdict, the reasons, the expectations. Pure."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from typing import Literal

from harness.compare.evidence import Evidence
from harness.compare.notes import departures, remarks, rows
from harness.compare.predict import (
    GLIBC,
    ModelParts,
    Prediction,
    lookup_title,
    predict,
    request_for,
)
from harness.compare.results import Departure, DestinationRow, PairReason, Remark, Result, Verdict
from harness.model.addresses import parse_target
from harness.model.dialects import Dialect
from harness.model.lookup import Item, NameService
from harness.native.record import Answer, Crashed, Outcome
from harness.scenario.schema import Expect


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that the model says of one look-up in one dialect."""

    prediction: Prediction
    decisions: tuple[PairReason, ...]
    remarks: tuple[Remark, ...]
    departures: tuple[Departure, ...]
    destinations: tuple[DestinationRow, ...]


def prediction_for(
    evidence: Evidence,
    model: ModelParts = GLIBC,
    names: NameService | None = None,
    dialect: Dialect | None = None,
) -> Prediction:
    """The model's answer to the look-up of ``evidence``, of its own or another dialect.

    ``names`` replace its name service.
    """
    return predict(
        request_for(evidence.lookup), names or evidence.names, evidence.view, evidence.conf.data,
        dialect or evidence.dialect, model,
    )  # fmt: skip


def analyse(evidence: Evidence, model: ModelParts = GLIBC) -> Analysis:
    """The model's answer with every reason, remark and departure."""
    prediction = prediction_for(evidence, model)
    return Analysis(
        prediction,
        reasons(prediction),
        remarks(evidence, prediction, _other_reply(evidence, model)),
        departures(evidence, prediction),
        () if prediction.order is None else rows(prediction.order.ranked, evidence.view),
    )


def judge(
    evidence: Evidence,
    model: ModelParts = GLIBC,
    known: dict[Dialect, Analysis] | None = None,
) -> Result:
    """Compare what glibc answered with what the model says.

    ``known`` keeps the analyses of one look-up under one gai.conf: versions that speak the
    same dialect share them.
    """
    known = {} if known is None else known
    if evidence.dialect not in known:
        known[evidence.dialect] = analyse(evidence, model)
    analysis = known[evidence.dialect]
    prediction = analysis.prediction
    native = evidence.native
    items: tuple[Item, ...] = ()
    elapsed = 0
    if isinstance(native, Answer):
        items = tuple(
            Item(info.target, info.socktype, info.protocol, info.port) for info in native.addrinfos
        )
        error, elapsed = native.error, native.elapsed_ns
        same = items == prediction.items or items in prediction.alternatives
        verdict = Verdict.AGREE if same and error == prediction.error else Verdict.DISAGREE
    elif isinstance(native, Crashed):
        verdict, error = Verdict.CRASHED, signal.Signals(native.signal).name
    else:
        verdict, error = Verdict.ERROR, f"no answer within {native.seconds:g} s"
    # where a file's effect is undefined, show the possible order that glibc chose
    shown = items if items in prediction.alternatives else prediction.items
    native_texts = tuple(str(item.target) for item in items)
    model_texts = tuple(str(item.target) for item in shown)
    return Result(
        scenario=evidence.scenario.name,
        lookup=lookup_title(evidence.lookup),
        gai_conf=evidence.conf.name,
        glibc=evidence.lane.glibc,
        arch=evidence.lane.arch,
        lane=evidence.lane.lane,
        build=evidence.lane.build,
        label=evidence.lane.label,
        emulator=evidence.lane.emulator or None,
        untrusted=evidence.lane.untrusted or None,
        verdict=verdict,
        native=native_texts,
        model=model_texts,
        error=error,
        model_error=prediction.error,
        first_difference=_first_difference(items, shown) if verdict is Verdict.DISAGREE else None,
        decisions=analysis.decisions,
        undefined=tuple(f"line {line.number}: {line.reason}" for line in prediction.undefined),
        predicted=bool(prediction.undefined) and error == "SIGSEGV",
        unmet=_unmet(evidence, native, native_texts, prediction, model_texts),
        elapsed_ns=elapsed,
        remarks=analysis.remarks,
        departures=analysis.departures,
        destinations=analysis.destinations,
    )


def _other_reply(evidence: Evidence, model: ModelParts) -> Prediction | None:
    """The prediction for the other DNS reply coming first; None where both are not asked for."""
    if evidence.names.kind != "dns" or evidence.lookup.family != "unspec":
        return None
    other: Literal["A", "AAAA"] = "AAAA" if evidence.names.first_reply == "A" else "A"
    return prediction_for(evidence, model, replace(evidence.names, first_reply=other))


def reasons(prediction: Prediction) -> tuple[PairReason, ...]:
    """The decision between each two neighbouring, different addresses."""
    if prediction.order is None:
        return ()
    return tuple(
        PairReason.of(decision)
        for decision in prediction.order.decisions
        if decision.before.target != decision.after.target
    )


def _first_difference(native: Sequence[Item], model: Sequence[Item]) -> int | None:
    pairs = enumerate(zip_longest(native, model))
    return next((position for position, (left, right) in pairs if left != right), None)


def _unmet(
    evidence: Evidence,
    native: Outcome,
    native_order: tuple[str, ...],
    prediction: Prediction,
    model_order: tuple[str, ...],
) -> tuple[str, ...]:
    """The expectations of the file that native or model do not meet, one line each."""
    failures: list[str] = []
    native_error = native.error if isinstance(native, Answer) else "no answer"
    for expect in evidence.lookup.expect:
        if not expect.matches(evidence.lane.glibc, evidence.lane.arch):
            continue
        # with scope ids for zones, as results show them
        links = evidence.names.links
        wanted = tuple(str(parse_target(text, links)) for text in expect.order or ())
        failures += _check("native", expect, wanted, native_order, native_error)
        failures += _check("model", expect, wanted, model_order, prediction.error)
        if expect.decided_by is not None:
            rule = _deciding_rule(expect, prediction)
            if rule != expect.decided_by:
                failures.append(f"model: expected rule {expect.decided_by} to decide, got {rule}")
    return tuple(failures)


def _deciding_rule(expect: Expect, prediction: Prediction) -> int | None:
    """The rule between the first two of the expected order.

    These are two addrinfos of one address where the order names it twice, else the first
    two different addresses.
    """
    if prediction.order is None or expect.order is None:
        return None
    if expect.order[0] == expect.order[1]:
        return prediction.order.decisions[0].rule
    return next((reason.rule for reason in reasons(prediction)), None)


def _check(
    who: str,
    expect: Expect,
    wanted: tuple[str, ...],
    order: tuple[str, ...],
    error: str | None,
) -> list[str]:
    if expect.error != error:
        return [f"{who}: expected {expect.error or 'an answer'}, got {error or 'an answer'}"]
    if expect.order is None:
        return []
    once = tuple(address for address, _ in groupby(order))  # one per address, not per addrinfo
    if wanted in (order, once):
        return []
    return [f"{who}: expected {', '.join(wanted)}, got {', '.join(once)}"]

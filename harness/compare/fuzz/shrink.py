"""Shrinking a disagreement to the smallest scenario that still shows it.

Delta debugging on the scenario as data: each pass offers simpler cases, every one of them is
really run again, the first that still disagrees in the same way is kept, until no pass helps.
Cases on the same host are tried together in one sandbox, other hosts in one each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.driver import mutate
from harness.compare.fuzz.engine import Engine
from harness.compare.fuzz.shrinking import HOST_PASSES, SAME_HOST_PASSES, Case
from harness.scenario.fuzz import Batch, Round
from harness.scenario.schema import Host, Lookup

if TYPE_CHECKING:
    from harness.compare.fuzz.engine import Disagreement
    from harness.sandbox import Box, Pool

Kind = tuple[str, str | None, str | None]
"""What must stay as it is while a case shrinks: the verdict and both errors."""

_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """Cases on one host to run again on one glibc."""

    cases: tuple[Case, ...]
    lane: LaneSpec
    timeout: float
    mutation: str | None = None


def case_of(found: Disagreement) -> Case:
    """The disagreement as data that can be made smaller."""
    scenario = found.evidence.scenario
    host = scenario.host.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    host.setdefault("interfaces", {})
    for interface in host["interfaces"].values():
        interface.setdefault("addresses", [])
    lookup = found.evidence.lookup.model_dump(mode="json", exclude_defaults=True)
    plain = (found.evidence.lookup.name or "").lower()
    answer = scenario.names.get(plain, scenario.names.get(plain.removesuffix("."), ()))
    return Case(
        host, answer, found.evidence.conf.data, lookup, scenario.resolver, scenario.dns.first_reply
    )


def kind_of(found: Disagreement) -> Kind:
    """See `Kind`."""
    result = found.result
    return result.verdict, result.error, result.model_error


def shrink(
    pool: Pool,
    found: Disagreement,
    *,
    timeout: float = 10.0,
    mutation: str | None = None,
    step: Callable[[Case], None] = lambda _: None,
) -> Disagreement:
    """The smallest disagreement of the same kind that ``found`` leads to.

    Parameters: ``pool`` to run in; ``timeout`` and ``mutation`` as it was found with;
    ``step`` is told of each smaller case. Returns ``found`` itself when it does not show
    again. Raises SandboxUnavailable.
    """
    kind = kind_of(found)
    case = case_of(found)

    def first(cases: Iterable[Case]) -> tuple[int, Case] | None:
        return _first(pool, cases, found.lane, timeout, mutation, kind)

    if first([case]) is None:
        return found
    changed = True
    while changed:
        changed = False
        for offers in (*SAME_HOST_PASSES, *HOST_PASSES):
            # go on where the last one was found; what came before is tried in the next turn
            at = 0
            while (hit := first(islice(offers(case), at, None))) is not None:
                at += hit[0]
                case, changed = hit[1], True
                step(case)
    spec = TrialSpec((case,), found.lane, timeout, mutation)
    for outcome in pool.outcomes(trial, [spec]):
        for (disagreement,) in outcome.values:
            return disagreement  # type: ignore[no-any-return]
    return found


def _first(
    pool: Pool,
    cases: Iterable[Case],
    lane: LaneSpec,
    timeout: float,
    mutation: str | None,
    kind: Kind,
) -> tuple[int, Case] | None:
    """The first of the cases that still disagrees in the same way, and how many came before."""
    specs = [
        TrialSpec(group, lane, timeout, mutation)
        for _, members in groupby(cases, key=lambda case: (case.host, case.resolver))
        for group in _parts(tuple(members))
    ]
    outcomes = pool.outcomes(trial, specs)
    before = 0
    try:
        for spec, outcome in zip(specs, outcomes, strict=True):
            for shown in outcome.values:
                for number, disagreement in enumerate(shown):
                    if disagreement is not None and kind_of(disagreement) == kind:
                        return before + number, spec.cases[number]
            before += len(spec.cases)
    finally:
        outcomes.close()  # type: ignore[attr-defined]
    return None


def _parts(cases: tuple[Case, ...]) -> Iterator[tuple[Case, ...]]:
    for start in range(0, len(cases), _AT_ONCE):
        yield cases[start : start + _AT_ONCE]


def trial(box: Box, spec: TrialSpec) -> Iterator[tuple[Disagreement | None, ...]]:
    """Inside a sandbox: which of the cases disagree; nothing when the host cannot be built."""
    mutate(spec.mutation)
    batch = _batch(spec.cases)
    if batch is None:
        return
    try:
        engine = Engine(box, batch, (spec.lane,), spec.timeout, tallied=False)
    except ValueError:
        return  # a zone of an interface that is gone
    with engine:
        found: list[Disagreement | None] = []
        for each in batch.rounds:
            disagreements = engine.round(each).disagreements
            found.append(disagreements[0] if disagreements else None)
        yield tuple(found)


def _batch(cases: tuple[Case, ...]) -> Batch | None:
    """The cases as a batch: a name, a look-up and a round for each; None when one is invalid."""
    names: dict[str, tuple[str, ...]] = {}
    lookups: list[Lookup] = []
    rounds: list[Round] = []
    try:
        host = Host.model_validate(cases[0].host)
        for number, case in enumerate(cases):
            lookup: dict[str, Any] = dict(case.lookup)
            if case.answer:
                # one name each; its spelling is kept
                own = f"n{number}"
                asked = lookup["name"]
                names[own] = case.answer
                lookup["name"] = (own.upper() if asked.isupper() else own) + "." * (
                    asked[-1] == "."
                )
            lookups.append(Lookup.model_validate(lookup))
            rounds.append(Round(case.gai_conf, (number,)))
    except ValidationError:
        return None
    return Batch(
        "shrunk", host, names, tuple(lookups), tuple(rounds),
        cases[0].resolver, cases[0].first_reply,
    )  # fmt: skip

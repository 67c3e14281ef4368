"""Where builds answer differently: which rows of the dialects, and which rules, say why. Pure.

In all of it ``evidences`` and ``results`` go together, one per build, for one look-up under one
gai.conf.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from typing import Any

from harness.compare.differences import ArchitectureChange, BuildChange, Side, VersionChange
from harness.compare.evidence import Case, Evidence
from harness.compare.predict import Prediction
from harness.compare.results import Result
from harness.compare.sharing import Analysis
from harness.compare.values import grouped
from harness.compare.verdict import prediction_for
from harness.model.dialects import TOLD, Row, differences, shown
from harness.model.order import Decision, compare_pair
from harness.versions import Version

Seen = tuple[Evidence, Result]
"""One build's evidence and the result judged from it."""


def changes(evidences: Sequence[Evidence], results: Sequence[Result]) -> tuple[VersionChange, ...]:
    """Compare each version's answer with the next newer one's, within each architecture.

    Only rows that turn the model's older answer into the newer one are named.
    """
    found: dict[VersionChange, list[str]] = {}
    for arch, seen in _by_arch(evidences, results).items():
        for old, new in pairwise(seen):
            one, other = old[1], new[1]
            same_build = (one.glibc, one.label) == (other.glibc, other.label)
            if same_build or one.returned == other.returned:
                continue
            labels = (_label(one, results), _label(other, results))
            why = _reasons(old, new)
            change = VersionChange(one.glibc, other.glibc, *labels, why=why, **_place(one))
            sides = tuple(zip(change.names, (_shown(one), _shown(other)), strict=True))
            found.setdefault(replace(change, sides=sides), []).append(arch)
    several = len({evidence.lane.arch for evidence in evidences}) > 1
    return tuple(
        replace(change, archs=tuple(archs) if several else ()) for change, archs in found.items()
    )


def architectures(
    evidences: Sequence[Evidence], results: Sequence[Result]
) -> tuple[ArchitectureChange, ...]:
    """Where one version answers differently on two architectures, and the rows that say why.

    Each group of architectures that answer alike is compared with that of the first one.
    """
    found: dict[ArchitectureChange, list[str]] = {}
    by_arch = chain.from_iterable(_by_arch(evidences, results).values())
    by_version = grouped(by_arch, lambda seen: seen[1].glibc)
    for glibc in sorted(by_version, key=Version.parse):
        first, *others = grouped(by_version[glibc], lambda seen: seen[1].returned).values()
        for other in others:
            groups = [tuple(dict.fromkeys(r.arch for _, r in group)) for group in (first, other)]
            if not set.intersection(*map(set, groups)):  # else two builds of one version differ
                sides = tuple(
                    (", ".join(archs), _shown(group[0][1]))
                    for archs, group in zip(groups, (first, other), strict=True)
                )
                change = ArchitectureChange(
                    (), *groups, why=_reasons(first[0], other[0]), sides=sides,
                    **_place(results[0]),
                )  # fmt: skip
                found.setdefault(change, []).append(glibc)
    return tuple(replace(change, glibc=tuple(versions)) for change, versions in found.items())


def against(
    evidences: Sequence[Evidence],
    results: Sequence[Result],
    analyses: Mapping[Case, Analysis],
    reference: int,
) -> tuple[BuildChange, ...]:
    """What the other builds answer otherwise than the one at ``reference``.

    ``analyses`` hold the model's answer for each of the builds' cases.
    """
    old = evidences[reference], results[reference]
    found = []
    for new in zip(evidences, results, strict=True):
        one, other = old[1], new[1]
        if one.untrusted or other.untrusted or one.returned == other.returned:
            continue
        # the addresses at the first place where two orders differ; "" where one has ended
        pairs = zip(one.order, other.order, strict=False)
        first, second = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
        sides = (
            _side(one, analyses[old[0].case].prediction, first, second),
            _side(other, analyses[new[0].case].prediction, second, first),
        )
        found.append(
            BuildChange(
                *sides, bool(one.undefined or other.undefined), why=_reasons(old, new),
                sides=tuple((each.where, _shown(each)) for each in (one, other)), **_place(other),
            )
        )  # fmt: skip
    return tuple(found)


def _side(result: Result, prediction: Prediction, before: str, after: str) -> Side:
    rule, why = None, ""
    if result.error is None and before and not result.agreed:
        why = "the model does not explain this order"
        expected = decision_between(prediction, after, before)
        if expected is not None and expected.preferred:
            why += f", and would turn it by {expected.why}"
    elif result.error is None and {before, after} <= {*result.order}:
        decision = decision_between(prediction, before, after)
        why = "the order of the answer, not sorted" if decision is None else decision.why
        rule = None if decision is None else decision.rule
    return Side(result.where, result.order, result.error, rule, why, result.agreed)


def decision_between(prediction: Prediction, before: str, after: str) -> Decision | None:
    """Which rule puts one address before another; None where they were not sorted."""
    if prediction.order is None:
        return None
    known = {str(item.target): item for item in prediction.order.ranked}
    if before not in known or after not in known:
        return None
    return compare_pair(known[before], known[after], prediction.order.rules)


def _reasons(one: Seen, other: Seen) -> tuple[str, ...]:
    """The rows, in words, that explain why two builds answer differently.

    Empty where no rows do. A file whose effect is undefined is an explanation too.
    """
    old, new = sorted((one, other), key=lambda seen: Version.parse(seen[1].glibc))
    rows = _explaining(old[0], new[0])
    lines = old[1].undefined or new[1].undefined
    if not rows and lines:
        return ("the file's effect is undefined: " + "; ".join(lines),)
    return tuple(_words(row, old[1].arch != new[1].arch) for row in rows)


def _by_arch(evidences: Sequence[Evidence], results: Sequence[Result]) -> dict[str, list[Seen]]:
    """glibc's builds of each architecture that are trusted, oldest first; this host's first."""
    pairs = (
        seen
        for seen in zip(evidences, results, strict=True)
        if not seen[1].untrusted and seen[1].resolver == "glibc"
    )
    aged = sorted(pairs, key=lambda seen: Version.parse(seen[1].glibc))
    found = grouped(aged, lambda seen: seen[1].arch)
    given = [result.arch for result in results]
    own = {result.arch for result in results if result.label == "host"}
    order = sorted(found, key=lambda arch: (arch not in own, given.index(arch)))
    return {arch: found[arch] for arch in order}


def _place(result: Result) -> dict[str, Any]:
    return {"scenario": result.scenario, "lookup": result.lookup, "gai_conf": result.gai_conf}


def _shown(result: Result) -> tuple[str, ...]:
    return (result.error,) if result.error else result.order


def _label(result: Result, among: Sequence[Result]) -> str:
    """The build's label where those of its version do not answer alike."""
    alike = {r.returned for r in among if (r.glibc, r.arch) == (result.glibc, result.arch)}
    return result.label if len(alike) > 1 else ""


def _words(row: Row, by_arch: bool) -> str:
    if row.evidence == TOLD:
        return f"{row.feature}={shown(row.value)}, {TOLD}"
    if by_arch and row.archs is not None:
        return f"{row.evidence} ({row.feature} on {', '.join(sorted(row.archs))})"
    return f"since {row.since[0]}.{row.since[1]} {row.evidence} ({row.feature})"


def _explaining(old: Evidence, new: Evidence) -> tuple[Row, ...]:
    """One row that alone makes the older answer the newer one, or else as few as it takes."""
    newer, before = _prediction(new), _prediction(old)
    if before == newer:
        return ()
    rows = differences(old.dialect, new.dialect)
    alone = tuple(row for row in rows if _prediction(old, row) == newer)
    if alone or _prediction(old, *rows) != newer:
        return alone
    for row in rows:
        fewer = tuple(each for each in rows if each != row)
        if _prediction(old, *fewer) == newer:
            rows = fewer
    return rows


def _prediction(evidence: Evidence, *rows: Row) -> tuple[object, ...]:
    """What the model says, with the values of some rows instead of its own."""
    values: dict[str, Any] = {row.feature: row.value for row in rows}
    prediction = prediction_for(evidence, dialect=replace(evidence.dialect, **values))
    return prediction.items, prediction.error, bool(prediction.undefined)

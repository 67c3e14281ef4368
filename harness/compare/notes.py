"""What a reader must know beside the order: facts, traps, cycles, the standards. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from harness.advice.pitfalls import find_pitfalls
from harness.compare.predict import Prediction
from harness.compare.results import Departure, DestinationRow, Remark
from harness.model.cycles import find_cycle
from harness.model.host import HostView, Target
from harness.model.order import compare_pair
from harness.model.standards import STANDARDS, standard_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.compare.evidence import Evidence
    from harness.model.order import Destination


def rows(known: Sequence[Destination], view: HostView) -> tuple[DestinationRow, ...]:
    """The table of an explanation: one row per different destination, in the order given."""
    names = {link.index: link.name for link in view.links}
    table: dict[str, DestinationRow] = {}
    for item in known:
        target = item.target
        text = str(target)
        if text in table:
            continue
        flags = [word for word, on in (("deprecated", item.deprecated), ("home", item.home)) if on]
        table[text] = DestinationRow(
            destination=text,
            position=item.position,
            source=None if item.source is None else str(item.source),
            prefixlen=item.prefixlen,
            reachable=item.reachable,
            error=view.routes[target].error if target in view.routes else None,
            destination_scope=item.scope,
            source_scope=item.source_scope,
            destination_label=item.label,
            source_label=item.source_label,
            precedence=item.precedence,
            interface=None if item.index is None else names.get(item.index, str(item.index)),
            native=item.native,
            common_prefix=item.common_prefix,
            flags=tuple(flags),
        )
    return tuple(table.values())


def departures(evidence: Evidence, prediction: Prediction) -> tuple[Departure, ...]:
    """Where a literal RFC 3484 or RFC 6724 would order these destinations otherwise."""
    if prediction.order is None:
        return ()
    by_position = sorted(prediction.order.ranked, key=lambda item: item.position)
    targets = list(dict.fromkeys(item.target for item in by_position))
    glibc = list(dict.fromkeys(item.target for item in prediction.order.ranked))
    found = []
    for standard in STANDARDS:
        order = standard_order(standard, targets, evidence.view, evidence.conf.data)
        theirs = [item.target for item in order.ranked]
        if theirs == glibc:
            continue
        by_target = {item.target: item for item in order.ranked}
        at = next(i for i, pair in enumerate(zip(theirs, glibc, strict=True)) if pair[0] != pair[1])
        why = compare_pair(by_target[theirs[at]], by_target[glibc[at]]).why
        found.append(Departure(standard.name, tuple(map(str, theirs)), why))
    return tuple(found)


def remarks(
    evidence: Evidence, prediction: Prediction, other_reply: Prediction | None
) -> tuple[Remark, ...]:
    """What a reader must know beside the order.

    ``other_reply`` is the prediction for the other DNS reply arriving first, if that can be.
    """
    found = []
    if other_reply is not None and _targets(other_reply) != _targets(prediction):
        found.append(
            Remark(
                "reply",
                "the order depends on which DNS reply comes first; with the other one first it"
                f" is {', '.join(dict.fromkeys(map(str, _targets(other_reply))))}",
            )
        )
    if prediction.order is None:
        return tuple(found)
    cycle = find_cycle(_once(prediction.order.ranked))
    if cycle is not None:
        steps = [*cycle, cycle[0]]
        words = " before ".join(str(item.address) for item in steps)
        rules = ", ".join(str(compare_pair(a, b).rule) for a, b in pairwise(steps))
        found.append(
            Remark(
                "cycle",
                f"these three addresses form a cycle: {words} (rules {rules}); "
                "no order is right, the steps of the sort decide",
            )
        )
    traps = find_pitfalls(
        prediction.order.ranked, evidence.view, evidence.conf.data, evidence.dialect
    )
    return (*found, *(Remark("trap", trap.text) for trap in traps))


def _once(known: Sequence[Destination]) -> list[Destination]:
    """The first of each destination: with three socket types every address is there thrice."""
    seen: dict[Target, Destination] = {}
    for item in sorted(known, key=lambda item: item.position):
        seen.setdefault(item.target, item)
    return list(seen.values())


def _targets(prediction: Prediction) -> tuple[Target, ...]:
    return tuple(item.target for item in prediction.items)

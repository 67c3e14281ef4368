"""Order without a right answer: three addresses each of which is preferred to the next.

Rule 9 compares within one family, rule 10 by position. Where the families tie up to
rule 8, a near and a far address of one family and any address of the other can form a
cycle; what comes out then depends on the steps of the sort.
"""

from collections.abc import Sequence

from harness.model.order import Destination


def find_cycle(known: Sequence[Destination]) -> tuple[Destination, Destination, Destination] | None:
    """Three of ``known`` so that each is preferred to the next and the last to the first.

    None when the relation is transitive. A cycle is always a far address, then one of the
    other family, then a near one, in the order of their positions: rule 9 wants near before
    far, rule 10 far before the other and the other before near. One walk over the positions
    finds it.
    """
    # per tie and family: the farthest so far, and the farthest with an other family behind it
    farthest: dict[tuple[object, int], Destination] = {}
    waiting: dict[tuple[object, int], tuple[Destination, Destination]] = {}
    for item in sorted(known, key=lambda facts: facts.position):
        if not item.reachable:
            continue  # rule 9 does not look at these
        tie, version = _tie(item), item.address.version
        found = waiting.get((tie, version))
        if found is not None and item.common_prefix > found[0].common_prefix:
            return item, *found
        other = (tie, 10 - version)
        if other in farthest:
            # the farthest one seen so far is the one most easily beaten
            waiting[other] = (farthest[other], item)
        before = farthest.get((tie, version))
        if before is None or item.common_prefix < before.common_prefix:
            farthest[tie, version] = item
    return None


def _tie(facts: Destination) -> tuple[object, ...]:
    """What rules 2 to 8 look at: equal for two reachable destinations that tie in all of them."""
    return (
        facts.scope == facts.source_scope,
        facts.deprecated,
        facts.home,
        facts.label == facts.source_label,
        facts.precedence,
        facts.native,
        facts.scope,
    )

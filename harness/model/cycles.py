"""Order without a right answer: three addresses each of which is preferred to the next.

Rule 9 compares within one family, rule 10 by position. Where the families tie up to
rule 8, a near and a far address of one family and any address of the other can form a
cycle; what comes out then depends on the steps of the sort.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.model.facts import Facts
from harness.model.rules import RULES, Rule, decide


def find_cycle(
    known: Sequence[Facts], rules: tuple[Rule, ...] = RULES
) -> tuple[Facts, Facts, Facts] | None:
    """Three of ``known`` so that each is preferred to the next and the last to the first.

    None when the relation is transitive. Only a pair that rule 9 decides against its
    position can be part of a cycle, so only those are looked at.
    """
    by_position = sorted(known, key=lambda item: item.position)
    for j, near in enumerate(by_position):
        for i in range(j):
            far = by_position[i]
            verdict, rule = decide(near, far, rules)
            if verdict >= 0 or rule.number != 9:
                continue
            for between in by_position[i + 1 : j]:
                if decide(far, between, rules)[0] < 0 and decide(between, near, rules)[0] < 0:
                    return near, far, between
    return None

"""Cycles between rules 9 and 10. Facts 2.9 and 2.10."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from harness.model.cycles import find_cycle
from harness.model.order import Candidate, decide, merge_sort
from tests.model.kit import TYING, candidates, confs, known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.model.order import Destination

FAR = Candidate("172.31.80.8", "172.18.45.2", 24, index=2)
NEAR = Candidate("172.18.45.6", "172.18.45.2", 24, index=2)
SIX = Candidate("2001:db8:9::1", "2001:db8:1::2", 64, index=2)


def compare(a: Destination, b: Destination) -> int:
    return decide(a, b)[0]


def insertion_sort(
    items: Sequence[Destination],
    less: Callable[[Destination, Destination], int],
    *,
    backwards: bool = False,
) -> list[Destination]:
    done: list[Destination] = []
    for item in reversed(items) if backwards else items:
        place = 0
        while place < len(done) and less(done[place], item) <= 0:
            place += 1
        done.insert(place, item)
    return done


def has_cycle(facts: Sequence[Destination]) -> bool:
    """By brute force over all triples."""
    return any(
        compare(a, b) < 0 and compare(b, c) < 0 and compare(c, a) < 0
        for a, b, c in permutations(facts, 3)
    )


@pytest.mark.parametrize(
    ("some", "conf", "cycle"),
    [
        ([FAR, SIX, NEAR], TYING, [2, 0, 1]),  # near, far, between
        ([FAR, SIX, NEAR], None, None),  # the families do not tie
        ([SIX, FAR, NEAR], TYING, None),  # the other family must stand between
        ([FAR, NEAR, SIX], TYING, None),
        ([NEAR, SIX, FAR], TYING, None),
        ([FAR, FAR, NEAR], TYING, None),  # one family alone
    ],
)
def test_a_far_one_another_family_and_a_near_one(
    some: list[Candidate], conf: str | None, cycle: list[int] | None
) -> None:
    found = find_cycle(known(some, conf))
    assert (None if found is None else [one.position for one in found]) == cycle


@given(candidates(), confs)
def test_a_cycle_is_found_exactly_where_there_is_one(
    some: list[Candidate], conf: str | None
) -> None:
    facts = known(some, conf)
    found = find_cycle(facts)
    assert (found is not None) is has_cycle(facts)
    if found is not None:
        near, far, between = found
        assert compare(near, far) < 0
        assert compare(far, between) < 0
        assert compare(between, near) < 0


@given(candidates(), confs)
def test_without_a_cycle_every_sort_gives_the_same(some: list[Candidate], conf: str | None) -> None:
    facts = known(some, conf)
    if find_cycle(facts) is None:
        result = merge_sort(facts, compare)
        assert insertion_sort(facts, compare) == result
        assert insertion_sort(facts, compare, backwards=True) == result
        assert merge_sort(facts[::-1], compare) == result

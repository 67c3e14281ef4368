"""The ten rules, each alone and in their order. RFC 3484 §6; facts 2.1, 2.4 and 2.9."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given

from harness.model.explain import describe
from harness.model.host import Target
from harness.model.order import RULES, Candidate, Destination, compare_pair, decide, order_of
from tests.model.kit import candidates, confs, known


def fact(position: int = 0, destination: str = "2001:db8::1", **changes: Any) -> Destination:
    """A destination like every other: reachable, matching, native; ``changes`` make it special."""
    source = "2001:db8::2" if ":" in destination else "198.51.100.2"
    plain = Destination(
        position, Target(ip_address(destination)), ip_address(source), prefixlen=64,
        deprecated=False, home=False, index=2, native=True, scope=14, source_scope=14,
        label=1, source_label=1, precedence=40, common_prefix=20,
    )  # fmt: skip
    return replace(plain, **changes)


UNREACHABLE: dict[str, Any] = {"source": None, "source_scope": None, "source_label": None}

# What makes the second of two else equal destinations the better one, by exactly one rule.
# (rule, worse, better)
CASES: list[tuple[int, dict[str, Any], dict[str, Any]]] = [
    (1, UNREACHABLE, {}),
    (2, {"source_scope": 2}, {}),
    (3, {"deprecated": True}, {}),
    (4, {}, {"home": True}),
    (5, {"source_label": 2}, {}),
    (6, {}, {"precedence": 41}),
    (7, {"native": False, "index": 3}, {}),
    (8, {}, {"scope": 5, "source_scope": 5}),
    (9, {}, {"common_prefix": 21}),
]
IDS = [f"rule{case[0]}" for case in CASES]


@pytest.mark.parametrize(("rule", "worse", "better"), CASES, ids=IDS)
def test_each_rule_prefers_the_better_whatever_the_position(
    rule: int, worse: dict[str, Any], better: dict[str, Any]
) -> None:
    first, second = fact(0, **worse), fact(1, **better)
    for one, other, sign in ((first, second, 1), (second, first, -1)):
        verdict, decided = decide(one, other)
        assert (verdict * sign > 0, decided.number) == (True, rule)


def test_rule_10_keeps_the_order() -> None:
    (first, rule), (second, _) = decide(fact(0), fact(1)), decide(fact(1), fact(0))
    assert (first, rule.number, second) == (-1, 10, 1)


@pytest.mark.parametrize(
    ("earlier", "later"), list(combinations(CASES, 2)), ids=lambda case: f"rule{case[0]}"
)
def test_an_earlier_rule_overrides_a_later_one(earlier: Any, later: Any) -> None:
    # the worse by the earlier rule is the better by the later one
    worse = fact(0, **(later[2] | earlier[1]))
    better = fact(1, **(later[1] | earlier[2]))
    verdict, decided = decide(worse, better)
    assert (verdict > 0, decided.number) == (True, earlier[0])


@pytest.mark.parametrize("case", CASES[1:], ids=IDS[1:])
def test_unreachable_destinations(case: tuple[int, dict[str, Any], dict[str, Any]]) -> None:
    # fact 2.1: rules about the source skip them, 6 and 8 look at the destination alone
    number, worse, better = case
    first, second = fact(0, **(worse | UNREACHABLE)), fact(1, **(better | UNREACHABLE))
    assert decide(first, second)[1].number == (number if number in (6, 8) else 10)
    assert (RULES[number - 1].compare(first, second) > 0) is (number in (6, 8))


@pytest.mark.parametrize(
    ("first", "second", "number", "second_wins"),
    [
        # fact 2.1: rules 2 and 8 compare scopes across families too
        (fact(0, source_scope=2), fact(1, "198.51.100.1"), 2, True),
        (fact(0), fact(1, "169.254.1.1", scope=2, source_scope=2), 8, True),
        # fact 2.9: rule 9 stays within a family
        (fact(0), fact(1, "198.51.100.1", common_prefix=32), 10, False),
        # fact 2.4: a tunnel and an unknown interface tie in rule 7, and so does one with itself
        (fact(0, native=False, index=3), fact(1, native=False, index=None), 10, False),
        (fact(0, native=False), fact(1), 10, False),
        (fact(0, native=False, index=None), fact(1, index=None), 10, False),
    ],
)
def test_what_is_compared(
    first: Destination, second: Destination, number: int, second_wins: bool
) -> None:
    verdict, decided = decide(first, second)
    assert (decided.number, verdict > 0) == (number, second_wins)


def test_rule_7_an_unknown_interface_loses_to_a_native_one() -> None:
    native = Candidate("2001:db8::1", "2001:db8::2", 64, index=2, native=True)
    unknown, known_one = known([Candidate("2001:db8::3", "2001:db8::4"), native])
    verdict, decided = decide(unknown, known_one)
    assert (verdict > 0, decided.number) == (True, 7)  # fact 2.4


@given(candidates(), confs)
def test_the_rules_are_antisymmetric(some: list[Candidate], conf: str | None) -> None:
    for a, b in combinations(known(some, conf), 2):
        forth, back = decide(a, b), decide(b, a)
        assert forth[1] is back[1]
        assert forth[0] * back[0] < 0
        for rule in RULES:
            if a.reachable == b.reachable or rule.number in (1, 6, 8, 10):
                assert rule.compare(a, b) == -rule.compare(b, a)


@given(candidates(), confs)
def test_every_value_can_be_described(some: list[Candidate], conf: str | None) -> None:
    for one in known(some, conf):
        assert all(describe(rule.number, one, first=True) for rule in RULES)


def test_the_rules_are_numbered_as_in_the_standard() -> None:
    assert [rule.number for rule in RULES] == list(range(1, 11))


def test_a_decision_carries_the_rule_and_both_values() -> None:
    low, high = fact(0, precedence=10), fact(1, precedence=40)
    decided = compare_pair(high, low)
    shown = decided.rule, decided.title, decided.values
    assert shown == (6, "prefer higher precedence", (40, 10))
    others = compare_pair(low, high), compare_pair(low, low)
    assert [one.preferred for one in (decided, *others)] == [True, False, True]


def test_other_rules_and_another_sort_reach_the_whole_order() -> None:
    low, high = fact(0, precedence=10), fact(1, precedence=40)
    assert order_of([low, high]).ranked == (high, low)
    kept = order_of([low, high], RULES[9:])
    assert kept.ranked == (low, high)
    assert [one.rule for one in kept.decisions] == [10]
    assert order_of([low, high], sort=lambda items, _: list(items)).ranked == (low, high)

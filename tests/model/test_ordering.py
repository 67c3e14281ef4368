"""What holds of the rules and of the sort, whatever they are given: RFC 3484 §6, facts 2.1 to 2.10.

Each rule by itself, and before which others it stands, the library asks real glibcs.
"""

from collections.abc import Iterable
from functools import cmp_to_key
from itertools import combinations, permutations, takewhile

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from harness.model import Candidate, Policy, order
from harness.model.cycles import find_cycle
from harness.model.dialects import Dialect, dialect
from harness.model.explain import describe
from harness.model.order import (
    RULES,
    Destination,
    compare_pair,
    decide,
    merge_sort,
    order_for,
    order_of,
)
from harness.model.transport import ProcessAborted
from tests.model.kit import VERSIONS, candidates, confs, dialects, known


@given(candidates(), confs)
def test_the_rules_are_antisymmetric_and_can_be_described(
    some: list[Candidate], conf: str | None
) -> None:
    facts = known(some, conf)
    for a, b in combinations(facts, 2):
        forth, back = decide(a, b), decide(b, a)
        assert forth[1] is back[1]
        assert forth[0] * back[0] < 0
        for rule in RULES:
            if a.reachable == b.reachable or rule.number in (1, 6, 8, 10):
                assert rule.compare(a, b) == -rule.compare(b, a)
    assert all(describe(rule.number, one, first=True) for one in facts for rule in RULES)
    assert [rule.number for rule in RULES] == list(range(1, 11))


def four(destination: str, prefixlen: int = 24, index: int | None = 2) -> Candidate:
    return Candidate(destination, "172.18.45.2", prefixlen, index=index)


def six(destination: str) -> Candidate:
    return Candidate(destination, "2001:db8:1::2", 64, index=2)


NEAR, FAR = "172.18.45.6", "172.31.80.8"


def test_a_decision_carries_the_rule_and_both_values() -> None:
    low, high = known([four(NEAR), six("2001:db8:9::1")])
    found = compare_pair(high, low)
    assert (found.rule, found.title, found.values) == (6, "prefer higher precedence", (40, 10))
    others = compare_pair(low, high), compare_pair(low, low)
    assert [one.preferred for one in (found, *others)] == [True, False, True]
    # other rules and another sort reach the whole order
    assert order_of([low, high]).ranked == (high, low)
    kept = order_of([low, high], RULES[9:])
    assert (kept.ranked, [one.rule for one in kept.decisions]) == ((low, high), [10])
    assert order_of([low, high], sort=lambda items, _: list(items)).ranked == (low, high)


# --- the sort, and cycles between rules 9 and 10: facts 2.9 and 2.10

TIE = "precedence ::ffff:0:0/96 40"


def test_decisions_say_where_the_rule_was_not_asked() -> None:
    some = [four(FAR), six("2001:db8:9::1"), four(NEAR)]
    result = order(some, Policy.from_gai_conf(TIE, "2.36"), "2.36")
    assert [(one.rule, one.preferred) for one in result.decisions] == [(10, True), (10, True)]
    odd = order_of(result.ranked, sort=lambda items, _: [items[0], items[2], items[1]])
    assert [(one.rule, one.preferred) for one in odd.decisions] == [(9, False), (10, False)]
    assert "never compared" in odd.decisions[0].why


def test_merge_sort_takes_halves_of_n_over_2_and_the_left_when_equal() -> None:
    asked: list[tuple[str, str]] = []

    def equal(a: str, b: str) -> int:
        asked.append((a, b))
        return 0

    assert merge_sort("abcde", equal) == list("abcde")
    # 5 = 2 + 3: (a)(b), then (c) with (d)(e), then both; an exhausted side ends a merge
    assert asked == [("a", "b"), ("d", "e"), ("c", "d"), ("a", "c"), ("b", "c")]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers())))
def test_merge_sort_is_stable(items: list[tuple[int, int]]) -> None:
    assert merge_sort(items, lambda a, b: a[0] - b[0]) == sorted(items, key=lambda item: item[0])


def compare(a: Destination, b: Destination) -> int:
    return decide(a, b)[0]


@given(candidates(), confs, dialects)
def test_the_unreachable_are_last(some: list[Candidate], conf: str | None, spoken: Dialect) -> None:
    try:
        result = order_for(some, Policy.build(conf, spoken), spoken)
    except ProcessAborted:  # up to 2.18 an assertion of rule 7 may end the process
        reject()
    assert sorted(one.position for one in result.ranked) == list(range(len(some)))
    reachable = [one.reachable for one in result.ranked]
    assert reachable == sorted(reachable, reverse=True)
    assert len(result.decisions) == max(0, len(some) - 1)
    assert all(d.rule == 1 for d in result.decisions if d.before.reachable != d.after.reachable)


# one build measures the first of two otherwise, so that rule 9 itself can go in a circle
@given(
    st.sampled_from("46").flatmap(candidates), confs,
    dialects.filter(lambda one: one.first_of_pair_keeps_top_bit),
)  # fmt: skip
def test_one_family_has_one_order(some: list[Candidate], conf: str | None, spoken: Dialect) -> None:
    facts = known(some, conf, spoken.glibc, spoken.arch)
    assert merge_sort(facts, compare) == sorted(facts, key=cmp_to_key(compare))
    assert all(decision.preferred for decision in order_of(facts).decisions)


@given(candidates(), confs, st.sampled_from(["amd64", "s390x"]))
def test_no_version_from_2_19_on_orders_otherwise(
    some: list[Candidate], conf: str | None, arch: str
) -> None:
    # fact section 5: with these files nothing that the sort sees changed, one build apart
    every = [dialect(glibc, arch) for glibc in ("2.19", *VERSIONS)]
    orders = {
        order_for(some, Policy.build(conf, d), d).destinations
        for d in every
        if d.first_of_pair_keeps_top_bit
    }
    assert len(orders) == 1


def insertion_sort(items: Iterable[Destination]) -> list[Destination]:
    done: list[Destination] = []
    for item in items:
        place = sum(1 for _ in takewhile(lambda one: compare(one, item) <= 0, done))  # noqa: B023
        done.insert(place, item)
    return done


def cyclic(a: Destination, b: Destination, c: Destination) -> bool:
    return compare(a, b) < 0 and compare(b, c) < 0 and compare(c, a) < 0


@given(candidates(), confs)
def test_cycles_alone_make_sorts_differ(some: list[Candidate], conf: str | None) -> None:
    facts = known(some, conf)
    found = find_cycle(facts)
    # by brute force over all triples
    assert (found is not None) is any(cyclic(*three) for three in permutations(facts, 3))
    if found is not None:
        assert cyclic(*found)
        return
    result = merge_sort(facts, compare)
    assert insertion_sort(facts) == insertion_sort(facts[::-1]) == result
    assert merge_sort(facts[::-1], compare) == result
    reachable = [one for one in facts if one.reachable]
    assert merge_sort(reachable, compare) == [one for one in result if one.reachable]
    again = merge_sort(known([some[one.position] for one in result], conf), compare)
    assert [one.position for one in again] == [*range(len(some))]


# --- the edges


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (("192.0.2.1", "2001:db8::1"), "one family"),
        *(((text, None), "address") for text in ("fe80::1%eth0", "nonsense", "192.0.2.256", "")),
    ],
)
def test_what_is_no_candidate_is_refused(one: tuple[str, str | None], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        order([Candidate(*one)], Policy.default("2.36"), "2.36")


@pytest.mark.parametrize("rule", [1, 2, 3, 4, 5, 7, 9])
def test_a_mapped_source_is_shown_with_its_dots(rule: int) -> None:
    (one,) = known([Candidate("::ffff:203.0.113.9", "::ffff:192.0.2.2")])
    assert "::ffff:192.0.2.2" in describe(rule, one)

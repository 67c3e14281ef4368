"""The ten rules, each alone and in their order, and the whole order: what the sort makes of them.

RFC 3484 §6; facts 2.1, 2.4 to 2.10.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cmp_to_key
from ipaddress import ip_address
from itertools import combinations, permutations, takewhile
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from harness.model import Candidate, Policy, order
from harness.model.cycles import find_cycle
from harness.model.dialects import Dialect, dialect
from harness.model.explain import describe
from harness.model.host import Target
from harness.model.order import (
    RULES,
    Destination,
    common_prefix,
    compare_pair,
    decide,
    merge_sort,
    order_for,
    order_of,
)
from harness.model.transport import ProcessAborted
from harness.versions import SUPPORTED
from tests.model.kit import VERSIONS, candidates, confs, dialects, known


def fact(position: int = 0, destination: str = "2001:db8::1", **changes: Any) -> Destination:
    """A destination like every other: reachable, matching, native; ``changes`` make it special."""
    source = "2001:db8::2" if ":" in destination else "198.51.100.2"
    plain = Destination(
        position, Target(ip_address(destination)), ip_address(source), prefixlen=64,
        deprecated=False, home=False, index=2, native=True, scope=14, source_scope=14,
        label=1, source_label=1, precedence=40, common_prefix=20, common_prefix_as_first=20,
    )  # fmt: skip
    bits = changes.get("common_prefix", plain.common_prefix)
    return replace(plain, **{"common_prefix_as_first": bits, **changes})


UNREACHABLE: dict[str, Any] = {
    "source": None, "source_scope": None, "source_label": None, "deprecated": False, "home": False,
    "index": None, "native": False, "common_prefix": 0,
}  # fmt: skip
"""What `destination` makes of one without a source."""

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


def decided(one: Destination, other: Destination) -> tuple[int, bool]:
    """The rule that decides, and whether the second wins."""
    verdict, rule = decide(one, other)
    return rule.number, verdict > 0


@pytest.mark.parametrize(("rule", "worse", "better"), CASES)
def test_each_rule_prefers_the_better_whatever_the_position(
    rule: int, worse: dict[str, Any], better: dict[str, Any]
) -> None:
    first, second = fact(0, **worse), fact(1, **better)
    assert (decided(first, second), decided(second, first)) == ((rule, True), (rule, False))
    if rule > 1:
        # fact 2.1: rules about the source skip the unreachable, 6 and 8 look at the destination
        first, second = fact(0, **(worse | UNREACHABLE)), fact(1, **(better | UNREACHABLE))
        asked = rule in (6, 8)
        assert decided(first, second) == (rule if asked else 10, asked)
        assert (RULES[rule - 1].compare(first, second) > 0) is asked


@pytest.mark.parametrize(("earlier", "later"), list(combinations(CASES, 2)))
def test_an_earlier_rule_overrides_a_later_one(earlier: Any, later: Any) -> None:
    # the worse by the earlier rule is the better by the later one
    worse, better = fact(0, **(later[2] | earlier[1])), fact(1, **(later[1] | earlier[2]))
    assert decided(worse, better) == (earlier[0], True)


@pytest.mark.parametrize(
    ("first", "second", "number", "second_wins"),
    [
        # rule 10 keeps the order
        (fact(0), fact(1), 10, False),
        (fact(1), fact(0), 10, True),
        # fact 2.1: rules 2 and 8 compare scopes across families too
        (fact(0, source_scope=2), fact(1, "198.51.100.1"), 2, True),
        (fact(0), fact(1, "169.254.1.1", scope=2, source_scope=2), 8, True),
        # fact 2.9: rule 9 stays within a family
        (fact(0), fact(1, "198.51.100.1", common_prefix=32), 10, False),
        # fact 2.4: a tunnel and an unknown interface tie in rule 7, and so does one with itself
        (fact(0, native=False, index=3), fact(1, native=False, index=None), 10, False),
        (fact(0, native=False), fact(1), 10, False),
        (fact(0, native=False, index=None), fact(1, index=None), 10, False),
        # but an unknown one loses to a native one
        (*known([Candidate("2001:db8::3", "2001:db8::4"),
                 Candidate("2001:db8::1", "2001:db8::2", 64, index=2, native=True)]), 7, True),
    ],
)  # fmt: skip
def test_comparisons(
    first: Destination, second: Destination, number: int, second_wins: bool
) -> None:
    assert decided(first, second) == (number, second_wins)


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


def test_a_decision_carries_the_rule_and_both_values() -> None:
    low, high = fact(0, precedence=10), fact(1, precedence=40)
    found = compare_pair(high, low)
    assert (found.rule, found.title, found.values) == (6, "prefer higher precedence", (40, 10))
    others = compare_pair(low, high), compare_pair(low, low)
    assert [one.preferred for one in (found, *others)] == [True, False, True]
    # other rules and another sort reach the whole order
    assert order_of([low, high]).ranked == (high, low)
    kept = order_of([low, high], RULES[9:])
    assert (kept.ranked, [one.rule for one in kept.decisions]) == ((low, high), [10])
    assert order_of([low, high], sort=lambda items, _: list(items)).ranked == (low, high)


# --- rule 9, facts 2.5 to 2.8


def four(destination: str, prefixlen: int = 24, index: int | None = 2) -> Candidate:
    return Candidate(destination, "172.18.45.2", prefixlen, index=index)


def six(destination: str) -> Candidate:
    return Candidate(destination, "2001:db8:1::2", 64, index=2)


def run(
    some: list[Candidate], glibc: str = "2.36", arch: str = "amd64", conf: str | None = None
) -> list[str]:
    result = order(some, Policy.from_gai_conf(conf, glibc, arch), glibc, arch)
    return [str(address) for address in result.destinations]


NEAR, FAR = "172.18.45.6", "172.31.80.8"


@pytest.mark.parametrize("arch", SUPPORTED)
def test_textbook_case_needs_the_prefix_length_where_the_shift_is_modulo(arch: str) -> None:
    holds = arch in ("armhf", "ppc64el", "s390x")
    for glibc in VERSIONS:
        assert run([four(FAR), four(NEAR)], glibc, arch) == [NEAR, FAR]
        unknown = run([four(FAR, 0, None), four(NEAR, 0, None)], glibc, arch)
        assert unknown == ([NEAR, FAR] if holds else [FAR, NEAR])


def test_which_bits_count() -> None:
    # in the subnet every bit: .3 shares 31 bits with .2, .6 shares 29
    assert run([four(NEAR), four("172.18.45.3")]) == ["172.18.45.3", NEAR]
    # outside it none since 2.8: 172.31.80.8 shares 12 bits and 172.16.0.9 shares 14
    some = [four(FAR), four("172.16.0.9")]
    assert run(some, "2.8") == [FAR, "172.16.0.9"]
    assert run(some, "2.7") == ["172.16.0.9", FAR]
    # without prefix length the mask is all ones on amd64: only the source itself counts
    assert run([four(NEAR, 0, None), four("172.18.45.2", 0, None)]) == ["172.18.45.2", NEAR]
    # of IPv6 all: ::3 shares 127 bits with the source ::2/64, ::ff00 shares 112
    near, far = "2001:db8:1::3", "2001:db8:1::ff00"
    for glibc in ("2.5", *VERSIONS):
        assert run([six(far), six(near)], glibc) == [near, far]


def test_common_prefix() -> None:
    shared = {
        ("2001:db8::1", "2001:db8::1"): 128, ("8000::", "::"): 0,
        ("2001:db8::", "2001:db8:8000::"): 32, ("192.0.2.1", "192.0.2.1"): 32,
        ("192.0.2.1", "192.0.2.3"): 30, ("192.0.2.1", "192.0.3.1"): 0,
    }  # fmt: skip
    now = dialect("2.36")
    found = {(a, b): common_prefix(now, ip_address(a), ip_address(b), 24) for a, b in shared}
    assert found == shared


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_nothing_of_a_source_counts_where_there_is_none(address: str) -> None:
    asked = Candidate(address, None, 24, deprecated=True, home=True, index=3, native=True)
    (only,) = order([asked], Policy.default("2.36"), "2.36").ranked
    assert {name: getattr(only, name) for name in UNREACHABLE} == UNREACHABLE


# --- the sort, and cycles between rules 9 and 10: facts 2.9 and 2.10

TIE = "precedence ::ffff:0:0/96 40"


@pytest.mark.parametrize("glibc", VERSIONS)
def test_where_the_sort_cuts_a_cycle(glibc: str) -> None:
    # halves [far] and [six, near]: six stands before near by rule 10, so the merge meets
    # far and six (rule 10 again) and never compares far with near
    far6, near6 = "2001:db8:9::1", "2001:db8:1::6"
    some = [four(FAR), six(far6), four(NEAR)]
    assert run(some, glibc, conf=TIE) == [FAR, far6, NEAR]
    assert [one.position for one in find_cycle(known(some, TIE, glibc)) or ()] == [2, 0, 1]
    assert find_cycle(known(some, None, glibc)) is None  # the families do not tie
    # halves [far, far6] and [near, near6]: near beats far by rule 9; far stands before near6
    # by rule 10; near6 beats far6 by rule 9
    assert run([*some, six(near6)], glibc, conf=TIE) == [NEAR, FAR, near6, far6]


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


@given(st.sampled_from("46").flatmap(candidates), confs, dialects)
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


def test_scope_ids_are_carried_along() -> None:
    some = [Candidate("fe80::1", None, scope_id=3), six("2001:db8:1::6")]
    result = order(some, Policy.default("2.36"), "2.36")
    assert [str(one.target) for one in result.ranked] == ["2001:db8:1::6", "fe80::1%3"]


def test_a_mixed_pair_and_a_text_that_is_no_address_are_refused() -> None:
    with pytest.raises(ValueError, match="one family"):
        run([Candidate("192.0.2.1", "2001:db8::1")])
    for text in ("fe80::1%eth0", "nonsense", "192.0.2.256", ""):
        with pytest.raises(ValueError, match="address"):
            run([Candidate(text, None)])


@pytest.mark.parametrize("rule", [1, 2, 3, 4, 5, 7, 9])
def test_a_mapped_source_is_shown_with_its_dots(rule: int) -> None:
    one = fact(source=ip_address("::ffff:192.0.2.2"), destination="::ffff:203.0.113.9")
    assert "::ffff:192.0.2.2" in describe(rule, one)

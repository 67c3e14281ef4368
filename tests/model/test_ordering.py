"""The whole order: rule 9's subnet, the sort's steps, what always holds. Facts 2.5 to 2.10."""

from __future__ import annotations

from functools import cmp_to_key
from ipaddress import ip_address
from itertools import permutations, takewhile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import Candidate, Policy, order
from harness.model.cycles import find_cycle
from harness.model.dialects import dialect
from harness.model.order import common_prefix, decide, merge_sort, order_for, order_of
from harness.versions import SUPPORTED
from tests.model.kit import TYING, VERSIONS, candidates, confs, dialects, known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.model.dialects import Dialect
    from harness.model.order import Destination


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


# --- rule 9, IPv4: facts 2.5 to 2.7


@pytest.mark.parametrize("arch", SUPPORTED)
def test_textbook_case_needs_the_prefix_length_where_the_shift_is_modulo(arch: str) -> None:
    holds = arch in ("armhf", "ppc64el", "s390x")
    for glibc in VERSIONS:
        assert run([four(FAR), four(NEAR)], glibc, arch) == [NEAR, FAR]
        unknown = run([four(FAR, 0, None), four(NEAR, 0, None)], glibc, arch)
        assert unknown == ([NEAR, FAR] if holds else [FAR, NEAR])


def test_which_bits_of_ipv4_count() -> None:
    # in the subnet every bit: .3 shares 31 bits with .2, .6 shares 29
    assert run([four(NEAR), four("172.18.45.3")]) == ["172.18.45.3", NEAR]
    # outside it none since 2.8: 172.31.80.8 shares 12 bits and 172.16.0.9 shares 14
    some = [four(FAR), four("172.16.0.9")]
    assert run(some, "2.8") == [FAR, "172.16.0.9"]
    assert run(some, "2.7") == ["172.16.0.9", FAR]
    # without prefix length the mask is all ones on amd64: only the source itself counts
    assert run([four(NEAR, 0, None), four("172.18.45.2", 0, None)]) == ["172.18.45.2", NEAR]


# --- rule 9, IPv6: fact 2.8


def test_ipv6_compares_all_bits_whatever_the_prefix_length() -> None:
    # ::3 shares 127 bits with the source ::2/64, ::ff00 shares 112
    near, far = "2001:db8:1::3", "2001:db8:1::ff00"
    for glibc in ("2.5", *VERSIONS):
        assert run([six(far), six(near)], glibc) == [near, far]


@pytest.mark.parametrize(
    ("destination", "source", "bits"),
    [
        ("2001:db8::1", "2001:db8::1", 128),
        ("8000::", "::", 0),
        ("2001:db8::", "2001:db8:8000::", 32),
        ("192.0.2.1", "192.0.2.1", 32),
        ("192.0.2.1", "192.0.2.3", 30),
        ("192.0.2.1", "192.0.3.1", 0),
    ],
)
def test_common_prefix(destination: str, source: str, bits: int) -> None:
    found = common_prefix(dialect("2.36"), ip_address(destination), ip_address(source), 24)
    assert found == bits
    assert common_prefix(dialect("2.36"), ip_address(destination), None, 24) == 0


# --- the sort: facts 2.9 and 2.10

TIE = "precedence ::ffff:0:0/96 40"


@pytest.mark.parametrize("glibc", VERSIONS)
def test_where_the_sort_cuts_a_cycle(glibc: str) -> None:
    # halves [far] and [six, near]: six stands before near by rule 10, so the merge meets
    # far and six (rule 10 again) and never compares far with near
    far6, near6 = "2001:db8:9::1", "2001:db8:1::6"
    some = [four(FAR), six(far6), four(NEAR)]
    assert run(some, glibc, conf=TIE) == [FAR, far6, NEAR]
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

    def compare(a: str, b: str) -> int:
        asked.append((a, b))
        return 0

    assert merge_sort("abcde", compare) == list("abcde")
    # 5 = 2 + 3: (a)(b), then (c) with (d)(e), then both; an exhausted side ends a merge
    assert asked == [("a", "b"), ("d", "e"), ("c", "d"), ("a", "c"), ("b", "c")]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers())))
def test_merge_sort_is_stable(items: list[tuple[int, int]]) -> None:
    assert merge_sort(items, lambda a, b: a[0] - b[0]) == sorted(items, key=lambda item: item[0])


# --- what always holds


def compare(a: Destination, b: Destination) -> int:
    return decide(a, b)[0]


@given(candidates(), confs, dialects)
def test_the_order_is_a_permutation_with_the_unreachable_last(
    some: list[Candidate], conf: str | None, spoken: Dialect
) -> None:
    result = order_for(some, Policy.build(conf, spoken), spoken)
    assert sorted(one.position for one in result.ranked) == list(range(len(some)))
    reachable = [one.reachable for one in result.ranked]
    assert reachable == sorted(reachable, reverse=True)
    assert len(result.decisions) == max(0, len(some) - 1)
    assert all(d.rule == 1 for d in result.decisions if d.before.reachable != d.after.reachable)


@given(st.sampled_from("46").flatmap(candidates), confs, dialects)
def test_within_one_family_any_sort_gives_the_same(
    some: list[Candidate], conf: str | None, spoken: Dialect
) -> None:
    facts = known(some, conf, spoken.glibc, spoken.arch)
    assert merge_sort(facts, compare) == sorted(facts, key=cmp_to_key(compare))
    assert all(decision.preferred for decision in order_of(facts).decisions)


@given(candidates(), confs)
def test_removing_unreachable_destinations_leaves_the_others_in_order(
    some: list[Candidate], conf: str | None
) -> None:
    facts = known(some, conf)
    reachable = [one for one in facts if one.reachable]
    if find_cycle(reachable) is None:
        whole = [one for one in merge_sort(facts, compare) if one.reachable]
        assert whole == merge_sort(reachable, compare)


@given(candidates(), confs)
def test_ordering_an_order_changes_nothing_where_the_relation_is_transitive(
    some: list[Candidate], conf: str | None
) -> None:
    facts = known(some, conf)
    if find_cycle(facts) is None:
        once = [some[one.position] for one in merge_sort(facts, compare)]
        twice = merge_sort(known(once, conf), compare)
        assert [one.position for one in twice] == list(range(len(some)))


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


# --- cycles between rules 9 and 10: facts 2.9 and 2.10

FAR6 = six("2001:db8:9::1")


def insertion_sort(items: Iterable[Destination]) -> list[Destination]:
    done: list[Destination] = []
    for item in items:
        place = sum(1 for _ in takewhile(lambda one: compare(one, item) <= 0, done))  # noqa: B023
        done.insert(place, item)
    return done


def cyclic(a: Destination, b: Destination, c: Destination) -> bool:
    return compare(a, b) < 0 and compare(b, c) < 0 and compare(c, a) < 0


@pytest.mark.parametrize(
    ("some", "conf", "cycle"),
    [
        ([four(FAR), FAR6, four(NEAR)], TYING, [2, 0, 1]),  # near, far, between
        ([four(FAR), FAR6, four(NEAR)], None, None),  # the families do not tie
        ([FAR6, four(FAR), four(NEAR)], TYING, None),  # the other family must stand between
        ([four(FAR), four(NEAR), FAR6], TYING, None),
        ([four(NEAR), FAR6, four(FAR)], TYING, None),
        ([four(FAR), four(FAR), four(NEAR)], TYING, None),  # one family alone
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
    # by brute force over all triples
    assert (found is not None) is any(cyclic(*three) for three in permutations(facts, 3))
    assert found is None or cyclic(*found)


@given(candidates(), confs)
def test_without_a_cycle_every_sort_gives_the_same(some: list[Candidate], conf: str | None) -> None:
    facts = known(some, conf)
    if find_cycle(facts) is None:
        result = merge_sort(facts, compare)
        assert insertion_sort(facts) == insertion_sort(facts[::-1]) == result
        assert merge_sort(facts[::-1], compare) == result


# --- the edges


def test_a_mixed_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="one family"):
        run([Candidate("192.0.2.1", "2001:db8::1")])


@pytest.mark.parametrize("text", ["fe80::1%eth0", "nonsense", "192.0.2.256", ""])
def test_a_text_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        run([Candidate(text, None)])


def test_scope_ids_are_carried_along() -> None:
    some = [Candidate("fe80::1", None, scope_id=3), six("2001:db8:1::6")]
    result = order(some, Policy.default("2.36"), "2.36")
    assert [str(one.target) for one in result.ranked] == ["2001:db8:1::6", "fe80::1%3"]

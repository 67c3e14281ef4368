"""What one bug makes otherwise is one group, whatever rule decides; two bugs are two."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare.causes import Alter, with_rules
from harness.compare.evidence import Evidence
from harness.compare.fuzz.batches import BatchSpec, examine
from harness.compare.fuzz.changes import against_rule, every_change, explanations
from harness.compare.fuzz.found import Disagreement, judged
from harness.compare.fuzz.groups import BugGroup, Groups, alike
from harness.compare.plan import lanes_for
from harness.compare.verdict import prediction_for
from harness.model.order import RULES, Destination, Rules
from harness.native.record import Answer
from harness.sandbox import Pool
from tests.compare.kit import as_broken, disagrees
from tests.compare.patched import ipv4_first, patch

# What a slip in glibc's source does, of each rule that a plain host asks: inverted jumps (of which
# two are real ones of 2.36, compiled), a mistyped name, a lost half, another length, a lost line.
SLIPS = (
    "rule 1 (avoid unusable destinations) compares otherwise:"
    " no/yes takes neither, no/no takes the second",
    "rule 2 (prefer matching scope) takes the first source scope for both",
    "rule 5 (prefer matching label) compares otherwise:"
    " yes/yes takes the second, yes/no takes neither, no/no takes the first",
    "rule 6 (prefer higher precedence) compares otherwise: more/less takes neither",
    "rule 8 (prefer smaller scope) compares otherwise: equal takes the second",
    "rule 9 (use longest matching prefix) takes the first prefix length for both",
    "the default label of fc00::/7 is that of /8",
    "lines of gai.conf are ignored: host bits",
)
_FEW, _CONTROLS = 4, 30
_OF_THE_SORT = ("rule", "seed", "table", "case-rfc", "fact-3", "gaiconf")  # a quarter of all


def broken(
    evidence: Sequence[Evidence], alters: Sequence[Callable[[Evidence], Alter]]
) -> tuple[list[Disagreement], tuple[Evidence, ...]]:
    """A few disagreements for each change, as a glibc with all of them has them; what agrees."""
    answered = [
        one
        for one in evidence
        if isinstance(one.native, Answer) and one.scenario.name.startswith(_OF_THE_SORT)
    ]
    # where a line has no defined effect, several answers are right
    answered = [one for one in answered if not prediction_for(one).undefined]
    alone: list[list[Evidence]] = [[] for _ in alters]
    agreed: list[Evidence] = []
    for one in answered:
        seen = [as_broken(one, alter(one)) for alter in alters]
        differing = [at for at, each in enumerate(seen) if disagrees(each)]
        if not differing:
            agreed.append(one)
        elif len(differing) == 1 and len(alone[differing[0]]) < _FEW:
            alone[differing[0]].append(seen[differing[0]])
    few = tuple(agreed[:: len(agreed) // _CONTROLS])
    return [judged(one, few) for each in alone for one in each], few


def joined(found: Sequence[Disagreement]) -> list[BugGroup]:
    groups = Groups()
    for one in found:
        groups.add(one)
    return groups.joined()


def of(words: str) -> Callable[[Evidence], Alter]:
    return lambda one: every_change(one.dialect)[words]


@pytest.mark.parametrize("words", SLIPS)
def test_one_slip_is_one_group(words: str, library_evidence: list[Evidence]) -> None:
    found, _ = broken(library_evidence, [of(words)])
    assert found
    (group,) = joined(found)
    assert group.seen == len(found)
    assert all(words in one.result.causes for one in found)
    assert all(group.causes[0] in one.result.causes for one in found)


def test_two_slips_are_two_groups(library_evidence: list[Evidence]) -> None:
    found, _ = broken(library_evidence, [of(SLIPS[1]), of(SLIPS[6])])
    one, other = joined(found)
    assert one.causes
    assert other.causes
    assert one.seen + other.seen == len(found)
    # while a case of one shrinks, it may not become one of the other
    is_alike = alike(one, [one, other])
    assert is_alike(one.cases[0])
    assert not is_alike(other.cases[-1])


def _by_chance(rules: Rules) -> Rules:
    """Rule 5 goes by something that no change knows of."""

    def values(a: Destination, b: Destination) -> tuple[int, int]:
        one, other = (int(each.address) % 7 for each in (a, b))
        return (one, other) if a.reachable else (0, 0)

    return tuple(replace(one, values=values) if one.number == 5 else one for one in rules)


def test_orders_that_nothing_explains_are_one_group_of_their_first_rule(
    library_evidence: list[Evidence],
) -> None:
    found, few = broken(library_evidence, [lambda _: with_rules(_by_chance)])
    rules = [against_rule(one.evidence) for one in found]
    assert min(filter(None, rules)) == 5
    (group,) = joined(found)
    assert group.seen == len(found)
    assert "rule 5" in group.kind
    assert against_rule(group.cases[0].evidence) == 5
    # an answer that is right speaks against no rule
    assert {against_rule(one) for one in few} <= {None, len(RULES)}  # None: nothing was sorted


def test_what_spoils_an_agreement_explains_nothing(library_evidence: list[Evidence]) -> None:
    words = "rule 6 (prefer higher precedence) is left out"
    (found, *_), _ = broken(
        library_evidence, [of("the default precedence of 2002::/16 is 40, not 30")]
    )
    agreed = next(one for one in library_evidence if not fits_with(words, one))
    for controls, causes in (((), (words,)), ((agreed,), ())):
        told = replace(found, result=replace(found.result, causes=(words,)), agreed=controls)
        (group,) = joined([told])
        assert group.causes == causes


def fits_with(words: str, evidence: Evidence) -> bool:
    """Whether a change leaves the answer of a look-up as it is, or cannot be tried on it."""
    answer = evidence.native
    return not isinstance(answer, Answer) or words in explanations(evidence, [words])


def test_many_of_one_kind_are_counted_and_not_kept(library_evidence: list[Evidence]) -> None:
    (found, *_), _ = broken(library_evidence, [of(SLIPS[1])])
    (group,) = joined([found] * 50)
    assert group.seen == 50
    assert len(group.cases) < 20


def fuzzed(prefix: Path, number: int) -> list[BugGroup]:
    """What a batch of seed 2026 shows of a real glibc with patched tables."""
    with Pool(1) as pool:
        lanes = lanes_for(str(prefix), "worker")
        (outcome,) = pool.outcomes(examine, [BatchSpec(2026, number, lanes)])
        return joined(outcome.values[0].disagreements)


def test_a_real_glibc_with_one_other_value_and_with_two(tmp_path: Path) -> None:
    prefix = ipv4_first(tmp_path)
    (group,) = fuzzed(prefix, 1)
    patch(prefix, "fc00::/7", 6, 1)
    one, other = fuzzed(prefix, 4)
    for each in (group, one):
        assert each.causes[0] == "the default precedence of ::ffff:0:0/96 is 100, not 10"
    assert "the default label of fc00::/7 is 1, not 6" in other.causes

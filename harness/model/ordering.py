"""From candidates to the order and the reason for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.model.dialects import Dialect, dialect
from harness.model.facts import Candidate, Facts, glibc_facts
from harness.model.host import IPAddress, Target
from harness.model.policy import Policy
from harness.model.rules import RULES, Rule, decide
from harness.model.sorting import merge_sort

Sort = Callable[[Sequence[Facts], Callable[[Facts, Facts], int]], list[Facts]]


@dataclass(frozen=True, slots=True)
class Decision:
    """Why ``before`` stands before its neighbour ``after``.

    ``rule`` is the rule that tells the two apart; ``preferred`` is False where that rule
    would have put them the other way round, which happens only where the comparison is
    not transitive and the sort never compared the two.
    """

    before: Facts
    after: Facts
    rule: int
    title: str
    before_value: str
    after_value: str
    preferred: bool = True

    @property
    def why(self) -> str:
        """The reason in one line, with both values."""
        text = (
            f"rule {self.rule}: {_name(self.before)} {self.before_value}, "
            f"{_name(self.after)} {self.after_value}"
        )
        if not self.preferred:
            text += " — the rule prefers the other way, but the sort never compared the two"
        return text


def _name(item: Facts) -> str:
    return str(Target(item.destination, item.scope_id))


@dataclass(frozen=True, slots=True)
class Order:
    """The sorted candidates and, for each neighbouring pair, the decision."""

    facts: tuple[Facts, ...]
    decisions: tuple[Decision, ...]

    @property
    def destinations(self) -> tuple[IPAddress, ...]:
        """The addresses in order."""
        return tuple(item.destination for item in self.facts)


def compare_pair(a: Facts, b: Facts, rules: tuple[Rule, ...] = RULES) -> Decision:
    """The decision between two destinations standing in the order ``a``, ``b``."""
    verdict, rule = decide(a, b, rules)
    return Decision(
        before=a,
        after=b,
        rule=rule.number,
        title=rule.title,
        before_value=(rule.describe_first or rule.describe)(a),
        after_value=rule.describe(b),
        preferred=verdict <= 0,
    )


def order_for(
    candidates: Sequence[Candidate],
    policy: Policy,
    spoken: Dialect,
    *,
    rules: tuple[Rule, ...] = RULES,
    sort: Sort = merge_sort,
) -> Order:
    """As `order`, for a dialect; ``rules`` and ``sort`` can be replaced to study them."""
    known = [glibc_facts(item, i, policy, spoken) for i, item in enumerate(candidates)]
    return order_of(known, rules, sort)


def order_of(
    known: Sequence[Facts], rules: tuple[Rule, ...] = RULES, sort: Sort = merge_sort
) -> Order:
    """Sort known facts by ``rules`` and say why each neighbour stands where it does."""
    ordered = sort(known, lambda a, b: decide(a, b, rules)[0])
    decisions = [compare_pair(a, b, rules) for a, b in pairwise(ordered)]
    return Order(tuple(ordered), tuple(decisions))


def order(
    candidates: Sequence[Candidate], policy: Policy, glibc: str, arch: str = "amd64"
) -> Order:
    """The order in which glibc ``glibc`` on ``arch`` returns ``candidates``.

    ``candidates`` are in the order the name service gave them. Raises ValueError for
    texts that are no addresses or a version the model does not know.

    >>> policy = Policy.default("2.36")
    >>> near = Candidate("172.18.45.6", "172.18.45.2", prefixlen=24, index=2)
    >>> far = Candidate("172.31.80.8", "172.18.45.2", prefixlen=24, index=2)
    >>> result = order([far, near], policy, "2.36")
    >>> [str(address) for address in result.destinations]
    ['172.18.45.6', '172.31.80.8']
    >>> result.decisions[0].rule
    9
    """
    return order_for(candidates, policy, dialect(glibc, arch))

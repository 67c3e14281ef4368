"""What a wished order demands of rules 1 to 5, and which of them stands in the way. Pure.

Rules 1, 3 and 4 look at the host alone. Rule 2 can be turned for IPv4 (scopev4), rule 5
for all (label): an address matches its source or not, which is free to choose except that
equal addresses always match. Everything that ties there is left to rule 6, where
precedences put any two different addresses in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from harness.model.addresses import as_ipv6_int, parse
from harness.model.dialects import Dialect
from harness.model.host import Target
from harness.model.order import RULES, Candidate, Destination, decide, glibc_destination
from harness.model.policy import Policy

Pair = tuple[Target, Target]


@dataclass(frozen=True, slots=True)
class LookupCase:
    """One look-up in one dialect: the candidates in the order the name service gave them."""

    name: str
    dialect: Dialect
    candidates: tuple[Candidate, ...]


def known_facts(case: LookupCase, policy: Policy) -> dict[Target, Destination]:
    """The facts of every different destination, at its first place in the answer."""
    found: dict[Target, Destination] = {}
    for position, candidate in enumerate(case.candidates):
        target = Target(parse(candidate.destination), candidate.scope_id)
        if target not in found:
            found[target] = glibc_destination(candidate, position, policy, case.dialect)
    return found


def scope_matches(item: Destination) -> bool:
    """True when destination and source have the same scope."""
    return item.scope == item.source_scope


def label_matches(item: Destination) -> bool:
    """True when destination and source have the same label."""
    return item.label == item.source_label


def pairs(wanted: Sequence[Target], others: Sequence[Target]) -> Iterator[Pair]:
    """Every pair of which the wish says which comes first."""
    for number, first in enumerate(wanted):
        for second in (*wanted[number + 1 :], *others):
            yield first, second


def early_verdict(a: Destination, b: Destination) -> tuple[int, int]:
    """Rules 1 to 5: below 0 the first is preferred, 0 they tie; and the number of the rule."""
    verdict, rule = decide(a, b, RULES[:5])
    return verdict, rule.number if verdict else 0


def late_verdict(a: Destination, b: Destination) -> int:
    """Rules 7 to 10, which decide between equal precedences."""
    return decide(a, b, RULES[6:])[0]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which destinations match their source's scope (IPv4) and label."""

    scope: dict[Target, bool]
    label: dict[Target, bool]


def classes(matching: Sequence[tuple[int, int]], keys: Iterable[int]) -> dict[int, int]:
    """A number for each key: equal for the ends of every pair, different where nothing asks."""
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    for a, b in matching:
        old, new = number[a], number[b]
        number = {key: new if place == old else place for key, place in number.items()}
    return number


def possible(matching: Sequence[tuple[int, int]], differing: Sequence[tuple[int, int]]) -> bool:
    """True when one table can make the first pairs equal and the others different."""
    number = classes(matching, (key for pair in (*matching, *differing) for key in pair))
    return all(number[a] != number[b] for a, b in differing)


def satisfiable(
    known: Sequence[dict[Target, Destination]], wanted: Sequence[Target], others: Sequence[Target],
    scopes_free: bool = True, labels_free: bool = True,
) -> Choice | None:  # fmt: skip
    """The choice, nearest to the present one, for which rules 1 to 5 leave the wish open.

    Parameters: ``known`` the facts of each case; ``scopes_free`` and ``labels_free`` are
    False where scopev4 or label lines are not to be used. None when no table makes it so:
    the search tries every choice.
    """
    first = known[0]
    order = [target for target in (*wanted, *others) if first[target].reachable]
    for one in known:
        for a, b in pairs(wanted, others):
            if not one[a].reachable and one[b].reachable:
                return None
    ends = [target for target in order if target in set(wanted)]
    chosen: dict[Target, tuple[bool, bool]] = {}

    def fits(target: Target, option: tuple[bool, bool]) -> bool:
        # whatever comes before stands in order already, so the last of it is the lowest
        before = [one for one in ends if one in chosen][-1:]
        for one in known:
            for other in before:
                if _key(one[other], chosen[other]) < _key(one[target], option):
                    return False
            # one address in two zones: no line tells the two apart, rules 7 to 10 do
            for other in twins(target, ends):
                same = other in chosen and chosen[other] == option
                if same and _tied(one[other], one[target]):
                    return False
        return True

    def consistent() -> bool:
        for kind in (0, 1):
            yes: list[tuple[int, int]] = []
            no: list[tuple[int, int]] = []
            for target, option in chosen.items():
                item = first[target]
                if kind == 0 and item.address.version == 6:
                    continue
                assert item.source is not None
                ends_of = as_ipv6_int(item.address), as_ipv6_int(item.source)
                (yes if option[kind] else no).append(ends_of)
            if not possible(yes, no):
                return False
        return True

    def search(number: int) -> bool:
        if number == len(order):
            return True
        target = order[number]
        item = first[target]
        for option in product(states(item, 2, scopes_free), states(item, 5, labels_free)):
            if not fits(target, option):
                continue
            chosen[target] = option
            if consistent() and search(number + 1):
                return True
            del chosen[target]
        return False

    if not search(0):
        return None
    return Choice(
        {target: option[0] for target, option in chosen.items()},
        {target: option[1] for target, option in chosen.items()},
    )


def twins(target: Target, among: Sequence[Target]) -> list[Target]:
    """The destinations with the same address in another zone."""
    return [one for one in among if one.address == target.address and one != target]


def _tied(a: Destination, b: Destination) -> bool:
    """True when equal choices leave the two to rules 7 to 10, and these prefer ``b``."""
    present = scope_matches(a), label_matches(a)
    return _key(a, present) == _key(b, present) and late_verdict(a, b) > 0


def _key(item: Destination, option: tuple[bool, bool]) -> tuple[bool, ...]:
    """Rules 2 to 5 of a reachable destination as one value; the higher comes first."""
    return option[0], not item.deprecated, item.home, option[1]


def states(item: Destination, rule: int, free: bool) -> tuple[bool, ...]:
    """Whether it can match in rule 2 or 5, the present state first; ``free`` to add lines."""
    now = scope_matches(item) if rule == 2 else label_matches(item)
    fixed = not free or item.address == item.source or (rule == 2 and item.address.version == 6)
    return (now,) if fixed else (now, not now)

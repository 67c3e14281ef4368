"""Small changes of the ten rules, in words: those that a slip in glibc's comparison would make.

Each takes the rules and gives them changed, so that one can follow another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, product

from harness.model.dialects import Dialect
from harness.model.order import RULES, Destination, Rule, Rules, Values, common_prefix
from harness.model.standards import of_reached

RuleChange = Callable[[Rules], Rules]
Compared = Callable[[Destination, Destination], Values]

_WORDS = {
    (True, True): "yes/yes", (True, False): "yes/no", (False, True): "no/yes",
    (False, False): "no/no", 1: "more/less", 0: "equal", -1: "less/more",
}  # fmt: skip
_TAKES = {-1: "the first", 0: "neither", 1: "the second"}
_YES_OR_NO = (1, 2, 3, 4, 5, 7)  # rules that compare whether something holds
_OF_SOURCES = (2, 3, 4, 5, 7, 9)


def rule_changes() -> Iterator[tuple[str, RuleChange]]:
    """One rule left out, turned round, skipped for some, or read before another."""
    for rule in RULES[:-1]:
        name = _name(rule)
        yield f"{name} is left out", partial(_left_out, rule.number)
        yield f"{name} is turned round", _turned(rule)
        within = partial(_within_family, rule, (4, 6))
        yield f"{name} is skipped between families", _compared(rule, within)
        reached = _compared(rule, of_reached(rule).values)
        yield f"{name} is asked of reachable ones only", reached
    yield "rule 10 (leave the order unchanged) is turned round", _turned(RULES[9])
    nine = RULES[8]
    for version in (4, 6):
        other = partial(_within_family, nine, (10 - version,))
        yield f"{_name(nine)} skips IPv{version}", _compared(nine, other)
    across = _compared(nine, lambda a, b: (a.common_prefix, b.common_prefix))
    yield f"{_name(nine)} compares across families", across
    for at, rule in enumerate(RULES):
        for before in reversed(RULES[:at]):
            words = f"rule {rule.number} is read before rule {before.number}"
            yield words, partial(_moved, rule.number, before.number)


def comparison_changes(dialect: Dialect) -> Iterator[tuple[str, RuleChange]]:
    """One rule that answers some kinds of pairs otherwise, or mixes the two of a pair up.

    An inverted or lost branch of the comparison does the first, a mistyped name the second. The
    last rules come first: what they answer touches the fewest pairs.
    """
    for rule in reversed(RULES[:-1]):
        for whose, asked in _asked(rule):
            for answers in _answers(rule):
                said = (f"{_WORDS[kind]} takes {_TAKES[to]}" for kind, to in answers.items())
                other = partial(_answered, rule, asked, answers)
                words = f"{_name(rule)} compares {whose}otherwise: {', '.join(said)}"
                change = _compared(rule, other)
                yield words, partial(_past_reach, change) if rule.number == 1 else change
    for number, facts in ((2, ("scope", "source_scope")), (5, ("label", "source_label"))):
        rule = RULES[number - 1]
        for fact, first in product(facts, (True, False)):
            words = f"{_name(rule)} takes the {_nth(first)} {fact.replace('_', ' ')} for both"
            yield words, _compared(rule, partial(_mixed_up, rule, fact, first))
    for first in (True, False):
        words = f"{_name(RULES[8])} takes the {_nth(first)} prefix length for both"
        yield words, _compared(RULES[8], partial(_one_length, dialect, first))


def _name(rule: Rule) -> str:
    return f"rule {rule.number} ({rule.title})"


def _nth(first: bool) -> str:
    return "first" if first else "second"


def _left_out(number: int, rules: Rules) -> Rules:
    return tuple(one for one in rules if one.number != number)


def _turned(rule: Rule) -> RuleChange:
    return partial(_replaced, replace(rule, smaller=not rule.smaller))


def _compared(rule: Rule, values: Compared) -> RuleChange:
    return partial(_replaced, replace(rule, values=values))


def _replaced(rule: Rule, rules: Rules) -> Rules:
    return tuple(rule if one.number == rule.number else one for one in rules)


def _moved(number: int, before: int, rules: Rules) -> Rules:
    moved = next((one for one in rules if one.number == number), None)
    found: list[Rule] = []
    for one in rules:
        found += [moved] if moved is not None and one.number == before else []
        found += [one] if one is not moved else []
    return tuple(found)


def _within_family(rule: Rule, versions: Sequence[int], a: Destination, b: Destination) -> Values:
    alike = a.address.version == b.address.version and a.address.version in versions
    return rule.values(a, b) if alike else (0, 0)


def _asked(rule: Rule) -> Iterator[tuple[str, Callable[[Destination, Destination], bool]]]:
    """The pairs that glibc's code of a rule comes to, and parts of them, in words."""
    match rule.number:
        case 1:
            yield "", lambda _a, _b: True
        case 6 | 8:
            yield "", lambda _a, _b: True
            yield "unreachable ones ", lambda a, _: not a.reachable
        case 7:
            yield "", lambda a, b: a.reachable and a.index != b.index
        case 9:
            yield "", lambda a, b: a.reachable and a.address.version == b.address.version
            yield "IPv4 ", lambda a, b: a.reachable and a.address.version == b.address.version == 4
            yield "IPv6 ", lambda a, b: a.reachable and a.address.version == b.address.version == 6
        case _:
            yield "", lambda a, _: a.reachable


def _answers(rule: Rule) -> Iterator[dict[object, int]]:
    """For some kinds of pairs another answer than the rule's; few kinds come first."""
    own: dict[object, int] = {1: -1, 0: 0, -1: 1}
    if rule.number in _YES_OR_NO:
        own = {(one, two): two - one for one, two in product((True, False), repeat=2)}
    if rule.smaller:
        own = {one: -to for one, to in own.items()}
    unequal = {one: to for one, to in own.items() if to}
    plain = [{one: change * to for one, to in unequal.items()} for change in (0, -1)]
    for count in range(1, len(own) + 1):
        for several in combinations(own, count):
            others = [[to for to in _TAKES if to != own[one]] for one in several]
            for chosen in product(*others):
                found = dict(zip(several, chosen, strict=True))
                if found not in plain:  # the rule left out, and turned round
                    yield found


def _answered(
    rule: Rule, asked: Callable[[Destination, Destination], bool], answers: Mapping[object, int],
    a: Destination, b: Destination,
) -> Values:  # fmt: skip
    one, two = rule.values(a, b)
    kind: object = (one > two) - (one < two)
    if rule.number in _YES_OR_NO:
        kind = bool(one), bool(two)
    to = answers.get(kind)
    if to is None or not asked(a, b):
        return one, two
    return (to, 0) if rule.smaller else (0, to)


def _past_reach(change: RuleChange, rules: Rules) -> Rules:
    """Where rule 1 lets pairs through, glibc asks whether the first is reachable, rule by rule."""
    asked = {one.number: one for one in rules if one.number in _OF_SOURCES}
    for number, rule in asked.items():
        asked[number] = replace(rule, values=partial(_if_reached, rule))
    return change(tuple(asked.get(one.number, one) for one in rules))


def _if_reached(rule: Rule, a: Destination, b: Destination) -> Values:
    return rule.values(a, b) if a.reachable else (0, 0)


def _mixed_up(rule: Rule, fact: str, first: bool, a: Destination, b: Destination) -> Values:
    value = getattr(a if first else b, fact)
    if first:
        return rule.values(a, replace(b, **{fact: value}))
    return rule.values(replace(a, **{fact: value}), b)


def _one_length(dialect: Dialect, first: bool, a: Destination, b: Destination) -> Values:
    """Rule 9 with the prefix length of one of the two for both."""
    if a.source is None or b.source is None or a.address.version != b.address.version:
        return 0, 0
    length = a.prefixlen if first else b.prefixlen
    one = common_prefix(dialect, a.address, a.source, length)
    return one, common_prefix(dialect, b.address, b.source, length)

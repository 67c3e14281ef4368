"""Disagreements of a run, joined as far as one small change of the model explains them. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice, takewhile

from harness.compare.answers import differing_fields
from harness.compare.causes import Alter, ModelQuestion, causes
from harness.compare.evidence import Evidence
from harness.compare.fuzz.changes import against_rule, every_change, explanations
from harness.compare.fuzz.found import Disagreement
from harness.compare.results import Result, Verdict
from harness.compare.values import grouped
from harness.model.order import RULES

_ALIKE = 16  # disagreements of a build and kind that are kept; twice as many of unlike causes
_CONTROLS = 240  # agreements of a build that an explanation must leave as they are
_NAMED = 4  # changes that explain a group alike


@dataclass(slots=True)
class BugGroup:
    """Disagreements of one build that one thing may explain.

    ``causes`` are changes of the model that each explain all of them, the plainest first; without
    any, ``kind`` has what they have in common. ``cases`` begin with the smallest; ``more`` were
    looked into and not kept.
    """

    build: str
    causes: tuple[str, ...]
    kind: str
    cases: list[Disagreement]
    more: int = 0

    @property
    def seen(self) -> int:
        """How many were looked into."""
        return len(self.cases) + self.more


class Groups:
    """Takes the disagreements of a run as they are found."""

    def __init__(self) -> None:
        self._builds: dict[str, _Build] = {}

    def add(self, found: Disagreement) -> None:
        """Take a disagreement; what is like enough to others is counted alone."""
        self._builds.setdefault(found.result.where, _Build()).add(found)

    def joined(self) -> list[BugGroup]:
        """The groups of each build; those that explain most come first."""
        return [group for build in self._builds.values() for group in build.joined()]


@dataclass(slots=True)
class _Build:
    _kept: list[Disagreement] = field(default_factory=list)
    _dropped: Counter[str] = field(default_factory=Counter)  # by their kind
    _controls: list[Evidence] = field(default_factory=list)
    _held: dict[str, int | None] = field(default_factory=dict)  # controls passed; None: spoilt one
    _joined: list[BugGroup] | None = None

    def add(self, found: Disagreement) -> None:
        kind, known = kind_of(found.result), found.result.causes
        alike = sum(kind_of(one.result) == kind for one in self._kept)
        if alike >= _ALIKE:
            named = {group.causes[0] for group in self.joined() if group.causes}
            if alike >= 2 * _ALIKE or not known or not named.isdisjoint(known):
                self._dropped[kind] += 1
                return
        controls = found.agreed[: _CONTROLS - len(self._controls)]
        self._controls += [one for one in controls if one not in self._controls[-len(controls) :]]
        self._kept.append(replace(found, agreed=()))
        self._joined = None

    def joined(self) -> list[BugGroup]:
        if self._joined is None:
            self._joined = self._explained(sorted(self._kept, key=_size))
        for group in self._joined:
            group.more = 0
        for kind, count in self._dropped.items():  # the group that has most of a kind
            kinds = [[kind_of(one.result) for one in each.cases] for each in self._joined]
            often = [one.count(kind) for one in kinds]
            self._joined[often.index(max(often))].more += count
        return self._joined

    def _explained(self, left: Sequence[Disagreement]) -> list[BugGroup]:
        groups: list[BugGroup] = []
        while best := next(self._sound(left), ""):
            taken = [one for one in left if best in one.result.causes]
            left = [one for one in left if best not in one.result.causes]
            shared = {*taken[0].result.causes}.intersection(*(one.result.causes for one in taken))
            named = islice(takewhile(shared.__contains__, self._sound(taken)), _NAMED)
            groups.append(_group(tuple(named), taken))
        unexplained: list[Disagreement] = []
        for one in left:
            both = next((group for group in groups if _with_another(one, group, groups)), None)
            (unexplained if both is None else both.cases).append(one)
        orders = [one for one in unexplained if against_rule(one.evidence)]
        rest = [one for one in unexplained if one not in orders]
        # what explains no more than is left may well explain it by chance
        for group in groups[::-1]:
            if len(group.cases) <= len(orders) and _first_rule(group.cases):
                orders += group.cases
                groups.remove(group)
        if orders:
            # nor is it another bug where the same rule is wrong
            first = _first_rule(orders)
            same = [each for each in groups if _first_rule(each.cases) == first]
            groups = [each for each in groups if each not in same]
            orders += [one for each in same for one in each.cases]
            groups.append(_of_one_rule(sorted(orders, key=_size)))
        alike = grouped(rest, lambda one: kind_of(one.result))
        return [*groups, *(_group((), cases) for cases in alike.values())]

    def _sound(self, cases: Sequence[Disagreement]) -> Iterator[str]:
        """The changes that spoil nothing, those that explain most of the cases first."""
        counts = Counter(words for one in cases for words in one.result.causes)
        changes = [*every_change(cases[0].evidence.dialect)] if cases else []
        for words in sorted(counts, key=lambda one: (-counts[one], changes.index(one))):
            if self._is_sound(words):
                yield words

    def _is_sound(self, words: str) -> bool:
        passed = self._held.get(words, 0)
        if passed is None:
            return False
        for one in self._controls[passed:]:
            if not explanations(one, (words,)):
                self._held[words] = None
                return False
        self._held[words] = len(self._controls)
        return True


def _group(named: tuple[str, ...], cases: list[Disagreement]) -> BugGroup:
    result = cases[0].result
    return BugGroup(result.where, named, kind_of(result), cases)


def _first_rule(cases: Sequence[Disagreement]) -> int | None:
    """The earliest of the rules that the cases speak for; None where one is more than an order."""
    rules = [against_rule(one.evidence) for one in cases]
    return None if None in rules else min(filter(None, rules))


def _of_one_rule(cases: list[Disagreement]) -> BugGroup:
    """Orders that no change explains, but a rule that may answer anything."""
    first = _first_rule(cases) or len(RULES)
    # the smallest of those that no later rule explains is the one to look into
    cases = sorted(cases, key=lambda one: against_rule(one.evidence) != first)
    title = RULES[first - 1].title
    kind = f"the order, as if rule {first} ({title}) or what it looks at were otherwise"
    return BugGroup(cases[0].result.where, (), kind, cases)


def alike(group: BugGroup, among: Sequence[BugGroup]) -> Callable[[Disagreement], bool]:
    """What tells, while a case of a group shrinks, that it has not become one of another's."""
    own = {*group.causes[:1]}
    known = {*group.cases[0].result.causes}
    others = {each.causes[0] for each in among if each.build == group.build and each.causes} - known
    tried = own | others
    return lambda one: not tried or {*explanations(one.evidence, tried)} == own


def _with_another(one: Disagreement, group: BugGroup, groups: Sequence[BugGroup]) -> bool:
    """Whether the changes of two groups together explain a case."""
    changes = every_change(one.evidence.dialect)
    own = changes[group.causes[0]]
    others = [changes[other.causes[0]] for other in groups if other is not group]
    pairs = [pair for other in others for pair in ((own, other), (other, own))]
    both = {f"{number}": partial(_one_after, *pair) for number, pair in enumerate(pairs)}
    return bool(both and causes(one.evidence, changes=both))


def _one_after(first: Alter, second: Alter, asked: ModelQuestion) -> ModelQuestion:
    return second(first(asked))


def _size(found: Disagreement) -> int:
    return len(found.result.native) + len(found.evidence.conf.data or b"") // 64


def kind_of(result: Result) -> str:
    """A disagreement in a few words: the first fact that differs."""
    if result.verdict is not Verdict.DISAGREE:
        return f"{result.verdict} with {result.error}"
    if result.error != result.model_error:
        return f"{result.error or 'an answer'} where the model says {result.model_error or 'one'}"
    if result.native == result.model and result.differences:
        return f"{differing_fields(result.differences)[0]} of an entry"
    if sorted(result.native) != sorted(result.model):
        return "other addresses"
    first = result.model[result.first_difference or 0]
    rule = next((one.rule for one in result.decisions if one.before == first), None)
    return "the order" if rule is None else f"the order, which rule {rule} decides in the model"

"""The smallest gai.conf change that yields a wished order, or why there is none. Pure.

Labels (rule 5) and scopes (rules 2 and 8) are touched only where rule 2 or 5 stands in the
way; precedences (rule 6) then order what ties up to there. Small is, in this order: few
label and scope lines, few lines in all (those that keep dropped defaults included), few
changed decisions elsewhere, short prefixes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from harness.model.dialects import Dialect
from harness.model.facts import Facts
from harness.model.gaiconf import GaiConf, parse_gai_conf
from harness.model.host import Target
from harness.model.matches import Ends, Lines, ends_of
from harness.model.matches import solutions as match_lines
from harness.model.obstacles import Obstacle, obstacles
from harness.model.ordering import order_for
from harness.model.policy import Policy
from harness.model.precedences import Problem, demands
from harness.model.precedences import solutions as precedence_lines
from harness.model.prefixes import (
    Mended,
    NewLine,
    as_prefix,
    mended,
    restored,
    shorter,
    with_new_lines,
)
from harness.model.side_effects import SideEffects, side_effects
from harness.model.wishes import Case, known_facts, satisfiable

_COMPARED = 60  # equally small changes that are compared for what else they change


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change that yields the wish in every case, by the model.

    ``lines`` go in front of the file, the ``restored`` ones among them only keep defaults;
    ``mended`` are lines to write otherwise first. ``gai_conf`` is the whole new file, None
    when there was none and none is needed. ``smallest`` is False where the search had to
    settle for a change that merely has no line to spare.
    """

    wanted: tuple[Target, ...]
    lines: tuple[NewLine, ...]
    mended: tuple[Mended, ...]
    gai_conf: bytes | None
    elsewhere: SideEffects
    smallest: bool = True

    @property
    def needed(self) -> bool:
        """False when the present file yields the wish already."""
        return bool(self.lines or self.mended)


@dataclass(frozen=True, slots=True)
class Impossible:
    """No gai.conf yields the wish; the obstacles say which rules stand in the way.

    ``proved`` is False where the search ended without finding a change or a reason.
    """

    wanted: tuple[Target, ...]
    obstacles: tuple[Obstacle, ...]
    proved: bool = True


def suggest(
    cases: Sequence[Case],
    gai_conf: bytes | None,
    wanted: Sequence[Target],
    elsewhere: Sequence[Case] = (),
) -> Suggestion | Impossible:
    """Find the smallest change that puts ``wanted`` first, in this order, in every case.

    Parameters: ``cases`` the look-up in every dialect (and order of DNS replies) that
    counts; ``gai_conf`` the present file, None for no file; ``elsewhere`` other look-ups,
    whose order should stay. Raises ValueError for no case, a wish without an address, one
    that names an address twice or one that a case does not have.
    """
    return _Search(cases, gai_conf, tuple(wanted), tuple(elsewhere)).result()


def answered_order(case: Case, policy: Policy) -> tuple[Target, ...]:
    """The destinations as one case returns them, each at its first place."""
    order = order_for(case.candidates, policy, case.spoken)
    return tuple(dict.fromkeys(Target(f.destination, f.scope_id) for f in order.facts))


@dataclass
class _Search:
    given: Sequence[Case]
    file: bytes | None
    wanted: tuple[Target, ...]
    elsewhere: tuple[Case, ...]
    cases: tuple[Case, ...] = field(init=False)

    def __post_init__(self) -> None:
        # versions that speak one dialect are one case
        self.cases = tuple({(c.spoken, c.candidates): c for c in self.given}.values())
        self.elsewhere = tuple({(c.spoken, c.candidates): c for c in self.elsewhere}.values())
        if not self.cases or not self.wanted:
            raise ValueError("a look-up and a wished address were expected")
        if len(set(self.wanted)) < len(self.wanted):
            raise ValueError("a wish that names every address once was expected")
        self.dialects: list[Dialect] = [case.spoken for case in self.cases]
        self.base, self.mends = mended(self.file or b"", self.dialects)
        self.parsed: GaiConf = parse_gai_conf(self.base, self.dialects[-1])
        self.policies = [Policy.build(self.base, spoken) for spoken in self.dialects]
        self.known = [
            known_facts(case, policy)
            for case, policy in zip(self.cases, self.policies, strict=True)
        ]
        for target in self.wanted:
            if any(target not in known for known in self.known):
                raise ValueError(f"{target}: an address that the look-up gives was expected")
        self.others = tuple(target for target in self.known[0] if target not in self.wanted)

    def result(self) -> Suggestion | Impossible:
        if not self.mends and self.yields(()):
            return Suggestion(self.wanted, (), (), self.file, SideEffects())
        if self.yields(()):
            return self.suggestion((), True)
        choice = satisfiable(self.known, self.wanted, self.others, self.scopes_free)
        if choice is None:
            found = obstacles(self.known, self.wanted, self.others, self.scopes_free)
            return Impossible(self.wanted, found)
        early = match_lines(self.tables, self.open, choice)
        best: list[tuple[int, Lines]] = []
        size: int | None = None
        smallest = True
        for match, exact in islice(early, 2000):
            if best and size is not None and len(match) > size:
                break
            for lines, cost in islice(self.precedences(match), _COMPARED):
                whole = (*match, *lines)
                if not self.yields(whole):
                    continue
                size = len(match)
                smallest = exact and cost >= 0
                best.append((len(whole) + len(self.kept(whole)), whole))
        if not best:
            return Impossible(self.wanted, (), proved=False)
        fewest = min(number for number, _ in best)
        ranked = [lines for number, lines in best if number == fewest][:_COMPARED]
        lines = min(ranked, key=lambda one: (self.changed(one), len(one), _total(one)))
        return self.suggestion(self.shortened(lines), smallest)

    @property
    def scopes_free(self) -> bool:
        return all(spoken.scopev4_configurable for spoken in self.dialects)

    @cached_property
    def tables(self) -> list[Ends]:
        found = [ends_of(self.known[0], "label", [policy.labels for policy in self.policies])]
        if self.scopes_free:
            scopes = [policy.scopes for policy in self.policies]
            found.append(ends_of(self.known[0], "scopev4", scopes))
        return [table for table in found if table.ends]

    def kept(self, lines: Lines) -> Lines:
        return restored(lines, self.parsed, self.dialects[-1])

    def policy(self, lines: Lines, spoken: Dialect) -> Policy:
        return Policy.build(with_new_lines(self.base, (*lines, *self.kept(lines))), spoken)

    def facts(self, lines: Lines) -> Iterator[dict[Target, Facts]]:
        for case in self.cases:
            yield known_facts(case, self.policy(lines, case.spoken))

    def open(self, lines: Lines) -> bool:
        """True when rules 1 to 5 are not against the wish."""
        known = self.known if not lines else self.facts(lines)
        return all(demands(one, self.wanted, self.others) is not None for one in known)

    def precedences(self, match: Lines) -> Iterator[tuple[Lines, int]]:
        """Precedence lines to add to label and scope lines."""
        wishes = [demands(one, self.wanted, self.others) for one in self.facts(match)]
        tables = tuple(policy.precedence for policy in self.policies)
        keys = {key for one in wishes for wish in one or () for key in (wish.first, wish.second)}
        present = self.parsed.precedence
        defaults = () if present else tuple(
            as_prefix(row) for row in self.policies[-1].precedence if row.bits
        )  # fmt: skip
        problem = Problem(tuple(sorted(keys)), tuple(one or () for one in wishes), tables, defaults)
        if not keys:
            yield (), 0
            return
        yield from precedence_lines(problem)

    def yields(self, lines: Lines) -> bool:
        """The model's word: the whole new file, read and sorted in every case."""
        number = len(self.wanted)
        return all(
            answered_order(case, self.policy(lines, case.spoken))[:number] == self.wanted
            for case in self.cases
        )

    def effects(self, lines: Lines) -> SideEffects:
        before = [Policy.build(self.base, case.spoken) for case in self.elsewhere]
        after = [self.policy(lines, case.spoken) for case in self.elsewhere]
        whole = self.policies[-1], self.policy(lines, self.dialects[-1])
        return side_effects(self.elsewhere, before, after, whole)

    def changed(self, lines: Lines) -> tuple[int, int]:
        found = self.effects(lines)
        return found.pairs, found.kinds

    def shortened(self, lines: Lines) -> Lines:
        """Shorter prefixes where nothing else changes and no line more is needed."""
        limit = len(lines) + len(self.kept(lines))
        changed = self.changed(lines)
        for number, line in enumerate(lines):
            width = 32 if line.keyword == "scopev4" else 128
            for prefix, bits in shorter((line.prefix, line.bits), width):
                new = NewLine(line.keyword, prefix, bits, line.value)
                trial = (*lines[:number], new, *lines[number + 1 :])
                if len({(one.keyword, one.prefix, one.bits) for one in trial}) < len(trial):
                    continue
                if len(trial) + len(self.kept(trial)) > limit or self.changed(trial) > changed:
                    continue
                if self.yields(trial):
                    lines = trial
                    break
        return lines

    def suggestion(self, lines: Lines, smallest: bool) -> Suggestion:
        order = {"precedence": 0, "label": 1, "scopev4": 2}
        whole = sorted((*lines, *self.kept(lines)), key=lambda line: order[line.keyword])
        new = with_new_lines(self.base, whole)
        return Suggestion(self.wanted, tuple(whole), self.mends, new, self.effects(lines), smallest)


def _total(lines: Lines) -> int:
    return sum(line.bits for line in lines)

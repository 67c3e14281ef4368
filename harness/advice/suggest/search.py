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
from itertools import combinations, islice

from harness.advice.suggest.blockers import Blocker, find_blockers
from harness.advice.suggest.candidate_lines import (
    Demand,
    Lines,
    Problem,
    Table,
    demands,
    match_lines,
    precedence_lines,
    table_of,
)
from harness.advice.suggest.goal import LookupCase, early_verdict, known_facts, pairs, satisfiable
from harness.advice.suggest.lines import (
    KEYWORDS,
    Mended,
    NewLine,
    as_prefix,
    holds,
    mended,
    present_value,
    restored,
    shorter,
    with_new_lines,
    with_rows,
)
from harness.advice.suggest.side_effects import SideEffects, side_effects
from harness.model.addresses import as_ipv6_int, parse
from harness.model.gaiconf import INT_MAX, parse_gai_conf
from harness.model.host import IPAddress, Target
from harness.model.order import Destination, order_for
from harness.model.policy import Policy

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
    obstacles: tuple[Blocker, ...]
    proved: bool = True


def suggest(
    cases: Sequence[LookupCase],
    gai_conf: bytes | None,
    wanted: Sequence[Target],
    elsewhere: Sequence[LookupCase] = (),
) -> Suggestion | Impossible:
    """Find the smallest change that puts ``wanted`` first, in this order, in every case.

    Parameters: ``cases`` the look-up in every dialect (and order of DNS replies) that
    counts; ``gai_conf`` the present file, None for no file; ``elsewhere`` other look-ups,
    whose order should stay. Raises ValueError for no case, a wish without an address, one
    that names an address twice or one that a case does not have.
    """
    return _Search(cases, gai_conf, tuple(wanted), tuple(elsewhere)).result()


def answered_order(case: LookupCase, policy: Policy) -> tuple[Target, ...]:
    """The destinations as one case returns them, each at its first place."""
    order = order_for(case.candidates, policy, case.dialect)
    return tuple(dict.fromkeys(item.target for item in order.ranked))


@dataclass
class _Search:
    given: Sequence[LookupCase]
    file: bytes | None
    wanted: tuple[Target, ...]
    elsewhere: tuple[LookupCase, ...]
    cases: tuple[LookupCase, ...] = field(init=False)
    policies: tuple[Policy, ...] = field(init=False)
    known: tuple[dict[Target, Destination], ...] = field(init=False)

    def __post_init__(self) -> None:
        if not self.given or not self.wanted:
            raise ValueError("a look-up and a wished address were expected")
        if len(set(self.wanted)) < len(self.wanted):
            raise ValueError("a wish that names every address once was expected")
        self.dialects = list(dict.fromkeys(case.dialect for case in self.given))
        self.base, self.mends = mended(self.file or b"", self.dialects)
        self.parsed = parse_gai_conf(self.base, self.dialects[-1])
        # versions that see the same facts under the same tables are one case
        different: dict[object, tuple[LookupCase, Policy, dict[Target, Destination]]] = {}
        for case in self.given:
            policy = Policy.build(self.base, case.dialect)
            known = known_facts(case, policy)
            different[policy, case.candidates, tuple(known.values())] = case, policy, known
        self.cases, self.policies, self.known = zip(*different.values(), strict=True)
        self.elsewhere = tuple({(c.dialect, c.candidates): c for c in self.elsewhere}.values())
        for target in self.wanted:
            if any(target not in known for known in self.known):
                raise ValueError(f"{target}: an address that the look-up gives was expected")
        self.others = tuple(target for target in self.known[0] if target not in self.wanted)

    def result(self) -> Suggestion | Impossible:
        if self.yields(()):
            return self.suggestion((), True)
        for keywords in self.attempts():
            scopes, labels = "scopev4" in keywords, "label" in keywords
            choice = satisfiable(self.known, self.wanted, self.others, scopes, labels)
            if choice is None:
                continue
            tables = [table for table in self.tables if table.keyword in keywords]
            found = self.best(match_lines(tables, self.is_open, choice))
            if found is not None:
                return found
        in_the_way = find_blockers(self.known, self.wanted, self.others, self.scopes_free)
        return Impossible(self.wanted, in_the_way, proved=bool(in_the_way))

    def attempts(self) -> list[set[str]]:
        """The tables to try, one set after the other: first those whose rules are in the way."""
        rules = {
            early_verdict(known[a], known[b])[1]
            for known in self.known
            for a, b in pairs(self.wanted, self.others)
            if early_verdict(known[a], known[b])[0] > 0
        }
        every = {table.keyword for table in self.tables}
        first = {"label"} if rules == {5} else {"scopev4"} if rules else set[str]()
        return [first & every, every] if first & every != every else [every]

    def best(self, early: Iterator[tuple[Lines, bool]]) -> Suggestion | None:
        """The smallest of the sets of label and scopev4 lines with precedence lines added."""
        found: list[tuple[int, bool, Lines]] = []
        size = INT_MAX
        for match, exact in islice(early, 500):
            if len(match) > size:
                break
            for lines, smallest in islice(self.precedences(match), _COMPARED):
                whole = (*match, *lines)
                if self.yields(whole):
                    size = len(match)
                    found.append((self.size(whole), exact and smallest, whole))
        if not found:
            return None
        fewest = min(number for number, _, _ in found)
        ranked = [one for one in found if one[0] == fewest][:_COMPARED]
        _, smallest, lines = min(ranked, key=lambda one: (self.effect_on_rest(one[2]), not one[1]))
        return self.suggestion(self.shortened(lines), smallest)

    def effect_on_rest(self, lines: Lines) -> tuple[object, ...]:
        """What tells equally small changes apart; raising a wished address is the clearer way."""
        new = [line for line in lines if line.keyword == "precedence"]
        table = self.policies[-1].precedence
        lowered = sum(line.value < present_value((line.prefix, line.bits), table) for line in new)
        keys = [as_ipv6_int(target.address) for target in self.known[0]]
        touched = sum(holds((line.prefix, line.bits), key) for line in new for key in keys)
        bits = sum(line.bits for line in lines)
        return self.changed(lines), len(lines), lowered, touched, bits

    @property
    def scopes_free(self) -> bool:
        return all(dialect.scopev4_configurable for dialect in self.dialects)

    @cached_property
    def tables(self) -> list[Table]:
        found = [table_of(self.known[0], "label", [policy.labels for policy in self.policies])]
        if self.scopes_free:
            scopes = [policy.scopes for policy in self.policies]
            found.append(table_of(self.known[0], "scopev4", scopes))
        return [table for table in found if table.ends]

    def kept(self, lines: Lines) -> Lines:
        return restored(lines, self.parsed, self.dialects[-1])

    def size(self, lines: Lines) -> int:
        return len(lines) + len(self.kept(lines))

    def demands(self, lines: Lines) -> list[tuple[Demand, ...] | None]:
        """What the wish demands of rule 6 in each case, once lines are added."""
        return [
            demands(known_facts(case, with_rows(policy, lines)), self.wanted, self.others)
            for case, policy in zip(self.cases, self.policies, strict=True)
        ]

    def is_open(self, lines: Lines) -> bool:
        """True when rules 1 to 5 are not against the wish."""
        return None not in self.demands(lines)

    def precedences(self, match: Lines) -> Iterator[tuple[Lines, bool]]:
        """Precedence lines to add to label and scope lines."""
        tables = tuple(policy.precedence for policy in self.policies)
        present = () if self.parsed.precedence else tables[-1]
        defaults = tuple(as_prefix(row) for row in present if row.bits)
        wishes = tuple(one or () for one in self.demands(match))
        yield from precedence_lines(Problem(wishes, tables, defaults))

    def yields(self, lines: Lines) -> bool:
        """The model's word in every case."""
        number = len(self.wanted)
        return all(
            answered_order(case, with_rows(policy, lines))[:number] == self.wanted
            for case, policy in zip(self.cases, self.policies, strict=True)
        )

    def effects(self, lines: Lines) -> SideEffects:
        before = [Policy.build(self.base, case.dialect) for case in self.elsewhere]
        after = [with_rows(policy, lines) for policy in before]
        whole = self.policies[-1], with_rows(self.policies[-1], lines)
        return side_effects(self.elsewhere, before, after, whole, self.sources)

    @cached_property
    def sources(self) -> tuple[IPAddress, ...]:
        """The source addresses that the look-ups show this host to have."""
        every = [one.source for case in self.cases for one in case.candidates]
        return tuple(dict.fromkeys(parse(one) for one in every if one is not None))

    def changed(self, lines: Lines) -> tuple[int, int]:
        found = self.effects(lines)
        return found.pairs + self.stirred(lines), found.kinds

    def stirred(self, lines: Lines) -> int:
        """Pairs of the same look-up that turn round although nobody asked for it."""
        number = 0
        for case, before in zip(self.cases, self.policies, strict=True):
            old = [t for t in answered_order(case, before) if t in self.others]
            new = answered_order(case, with_rows(before, lines))
            number += sum(new.index(a) > new.index(b) for a, b in combinations(old, 2))
        return number

    def shortened(self, lines: Lines) -> Lines:
        """Shorter prefixes where nothing else changes and no line more is needed."""
        limit = self.size(lines)
        changed = self.changed(lines)
        for number, line in enumerate(lines):
            width = 32 if line.keyword == "scopev4" else 128
            for prefix, bits in shorter((line.prefix, line.bits), width):
                new = NewLine(line.keyword, prefix, bits, line.value)
                trial = (*lines[:number], new, *lines[number + 1 :])
                if (
                    len({one.row for one in trial}) == len(trial)
                    and self.size(trial) <= limit
                    and self.changed(trial) <= changed
                    and self.yields(trial)
                ):
                    lines = trial
                    break
        return lines

    def suggestion(self, lines: Lines, smallest: bool) -> Suggestion:
        if not lines and not self.mends:
            return Suggestion(self.wanted, (), (), self.file, SideEffects())
        whole = sorted((*lines, *self.kept(lines)), key=lambda line: KEYWORDS.index(line.keyword))
        new = with_new_lines(self.base, whole)
        return Suggestion(self.wanted, tuple(whole), self.mends, new, self.effects(lines), smallest)

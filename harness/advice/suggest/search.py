"""The gai.conf change of fewest side effects that yields a wish, or why there is none. Pure.

Few are, in this order: look-ups that turn round, lines against a part of a network that is not the
host's own, decisions between kinds of addresses; then lines (and restored defaults). Where another
change has fewer lines, it is the second answer. Label and scope lines are used where rule 2 or 5 is
in the way, or where precedences leave no look-up as it is, or as a line for a whole network.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import combinations, islice

from harness.advice.suggest import candidate_lines, goal, kinds, lines
from harness.advice.suggest.candidate_lines import Lines, Problem, Table
from harness.advice.suggest.goal import Blocker, LookupCase, OwnNetworks, known_facts
from harness.advice.suggest.lines import Mended, NewLine, with_rows
from harness.model.addresses import as_ipv6_int, parse
from harness.model.gaiconf import INT_MAX, parse_gai_conf
from harness.model.host import IPAddress, Target
from harness.model.order import Destination, order_for
from harness.model.policy import Policy
from harness.model.transport import ProcessAborted

_MOST_KEPT = 60  # addresses of other look-ups; beyond it they are only compared
_ONE_LINE = (0, 1)  # the rank of what cannot be bettered
_WIDEST = 16  # bits of a prefix that somebody may have been given, ::/6 is none
_COMPARED = 60  # changes that are compared for what else they change

Kept = tuple[LookupCase, tuple[Target, ...]]
"""Another look-up, and the addresses that have to come first in it, in this order."""
Found = tuple[tuple[int, ...], tuple[object, ...], bool, Lines]
"""A change: its side effects, its rank by size, whether it is the smallest, and its lines."""


@dataclass(frozen=True, slots=True)
class SideEffects:
    """How many ``pairs`` of other ``lookups`` turn round, and ``kind_pairs`` of kinds of addresses.

    Those are reached from this host's sources; ``kinds`` says which come first now. ``reaches``
    says what each line for more than one address does to all the others of its prefix. Of the
    kinds ``kind_ties`` only tie now, and later rules decide.
    """

    pairs: int = 0
    kind_pairs: int = 0
    lookups: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    reaches: tuple[str, ...] = ()
    kind_ties: int = 0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change that yields the wish in every case, by the model.

    ``lines`` go in front of the file; ``mended`` are lines to write otherwise first.
    ``gai_conf`` is the whole new file, None when there was none and none is needed.
    ``smallest`` is False for a change that merely has no line to spare, and for one beside which
    there is a ``shorter`` one that does more to other addresses.
    """

    wanted: tuple[Target, ...]
    lines: tuple[NewLine, ...]
    mended: tuple[Mended, ...]
    gai_conf: bytes | None
    elsewhere: SideEffects
    smallest: bool = True
    shorter: "Suggestion | None" = None

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
    kept: Sequence[Kept] = (),
    stay: bool = True,
    host: OwnNetworks | None = None,
) -> Suggestion | Impossible:
    """Find the change that puts ``wanted`` first, in this order, in every case.

    Parameters: ``cases`` the look-up in every dialect (and order of DNS replies) that counts;
    ``gai_conf`` None for no file; ``elsewhere`` other look-ups, whose order stays where a change
    can leave it, unless ``stay`` is false; ``kept`` those that must give the order
    beside them; ``host`` what it has beside the sources of the look-ups. Raises ValueError for
    no case, and for no wish, or an address twice or that a case does not have.
    """
    every = known_facts(cases[0], Policy()) if cases else ()
    asked = set(goal.pairs(wanted, [one for one in every if one not in wanted]))

    def turned(order: Sequence[Target]) -> bool:
        return any((b, a) in asked for a, b in combinations(order, 2))

    if any(turned(order) and one.candidates == cases[0].candidates for one, order in kept):
        return Impossible(tuple(wanted), (), proved=False)
    present = [(one, answered_order(one, Policy.build(gai_conf, one.dialect))) for one in elsewhere]
    # where the wish turns the same two addresses round there is nothing to keep
    present = [one for one in present if not turned(one[1])]
    host = host or OwnNetworks()
    if stay and 0 < sum(len(order) for _, order in present) <= _MOST_KEPT:
        found = _Search(cases, gai_conf, tuple(wanted), elsewhere, (*kept, *present), host).result()
        if isinstance(found, Suggestion):
            return found
    return _Search(cases, gai_conf, tuple(wanted), elsewhere, kept, host).result()


def answered_order(case: LookupCase, policy: Policy) -> tuple[Target, ...]:
    """The destinations as one case returns them, each at its first place; none where it crashes."""
    return tuple(dict.fromkeys(item.target for item in _ranked(case, policy)))


def _ranked(case: LookupCase, policy: Policy) -> Sequence[Destination]:
    try:
        return order_for(case.candidates, policy, case.dialect).ranked
    except ProcessAborted:
        return ()


class _Search:
    def __init__(
        self,
        given: Sequence[LookupCase],
        file: bytes | None,
        wanted: tuple[Target, ...],
        elsewhere: Sequence[LookupCase],
        kept: Sequence[Kept],
        host: OwnNetworks,
    ) -> None:
        if not given or not wanted:
            raise ValueError("a look-up and a wished address were expected")
        if len(set(wanted)) < len(wanted):
            raise ValueError("a wish that names every address once was expected")
        self.file, self.wanted, self.host = file, wanted, host
        self.effects = cache(self._effects)
        self.elsewhere = tuple({(c.dialect, c.candidates): c for c in elsewhere}.values())
        self.dialects = list(dict.fromkeys(case.dialect for case in given))
        self.base, self.mends = lines.mended(file or b"", self.dialects)
        self.parsed = parse_gai_conf(self.base, self.dialects[-1])
        # versions that see the same facts under the same tables are one case
        different: dict[object, tuple[LookupCase, Policy, dict[Target, Destination]]] = {}
        for case in given:
            policy = Policy.build(self.base, case.dialect)
            known = known_facts(case, policy)
            seen = policy, case.candidates, tuple(known.values())
            different[seen, case.dialect.rule7_fills_in_unknown] = case, policy, known
        self.known = [known for _, _, known in different.values()]
        self.cases = [(case, policy) for case, policy, _ in different.values()]
        self.policies = [policy for _, policy in self.cases]
        for target in wanted:
            if any(target not in known for known in self.known):
                raise ValueError(f"{target}: an address that the look-up gives was expected")
        self.demanded = [(case, policy, wanted) for case, policy in self.cases]
        self.demanded += [
            (case, Policy.build(self.base, case.dialect), order)
            for case, order in dict.fromkeys(kept)
        ]
        self.beside = len(self.demanded) > len(self.cases)
        self.others = tuple(target for target in self.known[0] if target not in wanted)
        self.scopes_free = all(dialect.scopev4_configurable for dialect in self.dialects)

    def result(self) -> Suggestion | Impossible:
        if self.yields(()):
            return self.suggestion((), True)
        found: list[Found] = []
        for keywords in self.attempts():
            scopes, labels = "scopev4" in keywords, "label" in keywords
            choice = goal.satisfiable(self.known, self.wanted, self.others, scopes, labels)
            if choice is None:
                continue
            tables = [table for table in self.tables if table.keyword in keywords]
            found += self.best(
                candidate_lines.match_lines(tables, self.is_open, choice, self.beside)
            )
            if any(effects[0] == 0 and rank[:2] <= _ONE_LINE for effects, rank, _, _ in found):
                break
        if found:
            *_, gentle, best = min(found, key=lambda one: one[:2])
            *_, smallest, few = min(found, key=lambda one: one[1])
            best, few = self.shortened(best), self.shortened(few)
            if self.size(best) <= self.size(few):
                return self.suggestion(best, gentle)
            shorter = self.suggestion(few, smallest)
            if self.changed(best) >= self.changed(few):
                return shorter
            return replace(self.suggestion(best, smallest=False), shorter=shorter)
        in_the_way = goal.find_blockers(self.known, self.wanted, self.others, self.scopes_free)
        named = tuple(one.on(self.host) for one in in_the_way)
        return Impossible(self.wanted, named, proved=bool(named))

    def attempts(self) -> list[set[str]]:
        """The tables to try, one set after the other: first those whose rules are in the way."""
        verdicts = [
            goal.early_verdict(known[a], known[b])
            for known in self.known
            for a, b in goal.pairs(self.wanted, self.others)
        ]
        rules = {rule for verdict, rule in verdicts if verdict > 0}
        every = {table.keyword for table in self.tables}
        first = {"label"} if rules == {5} else {"scopev4"} if rules else set[str]()
        return [first & every, every] if first & every != every else [every]

    def best(self, early: Iterator[tuple[Lines, bool]]) -> list[Found]:
        """The smallest sets of label and scopev4 lines with precedence lines added, if any."""
        found: list[tuple[tuple[int, int, int], bool, Lines]] = []
        size, more, settled = INT_MAX, False, False
        for match, exact in islice(early, 500):
            if len(match) > size + more:
                break
            # one such line alone, where what was found is more, or against a part of a network
            added = self.precedences(match) if len(match) <= size else iter([((), True)])
            for new, smallest in islice(added, _COMPARED):
                whole = (*match, *new)
                if self.yields(whole):
                    size = min(size, len(match))
                    rank = self.narrow(whole), len(whole), self.size(whole)
                    found.append((rank, exact and smallest, whole))
                    settled |= rank[:2] <= _ONE_LINE and not self.changed(whole)[0]
            if len(match) == size:
                more = not settled
        found.sort(key=lambda one: one[0])
        return [
            (
                (self.changed(lines)[0], rank[0], *self.changed(lines)[1:]),
                (*rank, *self.effect_on_rest(lines), not smallest), smallest, lines,
            )
            for rank, smallest, lines in found[:_COMPARED]
        ]  # fmt: skip

    def effect_on_rest(self, new: Lines) -> tuple[object, ...]:
        """What tells equally small changes apart; raising a wished address is the clearer way."""
        precedences = [line for line in new if line.keyword == "precedence"]
        table = self.policies[-1].precedence
        lowered = sum(line.value < lines.present_value(line.prefix, table) for line in precedences)
        keys = [as_ipv6_int(target.address) for target in self.known[0]]
        touched = sum(line.entry.holds(key) for line in precedences for key in keys)
        labels = {row.value for row in self.policies[-1].labels}
        shared = sum(line.keyword == "label" and line.value in labels for line in new)
        bits = sum(line.entry.bits for line in new)
        return self.changed(new), len(new), lowered, touched, shared, bits

    @cached_property
    def tables(self) -> list[Table]:
        rows = {"label": [policy.labels for policy in self.policies]}
        if self.scopes_free:
            rows["scopev4"] = [policy.scopes for policy in self.policies]
        found = [candidate_lines.table_of(self.known[0], *row, self.own) for row in rows.items()]
        return [table for table in found if table.ends]

    def kept(self, new: Lines) -> Lines:
        return lines.restored(new, self.parsed, self.dialects[-1])

    def size(self, new: Lines) -> int:
        return len(new) + len(self.kept(new))

    def demands(self, new: Lines) -> list[tuple[goal.Demand, ...] | None]:
        """What the wish demands of rule 6 in each case, once lines are added; what is kept too."""
        known = [
            (known_facts(case, with_rows(policy, new)), first)
            for case, policy, first in self.demanded
        ]
        return [
            goal.demands(facts, first, [target for target in facts if target not in first])
            for facts, first in known
        ]

    def is_open(self, new: Lines) -> bool:
        """True when rules 1 to 5 are not against the wish."""
        return None not in self.demands(new)

    def precedences(self, match: Lines) -> Iterator[tuple[Lines, bool]]:
        """Precedence lines to add to label and scope lines."""
        tables = tuple(policy.precedence for _, policy, _ in self.demanded)
        present = () if self.parsed.precedence else self.policies[-1].precedence
        defaults = tuple(lines.as_prefix(row) for row in present if row.bits)
        wishes = tuple(one or () for one in self.demands(match))
        problem = Problem(wishes, tables, defaults)
        if self.beside:  # every set takes longer
            problem = replace(problem, effort=50 if match else 1000)
        return candidate_lines.precedence_lines(problem)

    def yields(self, new: Lines) -> bool:
        """The model's word in every case."""
        return all(
            answered_order(case, with_rows(policy, new))[: len(first)] == first
            for case, policy, first in self.demanded
        )

    def _effects(self, new: Lines) -> SideEffects:
        """What changes in other look-ups, and between kinds of addresses."""
        turned: dict[str, int] = {}
        for case in self.elsewhere:
            policy = Policy.build(self.base, case.dialect)
            after = _positions(case, with_rows(policy, new))
            place = {at: number for number, at in enumerate(after)}
            count = sum(place[a] > place[b] for a, b in combinations(_positions(case, policy), 2))
            turned[case.name] = turned.get(case.name, 0) + count
        old, now = self.policies[-1], with_rows(self.policies[-1], new)
        number, ties, examples = kinds.turned(old, now, self.sources)
        lookups = tuple(name for name, count in turned.items() if count)
        whole = (*kinds.reaches(new, old, now), *kinds.parted(old, now, self.sources))
        return SideEffects(sum(turned.values()), number, lookups, examples, whole, ties)

    @cached_property
    def sources(self) -> tuple[IPAddress, ...]:
        """The source addresses that the look-ups show this host to have, and all others it has."""
        every = [one.source for case, _ in self.cases for one in case.candidates]
        known = [parse(one) for one in every if one is not None]
        return tuple(dict.fromkeys([*known, *self.host.addresses]))

    @cached_property
    def own(self) -> tuple[lines.Prefix, ...]:
        """The networks that the host itself is in or knows, the smallest first."""
        known = [(one.source, one.prefixlen) for case, _ in self.cases for one in case.candidates]
        found = [lines.LINK_LOCAL, *self.host.networks]
        found += [
            lines.network_of(parse(source), bits) for source, bits in known if source and bits
        ]
        # of link-local ones /10, whatever length an address has
        inside = [one for one in found if not lines.holds(lines.LINK_LOCAL, one[0])]
        return tuple(sorted({lines.LINK_LOCAL, *inside}, key=lambda one: (-one[1], one[0])))

    def narrow(self, new: Lines) -> int:
        """How many lines are for none of the wanted, but a part of a network not the host's own."""
        wanted = [as_ipv6_int(target.address) for target in self.wanted]
        return sum(
            not (at[1] >= _WIDEST and any(lines.holds(at, key) for key in wanted))
            and not any(own[1] <= at[1] and lines.holds(own, at[0]) for own in self.own)
            and not lines.is_block(at)
            for at in (line.prefix for line in new)
        )

    def changed(self, new: Lines) -> tuple[int, int, int]:
        """Pairs of look-ups that turn round although nobody asked for it; pairs of kinds; ties."""
        turned = 0
        for case, policy in self.cases:
            before = [t for t in answered_order(case, policy) if t in self.others]
            after = answered_order(case, with_rows(policy, new))
            turned += sum(after.index(a) > after.index(b) for a, b in combinations(before, 2))
        found = self.effects(new)
        return found.pairs + turned, found.kind_pairs - found.kind_ties, found.kind_ties

    def shortened(self, best: Lines) -> Lines:
        """Shorter prefixes where nothing else changes and no line more is needed."""
        limit, changed = self.size(best), self.changed(best)
        for number, line in enumerate(best):
            value, bits = line.prefix
            if line.prefix in self.own:
                continue
            own = [
                one
                for one in self.own
                if one[1] < bits
                and lines.holds(one, value)
                and (lines.is_ipv4(one) or line.keyword != "scopev4")
            ]
            # rather the network that one machine is in, whatever else is of its kind
            for prefix in (*own, *lines.shorter(line.prefix)):
                trial = (*best[:number], replace(line, prefix=prefix), *best[number + 1 :])
                if (
                    lines.one_each(trial)
                    and self.size(trial) <= limit
                    and self.yields(trial)  # an order, which one that ends in a crash has not
                    and self.changed(trial)[: 1 if prefix in own else 3] <= changed
                ):
                    best = trial
                    break
        return best

    def suggestion(self, new: Lines, smallest: bool) -> Suggestion:
        if not new and not self.mends:
            return Suggestion(self.wanted, (), (), self.file, SideEffects())
        order = [*lines.KEYWORDS].index
        whole = tuple(sorted((*new, *self.kept(new)), key=lambda line: order(line.keyword)))
        conf = lines.with_new_lines(self.base, whole)
        return Suggestion(self.wanted, whole, self.mends, conf, self.effects(new), smallest)


def _positions(case: LookupCase, policy: Policy) -> Sequence[int]:
    ranked = [item.position for item in _ranked(case, policy)]
    return ranked or range(len(case.candidates))

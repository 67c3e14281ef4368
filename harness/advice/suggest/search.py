"""The smallest gai.conf change that yields a wished order, or why there is none. Pure.

Small is, in this order: few label and scope lines (only where rule 2 or 5 is in the way), few
lines in all (restored defaults included), few changed decisions elsewhere, short prefixes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from itertools import combinations, islice

from harness.advice.suggest import candidate_lines, goal, lines
from harness.advice.suggest.candidate_lines import Lines, Problem, Table
from harness.advice.suggest.goal import Blocker, LookupCase, known_facts
from harness.advice.suggest.lines import Mended, NewLine, with_rows
from harness.model.addresses import as_ipv6_int, parse
from harness.model.gaiconf import INT_MAX, parse_gai_conf
from harness.model.host import IPAddress, Target
from harness.model.order import Destination, order_for
from harness.model.policy import Policy
from harness.model.transport import ProcessAborted

_COMPARED = 60  # equally small changes that are compared for what else they change
# one address of every kind that a table of RFC 3484 or RFC 6724, or a usual network, tells apart
_KINDS = {
    "::1": "::1", "global IPv6": "2a00:1450::5", "global IPv6 (2001:db8::/32)": "2001:db8:fffe::5",
    "link-local IPv6": "fe80::fffe:5", "site-local IPv6": "fec0:0:0:fffe::5",
    "unique local IPv6 (fc00::/8)": "fc00:fffe::5", "unique local IPv6 (fd00::/8)": "fdfe:fffe::5",
    "6to4": "2002:fffe::5", "Teredo": "2001:0:fffe::5", "NAT64": "64:ff9b::fffe:5",
    "IPv4-compatible IPv6": "::254.254.0.5", "127.0.0.0/8": "127.254.0.5",
    "10.0.0.0/8": "10.254.253.5", "172.16.0.0/12": "172.30.253.5",
    "192.168.0.0/16": "192.168.253.5", "169.254.0.0/16": "169.254.253.5",
    "public IPv4": "203.254.253.5",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SideEffects:
    """How many ``pairs`` of other ``lookups`` turn round, and ``kind_pairs`` of kinds of addresses.

    Those are reached from this host's sources; ``kinds`` says which come first now.
    """

    pairs: int = 0
    kind_pairs: int = 0
    lookups: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change that yields the wish in every case, by the model.

    ``lines`` go in front of the file; ``mended`` are lines to write otherwise first.
    ``gai_conf`` is the whole new file, None when there was none and none is needed.
    ``smallest`` is False for a change that merely has no line to spare.
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

    Parameters: ``cases`` the look-up in every dialect (and order of DNS replies) that counts;
    ``gai_conf`` None for no file; ``elsewhere`` other look-ups, whose order should stay. Raises
    ValueError for no case, and for no wish, or an address twice or that a case does not have.
    """
    return _Search(cases, gai_conf, tuple(wanted), elsewhere).result()


def answered_order(case: LookupCase, policy: Policy) -> tuple[Target, ...]:
    """The destinations as one case returns them, each at its first place; none where it crashes."""
    try:
        order = order_for(case.candidates, policy, case.dialect)
    except ProcessAborted:
        return ()
    return tuple(dict.fromkeys(item.target for item in order.ranked))


class _Search:
    def __init__(
        self,
        given: Sequence[LookupCase],
        file: bytes | None,
        wanted: tuple[Target, ...],
        elsewhere: Sequence[LookupCase],
    ) -> None:
        if not given or not wanted:
            raise ValueError("a look-up and a wished address were expected")
        if len(set(wanted)) < len(wanted):
            raise ValueError("a wish that names every address once was expected")
        self.file, self.wanted = file, wanted
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
        self.others = tuple(target for target in self.known[0] if target not in wanted)
        self.scopes_free = all(dialect.scopev4_configurable for dialect in self.dialects)

    def result(self) -> Suggestion | Impossible:
        if self.yields(()):
            return self.suggestion((), True)
        for keywords in self.attempts():
            scopes, labels = "scopev4" in keywords, "label" in keywords
            choice = goal.satisfiable(self.known, self.wanted, self.others, scopes, labels)
            if choice is None:
                continue
            tables = [table for table in self.tables if table.keyword in keywords]
            found = self.best(candidate_lines.match_lines(tables, self.is_open, choice))
            if found is not None:
                return found
        in_the_way = goal.find_blockers(self.known, self.wanted, self.others, self.scopes_free)
        return Impossible(self.wanted, in_the_way, proved=bool(in_the_way))

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

    def best(self, early: Iterator[tuple[Lines, bool]]) -> Suggestion | None:
        """The smallest of the sets of label and scopev4 lines with precedence lines added."""
        found: list[tuple[int, bool, Lines]] = []
        size = INT_MAX
        for match, exact in islice(early, 500):
            if len(match) > size:
                break
            for more, smallest in islice(self.precedences(match), _COMPARED):
                whole = (*match, *more)
                if self.yields(whole):
                    size = len(match)
                    found.append((self.size(whole), exact and smallest, whole))
        if not found:
            return None
        fewest = min(number for number, _, _ in found)
        ranked = [one for one in found if one[0] == fewest][:_COMPARED]
        _, smallest, best = min(ranked, key=lambda one: (self.effect_on_rest(one[2]), not one[1]))
        return self.suggestion(self.shortened(best), smallest)

    def effect_on_rest(self, new: Lines) -> tuple[object, ...]:
        """What tells equally small changes apart; raising a wished address is the clearer way."""
        precedences = [line for line in new if line.keyword == "precedence"]
        table = self.policies[-1].precedence
        lowered = sum(
            line.value < lines.present_value((line.prefix, line.bits), table)
            for line in precedences
        )
        keys = [as_ipv6_int(target.address) for target in self.known[0]]
        touched = sum(line.entry.holds(key) for line in precedences for key in keys)
        return self.changed(new), len(new), lowered, touched, sum(line.bits for line in new)

    @cached_property
    def tables(self) -> list[Table]:
        rows = {"label": [policy.labels for policy in self.policies]}
        if self.scopes_free:
            rows["scopev4"] = [policy.scopes for policy in self.policies]
        found = [candidate_lines.table_of(self.known[0], *row) for row in rows.items()]
        return [table for table in found if table.ends]

    def kept(self, new: Lines) -> Lines:
        return lines.restored(new, self.parsed, self.dialects[-1])

    def size(self, new: Lines) -> int:
        return len(new) + len(self.kept(new))

    def demands(self, new: Lines) -> list[tuple[goal.Demand, ...] | None]:
        """What the wish demands of rule 6 in each case, once lines are added."""
        return [
            goal.demands(known_facts(case, with_rows(policy, new)), self.wanted, self.others)
            for case, policy in self.cases
        ]

    def is_open(self, new: Lines) -> bool:
        """True when rules 1 to 5 are not against the wish."""
        return None not in self.demands(new)

    def precedences(self, match: Lines) -> Iterator[tuple[Lines, bool]]:
        """Precedence lines to add to label and scope lines."""
        tables = tuple(policy.precedence for policy in self.policies)
        present = () if self.parsed.precedence else tables[-1]
        defaults = tuple(lines.as_prefix(row) for row in present if row.bits)
        wishes = tuple(one or () for one in self.demands(match))
        return candidate_lines.precedence_lines(Problem(wishes, tables, defaults))

    def yields(self, new: Lines) -> bool:
        """The model's word in every case."""
        return all(
            answered_order(case, with_rows(policy, new))[: len(self.wanted)] == self.wanted
            for case, policy in self.cases
        )

    def effects(self, new: Lines) -> SideEffects:
        """What changes in other look-ups, and between kinds of addresses."""
        turned: dict[str, int] = {}
        for case in self.elsewhere:
            policy = Policy.build(self.base, case.dialect)
            after = _positions(case, with_rows(policy, new))
            place = {at: number for number, at in enumerate(after)}
            count = sum(place[a] > place[b] for a, b in combinations(_positions(case, policy), 2))
            turned[case.name] = turned.get(case.name, 0) + count
        old = _keys(self.policies[-1], self.sources)
        now = _keys(with_rows(self.policies[-1], new), self.sources)
        pairs = 0
        kinds: dict[str, None] = {}
        for a, b in combinations(range(len(old)), 2):
            name, other = old[a][0], old[b][0]
            verdict = _sign(now[a][1], now[b][1])
            if name == other or verdict == _sign(old[a][1], old[b][1]):
                continue
            pairs += 1
            if verdict:
                first, second = (name, other) if verdict > 0 else (other, name)
                kinds.setdefault(f"{first} before {second}")
            else:
                kinds.setdefault(f"{name} and {other} tie")
        lookups = tuple(name for name, count in turned.items() if count)
        return SideEffects(sum(turned.values()), pairs, lookups, tuple(kinds))

    @cached_property
    def sources(self) -> tuple[IPAddress, ...]:
        """The source addresses that the look-ups show this host to have."""
        every = [one.source for case, _ in self.cases for one in case.candidates]
        return tuple(dict.fromkeys(parse(one) for one in every if one is not None))

    def changed(self, new: Lines) -> tuple[int, int]:
        """Pairs of look-ups that turn round although nobody asked for it, and pairs of kinds."""
        turned = 0
        for case, policy in self.cases:
            before = [t for t in answered_order(case, policy) if t in self.others]
            after = answered_order(case, with_rows(policy, new))
            turned += sum(after.index(a) > after.index(b) for a, b in combinations(before, 2))
        found = self.effects(new)
        return found.pairs + turned, found.kind_pairs

    def shortened(self, best: Lines) -> Lines:
        """Shorter prefixes where nothing else changes and no line more is needed."""
        limit, changed = self.size(best), self.changed(best)
        for number, line in enumerate(best):
            for prefix in lines.shorter((line.prefix, line.bits), line.entry.width):
                new = NewLine(line.keyword, *prefix, line.value)
                trial = (*best[:number], new, *best[number + 1 :])
                if (
                    len({one.row for one in trial}) == len(trial)
                    and self.size(trial) <= limit
                    and self.yields(trial)  # an order, which one that ends in a crash has not
                    and self.changed(trial) <= changed
                ):
                    best = trial
                    break
        return best

    def suggestion(self, new: Lines, smallest: bool) -> Suggestion:
        if not new and not self.mends:
            return Suggestion(self.wanted, (), (), self.file, SideEffects())
        order = lines.KEYWORDS.index
        whole = tuple(sorted((*new, *self.kept(new)), key=lambda line: order(line.keyword)))
        conf = lines.with_new_lines(self.base, whole)
        return Suggestion(self.wanted, whole, self.mends, conf, self.effects(new), smallest)


def _positions(case: LookupCase, policy: Policy) -> list[int]:
    try:
        ranked = order_for(case.candidates, policy, case.dialect).ranked
    except ProcessAborted:
        return list(range(len(case.candidates)))
    return [item.position for item in ranked]


_Key = tuple[bool, bool, int, int]


def _keys(policy: Policy, sources: Sequence[IPAddress]) -> list[tuple[str, _Key]]:
    """What rules 2, 5, 6 and 8 make of each kind from each source; the higher comes first."""
    found = []
    for name, text in _KINDS.items():
        address = ip_address(text)
        scope, precedence = policy.scope(address), policy.precedence_of(address)
        for source in [one for one in sources if one.version == address.version] or [address]:
            same_label = policy.label(source) == policy.label(address)
            same_scope = policy.scope(source) == scope
            found.append((name, (same_scope, same_label, precedence, -scope)))
    return found


def _sign(a: _Key, b: _Key) -> int:
    return (a > b) - (a < b)

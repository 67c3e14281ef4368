"""Sets of gai.conf lines that may yield a wish, fewest lines first. Pure.

Label and scopev4 lines come first, because rules 2 and 5 come before rule 6; precedence lines
then order what is left.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from math import comb

from harness.advice.suggest.goal import Choice, Demand, classes
from harness.advice.suggest.lines import (
    NewLine,
    Prefix,
    as_prefix,
    holds,
    is_ipv4,
    one_each,
    present_value,
    tree,
)
from harness.model.addresses import as_ipv6_int
from harness.model.gaiconf import INT_MAX, PrefixEntry
from harness.model.host import Target
from harness.model.order import Destination
from harness.model.policy import SITE_LOCAL_SCOPE

# sets of lines looked at before the search settles for one that has no line to spare
_MATCH_BUDGET = 100_000
_PRECEDENCE_BUDGET = 20_000
_ORGANISATION_SCOPE = 8

Lines = tuple[NewLine, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The label or scopev4 table of each case, and the addresses it is searched for.

    ``ends`` has for each destination its own key and its source's, ``own`` the host's networks.
    """

    keyword: str
    ends: dict[Target, tuple[int, int]]
    rows: tuple[tuple[PrefixEntry, ...], ...]
    own: tuple[Prefix, ...] = ()

    @property
    def keys(self) -> tuple[int, ...]:
        """Every address once."""
        return tuple(dict.fromkeys(key for pair in self.ends.values() for key in pair))


def table_of(
    known: dict[Target, Destination], keyword: str,
    rows: Sequence[tuple[PrefixEntry, ...]], own: Sequence[Prefix] = (),
) -> Table:  # fmt: skip
    """The table, for every reachable destination that a line of it can act on."""
    four = keyword == "scopev4"
    ends = {
        target: (as_ipv6_int(item.address), as_ipv6_int(item.source))
        for target, item in known.items()
        if item.source is not None and not (four and item.address.version == 6)
    }
    networks = [one for one in own if is_ipv4(one) or not four]
    held = [one for one in networks if any(holds(one, source) for _, source in ends.values())]
    return Table(keyword, ends, tuple(rows), tuple(held))


def match_lines(
    tables: Sequence[Table], is_open: Callable[[Lines], bool], choice: Choice, beside: bool = False
) -> Iterator[tuple[Lines, bool]]:
    """Sets of label and scopev4 lines with which rules 1 to 5 leave the wish open.

    Parameters: ``is_open`` says so for one set; ``choice`` is a state of all matches that does;
    ``beside`` is whether other look-ups have a say, which takes longer.
    All sets up to two lines are given, then one that has no line to spare, marked False.
    """
    if is_open(()):
        yield (), True
    candidates = [line for table in tables for line in _candidates(table)]
    looked = 0
    for size in (1, 2):
        looked += len(candidates) ** size
        if looked > _MATCH_BUDGET // (20 if beside else 1):
            break
        for lines in combinations(candidates, size):
            if one_each(lines) and is_open(lines):
                yield lines, True
    built = tuple(line for table in tables for line in _built(table, choice))
    for line in built:
        fewer = tuple(one for one in built if one != line)
        if is_open(fewer):
            built = fewer
    if built and is_open(built):
        yield built, False


def _candidates(table: Table) -> Iterator[NewLine]:
    """Every line that could make a difference: a part of the addresses, a value."""
    old = [row for rows in table.rows for row in rows]
    holding = [row for row in map(as_prefix, old) if any(holds(row, key) for key in table.keys)]
    prefixes = dict.fromkeys([*tree(table.keys), *holding, *table.own])
    present = {row.value for row in old}
    usual = (SITE_LOCAL_SCOPE, _ORGANISATION_SCOPE) if table.keyword == "scopev4" else ()
    new = [*usual, max(present) + 1, max(present) + 2]
    values = {present_value((key, 128), table.rows[0]) for key in table.keys}
    listed = [*sorted(values), *[value for value in new if value not in present][:2]]
    for prefix, value in product(prefixes, dict.fromkeys(listed)):
        yield NewLine(table.keyword, prefix, value)


def _built(table: Table, choice: Choice) -> Lines:
    """A line for every address, so that exactly the chosen destinations match."""
    kind = 0 if table.keyword == "scopev4" else 1
    matching = [ends for target, ends in table.ends.items() if choice[target][kind]]
    base = max(row.value for rows in table.rows for row in rows) + 1
    numbers = classes(matching, table.keys)
    return tuple(NewLine(table.keyword, (key, 128), base + n) for key, n in numbers.items())


@dataclass(frozen=True, slots=True)
class Problem:
    """Demands and precedence table of each case, and the prefixes of lines that cost nothing.

    Those are the ``defaults``, which would have to be restored anyway. ``effort`` is how many sets
    of lines are looked at before one without a line to spare has to do.
    """

    demands: tuple[tuple[Demand, ...], ...]
    tables: tuple[tuple[PrefixEntry, ...], ...]
    defaults: tuple[Prefix, ...]
    effort: int = _PRECEDENCE_BUDGET

    @property
    def keys(self) -> list[int]:
        """Every address that something is demanded of."""
        return sorted({key for one in self.demands for demand in one for key in demand[:2]})

    @property
    def present(self) -> list[int]:
        """Every value that occurs."""
        return sorted({row.value for table in self.tables for row in table})


def precedence_lines(problem: Problem) -> Iterator[tuple[Lines, bool]]:
    """The sets of fewest precedence lines, or (False) one set that has no line to spare.

    Where defaults do, whose lines cost nothing, those with one line that costs are there too.
    """
    keys = problem.keys
    nodes = [node for node in tree(keys) if node not in problem.defaults]
    free = [one for one in problem.defaults if any(holds(one, key) for key in keys)]
    looked, found = 0, False
    for cost in range(len(nodes) + 1):
        looked += comb(len(nodes), cost) << len(free)
        if looked > problem.effort:
            if not found:
                yield _spare(problem), False
            return
        for number in range(len(free) + 1):
            for chosen in product(combinations(nodes, cost), combinations(free, number)):
                lines = solve(problem, (*chosen[0], *chosen[1]))
                if lines is not None:
                    found = True
                    yield lines, True
        if found and cost:
            return


def solve(problem: Problem, prefixes: Sequence[Prefix], values: Sequence[int] = ()) -> Lines | None:
    """A line for each prefix with values that meet the demands, or None.

    Without ``values`` those are tried that lie between the ones in use, the nearest to the
    present value of the prefix first. A prefix that is the longest of no address is useless.
    """
    # a slot is the number of a prefix, or -1 - value where an old row is the longest
    needs: set[tuple[int, int, bool]] = set()
    used: set[int] = set()
    for wishes, table in zip(problem.demands, problem.tables, strict=True):
        for first, second, above in wishes:
            a, b = _slot(first, prefixes, table), _slot(second, prefixes, table)
            if (a == b and above) or (a < 0 and b < 0 and b - a < above):
                return None
            used |= {a, b}
            if a != b and max(a, b) >= 0:
                needs.add((a, b, above))
    if not used.issuperset(range(len(prefixes))):
        return None
    present = problem.present
    old = [present_value(prefix, problem.tables[0]) for prefix in prefixes]

    def search(begun: list[int]) -> list[int] | None:
        number = len(begun)
        if number == len(prefixes):
            return begun
        options = [values[number]] if values else _between([*present, *begun], old[number])
        asked = [need for need in needs if max(need[:2]) == number]
        for trial in ([*begun, option] for option in options):
            if all(_worth(a, trial) - _worth(b, trial) >= above for a, b, above in asked):
                found = search(trial)
                if found is not None:
                    return found
        return None

    numbers = search([])
    return None if numbers is None else _lines(zip(prefixes, numbers, strict=True))


def _lines(values: Iterable[tuple[Prefix, int]]) -> Lines:
    return tuple(NewLine("precedence", prefix, value) for prefix, value in values)


def _worth(slot: int, numbers: Sequence[int]) -> int:
    return -1 - slot if slot < 0 else numbers[slot]


def _slot(key: int, prefixes: Sequence[Prefix], table: tuple[PrefixEntry, ...]) -> int:
    holding = [number for number, prefix in enumerate(prefixes) if holds(prefix, key)]
    row = next(row for row in table if row.holds(key))  # the longest first
    best = max(holding, key=lambda number: prefixes[number][1], default=-1)
    return best if best >= 0 and prefixes[best][1] >= row.bits else -1 - row.value


def _between(used: Sequence[int], old: int) -> list[int]:
    """Numbers below, between and above those in use, easy to read; then those in use.

    The nearest to ``old`` comes first.
    """
    found = []
    for under, over in pairwise([-1, *sorted(used), max(used) + 21]):
        least, most, middle = under + 1, min(over - 1, under + 41, INT_MAX), (under + over) // 2
        for step in (10, 5, 1):
            near = [(abs(n - middle), n) for n in range(-(-least // step) * step, most + 1, step)]
            if near:
                found.append(min(near)[1])
                break
    return [n for some in (found, used) for _, n in sorted((abs(n - old), n) for n in set(some))]


def _spare(problem: Problem) -> Lines:
    """Give every address a value of its level; merge and drop lines while the demands are met."""
    keys = problem.keys
    level = dict.fromkeys(keys, 0)
    for _ in keys:
        for wishes in problem.demands:
            for first, second, above in reversed(wishes):
                level[first] = max(level[first], level[second] + above)
    top = problem.present[-1]
    worth = {key: min(top + 10 * n, INT_MAX) if n else 0 for key, n in level.items()}
    lines: dict[Prefix, int] = {(key, 128): value for key, value in worth.items()}

    def met(trial: dict[Prefix, int]) -> bool:
        return solve(problem, list(trial), list(trial.values())) is not None

    if not met(lines):
        return ()
    for fork in [node for node in tree(keys) if node[1] < 128]:  # the longest first
        for value in {value for prefix, value in lines.items() if holds(fork, prefix[0])}:
            inside = [p for p, old in lines.items() if old == value and holds(fork, p[0])]
            merged = {p: old for p, old in lines.items() if p not in inside} | {fork: value}
            if len(merged) < len(lines) and met(merged):
                lines = merged
                break
    for prefix in list(lines):
        fewer = {one: value for one, value in lines.items() if one != prefix}
        if met(fewer):
            lines = fewer
    return _lines(lines.items())

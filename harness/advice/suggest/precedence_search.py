"""The fewest precedence lines that put tied destinations in a wished order. Pure.

A set of prefixes is chosen; each destination then has a value that is free (its longest
prefix is a new one) or fixed (an old line or default). What the wish demands are
differences between values, and whether they can be met is a longest path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

from harness.advice.suggest.goal import early_verdict, late_verdict, pairs
from harness.advice.suggest.lines import NewLine, Prefix, as_prefix, holds, tree
from harness.model.addresses import as_ipv6_int
from harness.model.gaiconf import INT_MAX, PrefixEntry
from harness.model.host import Target
from harness.model.order import Destination

_BUDGET = 20_000  # sets of prefixes looked at before the search settles for less


@dataclass(frozen=True, slots=True)
class Demand:
    """The precedence of ``first`` must be at least that of ``second``, or above it."""

    first: int
    second: int
    above: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """All that the choice of precedence lines depends on.

    ``demands`` and ``tables`` have one entry per case; ``defaults`` are the prefixes whose
    lines cost nothing, because they would have to be restored anyway.
    """

    keys: tuple[int, ...]
    demands: tuple[tuple[Demand, ...], ...]
    tables: tuple[tuple[PrefixEntry, ...], ...]
    defaults: tuple[Prefix, ...]


def demands(
    known: dict[Target, Destination], wanted: Sequence[Target], others: Sequence[Target]
) -> tuple[Demand, ...] | None:
    """What the wish demands of rule 6 in one case; None where rules 1 to 5 are against it."""
    found: dict[tuple[int, int], bool] = {}
    for a, b in pairs(wanted, others):
        verdict, _ = early_verdict(known[a], known[b])
        if verdict > 0:
            return None
        if verdict == 0:
            key = as_ipv6_int(a.address), as_ipv6_int(b.address)
            above = late_verdict(known[a], known[b]) > 0
            found[key] = found.get(key, False) or above
    return tuple(Demand(a, b, above) for (a, b), above in found.items())


def solutions(problem: Problem) -> Iterator[tuple[tuple[NewLine, ...], int]]:
    """Sets of lines that meet the demands with the number of lines they cost, cheapest first.

    All sets of the lowest cost are given. Where that is too much to look at, one set that
    has no line to spare is, with cost -1.
    """
    nodes = [node for node in tree(problem.keys) if node not in problem.defaults]
    free = [p for p in problem.defaults if any(holds(p, key) for key in problem.keys)]
    looked = 0
    for cost in range(len(nodes) + 1):
        looked += comb(len(nodes), cost) << len(free)
        if looked > _BUDGET:
            yield _spare(problem), -1
            return
        found = False
        for number in range(len(free) + 1):
            for chosen in combinations(nodes, cost):
                for extra in combinations(free, number):
                    lines = solve(problem, (*chosen, *extra))
                    if lines is not None:
                        found = True
                        yield lines, cost
        if found:
            return


def _spare(problem: Problem) -> tuple[NewLine, ...]:
    """Start with a line for every address; merge and drop lines while the demands can be met."""
    nodes = tree(problem.keys)
    chosen = [(key, 128) for key in problem.keys]
    lines = solve(problem, chosen)
    if lines is None:
        return ()
    forks = [node for node in nodes if node[1] < 128]
    for fork in (*forks, *problem.defaults):  # the longest first
        merged = [fork, *(one for one in chosen if not holds(fork, one[0]))]
        for trial in (merged, [fork, *chosen]):
            reduced = _dropped(problem, trial)
            if reduced is not None and len(reduced) < len(lines):
                lines = reduced
                chosen = [(line.prefix, line.bits) for line in lines]
    return _dropped(problem, chosen) or lines


def _dropped(problem: Problem, chosen: Sequence[Prefix]) -> tuple[NewLine, ...] | None:
    """The lines of ``chosen`` that are left when each that can be spared is dropped."""
    kept = list(chosen)
    lines = solve(problem, kept)
    for prefix in chosen:
        fewer = [one for one in kept if one != prefix]
        reduced = solve(problem, fewer)
        if reduced is not None:
            kept, lines = fewer, reduced
    return lines


def solve(problem: Problem, chosen: Sequence[Prefix]) -> tuple[NewLine, ...] | None:
    """Values for the lines of the chosen prefixes, or None when there are none.

    A prefix that is the longest of no address makes the set useless.
    """
    # rows are free values (0 to n - 1); fixed ones are written as -1 - value
    free = list(dict.fromkeys(chosen))
    used: set[int] = set()
    rules: set[tuple[int, int, bool]] = set()
    for wishes, table in zip(problem.demands, problem.tables, strict=True):
        slot: dict[int, int] = {}
        for key in problem.keys:
            slot[key] = _slot(key, free, table)
            if slot[key] >= 0:
                used.add(slot[key])
        for wish in wishes:
            a, b = slot[wish.first], slot[wish.second]
            if a == b or (a < 0 and b < 0):
                # the same value for both, or old values: nothing to choose
                if _fixed(a) - _fixed(b) < wish.above if a < 0 else wish.above:
                    return None
            else:
                rules.add((a, b, wish.above))
    if len(used) < len(free):
        return None
    values = sorted({row.value for table in problem.tables for row in table})
    start = [_value(prefix, problem.tables[0]) for prefix in free]
    numbers = _numbers(len(free), rules, values, start)
    if numbers is None:
        return None
    return tuple(
        NewLine("precedence", *prefix, number) for prefix, number in zip(free, numbers, strict=True)
    )


def _fixed(slot: int) -> int:
    return -1 - slot


def _slot(key: int, free: Sequence[Prefix], table: tuple[PrefixEntry, ...]) -> int:
    best, bits = None, -1
    for number, prefix in enumerate(free):
        if prefix[1] > bits and holds(prefix, key):
            best, bits = number, prefix[1]
    for row in table:  # the longest first
        if row.bits <= bits:
            break
        if holds(as_prefix(row), key):
            return -1 - row.value
    assert best is not None
    return best


def _value(prefix: Prefix, table: tuple[PrefixEntry, ...]) -> int:
    """What the addresses of a prefix have now."""
    return next(
        row.value for row in table if row.bits <= prefix[1] and holds(as_prefix(row), prefix[0])
    )


def _numbers(
    count: int, rules: set[tuple[int, int, bool]], values: Sequence[int], start: Sequence[int]
) -> list[int] | None:
    """A value for each of ``count`` lines, near its present one and easy to read."""
    numbers: list[int | None] = [None] * count
    for number in range(count):
        bounds = _bounds(numbers, rules)
        if bounds is None:
            return None
        low, high = bounds[number]
        taken = sorted({*values, *(one for one in numbers if one is not None)})
        numbers[number] = _readable(low, high, taken, start[number])
    final = [one for one in numbers if one is not None]
    return final if _bounds(numbers, rules) is not None else None


def _bounds(
    numbers: Sequence[int | None], rules: set[tuple[int, int, bool]]
) -> list[tuple[int, int]] | None:
    """The lowest and highest value of each line, or None when the rules contradict."""
    low = [0 if one is None else one for one in numbers]
    high = [INT_MAX if one is None else one for one in numbers]
    for _ in range(len(numbers) + 1):
        changed = False
        for a, b, above in rules:
            least = (_fixed(b) if b < 0 else low[b]) + above
            if a >= 0 and low[a] < least:
                low[a], changed = least, True
            most = (_fixed(a) if a < 0 else high[a]) - above
            if b >= 0 and high[b] > most:
                high[b], changed = most, True
        if any(lo > hi for lo, hi in zip(low, high, strict=True)):
            return None
        if not changed:
            return list(zip(low, high, strict=True))
    return None


def _readable(low: int, high: int, taken: Sequence[int], start: int) -> int:
    """A round value between the bounds, nearest to ``start``, that no other line has."""
    options = []
    edges = [-1, *taken, max([*taken, low]) + 21]
    for under, over in pairwise(edges):
        least, most = max(low, under + 1), min(high, over - 1)
        if least <= most:
            options.append(_round(least, most))
    if not options:
        options = [max(low, min(high, start))]
    return min(options, key=lambda value: (abs(value - start), value))


def _round(least: int, most: int) -> int:
    middle = (least + most) // 2
    for step in (10, 5):
        near = [n for n in range(least, min(most, least + 40) + 1) if n % step == 0]
        if near:
            return min(near, key=lambda value: abs(value - middle))
    return middle

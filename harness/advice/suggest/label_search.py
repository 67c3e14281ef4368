"""The fewest label and scopev4 lines that rules 2 and 5 need for a wished order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from harness.advice.suggest.goal import Choice, classes
from harness.advice.suggest.lines import NewLine, Prefix, as_prefix, holds, tree
from harness.model.addresses import as_ipv6_int
from harness.model.gaiconf import PrefixEntry, ScopeEntry
from harness.model.host import Target
from harness.model.order import Destination
from harness.model.policy import SITE_LOCAL_SCOPE

_BUDGET = 100_000  # sets of lines looked at before the search settles for less
_MOST = 2
_ORGANISATION_SCOPE = 8

Lines = tuple[NewLine, ...]


@dataclass(frozen=True, slots=True)
class Ends:
    """The addresses of one table: for each destination its own key and its source's."""

    keyword: str
    width: int
    ends: dict[Target, tuple[int, int]]
    tables: tuple[tuple[PrefixEntry | ScopeEntry, ...], ...]

    @property
    def keys(self) -> tuple[int, ...]:
        """Every address once."""
        return tuple(dict.fromkeys(key for pair in self.ends.values() for key in pair))

    def matching(self, lines: Lines, case: int) -> dict[Target, bool]:
        """Which destinations match their source in one case, once ``lines`` are added."""
        own = [line for line in lines if line.keyword == self.keyword]
        values = {key: self._value(key, own, case) for key in self.keys}
        return {target: values[a] == values[b] for target, (a, b) in self.ends.items()}

    def _value(self, key: int, own: Lines | list[NewLine], case: int) -> int:
        best, bits = None, -1
        for line in own:
            if line.bits > bits and holds((line.prefix, line.bits), key, self.width):
                best, bits = line.value, line.bits
        for row in self.tables[case]:  # the longest first
            if row.bits <= bits:
                break
            if (row.prefix ^ key) >> (self.width - row.bits) == 0:
                return row.value
        assert best is not None
        return best


def ends_of(
    known: dict[Target, Destination], keyword: str,
    tables: Sequence[tuple[PrefixEntry | ScopeEntry, ...]],
) -> Ends:  # fmt: skip
    """The ends of every reachable destination that a label or scopev4 line can act on."""
    four = keyword == "scopev4"
    ends = {}
    for target, item in known.items():
        if item.source is None or (four and item.address.version == 6):
            continue
        if four:
            ends[target] = int(item.address), int(item.source)
        else:
            ends[target] = as_ipv6_int(item.address), as_ipv6_int(item.source)
    return Ends(keyword, 32 if four else 128, ends, tuple(tables))


def solutions(
    tables: Sequence[Ends], fulfilled: Callable[[Lines], bool], choice: Choice
) -> Iterator[tuple[Lines, bool]]:
    """Sets of lines with which rules 1 to 5 leave the wish open, smallest first.

    Parameters: ``fulfilled`` says so for one set; ``choice`` is a state of all matches that
    does. All sets of each size are given, up to two lines; after them (or where that is too
    much to look at) one set that has no line to spare, marked False.
    """
    if fulfilled(()):
        yield (), True
    candidates = [line for table in tables for line in _candidates(table)]
    looked = 0
    for size in range(1, _MOST + 1):
        looked += len(candidates) ** size
        if looked > _BUDGET:
            break
        for lines in combinations(candidates, size):
            prefixes = {(line.keyword, line.prefix, line.bits) for line in lines}
            if len(prefixes) == size and fulfilled(lines):
                yield lines, True
    built = tuple(line for table in tables for line in _built(table, choice))
    for line in built:
        fewer = tuple(one for one in built if one != line)
        if fulfilled(fewer):
            built = fewer
    if built and fulfilled(built):
        yield built, False


def _candidates(table: Ends) -> Iterator[NewLine]:
    """Every line that could make a difference: a part of the addresses, a value."""
    old = [row for rows in table.tables for row in rows]
    prefixes: list[Prefix] = tree(table.keys, table.width)
    for row in old:
        prefix = as_prefix(row)
        if prefix not in prefixes and any(holds(prefix, key, table.width) for key in table.keys):
            prefixes.append(prefix)
    present = {row.value for row in old}
    relevant = sorted({_present(table, key) for key in table.keys})
    values = [*relevant, *_fresh(table.keyword, present, 2)]
    for prefix, value in product(prefixes, dict.fromkeys(values)):
        yield NewLine(table.keyword, prefix[0], prefix[1], value)


def _present(table: Ends, key: int) -> int:
    return next(row.value for row in table.tables[0] if holds(as_prefix(row), key, table.width))


def _fresh(keyword: str, present: set[int], count: int) -> list[int]:
    """Values that nothing has yet; for scopes those that mean something first."""
    usual = (SITE_LOCAL_SCOPE, _ORGANISATION_SCOPE) if keyword == "scopev4" else ()
    found = [value for value in usual if value not in present]
    number = max(present) + 1
    while len(found) < count:
        found.append(number)
        number += 1
    return found[:count]


def _built(table: Ends, choice: Choice) -> Lines:
    """A line for every address, so that exactly the chosen destinations match."""
    wish = choice.scope if table.keyword == "scopev4" else choice.label
    matching = [ends for target, ends in table.ends.items() if wish[target]]
    number = classes(matching, table.keys)
    base = max(row.value for rows in table.tables for row in rows) + 1
    return tuple(NewLine(table.keyword, key, table.width, base + number[key]) for key in table.keys)

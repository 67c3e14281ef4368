"""Changes of the model that the fuzzer tries beside those of `harness.compare.causes`.

They are many, and each explains little: it takes the thousands of cases of a fuzzing run to tell
them apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache, partial
from operator import attrgetter
from typing import NamedTuple

from harness.compare.answers import answered
from harness.compare.causes import (
    TABLES,
    Alter,
    Entries,
    ModelQuestion,
    causes,
    changes_for,
    default_table,
    shown_network,
    with_rules,
    with_tables,
)
from harness.compare.evidence import Evidence
from harness.compare.fuzz.tally import EFFECTIVE, line_kinds
from harness.compare.predict import Prediction
from harness.compare.rule_changes import RuleChange, comparison_changes
from harness.compare.verdict import fits, prediction_for
from harness.model.dialects import Dialect
from harness.model.gaiconf import parse_gai_conf
from harness.model.lookup import Item
from harness.model.order import RULES, Destination, Rule, Rules, decide, merge_sort

_LENGTHS = (-16, -8, -4, -1, 1, 4, 8, 16)  # by which a default's prefix may be longer
_MISSING = {"label": (0, 2, 4), "precedence": (0, 1, 10, 50)}


@cache
def every_change(dialect: Dialect) -> dict[str, Alter]:
    """All changes that are tried, by their words, the plainest first."""
    rules = {words: with_rules(change) for words, change in _comparisons(dialect).items()}
    return {**_slow(dialect), **rules}


@cache
def _slow(dialect: Dialect) -> dict[str, Alter]:
    """Those that take a look-up from the beginning."""
    return {**changes_for(dialect), **dict((*_tables(), *_lines()))}


@cache
def _comparisons(dialect: Dialect) -> dict[str, RuleChange]:
    return dict(comparison_changes(dialect))


def explanations(evidence: Evidence, among: Collection[str] | None = None) -> tuple[str, ...]:
    """The changes of `every_change` that each give what glibc answered; see `causes`."""
    slow = causes(evidence, among, _slow(evidence.dialect))
    return slow + tuple(_by_comparison(evidence, among))


def _by_comparison(evidence: Evidence, among: Collection[str] | None) -> Iterator[str]:
    """Changed comparisons are many: what is found before the sort is worked out once for all."""
    tried = _comparisons(evidence.dialect)
    if among is not None:
        tried = {words: change for words, change in tried.items() if words in among}
    if not tried or evidence.lane.resolver != "glibc":
        return
    own = prediction_for(evidence)
    if own.undefined or evidence.dialect.rule7_fills_in_unknown:
        yield from causes(evidence, tried, every_change(evidence.dialect))
        return
    if own.order is None:
        yield from tried if fits(evidence, own) else ()
        return
    native = _NativeOrder.of(evidence, own)
    if native is not None:
        yield from (words for words, change in tried.items() if native.is_given_by(change(RULES)))


def against_rule(evidence: Evidence) -> int | None:
    """The last rule whose answers, whatever they are, give the native order; None for no order.

    All rules before it answer as they should. A wrong rule shows in pairs that later ones decide,
    but no case speaks against it.
    """
    native = _NativeOrder.of(evidence, prediction_for(evidence))
    numbers = range(len(RULES), 0, -1)
    return native and next((one for one in numbers if native.is_given_by(native.free(one))), None)


class _NativeOrder(NamedTuple):
    """What the sort is given, and its ``items`` in the native order.

    ``places`` has the native place of each position.
    """

    known: list[Destination]
    places: dict[int, int]
    items: tuple[Item, ...]

    @classmethod
    def of(cls, evidence: Evidence, own: Prediction) -> _NativeOrder | None:
        """None where more than the order is otherwise."""
        items, _ = answered(evidence.native)
        if own.order is None or Counter(items) != Counter(own.items):
            return None
        if not fits(evidence, replace(own, items=items)):
            return None
        of_item: dict[Item, list[int]] = {}
        for place, item in enumerate(items):
            of_item.setdefault(item, []).insert(0, place)
        pairs = zip(own.order.ranked, own.items, strict=True)
        places = {one.position: of_item[item].pop() for one, item in pairs}
        return cls(sorted(own.order.ranked, key=attrgetter("position")), places, items)

    def is_given_by(self, rules: Rules) -> bool:
        ranked = merge_sort(self.known, lambda a, b: decide(a, b, rules)[0])
        return tuple([self.items[self.places[one.position]] for one in ranked]) == self.items

    def free(self, number: int) -> Rules:
        """The rules before one, and in its place what answers as the native order has it."""
        places = self.places
        values = lambda a, b: (places[a.position], places[b.position])  # noqa: E731
        return (*RULES[: number - 1], Rule(number, "", values, smaller=True))


def _tables() -> Iterator[tuple[str, Alter]]:
    for table, (keyword, entries) in TABLES.items():
        for at, entry in enumerate(entries):
            for bits in (entry.bits + more for more in _LENGTHS):
                if entry.bits and 0 < bits <= entry.width:
                    words = f"the default {keyword} of {shown_network(entry)} is that of /{bits}"
                    changed = *entries[:at], entry._replace(bits=bits), *entries[at + 1 :]
                    yield words, default_table(table, changed)
        words = f"the {keyword} lines of gai.conf and the default table are taken for each other"
        yield words, with_tables(partial(_exchanged, table, entries))
    whole = with_tables(lambda _, own: [one._replace(bits=one.bits - one.bits % 8) for one in own])
    yield "of a prefix whole bytes are compared", whole


def _exchanged(table: str, default: Entries, name: str, own: Entries) -> Entries:
    """The default where there are lines, and an empty table where there are none."""
    if name != table:
        return own
    return (default[-1]._replace(value=0),) if own == default else default


def _lines() -> Iterator[tuple[str, Alter]]:
    for kind in EFFECTIVE:
        yield f"lines of gai.conf are ignored: {kind}", partial(_without_kind, kind)
    yield "lines of gai.conf with a comment are ignored", _without_comments
    for keyword, values in _MISSING.items():
        for value in values:
            words = f"the {keyword} of ::/0 that gai.conf leaves out is {value}"
            yield words, partial(_added, keyword, value)


def _without_kind(kind: str, asked: ModelQuestion) -> ModelQuestion:
    lines = parse_gai_conf(asked.gai_conf or b"", asked.dialect).lines
    numbers = {*line_kinds(asked.gai_conf, lines).get(kind, ())}
    left = [
        one for at, one in enumerate((asked.gai_conf or b"").split(b"\n"), 1) if at not in numbers
    ]
    return replace(asked, gai_conf=b"\n".join(left)) if numbers else asked


def _without_comments(asked: ModelQuestion) -> ModelQuestion:
    left = (one for one in (asked.gai_conf or b"").split(b"\n") if b"#" not in one)
    return replace(asked, gai_conf=b"\n".join(left))


def _added(keyword: str, value: int, asked: ModelQuestion) -> ModelQuestion:
    """With a line behind all others of its keyword, if any: of equal prefixes the first wins."""
    data = asked.gai_conf or b""
    if not any(line.split()[:1] == [keyword.encode()] for line in data.split(b"\n")):
        return asked
    return replace(asked, gai_conf=data + f"\n{keyword} ::/0 {value}\n".encode())

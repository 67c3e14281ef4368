"""What builds answered, as a page shows it: equal answers once, the order as a chain. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby, pairwise, zip_longest

from harness.compare.results import Departure, DestinationRow, PairReason, Result, Verdict
from harness.model.order import RULES
from harness.report.html.bits import PrefixBits, prefix_bits
from harness.report.words import equality

UNTRUSTED = "untrusted"
SYMBOLS = {
    str(Verdict.AGREE): "✓",
    str(Verdict.DISAGREE): "≠",
    str(Verdict.CRASHED): "✕",
    str(Verdict.ERROR): "!",
    UNTRUSTED: "?",
}
FLAG = "⚑"
MOST = 256
"""So many addresses of one answer are drawn; a page with thousands could not be read."""
TITLES = {rule.number: rule.title for rule in RULES}

# the name of the fact of an address that a rule looks at
_FACTS = {1: "source", 2: "scope", 3: "flags", 4: "flags", 5: "label", 6: "precedence",
          7: "interface", 8: "scope", 9: "common prefix", 10: "given as"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stop:
    """One address of an order, and why it stands before the next (None: no rule can be named).

    ``facts`` are names and values; ``decided`` are those that a rule beside the address rests
    on. ``direction`` is how it moved against the builds before, ``moved`` from where.
    """

    number: int
    address: str
    times: int
    facts: tuple[tuple[str, str], ...]
    decided: frozenset[str]
    bits: PrefixBits | None
    direction: str
    moved: str
    step: PairReason | None


@dataclass(frozen=True)
class Group:
    """All builds of one look-up that gave the same answer for the same reasons.

    ``columns`` are the numbers of their columns, ``letter`` names the answer among those of
    the look-up ("" where there is but one), ``result`` stands for all of them.
    """

    columns: tuple[int, ...]
    letter: str
    result: Result
    unmet: tuple[str, ...]
    before: Group | None
    before_name: str = ""

    @property
    def kind(self) -> str:
        """The verdict, or "untrusted" where the way to this glibc failed its self-test."""
        return UNTRUSTED if self.result.untrusted else str(self.result.verdict)

    @property
    def symbol(self) -> str:
        """The sign of its kind; a flag where all agree, but an expectation failed."""
        return FLAG if self.unmet and self.kind == Verdict.AGREE else SYMBOLS[self.kind]

    @property
    def headline(self) -> str:
        """The verdict in words: "agree", "crashed with SIGSEGV, as predicted"."""
        result = self.result
        if result.untrusted:
            return f"not counted ({result.verdict})"
        words = f"{result.verdict}{', accepted' if result.accepted else ''}"
        if result.verdict is Verdict.CRASHED:
            words += f" with {result.error}" + ", as predicted" * result.predicted
        return words

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The order shown, each run of equal addresses once."""
        return self.result.model_order or self.result.order

    @property
    def rules(self) -> tuple[int, ...]:
        """The rules that decided, each once, ascending."""
        return tuple(sorted({decision.rule for decision in self.result.decisions}))

    @property
    def lines(self) -> list[tuple[int, tuple[str, str]]]:
        """Native and model side by side, numbered; of many those around the first difference."""
        both = list(enumerate(zip_longest(self.result.native, self.result.model, fillvalue="–")))
        first = (self.result.first_difference or 0) - MOST // 2
        start = min(max(0, first), max(0, len(both) - MOST))
        return both[start : start + MOST]

    @property
    def departures(self) -> tuple[Departure, ...]:
        """The standards that order otherwise, those that say the same as one."""
        alike: dict[tuple[tuple[str, ...], str], list[str]] = {}
        for one in self.result.departures:
            alike.setdefault((one.order, one.why), []).append(one.standard)
        return tuple(
            Departure(" and ".join(names), order, why) for (order, why), names in alike.items()
        )

    @cached_property
    def chain(self) -> tuple[Stop, ...]:
        """The order as stops, up to `MOST`."""
        result = self.result
        times = [len(list(same)) for _, same in groupby(result.model or result.native)]
        rows = {row.destination: row for row in result.destinations}
        steps = _steps(self.order, result.decisions)
        stops = []
        for place, address in enumerate(self.order[:MOST]):
            beside = {step.rule for step in steps[max(place - 1, 0) : place + 1] if step}
            decided = frozenset(_FACTS[rule] for rule in beside)
            row = rows.get(address)
            stops.append(
                Stop(
                    place + 1,
                    address,
                    times[place],
                    () if row is None else tuple(_facts(row, decided)),
                    decided,
                    _bits(row) if row is not None and 9 in beside else None,
                    *self._moved(address),
                    steps[place] if place < len(steps) else None,
                )
            )
        return tuple(stops)

    @cached_property
    def _places(self) -> tuple[dict[str, int], dict[str, int]]:
        """Where each address stands, from 1: in the answer before, and in the order shown."""
        before = () if self.before is None else dict.fromkeys(self.before.result.native)
        was, now = (
            {text: n for n, text in enumerate(order, 1)}
            for order in (before, dict.fromkeys(self.order))
        )
        return was, now

    def _moved(self, address: str) -> tuple[str, str]:
        """How an address moved against the answer of the builds before these, and from where."""
        was, now = self._places
        if (
            self.before is None or not was or self.result.untrusted or self.before.result.untrusted
            or self.before.result.native == self.result.native
        ):  # fmt: skip
            return "", ""
        if address not in was:
            return "new", f"not returned by {self.before_name}"
        if was[address] == now[address]:
            return "", ""
        direction = "up" if now[address] < was[address] else "down"
        return direction, f"number {was[address]} on {self.before_name}"


def answer_key(result: Result) -> tuple[object, ...]:
    """What makes two builds answer differently: what came back, or how it failed."""
    return result.native, result.error


def listed(addresses: Sequence[str]) -> str:
    """An order in a line, of many addresses the first ones."""
    more = len(addresses) - MOST
    return (", ".join(addresses[:MOST]) or "no addresses") + (f" and {more:,} more" * (more > 0))


def letters(results: Sequence[Result]) -> dict[tuple[object, ...], str]:
    """A letter for each different answer that counts; none where all are equal."""
    keys = Counter(answer_key(result) for result in results if not result.untrusted)
    if len(keys) < 2:
        return dict.fromkeys(keys, "")
    return {key: chr(ord("A") + n) if n < 26 else f"A{n}" for n, key in enumerate(keys)}


def _steps(order: Sequence[str], decisions: Sequence[PairReason]) -> Sequence[PairReason | None]:
    """The reason after each address but the last."""
    pairs = list(pairwise(order))
    if [(one.before, one.after) for one in decisions] == pairs:
        return decisions
    known = {(one.before, one.after): one for one in decisions}
    return [known.get(pair) for pair in pairs]


_bits_of = lru_cache(4096)(prefix_bits)


def _bits(row: DestinationRow) -> PrefixBits | None:
    if row.source is None:
        return None
    return _bits_of(row.destination, row.source, row.prefixlen, row.common_prefix)


def _facts(row: DestinationRow, decided: frozenset[str]) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if row.source is None:
        facts.append(("source", f"none ({row.error})" if row.error else "none"))
        facts.append(("scope", str(row.destination_scope)))
    else:
        length = f"/{row.prefixlen}" if row.prefixlen else ", prefix length unknown"
        facts.append(("source", row.source + length))
        native = "" if row.native else ", not native"
        facts.append(("interface", (row.interface or "unknown") + native))
        if row.flags or "flags" in decided:
            facts.append(("flags", ", ".join(row.flags) or "none"))
        facts.append(("scope", equality(row.destination_scope, row.source_scope)))
        facts.append(("label", equality(row.destination_label, row.source_label)))
    facts.append(("precedence", str(row.precedence)))
    if "common prefix" in decided and row.source is not None:
        facts.append(("common prefix", f"{row.common_prefix} bit{'s'[: row.common_prefix != 1]}"))
    facts.append(("given as", f"number {row.position + 1}"))
    return facts

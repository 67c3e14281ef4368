"""What builds answered, as a page shows it: equal answers once, the order as a chain. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby, pairwise

from harness.compare.results import Departure, DestinationRow, PairReason, Result, Verdict
from harness.model.order import RULES
from harness.report.html.bits import PrefixBits, prefix_bits

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

# which fact of an address a rule looks at, by the names of `Fact`
_FACTS = {1: "source", 2: "scope", 3: "flags", 4: "flags", 5: "label", 6: "precedence",
          7: "interface", 8: "scope", 9: "common prefix", 10: "given as"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of an address; ``decided`` where a rule beside the address rests on it."""

    name: str
    value: str
    decided: bool


@dataclass(frozen=True, slots=True)
class Step:
    """Why an address stands before the next: a rule, or None where no rule can be named."""

    rule: int | None
    title: str
    before: str = ""
    after: str = ""
    words: str = ""
    preferred: bool = True


@dataclass(frozen=True, slots=True)
class Stop:
    """One address of an order, what is known of it, and the step to the next one."""

    number: int
    address: str
    times: int
    facts: tuple[Fact, ...]
    bits: PrefixBits | None
    moved: str
    direction: str
    step: Step | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of native and model side by side."""

    number: int
    native: str
    model: str
    first: bool


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
    def verdict(self) -> Verdict:
        """The verdict of each of the builds."""
        return self.result.verdict

    @property
    def failed(self) -> bool:
        """True where this makes the run end with status 1."""
        return self.result.failed

    @property
    def kind(self) -> str:
        """The verdict, or "untrusted" where the way to this glibc failed its self-test."""
        return UNTRUSTED if self.result.untrusted else str(self.verdict)

    @property
    def symbol(self) -> str:
        """The sign of its kind; a flag where all agree, but an expectation failed."""
        flagged = self.unmet and self.kind == Verdict.AGREE
        return FLAG if flagged else SYMBOLS[self.kind]

    @property
    def headline(self) -> str:
        """The verdict in words: "agree", "crashed with SIGSEGV, as predicted"."""
        words = str(self.verdict)
        if self.result.untrusted:
            return f"not counted ({words})"
        if self.result.accepted:
            words += ", accepted"
        if self.verdict is Verdict.CRASHED:
            words += f" with {self.result.error}" + ", as predicted" * self.result.predicted
        return words

    @property
    def left_out(self) -> int:
        """How many addresses of the order are not drawn."""
        return max(0, len(self.order) - MOST)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The order shown, each run of equal addresses once."""
        return tuple(address for address, _ in groupby(self.result.model or self.result.native))

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each address stands in glibc's answer, from 0."""
        return {text: n for n, text in enumerate(dict.fromkeys(self.result.native))}

    @cached_property
    def own_places(self) -> dict[str, int]:
        """Where each address stands in the order shown, from 0."""
        return {text: n for n, text in enumerate(dict.fromkeys(self.order))}

    @property
    def answer(self) -> str:
        """The answer in a line: the addresses glibc gave, or how it failed."""
        return answer_words(self.result)

    @property
    def rules(self) -> tuple[int, ...]:
        """The rules that decided, each once, ascending."""
        return tuple(sorted({decision.rule for decision in self.result.decisions}))

    @property
    def lines(self) -> tuple[Line, ...]:
        """Native and model side by side, one line per addrinfo."""
        native, model = self.result.native, self.result.model
        return tuple(
            Line(
                number + 1,
                native[number] if number < len(native) else "",
                model[number] if number < len(model) else "",
                number == self.result.first_difference,
            )
            for number in self._around(max(len(native), len(model)))
        )

    def _around(self, count: int) -> range:
        """The numbers of the lines drawn: all, or of many those around the first difference."""
        start = min(max(0, (self.result.first_difference or 0) - MOST // 2), max(0, count - MOST))
        return range(start, min(count, start + MOST))

    @property
    def alike_at_difference(self) -> bool:
        """True where the first difference is not in the addresses, but beside them."""
        return any(line.first and line.native == line.model for line in self.lines)

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
        """The order as stops and steps; of fewer than two addresses nothing is sorted."""
        result = self.result
        times = [len(list(same)) for _, same in groupby(result.model or result.native)]
        rows = {row.destination: row for row in result.destinations}
        steps = _steps(self.order, result)
        stops = []
        for place, address in enumerate(self.order[:MOST]):
            beside = {
                step.rule for step in steps[max(place - 1, 0) : place + 1] if step.rule is not None
            }
            moved, direction = self._moved(address)
            row = rows.get(address)
            stops.append(
                Stop(
                    number=place + 1,
                    address=address,
                    times=times[place],
                    facts=() if row is None else tuple(_facts(row, beside)),
                    bits=_bits(row) if row is not None and 9 in beside else None,
                    moved=moved,
                    direction=direction,
                    step=steps[place] if place < len(steps) else None,
                )
            )
        return tuple(stops)

    def _moved(self, address: str) -> tuple[str, str]:
        """How an address stands against the answer of the builds before these."""
        if self.before is None or self.before.result.native == self.result.native:
            return "", ""
        if not self.before.result.native or self.result.untrusted or self.before.result.untrusted:
            return "", ""
        was, now = self.before.places.get(address), self.own_places[address]
        if was is None:
            return f"not returned by {self.before_name}", "new"
        if was == now:
            return "", ""
        return f"number {was + 1} on {self.before_name}", "up" if now < was else "down"


def answer_key(result: Result) -> tuple[object, ...]:
    """What makes two builds answer differently: what came back, or how it failed."""
    return result.native, result.error


def answer_words(result: Result) -> str:
    """The answer in a line: the addresses glibc gave, or how it failed."""
    if result.native:
        return listed([address for address, _ in groupby(result.native)])
    return result.error or "no addresses"


def listed(addresses: Sequence[str]) -> str:
    """An order in a line, of many addresses the first ones."""
    more = len(addresses) - MOST
    return ", ".join(addresses[:MOST]) + (f" and {more:,} more" if more > 0 else "")


def same_page_key(result: Result) -> tuple[object, ...]:
    """Results equal in this are shown once; ``unmet`` aside, which is one line each."""
    return (
        result.verdict, result.native, result.model, result.error, result.model_error,
        result.first_difference, result.decisions, result.undefined, result.predicted,
        result.remarks, result.departures, result.destinations, bool(result.unmet), result.accepted,
        result.reason, result.untrusted,
    )  # fmt: skip


def _steps(order: Sequence[str], result: Result) -> list[Step]:
    """The step after each address but the last."""
    decisions = result.decisions
    pairs = list(pairwise(order))
    if [(d.before, d.after) for d in decisions] != pairs:
        known = {(d.before, d.after): d for d in decisions}
        return [_step(known.get(pair)) for pair in pairs]
    return [_step(decision) for decision in decisions]


def _step(reason: PairReason | None) -> Step:
    if reason is None:
        return Step(None, "no rule can be named", words="the effect of the gai.conf is undefined")
    before, after = reason.seen or ("", "")
    return Step(
        rule=reason.rule,
        title=TITLES.get(reason.rule, ""),
        before=before,
        after=after,
        words="" if reason.seen else reason.why,
        preferred=reason.preferred,
    )


_bits_of = lru_cache(4096)(prefix_bits)


def _bits(row: DestinationRow) -> PrefixBits | None:
    if row.source is None:
        return None
    return _bits_of(row.destination, row.source, row.prefixlen, row.common_prefix)


def _facts(row: DestinationRow, beside: set[int]) -> list[Fact]:
    decided = {_FACTS[rule] for rule in beside}
    facts: list[tuple[str, str]] = []
    if row.source is None:
        facts.append(("source", f"none{f' ({row.error})' if row.error else ''}"))
        facts.append(("scope", str(row.destination_scope)))
    else:
        length = f"/{row.prefixlen}" if row.prefixlen else ", prefix length unknown"
        facts.append(("source", row.source + length))
        native = "" if row.native else ", not native"
        facts.append(("interface", (row.interface or "unknown") + native))
        if row.flags or "flags" in decided:
            facts.append(("flags", ", ".join(row.flags) or "none"))
        facts.append(("scope", _matched(row.destination_scope, row.source_scope)))
        facts.append(("label", _matched(row.destination_label, row.source_label)))
    facts.append(("precedence", str(row.precedence)))
    if "common prefix" in decided and row.source is not None:
        bits = "1 bit" if row.common_prefix == 1 else f"{row.common_prefix} bits"
        facts.append(("common prefix", bits))
    facts.append(("given as", f"number {row.position + 1}"))
    return [Fact(name, value, name in decided) for name, value in facts]


def _matched(destination: int, source: int | None) -> str:
    """Destination's and source's value: "14 = 14", "4 ≠ 1"."""
    return f"{destination} {'=' if destination == source else '≠'} {source}"


def letters(results: Sequence[Result]) -> dict[tuple[object, ...], str]:
    """A letter for each different answer that counts; none where all are equal."""
    keys = Counter(answer_key(result) for result in results if not result.untrusted)
    if len(keys) < 2:
        return dict.fromkeys(keys, "")
    return {key: _letter(number) for number, key in enumerate(keys)}


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"A{number}"

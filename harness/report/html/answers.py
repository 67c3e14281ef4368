"""What builds answered, as a page shows it: equal answers once, a chain, rule 9 as bits. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from ipaddress import ip_address
from itertools import groupby, pairwise, zip_longest
from typing import NamedTuple

from harness.compare.results import Departure, DestinationRow, PairReason, Result, Verdict
from harness.compare.values import grouped
from harness.model.addresses import leading_zeros
from harness.model.order import RULES
from harness.versions import ResolverName

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

    ``row`` has its facts; ``decided`` names those that a rule beside the address rests on.
    ``direction`` is how it moved against the builds before, ``moved`` from where.
    """

    number: int
    address: str
    times: int
    row: DestinationRow | None
    decided: frozenset[str]
    bits: "PrefixBits | None"
    direction: str
    moved: str
    step: PairReason | None


@dataclass(frozen=True)
class AnswerGroup:
    """All builds of one look-up that gave the same answer for the same reasons.

    ``number`` counts them from 0, ``columns`` are the numbers of their columns, ``letter`` names
    the answer among those of the look-up ("" where there is but one), ``result`` stands for all.
    """

    number: int
    columns: tuple[int, ...]
    letter: str
    result: Result
    unmet: tuple[str, ...]
    before: "AnswerGroup | None"
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
        """The list shown, one entry for each address and not for each kind of socket."""
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
        alike = grouped(self.result.departures, lambda one: (one.order, one.why)).values()
        return tuple(
            replace(same[0], standard=" and ".join(one.standard for one in same)) for same in alike
        )

    @cached_property
    def chain(self) -> tuple[Stop, ...]:
        """The order as stops, up to `MOST`."""
        result = self.result
        entries = result.model or result.native
        times = [result.sockets] * len(self.order)
        if len(entries) != sum(times):  # the entries of one address are apart
            times = [len(list(same)) for _, same in groupby(entries)]
        rows = {row.destination: row for row in result.destinations}
        reasons = {(one.before, one.after): one for one in result.decisions}
        steps = [None, *(reasons.get(pair) for pair in pairwise(self.order)), None]
        stops = []
        for place, address in enumerate(self.order[:MOST]):
            beside = {step.rule for step in steps[place : place + 2] if step}
            decided = frozenset(_FACTS[rule] for rule in beside)
            row, bits = rows.get(address), None
            if row is not None and row.source and 9 in beside:
                facts = row.destination, row.source, row.prefixlen, row.common_prefix
                bits = prefix_bits(*facts, result.resolver)
            shown = place + 1, address, times[place], row, decided, bits
            stops.append(Stop(*shown, *self._moved(address), steps[place + 1]))
        return tuple(stops)

    @cached_property
    def _before(self) -> list[str]:
        """The answer of the builds before these; empty where there is nothing to compare."""
        new, old = self.result, self.result if self.before is None else self.before.result
        if new.untrusted or old.untrusted or old.native == new.native:
            return []
        return list(dict.fromkeys(old.native))

    def _moved(self, address: str) -> tuple[str, str]:
        """How an address moved against the answer of the builds before these, and from where."""
        if not self._before:
            return "", ""
        if address not in self._before:
            return "new", f"not returned by {self.before_name}"
        was = self._before.index(address) + 1
        now = list(dict.fromkeys(self.order)).index(address) + 1
        if was == now:
            return "", ""
        return "up" if now < was else "down", f"number {was} on {self.before_name}"


def listed(addresses: Sequence[str]) -> str:
    """An order in a line, of many addresses the first ones."""
    more = len(addresses) - MOST
    return (", ".join(addresses[:MOST]) or "no addresses") + (f" and {more:,} more" * (more > 0))


def letters(results: Sequence[Result]) -> dict[tuple[object, ...], str]:
    """A letter for each different answer that counts; none where all are equal."""
    keys = Counter(result.returned for result in results if not result.untrusted)
    if len(keys) < 2:
        return dict.fromkeys(keys, "")
    return {key: chr(ord("A") + n) if n < 26 else f"A{n}" for n, key in enumerate(keys)}


_KINDS = "equal", "first", "rest"


class BitRun(NamedTuple):
    """Neighbouring bits of one of `_KINDS`; "first" is the first different one.

    ``ends`` is True where the source's prefix ends behind them.
    """

    bits: str
    kind: str
    ends: bool


class BitGroup(NamedTuple):
    """One octet of IPv4 or sixteen bits of IPv6, as text and as runs of bits."""

    destination_text: str
    source_text: str
    destination: tuple[BitRun, ...]
    source: tuple[BitRun, ...]


@dataclass(frozen=True, slots=True)
class PrefixBits:
    """A destination over its source, ready to be drawn; ``width`` is 32 or 128 bits.

    ``equal`` are the leading bits both share, ``counted`` those that rule 9 of ``resolver`` counts
    and ``prefixlen`` the bits of the source's subnet as glibc knows it, 0 for unknown.
    """

    destination: str
    source: str
    width: int
    prefixlen: int
    equal: int
    counted: int
    groups: tuple[BitGroup, ...]
    resolver: ResolverName = "glibc"

    @property
    def words(self) -> str:
        """The same in a sentence or two."""
        equal, counted, prefixlen = self.equal, self.counted, self.prefixlen
        bits, count = ("1 equal bit", "counts") if equal == 1 else (f"{equal} equal bits", "count")
        if equal == self.width:
            return f"The destination is the source itself: all {self.width} bits count."
        if self.resolver != "glibc":  # which looks at no prefix length
            if counted > self.width:  # as the IPv6 addresses that they are mapped to
                return f"{bits}, and the {counted - equal} of ::ffff:0:0/96 before them count too."
            return f"{bits} {count}." if counted == equal else f"{bits}, of which {counted} count."
        if self.width == 128:
            if equal > prefixlen > 0:
                beyond = f"glibc does not stop at the source's /{prefixlen}"
                return f"{bits}, and all of them count: {beyond}."
            return f"{bits} {count}."
        if counted == equal >= prefixlen > 0:
            near = f"the destination is in the source's /{prefixlen}"
            return f"{bits}, and {near}: all of them count."
        if counted == equal > 0 and prefixlen:
            return f"{bits}, and all of them count, whatever the source's /{prefixlen}."
        unknown = f"{bits}, %s no prefix length is known: here"
        if counted == equal > 0:
            return f"{unknown % 'and'} every address passes as a neighbour."
        if prefixlen == 0:
            return f"{unknown % 'but'} none of them counts."
        far = f"bit {equal + 1} differs inside the source's /{prefixlen}"
        return f"{bits}, but {far}: another subnet, so none of them counts."


@lru_cache(4096)  # the same addresses come again and again
def prefix_bits(
    destination: str, source: str, prefixlen: int, counted: int, resolver: ResolverName = "glibc"
) -> PrefixBits:
    """The bits of ``destination`` (perhaps with a zone) and ``source``, compared.

    Parameters: see `PrefixBits`; to other resolvers than glibc the prefix length is nothing.
    Raises ValueError for texts that are no addresses or not of one family.

    >>> prefix_bits("172.31.80.8", "172.18.45.2", 24, 0).equal
    12
    """
    first, second = ip_address(destination.partition("%")[0]), ip_address(source)
    if first.version != second.version:
        raise ValueError(f"{destination} from {source}: one family was expected")
    width = first.max_prefixlen
    prefixlen = prefixlen if resolver == "glibc" else 0
    equal = leading_zeros(int(first) ^ int(second), width)
    size, form = (8, "d") if width == 32 else (16, "x")
    groups = []
    for start in range(0, width, size):
        cuts = {equal, equal + 1, prefixlen} & set(range(start, start + size))
        spans = list(pairwise(sorted({start, start + size} | cuts)))
        texts, runs = [], []
        for bits in (f"{int(address):0{width}b}" for address in (first, second)):
            texts.append(format(int(bits[start : start + size], 2), form))
            runs.append(
                tuple(
                    BitRun(bits[at:end], _KINDS[(at >= equal) + (at > equal)], end == prefixlen)
                    for at, end in spans
                )
            )
        groups.append(BitGroup(texts[0], texts[1], runs[0], runs[1]))
    return PrefixBits(
        destination, source, width, prefixlen, equal, counted, tuple(groups), resolver
    )

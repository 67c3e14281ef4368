"""Counting what decided: rules, traps, dialect rows, kinds of gai.conf lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.compare.fuzz.linekinds import EFFECTIVE, IGNORED
from harness.compare.fuzz.sorter import Key, deciding_rule
from harness.model.addresses import as_ipv6_int
from harness.model.dialects import ROWS

if TYPE_CHECKING:
    from harness.compare.fuzz.hostwork import AskedLookup, HostWork
    from harness.model.host import Target
    from harness.model.order import Candidate
    from harness.model.policy import Policy

TRAPS = (
    "table-dropped", "peer-address", "address-twice", "no-scope-id", "scope-id", "source-in-127",
    "source-in-127-by-inet6-socket", "bindv6only", "broadcast", "mapped", "unreachable",
    "unknown-interface", "repeated-address", "families-tie", "no-right-answer",
    "defaults-dropped", "undefined-line", "not-sorted", "error",
)  # fmt: skip
"""What can make an order surprising; `Tally` counts the look-ups that met each."""

_BIT = {name: 1 << number for number, name in enumerate(TRAPS)}


def known_keys() -> tuple[str, ...]:
    """Every count that a run should not leave at nothing."""
    rows = dict.fromkeys(row.feature for row in ROWS)
    return (
        *(f"rule {number}" for number in range(1, 11)),
        *(f"trap {name}" for name in TRAPS),
        *(f"row {name}" for name in rows),
        *(f"line {name}" for name in (*EFFECTIVE, *IGNORED)),
        *(f"line {name} decided" for name in EFFECTIVE),
    )


class Tally:
    """Counts for one host.

    Parameters: ``work`` what is known of it. Rules are counted per neighbouring pair of
    different addresses, everything else per look-up; dialects that agree count once.
    """

    def __init__(self, work: HostWork) -> None:
        self._work = work
        self._rules = [0] * 11
        self._masks: Counter[int] = Counter()
        self._other: Counter[str] = Counter()
        table = work.table
        twice = Counter(entry.key for entry in table.entries)
        peers = {
            row.local
            for row in work.view.addresses
            if row.local is not None and row.address not in (None, row.local)
        }
        self._slot_masks = [
            self._mask(target, candidate, twice, peers)
            for target, candidate in zip(work.targets, work.candidates, strict=True)
        ]

    def _mask(
        self,
        target: Target,
        candidate: Candidate,
        twice: Mapping[int, int],
        peers: Iterable[object],
    ) -> int:
        address, source = target.address, candidate.source
        assert not isinstance(source, str)
        names = []
        if address.version == 6:
            if address.is_link_local:
                names.append("scope-id" if target.scope_id else "no-scope-id")
            if int(address) >> 32 == 0xFFFF:
                names.append("mapped")
        if source is None:
            names.append("unreachable")
            if self._work.view.routes[target].error == "EACCES":
                names.append("broadcast")
        else:
            if self._work.table.dropped:
                names.append("table-dropped")
            elif candidate.index is None:
                names.append("peer-address" if source in peers else "unknown-interface")
            if twice[as_ipv6_int(source)] > 1:
                names.append("address-twice")
            if source.version == 4 and int(source) >> 24 == 127:
                names.append("source-in-127")
                if candidate.index is None and not self._work.table.dropped:
                    names.append("source-in-127-by-inet6-socket")
        return sum(_BIT[name] for name in names)

    def sorted(self, one: AskedLookup, keys: Sequence[Key], order: Sequence[int]) -> None:
        """Count one sorted look-up: ``order`` are positions of ``keys``."""
        rules, slots = self._rules, one.slots
        before = order[0]
        for after in order[1:]:
            if slots[before] != slots[after]:
                rules[deciding_rule(keys[before], keys[after])] += 1
            before = after
        mask = 0
        masks = self._slot_masks
        for slot in set(slots):
            mask |= masks[slot]
        self._masks[mask] += 1
        self._more(slots, keys)

    def _more(self, slots: Sequence[int], keys: Sequence[Key]) -> None:
        other = self._other
        if len(set(slots)) < len(slots):
            other["trap repeated-address"] += 1
        four = {rules for rules, _, version, _ in keys if version == 4}
        six = {rules for rules, _, version, _ in keys if version == 6}
        if four and six:
            if self._work.view.bindv6only:
                other["trap bindv6only"] += 1
            if not four.isdisjoint(six):
                other["trap families-tie"] += 1
                if len(keys) <= 16 and _has_cycle(keys):
                    other["trap no-right-answer"] += 1

    def unsorted(self, failed: bool) -> None:
        """Count a look-up that ends before the sort."""
        self._other["trap error" if failed else "trap not-sorted"] += 1

    def policy(self, kinds: Iterable[str], policy: Policy, lookups: int) -> None:
        """Count what a gai.conf has, with the look-ups made under it."""
        for kind in kinds:
            self._other[f"line {kind}"] += lookups
        if policy.undefined:
            self._other["trap undefined-line"] += lookups
        if 0 < len(policy.labels) < 8 or 0 < len(policy.precedence) < 5:
            self._other["trap defaults-dropped"] += lookups

    def decided(self, key: str, lookups: int) -> None:
        """Count look-ups whose answer would be another one without what ``key`` names."""
        if lookups:
            self._other[key] += lookups

    def counts(self) -> Counter[str]:
        """Everything counted so far: how often each of `known_keys` decided."""
        found = Counter(self._other)
        for number in range(1, 11):
            if self._rules[number]:
                found[f"rule {number}"] += self._rules[number]
        for mask, times in self._masks.items():
            for name, bit in _BIT.items():
                if mask & bit:
                    found[f"trap {name}"] += times
        return found


def _has_cycle(keys: Sequence[Key]) -> bool:
    """Whether a near address, a far one before it and one of the other family between them tie."""
    for j, (rules, near, version, _) in enumerate(keys):
        for i in range(j):
            if keys[i][0] == rules and keys[i][2] == version and keys[i][1] > near:
                for other in keys[i + 1 : j]:
                    if other[0] == rules and other[2] != version:
                        return True
    return False

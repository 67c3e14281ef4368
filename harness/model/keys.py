"""The fast path: rules 1 to 8 as one integer per destination, computed once.

`harness.model.rules` is the text to read; this module gives the same order in a fraction of
the time, as musl's resolver does it. Rules 1 to 8 look at one destination at a time, so
their verdicts pack into one number, smaller is better. Rule 9 can be packed too as long as
no two families tie in rules 1 to 8; where they do, the comparison is not transitive and
glibc's own merge sort has to be followed step by step. Property tests hold both paths to
each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from harness.model.dialects import Dialect
from harness.model.facts import Candidate, netmask
from harness.model.gaiconf import INT_MAX
from harness.model.host import IPAddress
from harness.model.policy import Policy

# A destination's key: (rules 1 to 8, bits behind the common prefix, IP version).
Key = tuple[int, int, int]

_PREFIX_BITS = 8
RULE_BITS = (67, 66, 65, 64, 63, 32, 31, 0)
"""The lowest bit of each of the rules 1 to 8 in the first number of a key."""

_UNREACHABLE = 1 << 67  # above every bit of the rules after it
# integers and not addresses are the keys here: hashing an address object costs more than a rule
_Known = dict[int, tuple[int, int, int]]


class Sorter:
    """Sorts destinations under one policy and dialect; remembers what it has worked out.

    Parameters: ``policy`` and ``spoken`` the tables and the glibc to follow. Not safe for
    several threads.
    """

    def __init__(self, policy: Policy, spoken: Dialect) -> None:
        self._policy = policy
        self._in_subnet_only = spoken.rule9_ipv4_in_subnet_only
        self._masks = [netmask(length, spoken) for length in range(33)]
        # an address comes back in many candidates: as destination and as source of others
        self._known4: _Known = {}
        self._known6: _Known = {}

    def _learn(self, known: _Known, value: int, address: IPAddress) -> tuple[int, int, int]:
        policy = self._policy
        learned = policy.scope(address), policy.label(address), policy.precedence_of(address)
        known[value] = learned
        return learned

    def key(self, candidate: Candidate) -> Key:
        """The key of a candidate whose addresses are ``ipaddress`` objects."""
        destination = candidate.destination
        source = candidate.source
        assert not isinstance(destination, str)
        is_ipv4 = isinstance(destination, IPv4Address)
        known = self._known4 if is_ipv4 else self._known6
        value = int(destination)
        scope, label, precedence = known.get(value) or self._learn(known, value, destination)
        late = (INT_MAX - precedence) << 32 | scope
        if source is None:
            return _UNREACHABLE | late, 0, 4 if is_ipv4 else 6
        assert not isinstance(source, str)
        source_value = int(source)
        source_scope, source_label, _ = known.get(source_value) or self._learn(
            known, source_value, source
        )
        native = candidate.native
        if native is None:
            native = candidate.index is not None
        rules = (
            (scope != source_scope) << 66
            | candidate.deprecated << 65
            | (not candidate.home) << 64
            | (label != source_label) << 63
            | (not native) << 31
            | late
        )
        difference = value ^ source_value
        if not is_ipv4:
            return rules, difference.bit_length(), 6
        if self._in_subnet_only and difference & self._masks[candidate.prefixlen]:
            return rules, 32, 4
        return rules, difference.bit_length(), 4

    def sort(self, keys: Sequence[Key]) -> list[int]:
        """The positions of ``keys`` in the order glibc returns them."""
        if _families_tie(keys):
            return _merge(list(range(len(keys))), keys)
        packed = [
            (rules << _PREFIX_BITS | far) << 32 | position
            for position, (rules, far, _) in enumerate(keys)
        ]
        packed.sort()
        return [value & 0xFFFFFFFF for value in packed]

    def order(self, candidates: Sequence[Candidate]) -> list[int]:
        """The positions of ``candidates`` in the order glibc returns them."""
        key = self.key
        return self.sort([key(candidate) for candidate in candidates])


def _families_tie(keys: Sequence[Key]) -> bool:
    four = {rules for rules, _, version in keys if version == 4}
    return bool(four) and any(version == 6 and rules in four for rules, _, version in keys)


def deciding_rule(before: Key, after: Key) -> int:
    """The number of the rule that tells two destinations apart; 10 where only the position does."""
    different = before[0] ^ after[0]
    if different:
        return _RULE_OF_BIT[different.bit_length()]
    return 9 if before[2] == after[2] and before[1] != after[1] else 10


_RULE_OF_BIT = [
    next((rule for rule, lowest in enumerate(RULE_BITS, 1) if length > lowest), 8)
    for length in range(69)
]


def _merge(positions: list[int], keys: Sequence[Key]) -> list[int]:
    """glibc's merge sort on positions; a left position is always the smaller of a tie."""
    if len(positions) <= 1:
        return positions
    middle = len(positions) // 2
    left = _merge(positions[:middle], keys)
    right = _merge(positions[middle:], keys)
    merged: list[int] = []
    i = j = 0
    while i < len(left) and j < len(right):
        a, b = left[i], right[j]
        (rules_a, far_a, version_a), (rules_b, far_b, version_b) = keys[a], keys[b]
        if rules_a != rules_b:
            first = rules_a < rules_b
        elif version_a == version_b and far_a != far_b:
            first = far_a < far_b
        else:
            first = a < b
        if first:
            merged.append(a)
            i += 1
        else:
            merged.append(b)
            j += 1
    return merged + left[i:] + right[j:]

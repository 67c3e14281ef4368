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

from harness.model.addresses import V4MAPPED
from harness.model.dialects import Dialect
from harness.model.facts import WITHOUT_TOP_BIT, Candidate, netmask
from harness.model.gaiconf import INT_MAX, PrefixEntry, ScopeEntry
from harness.model.policy import Policy, ipv6_scope

# A destination's key: (rules 1 to 8, bits behind the common prefix, IP version).
Key = tuple[int, int, int]
# What no policy changes: destination, source or None, the rules' bits and the last two of Key.
Fixed = tuple[int, int | None, int, int, int]

_PREFIX_BITS = 8
# Above this bit stands what counts instead, plus one, for the first of two destinations: see
# `harness.model.facts.glibc_facts`.
_IF_FIRST = 8
_PLAIN = (1 << _IF_FIRST) - 1
RULE_BITS = (67, 66, 65, 64, 63, 32, 31, 0)
"""The lowest bit of each of the rules 1 to 8 in the first number of a key."""

_UNREACHABLE = 1 << 67  # above every bit of the rules after it


class Sorter:
    """Sorts destinations under one policy and dialect; remembers what it has worked out.

    Parameters: ``policy`` and ``spoken`` the tables and the glibc to follow. Not safe for
    several threads.
    """

    def __init__(self, policy: Policy, spoken: Dialect) -> None:
        self._labels = _shifted(policy.labels, 128)
        self._precedence = _shifted(policy.precedence, 128)
        self._scopes = _shifted(policy.scopes, 32)
        self._in_subnet_only = spoken.rule9_ipv4_in_subnet_only
        self._loses_top_bit = not spoken.first_of_pair_keeps_top_bit
        self._masks = [netmask(length, spoken) for length in range(33)]
        # scope, label, and the bits of rules 6 and 8. An address comes back in many
        # candidates. Integers are the keys: hashing an address object costs more than a rule
        self._known4: dict[int, tuple[int, int, int]] = {}
        self._known6: dict[int, tuple[int, int, int]] = {}

    def _learn4(self, value: int) -> tuple[int, int, int]:
        scope = _search(self._scopes, value)
        wide = value | V4MAPPED
        late = (INT_MAX - _search(self._precedence, wide)) << 32 | scope
        learned = self._known4[value] = scope, _search(self._labels, wide), late
        return learned

    def _learn6(self, value: int) -> tuple[int, int, int]:
        scope = ipv6_scope(value)
        late = (INT_MAX - _search(self._precedence, value)) << 32 | scope
        learned = self._known6[value] = scope, _search(self._labels, value), late
        return learned

    def fixed(self, candidate: Candidate) -> Fixed:
        """The part of a candidate's key that no policy changes."""
        destination, source = candidate.destination, candidate.source
        assert not isinstance(destination, str)
        is_ipv4 = isinstance(destination, IPv4Address)
        value = int(destination)
        version = 4 if is_ipv4 else 6
        if source is None:
            return value, None, _UNREACHABLE, 0, version
        assert not isinstance(source, str)
        native = candidate.native
        if native is None:
            native = candidate.index is not None
        bits = candidate.deprecated << 65 | (not candidate.home) << 64 | (not native) << 31
        source_value = int(source)
        difference = value ^ source_value
        far = difference.bit_length()
        if is_ipv4 and self._in_subnet_only and difference & self._masks[candidate.prefixlen]:
            far = 32
        elif far == 32 and is_ipv4 and self._loses_top_bit:
            far |= (difference & WITHOUT_TOP_BIT).bit_length() + 1 << _IF_FIRST
        return value, source_value, bits, far, version

    def key_of(self, fixed: Fixed) -> Key:
        """The key under this sorter's policy."""
        value, source, bits, far, version = fixed
        if version == 4:
            known, learn = self._known4, self._learn4
        else:
            known, learn = self._known6, self._learn6
        scope, label, late = known.get(value) or learn(value)
        if source is None:
            return bits | late, far, version
        source_scope, source_label, _ = known.get(source) or learn(source)
        if scope != source_scope:
            bits |= 1 << 66
        if label != source_label:
            bits |= 1 << 63
        return bits | late, far, version

    def key(self, candidate: Candidate) -> Key:
        """The key of a candidate whose addresses are ``ipaddress`` objects."""
        return self.key_of(self.fixed(candidate))

    def sort(self, keys: Sequence[Key]) -> list[int]:
        """The positions of ``keys`` in the order glibc returns them."""
        if _families_tie(keys) or (
            self._loses_top_bit and any(far >> _IF_FIRST for _, far, _ in keys)
        ):
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


_Shifted = tuple[tuple[int, int, int], ...]


def _shifted(table: Sequence[PrefixEntry | ScopeEntry], width: int) -> _Shifted:
    """The rows as (bits to drop, what is left of the prefix, value)."""
    return tuple((width - row.bits, row.prefix >> (width - row.bits), row.value) for row in table)


def _search(table: _Shifted, address: int) -> int:
    for drop, prefix, value in table:
        if address >> drop == prefix:
            return value
    raise AssertionError("every table ends with a prefix of length 0")


def _families_tie(keys: Sequence[Key]) -> bool:
    four = {rules for rules, _, version in keys if version == 4}
    return bool(four) and any(version == 6 and rules in four for rules, _, version in keys)


def deciding_rule(before: Key, after: Key) -> int:
    """The number of the rule that tells two destinations apart; 10 where only the position does."""
    different = before[0] ^ after[0]
    if different:
        return _RULE_OF_BIT[different.bit_length()]
    if before[2] != after[2]:
        return 10
    near, far = before[1], after[1]
    if (near | far) > _PLAIN:
        near, far = _if_first(near), far & _PLAIN
    return 9 if near != far else 10


def _if_first(far: int) -> int:
    """The bits behind the common prefix where the destination is the first of two."""
    return (far >> _IF_FIRST) - 1 if far > _PLAIN else far


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
        elif version_a == version_b:
            if far_a | far_b > _PLAIN:
                far_a, far_b = _if_first(far_a), far_b & _PLAIN
            first = far_a < far_b if far_a != far_b else a < b
        else:
            first = a < b
        if first:
            merged.append(a)
            i += 1
        else:
            merged.append(b)
            j += 1
    return merged + left[i:] + right[j:]

"""The fast sort: rules 1 to 8 as one integer per destination, computed once.

`harness.model.order` is the text to read; this module gives the same order in a fraction of
the time, as musl's resolver does it. Rules 1 to 8 look at one destination at a time, so
their verdicts pack into one number, smaller is better. Rule 9 can be packed too as long as
no two families tie in rules 1 to 8; where they do, the comparison is not transitive and
glibc's own merge sort has to be followed step by step. Property tests hold the two sorts to
each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from harness.model.addresses import V4MAPPED
from harness.model.dialects import Dialect
from harness.model.gaiconf import INT_MAX, PrefixEntry
from harness.model.order import BUT_TOP_BIT, Candidate
from harness.model.policy import Policy, ipv6_scope

# A destination's key: rules 1 to 8, the bits behind the common prefix, IP version, and how many
# of these bits count as equal where the destination is the first of the two compared.
Key = tuple[int, int, int, int]
# What no policy changes: destination, source or None, the rules' bits and the last three of Key.
Fixed = tuple[int, int | None, int, int, int, int]

_PREFIX_BITS = 8
RULE_BITS = (67, 66, 65, 64, 63, 32, 31, 0)
"""The lowest bit of each of the rules 1 to 8 in the first number of a key."""

_MASKS = tuple(0xFFFFFFFF << (32 - length) & 0xFFFFFFFF for length in range(1, 33))
_UNREACHABLE = 1 << 67  # above every bit of the rules after it


@dataclass(frozen=True, slots=True)
class Rule9:
    """All that the sort needs to know of a dialect: how rule 9 measures IPv4 addresses.

    ``mask_of_0`` is the netmask of prefix length 0; ``tested_of_first`` are the bits that are
    looked at in the first of two IPv4 destinations.
    """

    in_subnet_only: bool
    mask_of_0: int
    tested_of_first: int


@dataclass(frozen=True, slots=True)
class SortInput:
    """What an order depends on besides the candidates: the tables, and the dialect's rule 9.

    `Sorter` is given nothing else, so whatever it works out can be kept under this value.
    ``stateful``: rule 7 depends on the comparisons before it (glibc 2.8 to 2.18), for which the
    fast sort does not stand.
    """

    labels: tuple[PrefixEntry, ...]
    precedence: tuple[PrefixEntry, ...]
    scopes: tuple[PrefixEntry, ...]
    rule9: Rule9
    stateful: bool

    @classmethod
    def of(cls, policy: Policy, dialect: Dialect) -> "SortInput":
        """What the order depends on under a policy in a dialect."""
        rule9 = Rule9(
            dialect.rule9_ipv4_in_subnet_only,
            dialect.netmask(0),
            0xFFFFFFFF if dialect.first_of_pair_keeps_top_bit else BUT_TOP_BIT,
        )
        stateful = dialect.rule7_fills_in_unknown
        return cls(policy.labels, policy.precedence, policy.scopes, rule9, stateful)


class Sorter:
    """Sorts destinations under one policy and dialect; remembers what it has worked out.

    Not safe for several threads.
    """

    def __init__(self, given: SortInput) -> None:
        self._labels = _shifted(given.labels, 128)
        self._precedence = _shifted(given.precedence, 128)
        self._scopes = _shifted(given.scopes, 32)
        self._rule9 = given.rule9
        self._masks = (given.rule9.mask_of_0, *_MASKS)
        self._lopsided = given.rule9.tested_of_first != 0xFFFFFFFF
        # scope, label, and the bits of rules 6 and 8. An address comes back in many
        # candidates. Integers are the keys: hashing an address object costs more than a rule
        self._known4: dict[int, tuple[int, int, int]] = {}
        self._known6: dict[int, tuple[int, int, int]] = {}

    def _learn(self, value: int, version: int) -> tuple[int, int, int]:
        if version == 4:
            known, wide, scope = self._known4, value | V4MAPPED, _search(self._scopes, value)
        else:
            known, wide, scope = self._known6, value, ipv6_scope(value)
        late = (INT_MAX - _search(self._precedence, wide)) << 32 | scope
        learned = known[value] = scope, _search(self._labels, wide), late
        return learned

    def fixed(self, candidate: Candidate) -> Fixed:
        """The part of a candidate's key that no policy changes, only rule 9 of the dialect."""
        destination, source = candidate.destination, candidate.source
        assert not isinstance(destination, str)
        is_ipv4 = isinstance(destination, IPv4Address)
        value = int(destination)
        version = 4 if is_ipv4 else 6
        if source is None:
            return value, None, _UNREACHABLE, 0, version, 0
        assert not isinstance(source, str)
        native = candidate.native
        if native is None:
            native = candidate.index is not None
        bits = candidate.deprecated << 65 | (not candidate.home) << 64 | (not native) << 31
        source_value = int(source)
        difference = value ^ source_value
        far = difference.bit_length()
        more = 0
        if is_ipv4:
            rule9 = self._rule9
            if rule9.in_subnet_only and difference & self._masks[candidate.prefixlen]:
                far = 32
            elif far == 32:
                more = 32 - (difference & rule9.tested_of_first).bit_length()
        return value, source_value, bits, far, version, more

    def key_of(self, fixed: Fixed) -> Key:
        """The key under this sorter's policy."""
        value, source, bits, far, version, more = fixed
        known = self._known4 if version == 4 else self._known6
        scope, label, late = known.get(value) or self._learn(value, version)
        if source is None:
            return bits | late, far, version, more
        source_scope, source_label, _ = known.get(source) or self._learn(source, version)
        if scope != source_scope:
            bits |= 1 << 66
        if label != source_label:
            bits |= 1 << 63
        return bits | late, far, version, more

    def key(self, candidate: Candidate) -> Key:
        """The key of a candidate whose addresses are ``ipaddress`` objects."""
        return self.key_of(self.fixed(candidate))

    def sort(self, keys: Sequence[Key]) -> list[int]:
        """The positions of ``keys`` in the order glibc returns them."""
        if _families_tie(keys) or (self._lopsided and any(key[3] for key in keys)):
            return _merge(list(range(len(keys))), keys)
        packed = [
            (rules << _PREFIX_BITS | far) << 32 | position
            for position, (rules, far, _, _) in enumerate(keys)
        ]
        packed.sort()
        return [value & 0xFFFFFFFF for value in packed]

    def order(self, candidates: Sequence[Candidate]) -> list[int]:
        """The positions of ``candidates`` in the order glibc returns them."""
        return self.sort(list(map(self.key, candidates)))


_Shifted = tuple[tuple[int, int, int], ...]


def _shifted(table: Sequence[PrefixEntry], width: int) -> _Shifted:
    """The rows as (bits to drop, what is left of the prefix, value)."""
    return tuple((width - row.bits, row.prefix >> (width - row.bits), row.value) for row in table)


def _search(table: _Shifted, address: int) -> int:
    for drop, prefix, value in table:
        if address >> drop == prefix:
            return value
    raise AssertionError("every table ends with a prefix of length 0")


def _families_tie(keys: Sequence[Key]) -> bool:
    four = {key[0] for key in keys if key[2] == 4}
    return bool(four) and any(key[2] == 6 and key[0] in four for key in keys)


def deciding_rule(before: Key, after: Key) -> int:
    """The number of the rule that tells two destinations apart; 10 where only the position does."""
    different = before[0] ^ after[0]
    if different:
        return _RULE_OF_BIT[different.bit_length()]
    if before[2] != after[2]:
        return 10
    return 9 if before[1] - before[3] != after[1] else 10


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
        (rules_a, far_a, version_a, more), (rules_b, far_b, version_b, _) = keys[a], keys[b]
        if rules_a != rules_b:
            first = rules_a < rules_b
        elif version_a == version_b:
            far_a -= more
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

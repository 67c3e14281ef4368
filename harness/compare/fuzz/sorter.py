"""The fast sort: what the rules see of a destination as one integer, smaller is better.

`harness.model.order` is the text to read; this module gives the same order in a fraction of
the time, as musl's resolver does it. Rules 1 to 8 look at one destination at a time, so
their verdicts pack into one number, and rule 9 into the bits below, as long as
no two families tie in rules 1 to 8; where they do, the comparison is not transitive and
glibc's own merge sort has to be followed step by step. Property tests hold the two sorts to
each other.

What is worked out once, and how often: a table's intervals per table; the verdicts of rules 1 to 8
per source and interval; per destination only the interval and the bits behind the common prefix.
"""

from bisect import bisect, bisect_left
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

from harness.model.addresses import V4MAPPED
from harness.model.dialects import Dialect
from harness.model.gaiconf import INT_MAX, PrefixEntry
from harness.model.order import BUT_TOP_BIT, Candidate
from harness.model.policy import Policy, ipv6_scope

Key = int
"""A destination's key. From the lowest bit: `MORE`, so many bits behind the common prefix of
rule 9 count as equal where the destination is the first of the two compared; `FAR`, how many these
bits are; `SIX` for IPv6; and from `RULES_AT` on rules 1 to 8, each from its bit of `RULE_BITS`."""

MORE, FAR, SIX, RULES_AT = 0x3F, 0xFF << 6, 1 << 14, 15
RULE_BITS = (67, 66, 65, 64, 63, 32, 31, 0)
"""The lowest bit of each of the rules 1 to 8 in their part of a key."""

_OUTSIDE = 32 << 6  # of a destination outside the subnet of its source: no common prefix
_MULTICAST = 0xFF << 120
# where the scope of an IPv6 address changes: ::1, fe80::/10, fec0::/10, multicast
_SCOPE_ENDS = 0, 1, 2, 0x3FA << 118, 0x3FB << 118, 0x3FC << 118, _MULTICAST
_DEPRECATED, _NOT_HOME, _NOT_NATIVE = 1 << 65, 1 << 64, 1 << 31
_MANY = 16  # candidates for which it takes less time to find groups first
_UNREACHABLE, _OTHER_SCOPE, _OTHER_LABEL = 1 << 67, 1 << 66, 1 << 63


_Table = tuple[PrefixEntry, ...]
_Row = tuple[int, int, int, int]


class Rule9(NamedTuple):
    """All that the sort needs to know of a dialect: how rule 9 measures IPv4 addresses.

    ``mask_of_0`` is the netmask of prefix length 0; ``tested_of_first`` are the bits that are
    looked at in the first of two IPv4 destinations.
    """

    in_subnet_only: bool
    mask_of_0: int
    tested_of_first: int


class Tables:
    """A policy's three tables, parted into intervals of addresses; IPv4 ones are mapped."""

    def __init__(self, *tables: _Table) -> None:
        self._found = [_intervals(table) for table in tables]
        ends = (start for starts, _ in self._found for start in starts)
        self.starts = sorted({*_SCOPE_ENDS, *ends})
        """Where each interval begins but the first."""
        self._rows: list[_Row | None] = [None] * (len(self.starts) + 1)

    def row(self, value: int) -> _Row:
        """Of an address the label, precedence as in a key, and the scope as an IPv4 and an IPv6
        address.
        """
        at = bisect(self.starts, value)
        row = self._rows[at]
        if row is None:
            label, precedence, scope = (
                values[bisect(starts, value)] for starts, values in self._found
            )
            row = label, (INT_MAX - precedence) << 32, scope, ipv6_scope(value)
            if value < _MULTICAST:
                self._rows[at] = row
        return row


@lru_cache(maxsize=256)
def _intervals(table: _Table) -> tuple[list[int], list[int]]:
    """Where each interval of addresses that a table parts begins but the first, and the values.

    An IPv4 table is that of mapped addresses, and holds no others.
    """
    starts, values = [0], [0]
    for prefix, bits, value, width in reversed(table):  # the first row that holds an address counts
        size = 1 << (width - bits)
        first = prefix & -size | (V4MAPPED if width == 32 else 0)
        low, high = bisect_left(starts, first), bisect_left(starts, first + size)
        behind = starts[high : high + 1] != [first + size]
        starts[low:high] = [first, first + size] if behind else [first]
        values[low:high] = [value, values[high - 1]] if behind else [value]
    return starts[1:], values


parted = lru_cache(maxsize=256)(Tables)
"""The tables of a policy, parted once: equal ones are most often the same object."""


class SortInput(NamedTuple):
    """What an order depends on besides the candidates: the tables, and the dialect's rule 9.

    `Sorter` is given nothing else, so whatever it works out can be kept under this value.
    ``stateful``: rule 7 depends on the comparisons before it (glibc 2.8 to 2.18), for which the
    fast sort does not stand.
    """

    tables: Tables
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
        tables = parted(policy.labels, policy.precedence, policy.scopes)
        return cls(tables, rule9, stateful)


class Fixed(NamedTuple):
    """What of some candidates no policy changes, only rule 9 of the dialect.

    ``groups`` says how many groups there are, each of one source in one state. For each candidate
    ``rows`` has its destination as a number, IPv4 mapped, the number of its group, the low part of
    its key, and itself.
    """

    groups: int
    rows: list[tuple[int, int, int, Candidate]]


class Sorter:
    """Sorts destinations under one policy and dialect; their addresses are objects.

    Not safe for several threads.
    """

    def __init__(self, given: SortInput) -> None:
        self._rule9 = given.rule9
        self._tables = given.tables
        self._may_tie = True
        self.uneven = given.rule9.tested_of_first != 0xFFFFFFFF
        """Whether a key may have `MORE`."""

    def key(self, one: Candidate) -> Key:
        """The key of one candidate."""
        of_ipv6 = isinstance(one.destination, IPv6Address)
        wide = 0 if of_ipv6 else V4MAPPED
        value = int(one.destination) | wide
        if one.source is None:
            return self.verdict(one, value)
        mask = 0 if of_ipv6 else self._mask(one.prefixlen)
        return self.verdict(one, value) | self._low(value ^ (int(one.source) | wide), mask, wide)

    def verdict(self, one: Candidate, value: int) -> Key:
        """A candidate's key without its low part; ``value`` is its destination, IPv4 mapped."""
        of_ipv6 = isinstance(one.destination, IPv6Address)
        scope = 3 if of_ipv6 else 2
        own = self._tables.row(value)
        rules = own[1] | own[scope]
        if one.source is None:
            rules |= _UNREACHABLE
        else:
            source = int(one.source)
            other = self._tables.row(source if of_ipv6 else source | V4MAPPED)
            if own[0] != other[0]:
                rules |= _OTHER_LABEL
            if own[scope] != other[scope]:
                rules |= _OTHER_SCOPE
            if one.deprecated:
                rules |= _DEPRECATED
            if not one.home:
                rules |= _NOT_HOME
            if not one.native and (one.native is not None or one.index is None):
                rules |= _NOT_NATIVE
        return rules << RULES_AT | (SIX if of_ipv6 else 0)

    def fixed(self, candidates: Sequence[Candidate]) -> Fixed:
        """The part of many candidates' keys that no policy changes."""
        rows: list[tuple[int, int, int, Candidate]] = []
        # by the source's identity: hashing an address costs more than a rule
        known: dict[tuple[object, ...], tuple[int, int | None, int, int]] = {}
        for one in candidates:
            destination = one.destination
            key = (
                destination.__class__, id(one.source), one.prefixlen,
                one.deprecated, one.home, one.index, one.native,
            )  # fmt: skip
            found = known.get(key)
            if found is None:
                of_ipv6 = isinstance(destination, IPv6Address)
                wide = 0 if of_ipv6 else V4MAPPED
                source = None if one.source is None else int(one.source) | wide
                mask = 0 if of_ipv6 else self._mask(one.prefixlen)
                found = known[key] = len(known), source, mask, wide
            number, source, mask, wide = found
            value = int(destination) | wide
            if source is None:
                low = 0
            elif (difference := value ^ source) & mask:
                low = _OUTSIDE
            else:
                low = difference.bit_length() << 6
                if low == _OUTSIDE and wide:
                    low = self._low(difference, mask, wide)
            rows.append((value, number, low, one))
        return Fixed(len(known), rows)

    def keys(self, fixed: Fixed) -> list[Key]:
        """The keys of many candidates: rules 1 to 8 are the same for a group and an interval.

        Only these are given to `sort` and `tied` from then on.
        """
        starts, few = self._tables.starts, range(fixed.groups)
        verdicts = [[0] * (len(starts) + 1) for _ in few]  # 0 is one not yet met
        met: set[Key] = set()

        def new(one: Candidate, value: int, of_group: list[Key]) -> Key:
            verdict = self.verdict(one, value)
            met.add(verdict)
            if value < _MULTICAST:  # a multicast address carries its own scope
                of_group[bisect(starts, value)] = verdict
            return verdict

        keys = [
            (verdicts[number][bisect(starts, value)] or new(one, value, verdicts[number])) | low
            for value, number, low, one in fixed.rows
        ]
        self._may_tie = any(verdict ^ SIX in met for verdict in met)
        return keys

    def sort(self, keys: Sequence[Key]) -> list[int]:
        """The positions of ``keys`` in the order glibc returns them."""
        if self.tied(keys) or (self.uneven and any(key & MORE for key in keys)):
            return _merge(list(range(len(keys))), keys)
        return sorted(range(len(keys)), key=keys.__getitem__)

    def tied(self, keys: Sequence[Key]) -> bool:
        """Whether addresses of both families tie in rules 1 to 8."""
        return self._may_tie and _families_tie(keys)

    def order(self, candidates: Sequence[Candidate]) -> list[int]:
        """The positions of ``candidates`` in the order glibc returns them."""
        if len(candidates) >= _MANY:
            return self.sort(self.keys(self.fixed(candidates)))
        self._may_tie = True
        return self.sort(list(map(self.key, candidates)))

    def _mask(self, length: int) -> int:
        """The bits of IPv4 addresses that rule 9 wants to be equal before it counts any."""
        if not self._rule9.in_subnet_only:
            return 0
        return 0xFFFFFFFF << (32 - length) & 0xFFFFFFFF if length else self._rule9.mask_of_0

    def _low(self, difference: int, mask: int, wide: int) -> int:
        """The low part of a key, from what a destination and its source differ in."""
        if difference & mask:
            return _OUTSIDE
        low = difference.bit_length() << 6
        if low == _OUTSIDE and wide:
            low |= 32 - (difference & self._rule9.tested_of_first).bit_length()
        return low


def _families_tie(keys: Sequence[Key]) -> bool:
    six = {key >> RULES_AT for key in keys if key & SIX}
    return bool(six) and any(key >> RULES_AT in six for key in keys if not key & SIX)


def deciding_rule(before: Key, after: Key) -> int:
    """The number of the rule that tells two destinations apart; 10 where only the position does."""
    length = (before ^ after).bit_length()
    if length >= SIX.bit_length() or not before & MORE:
        return RULE_OF_LENGTH[length]
    return 10 if (before & FAR) - ((before & MORE) << 6) == after & FAR else 9


RULE_OF_LENGTH = [10] * 7 + [9] * 8 + [10] + [
    next((rule for rule, lowest in enumerate(RULE_BITS, 1) if length > lowest), 8)
    for length in range(1, 69)
]  # fmt: skip
"""The rule that tells two keys apart, by the length of their difference in bits: not with MORE."""


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
        one, other = keys[a], keys[b]
        if (one ^ other) >> RULES_AT:
            first = one < other
        elif (one ^ other) & SIX:
            first = a < b
        else:
            far = (one & FAR) - ((one & MORE) << 6)
            first = far < other & FAR if far != other & FAR else a < b
        if first:
            merged.append(a)
            i += 1
        else:
            merged.append(b)
            j += 1
    return merged + left[i:] + right[j:]

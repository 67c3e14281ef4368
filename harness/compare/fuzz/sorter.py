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
_UNREACHABLE, _OTHER_SCOPE, _OTHER_LABEL = 1 << 67, 1 << 66, 1 << 63


class Rule9(NamedTuple):
    """All that the sort needs to know of a dialect: how rule 9 measures IPv4 addresses.

    ``mask_of_0`` is the netmask of prefix length 0; ``tested_of_first`` are the bits that are
    looked at in the first of two IPv4 destinations.
    """

    in_subnet_only: bool
    mask_of_0: int
    tested_of_first: int


class SortInput(NamedTuple):
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


class Group(NamedTuple):
    """What destinations of one source have in common; no policy changes it.

    ``source`` is None where there is none, and an IPv4 one is mapped; ``bits`` are those of the
    rules 3, 4 and 7.
    """

    of_ipv6: bool
    source: int | None
    bits: int


class Fixed(NamedTuple):
    """What of some candidates no policy changes, only rule 9 of the dialect.

    For each in ``rows`` the destination, IPv4 mapped, the position of its group in ``groups``
    and the low part of its key.
    """

    groups: list[Group]
    rows: list[tuple[int, int, int]]


class Sorter:
    """Sorts destinations under one policy and dialect; remembers what it has worked out.

    Not safe for several threads.
    """

    def __init__(self, given: SortInput) -> None:
        self._rule9 = given.rule9
        self._tables, self._starts = _parted(*given[:3])
        self._verdicts: dict[Group, list[Key]] = {}  # by interval; 0 for one not yet met
        self._met: tuple[set[int], set[int]] = set(), set()  # rules 1 to 8 of IPv4, of IPv6
        self.uneven = given.rule9.tested_of_first != 0xFFFFFFFF
        """Whether a key may have `MORE`."""

    def fixed(self, candidates: Sequence[Candidate]) -> Fixed:
        """The part of the candidates' keys that no policy changes; their addresses are objects."""
        tested = self._rule9.tested_of_first
        groups: list[Group] = []
        rows: list[tuple[int, int, int]] = []
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
                group, mask, wide = self._group(one)
                found = known[key] = len(groups), group.source, mask, wide
                groups.append(group)
            number, source, mask, wide = found
            value = int(destination) | wide
            if source is None:
                low = 0
            elif (difference := value ^ source) & mask:
                low = _OUTSIDE
            else:
                low = difference.bit_length() << 6
                if low == _OUTSIDE and wide:
                    low |= 32 - (difference & tested).bit_length()
            rows.append((value, number, low))
        return Fixed(groups, rows)

    def keys(self, fixed: Fixed) -> list[Key]:
        """The keys under this sorter's policy."""
        starts, groups, known = self._starts, fixed.groups, self._verdicts
        for group in groups:
            if group not in known:
                known[group] = [0] * (len(starts) + 1)
        verdicts = [known[group] for group in groups]
        return [
            (verdicts[number][bisect(starts, value)] or self._verdict(groups[number], value)) | low
            for value, number, low in fixed.rows
        ]

    def sort(self, keys: Sequence[Key]) -> list[int]:
        """The positions of ``keys`` in the order glibc returns them."""
        if self.tied(keys) or (self.uneven and any(key & MORE for key in keys)):
            return _merge(list(range(len(keys))), keys)
        return sorted(range(len(keys)), key=keys.__getitem__)

    def tied(self, keys: Sequence[Key]) -> bool:
        """Whether addresses of both families tie in rules 1 to 8."""
        four, six = self._met
        return not four.isdisjoint(six) and _families_tie(keys)

    def order(self, candidates: Sequence[Candidate]) -> list[int]:
        """The positions of ``candidates`` in the order glibc returns them."""
        return self.sort(self.keys(self.fixed(candidates)))

    def _group(self, one: Candidate) -> tuple[Group, int, int]:
        """A candidate's group; the bits outside of which rule 9 counts nothing; what makes its
        addresses, as numbers, mapped ones.
        """
        of_ipv6 = isinstance(one.destination, IPv6Address)
        mask = 0
        if not of_ipv6 and self._rule9.in_subnet_only:
            length = one.prefixlen
            mask = 0xFFFFFFFF << (32 - length) & 0xFFFFFFFF if length else self._rule9.mask_of_0
        wide = 0 if of_ipv6 else V4MAPPED
        if one.source is None:
            return Group(of_ipv6, None, _UNREACHABLE), mask, wide
        native = one.index is not None if one.native is None else one.native
        bits = (
            one.deprecated * _DEPRECATED | (not one.home) * _NOT_HOME | (not native) * _NOT_NATIVE
        )
        return Group(of_ipv6, int(one.source) | wide, bits), mask, wide

    def _verdict(self, group: Group, value: int) -> Key:
        """Rules 1 to 8 for a destination of a group; kept for its interval."""
        rules = self.rules(group, value)
        self._met[group.of_ipv6].add(rules)
        verdict = rules << RULES_AT | group.of_ipv6 * SIX
        if value < _MULTICAST:  # a multicast address carries its own scope
            self._verdicts[group][bisect(self._starts, value)] = verdict
        return verdict

    def rules(self, group: Group, value: int) -> int:
        """The verdicts of rules 1 to 8 on a destination of a group, as bits."""
        of_ipv6, source, bits = group
        (labels, label), (precedences, precedence), _ = self._tables
        scope = self._scope(of_ipv6, value)
        if source is not None:
            if label[bisect(labels, value)] != label[bisect(labels, source)]:
                bits |= _OTHER_LABEL
            if scope != self._scope(of_ipv6, source):
                bits |= _OTHER_SCOPE
        return bits | (INT_MAX - precedence[bisect(precedences, value)]) << 32 | scope

    def _scope(self, of_ipv6: bool, value: int) -> int:
        if of_ipv6:
            return ipv6_scope(value)
        starts, scopes = self._tables[2]
        return scopes[bisect(starts, value)]


_Table = tuple[PrefixEntry, ...]
_Intervals = tuple[list[int], list[int]]


@lru_cache(maxsize=64)
def _parted(*tables: _Table) -> tuple[list[_Intervals], list[int]]:
    """Each table's intervals, and where each begins that none of them parts, nor a scope."""
    found = [_intervals(table) for table in tables]
    return found, sorted({*_SCOPE_ENDS, *(start for starts, _ in found for start in starts)})


@lru_cache(maxsize=256)
def _intervals(table: _Table) -> _Intervals:
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

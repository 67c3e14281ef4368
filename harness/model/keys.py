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
from functools import lru_cache

from harness.model.dialects import Dialect
from harness.model.facts import Candidate, glibc_common_prefix
from harness.model.gaiconf import INT_MAX
from harness.model.host import IPAddress
from harness.model.policy import Policy

# A destination's key: (rules 1 to 8, 128 − common prefix, IP version).
Key = tuple[int, int, int]

_PREFIX_BITS = 8
_UNREACHABLE = 1 << 67  # above every bit of the rules after it


class Sorter:
    """Sorts destinations under one policy and dialect; remembers what it has worked out.

    Parameters: ``policy`` and ``spoken`` the tables and the glibc to follow. Not safe for
    several threads.
    """

    def __init__(self, policy: Policy, spoken: Dialect) -> None:
        self._policy = policy
        self._common = glibc_common_prefix(spoken)
        # an address comes back in many candidates: as destination and as source of others
        self._facts = lru_cache(maxsize=1 << 14)(self._policy_of)

    def _policy_of(self, address: IPAddress) -> tuple[int, int, int]:
        policy = self._policy
        return policy.scope(address), policy.label(address), policy.precedence_of(address)

    def key(self, candidate: Candidate) -> Key:
        """The key of a candidate whose addresses are ``ipaddress`` objects."""
        destination = candidate.destination
        source = candidate.source
        assert not isinstance(destination, str)
        scope, label, precedence = self._facts(destination)
        late = (INT_MAX - precedence) << 32 | scope
        if source is None:
            return _UNREACHABLE | late, 0, destination.version
        assert not isinstance(source, str)
        source_scope, source_label, _ = self._facts(source)
        native = candidate.native if candidate.native is not None else candidate.index is not None
        rules = (
            (scope != source_scope) << 66
            | candidate.deprecated << 65
            | (not candidate.home) << 64
            | (label != source_label) << 63
            | (not native) << 31
            | late
        )
        bits = self._common(destination, source, candidate.prefixlen)
        return rules, 128 - bits, destination.version

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
    first = keys[0][2] if keys else 0
    if all(key[2] == first for key in keys):
        return False
    seen: dict[int, int] = {}
    return any(seen.setdefault(rules, version) != version for rules, _, version in keys)


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

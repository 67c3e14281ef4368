"""Counting what decided: rules, traps, dialect rows, kinds of gai.conf lines."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import chain, pairwise
from operator import eq, or_, xor

from harness.compare.fuzz.hostwork import AskedLookup, HostWork
from harness.compare.fuzz.sorter import FAR, RULE_OF_LENGTH, SIX, Key, Sorter, deciding_rule
from harness.model.addresses import as_ipv6_int, is_link_local
from harness.model.dialects import ROWS, Dialect
from harness.model.dns_servers import SLOW
from harness.model.gaiconf import Effect, Line, LineCause, line_words
from harness.model.host import IPAddress, Target
from harness.model.order import Candidate
from harness.model.policy import Policy
from harness.model.presence import presence
from harness.model.presence_reasons import Cause
from harness.model.reload import Step

_HUGE = 4096
EFFECTIVE = (
    "label", "precedence", "scopev4", "length 0", "host bits", "no value, taken as 0",
    "empty length, taken as /0", "no length, taken as a host", "sign or wrap-around",
    "leading zeros", "rest ignored", "same prefix twice", "carriage return", "huge line", "NUL",
    "no final newline",
)  # fmt: skip
"""Kinds that a table can have an entry from."""

IGNORED = (
    "comment", "blank", "unknown keyword", "IPv4 prefix in an IPv6 table", "no address",
    "scopev4 not mapped", "scopev4 cutting into ::ffff:", "no value, dropped",
    "empty length, dropped", "bad value", "bad length", "no length, undefined", "reload yes",
    "reload otherwise", "not ASCII", "no file",
)  # fmt: skip
"""Kinds without an entry."""

TRAPS = (
    "table-dropped", "peer-address", "address-twice", "no-scope-id", "scope-id", "source-in-127",
    "source-in-127-by-inet6-socket", "bindv6only", "broadcast", "mapped", "unreachable",
    "unknown-interface", "repeated-address", "families-tie", "no-right-answer",
    "defaults-dropped", "undefined-line", "not-sorted", "error", "no-netlink", "unlisted-link",
)  # fmt: skip
"""What can make an order surprising; `Tally` counts the look-ups that met each."""

READINGS = {step: f"reading {step.name.lower().replace('_', '-')}" for step in Step}
"""What a sort did with gai.conf, where that changes between two look-ups of a process."""

_ALL = tuple(Cause)
CAUSES = tuple(
    cause
    for cause in _ALL[_ALL.index(Cause.MULTI_OFF) : _ALL.index(Cause.ALL_ADDS)]
    if cause.removeprefix("dns-") not in SLOW
)
"""Why a name service holds an address that is not returned."""

_BIT = {name: 1 << number for number, name in enumerate(TRAPS)}


def known_keys() -> tuple[str, ...]:
    """Every count that a run should not leave at nothing."""
    rows = dict.fromkeys(row.feature for row in ROWS)
    return (
        *(f"rule {number}" for number in range(1, 11)),
        *(f"trap {name}" for name in TRAPS),
        *(f"row {name}" for name in rows),
        *READINGS.values(),
        *(f"line {name}" for name in (*EFFECTIVE, *IGNORED)),
        *(f"line {name} decided" for name in EFFECTIVE),
        *(f"cause {name}" for name in CAUSES),
    )


class Tally:
    """Counts for one host.

    Parameters: ``work`` what is known of it. Rules are counted per neighbouring pair of
    different addresses, everything else per look-up; dialects that agree count once.
    """

    def __init__(self, work: HostWork) -> None:
        self._work = work
        self._rules = [0] * 11
        self._lengths = [0] * len(RULE_OF_LENGTH)
        self._traits: dict[int, tuple[int, bool, bool]] = {}  # of the look-ups that work holds
        self._masks: Counter[int] = Counter()
        self._other: Counter[str] = Counter()
        twice = Counter(entry.key for entry in work.table.entries)
        rows = work.view.addresses
        peers = {row.local for row in rows if row.local and row.address not in (None, row.local)}
        self._slot_masks = [
            self._mask(target, candidate, twice, peers)
            for target, candidate in zip(work.targets, work.candidates, strict=True)
        ]

    def _mask(
        self, target: Target, candidate: Candidate, twice: Mapping[int, int], peers: set[IPAddress]
    ) -> int:
        address, source, work = target.address, candidate.source, self._work
        assert not isinstance(source, str)
        dropped = work.table.dropped
        unknown = candidate.index is None and bool(work.table.entries)
        traits: dict[str, bool] = {}
        if address.version == 6:
            traits["scope-id" if target.scope_id else "no-scope-id"] = is_link_local(address)
            traits["mapped"] = int(address) >> 32 == 0xFFFF
        if source is None:
            traits["unreachable"] = True
            traits["broadcast"] = work.view.routes[target].error == "EACCES"
        else:
            traits["no-netlink"] = not work.view.netlink
            traits["unlisted-link"] = candidate.index in work.view.unlisted
            loopback = source.version == 4 and int(source) >> 24 == 127
            unknown_kind = "peer-address" if source in peers else "unknown-interface"
            traits |= {
                "table-dropped": dropped,
                unknown_kind: unknown,
                "address-twice": twice[as_ipv6_int(source)] > 1,
                "source-in-127": loopback,
                "source-in-127-by-inet6-socket": loopback and unknown,
            }
        return sum(_BIT[name] for name, there in traits.items() if there)

    def sorted(
        self, one: AskedLookup, sorter: Sorter, keys: Sequence[Key], order: Sequence[int]
    ) -> None:
        """Count one sorted look-up: ``order`` are positions of ``keys``, which ``sorter`` made."""
        mask, repeated, of_both = self._traits.get(id(one)) or self._learn(one)
        self._masks[mask] += 1
        slots, other = one.slots, self._other
        if sorter.uneven:
            for before, after in pairwise(order):
                if slots[before] != slots[after]:
                    self._rules[deciding_rule(keys[before], keys[after])] += 1
        else:
            lengths, ordered = self._lengths, [keys[position] for position in order]
            for length in map(int.bit_length, map(xor, ordered, ordered[1:])):
                lengths[length] += 1
            if repeated:  # no rule tells an address from itself
                places = [slots[position] for position in order]
                lengths[0] -= sum(map(eq, places, places[1:]))
        if repeated:
            other["trap repeated-address"] += 1
        if of_both:
            if self._work.view.bindv6only:
                other["trap bindv6only"] += 1
            if sorter.tied(keys):
                other["trap families-tie"] += 1
                if len(keys) <= 16 and _has_cycle(keys):
                    other["trap no-right-answer"] += 1

    def _learn(self, one: AskedLookup) -> tuple[int, bool, bool]:
        """What a look-up meets whatever the policy: traps, an address twice, both families."""
        different = set(one.slots)
        mask = reduce(or_, (self._slot_masks[slot] for slot in different))
        versions = {self._work.targets[slot].address.version for slot in different}
        made = mask, len(different) < len(one.slots), len(versions) > 1
        self._traits[id(one)] = made
        return made

    def services(self, dialect: Dialect, lookups: int) -> None:
        """Count what left addresses out, of the first so many look-ups."""
        view, names = self._work.view, self._work.names
        for request in self._work.requests[:lookups]:
            found = presence(request, names, view.dumped, dialect)
            told = {*found.causes, *(one for each in found.accounts for one in each.causes)}
            for cause in told.intersection(CAUSES):
                self.count(f"cause {cause}")

    def policy(self, kinds: Iterable[str], policy: Policy, lookups: int) -> None:
        """Count what a gai.conf has, with the look-ups made under it."""
        for kind in kinds:
            self.count(f"line {kind}", lookups)
        if policy.undefined:
            self.count("trap undefined-line", lookups)
        if 0 < len(policy.labels) < 8 or 0 < len(policy.precedence) < 5:
            self.count("trap defaults-dropped", lookups)

    def count(self, key: str, lookups: int = 1) -> None:
        """Count look-ups that met one of `known_keys`, or would be answered otherwise without."""
        if lookups:
            self._other[key] += lookups

    def counts(self) -> Counter[str]:
        """Everything counted so far: how often each of `known_keys` decided."""
        found = Counter(self._other)
        rules = enumerate(self._rules)
        for number, times in chain(rules, zip(RULE_OF_LENGTH, self._lengths, strict=True)):
            if times:
                found[f"rule {number}"] += times
        for mask, times in self._masks.items():
            for name, bit in _BIT.items():
                if mask & bit:
                    found[f"trap {name}"] += times
        return found


def _has_cycle(keys: Sequence[Key]) -> bool:
    """Whether a near address, a far one before it and one of the other family between them tie."""
    heads = [key // SIX for key in keys]  # rules 1 to 8 and, in the lowest bit, the family
    for j, near in enumerate(keys):
        for i in range(j):
            farther = heads[i] == heads[j] and keys[i] & FAR > near & FAR
            if farther and heads[j] ^ 1 in heads[i + 1 : j]:
                return True
    return False


def line_kinds(gai_conf: bytes | None, lines: Sequence[Line]) -> dict[str, list[int]]:
    """The kinds of lines in a file as glibc reads it, with the numbers of the lines, from 1.

    Parameters: ``gai_conf``, None for no file; ``lines`` what a dialect reads in it.
    """
    if gai_conf is None:
        return {"no file": []}
    found: dict[str, list[int]] = {}
    raw_lines = gai_conf.split(b"\n")
    seen: dict[tuple[object, ...], int] = {}
    for raw, line in zip(raw_lines, lines, strict=True):
        last = line.number == len(raw_lines)
        if last and not raw:
            break
        kinds = _kinds(raw, line)
        if last:
            kinds.append("no final newline")
        if line.entry is not None:
            bits = line.entry.bits
            width = line.entry.width
            key = line.keyword, bits, line.entry.prefix >> (width - bits)
            if seen.setdefault(key, line.number) != line.number:
                # the first line wins, so it is the one that decides
                found.setdefault("same prefix twice", []).append(seen[key])
            if line.entry.prefix & ((1 << (width - bits)) - 1):
                kinds.append("host bits")
            if bits == 0:
                kinds.append("length 0")
        for kind in kinds:
            found.setdefault(kind, []).append(line.number)
    return found


def _kinds(raw: bytes, line: Line) -> list[str]:
    kinds = ["NUL"] if b"\0" in raw else []
    if len(raw) > _HUGE:
        kinds.append("huge line")
    if b"\r" in raw:
        kinds.append("carriage return")
    if not raw.isascii():
        kinds.append("not ASCII")
    match line.effect:
        case Effect.BLANK:
            kinds.append("comment" if b"#" in raw else "blank")
        case Effect.UNDEFINED:
            kinds.append(f"{line.cause}, undefined")
        case Effect.IGNORED:
            missing = line.cause in (LineCause.NO_VALUE, LineCause.EMPTY_LENGTH)
            kinds.append(f"{line.cause}, dropped" if missing else f"{line.cause}")
        case Effect.USED if line.keyword == "reload":
            yes = line_words(raw)[1:2] == ["yes"]
            kinds.append("reload yes" if yes else "reload otherwise")
        case _:
            kinds += _kinds_used(line.keyword, *line_words(raw)[1:])
    return kinds


def _kinds_used(keyword: str, prefix: str, *more: str) -> list[str]:
    """What there is to a line that gives an entry: its keyword and the words behind it."""
    _, slash, length = prefix.partition("/")
    numbers = [number for number in (length, *more[:1]) if number]
    kinds = [keyword]
    if not more:
        kinds.append("no value, taken as 0")
    if slash and not length:
        kinds.append("empty length, taken as /0")
    if not slash:
        kinds.append("no length, taken as a host")
    if more[1:]:
        kinds.append("rest ignored")
    if any(number[0] in "+-" for number in numbers):
        kinds.append("sign or wrap-around")
    if any(len(number) > 1 and number[0] == "0" for number in numbers):
        kinds.append("leading zeros")
    return kinds

"""How glibc orders addresses: RFC 3484 §6, rule by rule, and what glibc makes of each.

What is known of a destination, the ten rules, the comparison, the merge sort, the order. The
comment on a rule is what the RFC says of two destinations DA and DB, and what glibc makes of it
in every version from 2.5 to 2.44. What differs between versions and processors is data of a
`Dialect`; the words for a decision are in `explain.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import TypeVar

from harness.model import explain
from harness.model.addresses import leading_zeros, parse
from harness.model.dialects import Dialect
from harness.model.dialects import dialect as dialect_of
from harness.model.host import IPAddress, Target
from harness.model.policy import Policy
from harness.model.transport import FilledIn


@dataclass(frozen=True, slots=True)
class Candidate:
    """A destination with what glibc knows of the source that would reach it.

    ``source`` is None for a destination that cannot be reached. ``prefixlen``,
    ``deprecated``, ``home`` and ``index`` are those glibc finds for the source in its
    address table; a source it does not find has prefix length 0, no flags and index None.
    ``native`` is False for an interface of type SIT, TUNNEL or TUNNEL6; left None it is
    native when the index is known. ``scope_id`` is the destination's.
    """

    destination: str | IPAddress
    source: str | IPAddress | None
    prefixlen: int = 0
    deprecated: bool = False
    home: bool = False
    index: int | None = None
    native: bool | None = None
    scope_id: int = 0


@dataclass(frozen=True, slots=True)
class Destination:
    """Everything the ten rules look at, for one candidate at one position of the input.

    ``scope``, ``label`` and ``precedence`` are the address's own; ``common_prefix`` is in
    bits. ``more_as_first`` bits are added to it where the destination is the first of the
    two compared: 0, unless a compiler made it otherwise (see `dialects.ROWS`). ``place`` is
    its place among the addresses, from 1; 0 where that is its position's.
    """

    position: int
    target: Target
    source: IPAddress | None
    prefixlen: int
    deprecated: bool
    home: bool
    index: int | None
    native: bool
    scope: int
    source_scope: int | None
    label: int
    source_label: int | None
    precedence: int
    common_prefix: int
    more_as_first: int = 0
    place: int = 0

    @property
    def address(self) -> IPAddress:
        """The address without its scope id."""
        return self.target.address

    @property
    def reachable(self) -> bool:
        """True when the kernel has a source address for it."""
        return self.source is not None


Values = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its number and title in RFC 3484 §6, and the two values it compares.

    The greater value is preferred, or the ``smaller``. A rule ``of_sources`` is skipped for
    destinations that have none.
    """

    number: int
    title: str
    values: Callable[[Destination, Destination], Values]
    smaller: bool = False
    of_sources: bool = False

    def compare(self, a: Destination, b: Destination) -> int:
        """Below 0 where ``a`` is preferred, above 0 where ``b`` is, 0 where they tie."""
        if self.of_sources and not a.reachable:  # b neither, says rule 1
            return 0
        one, other = self.values(a, b)
        return one - other if self.smaller else other - one


_TIE = 0, 0
# Each rule: what the RFC says of the destinations DA and DB, what glibc makes of it, the values.
# fmt: off
RULES: tuple[Rule, ...] = (
    # If DB is known to be unreachable or if Source(DB) is undefined, then prefer DA.
    # glibc: what a UDP socket cannot be connected to is unreachable.
    Rule(1, "avoid unusable destinations", lambda a, b: (a.reachable, b.reachable)),

    # If Scope(DA) = Scope(Source(DA)) and Scope(DB) <> Scope(Source(DB)), then prefer DA.
    # glibc: across families too.
    Rule(2, "prefer matching scope", of_sources=True,
         values=lambda a, b: (a.scope == a.source_scope, b.scope == b.source_scope)),

    # If Source(DA) is deprecated and Source(DB) is not, then prefer DB.
    # glibc: an optimistic address counts as deprecated.
    Rule(3, "avoid deprecated addresses", of_sources=True, smaller=True,
         values=lambda a, b: (a.deprecated, b.deprecated)),

    # If Source(DA) is a home address and Source(DB) is not, then prefer DA (mobile IPv6).
    # glibc: one flag says so; an address that is home and care-of at once is not told apart.
    Rule(4, "prefer home addresses", of_sources=True, values=lambda a, b: (a.home, b.home)),

    # If Label(Source(DA)) = Label(DA) and Label(Source(DB)) <> Label(DB), then prefer DA.
    Rule(5, "prefer matching label", of_sources=True,
         values=lambda a, b: (a.label == a.source_label, b.label == b.source_label)),

    # If Precedence(DA) > Precedence(DB), then prefer DA.
    # glibc: of unreachable destinations too.
    Rule(6, "prefer higher precedence", lambda a, b: (a.precedence, b.precedence)),

    # If DA is reached via an encapsulating transition mechanism and DB is not, then prefer DB.
    # glibc: an interface it does not know counts as such; equal interfaces are not compared.
    Rule(7, "prefer native transport", of_sources=True,
         values=lambda a, b: (a.native, b.native) if a.index != b.index else _TIE),

    # If Scope(DA) < Scope(DB), then prefer DA.
    # glibc: across families, and of unreachable destinations too.
    Rule(8, "prefer smaller scope", lambda a, b: (a.scope, b.scope), smaller=True),

    # If DA and DB belong to one family and CommonPrefixLen(DA, Source(DA)) >
    # CommonPrefixLen(DB, Source(DB)), then prefer DA.
    # glibc: an IPv4 destination outside the subnet of its source has 0 bits (`common_prefix`).
    Rule(9, "use longest matching prefix", of_sources=True,
         values=lambda a, b: (a.common_prefix + a.more_as_first, b.common_prefix)
         if a.address.version == b.address.version else _TIE),

    # If DA preceded DB in the original list, prefer DA.
    Rule(10, "leave the order unchanged", lambda a, b: (a.position, b.position), smaller=True),
)
# fmt: on
Rules = tuple[Rule, ...]


def decide(a: Destination, b: Destination, rules: Rules = RULES) -> tuple[int, Rule]:
    """The comparison of two destinations, and the first rule that tells them apart.

    Rule 10 always does, because no two positions are equal; 0 is said of one and itself.
    """
    found = ((verdict, rule) for rule in rules if (verdict := rule.compare(a, b)))
    return next(found, (0, rules[-1]))


# (destination, source or None, prefix length of the source) -> bits
CommonPrefix = Callable[[IPAddress, IPAddress | None, int], int]


def common_prefix(
    dialect: Dialect, address: IPAddress, source: IPAddress | None, prefixlen: int,
    tested: int = 0xFFFFFFFF,
) -> int:  # fmt: skip
    """CommonPrefixLen(Source(D), D) of rule 9, in bits.

    IPv6: all equal leading bits, in every version; RFC 6724 §2.2 would stop at the
    source's prefix length. IPv4: since 2.8 only inside the source's subnet, else 0; there
    the bits of ``tested`` are looked at, and the others taken to be equal.
    """
    if source is None:
        return 0
    difference = int(address) ^ int(source)
    if address.version == 6:
        return leading_zeros(difference, 128)
    if dialect.rule9_ipv4_in_subnet_only and difference & dialect.netmask(prefixlen):
        return 0
    return leading_zeros(difference & tested, 32)


def destination(
    candidate: Candidate, position: int, policy: Policy, common: CommonPrefix
) -> Destination:
    """A candidate as the rules see it; ``common`` measures the common prefix for rule 9.

    Raises ValueError for a text that is no address.
    """
    address = parse(candidate.destination)
    source = None if candidate.source is None else parse(candidate.source)
    if source is not None and source.version != address.version:
        raise ValueError(f"{address} from {source}: one family was expected")
    native = candidate.native
    return Destination(
        position=position,
        target=Target(address, candidate.scope_id),
        source=source,
        prefixlen=candidate.prefixlen,
        deprecated=candidate.deprecated,
        home=candidate.home,
        index=candidate.index,
        native=candidate.index is not None if native is None else native,
        scope=policy.scope(address),
        source_scope=None if source is None else policy.scope(source),
        label=policy.label(address),
        source_label=None if source is None else policy.label(source),
        precedence=policy.precedence_of(address),
        common_prefix=common(address, source, candidate.prefixlen),
    )


def glibc_destination(
    candidate: Candidate, position: int, policy: Policy, dialect: Dialect
) -> Destination:
    """A candidate as the rules of the glibc of ``dialect`` see it; raises as `destination`."""
    made = destination(candidate, position, policy, partial(common_prefix, dialect))
    if dialect.first_of_pair_keeps_top_bit:
        return made
    tested = dialect.tested_of_first
    bits = common_prefix(dialect, made.address, made.source, made.prefixlen, tested)
    return replace(made, more_as_first=bits - made.common_prefix)


T = TypeVar("T")


def merge_sort(items: Sequence[T], compare: Callable[[T, T], int]) -> list[T]:
    """glibc's sort, top-down: halves of n // 2 and the rest, the left one while it is ≤ the right.

    The steps matter: where the comparison is not transitive, no order is right and they decide.
    """
    if len(items) <= 1:
        return list(items)
    middle = len(items) // 2
    left = merge_sort(items[:middle], compare)
    right = merge_sort(items[middle:], compare)
    merged: list[T] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if compare(left[i], right[j]) <= 0:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]


Compare = Callable[[Destination, Destination], int]
Sort = Callable[[Sequence[Destination], Compare], list[Destination]]


@dataclass(frozen=True, slots=True)
class Decision:
    """Why ``before`` stands before its neighbour ``after``: the rule, and the values it compared.

    ``preferred`` is False where that rule would have put them the other way round. This
    happens only where the comparison is not transitive and the sort never compared the two.
    """

    before: Destination
    after: Destination
    rule: int
    title: str
    values: Values
    preferred: bool = True

    @property
    def why(self) -> str:
        """The reason in one line, with both values."""
        return explain.why(self)


@dataclass(frozen=True, slots=True)
class Order:
    """The destinations in order, for each neighbouring pair the decision, and the rules used."""

    ranked: tuple[Destination, ...]
    decisions: tuple[Decision, ...]
    rules: Rules = field(default=RULES, repr=False, compare=False)

    @property
    def destinations(self) -> tuple[IPAddress, ...]:
        """The addresses in order."""
        return tuple(item.address for item in self.ranked)


def compare_pair(a: Destination, b: Destination, rules: Rules = RULES) -> Decision:
    """The decision between two destinations standing in the order ``a``, ``b``."""
    verdict, rule = decide(a, b, rules)
    return Decision(a, b, rule.number, rule.title, rule.values(a, b), preferred=verdict <= 0)


def order_of(known: Sequence[Destination], rules: Rules = RULES, sort: Sort = merge_sort) -> Order:
    """Sort destinations by ``rules`` and say why each neighbour stands where it does."""
    ranked = sort(known, lambda a, b: decide(a, b, rules)[0])
    why = tuple(compare_pair(a, b, rules) for a, b in pairwise(ranked))
    return Order(tuple(ranked), why, rules)


def order_for(
    candidates: Sequence[Candidate], policy: Policy, dialect: Dialect, *,
    rules: Rules = RULES, sort: Sort = merge_sort,
) -> Order:  # fmt: skip
    """As `order`, for a dialect; ``rules`` and ``sort`` can be replaced to study them."""
    made = [glibc_destination(item, i, policy, dialect) for i, item in enumerate(candidates)]
    known = explain.with_places(made)
    if dialect.rule7_fills_in_unknown:
        seven = FilledIn(known).values
        rules = tuple(replace(one, values=seven) if one is RULES[6] else one for one in rules)
    return order_of(known, rules, sort)


def order(
    candidates: Sequence[Candidate], policy: Policy, glibc: str, arch: str = "amd64"
) -> Order:
    """The order in which glibc ``glibc`` on ``arch`` returns ``candidates``.

    ``candidates`` are in the order the name service gave them. Raises ValueError for
    texts that are no addresses or a version the model does not know, ProcessAborted where
    an assertion of glibc ends the process instead.

    >>> policy = Policy.default("2.36")
    >>> near = Candidate("172.18.45.6", "172.18.45.2", prefixlen=24, index=2)
    >>> far = Candidate("172.31.80.8", "172.18.45.2", prefixlen=24, index=2)
    >>> result = order([far, near], policy, "2.36")
    >>> [str(address) for address in result.destinations]
    ['172.18.45.6', '172.31.80.8']
    >>> result.decisions[0].rule, result.decisions[0].values
    (9, (29, 0))
    """
    return order_for(candidates, policy, dialect_of(glibc, arch))

"""How glibc orders addresses: RFC 3484 §6, rule by rule, and what glibc makes of each.

What is known of a destination, the ten rules, the comparison, the merge sort, the order. The
comment on a rule is what the RFC says of two destinations DA and DB, and what glibc makes of it
in every version from 2.5 to 2.44. What differs between versions and processors is data of a
`Dialect`; the words for a decision are in `explain.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv6Address
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
    bits, ``common_prefix_as_first`` where the destination is the first of the two compared:
    the same, unless a compiler made it otherwise (see `dialects.ROWS`). ``place`` is its
    place among the addresses, from 1; None where that is its position's.
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
    common_prefix_as_first: int
    place: int | None = None

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

    The greater value is preferred, or the ``smaller``.
    """

    number: int
    title: str
    values: Callable[[Destination, Destination], Values]
    smaller: bool = False

    def compare(self, a: Destination, b: Destination) -> int:
        """Below 0 where ``a`` is preferred, above 0 where ``b`` is, 0 where they tie."""
        one, other = self.values(a, b)
        return one - other if self.smaller else other - one


_TIE = 0, 0
# Each rule: what the RFC says of the destinations DA and DB, what glibc makes of it, the values.
# Rules 2, 3, 4, 5, 7 and 9 are about sources: two destinations without any tie there.
# fmt: off
RULES: tuple[Rule, ...] = (
    # If DB is known to be unreachable or if Source(DB) is undefined, then prefer DA.
    # glibc: what a UDP socket cannot be connected to is unreachable.
    Rule(1, "avoid unusable destinations", lambda a, b: (a.reachable, b.reachable)),

    # If Scope(DA) = Scope(Source(DA)) and Scope(DB) <> Scope(Source(DB)), then prefer DA.
    # glibc: across families too.
    Rule(2, "prefer matching scope",
         lambda a, b: (a.scope == a.source_scope, b.scope == b.source_scope)),

    # If Source(DA) is deprecated and Source(DB) is not, then prefer DB.
    # glibc: an optimistic address counts as deprecated.
    Rule(3, "avoid deprecated addresses", lambda a, b: (a.deprecated, b.deprecated), smaller=True),

    # If Source(DA) is a home address and Source(DB) is not, then prefer DA (mobile IPv6).
    # glibc: one flag says so; an address that is home and care-of at once is not told apart.
    Rule(4, "prefer home addresses", lambda a, b: (a.home, b.home)),

    # If Label(Source(DA)) = Label(DA) and Label(Source(DB)) <> Label(DB), then prefer DA.
    Rule(5, "prefer matching label",
         lambda a, b: (a.label == a.source_label, b.label == b.source_label)),

    # If Precedence(DA) > Precedence(DB), then prefer DA.
    # glibc: of unreachable destinations too.
    Rule(6, "prefer higher precedence", lambda a, b: (a.precedence, b.precedence)),

    # If DA is reached via an encapsulating transition mechanism and DB is not, then prefer DB.
    # glibc: an interface it does not know counts as such; equal interfaces are not compared.
    Rule(7, "prefer native transport",
         lambda a, b: (a.native, b.native) if a.index != b.index else _TIE),

    # If Scope(DA) < Scope(DB), then prefer DA.
    # glibc: across families, and of unreachable destinations too.
    Rule(8, "prefer smaller scope", lambda a, b: (a.scope, b.scope), smaller=True),

    # If DA and DB belong to one family and CommonPrefixLen(DA, Source(DA)) >
    # CommonPrefixLen(DB, Source(DB)), then prefer DA.
    # glibc: an IPv4 destination outside the subnet of its source has 0 bits (`common_prefix`).
    Rule(9, "use longest matching prefix",
         lambda a, b: (a.common_prefix_as_first, b.common_prefix)
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
    for rule in rules:
        verdict = rule.compare(a, b)
        if verdict:
            break
    return verdict, rule


BUT_TOP_BIT = 0x7FFFFFFF
# (destination, its source, prefix length of the source) -> bits
CommonPrefix = Callable[[IPAddress, IPAddress, int], int]


def common_prefix(
    dialect: Dialect, address: IPAddress, source: IPAddress, prefixlen: int,
    tested: int = 0xFFFFFFFF,
) -> int:  # fmt: skip
    """CommonPrefixLen(Source(D), D) of rule 9, in bits.

    IPv6: all equal leading bits, in every version; RFC 6724 §2.2 would stop at the
    source's prefix length. IPv4: since 2.8 only inside the source's subnet, else 0; there
    the bits of ``tested`` are looked at, and the others taken to be equal.
    """
    difference = int(address) ^ int(source)
    if isinstance(address, IPv6Address):
        return leading_zeros(difference, address.max_prefixlen)
    if dialect.rule9_ipv4_in_subnet_only and difference & dialect.netmask(prefixlen):
        return 0
    return leading_zeros(difference & tested, address.max_prefixlen)


def destination(
    candidate: Candidate, position: int, policy: Policy, common: CommonPrefix
) -> Destination:
    """A candidate as the rules see it; ``common`` measures the common prefix for rule 9.

    Of one that cannot be reached, nothing of a source counts. Raises ValueError for a text that is
    no address.
    """
    address = parse(candidate.destination)
    source = None if candidate.source is None else parse(candidate.source)
    if source is None:
        candidate, bits = Candidate(address, None, scope_id=candidate.scope_id), 0
    elif type(source) is not type(address):
        raise ValueError(f"{address} from {source}: one family was expected")
    else:
        bits = common(address, source, candidate.prefixlen)
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
        common_prefix=bits,
        common_prefix_as_first=bits,
    )


def glibc_destination(
    candidate: Candidate, position: int, policy: Policy, dialect: Dialect
) -> Destination:
    """A candidate as the rules of the glibc of ``dialect`` see it; raises as `destination`."""
    made = destination(candidate, position, policy, partial(common_prefix, dialect))
    if made.source is None or dialect.first_of_pair_keeps_top_bit:
        return made
    bits = common_prefix(dialect, made.address, made.source, made.prefixlen, BUT_TOP_BIT)
    return replace(made, common_prefix_as_first=bits)


T = TypeVar("T")


def merge_sort(items: Sequence[T], compare: Callable[[T, T], int]) -> list[T]:
    """glibc's sort, top-down: halves of n // 2 and the rest, the left one while it is ≤ the right.

    The steps matter: where the comparison is not transitive, no order is right and they decide.
    """
    middle = len(items) // 2
    if not middle:
        return list(items)
    left = merge_sort(items[:middle], compare)
    right = merge_sort(items[middle:], compare)
    merged: list[T] = []
    while left and right:
        merged.append((left if compare(left[0], right[0]) <= 0 else right).pop(0))
    return merged + left + right


Compare = Callable[[Destination, Destination], int]
Sort = Callable[[Sequence[Destination], Compare], list[Destination]]


@dataclass(frozen=True, slots=True)
class Decision:
    """Why ``before`` stands before its neighbour ``after``: the rule, and the values it compared.

    ``verdict`` is that of the rule: above 0 where it would have put them the other way round.
    This happens only where the comparison is not transitive and the sort never compared the two.
    """

    before: Destination
    after: Destination
    rule: int
    title: str
    values: Values
    verdict: int

    @property
    def preferred(self) -> bool:
        """Whether the rule puts them in this order."""
        return self.verdict <= 0

    @property
    def why(self) -> str:
        """The reason in one line, with both values."""
        return explain.why(self)


@dataclass(frozen=True, slots=True)
class Order:
    """The destinations in order, for each neighbouring pair the decision, and the rules used.

    ``unsettled``: so many at the end may stand in any order.
    """

    ranked: tuple[Destination, ...]
    decisions: tuple[Decision, ...]
    rules: Rules = field(default=RULES, repr=False, compare=False)
    unsettled: int = 0

    @property
    def destinations(self) -> tuple[IPAddress, ...]:
        """The addresses in order."""
        return tuple(item.address for item in self.ranked)


def compare_pair(a: Destination, b: Destination, rules: Rules = RULES) -> Decision:
    """The decision between two destinations standing in the order ``a``, ``b``."""
    verdict, rule = decide(a, b, rules)
    return Decision(a, b, rule.number, rule.title, rule.values(a, b), verdict)


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

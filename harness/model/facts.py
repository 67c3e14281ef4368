"""What the rules compare: the facts of one destination, each worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from harness.model.addresses import leading_zeros, parse
from harness.model.dialects import Dialect
from harness.model.host import IPAddress
from harness.model.policy import Policy

WITHOUT_TOP_BIT = 0x7FFFFFFF

# (destination, source or None, prefix length of the source) -> bits
CommonPrefix = Callable[[IPAddress, IPAddress | None, int], int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A destination with what is known of the source that would reach it.

    ``source`` is None for a destination that cannot be reached. ``prefixlen``,
    ``deprecated``, ``home`` and ``index`` are those glibc finds for the source in its
    address table; a source it does not find has prefix length 0, no flags and index None.
    ``native`` is False for an interface of type SIT, TUNNEL or TUNNEL6; left None it is
    native when the index is known. ``scope_id`` is the destination's. ``tag`` is carried
    along untouched.
    """

    destination: str | IPAddress
    source: str | IPAddress | None
    prefixlen: int = 0
    deprecated: bool = False
    home: bool = False
    index: int | None = None
    native: bool | None = None
    scope_id: int = 0
    tag: object = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the ten rules look at, for one candidate at one position of the input."""

    position: int
    destination: IPAddress
    source: IPAddress | None
    prefixlen: int
    deprecated: bool
    home: bool
    index: int | None
    native: bool
    destination_scope: int
    source_scope: int | None
    destination_label: int
    source_label: int | None
    precedence: int
    common_prefix: int
    scope_id: int = 0
    tag: object = None
    # what rule 9 counts for the first of the two it compares; None where that is the same
    common_prefix_if_first: int | None = None

    @property
    def reachable(self) -> bool:
        """True when the kernel has a source address for the destination."""
        return self.source is not None

    @property
    def scope_matches(self) -> bool:
        """True when destination and source have the same scope."""
        return self.destination_scope == self.source_scope

    @property
    def label_matches(self) -> bool:
        """True when destination and source have the same label."""
        return self.destination_label == self.source_label


def facts(
    candidate: Candidate,
    position: int,
    policy: Policy,
    common: CommonPrefix,
    if_first: CommonPrefix | None = None,
) -> Facts:
    """Work out the facts of ``candidate``; ``common`` measures the common prefix for rule 9.

    ``if_first`` measures it where the destination is the first of the two compared, and is
    None where that makes no difference, as it should.

    Raises ValueError for a text that is no address.
    """
    destination = parse(candidate.destination)
    source = None if candidate.source is None else parse(candidate.source)
    if source is not None and source.version != destination.version:
        raise ValueError(f"{destination} from {source}: one family was expected")
    # An unknown interface counts as not native, although nobody knows (glibc 2.5 to 2.44).
    native = candidate.native is not False and candidate.index is not None
    if candidate.native and candidate.index is None:
        native = True
    return Facts(
        position=position,
        destination=destination,
        source=source,
        prefixlen=candidate.prefixlen,
        deprecated=candidate.deprecated,
        home=candidate.home,
        index=candidate.index,
        native=native,
        destination_scope=policy.scope(destination),
        source_scope=None if source is None else policy.scope(source),
        destination_label=policy.label(destination),
        source_label=None if source is None else policy.label(source),
        precedence=policy.precedence_of(destination),
        common_prefix=common(destination, source, candidate.prefixlen),
        scope_id=candidate.scope_id,
        tag=candidate.tag,
        common_prefix_if_first=None
        if if_first is None
        else if_first(destination, source, candidate.prefixlen),
    )


def glibc_facts(candidate: Candidate, position: int, policy: Policy, spoken: Dialect) -> Facts:
    """The facts as the glibc of dialect ``spoken`` has them; raises as `facts`."""
    # Inside a subnet top bits agree, unless its mask is 0: a compiler may forget the second half.
    if_first = (
        None
        if spoken.first_of_pair_keeps_top_bit
        else partial(common_prefix, spoken, tested=WITHOUT_TOP_BIT)
    )
    return facts(candidate, position, policy, partial(common_prefix, spoken), if_first)


def common_prefix(
    spoken: Dialect,
    destination: IPAddress,
    source: IPAddress | None,
    prefixlen: int,
    tested: int = 0xFFFFFFFF,
) -> int:
    """The common prefix length rule 9 compares, in bits.

    IPv6: all equal leading bits, in every version; RFC 6724 §2.2 would stop at the
    source's prefix length. IPv4: since 2.8 only inside the source's subnet, else 0; there
    the bits of ``tested`` are looked at, and the others taken to be equal.
    """
    if source is None:
        return 0
    difference = int(destination) ^ int(source)
    if destination.version == 6:
        return leading_zeros(difference, 128)
    if spoken.rule9_ipv4_in_subnet_only and difference & netmask(prefixlen, spoken):
        return 0
    return leading_zeros(difference & tested, 32)


def netmask(prefixlen: int, spoken: Dialect) -> int:
    """glibc's IPv4 netmask of ``prefixlen`` bits, whose shift by 32 is up to the processor."""
    if prefixlen == 0:
        return 0xFFFFFFFF if spoken.shift_by_32 == "modulo" else 0
    return 0xFFFFFFFF << (32 - prefixlen) & 0xFFFFFFFF

"""Rule 9 as bits: destination and source in binary, what is equal and what of it counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from itertools import pairwise

from harness.model.addresses import leading_zeros


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring bits of one kind: "equal", "first" (the first different one) or "rest".

    ``ends`` is True where the source's prefix ends behind them.
    """

    bits: str
    kind: str
    ends: bool


@dataclass(frozen=True, slots=True)
class BitGroup:
    """One octet of IPv4 or sixteen bits of IPv6, as text and as runs of bits."""

    destination_text: str
    source_text: str
    destination: tuple[Run, ...]
    source: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class PrefixBits:
    """A destination over its source, ready to be drawn; ``width`` is 32 or 128 bits.

    ``equal`` are the leading bits both share, ``counted`` those that rule 9 counts and
    ``prefixlen`` the bits of the source's subnet as glibc knows it, 0 for unknown.
    ``words`` says the same in a sentence or two.
    """

    destination: str
    source: str
    version: int
    width: int
    prefixlen: int
    equal: int
    counted: int
    groups: tuple[BitGroup, ...]
    words: str


def prefix_bits(
    destination: str, source: str, prefixlen: int, counted: int | None = None
) -> PrefixBits:
    """The bits of ``destination`` (perhaps with a zone) and ``source``, compared.

    ``prefixlen`` is the source's, in bits, 0 where glibc does not know it. ``counted`` are
    the bits rule 9 counts; left out, it is what glibc counts since 2.8 for a known prefix
    length: for IPv4 the equal bits inside the source's subnet, for IPv6 all equal bits.
    Raises ValueError for texts that are no addresses or not of one family.

    >>> drawn = prefix_bits("172.18.45.6", "172.18.45.2", 24)
    >>> drawn.equal, drawn.counted
    (29, 29)
    >>> prefix_bits("172.31.80.8", "172.18.45.2", 24).counted
    0
    """
    first, second = ip_address(destination.partition("%")[0]), ip_address(source)
    if first.version != second.version:
        raise ValueError(f"{destination} from {source}: one family was expected")
    width = first.max_prefixlen
    equal = leading_zeros(int(first) ^ int(second), width)
    if counted is None:
        counted = equal if first.version == 6 or equal >= prefixlen > 0 else 0
    size, form = (8, "d") if first.version == 4 else (16, "x")
    groups = []
    for start in range(0, width, size):
        cuts = {equal, equal + 1, prefixlen} & set(range(start, start + size))
        spans = list(pairwise(sorted({start, start + size} | cuts)))
        texts, runs = [], []
        for address in (first, second):
            bits = f"{int(address):0{width}b}"
            texts.append(format(int(bits[start : start + size], 2), form))
            runs.append(
                tuple(
                    Run(bits[at:end], _kind(at, equal), ends=end == prefixlen) for at, end in spans
                )
            )
        groups.append(BitGroup(texts[0], texts[1], runs[0], runs[1]))
    return PrefixBits(
        destination, source, first.version, width, prefixlen, equal, counted, tuple(groups),
        _words(first.version, width, equal, counted, prefixlen),
    )  # fmt: skip


def _kind(at: int, equal: int) -> str:
    return "equal" if at < equal else "first" if at == equal else "rest"


def _words(version: int, width: int, equal: int, counted: int, prefixlen: int) -> str:
    bits = "1 equal bit" if equal == 1 else f"{equal} equal bits"
    if equal == width:
        return f"The destination is the source itself: all {width} bits count."
    if version == 6:
        if equal > prefixlen > 0:
            return (
                f"{bits}, and all of them count: glibc does not stop at the source's /{prefixlen}."
            )
        return f"{bits} {'counts' if equal == 1 else 'count'}."
    if counted == equal >= prefixlen > 0:
        return f"{bits}, and the destination is in the source's /{prefixlen}: all of them count."
    if counted == equal > 0 and prefixlen:
        return f"{bits}, and all of them count, whatever the source's /{prefixlen}."
    if counted == equal > 0:
        return f"{bits}, and no prefix length is known: here every address passes as a neighbour."
    if prefixlen == 0:
        return f"{bits}, but no prefix length is known: here none of them counts."
    return (
        f"{bits}, but bit {equal + 1} differs inside the source's /{prefixlen}: another subnet, "
        "so none of them counts."
    )

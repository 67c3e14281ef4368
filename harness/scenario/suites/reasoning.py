"""What an order must be by RFC 3484 §6, on strings of bits: a second opinion beside the model."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from itertools import takewhile
from typing import Any

from .cases import Expect

# 0xffffffff << 32 in C: what a processor makes of the netmask of a /0
_SHIFTS_MODULO_32 = ["amd64", "i386", "arm64", "riscv64"]
_SHIFTS_TO_ZERO = ["armhf", "ppc64el", "s390x"]

# a rule and the number it compares: the smaller one is preferred
Ranking = Sequence[tuple[int, Callable[[str], int]]]


@lru_cache(1 << 10)
def bits(address: str) -> str:
    """An address as 32 or 128 characters."""
    parsed = ip_address(address)
    return format(int(parsed), f"0{parsed.max_prefixlen}b")


def flip(address: str, *positions: int) -> str:
    """The address with the bits at ``positions`` (0 is the first) inverted."""
    parsed = ip_address(address)
    mask = sum(1 << (parsed.max_prefixlen - 1 - position) for position in positions)
    return str(type(parsed)(int(parsed) ^ mask))


@lru_cache(1 << 14)
def shared(one: str, other: str) -> int:
    """How many leading bits two addresses of one family have in common."""
    pairs = zip(bits(one), bits(other), strict=True)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def in_subnet(destination: str, source: str, length: int) -> int:
    """Rule 9 of IPv4: the bits in common inside the source's subnet, else 0."""
    return shared(destination, source) if shared(destination, source) >= length else 0


def expectation(addresses: Sequence[str], ranking: Ranking, **limits: Any) -> dict[str, Any]:
    """The order by rules that rank every address by itself, and the rule behind the first.

    Parameters: ``ranking`` the rules that can tell them apart; ``limits`` such as glibc or arch.
    """
    order = sorted(addresses, key=lambda address: [rank(address) for _, rank in ranking])
    decided = (rule for rule, rank in ranking if rank(order[0]) != rank(order[1]))
    return {"order": order, "decided_by": next(decided, 10), "glibc": ">=2.17", **limits}


def ranked(*ranking: tuple[int, Callable[[str], int]], **limits: Any) -> Expect:
    """What `expectation` says of each list. Parameters: as there."""
    return lambda addresses: [expectation(addresses, ranking, **limits)]


def nearest(source: str) -> Expect:
    """IPv6 destinations reached from one source: the longest common prefix (rule 9)."""
    return ranked((9, lambda address: -shared(address, source)))


def by_subnet(
    source: str | Callable[[str], tuple[str, int]],
    length: int = 0,
    before: Ranking = (),
    **limits: Any,
) -> Expect:
    """Expectations for lists whose IPv4 destinations only rule 9 or ``before`` tells apart.

    Parameters: ``source`` of all with the prefix ``length``, or a function that gives both. With
    length 0 glibc knows none, and there is an answer for each way a processor shifts by 32.
    """
    source_of = source if callable(source) else lambda _: (source, length)

    def ranking(empty: int) -> Ranking:
        def rank(address: str) -> int:
            if ":" in address:
                return 0
            found, known = source_of(address)
            return -in_subnet(address, found, known or empty)

        return [*before, (9, rank)]

    def expect(addresses: Sequence[str]) -> list[dict[str, Any]]:
        if all(":" in address or source_of(address)[1] for address in addresses):
            return [expectation(addresses, ranking(0), **limits)]
        # Debian's 2.36 takes the undefined shift at its word: see arch-top-bit-of-the-first
        zero: dict[str, Any] = {"arch": _SHIFTS_TO_ZERO, "glibc": ">=2.17,!=2.36"}
        return [
            expectation(addresses, ranking(32), **{"arch": _SHIFTS_MODULO_32, **limits}),
            expectation(addresses, ranking(0), **{**zero, **limits}),
        ]

    return expect

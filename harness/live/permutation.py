"""Keyed permutations of addresses that keep every common prefix length.

Bit i of the image is bit i of the address, flipped or not by what a key makes of the i
bits before it. So two addresses share exactly as many leading bits after as before, and
any tree of prefixes keeps its shape. Pins say where a prefix has to go.
Source: Xu, Fan, Ammar and Moon, "Prefix-preserving IP address anonymization" (2002).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise


class PinError(ValueError):
    """Two pins that no permutation of this kind can both keep."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A prefix of ``length`` bits and its image, both as whole addresses."""

    prefix: int
    image: int
    length: int


@dataclass(slots=True)
class Permutation:
    """A permutation of all addresses of ``width`` bits.

    Parameters: ``width`` 32 or 128; ``key`` secret bytes; ``pins`` prefixes with their
    images; ``straight`` prefixes, as (prefix, length), whose first and last address go to
    the first and last of their image; ``ascending`` addresses whose images sort as they do.
    Raises PinError for what contradicts each other.
    """

    width: int
    key: bytes
    pins: Iterable[Pin] = ()
    straight: Iterable[tuple[int, int]] = ()
    ascending: Iterable[int] = ()
    _fixed: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for pin in self.pins:
            for depth in range(pin.length):
                at = self.width - depth
                flip = (pin.prefix ^ pin.image) >> (at - 1) & 1
                node = (depth, pin.prefix >> at)
                if self._fixed.setdefault(node, flip) != flip:
                    raise PinError(f"{pin.prefix:#x}/{pin.length}")
        for prefix, length in self.straight:
            for end in (prefix, prefix | (1 << (self.width - length)) - 1):
                for depth in range(length, self.width):
                    if self._fixed.setdefault((depth, end >> (self.width - depth)), 0):
                        raise PinError(f"{prefix:#x}/{length}")
        in_order = sorted(set(self.ascending))
        for one, other in pairwise(in_order):
            at = (one ^ other).bit_length()  # where they part, the lower stays the lower
            if self._fixed.setdefault((self.width - at, one >> at), 0):
                raise PinError(f"{one:#x}, {other:#x}")

    def __call__(self, address: int) -> int:
        """The image of an address. Parameters: ``address`` as a number. Raises nothing."""
        image = 0
        for depth in range(self.width):
            at = self.width - depth
            node = (depth, address >> at)
            flip = self._fixed.get(node)
            if flip is None:
                flip = self._keyed(*node)
                self._fixed[node] = flip
            image = image << 1 | (address >> (at - 1) & 1) ^ flip
        return image

    def _keyed(self, depth: int, prefix: int) -> int:
        text = depth.to_bytes(1, "big") + prefix.to_bytes(16, "big")
        return hashlib.blake2b(text, key=self.key, digest_size=1).digest()[0] & 1

"""Weighted draws from one seeded source; every draw of a batch goes through one `Dice`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws for batch ``number`` of ``seed``: the same on every machine and in every Python."""

    def __init__(self, seed: int, number: int) -> None:
        self._random = random.Random(f"gai-harness fuzz {seed} {number}")

    def pick(self, weights: Mapping[T, float]) -> T:
        """One item of a table of weights."""
        return self._random.choices([*weights], [*weights.values()])[0]

    def one(self, items: Sequence[T]) -> T:
        """One of ``items``, each as likely. Raises IndexError for none."""
        return items[int(self._random.random() * len(items))]

    def several(self, items: Sequence[T], count: int) -> list[T]:
        """``count`` of ``items``, with repetition."""
        return self._random.choices(items, k=count) if items else []

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """``items`` in random order."""
        copy = list(items)
        self._random.shuffle(copy)
        return copy

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self._random.random() < probability

    def number(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return self._random.randint(low, high)

    def bits(self, count: int) -> int:
        """A number of ``count`` random bits."""
        return self._random.getrandbits(count) if count else 0

    def flags(self, odds: Mapping[T, float]) -> list[T]:
        """The keys that came up, each with its own probability."""
        return [flag for flag, probability in odds.items() if self.chance(probability)]

"""Weighted draws from one seeded source; every draw of a batch goes through one `Dice`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")

Weights = tuple[tuple[T, float], ...]


@cache
def _table(weights: Weights[T]) -> tuple[tuple[T, ...], tuple[float, ...]]:
    return tuple(item for item, _ in weights), tuple(accumulate(w for _, w in weights))


class Dice:
    """Draws for one batch.

    Parameters: ``seed`` and ``number`` name the batch; the same two give the same draws on
    every machine and in every version of Python.
    """

    def __init__(self, seed: int, number: int) -> None:
        self._random = random.Random(f"gai-harness fuzz {seed} {number}")

    def pick(self, weights: Weights[T]) -> T:
        """One item of a table of (item, weight)."""
        items, bounds = _table(weights)
        picked: T = self._random.choices(items, cum_weights=bounds)[0]
        return picked

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

    def flags(self, odds: Mapping[str, float]) -> list[str]:
        """The keys that came up, each with its own probability."""
        return [flag for flag, probability in odds.items() if self.chance(probability)]

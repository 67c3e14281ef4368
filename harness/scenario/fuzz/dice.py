"""Weighted draws from one seeded source; every draw of a batch goes through one `Dice`."""

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice(random.Random):
    """The same draws for a seed's text on every machine and in every Python."""

    def pick(self, weights: Mapping[T, float]) -> T:
        """One item of a table of weights."""
        return self.choices([*weights], [*weights.values()])[0]

    def one(self, items: Sequence[T]) -> T:
        """One of ``items``, each as likely. Raises IndexError for none."""
        return items[int(self.random() * len(items))]

    def several(self, items: Sequence[T], count: int) -> list[T]:
        """``count`` of ``items``, with repetition."""
        return self.choices(items, k=count) if items else []

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """``items`` in random order."""
        copy = list(items)
        self.shuffle(copy)
        return copy

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.random() < probability

    def flags(self, odds: Mapping[T, float]) -> list[T]:
        """The keys that came up, each with its own probability."""
        return [flag for flag, probability in odds.items() if self.chance(probability)]

"""Every way that a run may go in which time decides: the one that plays it asks `Chance`."""

from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

MOST_WAYS = 256
"""So many runs of one look-up are tried."""


class Chance:
    """What time decides during one run of a look-up: ``script`` has the first choices."""

    def __init__(self, script: tuple[int, ...] = ()) -> None:
        self.script = script
        self.taken: list[tuple[int, int]] = []

    def choose(self, ways: int) -> int:
        """One of so many ways, by its number."""
        if ways < 2:
            return 0
        at = len(self.taken)
        one = self.script[at] if at < len(self.script) else 0
        self.taken.append((one, ways))
        return one


def outcomes(play: Callable[[Chance], T]) -> Iterator[T]:
    """What a run may come to, each once, the likeliest first; of very many ways only the first."""
    scripts: list[tuple[int, ...]] = [()]
    seen: list[T] = []
    for _ in range(MOST_WAYS):
        if not scripts:
            break
        chance = Chance(scripts.pop())
        found = play(chance)
        if found not in seen:
            seen.append(found)
            yield found
        chosen = [one for one, _ in chance.taken]
        for at in range(len(chance.script), len(chosen)):
            scripts += [(*chosen[:at], other) for other in range(1, chance.taken[at][1])]

"""Work that is done once for all dialects that agree in what it asks for."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar, cast

from harness.model.dialects import Dialect

T = TypeVar("T")


class WatchedDialect:
    """A dialect that notes what is asked of it. It equals itself alone, so that no cache serves it.

    What was worked out under it holds for every dialect that says the same of all that was asked.
    """

    def __init__(self, own: Dialect) -> None:
        self._own = own
        self._asked: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._own, name)
        if callable(value):  # a method asks, too
            return partial(getattr(Dialect, name), self)
        self._asked[name] = value
        setattr(self, name, value)  # the next time it is found without this
        return value

    def holds_for(self, other: Dialect) -> bool:
        """Whether another dialect says the same of all that was asked."""
        return all(getattr(other, name) == value for name, value in self._asked.items())


def for_each(dialects: Iterable[Dialect], work: Callable[[Dialect], T]) -> list[T]:
    """What ``work`` makes of each dialect, done once for those that agree in all it asks for.

    >>> from harness.model.dialects import dialect
    >>> one, other = for_each([dialect("2.31"), dialect("2.44")], lambda own: [own.word_bits])
    >>> one is other
    True
    """
    done: list[tuple[WatchedDialect, T]] = []
    made: list[T] = []
    for one in dialects:
        for watched, known in done:
            if watched.holds_for(one):
                made.append(known)
                break
        else:
            own = WatchedDialect(one)
            made.append(work(cast(Dialect, own)))
            done.append((own, made[-1]))
    return made

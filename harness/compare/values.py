"""What is done with values of any type: put in groups, made of one another."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The items by what ``key`` says of each, in the order in which they come."""
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def fill(kind: type[T], *values: Any, **fields_of: Any) -> T:
    """A dataclass whose fields are given, or else are what the first of ``values`` has by the name.

    A field that neither has keeps its default; TypeError where it has none.
    """
    for name in (each.name for each in fields(kind)):  # type: ignore[arg-type]
        for value in values:
            if name not in fields_of and hasattr(value, name):
                fields_of[name] = getattr(value, name)
    return kind(**fields_of)

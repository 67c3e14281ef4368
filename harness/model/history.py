"""What differs between versions, at the field of a class that it is about.

A new version is a further change of some fields, or of none; nothing else asks for its number.
"""

from collections.abc import Callable
from dataclasses import field, fields
from typing import Any, TypeVar

from harness.versions import Version

T = TypeVar("T")


def history(first: object, *changes: tuple[str, object]) -> Any:
    """A field with the value it begins with, and the changes: a version, and its value from there.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Behaviour:
    ...     tries: int = history(4, ("1.20", 3))
    >>> at_version(Behaviour, "1.19").tries, at_version(Behaviour, "1.20.1").tries
    (4, 3)
    """
    return field(default=first, metadata={"changes": changes})


def at_version(kind: Callable[..., T], version: str, first: str = "0.0", what: str = "") -> T:
    """The fields of a class as they are in a version of ``what``.

    Raises ValueError for what is no version, or one older than the ``first`` that is known.
    """
    own = Version.parse(version)
    if own < Version.parse(first):
        raise ValueError(f"{what} {version}: the model begins with {first}")
    every: Any = kind
    values = (
        (each.name, value)
        for each in fields(every)
        for since, value in each.metadata["changes"]
        if Version.parse(since) <= own
    )
    return kind(**dict(values))

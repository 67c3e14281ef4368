"""A glibc version as an ordered value."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5}){1,3}")
_SNAPSHOT = 9000


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A glibc version that compares by its numbers: 2.9 < 2.31 < 2.42 < 2.42.9000 < 2.43.

    Args:
        numbers: ``(2, 36)``. A development snapshot has a third one, 9000 or above.
    """

    numbers: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``"2.36"``, or the version of a package, ``"2.36-9+deb12u10"``.

        Raises:
            ValueError: The text does not begin with two to four numbers with dots between them.
        """
        number = text.partition("-")[0]
        if not is_version(number):
            raise ValueError(f"{text!r} is not a glibc version; expected one such as 2.36")
        return cls(tuple(int(part) for part in number.split(".")))

    @property
    def release(self) -> tuple[int, int]:
        """The release it belongs to: (2, 40) for 2.40.1, and (2, 43) for the snapshot 2.42.9000.

        This is what behaviour depends on: the rows of a dialect and the ``glibc`` of an
        expectation compare it.
        """
        major, minor, *rest = self.numbers
        return major, minor + (bool(rest) and rest[0] >= _SNAPSHOT)

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers))


def is_version(text: str) -> bool:
    """Whether ``text`` has the form of a glibc version: two to four numbers, nothing else."""
    return _VERSION.fullmatch(text) is not None

"""What a reader of the host says of it: its own words, and apart from them what the host holds.

So a redacted snapshot replaces what the host holds by where it stands, and never has to find
it again in a sentence.
"""

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Self

from harness.model.addresses import inet_aton
from harness.model.host import IPAddress

Data = dict[str, Any]
"""A part of a scenario as a file has it."""


def literal(text: str) -> IPAddress | None:
    """The address that a text is, perhaps with a zone or as inet_aton reads it; None for a name."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return inet_aton(text)


class SaidLink(str):
    """The name of an interface."""

    __slots__ = ()


class Name(str):
    """A name that is looked up."""

    __slots__ = ()


class SaidAddress(str):
    """An address or a prefix, perhaps with a zone."""

    __slots__ = ()


class Said(str):
    """A sentence about the host, whole as a text.

    ``words`` are our own, with ``{}`` for each of the ``values``: numbers, other `Said`, or text
    of the host's: a `Link`, `Name` or `Address`, or any other, which has no form that could be
    shown of a redacted host.
    """

    words: str
    values: tuple[str | int, ...]

    def __new__(cls, words: str, *values: str | int) -> Self:
        """The sentence whole, with its parts beside it."""
        self = super().__new__(cls, words.format(*values) if values else words)
        self.words = words
        self.values = values
        return self

    def __getnewargs__(self) -> Any:
        return self.words, *self.values

    def told(self, change: Callable[[str], str]) -> str:
        """The sentence with every text of the host's changed. Raises what ``change`` raises."""

        def shown(value: str | int) -> str | int:
            if isinstance(value, Said):
                return value.told(change)
            return change(value) if isinstance(value, str) else value

        return self.words.format(*map(shown, self.values)) if self.values else self.words


def joined(sentences: Sequence[Said]) -> Said:
    """Several sentences as one."""
    return Said("; ".join("{}" for _ in sentences), *sentences)

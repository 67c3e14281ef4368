"""What is asked of ``getaddrinfo``."""

from __future__ import annotations

from dataclasses import dataclass

_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_TEXT_MAX = 65535


@dataclass(frozen=True, slots=True)
class Query:
    """The arguments of one call, as C has them.

    Parameters:
        name: the node, or None for NULL.
        service: the service, or None for NULL.
        family: ``ai_family`` of the hints, a C int (0 is AF_UNSPEC).
        socktype: ``ai_socktype``.
        protocol: ``ai_protocol``.
        flags: ``ai_flags``.

    Raises:
        ValueError: a NUL or too many bytes in a text, or a number that is no C int.
    """

    name: str | None
    service: str | None = None
    family: int = 0
    socktype: int = 0
    protocol: int = 0
    flags: int = 0

    def __post_init__(self) -> None:
        for field, text in (("name", self.name), ("service", self.service)):
            if text is None:
                continue
            if "\0" in text:
                raise ValueError(f"{field} contains a NUL")
            if len(text) * 4 > _TEXT_MAX and len(encode_text(text)) > _TEXT_MAX:
                raise ValueError(f"{field} is longer than {_TEXT_MAX} bytes")
        for field, number in (
            ("family", self.family),
            ("socktype", self.socktype),
            ("protocol", self.protocol),
            ("flags", self.flags),
        ):
            if not _INT_MIN <= number <= _INT_MAX:
                raise ValueError(f"{field} {number} is no C int")


def encode_text(text: str) -> bytes:
    """The bytes of a name or service: UTF-8, with odd bytes escaped as Python's file names are."""
    return text.encode("utf-8", "surrogateescape")

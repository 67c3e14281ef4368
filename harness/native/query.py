"""What is asked of ``getaddrinfo``."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.lookup import Request

_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_TEXT_MAX = 65535


@dataclass(frozen=True, slots=True)
class Query(Request):
    """The arguments of one call, in a form that C can take: what the model is asked, checked.

    Raises:
        ValueError: a NUL or too many bytes in a text, or a number that is no C int.
    """

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

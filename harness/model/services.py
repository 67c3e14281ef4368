"""What the services of the ``hosts:`` line of nsswitch.conf say, before getaddrinfo weighs it."""

from __future__ import annotations

import string

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def ascii_lower(name: str) -> str:
    """``name`` as strcasecmp(3) compares it in the C locale: only A to Z have another case."""
    return name.translate(_LOWER)

"""Reading files that somebody else wrote: never more than a bound."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

GAI_CONF_LIMIT = 1 << 20
"""Bytes of a gai.conf given on the command line; real ones have a few thousand."""


def read_bounded(source: Path | BinaryIO, limit: int) -> bytes:
    """The content of a file or stream of at most ``limit`` bytes; pipes are as good as files.

    Raises OSError: what the system says, or that there is more.
    """
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return read_bounded(stream, limit)
    data = source.read(limit + 1)
    if len(data) > limit:
        raise OSError(0, f"more than {limit} bytes")  # no errno: the machine has no part in it
    return data

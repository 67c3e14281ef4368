"""Finished pieces of the page, compressed: those shown only when somebody asks for them."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PIECES = 64
_SIZE = 1 << 22  # characters, above which a pack has no further piece


@dataclass(frozen=True, slots=True)
class Piece:
    """One look-up's row of the matrix and its section, as HTML; ``number`` is the look-up's."""

    number: int
    row: str
    section: str


@dataclass(frozen=True, slots=True)
class Pack:
    """Several pieces: the numbers of their look-ups, and a base64 text of raw deflated JSON.

    The JSON is a list of [number, row, section].
    """

    numbers: tuple[int, ...]
    data: str


def packs(pieces: Iterable[Piece]) -> Iterator[Pack]:
    """``pieces`` in packs of `PIECES`, or of fewer large ones, in order."""
    waiting: list[Piece] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece.row) + len(piece.section)
        if len(waiting) == PIECES or size > _SIZE:
            yield _pack(waiting)
            waiting, size = [], 0
    if waiting:
        yield _pack(waiting)


def _pack(pieces: list[Piece]) -> Pack:
    text = json.dumps(
        [[piece.number, piece.row, piece.section] for piece in pieces],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    squeeze = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    data = squeeze.compress(text.encode("utf-8", "replace")) + squeeze.flush()
    return Pack(tuple(piece.number for piece in pieces), b64encode(data).decode("ascii"))

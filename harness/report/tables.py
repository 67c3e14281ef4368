"""Tables for people, which stay whole at any width: no heading is cut, and no cell is lost."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

from rich.cells import cell_len

from harness.text.shown import one_line

_GAP = 2
_PROSE = 24  # columns of room in which the last cell may be wrapped
Row = Sequence[str]


def table_lines(rows: Sequence[Row], width: int | None = None, indent: str = "") -> Iterator[str]:
    """The lines of a table, whose first row are the headings.

    What does not fit ``width`` columns has its last cell wrapped below its heading; narrower,
    each row becomes a block that begins with its first cell. None is any width.
    """
    shown, widths, before = _measured(rows, indent)
    if width is not None and not fits(rows, width, indent):
        yield from _blocks(shown, width, indent)
        return
    room = widths[-1] if width is None else width - before
    for *cells, last in shown:
        start = indent + "".join(map(_padded, cells, widths))
        for line in folded(last, room) or [""]:
            yield (start + line).rstrip()
            start = " " * before


def fits(rows: Sequence[Row], width: int, indent: str = "", whole: bool = False) -> bool:
    """Whether `table_lines` makes columns of a table; if ``whole``, without a wrapped cell."""
    shown, widths, before = _measured(rows, indent)
    least = widths[-1] if whole else max(_PROSE, cell_len(shown[0][-1]))
    return width - before >= min(widths[-1], least)


def _measured(rows: Sequence[Row], indent: str) -> tuple[list[list[str]], list[int], int]:
    """The rows as they are shown, the width of each column, and where the last one begins."""
    shown = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    return shown, widths, len(indent) + sum(widths[:-1]) + _GAP * (len(widths) - 1)


def folded(text: str, room: int) -> list[str]:
    """Lines of at most ``room`` columns; between words where that can be."""
    return [text] if cell_len(text) <= room else _wrap(text, max(room, 8))


def wrapped(text: str, width: int) -> list[str]:
    """A line of prose in lines of at most ``width`` columns, the later ones indented further.

    No word is broken, so that an address or a path stays one.
    """
    if cell_len(text) <= width:
        return [text]
    margin = " " * (len(text) - len(text.lstrip()) + 2)
    more = {"subsequent_indent": margin, "break_long_words": False}
    return _wrap(text, max(width, 2 * len(margin)), **more)


def _wrap(text: str, room: int, **more: Any) -> list[str]:
    # at the beginning of a line such an address would get brackets
    glued = text.replace(" ::", "\xa0::")
    return [line.replace("\xa0", " ") for line in wrap(glued, room, break_on_hyphens=False, **more)]


def _blocks(rows: Sequence[Row], width: int, indent: str) -> Iterator[str]:
    headings, *others = rows
    most = max(map(cell_len, headings[1:]), default=0)
    for first, *cells in others:
        yield from (indent + line for line in folded(first, width - len(indent)))
        for heading, cell in zip(headings[1:], cells, strict=True):
            start = f"{indent}  {_padded(heading, most)}"
            for line in folded(cell, width - len(start)):
                yield start + line
                start = " " * len(start)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(cell) + _GAP)

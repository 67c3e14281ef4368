"""Tables for people, which stay whole at any width: no heading is cut, and no cell is lost."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

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
    shown = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    before = len(indent) + sum(widths[:-1]) + _GAP * (len(widths) - 1)
    room = max(widths[-1:]) if width is None else width - before
    if room < min(widths[-1], max(_PROSE, cell_len(shown[0][-1]))):
        yield from _blocks(shown, width or before, indent)
        return
    for *cells, last in shown:
        start = indent + "".join(map(_padded, cells, widths))
        for line in folded(last, room) or [""]:
            yield (start + line).rstrip()
            start = " " * before


def folded(text: str, room: int) -> list[str]:
    """Lines of at most ``room`` columns; between words where that can be."""
    return [text] if cell_len(text) <= room else wrap(text, max(room, 8), break_on_hyphens=False)


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

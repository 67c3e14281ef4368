"""What this host can do, tried, and what would help with the rest: one table of checks."""

from collections.abc import Iterator

from harness.doctor import glibcs, machine
from harness.doctor.rows import CheckRow, examine

__all__ = ["CheckRow", "examine", "table"]


def table(*, network: bool = False) -> Iterator[CheckRow]:
    """The whole table, in the order of the report; with ``network`` the mirrors are asked, too."""
    yield from machine.ROWS
    yield from glibcs.ROWS
    if network:
        yield from glibcs.mirror_rows()
    yield from machine.LAST_ROWS

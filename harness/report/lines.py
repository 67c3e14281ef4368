"""Where the lines of a run go: to a terminal by rich, whose import is a tenth of a run."""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO, TypeVar

from harness.text.shown import one_line

if TYPE_CHECKING:
    from harness.report.terminal import Terminal

T = TypeVar("T")
_ASKED = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")  # what rich goes by, too


class Lines:
    """Writes lines to a ``stream`` that is no terminal, as `harness.report.terminal` does."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, text: str = "", style: str = "", mark: str = "") -> None:  # noqa: ARG002 - a terminal's
        """One line."""
        self._stream.write(f"{one_line(text)}\n")
        self._stream.flush()


def printer(stream: TextIO) -> "Lines | Terminal":
    """What writes lines to a stream."""
    if _is_plain(stream):
        return Lines(stream)
    from harness.report.terminal import Terminal

    return Terminal(file=stream)


def _is_plain(stream: TextIO) -> bool:
    """Whether a stream is no terminal, and rich is not told to take it for one."""
    return not any(os.environ.get(name) for name in _ASKED) and not stream.isatty()


def counted(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Pass ``items`` on while a bar on standard error counts them up to ``total``."""
    if _is_plain(sys.stderr):
        yield from items
        return
    from rich.progress import MofNCompleteColumn, TimeElapsedColumn

    from harness.report.terminal import bar

    with bar(MofNCompleteColumn(), TimeElapsedColumn()) as shown:
        yield from shown.track(items, total=total, description=what)

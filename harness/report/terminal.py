"""Where every text for people is printed: rich's console, on which nothing from outside acts."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from harness.report.tables import Row, table_lines, wrapped
from harness.text.shown import Shown, escaped, lines, one_line

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


class Terminal(Console):
    """A console on ``file`` (standard output by default), whose colours alone are ours.

    What is printed is shown as `harness.text.shown` does. All parameters are rich's.
    """

    @property
    def file(self) -> Any:
        """The stream; a terminal's below what would escape our own colours, too."""
        stream = super().file
        coloured = getattr(self, "_color_system", None) is not None
        return stream.stream if coloured and isinstance(stream, Shown) else stream

    @file.setter
    def file(self, stream: Any) -> None:
        self._file = stream

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich's; the lines of a text are no commands to a CI's runner."""
        super().print(*map(_shown, objects), **options)

    def say(self, text: str = "", style: str = "", whole: bool = False, mark: str = "") -> None:
        """One line, with no markup in it; wrapped on a terminal alone, and never if ``whole``.

        The ``style`` is that of the words ``mark`` alone, where there are some at the end.
        """
        line = one_line(text)
        for each in wrapped(line, self.width) if self.is_terminal and not whole else [line]:
            shown = Text(each, "" if mark else style)
            if mark and each.endswith(mark):
                shown.stylize(style, len(each) - len(mark))
            self.print(shown, soft_wrap=True, highlight=False)

    def say_all(self, lines: Iterable[str]) -> None:
        """Several lines, each as `say` does."""
        for line in lines:
            self.say(line)

    def say_table(self, rows: Sequence[Row]) -> None:
        """A table, whose first row are the headings; of any width where this is no terminal."""
        for line in table_lines(rows, self.width if self.is_terminal else None):
            self.say(line, whole=True)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As rich's, with every segment's text escaped but its line breaks."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                text = "\n".join(map(escaped, segment.text.split("\n")))
                yield Segment(text, segment.style)


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return lines(value)
    if isinstance(value, Text) and (text := lines(value.plain)) != value.plain:
        return Text(text, value.style, end=value.end)
    return value


def bar(*columns: "ProgressColumn") -> "Progress":
    """A bar on standard error, with a description before it and ``columns`` behind it."""
    from rich import progress  # for a long run only

    terminal = Terminal(stderr=True)
    return progress.Progress(
        progress.TextColumn("{task.description}"), progress.BarColumn(), *columns,
        console=terminal, transient=True, disable=not terminal.is_terminal,
    )  # fmt: skip

"""The error that input from outside gives, how a value of it is shown, what a signal is called."""

import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.text.shown import one_line

_SHOWN = 60


@dataclass(eq=False, repr=False)
class InputError(ValueError):
    """Input that cannot be used; ``str()`` is the one line to show.

    Parameters: ``file`` as the user named it, ``line`` from 1, ``field`` as
    "host.routes[0].via", ``expected`` in words, ``got`` instead ("" for nothing to show).
    """

    file: str
    line: int | None
    field: str
    expected: str
    got: str = ""
    exit_status: ClassVar = 2

    @property
    def reason(self) -> str:
        """What was expected and what was there, without the place."""
        return f"expected {self.expected}" + (f" (got {self.got})" if self.got else "")

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return one_line(f"{place}: {self.field}: {self.reason}")


def show(value: Any) -> str:
    """A short, one-line rendering of anything a YAML document can hold."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list, tuple)):
        kind = "a mapping" if isinstance(value, dict) else "a list"
        return f"an empty {kind[2:]}" if not value else kind
    text = value if isinstance(value, str) else repr(value)
    if len(text) > _SHOWN:
        text = text[: _SHOWN - 1] + "…"
    return repr(text) if isinstance(value, str) else text


def some(names: Sequence[str], most: int = 12, comma: str = ", ") -> str:
    """The names in words; of more than ``most`` the first, so that the line can be read."""
    more = len(names) - most
    return comma.join(names[:most]) + (f" and {more} more" if more > 0 else "")


def signal_name(number: int) -> str:
    """SIGSEGV and the like; most real-time signals, and numbers that are none, have no name."""
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"

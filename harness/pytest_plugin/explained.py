"""What pytest shows of a look-up that failed: an explanation, where others have a traceback."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol


class _Writer(Protocol):
    """The part of pytest's terminal writer that is used here."""

    def line(self, s: str = "", **markup: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Crash:
    """Where and why, for the summary's line and for JUnit; pytest's name for it is reprcrash.

    ``lineno`` counts from 1; 0 for a message that names its place itself.
    """

    path: str
    lineno: int
    message: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A failure as text.

    Parameters: ``reprcrash`` the place and the one line; ``problems`` all that went wrong,
    a line each; ``text`` the explanation.
    """

    reprcrash: Crash
    problems: tuple[str, ...]
    text: str = ""

    def toterminal(self, tw: _Writer) -> None:
        """Write it as pytest writes a failure."""
        for line in self.problems:
            tw.line(f"E   {line}", red=True, bold=True)
        if self.text:
            tw.line()
        for line in self.text.splitlines():
            tw.line(line)
        if self.reprcrash.lineno:
            tw.line()
            tw.line(f"{self.reprcrash.path}:{self.reprcrash.lineno}")

    def __str__(self) -> str:
        return "\n".join([*self.problems, "", self.text]).strip() + "\n"

    def as_data(self) -> dict[str, Any]:
        """Plain values, to be sent between processes."""
        return asdict(self) | {"problems": list(self.problems)}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Explained:
        """What `as_data` gave."""
        return cls(Crash(**data["reprcrash"]), tuple(data["problems"]), data["text"])

"""What this host can do, for a terminal and as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from harness.compare.fields import Schema
from harness.report.tables import folded
from harness.report.terminal import Terminal

Verdict = Literal["ok", "limited", "missing", "cannot"]
_STYLES = {"ok": "green", "limited": "yellow", "missing": "yellow", "cannot": "bold red"}
_VERDICT, _TOPIC = 9, 23  # the widths of the first two columns


@dataclass(frozen=True, slots=True)
class Check:
    """One thing this host can do or cannot: what was ``found``, and what that means to the user.

    ``verdict`` is "ok", "limited" (it works with a replacement, or in part), "missing" (something
    optional is not there) or "cannot" (``gai-harness run`` ends with status 3); ``remedy`` what
    to install or change. ``topic`` is a short name that stays the same.
    """

    topic: str
    verdict: Verdict
    found: str
    meaning: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class DoctorDocument:
    """``gai-harness doctor --format json``: the checks in the order they were made."""

    can_run: bool
    checks: tuple[Check, ...]
    schema: Schema = 1


def write_check(console: Terminal, check: Check) -> None:
    """Write the lines of one check: its verdict, what there is, what follows, what would help."""
    from rich.text import Text

    margin = " " * (_VERDICT + _TOPIC)
    room = console.width - len(margin)

    def lines(text: str) -> list[str]:
        return folded(text, room) if console.is_terminal else [text]

    found, *more = lines(check.found)
    line = Text(check.verdict.ljust(_VERDICT), style=_STYLES[check.verdict])
    line.append(f"{check.topic.ljust(_TOPIC)}{found}", style="default not bold")
    console.print(line, soft_wrap=True)
    for text in (check.meaning, check.remedy and f"-> {check.remedy}"):
        more += lines(text) if text else []
    for each in more:
        console.print(Text(margin + each), soft_wrap=True)


def conclusion(checks: Iterable[Check]) -> str:
    """The last line: whether ``gai-harness run`` can do its job here, and if not, why."""
    first = next((check for check in checks if check.verdict == "cannot"), None)
    if first is None:
        return "this host can do the main job: gai-harness run"
    why = "; ".join(filter(None, (f"{first.topic}: {first.found}", first.remedy)))
    return f"gai-harness run ends with status 3 here: {why}"

"""What this machine can do, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.report.documents import Schema
from harness.report.terminal import Terminal
from harness.sandbox.checks import Check

_STYLES = {"ok": "green", "limited": "yellow", "missing": "yellow", "cannot": "bold red"}
_VERDICT, _TOPIC = 9, 23  # the widths of the first two columns


def write_check(console: Terminal, check: Check) -> None:
    """Write the lines of one check: its verdict, what there is, what follows, what would help."""
    from rich.text import Text

    line = Text(check.verdict.ljust(_VERDICT), style=_STYLES[check.verdict])
    line.append(f"{check.topic.ljust(_TOPIC)}{check.found}", style="default not bold")
    console.print(line, soft_wrap=True)
    margin = " " * (_VERDICT + _TOPIC)
    for text in (check.meaning, check.remedy and f"-> {check.remedy}"):
        if text:
            console.print(Text(margin + text), soft_wrap=True)


def conclusion(checks: Iterable[Check]) -> str:
    """The last line: whether ``gai-harness run`` can do its job here, and if not, why."""
    failed = [check for check in checks if check.verdict == "cannot"]
    if not failed:
        return "this machine can do the main job: gai-harness run"
    first = failed[0]
    return (
        f"gai-harness run ends with status 3 here: {first.topic}: {first.found}"
        + (f"; {first.remedy}" if first.remedy else "")
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """``gai-harness doctor --format json``: the checks in the order they were made."""

    can_run: bool
    checks: tuple[Check, ...]
    schema: Schema = 1

    @classmethod
    def of(cls, checks: Iterable[Check]) -> Document:
        """The document of some checks."""
        made = tuple(checks)
        return cls(all(check.verdict != "cannot" for check in made), made)

"""Whether a command printed what its page says, where … stands for anything."""

from __future__ import annotations

import difflib
import re


def mismatch(expected: str, printed: str) -> str | None:
    """None when they match, else the difference as a unified diff.

    A line that is … alone stands for any number of lines, … inside a line for any characters
    of that line. Blanks at the ends of lines do not count.
    """
    said = [line.rstrip() for line in expected.splitlines()]
    came = [line.rstrip() for line in printed.splitlines()]
    pattern = "".join(r"(?:[^\n]*\n)*?" if line.strip() == "…" else _line(line) for line in said)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in came)):
        return None
    return "\n".join(difflib.unified_diff(said, came, "the page", "the run", lineterm=""))


def says_nothing(expected: str) -> bool:
    """True for an output that is elided as a whole: it would match whatever came."""
    return bool(expected.strip()) and not expected.replace("…", "").strip()


def _line(line: str) -> str:
    return r"[^\n]*".join(re.escape(part) for part in line.split("…")) + r"\n"

"""Findings of lint that are meant: a comment in the gai.conf says so, with the reason.

A comment of its own line, ``# gai-harness: accept GAI012 REASON``, accepts the finding in the whole
file; behind an entry it accepts the finding of that line. glibc reads neither. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.advice.lint import CODES, Finding
from harness.text.nearest import did_you_mean

_COMMENT = re.compile(rb"([^#]*)#\s*gai-harness:\s*accept\b\s*(\S*)\s*(.*)")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A code that is accepted, and why; ``line`` where only in that one, else 0."""

    code: str
    reason: str
    line: int = 0

    def takes(self, finding: Finding) -> bool:
        """Whether the finding is accepted by it."""
        return finding.code == self.code and self.line in (0, finding.line)


class AcceptError(ValueError):
    """A comment that accepts nothing as it is written; one line, which begins with its number."""


def acceptances(data: bytes) -> Iterator[Acceptance]:
    """What the comments of a gai.conf accept. Raises AcceptError."""
    for number, raw in enumerate(data.split(b"\n"), 1):
        found = _COMMENT.match(raw)
        if found is None:
            continue
        code, reason = (word.decode("utf-8", "replace").strip() for word in found.groups()[1:])
        if code not in CODES:
            raise AcceptError(f"{number}: accept {code}: {expected(code)}")
        if not reason:
            raise AcceptError(f"{number}: accept {code}: a reason behind it was expected")
        yield Acceptance(code, reason, number if found[1].strip() else 0)


def expected(code: str) -> str:
    """That a code of lint was expected, with the one that was probably meant."""
    return f"a code of lint was expected{did_you_mean(code, CODES) or ', such as GAI012'}"

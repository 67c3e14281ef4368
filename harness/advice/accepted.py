"""Findings of lint that are meant: a comment in the gai.conf says so, with the reason.

A comment of its own line, ``# gai-harness: accept GAI012 REASON``, accepts the finding in the whole
file; behind an entry it accepts the finding of that line. Several codes go with commas or blanks.
glibc reads neither. Pure.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from harness.advice.lint import CODES, Finding, lint
from harness.text.nearest import did_you_mean

_COMMENT = re.compile(rb"([^#]*)#\s*gai-harness:\s*accept\b(.*)")
_CODES = re.compile(r"(?:GAI\d*(?:[\s,]+|$))*")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A code that is accepted, and why; ``line`` where only in that one, else 0.

    ``stands`` is the line of the comment that says so, 0 for an option.
    """

    code: str
    reason: str
    line: int = 0
    stands: int = 0

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
        said = found[2].decode("utf-8", "replace").strip()
        listed = _CODES.match(said)
        end = listed.end() if listed else 0
        codes, reason = said[:end].replace(",", " ").split(), said[end:]
        for code in codes or [said.partition(" ")[0]]:
            if code not in CODES:
                raise AcceptError(f"{number}: accept {code}: {expected(code)}")
            if not reason:
                raise AcceptError(f"{number}: accept {code}: a reason behind it was expected")
            yield Acceptance(code, reason, number if found[1].strip() else 0, number)


def accepted(data: bytes) -> tuple[Acceptance, ...]:
    """What the comments accept; one that is not written as it should accepts nothing."""
    known: list[Acceptance] = []
    with suppress(AcceptError):
        known.extend(acceptances(data))
    return tuple(known)


def unaccepted(data: bytes) -> tuple[Finding, ...]:
    """What lint finds in a gai.conf, without what its comments accept."""
    known = accepted(data)
    return tuple(one for one in lint(data) if not any(each.takes(one) for each in known))


def expected(code: str) -> str:
    """That a code of lint was expected, with the one that was probably meant."""
    return f"a code of lint was expected{did_you_mean(code, CODES) or ', such as GAI012'}"

"""The form of the table: a row is a thing to try, what follows where it fails, and what helps."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from harness.report.doctor import Check, Verdict
from harness.sandbox import Box, Pool, SandboxError


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """What a try found where that is not plainly "ok"; None stands for what the row says."""

    found: str
    verdict: Verdict | None = None
    meaning: str | None = None
    remedy: str | None = None


Found = str | CheckFinding | None
"""What there is; None where there is nothing to say."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check of the table, and what is said where it fails.

    ``attempt`` tries it, or ``inside``, a function of a module, with the box of a fresh sandbox; an
    error of this program's is a finding too. The row is left out where one of the topics it
    ``needs`` "cannot", or was itself left out.
    """

    topic: str
    attempt: Callable[[], Found] = lambda: None
    meaning: str = ""
    remedy: str = ""
    verdict: Verdict = "missing"
    needs: tuple[str, ...] = ()
    inside: Callable[[Box], Found] | None = None

    def check(self, found: Found | Exception) -> Check | None:
        """The line of what was found."""
        if found is None:
            return None
        if isinstance(found, str):
            return Check(self.topic, "ok", found)
        if isinstance(found, Exception):  # with its reason and hint apart, or as one line
            found = CheckFinding(
                getattr(found, "reason", str(found)), remedy=getattr(found, "hint", "") or None
            )
        return Check(
            self.topic,
            found.verdict or self.verdict,
            found.found,
            self.meaning if found.meaning is None else found.meaning,
            self.remedy if found.remedy is None else found.remedy,
        )


def examine(rows: Iterable[CheckRow]) -> Iterator[Check]:
    """Try the rows of a table in their order. Nothing is left behind."""
    able: set[str] = set()
    pool: Pool | None = None
    with ExitStack() as stack:
        for row in rows:
            if not able.issuperset(row.needs):
                continue
            found: Found | Exception
            try:
                if row.inside:
                    pool = pool or stack.enter_context(Pool())
                    (found,) = pool.run(_inside, row.inside)
                else:
                    found = row.attempt()
            except Exception as problem:
                if getattr(problem, "exit_status", None) is None:
                    raise
                found = problem
            if check := row.check(found):
                if check.verdict != "cannot":
                    able.add(row.topic)
                yield check


def _inside(box: Box, function: Callable[[Box], Found]) -> Iterator[Found]:
    try:
        yield function(box)
    except OSError as problem:
        raise SandboxError(problem.strerror or str(problem)) from None

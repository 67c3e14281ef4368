"""The form of the table: a row is a thing to try, what follows where it fails, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness.report.doctor import Check, Verdict
from harness.sandbox import Pool, SandboxError

if TYPE_CHECKING:
    from harness.sandbox import Box
    from harness.sandbox.pool import Conversation


@dataclass(frozen=True, slots=True)
class Finding:
    """What a try found where that is not plainly "ok"; None stands for what the row says."""

    found: str
    verdict: Verdict | None = None
    meaning: str | None = None
    remedy: str | None = None


Found = str | Finding | None
"""What there is; None where there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Row:
    """One check of the table.

    Args:
        topic: Its name in the report.
        attempt: Tries it. An error of this program's that it raises is a finding too.
        meaning: What follows where it fails.
        remedy: What helps then, where an error does not say that itself.
        verdict: The verdict where it fails.
        needs: The topics without which this cannot be tried. The row is left out where one of
            them "cannot", or was itself left out.
        inside: A function of a module, called with the box in the one sandbox, in its place.
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
            found = Finding(
                getattr(found, "reason", str(found)), remedy=getattr(found, "hint", "") or None
            )
        return Check(
            self.topic,
            found.verdict or self.verdict,
            found.found,
            self.meaning if found.meaning is None else found.meaning,
            self.remedy if found.remedy is None else found.remedy,
        )


class _Sandbox(ExitStack):
    """The one sandbox in which things are tried, made when it is first asked."""

    @cached_property
    def _conversation(self) -> Conversation:
        conversation = self.enter_context(self.enter_context(Pool()).converse(_answer, None))
        conversation.receive()  # where no sandbox can be made, this says why
        return conversation

    def ask(self, function: Callable[[Box], Found]) -> Found:
        """What a function finds inside. Raises SandboxError."""
        self._conversation.send(function)
        found: Found | SandboxError = self._conversation.receive()
        if isinstance(found, SandboxError):
            raise found
        return found


def _answer(box: Box, _spec: None) -> Iterator[Found | SandboxError]:
    yield None
    while True:
        try:
            function = box.hear()
        except EOFError:
            return
        found: Found | SandboxError
        try:
            found = function(box)
        except SandboxError as problem:
            found = problem
        except OSError as problem:
            found = SandboxError(problem.strerror or str(problem))
        yield found


def examine(rows: Iterable[Row]) -> Iterator[Check]:
    """Try the rows of a table in their order. Nothing is left behind."""
    able: set[str] = set()
    with _Sandbox() as sandbox:
        for row in rows:
            if not able.issuperset(row.needs):
                continue
            found: Found | Exception
            try:
                found = sandbox.ask(row.inside) if row.inside else row.attempt()
            except Exception as problem:
                if getattr(problem, "exit_status", None) is None:
                    raise
                found = problem
            if check := row.check(found):
                if check.verdict != "cannot":
                    able.add(row.topic)
                yield check

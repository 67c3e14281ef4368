"""What pytest shows of look-ups: a failure's explanation, JUnit's properties, the last lines.

Imported with every run of pytest; what it takes to explain is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from _pytest._io import TerminalWriter

    from harness.compare.results import LookupReport, Result
    from harness.sandbox import SandboxError

_MOST = 20  # differences shown
REFUSAL = pytest.StashKey[pytest.UsageError]()
"""Why no scenario was collected."""


def is_worker(config: pytest.Config) -> bool:
    """Whether this process runs tests for another one, as pytest-xdist's do."""
    return hasattr(config, "workerinput")


class Examined(NamedTuple):
    """What was found for one item: its result, and the report it is a part of."""

    result: Result
    report: LookupReport


@dataclass(frozen=True, slots=True)
class Crash:
    """Where and why, for the summary's line and for JUnit; pytest calls it reprcrash.

    ``lineno`` counts from 1; 0 for a message that names its place itself.
    """

    path: str
    lineno: int
    message: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A failure as text, where others have a traceback: ``problems`` are lines."""

    reprcrash: Crash
    problems: tuple[str, ...]
    text: str = ""

    def toterminal(self, tw: TerminalWriter) -> None:
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


def explain_result(found: Examined, path: str, line: int) -> Explained:
    """The failure of a look-up, which stands at ``line`` of ``path``, with its explanation."""
    from harness.compare.explain import Explanation
    from harness.report.explanation import as_text
    from harness.report.words import headline
    from harness.text.shown import escaped, one_line

    result = found.result
    expected = (f"expectation failed: {one}" for one in result.unmet)
    problems = tuple(dict.fromkeys(map(one_line, [headline(result), *expected])))
    explanation = Explanation(None, replace(result, unmet=()), devices=found.report.devices)
    orders = f"native  {escaped(result.answer)}\nmodel   {escaped(result.model_answer)}\n\n"
    tidy = "\n".join(line.rstrip() for line in (orders + as_text([explanation])).splitlines())
    return Explained(Crash(path, line, problems[0]), problems, tidy)


def explain_error(problem: SandboxError, path: str, line: int) -> Explained:
    """A host or a glibc that could not be used."""
    from harness.text.shown import lines, one_line

    said = one_line(str(problem))
    return Explained(Crash(path, line, said), (said,), lines(problem.details))


def properties_of(found: Examined) -> list[tuple[str, object]]:
    """What a JUnit file says of an item beside its outcome: names and values, in this order."""
    result = found.result
    said: dict[str, object] = {
        "glibc": result.glibc,
        "arch": result.arch,
        "build": result.build,
        "gai_conf": result.gai_conf,
        "native": result.answer,
        "model": result.model_answer,
        "emulator": result.emulator,
        "rule": result.decisions[0].rule if result.decisions else None,
        "gai_difference": "; ".join(_differences(found)),
    }
    always = ("glibc", "arch", "build", "gai_conf")
    return [(name, value) for name, value in said.items() if value or name in always]


def _differences(found: Examined) -> Iterator[str]:
    """How this build's answer differs from that of the next older one, or of another processor."""
    result, report = found
    for change in report.changes:
        concerns = not change.archs or result.arch in change.archs
        if concerns and _is(result, change.newer, change.newer_label):
            for older in report.results:
                if older.arch == result.arch and _is(older, change.older, change.older_label):
                    answers = f"{older.answer} → {result.answer}"
                    yield f"{change.between}: {answers} ({change.because})"
                    break
    for contrast in report.architectures:
        if result.glibc in contrast.glibc and result.arch in contrast.other:
            for one in report.results:
                if one.glibc == result.glibc and one.arch in contrast.one:
                    answers = f"{one.answer} ≠ {result.answer}"
                    yield f"{contrast.between}: {answers} ({contrast.because})"
                    break


def _is(result: Result, glibc: str, label: str) -> bool:
    return result.glibc == glibc and label in ("", result.label)


def write_differences(terminalreporter: pytest.TerminalReporter) -> None:
    """A section with every look-up that versions or processors answer differently, if any."""
    found = sorted(
        (report.nodeid, difference)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if getattr(report, "when", "") == "call"
        and (difference := dict(report.user_properties).get("gai_difference"))
    )
    if not found:
        return
    from harness.text.shown import one_line

    terminalreporter.section("builds of glibc that answer differently", sep="-")
    for nodeid, difference in found[:_MOST]:
        terminalreporter.line(one_line(f"{nodeid}: {difference}"))
    if len(found) > _MOST:
        terminalreporter.line(f"… and {len(found) - _MOST} more")

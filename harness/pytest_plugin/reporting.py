"""What pytest shows of look-ups: a failure's explanation, JUnit's properties, the last lines.

Imported with every run of pytest; what it takes to explain is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import ReprExceptionInfo

    from harness.compare.results import LookupReport, Result

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


def shown(path: str, line: int, problems: Sequence[str], text: str = "") -> ReprExceptionInfo:
    """A failure as pytest shows its own, and sends them between processes.

    The summary shows the first of the lines ``problems``; ``line`` is 0 where they name it.
    """
    from _pytest._code import code

    entries = [code.ReprEntry([f"E   {one}" for one in problems], None, None, None, "short")]
    rest = [code.ReprEntryNative([f"\n{text}\n"])] if text else []
    place = f"\n{path}:{line}" if line else None
    return code.ReprExceptionInfo(
        reprtraceback=code.ReprTraceback([*entries, *rest], place, "short"),
        reprcrash=code.ReprFileLocation(path, line, problems[0]),
    )


def explain_result(found: Examined, path: str, line: int) -> ReprExceptionInfo:
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
    return shown(path, line, problems, tidy)


def properties_of(found: Examined) -> list[tuple[str, object]]:
    """What a JUnit file says of an item beside its outcome: names and values, in this order."""
    result = found.result
    always = ("glibc", "arch", "build", "gai_conf")
    said: dict[str, object] = {name: getattr(result, name) for name in always}
    said |= {
        "native": result.answer,
        "model": result.model_answer,
        "emulator": result.emulator,
        "rule": result.decisions[0].rule if result.decisions else None,
        "gai_difference": "; ".join(_differences(found)),
    }
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

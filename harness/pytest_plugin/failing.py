"""From a result to what pytest shows of it, in the words of the other reports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.compare.explain import Explanation
from harness.pytest_plugin.explained import Crash, Explained
from harness.report.explanation import as_text
from harness.report.words import headline, once
from harness.text.shown import escaped, lines, one_line

if TYPE_CHECKING:
    from harness.compare.results import Result
    from harness.pytest_plugin.examining import Examined
    from harness.sandbox import SandboxError


def explain_result(found: Examined, path: str, line: int) -> Explained:
    """The failure of a look-up, with its explanation.

    Parameters: ``path`` and ``line`` of the look-up in its file.
    """
    result = found.result
    expected = (f"expectation failed: {one}" for one in result.unmet)
    problems = tuple(dict.fromkeys(map(one_line, [headline(result), *expected])))
    explanation = Explanation(None, replace(result, unmet=()), devices=found.report.devices)
    orders = f"native  {escaped(native(result))}\nmodel   {escaped(model(result))}\n\n"
    tidy = "\n".join(line.rstrip() for line in (orders + as_text([explanation])).splitlines())
    return Explained(Crash(path, line, problems[0]), problems, tidy)


def explain_error(problem: SandboxError, path: str, line: int) -> Explained:
    """A host or a glibc that could not be used."""
    said = one_line(str(problem))
    return Explained(Crash(path, line, said), (said,), lines(problem.details))


def native(result: Result) -> str:
    """What glibc said: an order, each address once, or an error's name."""
    return once(result.native) or result.error or "no address"


def model(result: Result) -> str:
    """What the model says, in the same way."""
    return once(result.model) or result.model_error or "no address"

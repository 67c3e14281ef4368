"""From a result to what pytest shows of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from harness.compare.explain import Explanation
from harness.compare.results import Verdict
from harness.pytest_plugin.explained import Crash, Explained
from harness.report.explanation import as_text

if TYPE_CHECKING:
    from harness.compare.results import Result
    from harness.pytest_plugin.examining import Examined
    from harness.sandbox import SandboxError


def explain_result(found: Examined, path: str, line: int) -> Explained:
    """The failure of a look-up, with its explanation.

    Parameters: ``path`` and ``line`` of the look-up in its file.
    """
    result = found.result
    problems = (*_verdict(result), *result.unmet)
    explanation = Explanation(
        None, replace(result, unmet=()), result.destinations, devices=found.report.devices
    )
    text = _orders(result) + as_text([explanation])
    tidy = "\n".join(line.rstrip() for line in text.splitlines())
    return Explained(Crash(path, line, problems[0]), problems, tidy)


def explain_error(problem: SandboxError, path: str, line: int) -> Explained:
    """A host or a glibc that could not be used."""
    return Explained(Crash(path, line, str(problem)), (str(problem),), problem.details)


def _verdict(result: Result) -> list[str]:
    if result.verdict is Verdict.CRASHED and not result.predicted:
        return [f"glibc {result.glibc} died of {result.error}, which the model does not say"]
    if result.verdict is Verdict.ERROR:
        return [f"glibc {result.glibc} gave no answer: {result.error}"]
    if result.verdict is not Verdict.DISAGREE:
        return []
    if result.error != result.model_error:
        native, model = (error or "an answer" for error in (result.error, result.model_error))
        return [f"glibc {result.glibc} and the model disagree: {native} and {model}"]
    number = "" if result.first_difference is None else f" at number {result.first_difference + 1}"
    return [f"glibc {result.glibc} and the model disagree{number}"]


def _orders(result: Result) -> str:
    """Both orders, one above the other."""
    native = _words(result.native) or result.error or "nothing"
    model = _words(result.model) or result.model_error or "nothing"
    return f"native  {native}\nmodel   {model}\n\n"


def _words(addresses: tuple[str, ...]) -> str:
    return ", ".join(address for address, _ in groupby(addresses))

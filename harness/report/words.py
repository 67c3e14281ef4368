"""Results in plain words, for formats that carry text: JUnit, TAP, annotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from harness.compare.results import BuildChange, LookupReport, Result, Verdict
from harness.report.against import accepted, answer


def once(addresses: Sequence[str]) -> str:
    """An order with neighbours of the same address named once."""
    return ", ".join(address for address, _ in groupby(addresses))


def place(report: LookupReport) -> str:
    """Where the look-up is written: "FILE:LINE", as far as it is known."""
    return report.source if report.line is None else f"{report.source}:{report.line}"


def asked(report: LookupReport) -> str:
    """The look-up, with its gai.conf where that is not the scenario's own lack of one."""
    return report.lookup + ("" if report.gai_conf == "default" else f" [{report.gai_conf}]")


def headline(result: Result) -> str:
    """What came of one look-up on one build, in one line."""
    if result.verdict is Verdict.CRASHED:
        if result.predicted:
            return f"died of {result.error}, as undefined lines of gai.conf may cause"
        return f"getaddrinfo died of {result.error}"
    if result.verdict is Verdict.ERROR:
        return str(result.error)
    if result.verdict is Verdict.DISAGREE:
        return f"glibc says {_native(result)}, the model {_model(result)}"
    if result.unmet:
        return f"expectation failed: {result.unmet[0]}"
    return _native(result)


def story(result: Result) -> list[str]:
    """The headline and everything behind it, each line once."""
    return list(dict.fromkeys([headline(result), *details(result)]))


def alike(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Results with the same headline, by it: one text serves them all."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(headline(result), []).append(result)
    return found


def wheres(results: Iterable[Result]) -> str:
    """The builds of results, in words."""
    return ", ".join(result.where for result in results)


def details(result: Result) -> Iterator[str]:
    """Everything known of a result, line by line: both orders, the reasons, what to know."""
    if result.untrusted:
        yield f"not counted: {result.untrusted}"
    for failure in result.unmet:
        yield f"expectation failed: {failure}"
    yield f"native  {_native(result)}"
    yield f"model   {_model(result)}"
    if result.first_difference is not None:
        yield f"first difference at number {result.first_difference + 1}"
    for decision in result.decisions:
        yield f"  {decision.why}"
    for line in result.undefined:
        yield f"undefined: {line}; a crash or any use of it is right"
    for remark in result.remarks:
        yield remark.text
    for departure in result.departures:
        yield f"{departure.standard} says {', '.join(departure.order)} ({departure.why})"
    if result.accepted:
        yield accepted(result)


def change_headline(change: BuildChange) -> str:
    """A changed order in one line."""
    return (
        f"{answer(change.new)} instead of {answer(change.old)} on {change.old.where} "
        f"({change.rules})"
    )


def _native(result: Result) -> str:
    return result.error or once(result.native) or "no address"


def _model(result: Result) -> str:
    return result.model_error or once(result.model) or "no address"

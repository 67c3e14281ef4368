"""What is said of results in plain words. Each format takes its part of it and adds its style."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.advice.lint import Finding
from harness.compare.differences import BuildChange, Change
from harness.compare.results import LookupReport, Result, Verdict
from harness.model.dialects import NEWEST, beyond_model


def place(report: LookupReport) -> str:
    """Where the look-up is written: "FILE:LINE", as far as it is known."""
    return report.source if report.line is None else f"{report.source}:{report.line}"


def question(report: LookupReport) -> str:
    """The look-up, with its gai.conf where that is not the scenario's own lack of one."""
    return report.lookup + ("" if report.gai_conf == "default" else f" [{report.gai_conf}]")


def acceptance(one: "BuildChange | Result | Case") -> str:
    """That the baseline knows it, and why it does."""
    return f"accepted by the baseline: {one.reason}" if one.reason else "accepted by the baseline"


def headline(result: Result) -> str:
    """What came of one look-up on one build, in one line."""
    if result.verdict is Verdict.CRASHED:
        if result.predicted and result.error == result.model_error:
            return f"died of {result.error}, as the model says"
        if result.predicted:
            return f"died of {result.error}, as undefined lines of gai.conf may cause"
        return f"getaddrinfo died of {result.error}"
    if result.verdict is Verdict.ERROR:
        return str(result.error)
    if result.verdict is Verdict.DISAGREE:
        if result.differences and (result.native, result.error) == (result.model, None):
            return f"the same addresses, but {result.differences[0]}"
        return f"{result.resolver} says {result.answer}, the model {result.model_answer}"
    return f"expectation failed: {result.unmet[0]}" if result.unmet else result.answer


THIS_HOST = "this host"
"""What texts call the machine that the program runs on, whatever JSON calls a copy of it."""


def comparison(result: Result) -> str:
    """How glibc and model compare, in words: they agree or not, or glibc gave no answer."""
    if result.verdict is Verdict.CRASHED:
        died = f"{result.resolver} crashes ({result.error})"
        return died + ", as the model says" * result.predicted
    if result.verdict is Verdict.ERROR:
        return f"{result.resolver} gives {result.error}"
    return f"native and model {result.verdict}"


def result_lines(result: Result) -> Iterator[tuple[str, str]]:
    """Everything known of a result in lines, each with its kind; a remark has its own kind."""
    if result.untrusted:
        yield "untrusted", f"not counted: {result.untrusted}"
    for line in result.undefined:
        yield "undefined", f"undefined: {line}; a crash or any use of it is right"
    if result.native or result.error:
        yield "native", f"native  {result.answer}"
    if result.said:
        yield "said", f"it said {result.said}"
    if result.model or result.model_error:
        yield "model", f"model   {result.model_answer}"
    if result.first_difference is not None:
        yield "difference", f"first difference at number {result.first_difference + 1}"
    for text in result.differences:
        yield "difference", text
    for line in result.presence_lines:
        yield "presence", line
    for decision in result.decisions:
        yield "why", f"  {decision.why}"
    if result.unsorted:
        yield "why", f"  {result.unsorted}"
    for remark in result.remarks:
        yield remark.kind, remark.text
    for departure in result.departures:
        text = f"{departure.standard} says {', '.join(departure.order)} ({departure.why})"
        yield "departure", text
    for failure in result.unmet:
        yield "unmet", f"expectation failed: {failure}"
    if result.accepted:
        yield "accepted", acceptance(result)


def story(result: Result) -> list[str]:
    """The headline and everything behind it, each line once."""
    known = [told(result)] if result.rows else []
    return list(
        dict.fromkeys([headline(result), *known, *(text for _, text in result_lines(result))])
    )


def lint_line(finding: Finding) -> str:
    """A finding of lint in a line: its code, its place in the file, the versions if not all."""
    at = f"line {finding.line}: " if finding.line else ""
    versions = "" if finding.glibc == "all" else f" [glibc {finding.glibc}]"
    return f"{finding.code} {at}{finding.message}{versions}"


def beyond(versions: Iterable[str]) -> str:
    """Which versions of a run are newer than the model knows, in a line; "" for none."""
    newer = dict.fromkeys(filter(beyond_model, versions))
    if not newer:
        return ""
    return (
        f"the model knows glibc up to {NEWEST}, and judges {', '.join(newer)} as that: a difference"
        " may be new there"
    )


_LONG = 200  # characters of a remark that is told once


def remarked(kind: str, remark: str, before: set[str]) -> str:
    """A remark, of which a long trap is told whole once: ``before`` holds those that were."""
    if kind == "trap" and len(remark) > _LONG:
        if remark in before:
            return f"{remark.partition('; ')[0]} (explained above)"
        before.add(remark)
    return remark


def told(result: Result) -> str:
    """In which rows the build differs from Debian's of its version."""
    return f"glibc {result.where} goes by {', '.join(result.rows)}, as Debian's does not"


def told_apart(result: Result, among: Iterable[Result]) -> str:
    """The fewest words that tell a build from those of its version and architecture."""
    version = result.version, result.arch
    alike = {(one.label, one.lane) for one in among if (one.version, one.arch) == version}
    labels = [label for label, _ in alike]
    words = [result.label] if len({*labels}) > 1 else []
    words += [result.lane] if labels.count(result.label) > 1 else []
    return ", ".join(words)


def whose(results: Sequence[Result]) -> str:
    """What stands before the names of builds: "glibc " where the first of them is one."""
    return "glibc " if results[0].resolver == "glibc" else ""


def builds(results: Iterable[Result]) -> str:
    """Versions and architectures of results, each once."""
    return ", ".join(dict.fromkeys(f"{result.version} {result.arch}" for result in results))


def change_headline(change: BuildChange) -> str:
    """A changed order in one line."""
    old, new = change.old, change.new
    return f"{new.answer} instead of {old.answer} on {old.where} ({change.rules})"


def change_lines(change: BuildChange) -> Iterator[str]:
    """A change in lines: old and new, each with its reason, and what explains the difference."""
    for side in (change.old, change.new):
        yield f"{side.where}: {side.answer}"
        if side.why:
            yield f"  {side.why}"
    yield from (*change.why, *change_notes(change))


def change_notes(change: Change) -> Iterator[str]:
    """What else has to be known of a difference."""
    if isinstance(change, BuildChange) and change.undefined:
        yield "chance may have decided: not counted"
    if isinstance(change, BuildChange) and change.accepted:
        yield acceptance(change)


@dataclass(frozen=True, slots=True)
class Case:
    """One test, for formats that know tests: a result, or its answer held against another build's.

    ``kind`` is the verdict, "expectation" or "untrusted", for one that is held against another
    "changed"; ``reason`` why a failure is accepted. ``orders`` are the two that differ, by name.
    ``lines`` say all that is known; there are none of a plain success.
    """

    name: str
    build: str
    outcome: Literal["passed", "failed", "error", "accepted", "skipped"] = "passed"
    kind: str = ""
    message: str = ""
    reason: str = ""
    lines: tuple[str, ...] = ()
    orders: dict[str, str | list[str]] = field(default_factory=dict)
    seconds: float = 0.0


def cases(report: LookupReport) -> Iterator[Case]:
    """The tests of a look-up: each result, and behind it what is held against the reference."""
    changes = {change.new.where: change for change in report.against}
    for result in report.results:
        yield _case(report, result)
        if report.holds(result):
            yield _held(report, result, changes.get(result.where))


def _case(report: LookupReport, result: Result) -> Case:
    plain = Case(
        f"{question(report)} · {result.who}",
        result.where,
        kind=str(result.verdict),
        lines=tuple(story(result)),
        seconds=result.elapsed_ns / 1e9,
    )
    if result.untrusted:
        return replace(plain, outcome="skipped", kind="untrusted", message=result.untrusted)
    if not result.differs:
        return plain if result.predicted else replace(plain, lines=())
    died = result.verdict in (Verdict.CRASHED, Verdict.ERROR)
    return replace(
        plain,
        outcome="accepted" if result.accepted else "error" if died else "failed",
        kind="expectation" if result.verdict is Verdict.AGREE else plain.kind,
        message=headline(result),
        reason=result.reason,
        orders={
            "native": result.error or list(result.native),
            "model": result.model_error or list(result.model),
        },
    )


def _held(report: LookupReport, result: Result, change: BuildChange | None) -> Case:
    name = f"{question(report)} · {result.who} against {report.reference}"
    plain = Case(name, result.where, kind="changed")
    if change is None:
        return plain
    plain = replace(plain, lines=tuple(change_lines(change)))
    if change.undefined and not change.accepted:
        return plain
    old, new = change.old, change.new
    return replace(
        plain,
        outcome="accepted" if change.accepted else "failed",
        message=change_headline(change),
        reason=change.reason,
        orders={"was": old.error or list(old.order), "now": new.error or list(new.order)},
    )


def unused_name(name: str, taken: dict[str, int], sign: str) -> str:
    """``name``, with ``sign`` and a number where it is in ``taken`` already; it is put there."""
    chosen, number = name, taken.get(name, 1)
    while chosen in taken:
        number += 1
        chosen = f"{name}{sign}{number}"
    taken[name] = number
    taken.setdefault(chosen, 1)
    return chosen


def equality(destination: int, source: int | None) -> str:
    """Destination's and source's value: "14 = 14", "4 ≠ 1"; the first alone without a source."""
    if source is None:
        return str(destination)
    return f"{destination} {'=' if destination == source else '≠'} {source}"

"""JUnit XML, in the dialect that Jenkins, GitLab and GitHub's actions have in common.

A suite per scenario, a case per look-up, gai.conf and build. One element at most says what
became of a case, with everything in its text: GitLab shows the text and no attribute. A
case's class and name are the same in every run and no two cases share them: results are
followed over time by them, and GitLab drops what it takes for a repetition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO
from xml.etree import ElementTree as ET

from harness.compare.results import BuildChange, LookupReport, Notice, Result, Summary, Verdict
from harness.report.against import accepted, explanation
from harness.report.words import asked, change_headline, headline, place, story

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class _Case:
    """One case: ``outcome`` is "", "failure", "error" or "skipped"."""

    name: str
    seconds: float = 0.0
    outcome: str = ""
    kind: str = ""
    message: str = ""
    text: str = ""


class JUnitReport:
    """Collects reports, and writes one document when the run is finished."""

    def __init__(self, stream: TextIO, title: str = "") -> None:
        self._stream = stream
        self._title = title
        self._suites: dict[tuple[str, str], list[_Case]] = {}
        self._results: list[Result] = []

    def add(self, report: LookupReport) -> None:
        """Take one look-up."""
        suite = self._suites.setdefault((report.scenario, report.source), [])
        changes = {change.new.where: change for change in report.against}
        for result in report.results:
            suite.append(_case(report, result))
            if report.holds(result):
                suite.append(_held(report, result, changes.get(result.where)))
        self._results += report.results

    def note(self, notice: Notice) -> None:
        """Take a refused host, which is an error, or a stale entry of the baseline."""
        if notice.kind == "refused":
            suite = self._suites.setdefault((notice.scenario, notice.source), [])
            suite.append(_Case("host", 0.0, "error", "refused", notice.text, notice.source))
            return
        words = [notice.scenario, notice.lookup, notice.gai_conf, notice.build]
        outcome = "failure" if notice.failed else "skipped"
        suite = self._suites.setdefault((_BASELINE, notice.source), [])
        suite.append(
            _Case(" · ".join(filter(None, words)), 0.0, outcome, "stale", notice.text, notice.text)
        )  # fmt: skip

    def finish(self) -> Summary:
        """Write the document; the totals."""
        root = ET.Element("testsuites", {"name": "gai-harness"})
        taken: set[tuple[str, str]] = set()
        every: list[_Case] = []
        for (scenario, source), cases in self._suites.items():
            # Jenkins takes what stands before the last dot for a package
            owner = f"gai-harness.{scenario.replace('.', '_')}"
            suite = _element(root, "testsuite", name=scenario, **_counts(cases))
            if source:
                suite.set("file", _xml(source))
            for case in cases:
                _write(suite, owner, _unused(taken, owner, case.name), case)
            every += cases
        for key, count in _counts(every).items():
            if key != "skipped":  # a suite's alone, in Jenkins' schema
                root.set(key, count)
        ET.indent(root, " ")
        self._stream.write('<?xml version="1.0" encoding="utf-8"?>\n')
        self._stream.write(ET.tostring(root, encoding="unicode") + "\n")
        return Summary.of(self._results)


def _case(report: LookupReport, result: Result) -> _Case:
    name = f"{asked(report)} · glibc {result.where}"
    seconds = result.elapsed_ns / 1e9
    text = "\n".join(filter(None, [place(report), *story(result)]))
    if result.accepted:
        return _Case(name, seconds, "skipped", "accepted", accepted(result), text)
    if result.untrusted:
        return _Case(name, seconds, "skipped", "untrusted", result.untrusted, text)
    if not result.differs:
        return _Case(name, seconds, text=text if result.predicted else "")
    outcome = "error" if result.verdict in (Verdict.CRASHED, Verdict.ERROR) else "failure"
    kind = str(result.verdict) if result.verdict is not Verdict.AGREE else "expectation"
    return _Case(name, seconds, outcome, kind, headline(result), text)


def _held(report: LookupReport, result: Result, change: BuildChange | None) -> _Case:
    name = f"{asked(report)} · glibc {result.where} against {report.reference}"
    if change is None:
        return _Case(name)
    text = "\n".join(filter(None, [place(report), *explanation(change)]))
    if change.accepted:
        return _Case(name, 0.0, "skipped", "accepted", accepted(change), text)
    if change.undefined:
        return _Case(name, text=text)
    return _Case(name, 0.0, "failure", "changed", change_headline(change), text)


def _write(suite: ET.Element, owner: str, name: str, case: _Case) -> None:
    element = _element(
        suite, "testcase", classname=owner, name=name, time=f"{case.seconds:.6f}"
    )  # fmt: skip
    if case.outcome:
        _element(element, case.outcome, type=case.kind, message=case.message).text = _xml(case.text)
    elif case.text:
        _element(element, "system-out").text = _xml(case.text)


def _unused(taken: set[tuple[str, str]], owner: str, name: str) -> str:
    """``name``, with a number where a case of this class has it already."""
    for chosen in _numbered(name):
        if (owner, chosen) not in taken:
            break
    taken.add((owner, chosen))
    return chosen


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name} #{number}"
        number += 1


def _counts(cases: Sequence[_Case]) -> dict[str, str]:
    def count(outcome: str) -> str:
        return str(sum(case.outcome == outcome for case in cases))

    return {
        "tests": str(len(cases)),
        "failures": count("failure"),
        "errors": count("error"),
        "skipped": count("skipped"),
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }


def _element(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, {key: _xml(text) for key, text in attributes.items()})


def _xml(text: str) -> str:
    r"""``text`` with characters that no XML document may have as ``\x1b`` and the like."""
    return _NOT_XML.sub(lambda found: found[0].encode("unicode_escape").decode(), text)

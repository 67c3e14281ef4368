"""JUnit XML, in the dialect that Jenkins, GitLab and GitHub's actions have in common.

A suite per scenario, a case per look-up, gai.conf and build. One element at most says what
became of a case, with everything in its text: GitLab shows the text and no attribute. A
case's class and name are the same in every run and no two cases share them: results are
followed over time by them, and GitLab drops what it takes for a repetition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TextIO
from xml.etree import ElementTree as ET

from harness.compare.results import BuildChange, LookupReport, Notice, Result, Summary, Verdict
from harness.report.against import accepted, explanation
from harness.report.words import asked, change_headline, headline, place, story
from harness.sandbox.spool import Spool
from harness.text.shown import escaped, lines, one_line

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


@dataclass(slots=True)
class _Suite:
    """A suite: where its cases are in the spool, and what they add up to."""

    scenario: str
    source: str
    places: list[int] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def counts(self) -> dict[str, str]:
        return {
            "tests": str(len(self.places)),
            "failures": str(self.outcomes["failure"]),
            "errors": str(self.outcomes["error"]),
            "skipped": str(self.outcomes["skipped"]),
            "time": f"{self.seconds:.3f}",
        }


class JUnitReport:
    """Keeps cases in a spool, and writes one document when the run is finished."""

    def __init__(self, stream: TextIO, title: str = "") -> None:
        self._stream = stream
        self._title = title
        self._cases: Spool[_Case] = Spool()
        self._suites: dict[tuple[str, str], _Suite] = {}
        self._summary = Summary()

    def add(self, report: LookupReport) -> None:
        """Take one look-up."""
        changes = {change.new.where: change for change in report.against}
        for result in report.results:
            self._add(report.scenario, report.source, _case(report, result))
            if report.holds(result):
                case = _held(report, result, changes.get(result.where))
                self._add(report.scenario, report.source, case)
        self._summary += Summary.of(report.results)

    def note(self, notice: Notice) -> None:
        """Take a refused host, which is an error, or a stale entry of the baseline."""
        if notice.kind == "refused":
            case = _Case("host", 0.0, "error", "refused", notice.text, notice.source)
            self._add(notice.scenario, notice.source, case)
            return
        words = [notice.scenario, notice.lookup, notice.gai_conf, notice.build]
        outcome = "failure" if notice.failed else "skipped"
        name = " · ".join(filter(None, words))
        case = _Case(name, 0.0, outcome, "stale", notice.text, notice.text)
        self._add(_BASELINE, notice.source, case)

    def _add(self, scenario: str, source: str, case: _Case) -> None:
        suite = self._suites.setdefault((scenario, source), _Suite(scenario, source))
        suite.places.append(len(self._cases))
        suite.outcomes[case.outcome] += 1
        suite.seconds += case.seconds
        self._cases.append(case)

    def finish(self) -> Summary:
        """Write the document; the totals."""
        every = _Suite("", "")
        for suite in self._suites.values():
            every.places += suite.places
            every.outcomes += suite.outcomes
            every.seconds += suite.seconds
        counts = every.counts
        del counts["skipped"]  # a suite's alone, in Jenkins' schema
        root = ET.Element("testsuites", {"name": "gai-harness", **counts})
        self._stream.write('<?xml version="1.0" encoding="utf-8"?>\n')
        self._stream.write(_opening(root, empty=not self._suites))
        taken: dict[tuple[str, str], int] = {}
        for suite in self._suites.values():
            # Jenkins takes what stands before the last dot for a package
            owner = f"gai-harness.{suite.scenario.replace('.', '_')}"
            element = _element(root, "testsuite", name=suite.scenario, **suite.counts)
            if suite.source:
                element.set("file", _xml(suite.source))
            self._stream.write(" " + _opening(element))
            for number in suite.places:
                case = self._cases[number]
                made = _made(owner, _unused(taken, owner, case.name), case)
                self._stream.write(f"  {ET.tostring(made, encoding='unicode')}\n")
            self._stream.write(" </testsuite>\n")
            root.clear()
        if self._suites:
            self._stream.write("</testsuites>\n")
        return self._summary


def _opening(element: ET.Element, empty: bool = False) -> str:
    """The tag alone with which an element begins; all of it where it is ``empty``."""
    text = ET.tostring(element, encoding="unicode")
    return text + "\n" if empty else text.removesuffix(" />") + ">\n"


def _case(report: LookupReport, result: Result) -> _Case:
    name = f"{asked(report)} · glibc {result.where}"
    seconds = result.elapsed_ns / 1e9
    text = _lines([place(report), *story(result)])
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
    text = _lines([place(report), *explanation(change)])
    if change.accepted:
        return _Case(name, 0.0, "skipped", "accepted", accepted(change), text)
    if change.undefined:
        return _Case(name, text=text)
    return _Case(name, 0.0, "failure", "changed", change_headline(change), text)


def _made(owner: str, name: str, case: _Case) -> ET.Element:
    seconds = f"{case.seconds:.6f}"
    element = ET.Element(
        "testcase", {"classname": _xml(owner), "name": _xml(name), "time": seconds}
    )
    if case.outcome:
        _element(element, case.outcome, type=case.kind, message=case.message).text = _xml(case.text)
    elif case.text:
        _element(element, "system-out").text = _xml(case.text)
    ET.indent(element, " ", level=2)
    return element


def _unused(taken: dict[tuple[str, str], int], owner: str, name: str) -> str:
    """``name``, with a number where a case of this class has it already."""
    chosen, number = name, taken.get((owner, name), 1)
    while (owner, chosen) in taken:
        number += 1
        chosen = f"{name} #{number}"
    taken[owner, name] = number
    taken.setdefault((owner, chosen), 1)
    return chosen


def _element(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, {key: escaped(text) for key, text in attributes.items()})


def _xml(text: str) -> str:
    r"""``text`` with what cannot be seen, or no XML may have, as ``\x1b``; its lines stay."""
    return lines(text)


def _lines(each: Iterable[str]) -> str:
    return "\n".join(map(one_line, filter(None, each)))

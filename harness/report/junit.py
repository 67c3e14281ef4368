"""JUnit XML, in the dialect that Jenkins, GitLab and GitHub's actions have in common.

A suite per scenario, a case per look-up, gai.conf and build. One element at most says what
became of a case, with everything in its text: GitLab shows the text and no attribute. A
case's class and name are the same in every run and no two cases share them: results are
followed over time by them, and GitLab drops what it takes for a repetition.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, TextIO
from xml.sax.saxutils import escape, quoteattr

from harness.compare.results import LookupReport, Notice
from harness.report.words import Case, acceptance, cases, place, unused_name
from harness.report.writer import Writer
from harness.sandbox.spool import Spool
from harness.text.shown import escaped, lines, one_line

_ELEMENTS = {"failed": "failure", "error": "error", "accepted": "skipped", "skipped": "skipped"}


class JUnitReport(Writer):
    """Keeps cases in a spool, and writes one document when the run is finished."""

    def __init__(self, stream: TextIO, title: str = "") -> None:
        super().__init__(stream, title)
        self._cases: Spool[str] = Spool()
        # of each suite: where its cases are in the spool, and what they add up to
        self._suites: dict[tuple[str, str], tuple[list[int], Counter[str]]] = {}
        self._names: dict[str, dict[str, int]] = {}

    def add(self, report: LookupReport) -> None:
        """Take one look-up."""
        super().add(report)
        for case in cases(report):
            self._add(report.scenario, report.source, case, [place(report), *case.lines])

    def note(self, notice: Notice) -> None:
        """Take a refused host, which is an error, or a stale entry of the baseline."""
        if notice.kind == "cause":
            return
        if notice.kind == "refused":
            case = Case("host", "", "error", "refused", notice.text)
            self._add(notice.scenario, notice.source, case, [notice.source])
            return
        outcome: Literal["failed", "skipped"] = "failed" if notice.failed else "skipped"
        stale = Case(" · ".join(notice.place), "", outcome, "stale", notice.text)
        self._add("baseline", notice.source, stale, [notice.text])

    def _add(self, scenario: str, source: str, case: Case, text: Iterable[str]) -> None:
        # Jenkins takes what stands before the last dot for a package
        owner = f"gai-harness.{scenario.replace('.', '_')}"
        places, counts = self._suites.setdefault((scenario, source), ([], Counter()))
        places.append(len(self._cases))
        became = _ELEMENTS.get(case.outcome, "")
        counts.update({"tests": 1, became: 1, "ns": round(case.seconds * 1e9)})
        name = unused_name(case.name, self._names.setdefault(owner, {}), " #")
        tag = _tag("testcase", classname=lines(owner), name=lines(name), time=f"{case.seconds:.6f}")
        body = escape(lines("\n".join(map(one_line, filter(None, text)))))
        if became:
            known = case.outcome == "accepted"
            kind, message = ("accepted", acceptance(case)) if known else (case.kind, case.message)
            body = f"{_tag(became, type=kind, message=message)}{body}</{became}>"
        else:
            body = f"<system-out>{body}</system-out>" if case.lines else ""
        inner = f">\n   {body}\n  </testcase>" if body else " />"
        self._cases.append(tag.removesuffix(">") + inner)

    def finish(self) -> None:
        """Write the document."""
        if self.beyond:
            case = Case("newer than the model knows", "", "skipped", "beyond_model", self.beyond)
            self._add("gai-harness", "", case, [self.beyond])
        write = self._stream.write
        write('<?xml version="1.0" encoding="utf-8"?>\n')
        totals = _counts(sum((counts for _, counts in self._suites.values()), Counter()))
        del totals["skipped"]  # a suite's alone, in Jenkins' schema
        write(_tag("testsuites", name="gai-harness", **totals) + "\n")
        for (scenario, source), (places, counts) in self._suites.items():
            file = {"file": lines(source)} if source else {}
            write(f" {_tag('testsuite', name=scenario, **_counts(counts), **file)}\n")
            for number in places:
                write(f"  {self._cases[number]}\n")
            write(" </testsuite>\n")
        write("</testsuites>\n")


def _counts(counts: Counter[str]) -> dict[str, str]:
    return {
        "tests": str(counts["tests"]),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
        "time": f"{counts['ns'] / 1e9:.3f}",
    }


def _tag(tag: str, **attributes: str) -> str:
    words = (f" {key}={quoteattr(escaped(text))}" for key, text in attributes.items())
    return f"<{tag}{''.join(words)}>"

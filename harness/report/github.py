"""GitHub Actions: workflow commands on the stream, and the job summary.

GitHub shows ten annotations of a kind for a step; so a look-up has one, however many builds
fail it, and failures come as they are found. What it shows no annotation for is in the log
and in the summary.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from harness.compare.results import LookupReport, Notice, Result, Summary
from harness.report.against import Against
from harness.report.markdown import LIMIT, job_summary
from harness.report.words import (
    by_headline,
    change_headline,
    change_lines,
    names_of_builds,
    question,
    story,
)
from harness.sandbox.spool import Spool
from harness.text.shown import bare, escaped


class GitHubReport:
    """Writes commands as look-ups come, and appends the job summary when the run is finished.

    Parameters: ``stream`` for the commands; ``title`` of the summary; ``environment`` (the
    process's own by default), whose GITHUB_STEP_SUMMARY names the summary's file and
    GITHUB_WORKSPACE the folder that annotated files are in.
    """

    def __init__(
        self, stream: TextIO, title: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        self._stream = bare(stream)  # here alone a line begins with ::, and all of it is ours
        self._title = title
        known = os.environ if environment is None else environment
        self._summary = known.get("GITHUB_STEP_SUMMARY") or None
        self._workspace = known.get("GITHUB_WORKSPACE") or None
        self._reports: Spool[LookupReport] = Spool()
        self._lookups = 0
        self._summed = Summary()
        self._against = Against()
        self._notices: list[Notice] = []

    def add(self, report: LookupReport) -> None:
        """Write the annotations of one look-up."""
        if self._summary is not None:
            self._reports.append(report)
        self._lookups += 1
        self._summed += Summary.of(report.results)
        self._against.add(report)
        failed = [result for result in report.results if result.failed]
        if failed:
            self._failure(report, failed)
        for change in report.against:
            if change.failed:
                title = f"{_title(report)} on {change.new.where}"
                lines = [change_headline(change), *change_lines(change)]
                self._command("error", lines, title, report.source, report.line)
        for version in () if report.reference else report.changes:
            title = f"{_title(report)}: {version.between}"
            lines = [f"answers differ: {version.because}"]
            self._command("warning", lines, title, report.source, report.line)

    def note(self, notice: Notice) -> None:
        """Write a refused host as an error, a stale entry as a warning or an error."""
        self._notices.append(notice)
        title = f"{notice.kind}: {', '.join(notice.place)}"
        self._command("error" if notice.wrong else "warning", [notice.text], title, notice.source)

    def finish(self) -> Summary:
        """Write the totals as a notice, and the job summary; the totals."""
        plural = "s"[: self._lookups != 1]
        lines = [f"{self._lookups} look-up{plural}: {self._summed.words}", self._against.words]
        self._command("notice", list(filter(None, lines)), "gai-harness")
        if self._summary is not None:
            self._append(Path(self._summary))
        return self._summed

    def _append(self, path: Path) -> None:
        try:
            there = path.stat().st_size
        except OSError:
            there = 0
        text = job_summary(self._title, self._reports, self._notices, limit=LIMIT - there)
        try:
            with path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(text)
        except OSError as error:
            words = f"{path}: the job summary cannot be written: {error.strerror}"
            self._command("warning", [words], "gai-harness")

    def _failure(self, report: LookupReport, failed: Sequence[Result]) -> None:
        lines = []
        for results in by_headline(failed).values():
            if len(results) < len(failed):
                lines.append(f"{names_of_builds(results)}:")
            lines += story(results[0])
        title = f"{_title(report)} on glibc {names_of_builds(failed)}"
        self._command("error", lines, title, report.source, report.line)

    def _command(
        self,
        level: str,
        lines: Sequence[str],
        title: str,
        source: str = "",
        line: int | None = None,
    ) -> None:
        file = self._file(source)
        words = "" if file is None else f"file={_property(file)},"
        words += "" if file is None or line is None else f"line={line},"
        text = "%0A".join(map(_data, lines))
        self._stream.write(f"::{level} {words}title={_property(title)}::{text}\n")

    def _file(self, source: str) -> str | None:
        """The file as GitHub knows it: from the workspace; None for one that is not in it."""
        if not source or source.startswith("suite:"):
            return None
        if self._workspace is None:
            return source
        path = os.path.relpath(os.path.realpath(source), os.path.realpath(self._workspace))
        return None if path.startswith("..") else path


def _title(report: LookupReport) -> str:
    return f"{report.scenario}: {question(report)}"


def _data(text: str) -> str:
    return escaped(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

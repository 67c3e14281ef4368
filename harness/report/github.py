"""GitHub Actions: workflow commands on the stream, and the summary of the job as Markdown.

GitHub shows ten annotations of a kind for a step; so a look-up has one, however many builds
fail it, and failures come as they are found. What it shows no annotation for is in the log
and in the summary: what failed and why, then every scenario.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TextIO

from harness.compare.results import LookupReport, Notice, Result
from harness.compare.values import grouped
from harness.report import words
from harness.report.writer import Writer
from harness.sandbox.spool import Spool
from harness.text.shown import bare, escaped, one_line

LIMIT = 1 << 20
"""Bytes that GitHub takes of a step's summary; one that has more is not shown at all."""

_CUT = "\n*More than a job summary can hold; `--report json=FILE` has all.*\n"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+.!|~-])")


class GitHubReport(Writer):
    """Writes commands as look-ups come, and appends the job summary when the run is finished.

    GITHUB_STEP_SUMMARY names the summary's file, GITHUB_WORKSPACE the folder that annotated
    files are in.
    """

    def __init__(self, stream: TextIO, title: str = "") -> None:
        # here alone a line begins with ::, and all of it is ours
        super().__init__(bare(stream), title)
        self._file = os.environ.get("GITHUB_STEP_SUMMARY")
        self._workspace = os.environ.get("GITHUB_WORKSPACE")
        self._lookups = 0
        self._failures: Spool[str] = Spool()
        self._rows: dict[str, _MatrixRow] = {}

    def add(self, report: LookupReport) -> None:
        """Write the annotations of one look-up."""
        super().add(report)
        self._lookups += 1
        self._rows.setdefault(report.scenario, _MatrixRow()).add(report)
        failed = [result for result in report.results if result.failed]
        if failed:
            self._failure(report, failed)
        for change in report.against:
            if change.failed:
                title = f"{_title(report)} on {change.new.where}"
                lines = [words.change_headline(change), *words.change_lines(change)]
                self._command("error", lines, title, report.source, report.line)
        for version in () if report.reference else report.changes:
            title = f"{_title(report)}: {version.between}"
            lines = [f"answers differ: {version.because}"]
            self._command("warning", lines, title, report.source, report.line)

    def note(self, notice: Notice) -> None:
        """Write a refused host as an error, a stale entry as a warning or an error."""
        super().note(notice)
        title = f"{notice.kind}: {', '.join(notice.place)}"
        self._command("error" if notice.wrong else "warning", [notice.text], title, notice.source)

    def finish(self) -> None:
        """Write the totals as a notice, and the job summary."""
        if self.beyond:
            self._command("warning", [self.beyond], "gai-harness")
        self._command("notice", [self._totals, self.against.words], "gai-harness")
        if not self._file:
            return
        path = Path(self._file)
        try:
            with path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(self._fitting(LIMIT - os.fstat(stream.fileno()).st_size))
        except OSError as error:
            words = f"{path}: the job summary cannot be written: {error.strerror}"
            self._command("warning", [words], "gai-harness")

    @property
    def _totals(self) -> str:
        what = f"{self._lookups} look-up{'s'[: self._lookups != 1]}"
        return f"{what}{self.summary.beside(self._lookups)}: {self.totals}"

    def _failure(self, report: LookupReport, failed: Sequence[Result]) -> None:
        lines: list[str] = []
        for line, results in grouped(failed, words.headline).items():
            on, story = ", ".join(one.where for one in results), words.story(results[0])
            lines += [*([f"{on}:"] if len(results) < len(failed) else []), *story]
            title = f"❌ {_title(report)} on {words.whose(results)}{on}: {line}"
            self._failures.append(_folded(title, [words.place(report), *story]))
        on = ", ".join(one.where for one in failed)
        title = f"{_title(report)} on {words.whose(failed)}{on}"
        self._command("error", lines, title, report.source, report.line)

    def _command(
        self, level: str, lines: Sequence[str], title: str, source: str = "",
        line: int | None = None,
    ) -> None:  # fmt: skip
        file = self._in_workspace(source)
        self._stream.write(annotation(level, lines, title, file, line))

    def _in_workspace(self, source: str) -> str | None:
        """The file as GitHub knows it; None for one that is not in the workspace."""
        if not source or source.startswith("suite:"):
            return None
        if self._workspace is None:
            return source
        path = os.path.relpath(os.path.realpath(source), os.path.realpath(self._workspace))
        return None if path.startswith("..") else path

    def _fitting(self, room: int) -> str:
        """The job summary in ``room`` bytes: what does not fit is left out and said so."""
        room -= len(_CUT.encode())
        if room < 0:
            return ""
        kept: list[str] = []
        for block in self._blocks():
            room -= len(block.encode("utf-8", "backslashreplace"))
            if room < 0:
                return "".join([*kept, _CUT])
            kept.append(block)
        return "".join(kept)

    def _blocks(self) -> Iterator[str]:
        """The summary in parts, none of which makes sense when it is cut."""
        yield f"## gai-harness: {_text(self._title)}\n\n{self._totals}\n\n"
        for notice in self._notices:
            sign = "❌" if notice.wrong else "⚠️"
            where = _text(", ".join(notice.place))
            yield f"- {sign} {notice.kind}: {where}: {_text(notice.text)}\n"
        if self.beyond:
            yield f"- ⚠️ {_text(self.beyond)}\n"
        yield "\n" if self._notices or self.beyond else ""
        if self._failures:
            yield from ("### Failures\n\n", *self._failures, "\n")
        if self.against.words:
            yield f"### Against another build\n\n{_text(self.against.words)}\n\n"
            for rules, count, held in self.against.groups():
                yield f"#### {_text(rules)}: {count}\n\n"
                for report, change in held:
                    sign = "❌" if change.failed else "☑️"
                    title = f"{sign} {_title(report)}: {change.new.answer}"
                    yield _folded(title, [words.place(report), *words.change_lines(change)])
                yield "\n"
        if self._rows:
            yield from _matrix(self._rows)


@dataclass(slots=True)
class _MatrixRow:
    """A scenario's row of the matrix: for each build what became of its cases, counted, and why."""

    cells: dict[str, Counter[str]] = field(default_factory=dict)
    failure: str = ""
    known: str = ""

    def add(self, report: LookupReport) -> None:
        for case in words.cases(report):
            cell = self.cells.setdefault(case.build, Counter())
            held, failed = case.kind == "changed", case.outcome in ("failed", "error")
            cell["results"] += not held
            cell["crashed"] += case.kind == "crashed"
            cell["changed" if held and failed else "failed" if failed else case.outcome] += 1
            if failed:
                self.failure = self.failure or f"{words.question(report)}: {case.message}"
            if case.outcome == "accepted":
                self.known = self.known or words.acceptance(case)


def _words(cell: Counter[str] | None) -> str:
    if cell is None:
        return ""
    words = [f"{cell['failed']} of {cell['results']}"] if cell["failed"] else []
    words += [f"{cell['changed']} changed"] if cell["changed"] else []
    if words:
        return f"❌ {', '.join(words)}"
    for outcome, sign in (("accepted", "☑️ accepted"), ("skipped", "❔ not counted"),
                          ("crashed", "💥 as predicted")):  # fmt: skip
        if cell[outcome]:
            return sign
    return "✅"


def _matrix(rows: dict[str, _MatrixRow]) -> Iterator[str]:
    """Scenarios × builds, those with failures first, and why."""
    builds = dict.fromkeys(build for row in rows.values() for build in row.cells)
    head = "".join(f"| {_text(build)} " for build in builds)
    yield f"### Scenarios\n\n| scenario {head}| why |\n|---{'|---' * len(builds)}|---|\n"
    for name, row in sorted(rows.items(), key=lambda item: not item[1].failure):
        cells = "".join(f"| {_words(row.cells.get(build))} " for build in builds)
        yield f"| {_text(name)} {cells}| {_text(row.failure or row.known)} |\n"


def _folded(title: str, lines: Sequence[str]) -> str:
    body = "\n".join(one_line(line).replace("`", "'") for line in lines if line)
    summary = f"<summary>{_html(title)}</summary>"
    return f"<details>{summary}\n\n```text\n{body}\n```\n\n</details>\n"


def _text(text: str) -> str:
    """``text`` without a meaning in Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", _html(text))


def _html(text: str) -> str:
    return escape(escaped(" ".join(text.split())), quote=False)


def _title(report: LookupReport) -> str:
    return f"{report.scenario}: {words.question(report)}"


def annotation(
    level: str, lines: Sequence[str], title: str, file: str | None, line: int | None
) -> str:
    """The workflow command that annotates a line of a file, or the whole run where it is None."""
    where = f"file={_property(file)}," + (f"line={line}," if line else "") if file else ""
    text = "%0A".join(map(_data, filter(None, lines)))
    return f"::{level} {where}title={_property(title)}::{text}\n"


def _data(text: str) -> str:
    return escaped(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

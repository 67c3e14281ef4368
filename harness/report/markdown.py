"""A run as Markdown, for the summary of a job: what failed and why, then every scenario."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.compare.results import LookupReport, Notice, Summary
from harness.report.against import Against
from harness.report.words import (
    acceptance,
    by_headline,
    cases,
    change_lines,
    names_of_builds,
    place,
    question,
    story,
)
from harness.text.shown import escaped, one_line

LIMIT = 1 << 20
"""Bytes that GitHub takes of a step's summary; one that has more is not shown at all."""

_CUT = "\n*More than a job summary can hold; `--report json=FILE` has all.*\n"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+.!|~-])")


def job_summary(
    title: str,
    reports: Sequence[LookupReport],
    notices: Sequence[Notice] = (),
    *,
    limit: int = LIMIT,
) -> str:
    """The whole summary, of at most ``limit`` bytes: what does not fit is left out and said so."""
    room = limit - len(_CUT.encode())
    kept: list[str] = []
    for block in _blocks(title, reports, notices):
        room -= len(block.encode("utf-8", "backslashreplace"))
        if room < 0:
            return "".join([*kept, _CUT]) if limit >= len(_CUT.encode()) else ""
        kept.append(block)
    return "".join(kept)


@dataclass(slots=True)
class _Row:
    """A scenario's row of the matrix: for each build what became of its cases, counted, and why."""

    cells: dict[str, Counter[str]] = field(default_factory=dict)
    failure: str = ""
    known: str = ""

    def add(self, report: LookupReport) -> None:
        for case in cases(report):
            cell = self.cells.setdefault(case.build, Counter())
            held, failed = case.kind == "changed", case.outcome in ("failed", "error")
            cell["results"] += not held
            cell["crashed"] += case.kind == "crashed"
            cell["changed" if held and failed else "failed" if failed else case.outcome] += 1
            if failed:
                self.failure = self.failure or f"{question(report)}: {case.message}"
            if case.outcome == "accepted":
                self.known = self.known or acceptance(case)


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


def _blocks(
    title: str, reports: Sequence[LookupReport], notices: Sequence[Notice]
) -> Iterator[str]:
    """The summary in parts, none of which makes sense when it is cut."""
    summary, against = Summary(), Against()
    rows: dict[str, _Row] = {}
    for report in reports:
        summary += Summary.of(report.results)
        against.add(report)
        rows.setdefault(report.scenario, _Row()).add(report)
    yield f"## gai-harness: {_text(title)}\n\n"
    yield f"{len(reports)} look-up{'s'[: len(reports) != 1]}: {summary.words}\n\n"
    for notice in notices:
        sign = "❌" if notice.wrong else "⚠️"
        where = _text(", ".join(notice.place))
        yield f"- {sign} {notice.kind}: {where}: {_text(notice.text)}\n"
    yield "\n" if notices else ""
    if summary.failed:
        yield from _failures(reports)
    yield from _changed(against)
    yield from _matrix(rows)


def _failures(reports: Sequence[LookupReport]) -> Iterator[str]:
    yield "### Failures\n\n"
    for report in reports:
        for line, results in by_headline(r for r in report.results if r.failed).items():
            title = (
                f"{report.scenario}: {question(report)} on glibc {names_of_builds(results)}: {line}"
            )
            yield _folded(f"❌ {title}", [place(report), *story(results[0])])
    yield "\n"


def _changed(against: Against) -> Iterator[str]:
    if not against.words:
        return
    yield f"### Against another build\n\n{_text(against.words)}\n\n"
    for rules, count, held in against.groups():
        yield f"#### {_text(rules)}: {count}\n\n"
        for report, change in held:
            title = f"{report.scenario}: {question(report)}: {change.new.answer}"
            sign = "❌" if change.failed else "☑️"
            yield _folded(f"{sign} {title}", [place(report), *change_lines(change)])
        yield "\n"


def _matrix(rows: Mapping[str, _Row]) -> Iterator[str]:
    """Scenarios × builds, those with failures first, and why."""
    if not rows:
        return
    builds = dict.fromkeys(build for row in rows.values() for build in row.cells)
    head = "".join(f"| {_text(build)} " for build in builds)
    yield f"### Scenarios\n\n| scenario {head}| why |\n|---{'|---' * len(builds)}|---|\n"
    for name, row in sorted(rows.items(), key=lambda item: not item[1].failure):
        cells = "".join(f"| {_words(row.cells.get(build))} " for build in builds)
        yield f"| {_text(name)} {cells}| {_text(row.failure or row.known)} |\n"


def _folded(title: str, lines: Sequence[str]) -> str:
    body = "\n".join(one_line(line).replace("`", "'") for line in lines if line)
    return (
        f"<details><summary>{_html(_line(title))}</summary>\n\n```text\n{body}\n```\n\n</details>\n"
    )


def _text(text: str) -> str:
    """``text`` without a meaning in Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", _html(_line(text)))


def _line(text: str) -> str:
    return escaped(" ".join(text.split()))


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

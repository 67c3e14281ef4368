"""A run as Markdown, for the summary of a job: what failed and why, then every scenario."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.compare.results import LookupReport, Notice, Summary, Verdict
from harness.report.against import accepted, answer, explanation, groups, totals
from harness.report.words import alike, asked, change_headline, headline, place, story, wheres

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


def _blocks(
    title: str, reports: Sequence[LookupReport], notices: Sequence[Notice]
) -> Iterator[str]:
    """The summary in parts, none of which makes sense when it is cut."""
    summary = Summary.of([result for report in reports for result in report.results])
    yield f"## gai-harness: {_text(title)}\n\n"
    yield f"{len(reports)} look-up{'s'[: len(reports) != 1]}: {summary.words}\n\n"
    for notice in notices:
        words = [notice.scenario, notice.lookup, notice.gai_conf, notice.build]
        sign = "❌" if notice.kind == "refused" or notice.failed else "⚠️"
        where = _text(", ".join(filter(None, words)))
        yield f"- {sign} {notice.kind}: {where}: {_text(notice.text)}\n"
    yield "\n" if notices else ""
    yield from _failures(reports)
    yield from _changed(reports)
    yield from _matrix(reports)


def _failures(reports: Sequence[LookupReport]) -> Iterator[str]:
    if not any(result.failed for report in reports for result in report.results):
        return
    yield "### Failures\n\n"
    for report in reports:
        for line, results in alike(r for r in report.results if r.failed).items():
            title = f"{report.scenario}: {asked(report)} on glibc {wheres(results)}: {line}"
            yield _folded(f"❌ {title}", [place(report), *story(results[0])])
    yield "\n"


def _changed(reports: Sequence[LookupReport]) -> Iterator[str]:
    words = totals(reports)
    if not words:
        return
    yield f"### Against another build\n\n{_text(words)}\n\n"
    held = [(report, change) for report in reports for change in report.against]
    for group in groups(held):
        yield f"#### {_text(group.title)}: {len(group.held)}\n\n"
        for report, change in group.held:
            title = f"{report.scenario}: {asked(report)}: {answer(change.new)}"
            sign = "❌" if change.failed else "☑️"
            yield _folded(f"{sign} {title}", [place(report), *explanation(change)])
        yield "\n"


def _matrix(reports: Sequence[LookupReport]) -> Iterator[str]:
    """Scenarios × builds, those with failures first, and why."""
    builds = list(dict.fromkeys(result.where for report in reports for result in report.results))
    scenarios: dict[str, list[LookupReport]] = {}
    for report in reports:
        scenarios.setdefault(report.scenario, []).append(report)
    if not scenarios:
        return
    head = "".join(f"| {_text(build)} " for build in builds)
    yield f"### Scenarios\n\n| scenario {head}| why |\n|---{'|---' * len(builds)}|---|\n"
    for name, found in sorted(
        scenarios.items(), key=lambda item: not any(report.failed for report in item[1])
    ):
        cells = "".join(f"| {_cell(found, build)} " for build in builds)
        yield f"| {_text(name)} {cells}| {_text(_why(found))} |\n"


def _cell(reports: Sequence[LookupReport], build: str) -> str:
    results = [result for report in reports for result in report.results if result.where == build]
    changes = [
        change for report in reports for change in report.against if change.new.where == build
    ]
    if not results:
        return ""
    failed = sum(result.failed for result in results)
    changed = sum(change.failed for change in changes)
    words = [f"{failed} of {len(results)}"] if failed else []
    words += [f"{changed} changed"] if changed else []
    if words:
        return f"❌ {', '.join(words)}"
    if any(r.accepted for r in results) or any(c.accepted for c in changes):
        return "☑️ accepted"
    if any(result.untrusted for result in results):
        return "❔ not counted"
    if any(result.verdict is Verdict.CRASHED for result in results):
        return "💥 as predicted"
    return "✅"


def _why(reports: Sequence[LookupReport]) -> str:
    """The first failure of a scenario, or what the baseline says of the first it accepts."""
    for report in reports:
        failures = [headline(result) for result in report.results if result.failed]
        failures += [change_headline(change) for change in report.against if change.failed]
        if failures:
            return f"{asked(report)}: {failures[0]}"
    known = [accepted(r) for report in reports for r in report.results if r.accepted]
    known += [accepted(c) for report in reports for c in report.against if c.accepted]
    return known[0] if known else ""


def _folded(title: str, lines: Sequence[str]) -> str:
    body = "\n".join(line.replace("`", "'") for line in lines if line)
    return (
        f"<details><summary>{_html(_line(title))}</summary>\n\n```text\n{body}\n```\n\n</details>\n"
    )


def _text(text: str) -> str:
    """``text`` without a meaning in Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", _html(_line(text)))


def _line(text: str) -> str:
    return " ".join(text.split())


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

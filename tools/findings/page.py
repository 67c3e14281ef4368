"""docs/findings.md: what was claimed, what every glibc did, and which of it is right.

The page holds no time, no package revision and nothing of the machine, so that two runs on
the same versions give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff

from tools.findings.checks import Claim, Finding, Findings, PresencePart, Seen, Surprise
from tools.findings.tables import NOT_RUN, render, versions_of

_ELSEWHERE = re.compile(r"^<!-- and on ([a-z0-9.:, -]+) -->$", re.MULTILINE)
_ISSUE = re.compile(r"([\w.-]+/[\w.-]+)#([0-9]+)")
_RUN_ON = re.compile(r"^<!-- run on glibc ([0-9., ]+) \(([a-z0-9-]+)\) -->$", re.MULTILINE)


def as_markdown(findings: Findings, seen: Seen) -> str:
    """The whole page.

    Parameters: ``findings`` the text, whose checks have held; ``seen`` the run. Raises
    LookupError for a table without results.
    """
    results = [result for report in seen.reports for result in report.results]
    arch = results[0]["arch"]
    lines = [
        "# Findings",
        "",
        "<!-- made by: python -P tools/findings -o docs/findings.md -->",
        f"<!-- run on glibc {versions_of(results)} ({arch}) -->",
        *([f"<!-- and on {', '.join(seen.builds)} -->"] if seen.builds else []),
        "",
        findings.introduction.strip(),
        "",
        f"Run on glibc {versions_of(results)}, {arch}; {len(seen.reports)} look-ups, "
        "on all of which glibc and the model agree.",
        "",
        *_summary(findings),
    ]
    for finding in findings.findings:
        lines += _finding(finding, seen)
    if findings.presence is not None:
        lines += _presence(findings.presence)
    if findings.processors is not None:
        lines += _processors(findings.processors, seen)
    lines += ["## What we did not expect", ""]
    for surprise in findings.surprises:
        lines += _surprise(surprise, seen)
    lines += ["## What this does not cover", "", findings.not_covered.strip(), ""]
    return "\n".join(lines)


def _summary(findings: Findings) -> Iterator[str]:
    yield from ("| report | claim | result |", "|---|---|---|")
    for finding in findings.findings:
        for claim in finding.claims:
            yield f"| {_inside(finding.title)} | {_line(claim.claim)} | {claim.verdict} |"
    part = findings.presence
    for one in part.reports if part else ():
        title = _inside(", ".join(one.sources), part.title if part else "")
        yield f"| {title} | {_line(one.claim)} | {one.verdict} |"
    yield ""


def _inside(words: str, heading: str = "") -> str:
    """A link to a heading of the page, which by itself is the words."""
    anchor = re.sub(r"[^\w\- ]", "", (heading or words).lower()).replace(" ", "-")
    return f"[{words}](#{anchor})"


def _presence(part: PresencePart) -> Iterator[str]:
    yield from (f"## {part.title}", "", part.text.strip(), "")
    yield from ("| report | claim | result |", "|---|---|---|")
    for one in part.reports:
        sources = ", ".join(map(_cited, one.sources))
        result = f"{one.verdict}: {_line(one.conclusion)}"
        yield f"| {sources} | {_line(one.claim)} | {result} |"
    yield from ("", f"Shown by `{part.test}`.", "")


def _cited(source: str) -> str:
    """An issue or pull request with its address."""
    found = _ISSUE.fullmatch(source)
    return f"[{source}](https://github.com/{found[1]}/issues/{found[2]})" if found else source


def _line(text: str) -> str:
    return " ".join(text.split())


def _finding(finding: Finding, seen: Seen) -> Iterator[str]:
    yield from (f"## {finding.title}", "", f"Source: {_line(finding.source)}", "")
    for claim in finding.claims:
        yield from _claim(claim)
    for table in finding.tables:
        yield from (*render(table, seen), "")


def _claim(claim: Claim) -> Iterator[str]:
    yield from (f"**Claimed:** {_line(claim.claim)}", "")
    verdict = claim.verdict[0].upper() + claim.verdict[1:]
    yield from (f"**{verdict}.** {claim.conclusion.strip()}", "")


def _surprise(surprise: Surprise, seen: Seen) -> Iterator[str]:
    yield from (f"### {surprise.title}", "", surprise.text.strip(), "")
    for table in surprise.tables:
        yield from (*render(table, seen), "")
    if surprise.test is not None:
        yield from (f"Shown by `{surprise.test}`.", "")


def run_on(page: str) -> str | None:
    """The builds a page was made on, in the words of ``--glibc``; None when it does not say."""
    match = _RUN_ON.search(page)
    if match is None:
        return None
    return ",".join(f"{version.strip()}:{match[2]}" for version in match[1].split(","))


def _processors(part: Surprise, seen: Seen) -> Iterator[str]:
    yield from (f"## {part.title}", "", part.text.strip(), "")
    for table in part.tables:
        yield from (*render(table, seen), "")


def elsewhere(page: str) -> tuple[str, ...]:
    """The builds of several architectures a page was made on; none where it does not say."""
    match = _ELSEWHERE.search(page)
    return () if match is None else tuple(match[1].split(", "))


def kept(page: str, current: str) -> str:
    """``current`` with the cells that were not run now as ``page`` has them.

    Only cells of a table row that both have are filled, found by the lines above it.
    """
    old = _rows(page)
    lines = []
    for (heading, first), line in _placed(current):
        before = old.get((heading, first))
        if NOT_RUN in line and before is not None and before.count("|") == line.count("|"):
            cells = [
                was if cell.strip() == NOT_RUN else cell
                for was, cell in zip(before.split("|"), line.split("|"), strict=True)
            ]
            line = "|".join(cells)
        lines.append(line)
    return "\n".join(lines)


def _rows(page: str) -> dict[tuple[str, str], str]:
    return {place: line for place, line in _placed(page) if line.startswith("|")}


def _placed(page: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Every line with the last line of text above it and its own first cell."""
    above = ""
    for line in page.split("\n"):
        if line and not line.startswith("|"):
            above = line
        yield (above, line.split("|")[1] if line.startswith("|") else line), line


def stale(page: str, current: str, name: str) -> list[str]:
    """The lines by which ``page``, read from file ``name``, differs from the current page."""
    return list(
        unified_diff(
            page.splitlines(), current.splitlines(), name, "what the run gives", lineterm="", n=0
        )
    )

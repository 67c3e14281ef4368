"""GitHub's commands and the job summary, read back as GitHub's runner reads them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.compare.results import LookupReport, Notice
from harness.report.github import LIMIT
from tests.conftest import Patch
from tests.report.kit import REFUSED, STALE, Ran, written


class Command(NamedTuple):
    """One workflow command, unescaped."""

    level: str
    properties: dict[str, str]
    message: str


def commands(
    reports: Sequence[LookupReport], *notices: Notice, title: str = "a title"
) -> list[Command]:
    """What a step of a workflow writes; every line is a command."""
    found = []
    for line in written("github", reports, *notices, title=title).splitlines():
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert match, line
        properties = dict(part.split("=", 1) for part in match[2].split(","))
        unescaped = {key: plain(text) for key, text in properties.items()}
        found.append(Command(match[1], unescaped, plain(match[3])))
    return found


def plain(text: str) -> str:
    codes = {"%25": "%", "%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}
    return re.sub("|".join(codes), lambda found: codes[found[0]], text)


@pytest.fixture(autouse=True)
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the job's summary."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    return tmp_path / "summary.md"


def test_a_failure_points_at_its_line(ran: Ran, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(ran.scenario.parent))
    errors = [one for one in commands(ran.reports) if one.level == "error"]
    first = next(one for one in errors if one.properties["title"].startswith("formats: web on"))
    assert (first.properties["file"], first.properties["line"]) == ("formats.yaml", "9")
    assert ran.where("patched") in first.properties["title"]
    assert "glibc says 203.0.113.9, 2001:db8:9::1" in first.message
    assert "rule 6" in first.message
    inet = [one for one in errors if one.properties["title"].startswith("formats: web inet on")]
    assert inet[0].properties["line"] == "10"
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert not any("file" in one.properties for one in commands(ran.reports))


def test_one_annotation_for_builds_that_fail_alike_and_none_for_what_is_accepted(ran: Ran) -> None:
    report = next(report for report in ran.reports if report.lookup == "web inet")
    error, _ = commands([replace(report, against=(), reference="", changes=())])
    assert error.message.count("expected 198.51.100.9, got 203.0.113.9") == 2 + 1  # native, model
    assert all(result.where in error.properties["title"] for result in report.results)
    report = ran.reports[0]
    known = tuple(replace(r, accepted=r.differs) for r in report.results)
    (only,) = commands([replace(report, results=known, against=(), changes=())])
    assert only.level == "notice"
    # versions that differ and stale entries are warnings
    report = replace(report, results=(), against=(), reference="")
    assert report.changes
    found = commands([report], STALE, replace(STALE, failed=True), REFUSED)
    levels = [one.level for one in found]
    assert levels == ["warning"] * len(report.changes) + ["warning", "error", "error", "notice"]


def test_everything_is_escaped(ran: Ran) -> None:
    odd = "a%0A,b:c::error::\r\nd"
    report = ran.reports[0]
    results = tuple(replace(r, label=odd) for r in report.results)
    found = commands([replace(report, scenario=odd, lookup=odd, source=odd, results=results)])
    shown = "a%0A,b:c::error::\\r\\nd"
    assert found[0].properties["file"] == shown
    assert found[0].properties["title"].startswith(f"{shown}: {shown} on")
    assert [one.level for one in found if one.level == "notice"] == ["notice"]


def test_the_summary_is_appended(ran: Ran, summary: Path) -> None:
    summary.write_text("before\n")
    commands(ran.reports, STALE)
    text = summary.read_text()
    assert text.startswith("before\n## gai-harness: a title\n")
    assert text.index("### Failures") < text.index("### Against") < text.index("### Scenarios")
    assert f"{ran.scenario}:9" in text
    assert "stale: s, web" in text


def test_the_table_has_failures_first_and_says_why(ran: Ran, summary: Path) -> None:
    accepted = tuple(replace(result, accepted=result.differs) for result in ran.reports[0].results)
    good = replace(ran.reports[0], scenario="good", against=(), results=accepted)
    commands([good, *ran.reports])
    table = summary.read_text().partition("### Scenarios")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    names = [row.split(" | ")[0].replace("\\", "") for row in rows]
    assert names == ["| scenario", "| formats", "| slow", "| good", "| seed-rule9-ipv4-only"]
    columns = {row.count(" | ") for row in rows[1:]}
    assert columns == {rows[0].count(" | ")}
    assert "❌" in rows[1]
    assert "web: getaddrinfo died of SIGSEGV" in rows[1]
    assert "❌" not in rows[3]


@pytest.mark.parametrize("there", [0, LIMIT - 3000, LIMIT - 1])
def test_a_summary_too_large_is_cut_between_its_parts(ran: Ran, summary: Path, there: int) -> None:
    summary.write_text("x" * there)
    commands([replace(ran.reports[0], scenario=f"s{n}") for n in range(50 if there else 3000)])
    text = summary.read_text()
    assert there <= len(text.encode()) <= LIMIT
    assert text.count("<details>") == text.count("</details>")
    if there < LIMIT - 1:
        assert text.count("<details>")
        assert text.rstrip().endswith("has all.*")


def test_a_summary_that_cannot_be_written(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/no/such/summary.md")
    found = commands(ran.reports[:1])
    assert (found[-1].level, "No such file" in found[-1].message) == ("warning", True)


def test_text_has_no_meaning_in_markdown(ran: Ran, summary: Path) -> None:
    odd = "<b>|`*_[x](y)\n# z"
    commands([replace(ran.reports[0], scenario=odd, lookup=odd)], title=odd)
    text = summary.read_text()
    assert "<b>" not in text
    assert "\n# z" not in text
    assert "\\|" in text.partition("### Scenarios")[2]

"""The whole library on every glibc the distribution has, in one command."""

import json
import re
import sys
from collections import Counter
from itertools import groupby, product
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kit import ROOT, Matrix, start
from tests.report.html.browser import Open, browser, idle, open_page
from tools.findings import __main__ as findings
from tools.findings.page import run_on

__all__ = ["browser", "idle", "open_page"]

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("matrix")]

PAGE = ROOT / "docs" / "findings.md"


@pytest.fixture(scope="module")
def report(matrix: Matrix) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(matrix.done.stdout)
    return document


def test_every_version_agrees(matrix: Matrix, report: dict[str, Any], versions: list[str]) -> None:
    assert (matrix.done.returncode, matrix.done.stderr) == (0, "")
    summary = report["summary"]
    assert summary["disagree"] == summary["error"] == summary["expectation_failed"] == 0
    by_version = Counter(
        result["glibc"] for result in report["results"] if result["lane"] == "worker"
    )
    assert set(by_version) >= set(versions)
    assert len(by_version) >= 5
    assert min(by_version.values()) >= 60


def test_a_crash_is_predicted_and_said_to_be_undefined(report: dict[str, Any]) -> None:
    crashed = [result for result in report["results"] if result["verdict"] == "crashed"]
    assert crashed
    for result in crashed:
        assert result["error"] == "SIGSEGV"
        assert result["predicted"]
        assert "undefined" in " ".join(result["undefined"])
        assert result["glibc"] in ("2.31", "2.36")


def test_a_line_without_length_is_undefined_before_2_41(report: dict[str, Any]) -> None:
    undefined = {
        (one["scenario"].removeprefix("fact-3.4-no-length-"), one["glibc"])
        for one in report["results"]
        if "3.4-no-length" in one["scenario"] and one["undefined"]
    }
    assert undefined == {*product(("label", "precedence", "scopev4"), ("2.31", "2.36"))}


def test_findings_are_current_and_a_change_is_stale(
    report: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    builds = run_on(text) or ""
    assert {"2.31", "2.36", "2.41", "2.43", "2.44"} <= set(re.findall(r"2\.\d+", builds))
    page = tmp_path / "findings.md"
    page.write_text(text.replace("| mistaken |", "| confirmed |", 1), encoding="utf-8")
    library = [
        one for one in report["results"]
        if one["lane"] == "worker" and f"{one['glibc']}:{one['arch']}" in builds.split(",")
    ]  # fmt: skip
    started = findings._json

    def run(*words: str) -> Any:
        known = words == ("run", "--glibc", builds)  # what `matrix` has run already
        return {"results": library} if known else started(*words)

    monkeypatch.setattr(findings, "_json", run)
    assert findings.main(["--check", str(page)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    said = [line for line in err.splitlines() if "hosts" not in line]
    # a cache that begins empty has not every build of other processors
    first, *lines = [line for line in said if "not on this host" not in line]
    assert "is stale" in first
    changed = [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert [line.rpartition("|")[0].rpartition("|")[2].strip() for line in changed] == [
        "confirmed",
        "mistaken",
    ]


def test_the_findings_are_made_by_a_program() -> None:
    done = start(sys.executable, "-P", "tools/findings", "--help", cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


# --- the page of it, in Chromium

SHOWN = """() => [...document.querySelectorAll('#sections > details')].flatMap(section =>
    [...section.querySelectorAll('.group')].flatMap(group =>
        [...group.querySelectorAll('.builds a')].map(build => [
            section.querySelector('h3 .sc').textContent,
            section.querySelector('h3 .lk').textContent,
            section.querySelector('h3 .gc')?.textContent ?? 'default',
            build.textContent,
            [...group.classList].filter(name => name !== 'group' && name !== 'failed')[0],
            [...group.querySelectorAll('.chain .address code')].map(code => code.textContent),
            [...group.querySelectorAll('.chain .rule .vh')].map(
                rule => Number(rule.textContent.match(/[0-9]+/)[0])),
        ])))"""


def shown_as(result: dict[str, Any], often: Counter[str]) -> str:
    """The build as the page calls it."""
    glibc: str = result["glibc"]
    return glibc if often[glibc] == 1 else f"{glibc} ({result['label']})"


def alone(order: list[str], sockets: int) -> list[str]:
    """The list as returned, one for each address; else, with several sockets, each row once."""
    several = [one for one in order[::sockets] for _ in range(sockets)]
    return order[::sockets] if several == order else [one for one, _ in groupby(order)]


def test_the_page_shows_them_all(matrix: Matrix, report: dict[str, Any], open_page: Open) -> None:
    results = report["results"]
    page = open_page(matrix.page)
    often = Counter(glibc for glibc, _ in {(r["glibc"], r["build"]) for r in results})
    wanted = []
    for result in results:
        order = result["native"] if result["verdict"] == "agree" else result["model"]
        wanted.append(
            [
                result["scenario"], result["lookup"], result["gai_conf"], shown_as(result, often),
                result["verdict"], alone(order, result["sockets"]),
                [decision["rule"] for decision in result["decisions"]],
            ]
        )  # fmt: skip
    shown = page.evaluate(SHOWN)
    assert len(shown) == len(results) > 1500
    assert sorted(map(repr, shown)) == sorted(map(repr, wanted))
    cells = page.evaluate(
        "[...document.querySelectorAll('#rows td:not(.rules)')].map(cell => cell.classList[0])"
    )
    verdicts = Counter(result["verdict"] for result in results)
    assert Counter(cells) == verdicts
    for verdict in ("agree", "crashed"):
        total = page.inner_text(f".totals .{verdict} b").lstrip("✓✕").strip()
        assert int(total.replace(",", "")) == verdicts[verdict]
    lookups = {(r["scenario"], r["lookup"], r["gai_conf"]) for r in results}
    assert page.inner_text("#count") == f"{len(lookups):,} of {len(lookups):,} look-ups"
    assert matrix.page.stat().st_size < 1_000 * len(results)

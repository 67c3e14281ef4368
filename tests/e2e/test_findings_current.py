"""docs/findings.md is what a run of every glibc gives today."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_kit import ROOT, gai_harness

from harness.report.findings.page import run_on

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("matrix")]

PAGE = ROOT / "docs" / "findings.md"


def test_the_page_is_current(versions: list[str]) -> None:
    shown = run_on(PAGE.read_text(encoding="utf-8"))
    assert shown is not None
    assert {"2.31", "2.36", "2.41", "2.43", "2.44"} <= {
        v.partition(":")[0] for v in shown.split(",")
    }
    done = gai_harness("findings", "--check", PAGE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_changed_page_is_stale(versions: list[str], tmp_path: Path) -> None:
    page = tmp_path / "findings.md"
    text = PAGE.read_text(encoding="utf-8")
    page.write_text(text.replace("| mistaken |", "| confirmed |"), encoding="utf-8")
    done = gai_harness("findings", "--check", page)
    assert done.returncode == 1
    assert "is stale" in done.stderr
    assert "| mistaken |" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--check", "/nowhere/findings.md"), "that can be read was expected"),
        (("--check", "x", "-o", "y"), "not allowed with"),
        (("--glibc", ""), "was expected"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], words: str) -> None:
    done = gai_harness("findings", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1

"""docs/findings.md is what a run of every glibc gives today."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.e2e.kit import ROOT, start
from tools.findings.page import run_on

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("matrix")]

PAGE = ROOT / "docs" / "findings.md"


def test_the_page_is_current_and_a_changed_one_is_stale(
    versions: list[str], tmp_path: Path
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = {build.partition(":")[0] for build in (run_on(text) or "").split(",")}
    assert {"2.31", "2.36", "2.41", "2.43", "2.44"} <= shown
    page = tmp_path / "findings.md"
    page.write_text(text.replace("| mistaken |", "| confirmed |", 1), encoding="utf-8")
    done = start(sys.executable, "-P", "tools/findings", "--check", page, cwd=ROOT, timeout=None)
    assert (done.returncode, done.stdout) == (1, "")
    said = [line for line in done.stderr.splitlines() if "hosts" not in line]
    # a cache that begins empty has not every build of other processors
    first, *lines = [line for line in said if "not on this machine" not in line]
    assert "is stale" in first
    changed = [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert [line.rpartition("|")[0].rpartition("|")[2].strip() for line in changed] == [
        "confirmed",
        "mistaken",
    ]

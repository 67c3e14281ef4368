"""The package as published runs where its source folder is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.kit import ROOT, Built, gai_harness

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("package")]


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_an_installed_package_runs_its_library(
    kind: str, built: Built, install: Callable[[Path], Path], tmp_path: Path
) -> None:
    command = install(getattr(built, kind))
    clean = {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}

    ran = gai_harness("run", "--format", "json", command=command, cwd=tmp_path, env=clean)
    assert (ran.returncode, ran.stderr) == (0, "")
    report = json.loads(ran.stdout)
    assert report["summary"]["disagree"] == report["summary"]["error"] == 0
    shipped = {path.stem for path in (ROOT / "harness/scenario/library").glob("*.yaml")}
    assert {result["scenario"] for result in report["results"]} >= shipped

    for name in sorted(path.name for path in (ROOT / "gai.conf.d").glob("*.conf")):
        ran = gai_harness(
            "run", "seed-rule9-dual-stack", "--gai-conf", name, "--lane", "both",
            command=command, cwd=tmp_path, env=clean,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert name in ran.stdout
    assert not list(tmp_path.iterdir())

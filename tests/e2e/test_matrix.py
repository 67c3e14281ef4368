"""The whole library on every glibc the distribution has, in one command."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.scenario import library
from tests.e2e.kit import document, gai_harness

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("matrix")]


@pytest.fixture(scope="module")
def ran(
    matrix: tuple[subprocess.CompletedProcess[str], Path],
) -> subprocess.CompletedProcess[str]:
    return matrix[0]


@pytest.fixture(scope="module")
def report(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


def outcomes(report: dict[str, Any], scenario: str) -> dict[str, tuple[Any, ...]]:
    """Version → what glibc did at the scenario's first look-up."""
    first: dict[str, tuple[Any, ...]] = {}
    for result in report["results"]:
        if result["scenario"] == scenario:
            first.setdefault(result["glibc"], (result["verdict"], *result["native"]))
    return first


def explanation(report: dict[str, Any], scenario: str, newer: str) -> str:
    changes = [
        change for change in report["changes"]
        if (change["scenario"], change["newer"]) == (scenario, newer)
    ]  # fmt: skip
    assert changes, f"{scenario} shows no difference at {newer}"
    return " ".join(changes[0]["why"])


def test_every_version_agrees(
    ran: subprocess.CompletedProcess[str], report: dict[str, Any], versions: list[str]
) -> None:
    assert (ran.returncode, ran.stderr) == (0, "")
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


@pytest.mark.parametrize("scenario", ["fact-3.3-missing-value", "fact-3.3-empty-length"])
def test_numbers_left_out_differ_at_2_41(report: dict[str, Any], scenario: str) -> None:
    seen = outcomes(report, scenario)
    assert seen["2.31"] == seen["2.36"]
    assert seen["2.41"] == seen["2.43"] == seen["2.44"]
    assert seen["2.36"] != seen["2.41"]
    assert "since 2.41" in explanation(report, scenario, "2.41")


def test_a_prefix_without_length_is_undefined_before_2_41(report: dict[str, Any]) -> None:
    scenarios = ("fact-3.4-no-length-precedence", "fact-3.4-no-length-scopev4")
    for scenario in scenarios:
        assert outcomes(report, scenario)["2.36"] != outcomes(report, scenario)["2.41"]
        for result in report["results"]:
            if result["scenario"] == scenario:
                assert bool(result["undefined"]) is (result["glibc"] in ("2.31", "2.36"))
    died = {
        version
        for scenario in scenarios
        for version, outcome in outcomes(report, scenario).items()
        if outcome[0] == "crashed"
    }
    assert died & {"2.31", "2.36"}


def test_a_prefix_without_length_can_kill_2_31(versions: list[str], tmp_path: Path) -> None:
    config = tmp_path / "no-length.conf"
    config.write_text("precedence 2001:db8:1::6 5\n")
    # Where the worker's memory lies decides, by chance: one start in three dies. Each
    # scenario is a start of its own, so that of so many some do.
    scenarios = [path for path in library() if path.stem.startswith("rule")]
    assert len(scenarios) > 20
    words = ("--gai-conf", config, "--glibc", "2.31", "--lane", "worker", "--format", "json")
    status, read = document("run", *scenarios, *words)
    results = read["results"]
    died = [result for result in results if result["verdict"] == "crashed"]
    assert died
    for result in died:
        assert (result["error"], result["predicted"]) == ("SIGSEGV", True)
    assert status == 0, [r for r in results if r["verdict"] in ("disagree", "error")]


def test_the_text_puts_versions_side_by_side(versions: list[str]) -> None:
    done = gai_harness("run", "fact-3.3-missing-value", "--glibc", "all")
    assert done.returncode == 0, done.stderr
    for version in versions:
        assert version in done.stdout
    assert "2.36 → 2.41 differs" in done.stdout


def test_each_gai_conf_multiplies_the_matrix(versions: list[str]) -> None:
    confs = (f"--gai-conf={name}" for name in ("prefer-ipv4.conf", "rfc6724.conf", "none"))
    status, read = document(
        "run", "seed-rule9-dual-stack", *confs, "--glibc", ",".join(versions), "--format", "json"
    )
    assert status == 0
    keys = [
        (result["lookup"], result["gai_conf"], result["glibc"], result["lane"])
        for result in read["results"]
    ]
    assert len(keys) == len(set(keys))
    lookups = len({key[0] for key in keys})
    assert len(keys) == lookups * 3 * len(versions)

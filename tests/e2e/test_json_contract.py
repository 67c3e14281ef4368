"""The JSON of ``run`` keeps its contract: keys, types, values and order."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from types import NoneType
from typing import Any

import pytest

from harness.scenario import library, load
from tests.e2e.kit import document, gai_harness

RESULT: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("scenario", "lookup", "gai_conf", "glibc", "arch", "lane", "verdict"), (str,)),
    **dict.fromkeys(("native", "model", "decisions"), (list,)),
    "error": (str, NoneType),
    "first_difference": (int, NoneType),
}
VERDICTS = ("agree", "disagree", "crashed", "error")


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    status, read = document("run", "--format", "json")
    assert status == 0
    return read


def test_the_document(written: dict[str, Any]) -> None:
    assert written["schema"] == 1
    assert set(written["summary"]) >= {*VERDICTS, "expectation_failed"}
    assert all(type(count) is int for count in written["summary"].values())
    assert len(written["results"]) >= 40


def test_each_result_has_the_keys_and_types(written: dict[str, Any]) -> None:
    for result in written["results"]:
        for key, types in RESULT.items():
            assert type(result[key]) in types, (key, result)
        assert result["verdict"] in VERDICTS
        assert result["lane"] in ("cffi", "worker")
        assert all(part.isdigit() for part in result["glibc"].split("."))
        for address in result["native"] + result["model"]:
            ip_address(address)
        for decision in result["decisions"]:
            assert set(decision) >= {"before", "after", "rule", "why"}
            assert type(decision["rule"]) is int
            assert 1 <= decision["rule"] <= 10
            assert decision["before"] in result["model"]
            assert decision["after"] in result["model"]
        if result["verdict"] == "crashed":
            assert result["error"].startswith("SIG")
        elif result["error"] is not None:
            assert result["error"].startswith("EAI_")
            assert result["native"] == []


def test_the_summary_counts_the_results(written: dict[str, Any]) -> None:
    for verdict in VERDICTS:
        counted = sum(result["verdict"] == verdict for result in written["results"])
        assert written["summary"][verdict] == counted
    assert written["summary"]["expectation_failed"] == 0


def test_results_keep_the_order_of_the_files(written: dict[str, Any]) -> None:
    expected = [
        (loaded.scenario.name, lookup.name or "")
        for loaded in map(load, library())
        for lookup in loaded.scenario.lookups
    ]
    got = [(result["scenario"], result["lookup"]) for result in written["results"]]
    assert [scenario for scenario, _ in got] == [scenario for scenario, _ in expected]
    # a title starts with the name and may add what else was asked
    assert all(title.startswith(name) for (_, title), (_, name) in zip(got, expected, strict=True))


def test_the_same_into_a_file(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    done = gai_harness("run", "seed-rule9-dual-stack", "--format", "json", "-o", target)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(target.read_text())["summary"]["disagree"] == 0


def test_a_failed_expectation_is_counted_and_status_1(tmp_path: Path) -> None:
    scenario = tmp_path / "wrong.yaml"
    scenario.write_text(
        "name: wrong\n"
        "host: {interfaces: {eth0: {addresses: [192.0.2.2/24, '2001:db8::2/64']}}}\n"
        "names: {web: [192.0.2.9, 198.51.100.9]}\n"
        "lookups: [{name: web, socktype: stream, expect: {order: [198.51.100.9, 192.0.2.9]}}]\n"
    )
    status, read = document("run", scenario, "--format", "json")
    summary = read["summary"]
    assert (status, summary["agree"], summary["expectation_failed"]) == (1, 1, 1)

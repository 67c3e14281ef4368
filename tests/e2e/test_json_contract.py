"""What commands write as JSON is what their schemas say; ``run`` keeps its contract too."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.scenario import library, load
from tests.e2e.kit import document, gai_harness

RESULT: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("scenario", "lookup", "gai_conf", "glibc", "arch", "lane", "verdict"), (str,)),
    **dict.fromkeys(("native", "model", "decisions"), (list,)),
    "error": (str, NoneType),
    "first_difference": (int, NoneType),
}
# how each document comes about, but for the results below
WRITERS: dict[str, list[str]] = {
    "explain": ["explain", "seed-rule9-dual-stack", "presort-errors", "--json", "--pair",
                "172.18.45.6", "172.31.80.8"],
    "whatif": ["whatif", "--scenario", "seed-rule9-dual-stack", "--json",
               "--set", "precedence ::ffff:0:0/96 100", "--set", "label nonsense"],
    "lint": ["lint", "bad.conf", "--format", "json"],
}  # fmt: skip
VERDICTS = ("agree", "disagree", "crashed", "error")


@pytest.fixture(scope="module")
def written(library_report: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    assert library_report[0] == 0
    return library_report[1]


def test_the_document(written: dict[str, Any]) -> None:
    assert written["schema"] == 1
    assert set(written["summary"]) >= {*VERDICTS, "expectation_failed"}
    assert all(type(count) is int for count in written["summary"].values())
    assert len(written["results"]) >= 80
    Draft202012Validator(schema("results")).validate(written)


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
    results = [result for result in written["results"] if result["lane"] == "cffi"]
    got = [(result["scenario"], result["lookup"]) for result in results]
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


def schema(name: str) -> dict[str, Any]:
    _, read = document("schema", "--of", name)
    Draft202012Validator.check_schema(read)
    return read


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_fits_its_schema(name: str, tmp_path: Path) -> None:
    (tmp_path / "bad.conf").write_text("precedence ::1/128 50\nlabel nonsense\nreload maybe\n")
    status, read = document(*WRITERS[name], cwd=tmp_path)
    assert status in (0, 1)
    errors = [error.message for error in Draft202012Validator(schema(name)).iter_errors(read)]
    assert errors == []
    longest = max((value for value in read.values() if isinstance(value, list)), key=len)
    assert longest, "an empty document fits anything"


def test_a_trace_fits_too() -> None:
    done = gai_harness("explain", "seed-rule9-dual-stack", "--trace", "--json")
    if done.returncode == 3 and "strace" in done.stderr:
        pytest.skip(done.stderr.strip())
    read = json.loads(done.stdout)
    assert read["explanations"][0]["trace"] is not None
    Draft202012Validator(schema("explain")).validate(read)


def test_the_scenario_schema_is_still_the_default() -> None:
    done = gai_harness("schema")
    assert json.loads(done.stdout)["title"] == "gai-harness scenario"
    assert done.stdout == gai_harness("schema", "--of", "scenario").stdout

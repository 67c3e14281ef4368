"""The published schemas hold for what is really written, and refuse what is mutilated."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.compare.bench.measure import Rate
from harness.compare.differences import BuildChange, Side
from harness.compare.results import LookupReport, Verdict
from harness.report.documents import dump, json_schema
from harness.report.formats import DOCUMENTS
from tests.report.kit import REFUSED, STALE, Ran, written

RESULTS = Draft202012Validator(json_schema("results"))


@pytest.fixture(scope="module")
def document(accepted: tuple[LookupReport, ...]) -> dict[str, Any]:
    """A real run: every verdict, accepted differences, a build held against another."""
    stale = replace(STALE, failed=True)
    read: dict[str, Any] = json.loads(written("json", accepted, REFUSED, stale))
    assert {result["verdict"] for result in read["results"]} == {str(one) for one in Verdict}
    assert read["against"]["changes"]
    assert read["changes"]
    return read


def test_every_document_has_a_schema_and_a_name_on_the_command_line() -> None:
    for name in DOCUMENTS:
        Draft202012Validator.check_schema(json_schema(name))


def test_a_real_run_is_valid_with_keys_to_come_too(document: dict[str, Any]) -> None:
    assert [error.message for error in RESULTS.iter_errors(document)] == []
    later = copy.deepcopy(document) | {"new": 1}
    later["results"][0]["new"] = {}
    assert RESULTS.is_valid(later)
    assert not RESULTS.is_valid(document | {"schema": 2})


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key of a document, of lists the first entry's only."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, child in inner:
        yield (*path, key)
        if isinstance(child, (dict, list)):
            yield from places(child, (*path, key))


def test_no_key_can_be_missing_and_none_has_another_type(document: dict[str, Any]) -> None:
    full = [one for one in document["results"] if one["remarks"] and one["departures"]]
    small = document | {"results": full[:1]}
    keys = [path for path in places(small) if isinstance(path[-1], str)]
    assert len(keys) > 70
    for path in keys:
        for spoil in (None, {"an": "object"}):
            mutilated = copy.deepcopy(small)
            holder: Any = mutilated
            for part in path[:-1]:
                holder = holder[part]
            holder.pop(path[-1]) if spoil is None else holder.update({path[-1]: spoil})
            assert not RESULTS.is_valid(mutilated), (path, spoil)


def test_no_value_leaves_its_range(document: dict[str, Any]) -> None:
    for key, value in (
        ("verdict", "agreed"), ("glibc", "host"), ("arch", "x86 64"), ("lane", "pigeon"),
        ("line", 0), ("elapsed_ns", -1), ("first_difference", -1), ("accepted", "yes"),
    ):  # fmt: skip
        mutilated = document | {"results": [document["results"][0] | {key: value}]}
        assert not RESULTS.is_valid(mutilated), (key, value)


def test_summary_and_against_count_the_results(ran: Ran, document: dict[str, Any]) -> None:
    accepted = [result for result in document["results"] if result["accepted"]]
    assert document["summary"]["accepted"] == len(accepted) > 0
    held = [report for report in ran.reports if report.reference]
    assert document["against"]["compared"] == sum(len(report.results) - 1 for report in held)
    assert document["against"]["reference"] == ran.where("host")


def test_what_a_value_works_out_is_written_too() -> None:
    side = Side("2.36:amd64 (host)", (), None, 9, "why")
    assert dump(BuildChange(side, side))["rules"] == "rule 9 → rule 9"
    assert dump(Rate(1, 2.0, 1.0, 1.0, 1.0, 1.0))["ratio"] == 0.5

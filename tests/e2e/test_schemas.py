"""``schema --of``: what the commands write is what the schemas they publish say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.e2e.kit import document, gai_harness

WRITERS: dict[str, list[str]] = {
    "results": ["run", "seed-rule9-dual-stack", "presort-errors", "--format", "json"],
    "explain": ["explain", "seed-rule9-dual-stack", "presort-errors", "--json", "--pair",
                "172.18.45.6", "172.31.80.8"],
    "whatif": ["whatif", "--scenario", "seed-rule9-dual-stack", "--json",
               "--set", "precedence ::ffff:0:0/96 100", "--set", "label nonsense"],
    "lint": ["lint", "bad.conf", "--format", "json"],
}  # fmt: skip


def schema(name: str) -> dict[str, Any]:
    _, read = document("schema", "--of", name)
    Draft202012Validator.check_schema(read)
    return read


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_fits_its_schema(name: str, tmp_path: Path) -> None:
    (tmp_path / "bad.conf").write_text("precedence ::1/128 50\nlabel nonsense\nreload maybe\n")
    status, written = document(*WRITERS[name], cwd=tmp_path)
    assert status in (0, 1)
    errors = [error.message for error in Draft202012Validator(schema(name)).iter_errors(written)]
    assert errors == []
    longest = max((value for value in written.values() if isinstance(value, list)), key=len)
    assert longest, "an empty document fits anything"


def test_a_trace_fits_too() -> None:
    done = gai_harness("explain", "seed-rule9-dual-stack", "--trace", "--json")
    if done.returncode == 3 and "strace" in done.stderr:
        pytest.skip(done.stderr.strip())
    written = json.loads(done.stdout)
    assert written["explanations"][0]["trace"] is not None
    Draft202012Validator(schema("explain")).validate(written)


def test_the_scenario_schema_is_still_the_default() -> None:
    done = gai_harness("schema")
    assert json.loads(done.stdout)["title"] == "gai-harness scenario"
    assert done.stdout == gai_harness("schema", "--of", "scenario").stdout

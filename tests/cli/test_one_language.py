"""The same word does the same on every command, and the listings say what there is."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.cli.options import OPTIONS, declare
from harness.compare.plan import load_suite
from harness.glibcs.build import GlibcUnavailable
from harness.scenario import library
from harness.scenario.suites import SHOWN, suites
from harness.text.shown import Shown
from tests.conftest import Call

WRITE_JSON = [
    "doctor", "run", "explain", "whatif", "fuzz", "bench", "kubelet", "suggest", "lint",
    "glibc list", "glibc probe",
]  # fmt: skip
SCENARIO = """\
host: {interfaces: {eth0: {addresses: [192.0.2.2/24]}}}
names: {web: [192.0.2.9, 192.0.2.3]}
lookups: [{name: web}]
"""
NEEDED = {
    "lint": ["a.conf"],
    "glibc probe": ["host"],
    "suggest": ["web", "--want", "10.0.0.1"],
}


def parsed(command: str, words: Sequence[str]) -> dict[str, object]:
    parser = ArgumentParser()
    declare(parser, command)
    return vars(parser.parse_args([*NEEDED.get(command, ()), *words]))


@pytest.mark.parametrize("command", WRITE_JSON)
def test_both_words_for_json(command: str) -> None:
    found = parsed(command, ["--json"])
    assert found == parsed(command, ["--format", "json"])
    plain = parsed(command, [])
    assert plain == parsed(command, ["--format", "text"]) != found


def test_every_command_that_writes_json_has_them() -> None:
    spelled = {
        name: {word for one in options if not isinstance(one, str) for word in one[0]}
        for name, options in OPTIONS.items()
    }
    assert [name for name in OPTIONS if "--json" in spelled[name]] == WRITE_JSON
    assert all("--format" in spelled[name] for name in WRITE_JSON)


def test_fetch_all_is_fetch_dash_dash_all(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def none(name: str, *_: object) -> None:
        asked.append(name)
        raise GlibcUnavailable("not here", "nothing")

    monkeypatch.setattr("harness.glibcs.fetch", none)
    call("glibc", "fetch", "all")
    words, asked = asked, []
    call("glibc", "fetch", "--all")
    assert words == asked
    assert len(words) > 1


@pytest.mark.parametrize("words", [["glibc", "fetch"], ["run"], []])
def test_help_is_a_command_too(words: list[str], call: Call) -> None:
    asked = call("help", *words)
    assert asked.status == 0
    assert asked.out == call(*words, "--help").out


def test_scenarios_and_suites_are_listed(call: Call) -> None:
    lines = call("run", "--list").out.splitlines()
    assert lines[0].split() == ["SCENARIO", "SHOWS"]
    named = [line.split()[0] for line in lines if line and not line.startswith("SUITE")]
    assert named[1 : 1 + len(library())] == [path.stem for path in library()]
    assert named[-1 - len(SHOWN) : -1] == list(SHOWN)
    found = json.loads(call("run", "--list", "--suite", "smoke", "--json").out)
    assert [one["name"] for one in found["scenarios"]] == [
        one.scenario.name for one in load_suite("smoke")
    ]
    assert all(one["description"] for one in found["scenarios"])
    assert {*SHOWN} == {*suites()}


def test_many_scenarios_on_a_terminal_are_a_line_each(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\n{SCENARIO}")
    piped = call("run", tmp_path).out
    assert piped.count("    glibc ") == 2
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(Shown, "isatty", lambda _: True)
    lines = call("run", tmp_path).out.splitlines()
    assert lines[:2] == ["one: 1 as expected", "two: 1 as expected"]
    assert lines[-1].endswith("gai-harness run -v")
    assert call("run", "-v", tmp_path).out == piped
    # what is named one by one is shown
    assert call("run", tmp_path / "one.yaml", tmp_path / "two.yaml").out == piped

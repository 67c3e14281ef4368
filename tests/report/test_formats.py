"""TAP and JUnit XML: read back by readers that are not ours, both have to say the same.

TAP is read by tap.py and by Perl's prove, JUnit held against the schema of Jenkins' xUnit plugin:
junit-10.xsd beside this file (MIT licence, in its first lines), as pytest carries it.
"""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest
from tap.parser import Parser

from harness.compare.results import LookupReport, Notice, Remark, Verdict
from tests.report.kit import REFUSED, STALE, Ran, written


@cache
def junit_schema() -> Any:
    import xmlschema  # takes as long as all else here, and one worker needs it

    return xmlschema.XMLSchema(Path(__file__).parent / "junit-10.xsd")


class Read(NamedTuple):
    """A test as a reader understood it: "passed", "failed" or "excused", and what it says."""

    outcome: str
    text: str


def tap_lines(text: str) -> list[Any]:
    """The tests of a TAP stream, whose every line is of a known kind, and whose plan fits."""
    lines = list(Parser().parse_text(text))
    assert (lines[0].category, lines[0].version) == ("version", 13)
    assert not [line for line in lines if line.category == "unknown"]
    (plan,) = [line for line in lines if line.category == "plan"]
    tests = [line for line in lines if line.category == "test"]
    assert [test.number for test in tests] == list(range(1, plan.expected_tests + 1))
    return tests


def read_tap(text: str) -> dict[str, Read]:
    found = {}
    for test in tap_lines(text):
        outcome = "excused" if test.todo or test.skip else "passed" if test.ok else "failed"
        block = test.yaml_block or {}
        lines = [test.directive.text, block.get("message", ""), *block.get("explanation", ())]
        found[test.description.removeprefix("- ")] = Read(outcome, "\n".join(lines))
    return found


def read_junit(text: str) -> dict[str, Read]:
    junit_schema().validate(text)
    outcomes = {"failure": "failed", "error": "failed", "skipped": "excused"}
    found = {}
    for suite in ET.fromstring(text).iter("testsuite"):
        for case in suite:
            assert len(case) <= 1, "GitLab shows one"
            tag, said = (case[0].tag, case[0].text or "") if len(case) else ("", "")
            if tag == "skipped":
                said += case[0].get("message", "")
            name = f"{suite.get('name')} · {case.get('name')}"
            found[name] = Read(outcomes.get(tag, "passed"), said)
    return found


READERS: dict[str, Callable[[str], dict[str, Read]]] = {"tap": read_tap, "junit": read_junit}
each = pytest.mark.parametrize("name", READERS)


@each
def test_every_verdict(ran: Ran, name: str) -> None:
    found = READERS[name](written(name, ran.reports))
    host, patched = ran.where("host"), ran.where("patched")
    for case, words in (
        (f"formats · web · glibc {patched}", "glibc says 203.0.113.9, 2001:db8:9::1"),
        (f"formats · web · glibc {patched}", "rule 6"),
        (f"formats · web · glibc {ran.where('dying')}", "died of SIGSEGV"),
        (f"formats · web inet · glibc {host}", "expected 198.51.100.9, got 203.0.113.9"),
        (f"slow · many · glibc {host}", "no answer within 0.001 s"),
        (f"formats · web · glibc {patched} against {host}", "does not explain this order"),
    ):
        assert found[case].outcome == "failed"
        assert words in found[case].text
    assert found[f"formats · web · glibc {host}"].outcome == "passed"
    assert found[f"formats · web inet · glibc {patched} against {host}"].outcome == "passed"


@each
def test_accepted_fails_nothing_and_says_why(accepted: tuple[LookupReport, ...], name: str) -> None:
    found = READERS[name](written(name, accepted))
    excused = {case: read for case, read in found.items() if read.outcome == "excused"}
    assert excused
    assert all("our patch # 7" in read.text for read in excused.values())
    assert {case for case, read in found.items() if "(patched)" in case} >= set(excused)
    assert not [c for c, read in found.items() if "(patched)" in c and read.outcome == "failed"]


@each
def test_what_stands_beside_the_results(name: str) -> None:
    text = written(name, [], REFUSED, STALE, replace(STALE, lookup="strict", failed=True))
    found = READERS[name](text)
    assert [read.outcome for read in found.values()].count("failed") == 2
    assert "no such setting" in text
    assert "the difference is gone" in text


@each
def test_any_character_is_harmless(ran: Ran, name: str) -> None:
    odd = "".join(map(chr, range(0x20))) + "\x7f\x85<&>\"']]>\ud800\udcff\ufffe\uffff\U0001f980"
    odd += "\nok 99 - b"
    report = ran.reports[0]
    results = tuple(replace(r, unmet=(odd,), label=odd) for r in report.results)
    given = replace(report, scenario=odd, lookup=odd, source=odd, results=results)
    text = written(name, [given], Notice("stale", odd, odd, odd, odd, odd, odd), title=odd)
    first = next(iter(READERS[name](text).values()))
    assert first.outcome == "failed"
    assert "<&>\"']]>" in first.text
    for code in (
        ("\\x1b", "\\ud800", "\\udcff", "\\ufffe") if name == "junit" else "\x1b\ud800\ufffe"
    ):
        assert code in first.text


def test_tap_has_the_place_and_both_orders(ran: Ran) -> None:
    blocks = {test.description: test.yaml_block for test in tap_lines(written("tap", ran.reports))}
    host, patched = ran.where("host"), ran.where("patched")
    failed = blocks[f"- formats · web · glibc {patched}"]
    assert failed["native"] == ["203.0.113.9", "2001:db8:9::1"]
    assert failed["model"] == ["2001:db8:9::1", "203.0.113.9"]
    assert failed["at"] == {"file": str(ran.scenario), "line": 9}
    changed = blocks[f"- formats · web · glibc {patched} against {host}"]
    assert (changed["was"], changed["now"]) == (failed["model"], failed["native"])
    assert blocks[f"- formats · web · glibc {ran.where('dying')}"]["native"] == "SIGSEGV"


def test_prove_reads_it(accepted: tuple[LookupReport, ...], tmp_path: Path) -> None:
    """Perl's reader, of which every distribution has one, knows a part of YAML only."""
    report = next(report for report in accepted if any(r.accepted for r in report.results))
    words = ["a: b", "c : d", "e:", "f:g: h", "  rule 9: i", "- j: k", "[l: m", '"n": o', "{p: q"]
    told = tuple(Remark("trap", text) for text in words)
    results = tuple(replace(r, remarks=told) for r in report.results if r.accepted)
    text = written("tap", [replace(report, results=results, against=(), reference="")])
    path = tmp_path / "a.tap"
    path.write_text(text)
    done = subprocess.run(
        ["prove", "--exec", "cat", path], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout
    (block,) = {tuple(test.yaml_block["explanation"]) for test in tap_lines(text)}
    assert set(words) <= set(block)


def test_a_hash_in_a_name_begins_no_tap_directive() -> None:
    # the reader above knows version 13, which has no escapes
    text = written("tap", [], Notice("refused", "a # TODO b\\", "no"))
    assert r"not ok 1 - refused: a \# TODO b\\ · no" in text


def test_junit_counts_its_cases_and_their_time(ran: Ran) -> None:
    root = ET.fromstring(written("junit", ran.reports))
    for element in (root, *root.iter("testsuite")):
        cases = list(element.iter("testcase"))
        assert element.get("tests") == str(len(cases))
        for key, tag in (("failures", "failure"), ("errors", "error")):
            assert element.get(key) == str(sum(case.find(tag) is not None for case in cases))
    times = [float(case.get("time", "")) for case in root.iter("testcase")]
    elapsed = sum(result.elapsed_ns for result in ran.results) / 1e9
    assert sum(times) == pytest.approx(elapsed, abs=1e-5 * len(times))


def test_junit_names_are_unique_and_those_readers_split_or_act_on_are_written_otherwise(
    ran: Ran,
) -> None:
    twice = ET.fromstring(written("junit", (*ran.reports, *ran.reports)))
    keys = [(case.get("classname"), case.get("name")) for case in twice.iter("testcase")]
    assert len(keys) == len(set(keys))
    alone, among = (set(read_junit(written("junit", of))) for of in (ran.reports[:1], ran.reports))
    assert alone <= among  # nor do they depend on the rest of the run
    text = written("junit", [replace(ran.reports[0], scenario="fact-1.4-x", lookup="::1")])
    cases = list(ET.fromstring(text).iter("testcase"))
    assert {case.get("classname") for case in cases} == {"gai-harness.fact-1_4-x"}  # for Jenkins
    assert all(case.get("name", "").startswith("[::1] · ") for case in cases)  # no command


def test_a_predicted_crash_passes_and_is_told(ran: Ran) -> None:
    report = ran.reports[0]
    crashed = next(r for r in report.results if r.verdict is Verdict.CRASHED)
    predicted = replace(crashed, predicted=True, undefined=("line 1: no prefix length",))
    given = replace(report, results=(predicted,), against=(), reference="")
    (read,) = read_junit(written("junit", [given])).values()
    assert (read.outcome, "no prefix length" in read.text) == ("passed", True)

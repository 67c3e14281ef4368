"""TAP, read back by a parser that is not ours (tap.py)."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tap.parser import Parser

from harness.compare.results import LookupReport, Notice, Remark
from harness.report.tap import TapReport
from tests.report.kit import Ran


def written(reports: Sequence[LookupReport], *notices: Notice) -> list[Any]:
    """The lines as the parser reads them; every one is of a known kind."""
    stream = io.StringIO()
    writer = TapReport(stream, title="a title\n1..0")
    for report in reports:
        writer.add(report)
    for notice in notices:
        writer.note(notice)
    writer.finish()
    lines = list(Parser().parse_text(stream.getvalue()))
    assert (lines[0].category, lines[0].version) == ("version", 13)
    assert not [line for line in lines if line.category == "unknown"]
    (plan,) = [line for line in lines if line.category == "plan"]
    tests = results(lines)
    assert plan.expected_tests == len(tests)
    assert [test.number for test in tests] == list(range(1, len(tests) + 1))
    return lines


def results(lines: Sequence[Any]) -> list[Any]:
    return [line for line in lines if line.category == "test"]


def named(lines: Sequence[Any], name: str) -> Any:
    (found,) = [test for test in results(lines) if test.description == f"- {name}"]
    return found


def test_every_verdict(ran: Ran) -> None:
    lines = written(ran.reports)
    host, patched = ran.where("host"), ran.where("patched")
    assert named(lines, f"formats · web · glibc {host}").ok
    failed = named(lines, f"formats · web · glibc {patched}")
    assert not failed.ok
    assert failed.yaml_block["native"] == ["203.0.113.9", "2001:db8:9::1"]
    assert failed.yaml_block["model"] == ["2001:db8:9::1", "203.0.113.9"]
    assert failed.yaml_block["at"] == {"file": str(ran.scenario), "line": 9}
    assert failed.yaml_block["message"].startswith("glibc says 203.0.113.9")
    assert any("rule 6" in line for line in failed.yaml_block["explanation"])
    died = named(lines, f"formats · web · glibc {ran.where('dying')}")
    assert (died.ok, died.yaml_block["native"]) == (False, "SIGSEGV")
    late = named(lines, f"slow · many · glibc {host}")
    assert (late.ok, late.yaml_block["message"]) == (False, "no answer within 0.001 s")
    changed = named(lines, f"formats · web · glibc {patched} against {host}")
    assert changed.yaml_block["was"] == ["2001:db8:9::1", "203.0.113.9"]
    assert changed.yaml_block["now"] == ["203.0.113.9", "2001:db8:9::1"]
    assert named(lines, f"formats · web inet · glibc {patched} against {host}").ok


def test_what_is_accepted_is_still_to_do(accepted: tuple[LookupReport, ...]) -> None:
    tests = results(written(accepted))
    known = [test for test in tests if "(patched)" in test.description and not test.ok]
    assert known
    assert all(test.todo and "our patch # 7" in test.directive.text for test in known)
    assert not [test for test in tests if test.todo and "(patched)" not in test.description]


def test_prove_reads_it(accepted: tuple[LookupReport, ...], tmp_path: Path) -> None:
    """Perl's reader, of which every distribution has one, knows a part of YAML only."""
    report = next(report for report in accepted if any(r.accepted for r in report.results))
    words = ["a: b", "c : d", "e:", "f:g: h", "  rule 9: i", "- j: k", "[l: m", '"n": o', "{p: q"]
    told = tuple(Remark("trap", text) for text in words)
    results = tuple(replace(r, remarks=told) for r in report.results if r.accepted)
    stream = io.StringIO()
    writer = TapReport(stream)
    writer.add(replace(report, results=results, against=(), reference=""))
    writer.finish()
    path = tmp_path / "a.tap"
    path.write_text(stream.getvalue())
    done = subprocess.run(
        ["prove", "--exec", "cat", path], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout
    (block,) = {
        tuple(line.yaml_block["explanation"])
        for line in Parser().parse_text(stream.getvalue())
        if line.category == "test"
    }
    assert set(words) <= set(block)


def test_what_stands_beside_the_results() -> None:
    stale = Notice("stale", "s", "the difference is gone", "web", "default", "2.36", "b.yaml")
    assert results(written([], stale)) == []
    strict = results(written([], replace(stale, failed=True), Notice("refused", "h", "no")))
    assert [test.ok for test in strict] == [False, False]
    assert "the difference is gone" in strict[0].description


def test_a_hash_in_a_name_begins_no_directive() -> None:
    # the parser above knows version 13, which has no escapes
    stream = io.StringIO()
    TapReport(stream).note(Notice("refused", "a # TODO b\\", "no"))
    assert r"not ok 1 - refused: a \# TODO b\\ · no" in stream.getvalue()


def test_no_character_breaks_a_line(ran: Ran) -> None:
    odd = "a\nok 99 - b\r\x1b\ud800"
    report = ran.reports[0]
    assert report.results[0].differs
    given = replace(report, scenario=odd, lookup=odd, source=odd)
    lines = written([given], Notice("stale", odd, odd, odd, odd, odd, odd))
    first = results(lines)[0]
    assert (first.ok, first.yaml_block["at"]["file"]) == (False, odd)

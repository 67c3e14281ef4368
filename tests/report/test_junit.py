"""JUnit XML, held against the schema of Jenkins' xUnit plugin.

The schema beside this file is that plugin's junit-10.xsd (MIT licence, in its first lines),
as pytest carries it for its own reports.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from harness.compare.results import LookupReport, Notice, Verdict
from harness.report.junit import JUnitReport
from tests.report.kit import Ran

SCHEMA = xmlschema.XMLSchema(Path(__file__).parent / "junit-10.xsd")


def written(reports: Sequence[LookupReport], *notices: Notice) -> ET.Element:
    """The document, which the schema has found valid."""
    stream = io.StringIO()
    writer = JUnitReport(stream, title="a title")
    for report in reports:
        writer.add(report)
    for notice in notices:
        writer.note(notice)
    writer.finish()
    text = stream.getvalue()
    SCHEMA.validate(text)
    return ET.fromstring(text)


def outcomes(root: ET.Element) -> dict[str, tuple[str, str]]:
    """Case → what became of it and its text."""
    found = {}
    for case in root.iter("testcase"):
        children = list(case)
        assert len(children) <= 1, "GitLab shows one"
        found[case.get("name", "")] = (
            (children[0].tag, children[0].text or "") if children else ("", "")
        )
    return found


def test_the_schema_refuses_what_is_not_junit() -> None:
    good = '<testsuites><testsuite name="a" tests="0" failures="0" errors="0"/></testsuites>'
    assert SCHEMA.is_valid(good)
    assert not SCHEMA.is_valid(good.replace(' name="a"', ""))
    assert not SCHEMA.is_valid(good.replace("<testsuites>", "<testsuites line='1'>"))


def test_every_verdict(ran: Ran) -> None:
    found = outcomes(written(ran.reports))
    host, patched = ran.where("host"), ran.where("patched")
    assert found[f"web · glibc {host}"] == ("", "")
    tag, text = found[f"web · glibc {patched}"]
    assert (tag, "rule 6" in text) == ("failure", True)
    assert text.startswith(f"{ran.scenario}:9\n")
    assert "glibc says 203.0.113.9, 2001:db8:9::1" in text
    tag, text = found[f"web · glibc {ran.where('dying')}"]
    assert (tag, "died of SIGSEGV" in text) == ("error", True)
    tag, text = found[f"web inet · glibc {host}"]
    assert (tag, "expected 198.51.100.9, got 203.0.113.9" in text) == ("failure", True)
    tag, text = found[f"many · glibc {host}"]
    assert (tag, "no answer within 0.001 s" in text) == ("error", True)
    tag, text = found[f"web · glibc {patched} against {host}"]
    assert (tag, "the model does not explain this order" in text) == ("failure", True)
    assert found[f"web inet · glibc {patched} against {host}"] == ("", "")


def test_the_counts_are_those_of_the_cases(ran: Ran) -> None:
    root = written(ran.reports)
    for element in (root, *root.iter("testsuite")):
        cases = list(element.iter("testcase"))
        assert element.get("tests") == str(len(cases))
        for key, tag in (("failures", "failure"), ("errors", "error")):
            assert element.get(key) == str(sum(case.find(tag) is not None for case in cases))
    times = [float(case.get("time", "")) for case in root.iter("testcase")]
    elapsed = sum(result.elapsed_ns for result in ran.results) / 1e9
    assert sum(times) == pytest.approx(elapsed, abs=1e-5 * len(times))


def test_names_are_unique_and_do_not_depend_on_the_rest_of_the_run(ran: Ran) -> None:
    twice = written((*ran.reports, *ran.reports))
    keys = [(case.get("classname"), case.get("name")) for case in twice.iter("testcase")]
    assert len(keys) == len(set(keys))
    alone = outcomes(written(ran.reports[:1]))
    assert set(alone) <= set(outcomes(written(ran.reports)))


def test_a_class_has_one_dot_for_jenkins_to_split_at(ran: Ran) -> None:
    root = written([replace(ran.reports[0], scenario="fact-1.4-x")])
    classes = {case.get("classname") for case in root.iter("testcase")}
    assert classes == {"gai-harness.fact-1_4-x"}


def test_what_is_accepted_is_skipped_and_says_why(accepted: tuple[LookupReport, ...]) -> None:
    root = written(accepted)
    skipped = list(root.iter("skipped"))
    assert skipped
    assert all("our patch # 7" in (element.get("message") or "") for element in skipped)
    assert not [
        case.get("name")
        for case in root.iter("testcase")
        if "(patched)" in case.get("name", "") and case.find("skipped") is None and len(case)
    ]


def test_a_predicted_crash_passes_and_is_told(ran: Ran) -> None:
    report = ran.reports[0]
    crashed = next(r for r in report.results if r.verdict is Verdict.CRASHED)
    predicted = replace(crashed, predicted=True, undefined=("line 1: no prefix length",))
    found = outcomes(written([replace(report, results=(predicted,), against=(), reference="")]))
    ((tag, text),) = found.values()
    assert (tag, "no prefix length" in text) == ("system-out", True)


def test_refused_hosts_and_stale_entries_are_cases() -> None:
    stale = Notice("stale", "s", "the difference is gone", "web", "default", "2.36", "b.yaml")
    root = written(
        [], Notice("refused", "host", "no such setting", source="a.yaml"), stale,
        replace(stale, lookup="strict", failed=True),
    )  # fmt: skip
    found = outcomes(root)
    assert found["host"] == ("error", "a.yaml")
    assert found["s · web · default · 2.36"][0] == "skipped"
    assert found["s · strict · default · 2.36"][0] == "failure"
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")


def test_any_character_gives_valid_xml(ran: Ran) -> None:
    odd = "".join(map(chr, range(0x20))) + "\x7f\x85<&>\"']]>\ud800\udcff\ufffe\uffff\U0001f980"
    report = ran.reports[0]
    results = tuple(replace(r, unmet=(odd,), label=odd) for r in report.results)
    given = replace(report, scenario=odd, lookup=odd, source=odd, results=results)
    root = written([given], Notice("stale", odd, odd, odd, odd, odd, odd))
    text = next(iter(root.iter("failure"))).text or ""
    for shown in ("\\x00", "\\x1b", "\\ud800", "\\udcff", "\\ufffe", "<&>\"']]>", "\U0001f980"):
        assert shown in text

"""What people are shown beside a run's formats: a check, curves."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.compare.bench.curve import Point, Sample, growth
from harness.compare.results import Notice, Remark, Verdict
from harness.model.dialects import NEWEST
from harness.report.bench import PlotError, draw, panels, svg
from harness.report.documents import text as text_of
from harness.report.formats import FORMATS
from harness.report.text import device_lines
from harness.sandbox import DeviceNote
from tests.report.html import kit
from tests.report.kit import written


def test_notes_of_the_same_words_are_one_line() -> None:
    notes = [DeviceNote(f"veth{n}", "veth made as dummy") for n in range(300)]
    bridge = DeviceNote("br0", "bridge made as dummy")
    assert list(device_lines([notes[0], bridge, *notes[1:]])) == [
        "veth0, veth1, veth2, veth3 and 296 more: veth made as dummy",
        "br0: bridge made as dummy",
    ]
    assert list(device_lines(notes[:2])) == ["veth0, veth1: veth made as dummy"]
    assert list(device_lines(notes[:1])) == ["veth0: veth made as dummy"]


def test_quiet_shows_what_fails_or_differs_and_counts_all() -> None:
    everything = [kit.AGREEING, kit.CHANGED, kit.DISAGREEING, kit.ACCEPTED]
    quiet = written("text", everything, quiet=True)
    for report in everything:
        shown = report not in (kit.AGREEING, kit.ACCEPTED)
        assert (f"{report.scenario}\n" in quiet) == shown
    assert "4 lookups on glibc" in quiet
    assert ", 1 accepted by the baseline\n" in quiet
    assert f"{kit.AGREEING.scenario}\n" in written("text", everything, quiet=False)


def test_brief_has_a_line_for_each_scenario_and_all_of_what_fails() -> None:
    again = replace(kit.AGREEING, scenario=kit.DISAGREEING.scenario)
    accepted = replace(kit.ACCEPTED, against=())
    everything = [kit.AGREEING, kit.AGREEING, accepted, again, kit.DISAGREEING]
    brief = written("text", everything, brief=True).splitlines()
    assert brief[:3] == [
        f"{kit.AGREEING.scenario}: 2 as expected",
        f"{accepted.scenario}: 1 accepted by the baseline",
        kit.DISAGREEING.scenario,
    ]
    assert "      first difference at number 2" in brief
    assert "  beside: 1 as expected" in brief
    assert brief[-1].endswith("gai-harness run -v")


def test_quiet_tells_a_change_once_and_counts_what_is_accepted() -> None:
    good, known = kit.ACCEPTED.results
    order = ", ".join(known.native)
    changed = replace(kit.ACCEPTED, results=(good, replace(known, accepted=False)))
    assert written("text", [changed]).count(order) == 2
    quiet = written("text", [changed], quiet=True)
    assert quiet.count(order) == 1
    assert "1 of 1 answers differ" in quiet
    [change] = kit.ACCEPTED.against
    expected = replace(change, accepted=True, reason="as meant")
    accepted = replace(kit.ACCEPTED, against=(expected,))
    assert "as meant" in written("text", [accepted])
    quiet = written("text", [accepted], quiet=True)
    assert "as meant" not in quiet
    assert "1 of 1 answers differ" in quiet
    assert quiet.endswith(", 1 accepted\n")


def test_quiet_names_causes_first_then_a_line_for_each_change() -> None:
    good, known = kit.ACCEPTED.results
    unmet = ("native: expected near, got far",)
    bad = replace(known, accepted=False, unmet=unmet)
    died = replace(bad, native=(), verdict=Verdict.CRASHED, error="SIGABRT", said="x.c:1: no")
    [change] = kit.ACCEPTED.against
    crash = replace(change, new=replace(change.new, order=(), error="SIGABRT"))
    by_row = replace(change, why=(kit.CHECKED,))
    reports = [
        replace(kit.ACCEPTED, results=(good, result), against=(one,))
        for result, one in ((bad, change), (died, crash), (bad, by_row))
    ]
    cause = Notice("cause", "", "explained by: a patch; 2 of 2 differences", build=known.where)
    near, far = kit.NEAR, kit.FAR
    quiet = written("text", reports, cause, quiet=True).splitlines()
    assert quiet[1:] == [
        f"glibc {known.where}: {cause.text}",
        f"{kit.CHECKED}: 1 of 3 differences",
        "it said x.c:1: no: 1 of 3 differences",
        "rule 9 → unexplained by the model: 2",
        f"  patched: web: {far}, {near} instead of {near}, {far}",
        f"  patched: web: {far}, {near} instead of {near}, {far}",
        "an order → SIGABRT: 1",
        f"  patched: web: SIGABRT instead of {near}, {far}",
        f"3 of 3 answers differ from {good.where}",
    ]
    # a third build makes a difference to whose answer it is
    third = kit.result("2.36", (near, far))
    three = replace(kit.ACCEPTED, results=(third, good, bad))
    line = f"  patched: web: {far}, {near} instead of {near}, {far} on {known.where}"
    assert line in written("text", [three], quiet=True).splitlines()


def test_quiet_counts_predicted_crashes_in_one_line() -> None:
    crashing = replace(kit.CRASHING, changes=())
    quiet = written("text", [crashing, crashing], quiet=True)
    assert quiet.count("\n") == 1
    assert "2 crashed (2 predicted)" in quiet
    assert "SIGSEGV" in written("text", [crashing], brief=True)


def test_a_long_remark_is_told_once() -> None:
    text = "IPv4-only host: it begins; " + "and it goes on. " * 20
    told = kit.lookup("s", [kit.result("2.36", (kit.NEAR,), remarks=(Remark("trap", text),))])
    shown = written("text", [told, told]).splitlines()
    begun = [line.strip() for line in shown if "IPv4-only" in line]
    assert begun == [text.strip(), "IPv4-only host: it begins (explained above)"]


def test_look_ups_and_answers_are_counted_apart() -> None:
    agreed = [kit.result(glibc, (kit.NEAR,)) for glibc in ("2.31", "2.36")]
    both = kit.lookup("both", agreed)
    assert "2 lookups on glibc 2.31" not in written("text", [both])
    last = written("text", [both, kit.lookup("one", agreed[:1])]).splitlines()[-1]
    assert last.startswith("2 lookups on glibc ")
    assert last.endswith(", 3 answers: 3 agree, 0 disagree, 0 error")
    alike = [kit.lookup("one", agreed[:1])] * 3
    assert "answer" not in written("text", alike[:1]).splitlines()[-1]
    last = written("text", alike).splitlines()[-1]
    assert last.startswith("3 lookups on glibc ")
    assert last.endswith(": 3 agree, 0 disagree, 0 error")
    assert "answer" not in last


def test_a_build_newer_than_the_model_is_named_once() -> None:
    newer, known = (kit.result(glibc, (kit.NEAR,)) for glibc in ("9.1", NEWEST))
    assert (newer.beyond_model, known.beyond_model) == (True, False)
    assert json.loads(text_of(newer))["beyond_model"] is True
    assert not kit.result(f"{NEWEST}.1", (kit.NEAR,)).beyond_model
    both = kit.lookup("both", [known, newer])
    said = f"the model knows glibc up to {NEWEST}, and judges 9.1 as that"
    assert written("text", [both, both], quiet=True).count(said) == 1
    for name in ("text", "github", "tap"):
        assert written(name, [both, both]).count(said) == 1
        assert said not in written(name, [kit.lookup("one", [known])])
    # a test that is skipped: its message, and the text that GitLab shows
    found = ElementTree.fromstring(written("junit", [both, both])).findall(".//skipped")
    assert [said in str(one.get("message")) and said in str(one.text) for one in found] == [True]
    assert "<skipped" not in written("junit", [kit.lookup("one", [known])])


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_build_was_told_and_the_last_words_of_a_crash(name: str) -> None:
    died = kit.result(
        "2.36", (), model=(kit.NEAR,), verdict=Verdict.CRASHED, error="SIGABRT",
        said="x.c:1: Assertion failed", rows=("mptcp_known=true",),
    )  # fmt: skip
    text = written(name, [kit.lookup("dying", [died])])
    assert "x.c:1: Assertion failed" in text
    assert "mptcp_known=true" in text


TICK = Sample(1e-6, 2e-6)


def point(size: int, cold: float = 1e-5, glibc: str = "2.36") -> Point:
    return Point(
        glibc, "amd64", "host", "mixed", size, TICK, TICK, Sample(cold, cold), TICK, TICK, TICK,
        TICK, True,
    )  # fmt: skip


def test_a_panel_for_each_glibc_and_family() -> None:
    drawn = panels([point(2), point(8), point(2, glibc="2.31")])
    ElementTree.fromstring(svg(drawn))  # one size alone can be drawn, too
    assert list(drawn) == ["glibc 2.31 (host), mixed", "glibc 2.36 (host), mixed"]
    sizes, times = zip(*drawn["glibc 2.36 (host), mixed"]["model, cold"], strict=True)
    assert sizes == (2, 8)
    assert times == pytest.approx((10, 10))


def test_names_are_escaped_and_the_slowest_is_highest() -> None:
    text = svg({"a <b> & c": {"slow": [(2, 10), (8, 100)], "fast": [(2, 1), (8, 10)]}})
    root = ElementTree.fromstring(text)
    assert "a <b> & c" in [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    slow, fast = [
        one.get("d", "") for one in root.iter("{http://www.w3.org/2000/svg}path")
        if one.get("fill") == "none" and "L" in one.get("d", "")
    ]  # fmt: skip
    last = [float(path.rsplit(" ", 1)[1]) for path in (slow, fast)]
    assert last[0] < last[1]


def test_a_file_that_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlotError, match="cannot be written"):
        draw(tmp_path / "missing" / "a.svg", [point(2)])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PlotError, match=r"gai-harness\[plot\]"):
        draw(tmp_path / "a.png", [point(2)])


def test_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw(tmp_path / "a.png", [point(2), point(8)])
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_growth_is_one_for_n_log_n() -> None:
    sized = [point(8, 8 * 3e-6), point(64, 64 * 6e-6), point(256, 2 * 256 * 8e-6), point(2)]
    assert growth(sized) == {8: 1.0, 64: pytest.approx(1.0), 256: pytest.approx(2.0)}
    assert growth([point(2)]) == {}

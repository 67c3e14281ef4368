"""``gai-harness bench``: what it reports and draws. No time is asserted anywhere."""

import json
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.compare.bench import goals
from harness.compare.bench.curve import FAMILIES, SIZES
from harness.compare.bench.goals import WORDS, Ratio
from harness.compare.bench.measure import BenchReport, bench
from harness.compare.plan import lanes_for
from tests.conftest import Call, Patch
from tests.e2e.test_current_folder import planted

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> BenchReport:
    """One real and quick run, which all tests render; nothing of the folder it runs in is run."""
    folder, marker = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("beside") / "marker"
    planted(folder, marker)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PATH", f":.:{os.environ['PATH']}:")
        # no number is looked at here
        patch.setattr(goals, "of_commands", lambda _, of=goals.of_commands: of(1))
        patch.setattr(goals, "_STARTS", 1)
        found = bench(lanes_for("host", "worker"), quick=True)
    assert not marker.exists(), marker.read_text()
    return found


@pytest.fixture
def no_bench(measured: BenchReport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cli.bench.bench", lambda *_, **__: measured)


@pytest.mark.usefixtures("no_bench")
def test_json_svg_and_text(tmp_path: Path, call: Call) -> None:
    picture = tmp_path / "curves.svg"
    done = call("bench", "--quick", "--json", "--plot", picture)
    assert done.status == 0
    report = json.loads(done.out)
    assert report["schema"] == 1
    points = report["points"]
    assert [(one["family"], one["size"]) for one in points] == [
        (family, size) for family in FAMILIES for size in SIZES
    ]
    assert all(one["agreed"] and one["ratio"] > 0 for one in points)
    (rates,) = report["rates"]
    assert rates["prepared"]["lookups"] == 400
    assert rates["against_by_hand"] > 0
    assert report["together"]["ratio"] > 0
    assert [one["key"] for one in report["ratios"]] == list(WORDS)
    assert all(one["value"] > 0 for one in report["ratios"])
    root = ElementTree.parse(picture).getroot()
    titles = [one.text for one in root.iter(f"{SVG}text")]
    assert sum("glibc" in (title or "") for title in titles) == len(FAMILIES)
    done = call("bench")
    assert done.status == 0
    for part in ("mixed   1024", "prepared cases", "whole fuzz loop", "by hand", "at most 28"):
        assert part in done.out


def test_a_disagreement_is_a_finding(measured: BenchReport, monkeypatch: Patch, call: Call) -> None:
    wrong = replace(measured.points[0], agreed=False)
    found = replace(measured, points=(wrong, *measured.points[1:]))
    monkeypatch.setattr("harness.cli.bench.bench", lambda *_, **__: found)
    done = call("bench")
    assert (done.status, "DISAGREE" in done.out) == (1, True)


@pytest.mark.parametrize(("at_most", "value"), [(False, 0.4), (True, 2.5)])
def test_a_ratio_far_from_its_goal_is_a_finding_where_a_floor_is_given(
    at_most: bool, value: float, measured: BenchReport, monkeypatch: Patch, call: Call
) -> None:
    ratio = Ratio("model", value, 1.0, at_most)
    assert ratio.reached == 0.4
    found = replace(measured, ratios=(ratio, Ratio("together", 0.01)))
    monkeypatch.setattr("harness.cli.bench.bench", lambda *_, **__: found)
    floors = ("0.5", "0.4", "0")
    assert [call("bench", "--floor", floor).status for floor in floors] == [1, 0, 0]
    assert call("bench").status == 0
    assert call("bench", "--floor", "50").status == 2

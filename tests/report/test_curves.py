"""The curves as SVG and PNG."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.compare.bench.curve import Point, Sample, growth
from harness.report.bench import PlotError, draw, panels, svg

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

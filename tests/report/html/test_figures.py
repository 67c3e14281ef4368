"""Figures for documents: well-formed, complete, and each bit where it belongs."""

from __future__ import annotations

import doctest
from xml.etree import ElementTree

import page_kit as kit
import pytest

from harness.report import figures
from harness.report.figures import order_svg, prefix_bits_svg

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def bits(svg: str) -> dict[float, str]:
    """Each bit of the drawing by its place, row by row from the top."""
    found: dict[tuple[float, float], str] = {}
    for element in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        text = element.text or ""
        places = element.attrib["x"].split()
        if set(text) <= {"0", "1"} and len(places) == len(text) and "font-size" in element.attrib:
            for place, bit in zip(places, text, strict=True):
                found[float(element.attrib["y"]), float(place)] = bit
    rows: dict[float, str] = {}
    for (y, _), bit in sorted(found.items()):
        rows[y] = rows.get(y, "") + bit
    return rows


def test_ipv4_is_destination_over_source() -> None:
    rows = bits(prefix_bits_svg("172.18.45.6", "172.18.45.2", 24))
    assert list(rows.values()) == [
        "10101100000100100010110100000110",
        "10101100000100100010110100000010",
    ]


def test_ipv6_takes_two_lines_of_four_groups() -> None:
    svg = prefix_bits_svg("2001:db8:9::1", "2001:db8:1::2", 64)
    rows = list(bits(svg).values())
    assert [len(row) for row in rows] == [64, 64, 64, 64]
    assert rows[0] + rows[2] == f"{0x20010DB8000900000000000000000001:0128b}"
    assert rows[1] + rows[3] == f"{0x20010DB8000100000000000000000002:0128b}"
    assert "44 equal bits count." in texts(svg)


@pytest.mark.parametrize(
    ("prefixlen", "after"), [(24, 24), (20, 20), (1, 1), (31, 31), (32, None), (0, None)]
)
def test_the_line_stands_behind_the_last_bit_of_the_subnet(
    prefixlen: int, after: int | None
) -> None:
    svg = prefix_bits_svg("10.1.2.3", "10.1.2.9", prefixlen)
    lines = [
        float(element.attrib["d"].removeprefix("M").split()[0])
        for element in ElementTree.fromstring(svg).iter(f"{SVG}path")
    ]
    places = sorted(
        float(place)
        for element in ElementTree.fromstring(svg).iter(f"{SVG}text")
        if "font-size" in element.attrib
        for place in element.attrib["x"].split()
    )[::2]
    assert len(places) == 32
    if after is None:
        assert lines == []
    else:
        assert len(lines) == 1
        assert places[after - 1] < lines[0] < places[after]
        assert f"/{prefixlen}" in texts(svg)


def test_equal_bits_are_tinted_and_the_first_different_one_inverted() -> None:
    root = ElementTree.fromstring(prefix_bits_svg("172.31.80.8", "172.18.45.2", 24))
    wide = {"#dfe9f5": 0.0, "#1b1d20": 0.0}
    for element in root.iter(f"{SVG}rect"):
        if element.attrib["fill"] in wide:
            wide[element.attrib["fill"]] += float(element.attrib["width"])
    inverted = [
        element.text for element in root.iter(f"{SVG}text") if element.attrib["fill"] == "#ffffff"
    ]
    assert inverted == ["1", "0"]  # bit 13 of 172.31 and of 172.18
    assert wide["#dfe9f5"] == 12 * wide["#1b1d20"]


def test_an_order_has_every_address_and_the_rule_between() -> None:
    svg = order_svg(kit.disagreeing().results[0])
    words = texts(svg)
    wanted = [
        kit.SIX, "6", "prefer higher precedence", "↑ precedence 40", "↓ precedence 10",
        kit.NEAR, "9", "use longest matching prefix", "↑ shares 29 bits with 172.18.45.2/24",
        "↓ is outside the subnet of 172.18.45.2/24", kit.FAR,
    ]  # fmt: skip
    places = [words.index(word) for word in wanted]
    assert places == sorted(places)
    heights = {
        element.text: float(element.attrib["y"].split()[0])
        for element in ElementTree.fromstring(svg).iter(f"{SVG}text")
    }
    assert heights[kit.SIX] < heights["prefer higher precedence"] < heights[kit.NEAR]


def test_an_order_of_nothing_says_what_came() -> None:
    assert "EAI_NONAME" in texts(order_svg(kit.failing().results[0]))


def test_hostile_words_are_text() -> None:
    result = kit.hostile().results[0]
    root = ElementTree.fromstring(order_svg(result, title="<b>\x00&"))
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == "<b>&"


def test_the_example_of_the_module() -> None:
    assert doctest.testmod(figures).failed == 0

"""How the page is laid out, in a font whose every letter is the same box.

So the fonts of a machine have no say: `boxes.ttf` has one glyph, 0.6 em wide, for all
characters. Screenshots are compared small and grey, with tolerance. After a change that is
meant, write new ones with GAI_HARNESS_DRAW=1 and look at them before they are committed.
"""

import base64
import io
import os
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.report.html.browser import Open
from tests.report.html.kit import RUN

pytestmark = pytest.mark.xdist_group("browser")
HERE = Path(__file__).parent
SCALE = 8  # pixels of the page, in each direction, that make one of a picture
TOLERATED = 10  # of 255: edges are not drawn alike everywhere
TILE = 12  # pixels of a picture, in each direction, that are looked at together
SPARED = 0.08  # of a tile's pixels may be further off: the arrow of a list, a tick
PICTURES = [(1280, "light"), (390, "dark")]
FONT = base64.b64encode((HERE / "boxes.ttf").read_bytes()).decode()
BOXED = (
    f"@font-face {{ font-family: Boxes; src: url(data:font/ttf;base64,{FONT}); }}"
    # by the font's own widths, whether or not this host rounds them to pixels
    "* { font-family: Boxes !important; text-rendering: geometricPrecision !important; }"
)


@pytest.fixture(autouse=True)
def a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version on the page is that of the pictures, whatever this one is."""
    monkeypatch.setattr("harness.__version__", "1.0.0")


def boxed(open_page: Open, width: int, **options: Any) -> Page:
    """A page in the font of boxes; all sections as they are at first."""
    page = open_page(RUN, width=width, bypass_csp=True, **options)
    page.add_style_tag(content=BOXED)
    assert page.evaluate("document.fonts.load('16px Boxes').then(found => found.length)") == 1
    page.evaluate("scrollTo(0, 0)")
    return page


def picture(page: Page) -> Any:
    from PIL import Image

    page.locator("#controls").evaluate("bar => { bar.style.position = 'static'; }")
    whole = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("L")
    size = (round(whole.width / SCALE), round(whole.height / SCALE))
    return whole.resize(size, Image.Resampling.BOX)


def worst(seen: Any, wanted: Any) -> float:
    """The share of pixels that are off in the tile that is worst; 1 for other sizes."""
    from PIL import ImageChops

    if seen.size != wanted.size:
        return 1.0
    difference = ImageChops.difference(seen, wanted)
    corners = product(range(0, seen.width, TILE), range(0, seen.height, TILE))
    tiles = (difference.crop((x, y, x + TILE, y + TILE)) for x, y in corners)
    return max(sum(tile.histogram()[TOLERATED + 1 :]) / TILE**2 for tile in tiles)


@pytest.mark.parametrize(("width", "scheme"), PICTURES)
def test_the_page_looks_as_it_was_right(open_page: Open, width: int, scheme: str) -> None:
    from PIL import Image

    file = HERE / f"layout-{width}-{scheme}.png"
    seen = picture(boxed(open_page, width, color_scheme=scheme))
    if os.environ.get("GAI_HARNESS_DRAW"):
        seen.save(file, optimize=True)
    assert worst(seen, Image.open(file)) <= SPARED


MEASURE = """() => [...document.querySelectorAll('.bits')].map(figure =>
    [...figure.querySelectorAll('.sixteen')].map(group =>
        [...group.querySelectorAll('code')].map(row =>
            [...row.children].map(run => {
                const box = run.getBoundingClientRect();
                return {bits: run.innerText, kind: run.className, left: box.left,
                        right: box.right, top: box.top, bottom: box.bottom};
            }))))"""


@pytest.mark.parametrize("width", [1280, 390])
def test_bits_stand_under_each_other_and_the_line_where_the_subnet_ends(
    open_page: Open, width: int
) -> None:
    page = open_page(RUN, width=width)  # in the machine's own font
    page.click("#open-all")
    figures = page.evaluate(MEASURE)
    assert len(figures) == 2 + 2 + 4 + 4 + 2  # two for each chain by rule 9, in order of RUN
    for figure in figures:
        for upper, lower in figure:
            assert [(run["left"], run["right"]) for run in upper] == [
                (run["left"], run["right"]) for run in lower
            ]
            # one block, without a gap between destination and source
            assert upper[0]["bottom"] == pytest.approx(lower[0]["top"], abs=1)
            assert 0 < upper[0]["left"] < upper[-1]["right"] < width
        assert sum(len(run["bits"]) for upper, _ in figure for run in upper) in (32, 128)
    # the forum's far address: /24 ends at the right edge of the third octet
    upper, _ = figures[1][2]
    assert upper[-1]["kind"] == "rest ends"
    six, _ = figures[-1][3]
    assert six[-1]["kind"].endswith("ends")

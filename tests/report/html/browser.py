"""A real browser for tests, headless and offline; what it opens must stay silent."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness.compare.results import LookupReport
from tests.report.html import kit

OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--in-process-gpu",
)  # fmt: skip
Open = Callable[..., Page]


# A module's own, not the session's: playwright keeps an event loop running in this thread.
@pytest.fixture(scope="module")
def browser(unreachable: Callable[[str], NoReturn]) -> Iterator[Browser]:
    """Chromium; its tests are skipped where there is none, and fail then in CI."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = [path for name in names if (path := shutil.which(name))]
    if not found:
        unreachable("needs chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found[0], args=list(OPTIONS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def idle() -> list[Page]:
    """Pages without options of their own that no test has now: a new one costs three times more."""
    return []


@pytest.fixture
def open_page(browser: Browser, idle: list[Page], tmp_path: Path) -> Iterator[Open]:
    """Writes a run's page to a file and opens it; at the end, nothing may have gone wrong."""
    said: list[str] = []
    asked: set[str] = set()
    opened: set[str] = set()

    def new_page(**options: Any) -> Page:
        return browser.new_context(offline=True, **options).new_page()

    def leave(page: Page, deafen: Callable[[], None]) -> None:
        page.evaluate("localStorage.clear()")
        deafen()
        page.goto("about:blank")  # from where the next file is another one, whatever its fragment
        idle.append(page)

    with ExitStack() as stack:

        def now(
            reports: Sequence[LookupReport] | Path, at: str = "", width: int = 1280, **options: Any
        ) -> Page:
            if isinstance(reports, Path):
                file = reports
            else:
                file = tmp_path / "report.html"
                file.write_text(kit.page(reports), encoding="utf-8")
            page = new_page(**options) if options or not idle else idle.pop()
            page.set_viewport_size({"width": width, "height": 900})
            deafen = listen(page, said, asked)
            if options:
                stack.callback(page.context.close)
            else:
                stack.callback(leave, page, deafen)
            opened.add(file.as_uri())
            page.goto(file.as_uri() + at)
            if options.get("java_script_enabled", True):
                page.wait_for_selector("html[data-ready]")
            return page

        yield now
        assert said == [], said
        assert asked == opened


def listen(page: Page, said: list[str], asked: set[str]) -> Callable[[], None]:
    """Keep what a page says and asks for from now on, until what this gives is called."""
    hearers: dict[Any, Callable[[Any], None]] = {
        "console": lambda message: said.append(message.text),
        "pageerror": lambda error: said.append(str(error)),
        "request": lambda request: asked.add(request.url.partition("#")[0]),
    }
    for event, hear in hearers.items():
        page.on(event, hear)

    def deafen() -> None:
        for event, hear in hearers.items():
            page.remove_listener(event, hear)

    return deafen

"""A real browser for tests, headless and offline; what it opens must stay silent."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.report.html import kit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from harness.compare.results import LookupReport

OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip


# A module's own, not the session's: playwright keeps an event loop running in this thread.
@pytest.fixture(scope="module")
def browser(unreachable: Callable[[str], NoReturn]) -> Iterator[Browser]:
    """Chromium; its tests are skipped where there is none, and fail then in CI."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unreachable("playwright is not there: pip install 'gai-harness[test]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    found = [path for name in names if (path := shutil.which(name))]
    if not found:
        unreachable("needs chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found[0], args=list(OPTIONS))
        yield started
        started.close()


@dataclass
class Opened:
    """A page with all that it said and asked for."""

    page: Page
    url: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


Open = Callable[..., Opened]


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Writes a run's page to a file and opens it; at the end, nothing may have gone wrong."""
    opened: list[Opened] = []

    with ExitStack() as stack:

        def now(
            reports: Sequence[LookupReport] | Path,
            hash_: str = "",
            *,
            width: int = 1280,
            height: int = 900,
            **options: Any,
        ) -> Opened:
            if isinstance(reports, Path):
                file = reports
            else:
                file = tmp_path / "report.html"
                file.write_text(kit.page(reports), encoding="utf-8")
            context = browser.new_context(
                viewport={"width": width, "height": height}, offline=True, **options
            )
            stack.callback(context.close)
            one = Opened(context.new_page(), file.as_uri())
            one.page.on("console", lambda message: one.said.append(message.text))
            one.page.on("pageerror", lambda error: one.said.append(str(error)))
            one.page.on("request", lambda request: one.asked.append(request.url))
            opened.append(one)
            one.page.goto(one.url + hash_)
            if options.get("java_script_enabled", True):
                one.page.wait_for_selector("html[data-ready]")
            return one

        yield now
        for one in opened:
            assert one.said == []
            assert {url.partition("#")[0] for url in one.asked} == {one.url}

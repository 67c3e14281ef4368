"""A real browser for the tests of this folder."""

from tests.report.html.browser import browser, idle, open_page

__all__ = ["browser", "idle", "open_page"]

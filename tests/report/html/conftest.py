"""A real browser for the tests of this folder."""

from tests.report.html.browser import browser, open_page

__all__ = ["browser", "open_page"]

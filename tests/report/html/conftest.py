"""A real browser for the tests of this folder."""

from browser_kit import browser, open_page

__all__ = ["browser", "open_page"]

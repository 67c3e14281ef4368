"""The HTML report: one static page, complete in itself, for a browser without a network."""

from harness.report.html.writer import WRITTEN_OUT, HtmlReport

__all__ = ["WRITTEN_OUT", "HtmlReport"]

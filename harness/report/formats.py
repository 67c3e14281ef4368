"""The formats a run is written in, by name. Nothing heavy is imported before one is used."""

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from harness.report.writer import Writer

FORMATS = {
    "text": ("for a terminal", "text:TextReport"),
    "json": ("for programs; gai-harness schema --of results", "json:JsonReport"),
    "junit": ("JUnit XML, for Jenkins, GitLab and their kin", "junit:JUnitReport"),
    "html": ("one page for a browser, complete in itself", "html.page:HtmlReport"),
    "tap": ("TAP 13, for prove and its kin", "tap:TapReport"),
    "github": ("annotations and a job summary, for GitHub Actions", "github:GitHubReport"),
}
"""What each format is for, in a line, and its writer in this room."""


def writer(name: str, stream: TextIO, title: str, **options: Any) -> "Writer":
    """A new writer of the format ``name`` on ``stream``; KeyError for a name not in FORMATS."""
    made: Writer = resolve_name(f"harness.report.{FORMATS[name][1]}")(stream, title, **options)
    return made

"""The formats a run is written in, by name. Nothing heavy is imported before one is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

if TYPE_CHECKING:
    from harness.report.writer import Writer


class Format(NamedTuple):
    """What a format is for, in a line, and its writer: the module in this room, the class."""

    summary: str
    module: str
    writer: str


FORMATS = {
    "text": Format("for a terminal", "text", "TextReport"),
    "json": Format("for programs; gai-harness schema --of results", "json", "JsonReport"),
    "junit": Format("JUnit XML, for Jenkins, GitLab and their kin", "junit", "JUnitReport"),
    "html": Format("one page for a browser, complete in itself", "html.page", "HtmlReport"),
    "tap": Format("TAP 13, for prove and its kin", "tap", "TapReport"),
    "github": Format("annotations and a job summary, for GitHub Actions", "github", "GitHubReport"),
}


def writer(name: str, stream: TextIO, title: str, **options: Any) -> Writer:
    """A new writer of the format ``name`` on ``stream``; KeyError for a name not in FORMATS."""
    known = FORMATS[name]
    module = import_module(f"harness.report.{known.module}")
    made: Writer = getattr(module, known.writer)(stream, title, **options)
    return made

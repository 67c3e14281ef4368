"""The formats a run is written in, by name. Nothing heavy is imported before one is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from harness.compare.results import LookupReport, Notice, Summary


class Writer(Protocol):
    """Takes the reports of a run one by one, in order."""

    def add(self, report: LookupReport) -> None:
        """Take one look-up, on every glibc asked for."""

    def note(self, notice: Notice) -> None:
        """Take what stands beside the results: a refused host, a stale entry of a baseline."""

    def finish(self) -> Summary:
        """Write what is still to be written; the totals."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format: what it is for, in a line, and the module and name of its writer.

    The writer is called with a text stream and a title.
    """

    summary: str
    module: str
    writer: str


FORMATS: dict[str, Format] = {
    "text": Format("for a terminal", "harness.report.text", "text_report"),
    "json": Format("for programs; gai-harness schema --of results", "harness.report.json",
                   "JsonReport"),
    "junit": Format("JUnit XML, for Jenkins, GitLab and their kin", "harness.report.junit",
                    "JUnitReport"),
    "html": Format("one page for a browser, complete in itself", "harness.report.html",
                   "HtmlReport"),
    "tap": Format("TAP 13, for prove and its kin", "harness.report.tap", "TapReport"),
    "github": Format("annotations and a job summary, for GitHub Actions",
                     "harness.report.github", "GitHubReport"),
}  # fmt: skip


def writer(name: str, stream: TextIO, title: str) -> Writer:
    """A new writer of the format ``name`` on ``stream``; KeyError for a name not in FORMATS.

    ``title`` is for formats that have one.
    """
    known = FORMATS[name]
    make: Callable[..., Writer] = getattr(import_module(known.module), known.writer)
    return make(stream, title=title)


def quiet_text(stream: TextIO) -> Writer:
    """The text of what fails or differs only, for ``run --quiet``."""
    from harness.report.terminal import Terminal
    from harness.report.text import TextReport

    return TextReport(Terminal(stream), quiet=True)

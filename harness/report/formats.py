"""The formats of a run and the JSON documents, by name; what writes them is imported when used."""

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

DOCUMENTS = {
    "results": ("run --format json", "harness.report.documents:Run"),
    "explain": ("explain --json", "harness.report.documents:Explain"),
    "whatif": ("whatif --json", "harness.report.whatif:WhatifDocument"),
    "watch": ("watch --json", "harness.report.watch:WatchDocument"),
    "suggest": ("suggest --json", "harness.report.suggest:SuggestDocument"),
    "kubelet": ("kubelet --json", "harness.kubelet.report:NodeReport"),
    "bench": ("bench --json", "harness.compare.bench.measure:BenchReport"),
    "fuzz": ("fuzz --json", "harness.report.fuzz:FuzzDocument"),
    "doctor": ("doctor --format json", "harness.report.doctor:DoctorDocument"),
    "lint": ("lint --format json", "harness.report.documents:Lint"),
    "list": ("run --list --json", "harness.report.documents:Listed"),
    "probe": ("glibc probe --json", "harness.compare.probe:Probe"),
    "builds": ("glibc list --json", "harness.report.documents:Builds"),
}
"""The JSON documents by the name that ``schema --of`` takes: the command, and the type of it."""


def writer(name: str, stream: TextIO, title: str, **options: Any) -> "Writer":
    """A new writer of the format ``name`` on ``stream``; KeyError for a name not in FORMATS."""
    made: Writer = resolve_name(f"harness.report.{FORMATS[name][1]}")(stream, title, **options)
    return made

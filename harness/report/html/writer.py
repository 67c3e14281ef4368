"""The format ``html``: takes the look-ups of a run, writes one page that needs nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TextIO

import harness
from harness.compare.results import LookupReport, Notice, Summary
from harness.report.html.columns import columns_of
from harness.report.html.lookups import LookupView, views_of
from harness.report.html.overview import overview
from harness.report.html.page import Page

WRITTEN_OUT = 600
"""Up to so many look-ups stand in the page as they are; of more, some are packed."""


class HtmlReport:
    """Collects look-ups and writes them to ``stream`` as one HTML page.

    ``title`` is the page's, ``made`` the time it states (now when left out). Of more than
    `WRITTEN_OUT` look-ups only those that fail or differ are written out; the script of
    the page unpacks the others when they are asked for.
    """

    def __init__(
        self, stream: TextIO, title: str = "gai-harness run", made: datetime | None = None
    ) -> None:
        self._stream = stream
        self._title = title
        self._made = made
        self._reports: list[LookupReport] = []
        self._notices: list[Notice] = []

    def add(self, report: LookupReport) -> None:
        """Keep one look-up for the page."""
        self._reports.append(report)

    def note(self, notice: Notice) -> None:
        """Keep what stands beside the results: a host refused, a stale entry of a baseline."""
        self._notices.append(notice)

    def finish(self) -> Summary:
        """Write the page and return the totals."""
        summary = Summary.of([result for report in self._reports for result in report.results])
        columns = columns_of(self._reports)
        views = views_of(self._reports, columns)
        made = self._made or datetime.now(UTC)
        head = overview(
            self._title,
            harness.__version__,
            f"{made:%Y-%m-%d %H:%M} {made.tzname() or ''}".strip(),
            views,
            columns,
            summary,
            self._notices,
        )
        page = Page(columns, len(views))
        for piece in page.pieces(head, views, _written(views)):
            self._stream.write(piece.encode("utf-8", "replace").decode("utf-8"))
        return summary


def _written(views: list[LookupView]) -> frozenset[int]:
    """The numbers of the look-ups that are written out."""
    if len(views) <= WRITTEN_OUT:
        return frozenset(range(len(views)))
    notable = [view.number for view in views if view.news] or [view.number for view in views[:50]]
    return frozenset(notable[:WRITTEN_OUT])

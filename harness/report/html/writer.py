"""The format ``html``: takes the look-ups of a run, writes one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TextIO

import harness
from harness.compare.results import LookupReport, Notice, Summary
from harness.report.html.columns import columns_of
from harness.report.html.lookups import LookupView, views_of
from harness.report.html.overview import overview
from harness.report.html.page import Page
from harness.sandbox.spool import Spool
from harness.text.shown import bare

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
        self._stream = bare(stream)
        self._title = title
        self._made = made
        self._reports: Spool[LookupReport] = Spool()
        self._notices: list[Notice] = []
        self._summary = Summary()

    def add(self, report: LookupReport) -> None:
        """Keep one look-up for the page."""
        self._reports.append(report)
        self._summary += Summary.of(report.results)

    def note(self, notice: Notice) -> None:
        """Keep what stands beside the results: a host refused, a stale entry of a baseline."""
        self._notices.append(notice)

    def finish(self) -> Summary:
        """Write the page and return the totals."""
        columns = columns_of(self._reports)
        made = self._made or datetime.now(UTC)
        page = Page(columns, len(self._reports))
        news: list[int] = []
        head = overview(
            self._title,
            harness.__version__,
            f"{made:%Y-%m-%d %H:%M} {made.tzname() or ''}".strip(),
            _noted(page.drawing(views_of(self._reports, columns)), news),
            columns,
            self._summary,
            self._notices,
        )
        for piece in page.pieces(head, _written(head.lookups, news)):
            self._stream.write(piece.encode("utf-8", "replace").decode("utf-8"))
        return self._summary


def _noted(views: Iterable[LookupView], news: list[int]) -> Iterator[LookupView]:
    """``views``, while the numbers of those with more than agreement are put into ``news``."""
    for view in views:
        if view.news:
            news.append(view.number)
        yield view


def _written(lookups: int, news: Sequence[int]) -> Sequence[int]:
    """The numbers of the look-ups that are written out."""
    if lookups <= WRITTEN_OUT:
        return range(lookups)
    return (news or range(50))[:WRITTEN_OUT]

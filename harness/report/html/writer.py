"""The format ``html``: takes the look-ups of a run, writes one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

import harness
from harness.compare.results import LookupReport
from harness.report.html.columns import columns_of
from harness.report.html.lookups import views_of
from harness.report.html.overview import Overview
from harness.report.html.page import Page
from harness.report.writer import Writer
from harness.sandbox.spool import Spool
from harness.text.shown import bare

WRITTEN_OUT = 600
"""Up to so many look-ups stand in the page as they are; of more, some are packed."""


class HtmlReport(Writer):
    """Collects look-ups and writes them to ``stream`` as one HTML page.

    ``title`` is the page's, ``made`` the time it states (now when left out). Of more than
    `WRITTEN_OUT` look-ups only those that fail or differ are written out; the script of
    the page unpacks the others when they are asked for.
    """

    def __init__(
        self, stream: TextIO, title: str = "gai-harness run", made: datetime | None = None
    ) -> None:
        super().__init__(bare(stream), title)
        self._made = made
        self._reports: Spool[LookupReport] = Spool()

    def add(self, report: LookupReport) -> None:
        """Keep one look-up for the page."""
        super().add(report)
        self._reports.append(report)

    def finish(self) -> None:
        """Write the page."""
        columns = columns_of(self._reports)
        page, head = Page(columns, len(self._reports)), Overview(columns)
        for view in views_of(self._reports, columns):
            page.add(view)
            head.add(view)
        made = self._made or datetime.now(UTC)
        for piece in page.text(
            _written(head),
            head=head,
            title=self._title,
            version=harness.__version__,
            made=f"{made:%Y-%m-%d %H:%M} {made.tzname() or ''}".strip(),
            summary=self.summary,
            notices=self._notices,
        ):
            self._stream.write(piece.encode("utf-8", "replace").decode("utf-8"))


def _written(head: Overview) -> Sequence[int]:
    """The numbers of the look-ups that are written out."""
    if head.lookups <= WRITTEN_OUT:
        return range(head.lookups)
    return (head.news or range(50))[:WRITTEN_OUT]

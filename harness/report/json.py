"""The JSON of ``run --format json``: one document (`documents.Run`), never whole in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from textwrap import indent
from typing import Any, TextIO

from harness.compare.results import LookupReport, Notice, Summary
from harness.report.documents import HeldAgainst, dump
from harness.sandbox.spool import Spool


class JsonReport:
    """Keeps the look-ups in a spool, and writes one document when the run is finished."""

    def __init__(self, stream: TextIO, title: str = "") -> None:  # noqa: ARG002 - as all writers
        self._stream = stream
        self._reports: Spool[LookupReport] = Spool()
        self._notices: list[Notice] = []
        self._summary = Summary()

    def add(self, report: LookupReport) -> None:
        """Take one look-up."""
        self._reports.append(report)
        self._summary += Summary.of(report.results)

    def note(self, notice: Notice) -> None:
        """Take what stands beside the results."""
        self._notices.append(notice)

    def finish(self) -> Summary:
        """Write the document; the totals."""
        self._stream.write('{\n "schema": 1')
        for key in ("results", "changes", "architectures"):
            self._list(key, (one for report in self._reports for one in getattr(report, key)))
        self._member("against", self._against())
        self._member("notices", self._notices)
        self._member("summary", self._summary)
        self._stream.write("\n}\n")
        return self._summary

    def _list(self, key: str, values: Iterable[Any]) -> None:
        self._stream.write(f',\n "{key}": [')
        separator, end = "\n", "]"
        for value in values:
            self._stream.write(separator + _indented(value, "  "))
            separator, end = ",\n", "\n ]"
        self._stream.write(end)

    def _member(self, key: str, value: Any) -> None:
        text = _indented(value, " ").lstrip()
        self._stream.write(f',\n "{key}": {text}')

    def _against(self) -> HeldAgainst | None:
        reference = next((report.reference for report in self._reports if report.reference), "")
        if not reference:
            return None
        return HeldAgainst(
            reference,
            sum(report.holds(one) for report in self._reports for one in report.results),
            tuple(change for report in self._reports for change in report.against),
        )


def _indented(value: Any, margin: str) -> str:
    return indent(json.dumps(dump(value), indent=1), margin)

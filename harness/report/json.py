"""The JSON of ``run --format json``: one document (`documents.Run`), never whole in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from textwrap import indent
from typing import Any, TextIO

from harness.compare.results import LookupReport
from harness.report.documents import HeldAgainst, dump
from harness.report.writer import Writer
from harness.sandbox.spool import Spool


class JsonReport(Writer):
    """Keeps the look-ups in a spool, and writes one document when the run is finished."""

    def __init__(self, stream: TextIO, title: str = "") -> None:
        super().__init__(stream, title)
        self._reports: Spool[LookupReport] = Spool()

    def add(self, report: LookupReport) -> None:
        """Take one look-up."""
        super().add(report)
        self._reports.append(report)

    def finish(self) -> None:
        """Write the document."""
        self._stream.write('{\n "schema": 1')
        for key in ("results", "changes", "architectures"):
            self._list(key, (one for report in self._reports for one in getattr(report, key)))
        for key, value in (
            ("against", self._against()), ("notices", self._notices), ("summary", self.summary),
        ):  # fmt: skip
            self._stream.write(f',\n "{key}": {_indented(value, " ").lstrip()}')
        self._stream.write("\n}\n")

    def _list(self, key: str, values: Iterable[Any]) -> None:
        self._stream.write(f',\n "{key}": [')
        separator, end = "\n", "]"
        for value in values:
            self._stream.write(separator + _indented(value, "  "))
            separator, end = ",\n", "\n ]"
        self._stream.write(end)

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

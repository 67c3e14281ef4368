"""The JSON of ``run --format json``: one document (`documents.Run`), never whole in memory."""

import json
from collections.abc import Iterable
from textwrap import indent
from typing import Any

from harness.report.documents import HeldAgainst, dump
from harness.report.writer import KeepingWriter


class JsonReport(KeepingWriter):
    """Writes one document when the run is finished."""

    def finish(self) -> None:
        """Write the document."""
        self._stream.write('{\n "schema": 1')
        for key in ("results", "changes", "architectures"):
            self._list(key, (one for report in self._reports for one in getattr(report, key)))
        held = None
        if reference := self.against.reference:
            changes = tuple(change for report in self._reports for change in report.against)
            held = HeldAgainst(reference, self.against.pairs, changes)
        rest = {"against": held, "notices": self._notices, "summary": self.summary}
        for key, value in rest.items():
            self._stream.write(f',\n "{key}": {_indented(value, " ").lstrip()}')
        self._stream.write("\n}\n")

    def _list(self, key: str, values: Iterable[Any]) -> None:
        self._stream.write(f',\n "{key}": [')
        separator, end = "\n", "]"
        for value in values:
            self._stream.write(separator + _indented(value, "  "))
            separator, end = ",\n", "\n ]"
        self._stream.write(end)


def _indented(value: Any, margin: str) -> str:
    return indent(json.dumps(dump(value), indent=1), margin)

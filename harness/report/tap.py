"""TAP 13, with what is known of a failure as its YAML diagnostic.

Readers of TAP 14 read it as well, and `prove` of today's distributions takes nothing newer.

A difference that the baseline accepts is a failure to do (``# TODO``), which fails no run.
"""

import json
import re
from typing import Any, TextIO

from harness.compare.results import LookupReport, Notice
from harness.report.words import cases
from harness.report.writer import Writer
from harness.text.shown import escaped

_LIKE_A_KEY = re.compile(r"\S+\s*:(?=\s|$)")


class TapReport(Writer):
    """Writes a line for each look-up, gai.conf and build as they come, and the plan at the end."""

    def __init__(self, stream: TextIO, title: str = "") -> None:
        super().__init__(stream, title)
        self._count = 0
        self._line("TAP version 13")
        if title:
            self._line(f"# {escaped(title)}")

    def add(self, report: LookupReport) -> None:
        """Write one look-up."""
        super().add(report)
        for case in cases(report):
            name = f"{report.scenario} · {case.name}"
            if case.outcome == "skipped":
                self._test(True, name, f"SKIP not counted: {case.message}")
                continue
            known = case.outcome == "accepted"
            passed = case.outcome == "passed"
            self._test(passed, name, f"TODO accepted {case.reason}".rstrip() if known else "")
            if not passed:
                at = {"file": report.source, "line": report.line}
                self._diagnostic(
                    message=case.message,
                    severity="todo" if known else "fail",
                    at={key: value for key, value in at.items() if value} or None,
                    **case.orders,
                    explanation=[line for line in case.lines if line != case.message],
                )

    def note(self, notice: Notice) -> None:
        """Write a refused host or a stale entry as a failure; as a comment where it is none."""
        text = f"{notice.kind}: {' · '.join((*notice.place, notice.text))}"
        if notice.wrong:
            self._test(False, text)
        else:
            self._line(f"# {escaped(text)}")

    def finish(self) -> None:
        """Write the plan."""
        if self.beyond:
            self._line(f"# {escaped(self.beyond)}")
        self._line(f"1..{self._count}")

    def _test(self, passed: bool, name: str, directive: str = "") -> None:
        self._count += 1
        text = escaped(name).replace("\\", "\\\\").replace("#", "\\#")
        after = f" # {escaped(directive)}" if directive else ""
        self._line(f"{'ok' if passed else 'not ok'} {self._count} - {text}{after}")

    def _diagnostic(self, **values: Any) -> None:
        """A YAML block. JSON is YAML, on lines of its own and without surprises."""
        self._line("  ---")
        for key, value in values.items():
            if isinstance(value, list) and any(" " in item for item in value):
                self._line(f"  {key}:")
                for item in value:
                    self._line(f"    - {_item(item)}")
            elif value is not None:
                self._line(f"  {key}: {escaped(json.dumps(value))}")
        self._line("  ...")

    def _line(self, text: str) -> None:
        self._stream.write(f"{text}\n")


def _item(text: str) -> str:
    """An item of a list; prove takes one whose first word ends with a colon for a mapping."""
    quoted = escaped(json.dumps(text))
    found = _LIKE_A_KEY.match(quoted)
    return f"{found[0][:-1]}\\u003a{quoted[found.end() :]}" if found else quoted

"""What the tests of the formats share: a scenario with every verdict in it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.compare.results import LookupReport, Notice, Result
from harness.report.formats import writer

SCENARIO = """\
name: formats
description: Agreement, disagreement, crash, a failed expectation and no answer.
host:
  interfaces: {eth0: {addresses: [192.0.2.2/24, '2001:db8:1::2/64']}}
  routes: [{to: default, via: 192.0.2.1}, {to: default, via: '2001:db8:1::1'}]
names:
  web: [203.0.113.9, '2001:db8:9::1']
lookups:
- name: web
- name: web
  family: inet
  expect: {order: [198.51.100.9]}
"""
ADDRESSES = ", ".join(f"10.{n >> 8}.{n & 255}.9" for n in range(2048))
# whose sort, of 2048 addresses, takes more than the millisecond it is given
SLOW = f"""\
name: slow
host:
  interfaces: {{eth0: {{addresses: [192.0.2.2/24]}}}}
  routes: [{{to: default, via: 192.0.2.1}}]
names: {{many: [{ADDRESSES}]}}
lookups: [{{name: many}}]
"""


@dataclass(frozen=True)
class Ran:
    """The reports of real runs, and where their scenario is."""

    reports: tuple[LookupReport, ...]
    scenario: Path

    @property
    def results(self) -> list[Result]:
        return [result for report in self.reports for result in report.results]

    def where(self, label: str) -> str:
        """The build of a label, as results name it."""
        return next(result.where for result in self.results if result.label == label)


STALE = Notice("stale", "s", "the difference is gone", "web", "default", "2.36", "b.yaml")
REFUSED = Notice("refused", "host", "no such setting", source="a.yaml")


def written(
    name: str,
    reports: Sequence[LookupReport],
    *notices: Notice,
    title: str = "a title",
    **more: Any,
) -> str:
    """The text of a run in a format; ``more`` are options of its writer."""
    stream = io.StringIO()
    made = writer(name, stream, title, **more)
    for report in reports:
        made.add(report)
    for notice in notices:
        made.note(notice)
    made.finish()
    return stream.getvalue()

"""The JSON of ``run --format json``: schema 1 of the contract, as `documents` has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO, cast

from harness.compare.results import BuildChange, LookupReport, Notice, Result, Side, Summary
from harness.sandbox.spool import Spool

if TYPE_CHECKING:
    from harness.report import documents


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
        document = _document(self._reports, self._notices, self._summary)
        self._stream.writelines(_dumped(document))
        self._stream.write("\n")
        return self._summary


def _dumped(value: Any, margin: str = "\n") -> Iterator[str]:
    """The text of ``json.dumps``, piece by piece where the value has iterators in it."""
    inner = f"{margin} "
    if isinstance(value, Iterator):
        opening = "["
        for item in value:
            yield opening + inner
            yield from _dumped(item, inner)
            opening = ","
        yield "[]" if opening == "[" else f"{margin}]"
    elif isinstance(value, dict) and any(
        isinstance(one, Iterator | dict) for one in value.values()
    ):
        opening = "{"
        for key, one in value.items():
            yield f"{opening}{inner}{json.dumps(key)}: "
            yield from _dumped(one, inner)
            opening = ","
        yield f"{margin}}}"
    else:
        yield json.dumps(value, indent=1, ensure_ascii=False).replace("\n", margin)


def _document(
    reports: Sequence[LookupReport], notices: Sequence[Notice], summary: Summary
) -> dict[str, Any]:
    """The document, keys in the contract's order (`documents.Run`), with iterators for lists."""
    return {
        "schema": 1,
        "results": (
            {**result_as_json(result), "source": report.source, "line": report.line}
            for report in reports
            for result in report.results
        ),
        "changes": (
            {
                "scenario": report.scenario,
                "lookup": report.lookup,
                "gai_conf": report.gai_conf,
                "older": change.older,
                "newer": change.newer,
                "why": list(change.why),
                "older_label": change.older_label,
                "newer_label": change.newer_label,
                "archs": list(change.archs),
            }
            for report in reports
            for change in report.changes
        ),
        "architectures": (
            {
                "scenario": report.scenario,
                "lookup": report.lookup,
                "gai_conf": report.gai_conf,
                "glibc": list(apart.glibc),
                "one": list(apart.one),
                "other": list(apart.other),
                "why": list(apart.why),
            }
            for report in reports
            for apart in report.architectures
        ),
        "against": _against(reports),
        "notices": [asdict(notice) for notice in notices],
        "summary": {
            "agree": summary.agree,
            "disagree": summary.disagree,
            "crashed": summary.crashed,
            "error": summary.error,
            "expectation_failed": summary.expectation_failed,
            "accepted": summary.accepted,
            "untrusted": summary.untrusted,
        },
    }


def _against(reports: Sequence[LookupReport]) -> dict[str, Any] | None:
    reference = next((report.reference for report in reports if report.reference), None)
    if reference is None:
        return None
    return {
        "reference": reference,
        "compared": sum(report.holds(one) for report in reports for one in report.results),
        "changes": (_change(report, change) for report in reports for change in report.against),
    }


def _change(report: LookupReport, change: BuildChange) -> documents.BuildChange:
    return {
        "scenario": report.scenario,
        "lookup": report.lookup,
        "gai_conf": report.gai_conf,
        "rules": change.rules,
        "old": _side(change.old),
        "new": _side(change.new),
        "why": list(change.why),
        "undefined": change.undefined,
        "accepted": change.accepted,
        "reason": change.reason,
    }


def _side(side: Side) -> documents.Side:
    return {
        "where": side.where,
        "order": list(side.order),
        "error": side.error,
        "rule": side.rule,
        "why": side.why,
    }


def result_as_json(result: Result) -> documents.Result:
    """One result with the contract's keys, ready for ``json.dumps``."""
    return {
        "scenario": result.scenario,
        "lookup": result.lookup,
        "gai_conf": result.gai_conf,
        "glibc": result.glibc,
        "arch": result.arch,
        "lane": cast("documents.Lane", result.lane),
        "build": result.build,
        "label": result.label,
        "emulator": result.emulator or None,
        "untrusted": result.untrusted or None,
        "verdict": cast("documents.Verdict", str(result.verdict)),
        "native": list(result.native),
        "model": list(result.model),
        "error": result.error,
        "model_error": result.model_error,
        "first_difference": result.first_difference,
        "decisions": [
            {
                "before": d.before,
                "after": d.after,
                "rule": d.rule,
                "why": d.why,
                "preferred": d.preferred,
            }
            for d in result.decisions
        ],
        "destinations": [
            cast("documents.Destination", {**asdict(row), "flags": list(row.flags)})
            for row in result.destinations
        ],
        "undefined": list(result.undefined),
        "predicted": result.predicted,
        "expectation_failures": list(result.unmet),
        "remarks": [{"kind": r.kind, "text": r.text} for r in result.remarks],
        "departures": [
            {"standard": d.standard, "order": list(d.order), "why": d.why}
            for d in result.departures
        ],
        "elapsed_ns": result.elapsed_ns,
        "accepted": result.accepted,
        "reason": result.reason,
    }

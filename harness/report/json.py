"""The JSON of ``run --format json``: schema 1 of the contract."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, TextIO

from harness.compare.results import LookupReport, Result, Summary


class JsonReport:
    """Collects reports, and writes one document when the run is finished."""

    def __init__(self, stream: TextIO, title: str = "") -> None:  # noqa: ARG002 - as all writers
        self._stream = stream
        self._reports: list[LookupReport] = []

    def add(self, report: LookupReport) -> None:
        """Take one look-up."""
        self._reports.append(report)

    def finish(self) -> Summary:
        """Write the document; the totals."""
        self._stream.write(as_json(self._reports) + "\n")
        return Summary.of([result for report in self._reports for result in report.results])


def as_json(reports: Iterable[LookupReport]) -> str:
    """The whole run as one JSON document, keys in the contract's order."""
    listed = list(reports)
    results = [result for report in listed for result in report.results]
    summary = Summary.of(results)
    document: dict[str, Any] = {
        "schema": 1,
        "results": [result_as_json(result) for result in results],
        "changes": [
            {
                "scenario": report.scenario,
                "lookup": report.lookup,
                "gai_conf": report.gai_conf,
                "older": change.older,
                "newer": change.newer,
                "why": list(change.why),
            }
            for report in listed
            for change in report.changes
        ],
        "summary": {
            "agree": summary.agree,
            "disagree": summary.disagree,
            "crashed": summary.crashed,
            "error": summary.error,
            "expectation_failed": summary.expectation_failed,
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False)


def result_as_json(result: Result) -> dict[str, Any]:
    """One result with the contract's keys, ready for ``json.dumps``."""
    return {
        "scenario": result.scenario,
        "lookup": result.lookup,
        "gai_conf": result.gai_conf,
        "glibc": result.glibc,
        "arch": result.arch,
        "lane": result.lane,
        "build": result.build,
        "label": result.label,
        "verdict": str(result.verdict),
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
        "destinations": [asdict(row) for row in result.destinations],
        "undefined": list(result.undefined),
        "predicted": result.predicted,
        "expectation_failures": list(result.unmet),
        "remarks": [{"kind": r.kind, "text": r.text} for r in result.remarks],
        "departures": [
            {"standard": d.standard, "order": list(d.order), "why": d.why}
            for d in result.departures
        ],
        "elapsed_ns": result.elapsed_ns,
    }

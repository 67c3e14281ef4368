"""What kubelet would report: the chain of steps for a terminal, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from harness.kubelet.values import StepName

if TYPE_CHECKING:
    from harness.compare.results import PairReason
    from harness.kubelet.report import Case, Remedy, Report
    from harness.kubelet.values import Decision
    from harness.model.host import IPAddress


def as_text(report: Report) -> str:
    """The whole report as lines for a terminal."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    decision = report.decision
    yield f"{report.source}: node {report.flags.name}, kubelet {_version(report)}"
    for number, step in enumerate(decision.steps, 1):
        mark = "->" if step.decided else "  "
        yield f"  {mark} {number}. {step.name}: {step.text}"
    yield f"  InternalIP: {_listed(decision.addresses) or 'none'}"
    if decision.step in (StepName.LOOKUP, StepName.DEFAULT_ROUTE):
        yield f"  resolver: {report.chosen.resolver} ({report.chosen.why})"
        for case in report.cases:
            yield from _resolver_lines(case, report)
    else:
        yield "  the name service was not asked"
    if report.resolvers_differ:
        first = {case.answer.resolver: case.decision.addresses for case in reversed(report.cases)}
        what = (
            "the resolver: kubelets built with and without cgo differ"
            if len(set(first.values())) > 1
            else "the version of glibc"
        )
        yield f"  the InternalIP depends on {what}"
    if report.node is not None:
        yield from _node_lines(report)
    if report.remedy is not None:
        yield from _remedy_lines(report.remedy, report.decision)


def _remedy_lines(remedy: Remedy, now: Decision) -> Iterator[str]:
    if not remedy.solves:
        yield f"  --node-ip {remedy.node_ip} does not help: {_outcome(remedy.decision)}"
    elif now.addresses == remedy.decision.addresses:
        yield (
            f"  --node-ip {remedy.node_ip} keeps it, whatever the name service says"
            " (decided again with it)"
        )
    else:
        yield (
            f"  remedy: --node-ip {remedy.node_ip}; decided again with it, InternalIP is"
            f" {_outcome(remedy.decision)}"
        )


def _version(report: Report) -> str:
    major, minor = report.flags.version
    return "of any recent version" if minor == 999 else f"{major}.{minor}"


def _outcome(decision: Decision) -> str:
    if decision.error is not None:
        return f"none, {decision.error}"
    return _listed(decision.addresses)


def _listed(addresses: Iterable[IPAddress]) -> str:
    return ", ".join(map(str, addresses))


def _resolver_lines(case: Case, report: Report) -> Iterator[str]:
    answer = case.answer
    how = "" if answer.native else " (model)"
    found = answer.lookup.error or _listed(answer.lookup.addresses)
    yield f"  {answer.who}{how}: {report.flags.name} -> {found}"
    if answer.first_two is not None:
        yield f"     {_reason(answer.first_two)}"
    if answer.note:
        yield f"     {answer.note}"
    if case.decision.addresses != report.decision.addresses:
        yield f"     InternalIP with it: {_outcome(case.decision)}"


def _reason(pair: PairReason) -> str:
    return f"{pair.before} before {pair.after}: {pair.why}"


def _node_lines(report: Report) -> Iterator[str]:
    assert report.node is not None
    recorded = _listed(report.node.internal_ips) or "no InternalIP"
    verdict = "differs" if report.recorded_otherwise else "as predicted"
    yield f"  the Node object has {recorded}: {verdict}"
    for line in report.explanations:
        yield f"     {line}"


def as_json(report: Report) -> str:
    """The report as one JSON document; addresses as text."""
    remedy = report.remedy
    document = {
        "schema": 1,
        "source": report.source,
        "node": report.flags.name,
        "flags": {
            "hostname": report.flags.hostname,
            "hostname_override": report.flags.hostname_override,
            "node_ip": report.flags.node_ip,
            "version": None if report.flags.version[1] == 999 else _version(report),
        },
        **_decision(report.decision),
        "resolver": {"name": report.chosen.resolver, "why": report.chosen.why},
        "resolvers_differ": report.resolvers_differ,
        "resolvers": [_case(case) for case in report.cases],
        "recorded": None
        if report.node is None
        else {
            "internal_ips": _texts(report.node.internal_ips),
            "as_predicted": not report.recorded_otherwise,
            "explanations": list(report.explanations),
        },
        "remedy": None
        if remedy is None
        else {
            "node_ip": remedy.node_ip,
            "solves": remedy.solves,
            "internal_ips": _texts(remedy.decision.addresses),
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _texts(addresses: Sequence[IPAddress]) -> list[str]:
    return [str(address) for address in addresses]


def _decision(decision: Decision) -> dict[str, object]:
    return {
        "internal_ips": _texts(decision.addresses),
        "error": decision.error,
        "step": str(decision.step),
        "steps": [asdict(step) for step in decision.steps],
    }


def _case(case: Case) -> dict[str, object]:
    answer = case.answer
    return {
        "name": answer.resolver,
        "who": answer.who,
        "native": answer.native,
        "addresses": _texts(answer.lookup.addresses),
        "error": answer.lookup.error,
        "first_two": None if answer.first_two is None else asdict(answer.first_two),
        "note": answer.note,
        "internal_ips": _texts(case.decision.addresses),
        "step": str(case.decision.step),
    }

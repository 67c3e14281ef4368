"""What kubelet would report: the chain of steps for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from pydantic import Field

from harness.compare.results import PairReason
from harness.kubelet.report import NodeCase, NodeReport, Remedy
from harness.kubelet.resolver import Chosen, Resolver
from harness.kubelet.values import NodeDecision, StepName
from harness.model.host import IPAddress
from harness.report.documents import Schema, fill
from harness.text.shown import one_line


def as_text(report: NodeReport) -> str:
    """The whole report as lines for a terminal."""
    return "\n".join(map(one_line, _lines(report))) + "\n"


def _lines(report: NodeReport) -> Iterator[str]:
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


def _remedy_lines(remedy: Remedy, now: NodeDecision) -> Iterator[str]:
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


def _version(report: NodeReport) -> str:
    major, minor = report.flags.version
    return "of any recent version" if minor == 999 else f"{major}.{minor}"


def _outcome(decision: NodeDecision) -> str:
    if decision.error is not None:
        return f"none, {decision.error}"
    return _listed(decision.addresses)


def _listed(addresses: Iterable[IPAddress]) -> str:
    return ", ".join(map(str, addresses))


def _resolver_lines(case: NodeCase, report: NodeReport) -> Iterator[str]:
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


def _node_lines(report: NodeReport) -> Iterator[str]:
    assert report.node is not None
    recorded = _listed(report.node.internal_ips) or "no InternalIP"
    verdict = "differs" if report.recorded_otherwise else "as predicted"
    yield f"  the Node object has {recorded}: {verdict}"
    for line in report.explanations:
        yield f"     {line}"


@dataclass(frozen=True, slots=True)
class Asked:
    """One resolver's answer, and what kubelet reports with it."""

    name: Resolver
    who: str
    native: Annotated[bool, Field(description="false where a model of the resolver answered")]
    addresses: tuple[IPAddress, ...]
    error: str | None
    first_two: PairReason | None
    note: str
    internal_ips: tuple[IPAddress, ...]
    step: StepName


@dataclass(frozen=True, slots=True)
class FlagsGiven:
    """How the kubelet was started."""

    hostname: str
    hostname_override: str
    node_ip: str
    version: Annotated[str | None, Field(description="null for any recent one")]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the Node object holds."""

    internal_ips: tuple[IPAddress, ...]
    as_predicted: bool
    explanations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemedyTried:
    """A --node-ip and what comes of it."""

    node_ip: str
    solves: bool
    internal_ips: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class Document(NodeDecision):
    """``gai-harness kubelet --json``."""

    _: KW_ONLY
    source: str
    node: str
    flags: FlagsGiven
    resolver: Chosen
    resolvers_differ: bool
    resolvers: tuple[Asked, ...]
    recorded: Recorded | None
    remedy: RemedyTried | None
    schema: Schema = 1


def document(report: NodeReport) -> Document:
    """The report as one JSON document."""
    flags, node, remedy, decision = report.flags, report.node, report.remedy, report.decision
    version = None if flags.version[1] == 999 else _version(report)
    recorded = tried = None
    if node is not None:
        recorded = Recorded(node.internal_ips, not report.recorded_otherwise, report.explanations)
    if remedy is not None:
        tried = RemedyTried(remedy.node_ip, remedy.solves, remedy.decision.addresses)
    return fill(
        Document,
        decision,
        report,
        node=flags.name,
        flags=fill(FlagsGiven, flags, version=version),
        resolver=report.chosen,
        resolvers=tuple(map(_asked, report.cases)),
        recorded=recorded,
        remedy=tried,
    )


def _asked(case: NodeCase) -> Asked:
    answer, decision = case.answer, case.decision
    return fill(
        Asked,
        answer,
        answer.lookup,
        decision,
        name=answer.resolver,
        internal_ips=decision.addresses,
    )

"""What kubelet would report: the chain of steps, for a terminal."""

from collections.abc import Iterable, Iterator

from harness.kubelet.decide import StepName, version_words
from harness.kubelet.report import NodeCase, NodeReport, Remedy
from harness.model.host import IPAddress
from harness.report.words import beyond
from harness.text.errors import some

_SHOWN = 8  # with IPVS a node has thousands; the JSON has all


def lines(report: NodeReport) -> Iterator[str]:
    """The whole report as lines for a terminal."""
    version = version_words(report.flags.version) or "of any recent version"
    yield f"{report.source}: node {report.node}, kubelet {version}"
    for number, step in enumerate(report.steps, 1):
        yield f"  {'->' if step.decided else '  '} {number}. {step.name}: {step.text}"
    yield f"  InternalIP: {_listed(report.addresses) or 'none'}"
    if report.step in (StepName.LOOKUP, StepName.DEFAULT_ROUTE):
        yield f"  resolver: {report.resolver.resolver} ({report.resolver.why})"
        for case in report.resolvers:
            yield from _resolver(case, report)
        if line := beyond(case.glibc for case in report.resolvers if case.glibc):
            yield f"  {line}"
    else:
        yield "  the name service was not asked"
    if report.resolvers_differ:
        first = {case.resolver: case.internal_ips for case in reversed(report.resolvers)}
        what = "the version of glibc"
        if len(set(first.values())) > 1:
            what = "the resolver: kubelets built with and without cgo differ"
        yield f"  the InternalIP depends on {what}"
    if recorded := report.recorded:
        verdict = "as predicted" if recorded.as_predicted else "differs"
        listed = _listed(recorded.internal_ips) or "no InternalIP"
        yield f"  the Node object has {listed}: {verdict}"
        yield from (f"     {line}" for line in recorded.explanations)
    if report.remedy is not None:
        yield f"  {_remedy(report.remedy, report)}"
    elif report.candidates and (report.step is not StepName.NODE_IP or report.error):
        yield from _candidates(report)


def _resolver(case: NodeCase, report: NodeReport) -> Iterator[str]:
    how = "" if case.native else " (model)"
    yield f"  {case.who}{how}: {report.node} -> {case.error or _listed(case.addresses)}"
    if pair := case.first_two:
        yield f"     {pair.before} before {pair.after}: {pair.why}"
    for line in case.presence.lines(case.error) if case.presence else ():
        yield f"     {line}"
    if case.note:
        yield f"     {case.note}"
    if case.internal_ips != report.addresses:
        yield f"     InternalIP with it: {_outcome(case)}"


def _candidates(report: NodeReport) -> Iterator[str]:
    """The addresses that may be meant: which one, only the person who asks knows."""
    listed = some([f"{one.address} ({one.interface})" for one in report.candidates], _SHOWN)
    yield f"  addresses of the host that a kubelet may report: {listed}"
    if report.error or len(report.candidates) > 1:
        yield "  if another was meant: --want ADDRESS"


def _remedy(remedy: Remedy, now: NodeReport) -> str:
    given = f"--node-ip {remedy.node_ip}"
    if not remedy.solves:
        return f"{given} does not help: with it InternalIP is {_outcome(remedy)}"
    if now.addresses == remedy.internal_ips:
        return f"{given} keeps it, whatever the name service says (decided again with it)"
    return f"remedy: {given}; decided again with it, InternalIP is {_outcome(remedy)}"


def _outcome(tried: NodeCase | Remedy) -> str:
    return _listed(tried.internal_ips) if tried.failure is None else f"none, {tried.failure}"


def _listed(addresses: Iterable[IPAddress]) -> str:
    return ", ".join(map(str, addresses))

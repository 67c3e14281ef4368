"""One node: kubelet's choice by each resolver, the Node object's record, a remedy. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.compare.results import PairReason
from harness.kubelet.decide import decide
from harness.kubelet.node import NodeObject
from harness.kubelet.resolver import Chosen, Resolver
from harness.kubelet.routes import NoAddressError, choose
from harness.kubelet.values import Flags, NameLookup, Net, NodeDecision, StepName
from harness.model.host import IPAddress


@dataclass(frozen=True, slots=True)
class ResolverAnswer:
    """One resolver's answer for the node's name, and why its first two stand as they do.

    ``who`` names it, as "glibc 2.36 amd64" or "Go's own resolver". ``native`` is False
    where a model of the resolver answered.
    """

    resolver: Resolver
    who: str
    lookup: NameLookup
    first_two: PairReason | None = None
    native: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class NodeCase:
    """What kubelet reports when it asks this resolver."""

    answer: ResolverAnswer
    decision: NodeDecision


@dataclass(frozen=True, slots=True)
class Remedy:
    """A --node-ip and what kubelet would then report; ``solves`` when that is what was wanted."""

    node_ip: str
    decision: NodeDecision
    solves: bool


@dataclass(frozen=True, slots=True)
class NodeReport:
    """Everything about one node.

    ``cases`` has the resolver kubelet uses first. ``explanations`` say what would make
    kubelet record what the Node object holds, where that differs from the prediction.
    """

    source: str
    flags: Flags
    chosen: Chosen
    cases: tuple[NodeCase, ...]
    node: NodeObject | None = None
    explanations: tuple[str, ...] = ()
    remedy: Remedy | None = None

    @property
    def decision(self) -> NodeDecision:
        """What this kubelet reports."""
        return self.cases[0].decision

    @property
    def recorded_otherwise(self) -> bool:
        """True when the Node object has other InternalIPs than kubelet would report."""
        return self.node is not None and self.node.internal_ips != self.decision.addresses

    @property
    def resolvers_differ(self) -> bool:
        """True when the choice depends on the resolver."""
        return len({case.decision.addresses for case in self.cases}) > 1


def judge(
    source: str,
    flags: Flags,
    net: Net,
    chosen: Chosen,
    answers: tuple[ResolverAnswer, ...],
    node: NodeObject | None = None,
    want: tuple[IPAddress, ...] = (),
) -> NodeReport:
    """Decide with every resolver and compare with what is recorded and wanted.

    Parameters: ``answers`` of both resolvers, in any order; ``want`` the InternalIPs that
    should be reported, by default the address of the interface with the default route.
    Raises NodeIPError for a --node-ip kubelet does not start with.
    """
    ordered = sorted(answers, key=lambda answer: answer.resolver != chosen.resolver)
    cases = tuple(NodeCase(answer, _decide(flags, net, answer)) for answer in ordered)
    report = NodeReport(source, flags, chosen, cases, node)
    if report.recorded_otherwise:
        report = replace(report, explanations=_explanations(report, net))
    return replace(report, remedy=_remedy(report, net, want))


def _decide(flags: Flags, net: Net, answer: ResolverAnswer) -> NodeDecision:
    return decide(flags, net, lambda _name: answer.lookup)


def _explanations(report: NodeReport, net: Net) -> tuple[str, ...]:
    """What would make kubelet record what the Node object holds."""
    assert report.node is not None
    recorded = report.node.internal_ips
    if not recorded:
        return ("the Node has no InternalIP: kubelet has not set one yet, or failed to",)
    text = ",".join(map(str, recorded))
    found = []
    if report.node.provider_id:
        found.append(
            f"the Node has a providerID ({report.node.provider_id}): with a cloud provider the "
            "addresses come from there"
        )
    own = report.cases[0].answer
    found += [
        f"with {case.answer.who} kubelet reports it"
        for case in report.cases
        if case.answer.resolver != own.resolver and case.decision.addresses == recorded
    ]
    if len(recorded) == 1 and recorded[0] in own.lookup.addresses:
        found.append(f"{text} is among the name's addresses: kubelet takes it when it comes first")
    missing = [str(address) for address in recorded if address not in net.addresses]
    if missing:
        found.append(f"{', '.join(missing)} is on no interface of this host (any more)")
        return tuple(found)
    if recorded == _default_route_choice(net, report.flags):
        found.append(f"{text} is what the default route gives: the name was not found then")
    tried = _decide(replace(report.flags, node_ip=text), net, own)
    if tried.addresses == recorded and report.flags.node_ip != text:
        found.append(f"kubelet started with --node-ip {text} reports it")
    return tuple(found)


def _remedy(report: NodeReport, net: Net, want: tuple[IPAddress, ...]) -> Remedy | None:
    """The --node-ip for what is wanted, tried out by deciding again."""
    wanted = want or _default_route_choice(net, report.flags)
    if not wanted or (not want and report.decision.step is StepName.NODE_IP):
        return None
    text = ",".join(map(str, wanted))
    flags = replace(report.flags, node_ip=text)
    tried = [_decide(flags, net, case.answer) for case in report.cases]
    return Remedy(text, tried[0], all(decision.addresses == wanted for decision in tried))


def _default_route_choice(net: Net, flags: Flags) -> tuple[IPAddress, ...]:
    families = (6, 4) if flags.node_ip.strip() == "::" else (4, 6)
    try:
        return (choose(net, families, flags.version)[0],)
    except NoAddressError:
        return ()

"""One node: kubelet's choice by each resolver, the Node object's record, a remedy. Pure."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from harness.compare.fields import Schema
from harness.compare.presence import PresenceRow
from harness.compare.results import PairReason
from harness.compare.values import fill
from harness.kubelet.decide import (
    Flags,
    NameLookup,
    NodeDecision,
    NodeIPError,
    StepName,
    decide,
)
from harness.kubelet.net import Net, unusable
from harness.kubelet.node import NodeObject
from harness.kubelet.resolver import Chosen, Resolver
from harness.model.host import IPAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverAnswer(NameLookup):
    """One resolver's answer for the node's name, and why its first two stand as they do.

    ``who`` names it, as "glibc 2.36 amd64" or "Go's own resolver".
    """

    resolver: Annotated[Resolver, Field(serialization_alias="name")]
    who: str
    native: Annotated[bool, Field(description="false where a model of the resolver answered")]
    first_two: PairReason | None = None
    note: str = ""
    presence: PresenceRow | None = None
    glibc: Annotated[str | None, Field(description="its version; null for Go's")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCase(ResolverAnswer):
    """A resolver's answer, and what kubelet reports when it asks this resolver."""

    internal_ips: tuple[IPAddress, ...]
    step: StepName
    failure: Annotated[str | None, Field(exclude=True)]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the Node object holds; ``explanations`` say what would make kubelet record it."""

    internal_ips: tuple[IPAddress, ...]
    as_predicted: bool
    explanations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PossibleNodeIP:
    """An address of the host that a kubelet takes as its node's."""

    address: IPAddress
    interface: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """A --node-ip and what kubelet would then report; ``solves`` when that is what was wanted."""

    node_ip: str
    solves: bool
    internal_ips: tuple[IPAddress, ...]
    failure: Annotated[str | None, Field(exclude=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport(NodeDecision):
    """``gai-harness kubelet --json``: what this kubelet reports, and everything about the node.

    ``resolvers`` has the one kubelet uses first.
    """

    source: str
    node: str
    flags: Flags
    resolver: Chosen
    resolvers_differ: bool
    resolvers: tuple[NodeCase, ...]
    recorded: Recorded | None
    remedy: Annotated[Remedy | None, Field(description="null where no --want says what is meant")]
    candidates: Annotated[
        tuple[PossibleNodeIP, ...],
        Field(description="every address that --node-ip may name; those behind the name first"),
    ]
    schema: Schema = 1


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
    should be reported: which of the host's addresses is meant, nobody can guess.
    Raises NodeIPError for a --node-ip kubelet does not start with.
    """
    ordered = sorted(answers, key=lambda answer: answer.resolver != chosen.resolver)
    decisions = [decide(flags, net, answer) for answer in ordered]
    cases = tuple(
        fill(NodeCase, answer, one, internal_ips=one.addresses, failure=one.error)
        for answer, one in zip(ordered, decisions, strict=True)
    )
    decision = decisions[0]
    recorded = remedy = None
    if node is not None:
        same = node.internal_ips == decision.addresses
        why = () if same else tuple(_explanations(node, flags, net, cases))
        recorded = Recorded(node.internal_ips, same, why)
    if want:
        text = ",".join(map(str, want))
        given = replace(flags, node_ip=text)
        tried = [decide(given, net, answer) for answer in ordered]
        solves = all(each.addresses == want for each in tried)
        remedy = Remedy(text, solves, tried[0].addresses, tried[0].error)
    return fill(
        NodeReport,
        decision,
        source=source,
        node=flags.name,
        flags=flags,
        resolver=chosen,
        resolvers_differ=len({case.internal_ips for case in cases}) > 1,
        resolvers=cases,
        recorded=recorded,
        remedy=remedy,
        candidates=tuple(_candidates(net, ordered)),
    )


def _candidates(net: Net, answers: list[ResolverAnswer]) -> Iterator[PossibleNodeIP]:
    held = {ip: link.name for link in net.interfaces for ip in link.addresses if not unusable(ip)}
    named = [address for answer in answers for address in answer.addresses if address in held]
    for address in dict.fromkeys([*named, *held]):
        yield PossibleNodeIP(address, held[address])


def _explanations(
    node: NodeObject, flags: Flags, net: Net, cases: tuple[NodeCase, ...]
) -> Iterator[str]:
    recorded = node.internal_ips
    if not recorded:
        yield "the Node has no InternalIP: kubelet has not set one yet, or failed to"
        return
    text = ",".join(map(str, recorded))
    if node.provider_id:
        yield (
            f"the Node has a providerID ({node.provider_id}): with a cloud provider the "
            "addresses come from there"
        )
    own = cases[0]
    for case in cases:
        if case.resolver != own.resolver and case.internal_ips == recorded:
            yield f"with {case.who} kubelet reports it"
    if len(recorded) == 1 and recorded[0] in own.addresses:
        yield f"{text} is among the name's addresses: kubelet takes it when it comes first"
    if missing := [str(address) for address in recorded if address not in net.addresses]:
        yield f"{', '.join(missing)} is on no interface of the host (any more)"
        return
    unknown = decide(flags, net, NameLookup(error="no such host"))
    if unknown.step is StepName.DEFAULT_ROUTE and unknown.addresses == recorded:
        yield f"{text} is what the default route gives: the name was not found then"
    with suppress(NodeIPError):  # of three addresses, say, no kubelet is told
        tried = decide(replace(flags, node_ip=text), net, own)
        if tried.addresses == recorded and flags.node_ip != text:
            yield f"kubelet started with --node-ip {text} reports it"

"""kubelet's choice of the node's InternalIP, without a cloud provider. Pure.

Source: kubernetes/kubernetes, pkg/kubelet/nodestatus/setters.go (NodeAddress),
pkg/kubelet/kubelet_node_status.go (validateNodeIP) and k8s.io/component-helpers'
ParseNodeIPArgument; the order is the same in every version, the details by version are below.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PlainSerializer

from harness.kubelet.net import KubeletVersion, Net, NoAddressError, choose, parse_ip, unusable
from harness.model.host import IPAddress

FAMILY_PREFERENCE_SINCE: KubeletVersion = (1, 18)
"""kubernetes/kubernetes#85850: ``--node-ip ::`` prefers IPv6 instead of being refused."""
DUAL_STACK_SINCE: KubeletVersion = (1, 20)
"""kubernetes/kubernetes#95239: ``--node-ip`` takes a pair."""
NEWEST: KubeletVersion = (1, 999)


def version_words(version: KubeletVersion) -> str | None:
    """A version as "1.29"; None for `NEWEST`, which stands for any recent one."""
    return None if version == NEWEST else f"{version[0]}.{version[1]}"


class StepName(StrEnum):
    """The four steps of kubelet's node-status code, in its order."""

    NODE_IP = "node-ip"
    HOSTNAME = "hostname"
    LOOKUP = "look-up"
    DEFAULT_ROUTE = "default-route"


@dataclass(frozen=True, slots=True)
class Flags:
    """How kubelet was started: its flags, "" for none, and the machine's own ``hostname``."""

    hostname: str
    hostname_override: str = ""
    node_ip: str = ""
    version: Annotated[
        KubeletVersion,
        PlainSerializer(version_words, return_type=str | None),
        Field(description="null for any recent one"),
    ] = NEWEST

    @property
    def name(self) -> str:
        """The hostname kubelet works with, which without a cloud provider names the node."""
        return (self.hostname_override or self.hostname).strip().lower()


@dataclass(frozen=True, slots=True)
class NameLookup:
    """What net.LookupIP gives for the node's name, in order; or why it gives nothing."""

    addresses: tuple[IPAddress, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class NodeStep:
    """One step of the chain: whether it decided, and what it found."""

    name: StepName
    decided: bool
    text: str


@dataclass(frozen=True, slots=True)
class NodeDecision:
    """The InternalIPs kubelet reports (two for a dual-stack pair), or the error it logs.

    ``step`` is the one that decided or failed.
    """

    addresses: Annotated[tuple[IPAddress, ...], Field(serialization_alias="internal_ips")]
    step: StepName
    steps: tuple[NodeStep, ...]
    error: str | None = None


def parse_version(text: str) -> KubeletVersion:
    """(major, minor) of a kubelet version such as ``v1.29.3``; ValueError for another text."""
    match = re.match(r"v?(\d{1,3})\.(\d{1,3})(?=$|[.+-])", text)
    if match is None:
        raise ValueError(f"{text!r}: a kubelet version such as 1.29 was expected")
    return int(match[1]), int(match[2])


class NodeIPError(ValueError):
    """A --node-ip with which kubelet does not start; one line."""

    exit_status = 2


def node_ips(
    text: str, version: KubeletVersion, option: str = "--node-ip"
) -> tuple[IPAddress, ...]:
    """The addresses of a --node-ip: none, one, or a dual-stack pair.

    kubelet ignores, with a line in its log, a part that is no address. Raises NodeIPError
    for a combination it refuses; ``option`` is what was typed.
    """
    if version < DUAL_STACK_SINCE:
        one = parse_ip(text)
        return () if one is None else (one,)
    found = tuple(
        address for part in text.split(",") if (address := parse_ip(part.strip())) is not None
    )
    if len(found) > 2 or (len(found) == 2 and found[0].version == found[1].version):
        raise NodeIPError(f"{option} {text}: one address or an IPv4 and an IPv6 one was expected")
    if len(found) == 2 and any(address.is_unspecified for address in found):
        raise NodeIPError(f"{option} {text}: a pair without 0.0.0.0 and :: was expected")
    return found


def refusal(address: IPAddress, net: Net) -> str | None:
    """Why an address cannot be the node's, None when it can (validateNodeIP)."""
    if kind := unusable(address):
        return f"{address} is {kind}"
    return None if address in net.addresses else f"{address} is on no interface of the host"


def decide(flags: Flags, net: Net, found: NameLookup) -> NodeDecision:
    """Which InternalIP kubelet reports, by which step and why. Raises NodeIPError.

    ``found`` is the name service's answer for the node's name; the earlier steps may not need it.
    """
    steps: list[NodeStep] = []

    def passed(name: StepName, text: str) -> None:
        steps.append(NodeStep(name, False, text))

    def ended(name: StepName, text: str, *addresses: IPAddress) -> NodeDecision:
        steps.append(NodeStep(name, True, text))
        return NodeDecision(addresses, name, tuple(steps), None if addresses else text)

    given = node_ips(flags.node_ip, flags.version)
    only_family = len(given) == 1 and given[0].is_unspecified
    if given and not (only_family and flags.version >= FAMILY_PREFERENCE_SINCE):
        for address in given:
            if why := refusal(address, net):
                return ended(
                    StepName.NODE_IP,
                    f"--node-ip {flags.node_ip} is refused: {why}; the node's addresses stay "
                    "as they were",
                )
        return ended(StepName.NODE_IP, f"--node-ip {flags.node_ip} is taken as it is", *given)
    families = (6, 4) if only_family and given[0].version == 6 else (4, 6)
    if only_family:
        passed(StepName.NODE_IP, f"--node-ip {flags.node_ip} only prefers IPv{families[0]}")
    elif flags.node_ip:
        passed(StepName.NODE_IP, f"--node-ip {flags.node_ip} is no address: kubelet ignores it")
    else:
        passed(StepName.NODE_IP, "no --node-ip: IPv4 is preferred")

    named = parse_ip(flags.name)
    source = "--hostname-override" if flags.hostname_override else "the hostname"
    if named is not None:
        why = refusal(named, net)
        note = f", unchecked although {why}" if why else ""
        return ended(StepName.HOSTNAME, f"{source} {flags.name} is an address{note}", named)
    passed(StepName.HOSTNAME, f"{source} {flags.name} is no address")

    chosen, text = _usable(flags.name, found, net, families[0])
    if chosen is not None:
        return ended(StepName.LOOKUP, text, chosen)
    passed(StepName.LOOKUP, text)

    try:
        chosen, why = choose(net, families, flags.version)
    except NoAddressError as problem:
        return ended(StepName.DEFAULT_ROUTE, f"can't get ip address of node: {problem}")
    return ended(StepName.DEFAULT_ROUTE, f"{chosen} is {why}", chosen)


def _usable(name: str, found: NameLookup, net: Net, preferred: int) -> tuple[IPAddress | None, str]:
    """The first usable address of the preferred family, else the first usable one at all."""
    if found.error is not None:
        return None, f"{name} is not found: {found.error}"
    order = ", ".join(map(str, found.addresses)) or "nothing"
    refused = {address: refusal(address, net) for address in found.addresses}
    usable = [address for address, why in refused.items() if why is None]
    chosen = next((one for one in usable if one.version == preferred), None)
    looked_at = found.addresses
    if chosen is not None:
        looked_at = looked_at[: looked_at.index(chosen)]
        text = f"{chosen} is the first usable IPv{preferred} address"
    elif usable:
        chosen = usable[0]
        text = f"no usable IPv{preferred} address, {chosen} is the first of the other family"
    else:
        text = "no usable address"
    reasons = dict.fromkeys(why for address in looked_at if (why := refused[address]))
    return chosen, f"{name} is {order}: {text}" + (f" ({'; '.join(reasons)})" if reasons else "")

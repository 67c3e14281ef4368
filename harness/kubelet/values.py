"""What kubelet's choice depends on, and what comes of it. Plain frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from harness.model.host import IPAddress

KubeletVersion = tuple[int, int]
NEWEST: KubeletVersion = (1, 999)


class StepName(StrEnum):
    """The four steps of kubelet's node-status code, in its order."""

    NODE_IP = "node-ip"
    HOSTNAME = "hostname"
    LOOKUP = "look-up"
    DEFAULT_ROUTE = "default-route"


@dataclass(frozen=True, slots=True)
class NodeInterface:
    """One interface as Go's net package sees it; ``addresses`` in the order of the dump."""

    name: str
    addresses: tuple[IPAddress, ...]
    up: bool = True
    loopback: bool = False
    point_to_point: bool = False


@dataclass(frozen=True, slots=True)
class Net:
    """The host's interfaces and its route files (proc(5)), None where there is no such file.

    ``ipv4_routes`` is /proc/net/route, ``ipv6_routes`` /proc/net/ipv6_route, each as text.
    """

    interfaces: tuple[NodeInterface, ...]
    ipv4_routes: str | None = ""
    ipv6_routes: str | None = ""

    @property
    def addresses(self) -> frozenset[IPAddress]:
        """Every address of every interface, up or down."""
        return frozenset(address for one in self.interfaces for address in one.addresses)


@dataclass(frozen=True, slots=True)
class Flags:
    """How kubelet was started, as far as the node's address depends on it.

    ``hostname`` is the machine's own; ``node_ip`` the text of --node-ip, empty when it is
    not given. ``version`` is the kubelet's (major, minor).
    """

    hostname: str
    hostname_override: str = ""
    node_ip: str = ""
    version: KubeletVersion = NEWEST

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
    """(major, minor) of a kubelet version such as ``v1.29.3`` or ``1.29``.

    Raises ValueError for a text that is none.
    """
    match = re.match(r"v?(\d{1,3})\.(\d{1,3})(?=$|[.+-])", text)
    if match is None:
        raise ValueError(f"{text!r}: a kubelet version such as 1.29 was expected")
    return int(match[1]), int(match[2])

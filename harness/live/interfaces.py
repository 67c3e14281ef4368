"""The interfaces and addresses of this network namespace, in a scenario's words.

Read through netlink dumps; nothing is changed. Source: linux/if_addr.h, linux/if_arp.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import Any, get_args

from harness.live.said import Address, Link, Said
from harness.model.host import ARPHRD_SIT, ARPHRD_TUNNEL, ARPHRD_TUNNEL6
from harness.sandbox.devices import IFF_UP, LOOPBACK_INDEX, PEER_INDEX
from harness.scenario.hostspec import Kind

Data = dict[str, Any]

_BY_TYPE = {ARPHRD_SIT: "sit", ARPHRD_TUNNEL: "tunnel", ARPHRD_TUNNEL6: "tunnel6"}
_NATIVE_KINDS = frozenset(get_args(Kind)) - set(_BY_TYPE.values())
_ARPHRD_ETHER, _ARPHRD_LOOPBACK = 1, 772
_TEMPORARY, _OPTIMISTIC, _HOME, _DEPRECATED, _TENTATIVE = 0x01, 0x04, 0x10, 0x20, 0x40
_DADFAILED, _MNGTMPADDR, _NOPREFIXROUTE = 0x08, 0x100, 0x200
_SECONDARY = 0x01
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host"}
_MOST = 250


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One interface as the link dump has it."""

    index: int
    name: str
    type: int
    kind: str
    flags: int
    master: int
    table: int | None
    slave_of_vrf: bool

    @property
    def up(self) -> bool:
        """Whether it is administratively up."""
        return bool(self.flags & IFF_UP)


@dataclass(frozen=True, slots=True)
class AddressLine:
    """One address as the address dump has it; ``far`` is IFA_ADDRESS."""

    index: int
    local: str
    far: str
    prefixlen: int
    flags: int
    scope: int
    label: str | None
    metric: int | None

    @property
    def version(self) -> int:
        """4 or 6."""
        return ip_address(self.local).version

    @property
    def network(self) -> str:
        """The network whose route the kernel makes for the address: the peer's with IPv4."""
        end = self.far if self.version == 4 else self.local
        return str(ip_interface(f"{end}/{self.prefixlen}").network)

    @property
    def routes(self) -> set[str]:
        """The destinations of all routes that the kernel makes when the address is added.

        An IPv6 peer has one of its own, noprefixroute or not. Source: net/ipv6/addrconf.c.
        """
        peer = {f"{self.far}/128"} if self.version == 6 and self.far != self.local else set()
        return peer | ({self.network} if self.has_route else set())

    @property
    def has_route(self) -> bool:
        """Whether the kernel would make a route for the network when the address is added."""
        if self.flags & _NOPREFIXROUTE:
            return False
        if self.version == 6:
            return True
        alone = self.prefixlen == 32 and self.far == self.local
        return not self.flags & _SECONDARY and not alone


def link_rows(messages: Sequence[Any]) -> list[LinkRow]:
    """The link dump, without the hidden ends of a sandbox's veth pairs.

    Parameters: ``messages`` as `Netlink.links` gives them. Raises nothing.
    """
    rows = []
    for message in messages:
        info = message.get_attr("IFLA_LINKINFO")
        kind = (info.get_attr("IFLA_INFO_KIND") if info else None) or ""
        slave = (info.get_attr("IFLA_INFO_SLAVE_KIND") if info else None) or ""
        table = None
        if kind == "vrf" and info.get_attr("IFLA_INFO_DATA"):
            table = info.get_attr("IFLA_INFO_DATA").get_attr("IFLA_VRF_TABLE")
        if message["index"] >= PEER_INDEX and kind == "veth":
            continue
        rows.append(
            LinkRow(
                message["index"], message.get_attr("IFLA_IFNAME"), message["ifi_type"], kind,
                message["flags"], message.get_attr("IFLA_MASTER") or 0, table, slave == "vrf",
            )
        )  # fmt: skip
    return rows


def address_lines(messages: Sequence[Any]) -> list[AddressLine]:
    """The address dump. Parameters: as `Netlink.addresses` gives it. Raises nothing."""
    lines = []
    for message in messages:
        far = message.get_attr("IFA_ADDRESS")
        local = message.get_attr("IFA_LOCAL") or far
        flags = message.get_attr("IFA_FLAGS")
        if local is None:
            continue
        lines.append(
            AddressLine(
                message["index"], local, far or local, message["prefixlen"],
                message["flags"] if flags is None else flags, message["scope"],
                message.get_attr("IFA_LABEL"), message.get_attr("IFA_RT_PRIORITY"),
            )
        )  # fmt: skip
    return lines


def interfaces(
    links: Sequence[LinkRow],
    addresses: Sequence[AddressLine],
    without_route: frozenset[AddressLine],
    referred: frozenset[int],
) -> tuple[dict[str, Data], list[Said]]:
    """The scenario's interfaces and what is left out of them.

    Parameters: the dumps; ``without_route`` the addresses whose network's route is not
    there; ``referred`` the interfaces that routes and rules name. Raises nothing.
    """
    left_out: list[Said] = []
    found: dict[str, Data] = {}
    used = {line.index for line in addresses} | referred
    crowded = len(links) > _MOST
    dropped = []
    for link in links:
        if crowded and link.index not in used and link.kind != "vrf":
            dropped.append(link.name)
            continue
        data = _interface(link, links, left_out)
        listed = _addresses(link, addresses, without_route, left_out)
        if listed:
            data["addresses"] = listed
        if link.name != "lo" or listed:
            found[link.name] = data
    if dropped:
        left_out.append(
            Said(
                "{} interfaces without addresses and routes, {} the first",
                len(dropped),
                Link(dropped[0]),
            )
        )
    return found, left_out


def _interface(link: LinkRow, links: Sequence[LinkRow], left_out: list[Said]) -> Data:
    data: Data = {}
    kind = _BY_TYPE.get(link.type, "ethernet")
    if kind == "ethernet" and link.kind in _NATIVE_KINDS:
        kind = link.kind
    if kind == "vrf" and link.table is None:
        kind = "ethernet"
    if kind != "ethernet":
        data["kind"] = kind
    elif link.type not in (_ARPHRD_ETHER, _ARPHRD_LOOPBACK) or link.kind not in _EQUAL:
        left_out.append(
            Said(
                "{}: hardware type {}{} is written as ethernet, which is as native to rule 7",
                Link(link.name),
                link.type,
                Said(" ({})", link.kind) if link.kind else Said(""),
            )
        )
    if kind == "vrf":
        data["table"] = link.table
        members = [each.name for each in links if each.master == link.index]
        if members:
            data["interfaces"] = members
    if not link.up and link.index != LOOPBACK_INDEX:
        data["up"] = False
    return data


_EQUAL = ("", "ethernet", "ifb", "team", "hsr", "geneve", "gretap", "ip6gretap", "netdevsim")


def _addresses(
    link: LinkRow,
    lines: Sequence[AddressLine],
    without_route: frozenset[AddressLine],
    left_out: list[Said],
) -> list[str | Data]:
    own = [line for line in lines if line.index == link.index]
    # the kernel lists the IPv6 address added last first, and the IPv4 one added last last
    ordered = [line for line in own if line.version == 4]
    ordered += [line for line in reversed(own) if line.version == 6]
    listed: list[str | Data] = []
    for line in ordered:
        if link.name == "lo" and line.local in ("127.0.0.1", "::1"):
            continue
        listed.append(_address(link, line, line in without_route, left_out))
    return listed


def _address(
    link: LinkRow, line: AddressLine, without_route: bool, left_out: list[Said]
) -> str | Data:
    text = f"{line.local}/{line.prefixlen}"
    data: Data = {}
    if line.far != line.local:
        data["peer"] = f"{line.far}/{line.prefixlen}"
    if line.label is not None and line.version == 4 and line.label != link.name:
        if line.label.startswith(f"{link.name}:"):
            data["label"] = line.label
        else:
            said = "{}: the label {} of {}"
            left_out.append(Said(said, Link(link.name), line.label, Address(line.local)))
    flags = _flags(line)
    if without_route and "noprefixroute" not in flags:
        flags.append("noprefixroute")
    if flags:
        data["flags"] = flags
    if line.version == 4:
        usual = "host" if ip_address(line.local).is_loopback else "global"
        scope = _SCOPES.get(line.scope)
        if scope is None:
            said = "{}: the scope {} of {}"
            left_out.append(Said(said, Link(link.name), line.scope, Address(line.local)))
        elif scope != usual:
            data["scope"] = scope
    if line.metric:
        data["metric"] = line.metric
    return {"address": text, **data} if data else text


def _flags(line: AddressLine) -> list[str]:
    flags = []
    if line.flags & _DEPRECATED:
        flags.append("deprecated")
    if line.version == 6:
        if line.flags & _HOME:
            flags.append("home")
        if line.flags & _OPTIMISTIC:
            flags.append("optimistic")
        elif line.flags & (_TENTATIVE | _DADFAILED):
            flags.append("tentative")
        if line.flags & _TEMPORARY:
            flags.append("temporary")
        if line.flags & _MNGTMPADDR:
            flags.append("mngtmpaddr")
    if line.flags & _NOPREFIXROUTE:
        flags.append("noprefixroute")
    return flags

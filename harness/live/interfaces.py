"""The interfaces and addresses of this network namespace, in a scenario's words.

Read through netlink dumps; nothing is changed. Source: linux/if_addr.h, linux/if_arp.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from harness.kernel.rows import SCOPES, KernelAddress, KernelLink
from harness.live.said import Address, Data, Link, Said
from harness.model.host import ARPHRD_SIT, ARPHRD_TUNNEL, ARPHRD_TUNNEL6
from harness.sandbox.devices import LOOPBACK_INDEX, PEER_INDEX
from harness.scenario.hostspec import Kind

_BY_TYPE = {ARPHRD_SIT: "sit", ARPHRD_TUNNEL: "tunnel", ARPHRD_TUNNEL6: "tunnel6"}
_NATIVE_KINDS = frozenset(get_args(Kind)) - set(_BY_TYPE.values())
_ARPHRD_ETHER, _ARPHRD_LOOPBACK = 1, 772
# 0x48 is a detection of duplicates that runs or has failed
_FLAGS = (
    (0x20, "deprecated"), (0x10, "home"), (0x04, "optimistic"), (0x48, "tentative"),
    (0x01, "temporary"), (0x100, "mngtmpaddr"), (0x200, "noprefixroute"),
)  # fmt: skip
_FLAGS4 = ("deprecated", "noprefixroute")
_SCOPE_NAMES = {number: name for name, number in SCOPES.items() if name != "nowhere"}
_MOST = 250


def shown(links: Sequence[KernelLink]) -> list[KernelLink]:
    """The links without the hidden ends of a sandbox's veth pairs. Raises nothing."""
    return [link for link in links if link.index < PEER_INDEX or link.kind != "veth"]


def interfaces(
    links: Sequence[KernelLink],
    addresses: Sequence[KernelAddress],
    without_route: frozenset[KernelAddress],
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
        said = "{} interfaces without addresses and routes, {} the first"
        left_out.append(Said(said, len(dropped), Link(dropped[0])))
    return found, left_out


def _interface(link: KernelLink, links: Sequence[KernelLink], left_out: list[Said]) -> Data:
    data: Data = {}
    kind = _BY_TYPE.get(link.type, "ethernet")
    if kind == "ethernet" and link.kind in _NATIVE_KINDS:
        kind = link.kind
    if kind == "vrf" and link.table is None:
        kind = "ethernet"
    if kind != "ethernet":
        data["kind"] = kind
    elif link.type not in (_ARPHRD_ETHER, _ARPHRD_LOOPBACK) or link.kind not in _EQUAL:
        said = "{}: hardware type {}{} is written as ethernet, which is as native to rule 7"
        kind_of_it = Said(" ({})", link.kind) if link.kind else Said("")
        left_out.append(Said(said, Link(link.name), link.type, kind_of_it))
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
    link: KernelLink,
    lines: Sequence[KernelAddress],
    without_route: frozenset[KernelAddress],
    left_out: list[Said],
) -> list[str | Data]:
    own = [line for line in lines if line.index == link.index]
    # the kernel lists the IPv6 address added last first, and the IPv4 one added last last
    ordered = [line for line in own if line.own.version == 4]
    ordered += [line for line in reversed(own) if line.own.version == 6]
    return [
        _address(link, line, line in without_route, left_out)
        for line in ordered
        if link.name != "lo" or str(line.own) not in ("127.0.0.1", "::1")
    ]


def _address(
    link: KernelLink, line: KernelAddress, without_route: bool, left_out: list[Said]
) -> str | Data:
    text = f"{line.own}/{line.prefixlen}"
    data: Data = {}
    if line.far != line.own:
        data["peer"] = f"{line.far}/{line.prefixlen}"
    said = "{}: the {} {} of {}"
    if line.label is not None and line.own.version == 4 and line.label != link.name:
        if line.label.startswith(f"{link.name}:"):
            data["label"] = line.label
        else:
            named = Said("label"), line.label
            left_out.append(Said(said, Link(link.name), *named, Address(str(line.own))))
    flags = _flags(line)
    if without_route and "noprefixroute" not in flags:
        flags.append("noprefixroute")
    if flags:
        data["flags"] = flags
    if line.own.version == 4:
        scope = _SCOPE_NAMES.get(line.scope)
        if scope is None:
            numbered = Said("scope"), line.scope
            left_out.append(Said(said, Link(link.name), *numbered, Address(str(line.own))))
        elif scope != ("host" if line.own.is_loopback else "global"):
            data["scope"] = scope
    if line.metric:
        data["metric"] = line.metric
    return {"address": text, **data} if data else text


def _flags(line: KernelAddress) -> list[str]:
    flags = [name for bits, name in _FLAGS if line.flags & bits]
    if line.own.version == 4:
        return [name for name in flags if name in _FLAGS4]
    if "optimistic" in flags and "tentative" in flags:
        flags.remove("tentative")  # the kernel sets both bits
    return flags

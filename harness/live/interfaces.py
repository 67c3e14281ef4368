"""The interfaces and addresses of this network namespace in a scenario's words.

Read through netlink; nothing is changed. Source: linux/if_addr.h, linux/if_arp.h.
"""

from typing import get_args

from harness.kernel import rows as kernel
from harness.kernel.rows import KernelAddress, KernelLink
from harness.live.machine import Dumps
from harness.live.said import Data, Said, SaidAddress, SaidLink
from harness.model.addresses import is_multicast
from harness.model.host import ARPHRD_SIT, ARPHRD_TUNNEL, ARPHRD_TUNNEL6
from harness.sandbox.values import LOOPBACK_INDEX
from harness.scenario.hostspec import Kind

_BY_TYPE = {ARPHRD_SIT: "sit", ARPHRD_TUNNEL: "tunnel", ARPHRD_TUNNEL6: "tunnel6"}
_NATIVE_KINDS = frozenset(get_args(Kind)) - set(_BY_TYPE.values())
_ARPHRD_ETHER, _ARPHRD_LOOPBACK = 1, 772
_EQUAL = ("", "ethernet", "ifb", "team", "hsr", "geneve", "gretap", "ip6gretap", "netdevsim")
_FLAGS4 = ("deprecated", "noprefixroute")
_SCOPE_NAMES = {number: name for name, number in kernel.SCOPES.items() if name != "nowhere"}
_MOST = 250


def interfaces(dumps: Dumps, left_out: list[Said]) -> dict[str, Data]:
    """The scenario's interfaces; ``left_out`` takes what is left out of them."""
    there = {
        (row.to, hop.dev)
        for row in dumps.routes
        if row.protocol == kernel.BY_KERNEL
        for hop in row.hops
        if not dumps.ignored(row, hop)
    }
    without_route = {row for row in dumps.routed if (row.network, row.index) not in there}
    used = {row.index for row in dumps.addresses}
    used |= {hop.dev for row in dumps.routes for hop in row.hops}
    crowded = len(dumps.links) > _MOST
    found: dict[str, Data] = {}
    dropped = []
    for link in dumps.links:
        if crowded and link.index not in used and link.kind != "vrf":
            dropped.append(link.name)
            continue
        own = []
        for row in dumps.addresses:
            if row.index != link.index:
                continue
            if all(int(end) and not is_multicast(end) for end in (row.own, row.far)):
                own.append(row)
            else:
                said = "{}: the address {}: it or its peer is no unicast one"
                left_out.append(Said(said, SaidLink(link.name), SaidAddress(row.own)))
        # the kernel lists the IPv6 address added last first, and the IPv4 one added last last
        ordered = [row for row in own if row.own.version == 4]
        ordered += [row for row in reversed(own) if row.own.version == 6]
        data = _interface(link, dumps, left_out)
        data["addresses"] = [
            _address(link, row, row in without_route, left_out)
            for row in ordered
            if link.name != "lo" or str(row.own) not in ("127.0.0.1", "::1")
        ]
        if link.name != "lo" or data["addresses"]:
            found[link.name] = data
    if dropped:
        said = "{} interfaces without addresses and routes, {} the first"
        left_out.append(Said(said, len(dropped), SaidLink(dropped[0])))
    return found


def _interface(link: KernelLink, dumps: Dumps, left_out: list[Said]) -> Data:
    kind = _BY_TYPE.get(link.type, "ethernet")
    if kind == "ethernet" and link.kind in _NATIVE_KINDS:
        kind = link.kind
    if kind == "vrf" and link.table is None:
        kind = "ethernet"
    native = link.type in (_ARPHRD_ETHER, _ARPHRD_LOOPBACK) and link.kind in _EQUAL
    if kind == "ethernet" and not native:
        said = "{}: hardware type {}{} is written as ethernet, which is as native to rule 7"
        kind_of_it = Said(" ({})", link.kind) if link.kind else Said("")
        left_out.append(Said(said, SaidLink(link.name), link.type, kind_of_it))
    data: Data = {"kind": kind, "up": link.up or link.index == LOOPBACK_INDEX}
    if kind == "vrf":
        data["table"] = link.table
        data["interfaces"] = [each.name for each in dumps.links if each.master == link.index]
    return data


def _address(
    link: KernelLink, row: KernelAddress, without_route: bool, left_out: list[Said]
) -> Data:
    def leave_out(what: str, value: str | int) -> None:
        said = Said(
            "{}: the {} {} of {}", SaidLink(link.name), Said(what), value, SaidAddress(row.own)
        )
        left_out.append(said)

    label = scope = None
    if row.own.version == 4:
        label = row.label if row.label != link.name else None
        if label is not None and not label.startswith(f"{link.name}:"):
            leave_out("label", label)
            label = None
        scope = _SCOPE_NAMES.get(row.scope)
        if scope is None:
            leave_out("scope", row.scope)
        elif scope == ("host" if row.own.is_loopback else "global"):
            scope = None
    # of a detection of duplicates: one that has failed is as one that runs
    failed = row.flags & kernel.IFA_F_DADFAILED
    bits = row.flags | (kernel.ADDRESS_FLAGS["tentative"] if failed else 0)
    flags = [name for name, bit in kernel.ADDRESS_FLAGS.items() if bits & bit and name != "nodad"]
    if row.own.version == 4:
        flags = [name for name in flags if name in _FLAGS4]
    if "optimistic" in flags and "tentative" in flags:
        flags.remove("tentative")  # the kernel sets both bits
    if without_route and "noprefixroute" not in flags:
        flags.append("noprefixroute")
    return {
        "address": f"{row.own}/{row.prefixlen}",
        "peer": f"{row.far}/{row.prefixlen}" if row.far != row.own else None,
        "label": label,
        "flags": flags,
        "scope": scope,
        "metric": row.metric or None,
    }

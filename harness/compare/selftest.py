"""Whether what stands between a foreign worker and the kernel can be trusted.

qemu-user translates each message between guest and kernel: byte order, structures, attributes
it knows. What it gets wrong looks like a difference of glibc. So once for each architecture
and qemu, on a private host with something of everything, the worker says what it sees by the
calls that glibc makes (`harness.native.kernel_view`), and every field is held against what the
kernel says to this process. A lane that fails is not counted: its results carry the reason.
"""

import errno
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import zip_longest
from socket import AF_INET, AF_INET6
from typing import Any

from harness import sandbox
from harness.compare.evidence import LaneSpec
from harness.compare.open_lane import open_lane
from harness.glibcs.catalog import native_arch
from harness.kernel.netlink import Netlink
from harness.model.host import Route, Target
from harness.native import kernel_view
from harness.native.kernel_view import Seen
from harness.native.lanes import Session
from harness.native.record import LaneError
from harness.sandbox import Pool, SandboxError, SandboxUnavailable
from harness.scenario.schema import Host

# More than one datagram of the kernel's holds, so that a dump comes in parts.
_MANY = 150
_PLAIN: dict[str, Any] = {
    "interfaces": {
        "eth0": {
            "addresses": [
                "172.18.45.2/24",
                "172.18.45.9/24",
                {"address": "10.9.0.1/32", "peer": "10.9.0.2/32", "label": "eth0:1"},
                "2001:db8:1::2/64",
                {"address": "2001:db8:1::3/64", "flags": ["deprecated"]},
                {"address": "2001:db8:1::4/63", "flags": ["home", "noprefixroute"]},
                "fe80::1/64",
            ]
        },
        # the longest name there is
        "a23456789012345": {"addresses": ["192.0.2.4/31", "fe80::7/64", "2001:db8:2::7/127"]},
        # an address that another interface has too
        "eth2": {
            "addresses": [
                "fe80::1/64",
                *(f"2001:db8:3::{number:x}/128" for number in range(1, _MANY + 1)),
            ]
        },
    },
    "routes": [
        {"to": "default", "via": "172.18.45.1"},
        {"to": "2001:db8:9::/48", "via": "2001:db8:1::1"},
        {"to": "203.0.113.0/24", "type": "unreachable"},
    ],
}
_TUNNELS: dict[str, Any] = {
    "sit0a": {"kind": "sit", "addresses": ["2001:db8:4::1/64"]},
    "tunl0a": {"kind": "tunnel", "addresses": ["198.51.100.9/32"]},
    "tunl6a": {"kind": "tunnel6", "addresses": ["2001:db8:5::1/64"]},
}
_IPV4 = ("172.18.45.6", "172.31.80.8", "10.9.0.2", "192.0.2.5", "127.3.2.1", "203.0.113.9")
_IPV6 = ("2001:db8:1::6", "2001:db8:9::1", "2001:db8:3::5", "::1", "2001:db8:ffff::1")


def marked(lanes: Sequence[LaneSpec]) -> tuple[LaneSpec, ...]:
    """The lanes, those of other architectures with what speaks against trusting them, if any.

    Each architecture and emulator is tried once in this process.
    Raises SandboxUnavailable where no sandbox can be had, LaneError for a lane that does not start.
    """
    first: dict[tuple[str, str], LaneSpec] = {}
    found = []
    for lane in lanes:
        if lane.skeleton is not None and lane.arch != native_arch():
            # one build stands for all that run through the same emulator
            tried = first.setdefault((lane.arch, lane.emulator), lane)
            lane = replace(lane, untrusted=_objection(tried))
        found.append(lane)
    return tuple(found)


@cache
def _objection(lane: LaneSpec) -> str:
    with Pool() as pool:
        for host in (with_tunnels(), Host.model_validate(_PLAIN)):
            try:
                (said,) = pool.run(objection, (lane, host))
            except SandboxUnavailable:
                if host.interfaces.keys() & _TUNNELS.keys():
                    continue  # a machine without tunnels shows none to glibc either
                raise
            except SandboxError as problem:
                if problem.exit_status == LaneError.exit_status:
                    raise LaneError(str(problem)) from None
                said = f"the self-test could not be made: {problem}"
            return str(said)
    raise AssertionError("the second host has no tunnels")


def with_tunnels() -> Host:
    """The self-test's whole host."""
    interfaces = {**_PLAIN["interfaces"], **_TUNNELS}
    return Host.model_validate({**_PLAIN, "interfaces": interfaces})


def objection(box: "sandbox.Box", spec: tuple[LaneSpec, Host]) -> Iterator[str]:
    """Inside a sandbox: build the host and yield the first thing a lane sees wrongly, or "".

    Raises LaneError for a worker that does not start: there is nothing to be shown of it.
    """
    lane, host = spec
    box.build(host)
    who = lane.emulator or f"this kernel for {lane.arch}"
    with closing(open_lane(box, lane)) as worker:
        try:
            with worker.open() as session, closing(Netlink()) as netlink:
                found = first_difference(session, box, netlink)
        except LaneError as problem:
            found = str(problem)
    yield f"{who}: {found}" if found else ""


def first_difference(session: Session, box: "sandbox.Box", netlink: Netlink) -> str:
    """What the session sees otherwise than the kernel says, in words; "" for nothing.

    Raises LaneError.
    """
    addresses = [
        _of(row, "family prefixlen scope index flags address local") | {"flags8": row.flags & 0xFF}
        for row in netlink.addresses()
    ]
    links = [
        _of(one, "index type flags name") | {"by_name": one.index, "by_index": one.name}
        for one in netlink.links()
    ]
    for what, request, truth in (
        ("address dump", kernel_view.ADDRESSES, addresses),
        ("link dump", kernel_view.LINKS, links),
        *_sources(box, netlink),
    ):
        view = session.view(request)
        if not isinstance(view, kernel_view.View):
            return f"{what}: {view}"
        if view.error:
            return f"{what}: {errno.errorcode.get(view.error, view.error)}"
        for seen, said in zip_longest(view.entries, truth):
            if seen != said:
                return f"{what}: {_told(seen)} is seen, the kernel says {_told(said)}"
    return ""


def _of(row: object, names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names.split()}


def _told(value: Seen | None) -> str:
    return "nothing" if value is None else ", ".join(f"{name} {value[name]}" for name in value)


def _sources(box: "sandbox.Box", netlink: Netlink) -> Iterator[tuple[str, bytes, Sequence[Seen]]]:
    """The requests for sources, each with the kernel's route look-ups for the same destinations.

    Like glibc's, one socket serves many destinations, and an AF_INET6 one IPv4 too.
    """
    scoped = [
        Target(ip_address("fe80::99"), link.index)
        for link in netlink.links()
        if link.name in _PLAIN["interfaces"]
    ]
    four = [Target(ip_address(text)) for text in _IPV4]
    six = [Target(ip_address(text)) for text in _IPV6] + scoped
    mapped = [Target(ip_address(f"::ffff:{text}")) for text in _IPV4]
    routes = box.observe([*four, *six, *mapped]).routes
    for what, family, targets in (
        ("sources of an AF_INET socket", AF_INET, four),
        ("sources of an AF_INET6 socket", AF_INET6, [*six, *mapped, *four, *six[:1]]),
    ):
        request = kernel_view.sources_request(family, targets)
        yield what, request, [_source(family, routes[one]) for one in targets]


def _source(family: int, route: Route) -> Seen:
    source = route.source
    if source is None:
        return {"error": getattr(errno, route.error or ""), "family": 0, "address": None}
    if family == AF_INET6 and isinstance(source, IPv4Address):
        source = IPv6Address(f"::ffff:{source}")
    return {"error": 0, "family": int(family), "address": source}

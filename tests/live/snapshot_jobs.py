"""What the tests of snapshots run inside sandboxes."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from pyroute2 import IPRoute  # type: ignore[import-untyped]

from harness.compare.run import HostJob, collect
from harness.live.host import snapshot
from harness.model.host import Target
from harness.sandbox.netlink import Netlink
from harness.scenario import LoadedScenario
from harness.scenario.schema import Host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.live.address_map import AddressMap
    from harness.sandbox import Box

_ADDRESS = re.compile(r"[0-9a-f:.]*[.:][0-9a-f:.]*")

# (glibc, name) -> the addresses in order or the error
Orders = dict[tuple[str, str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Seen:
    """The native orders, and the source the kernel has for each destination."""

    orders: Orders
    sources: dict[str, str]


def looked_up(box: Box, spec: tuple[HostJob, bool]) -> Iterator[Seen | LoadedScenario]:
    """Yield what is seen of a host's look-ups, and a snapshot of it if one is asked for."""
    job, take = spec
    orders: Orders = {}
    sources: dict[str, str] = {}
    for evidences, _ in collect(box, job):
        for one in evidences:
            items = getattr(one.native, "addrinfos", ())
            key = (one.build or one.glibc, one.lookup.name or "")
            orders[key] = tuple(str(item.address) for item in items) or (repr(one.native)[:99],)
            sources |= {str(target): str(route) for target, route in one.view.routes.items()}
    yield Seen(orders, sources)
    if take:
        sock = Netlink()
        yield snapshot(dict(job.scenario.names), sock, job.gai_confs[0].data)
        sock.close()


def words_through(made: AddressMap) -> Callable[[str], str]:
    """A function that replaces every address in a text by its new one."""

    def replaced(text: str) -> str:
        return _ADDRESS.sub(lambda match: _new(match[0], made), text)

    return replaced


def _new(text: str, made: AddressMap) -> str:
    try:
        return str(made.address(ip_address(text)))
    except ValueError:
        return text


def nothing(box: Box, spec: object) -> Iterator[Any]:
    """Yield nothing."""
    yield from ()


def _with(host: dict[str, Any]) -> Host:
    return Host.model_validate(host)


def changed(box: Box, spec: object) -> Iterator[Any]:
    """A host changed by hand in ways no scenario has words for."""
    box.build(_with({"interfaces": {"eth0": {"addresses": ["10.1.0.2/24"]}}}))
    with IPRoute() as ip:
        (eth0,), (lo,) = (ip.link_lookup(ifname=name) for name in ("eth0", "lo"))
        ip.route("del", dst="10.1.0.0/24", oif=eth0, scope="link")
        ip.route("add", dst="10.7.0.0/16", oif=eth0, scope="link")
        ip.route("append", dst="10.7.0.0/16", oif=lo, scope="link")
        ip.route("add", dst="10.8.0.0/16", oif=eth0, scope="link", tos=0x10)
        ip.rule("add", priority=10, ip_proto=socket.IPPROTO_UDP, dport_range="53:53", table=100)
        ip.rule("add", priority=11, tos=0x10, table=100)
        ip.rule("add", priority=12, uid_range="0:0", table=100)
        ip.rule("add", priority=13, iifname="away0", table=100)
    yield None
    sock = Netlink()
    yield snapshot({"n": ["192.0.2.1"]}, sock, None)
    sock.close()


def zoned(box: Box, spec: object) -> Iterator[Any]:
    """A name whose first address has a zone."""
    topology = box.build(_with({"interfaces": {"eth0": {"addresses": ["fe80::2/64"]}}}))
    yield None
    sock = Netlink()
    targets = [Target(ip_address("fe80::9"), topology.devices[0].index), "192.0.2.1"]
    yield snapshot({"n": targets}, sock, None)
    sock.close()

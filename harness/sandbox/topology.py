"""Building a scenario's host in the network namespace of this process."""

import errno
import struct
import time
from collections import Counter
from collections.abc import Callable, Mapping
from socket import AF_INET6

from harness.kernel import messages, netlink, rows
from harness.kernel.messages import Message, number, text
from harness.kernel.rows import ADDRESS_FLAGS, SCOPES
from harness.model.host import IFA_F_DEPRECATED
from harness.scenario.schema import Address, Host, Interface
from harness.scenario.sysctls import interface_of
from harness.scenario.values import as_interface

from . import devices, routing, sysctls, userns_diagnosis
from .values import LOOPBACK_INDEX, Device, DeviceNote

_FOREVER = 0xFFFFFFFF
# struct ifa_cacheinfo: preferred for no time and valid for ever
_DEPRECATED = struct.pack("=IIII", 0, _FOREVER, 0, 0)
_PATIENCE, _PAUSE = 30.0, 0.0005  # seconds
# The kernel takes no IFA_F_TEMPORARY from outside, and with IFA_F_MANAGETEMPADDR it would
# make addresses of its own: see _in_order() for what a temporary address becomes.
_NOT_TAKEN = {"temporary", "mngtmpaddr", "tentative"}
_UNFINISHED_FLAGS = {"optimistic", "tentative"}
_LOOPBACK = Device("lo", "lo", LOOPBACK_INDEX)

# nothing but what the scenario lists: no link-local address, no router, no waiting
_BEGINNING = {
    "net.ipv6.conf.default.addr_gen_mode": "1",
    "net.ipv6.conf.default.accept_ra": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.default.router_solicitations": "0",
} | {  # an IPv4 namespace inherits these from the machine it is made on
    f"net.ipv4.conf.{where}.{name}": "0"
    for where in ("all", "default", "lo")
    for name in ("ignore_routes_with_linkdown", "route_localnet", "promote_secondaries")
}
# The kernel shows OPTIMISTIC or TENTATIVE only while duplicate address detection runs, and it takes
# OPTIMISTIC only where optimistic_dad is set and NODAD is not. So detection is started and its
# one probe waits a day for an answer. See addrconf_dad_work() in net/ipv6/addrconf.c.
_UNFINISHED = {
    "net.ipv6.conf.{}.accept_dad": "1",
    "net.ipv6.conf.{}.optimistic_dad": "1",
    "net.ipv6.conf.{}.dad_transmits": "1",
    "net.ipv6.neigh.{}.retrans_time_ms": "86400000",
}


def build(sock: netlink.Netlink, host: Host) -> tuple[DeviceNote, ...]:
    """Build a host in the new network of ``sock``, each part in the file's order.

    Returns and raises as `Box.build`.
    """
    for key, value in _BEGINNING.items():
        sysctls.write(key, value, optional=True)
    for key, value in host.sysctls.items():
        if interface_of(key) is None:
            sysctls.write(key, value)
    try:
        devices.set_flags(sock, LOOPBACK_INDEX, devices.IFF_UP, devices.IFF_UP)
    except netlink.RefusedError:  # AppArmor gives a user namespace without its rights
        problem = OSError(errno.EPERM, "")
        raise userns_diagnosis.refused("to configure a private network", problem) from None

    made, notes = _interfaces(sock, host)
    indexes = {device.name: device.index for device in [_LOOPBACK, *made]}
    for device in made:
        if _has_unfinished(host.interfaces[device.name]):
            for key, value in _UNFINISHED.items():
                sysctls.write(key.format(device.name), value)
    for key, value in host.sysctls.items():
        if interface_of(key) is not None:
            sysctls.write(key, value)
    for device in made:
        for member in host.interfaces[device.name].interfaces:
            # before they are up and have addresses, which a change of the master would take
            with devices.naming((f"host.interfaces.{device.name}.interfaces", member)):
                master = (rows.IFLA_MASTER, number(device.index))
                sock.change(messages.link(indexes[member], master))
    for device in made:
        if host.interfaces[device.name].up:
            _up(sock, device, host.interfaces[device.name])
    _add_addresses(sock, host, indexes)
    notes += _remove_unlisted(sock, made, host)
    _wait_for_routes(sock, host)
    if host.addrlabels is not None:
        routing.set_address_labels(sock, host.addrlabels, indexes)
    routing.add_routes(sock, host.routes, indexes)
    if not host.default_rules:  # only now: gateways are looked for by these rules
        routing.remove_kernel_rules(sock)
    for position, rule in enumerate(host.rules):
        routing.add_rule(sock, f"host.rules[{position}]", rule)
    return tuple(notes)


def _interfaces(sock: netlink.Netlink, host: Host) -> tuple[list[Device], list[DeviceNote]]:
    """Make the interfaces; their indexes follow those the namespace came with."""
    present = {link.name: link.index for link in sock.links()}
    made: list[Device] = []
    notes: list[DeviceNote] = []
    wanted = [(name, each) for name, each in host.interfaces.items() if name != "lo"]
    for index, (name, interface) in enumerate(wanted, max(present.values()) + 1):
        if name in present:
            # a tunnel module puts one device of its own into every namespace
            given = present[name]
            sock.change(messages.link(given, (rows.IFLA_IFNAME, text(f"given{given}"))))
        kind = interface.kind
        device = devices.make(sock, name, kind, index, interface.table, host.interfaces)
        made.append(device)
        if interface.altnames:
            with devices.naming((f"host.interfaces.{name}.altnames", "these names")):
                sock.add_names(index, interface.altnames)
        if kind in devices.AS_ETHERNET and device.used != kind:
            same = "which is the same to rule 7 and to the choice of a source"
            notes.append(DeviceNote(name, f"{kind} made as {device.used}, {same}"))
        elif device.used not in (kind, "dummy", "veth", "ipip", "ip6tnl"):
            notes.append(DeviceNote(name, f"{kind} made as {device.used}"))
    return made, notes


def _up(sock: netlink.Netlink, device: Device, interface: Interface) -> None:
    mask = wanted = devices.IFF_UP
    if device.used != "tun" and interface.kind in {"ethernet", *devices.AS_ETHERNET}:
        # dummy and ifb come without these, a real card has them
        mask |= devices.IFF_MULTICAST | devices.IFF_NOARP
        wanted |= devices.IFF_MULTICAST
    elif _has_unfinished(interface):
        mask |= devices.IFF_NOARP  # a link without neighbours skips duplicate detection
    what = f"to bring up the {device.used} device"
    with devices.naming((f"host.interfaces.{device.name}", what)):
        devices.set_flags(sock, device.index, wanted, mask)
    if device.used != "veth" or sysctls.read(f"net.ipv6.conf.{device.name}.disable_ipv6") != "0":
        return
    # its route for multicast, of several the first one counts, is made in a work queue once its
    # carrier has come: addrconf_notify() in net/ipv6/addrconf.c, net/core/link_watch.c
    _wait_until(
        lambda: any(
            row.type == "multicast" and hop.dev == device.index
            for row in sock.routes(AF_INET6)
            for hop in row.hops
        )
    )


def _wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what the kernel does in a work queue: half a minute at most, if it is busy."""
    deadline = time.monotonic() + _PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(_PAUSE)


def _has_unfinished(interface: Interface) -> bool:
    return any(
        ":" in address.address and _UNFINISHED_FLAGS & set(address.flags)
        for address in interface.addresses
    )


def _in_order(host: Host, name: str) -> list[tuple[int, Address]]:
    """An interface's addresses with their positions, in the order to add them.

    Where nothing else tells two sources apart, the kernel takes the one added last. So the
    temporary ones come last where use_tempaddr prefers them and first where it does not.
    """
    wanted = "0"
    for where in ("default", name):
        wanted = host.sysctls.get(f"net.ipv6.conf.{where}.use_tempaddr", wanted)
    last = wanted.isdigit() and int(wanted) >= 2
    addresses = enumerate(host.interfaces[name].addresses)
    return sorted(addresses, key=lambda item: ("temporary" in item[1].flags) == last)


def _add_addresses(sock: netlink.Netlink, host: Host, indexes: Mapping[str, int]) -> None:
    parts, wanted = [], []
    for name, index in indexes.items():
        for position, address in _in_order(host, name) if name in host.interfaces else ():
            parts.append((f"host.interfaces.{name}.addresses[{position}]", address.address))
            wanted.append(_address(index, address))
    with devices.naming(*parts):
        sock.add(*wanted)


def _address(index: int, address: Address) -> Message:
    local = as_interface(address.address)
    far = as_interface(address.peer) if address.peer is not None else local
    flags = sum(ADDRESS_FLAGS[flag] for flag in set(address.flags) - _NOT_TAKEN)
    if local.version == 6 and not _UNFINISHED_FLAGS & set(address.flags):
        flags |= ADDRESS_FLAGS["nodad"]
    usual = "host" if local.version == 4 and local.ip.is_loopback else "global"
    return messages.address(
        local.ip, far.ip, far.network.prefixlen, index, SCOPES[address.scope or usual],
        (rows.IFA_FLAGS, number(flags)),
        (rows.IFA_LABEL, text(address.label)),
        (rows.IFA_RT_PRIORITY, number(address.metric)),
        (rows.IFA_CACHEINFO, _DEPRECATED if flags & IFA_F_DEPRECATED else None),
    )  # fmt: skip


def _remove_unlisted(sock: netlink.Netlink, made: list[Device], host: Host) -> list[DeviceNote]:
    """Take away addresses a device brought by itself; what was removed, as notes."""
    listed = {
        (device.index, address.ip)
        for device in made
        for address in host.interfaces[device.name].addresses
    }
    names = {device.index: device.name for device in made}
    notes: list[DeviceNote] = []
    for row in sock.addresses():
        if row.index == LOOPBACK_INDEX or (row.index, row.own) in listed:
            continue
        sock.remove(messages.address(row.own, row.far, row.prefixlen, row.index, 0))
        if row.index in names:
            notes.append(DeviceNote(names[row.index], f"removed {row.own}, which is not listed"))
    return notes


def _wait_for_routes(sock: netlink.Netlink, host: Host) -> None:
    """Wait until every IPv6 address of the host has its routes.

    A new IPv6 address is in the address dump at once, but its own route and the one to its peer
    are made in a work queue, even where no duplicate address detection is asked for. On a busy
    machine it takes seconds, and a look-up can come before that. Source: addrconf_dad_start() and
    __ipv6_ifa_notify() in net/ipv6/addrconf.c.
    """
    expected: Counter[tuple[str, str]] = Counter()  # the type and the destination of each route
    for interface in host.interfaces.values():
        for row in interface.addresses if interface.up else ():
            # a tentative address has no route yet, as on a real host
            if ":" not in row.address or "tentative" in row.flags:
                continue
            expected["local", f"{row.ip}/128"] += 1
            # an optimistic one's peer has to wait for the detection's end
            if row.peer_ip not in (None, row.ip) and "optimistic" not in row.flags:
                expected["unicast", f"{row.peer_ip}/128"] = 1
    if expected:
        _wait_until(
            lambda: not expected - Counter((row.type, row.to) for row in sock.routes(AF_INET6))
        )

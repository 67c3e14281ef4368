"""Building a scenario's host in the network namespace of this process."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from harness.model.host import IFA_F_DEPRECATED, IFA_F_HOMEADDRESS, IFA_F_NODAD, IFA_F_OPTIMISTIC

from . import devices, namespaces, netlink, sysctls
from .errors import SandboxError
from .values import Topology

if TYPE_CHECKING:
    from harness.scenario.schema import Address, Host, Interface, RouteSpec

    from .devices import Workshop
    from .values import Device

_NEW = netlink.NLM_F_CREATE | netlink.NLM_F_EXCL
_FOREVER = 0xFFFFFFFF
_FLAGS = {
    "home": IFA_F_HOMEADDRESS,
    "optimistic": IFA_F_OPTIMISTIC,
    "nodad": IFA_F_NODAD,
    "deprecated": IFA_F_DEPRECATED,
}
_ROUTE_TYPES = {"unicast": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8}
_RT_TABLE_MAIN = 254
_RTPROT_STATIC = 4
_SCOPE_UNIVERSE = 0
_SCOPE_LINK = 253
_SCOPE_HOST = 254
_RTNH_F_ONLINK = 4

# nothing but what the scenario lists: no link-local address, no router, no waiting
_QUIET = {
    "net.ipv6.conf.default.addr_gen_mode": "1",
    "net.ipv6.conf.default.accept_ra": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.default.router_solicitations": "0",
}
# an IPv4 namespace inherits these from the machine it is made on
_DEFAULTS = {
    f"net.ipv4.conf.{where}.{name}": "0"
    for where in ("all", "default", "lo")
    for name in ("ignore_routes_with_linkdown", "route_localnet", "promote_secondaries")
}
# The kernel shows OPTIMISTIC only while duplicate address detection runs, and it takes the
# flag only where optimistic_dad is set and NODAD is not. So detection is started and its
# one probe waits a day for an answer. See addrconf_dad_work() in net/ipv6/addrconf.c.
_OPTIMISTIC = {
    "net.ipv6.conf.{}.accept_dad": "1",
    "net.ipv6.conf.{}.optimistic_dad": "1",
    "net.ipv6.conf.{}.dad_transmits": "1",
    "net.ipv6.neigh.{}.retrans_time_ms": "86400000",
}


def build(sock: netlink.Netlink, workshop: Workshop, host: Host) -> Topology:
    """Build a host: settings, interfaces, addresses and routes, each in the file's order.

    Parameters: ``sock`` and ``workshop`` in the network namespace to build in, which must
    be new; ``host`` the scenario's. Raises SandboxError naming the field the kernel
    refused, SandboxUnavailable for a kind of interface this machine cannot make.
    """
    names = tuple(host.interfaces)
    has_ipv6 = sysctls.exists("net.ipv6.conf")
    for key, value in (_DEFAULTS | _QUIET if has_ipv6 else _DEFAULTS).items():
        if sysctls.exists(key):
            sysctls.write(key, value)
    for key, value in host.sysctls.items():
        if sysctls.interface_of(key, names) is None:
            sysctls.write(key, value)
    try:
        workshop.set_flags(devices.LOOPBACK_INDEX, devices.IFF_UP, devices.IFF_UP)
    except netlink.RefusedError:  # AppArmor gives a user namespace without its rights
        raise namespaces.no_network() from None

    made, notes = _interfaces(sock, workshop, host)
    for device in made:
        if _has_optimistic(host.interfaces[device.name]):
            for key, value in _OPTIMISTIC.items():
                sysctls.write(key.format(device.name), value, names)
    for key, value in host.sysctls.items():
        if sysctls.interface_of(key, names) is not None:
            sysctls.write(key, value, names)
    for device in made:
        _up(workshop, device, host.interfaces[device.name])
    for device in made:
        for position, address in enumerate(host.interfaces[device.name].addresses):
            _add_address(sock, device, position, address)
    notes += _remove_unlisted(sock, made, host)
    indexes = {device.name: device.index for device in made} | {"lo": devices.LOOPBACK_INDEX}
    for position, route in enumerate(host.routes):
        _add_route(sock, position, route, indexes)
    return Topology(tuple(made), tuple(notes))


def _interfaces(
    sock: netlink.Netlink, workshop: Workshop, host: Host
) -> tuple[list[Device], list[str]]:
    """Make the interfaces; their indexes follow those the namespace came with."""
    present = {link.get_attr("IFLA_IFNAME"): link["index"] for link in sock.links()}
    following = max(present.values()) + 1
    made: list[Device] = []
    notes: list[str] = []
    for index, (name, interface) in enumerate(host.interfaces.items(), following):
        if name in present:
            # a tunnel module puts one device of its own into every namespace
            workshop.rename(present[name], f"given{present[name]}")
        device = workshop.make(name, interface.kind, index)
        if device.used not in (interface.kind, "dummy", "veth", "ipip", "ip6tnl"):
            notes.append(f"{name}: {interface.kind} made as {device.used}")
        made.append(device)
    return made, notes


def _up(workshop: Workshop, device: Device, interface: Interface) -> None:
    mask = wanted = devices.IFF_UP
    if interface.kind == "ethernet":
        # dummy and ifb come without these, a real card has them
        mask |= devices.IFF_MULTICAST | devices.IFF_NOARP
        wanted |= devices.IFF_MULTICAST
    elif _has_optimistic(interface):
        mask |= devices.IFF_NOARP  # a link without neighbours skips duplicate detection
    try:
        workshop.set_flags(device.index, wanted, mask)
    except OSError as problem:
        raise SandboxError(
            f"host.interfaces.{device.name}: the kernel refused to bring up the "
            f"{device.used} device: {problem.strerror}"
        ) from None


def _has_optimistic(interface: Interface) -> bool:
    return any(
        "optimistic" in address.flags and ":" in address.address for address in interface.addresses
    )


def _add_address(sock: netlink.Netlink, device: Device, position: int, address: Address) -> None:
    local = ip_interface(address.address)
    far = ip_interface(address.peer) if address.peer is not None else local
    flags = 0
    for flag in address.flags:
        flags |= _FLAGS[flag]
    if local.version == 6 and not flags & IFA_F_OPTIMISTIC:
        flags |= IFA_F_NODAD
    message = ifaddrmsg()
    message["family"] = AF_INET if local.version == 4 else AF_INET6
    message["prefixlen"] = far.network.prefixlen
    message["index"] = device.index
    message["scope"] = _SCOPE_HOST if local.version == 4 and local.ip.is_loopback else 0
    message["attrs"] = [
        ("IFA_LOCAL", str(local.ip)),
        ("IFA_ADDRESS", str(far.ip)),
        ("IFA_FLAGS", flags),
    ]
    if address.label is not None:
        message["attrs"].append(("IFA_LABEL", address.label))
    if flags & IFA_F_DEPRECATED:
        lifetimes = {"ifa_preferred": 0, "ifa_valid": _FOREVER}
        message["attrs"].append(("IFA_CACHEINFO", lifetimes))
    try:
        sock.change(message, netlink.RTM_NEWADDR, _NEW)
    except netlink.RefusedError as problem:
        raise SandboxError(
            f"host.interfaces.{device.name}.addresses[{position}]: the kernel refused "
            f"{address.address}: {problem.strerror}"
        ) from None


def _remove_unlisted(sock: netlink.Netlink, made: list[Device], host: Host) -> list[str]:
    """Take away addresses a device brought by itself; what was removed, as notes."""
    listed = {
        (device.index, ip_interface(address.address).ip)
        for device in made
        for address in host.interfaces[device.name].addresses
    }
    names = {device.index: device.name for device in made}
    notes: list[str] = []
    for row in sock.addresses():
        local = row.get_attr("IFA_LOCAL") or row.get_attr("IFA_ADDRESS")
        if (
            row["index"] == devices.LOOPBACK_INDEX
            or (
                row["index"],
                ip_address(local),
            )
            in listed
        ):
            continue
        message = ifaddrmsg()
        for name in ("family", "prefixlen", "index"):
            message[name] = row[name]
        message["attrs"] = [("IFA_LOCAL", local), ("IFA_ADDRESS", row.get_attr("IFA_ADDRESS"))]
        sock.change(message, netlink.RTM_DELADDR)
        if row["index"] in names:
            notes.append(f"{names[row['index']]}: removed {local}, which is not listed")
    return notes


def _add_route(
    sock: netlink.Netlink, position: int, route: RouteSpec, indexes: dict[str, int]
) -> None:
    field = f"host.routes[{position}]"
    if route.to == "default":
        hint = route.via or route.from_ or ""
        network = ip_network("::/0" if ":" in hint else "0.0.0.0/0")
    else:
        network = ip_network(route.to, strict=False)
    message = rtmsg()
    message["family"] = AF_INET if network.version == 4 else AF_INET6
    message["dst_len"] = network.prefixlen
    message["table"] = _RT_TABLE_MAIN
    message["proto"] = _RTPROT_STATIC
    message["type"] = _ROUTE_TYPES[route.type]
    message["scope"] = _SCOPE_UNIVERSE
    if network.version == 4 and route.type == "unicast" and route.via is None:
        message["scope"] = _SCOPE_LINK
    if route.on_link:
        message["flags"] = _RTNH_F_ONLINK
    attributes: list[tuple[str, object]] = []
    if network.prefixlen:
        attributes.append(("RTA_DST", str(network.network_address)))
    if route.via is not None:
        if ip_address(route.via).version == network.version:
            attributes.append(("RTA_GATEWAY", route.via))
        else:
            via = {"family": AF_INET6 if ":" in route.via else AF_INET, "addr": route.via}
            attributes.append(("RTA_VIA", via))
    if route.dev is not None:
        if route.dev not in indexes:
            raise SandboxError(f"{field}: there is no interface {route.dev}")
        attributes.append(("RTA_OIF", indexes[route.dev]))
    if route.from_ is not None:
        attributes.append(("RTA_PREFSRC", route.from_))
    if route.metric is not None:
        attributes.append(("RTA_PRIORITY", route.metric))
    message["attrs"] = attributes
    try:
        sock.change(message, netlink.RTM_NEWROUTE, _NEW)
    except netlink.RefusedError as problem:
        words: list[str] = [route.type] if route.type != "unicast" else []
        words.append(route.to)
        words += [
            f"{word} {value}"
            for word, value in (("via", route.via), ("dev", route.dev), ("from", route.from_))
            if value is not None
        ]
        raise SandboxError(
            f"{field}: the kernel refused {' '.join(words)}: {problem.strerror}"
        ) from None

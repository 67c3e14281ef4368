"""Random hosts: interfaces, addresses, routes, rules and sysctls, as a scenario file has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network
from typing import Any

from pydantic import ValidationError

from ..host import Host
from . import weights
from .dice import Dice

_BITS = {4: 32, 6: 128}


@dataclass(slots=True)
class _Plan:
    """A host while it is drawn; ``networks`` are those an interface is in, by IP version."""

    interfaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    networks: dict[str, list[IPv4Network | IPv6Network]] = field(default_factory=dict)
    total: int = 0

    def own(self, version: int) -> list[tuple[str, str]]:
        """(interface, address without length) of every address of a family."""
        return [
            (name, row["address"].partition("/")[0])
            for name, interface in self.interfaces.items()
            for row in interface["addresses"]
            if (":" in row["address"]) == (version == 6)
        ]


def draw_host(dice: Dice) -> Host:
    """A host; its kernel accepts it (`Host` has checked what can be checked beforehand)."""
    profile = dice.pick(weights.PROFILES)
    plan = _Plan()
    for number in range(dice.pick(weights.INTERFACES)):
        _draw_interface(dice, plan, f"eth{number}", profile)
    if dice.chance(weights.ON_LO):
        _draw_interface(dice, plan, "lo", profile)
    sysctls = dice.flags(weights.SYSCTLS)
    if profile == "ipv4" and dice.chance(weights.NO_IPV6):
        sysctls.append("net.ipv6.conf.all.disable_ipv6=1")
    document: dict[str, Any] = {
        "interfaces": plan.interfaces,
        "sysctls": dict(text.split("=") for text in sysctls),
    }
    routes = _draw_routes(dice, plan, profile)
    rules = _draw_rules(dice, plan, routes) if dice.chance(weights.RULES) else []
    if dice.chance(weights.LABEL_ROWS):
        document["addrlabels"] = [
            {"prefix": "::/0", "label": 1},
            {"prefix": dice.one(("fd00::/8", "2001:db8::/32", "2002::/16")), "label": 7},
        ]
    return _accepted(document, routes, rules)


def _accepted(document: dict[str, Any], routes: list[Any], rules: list[Any]) -> Host:
    """The host with those routes and rules that are consistent with it."""
    try:
        return Host.model_validate({**document, "routes": routes, "rules": rules})
    except ValidationError:
        kept: dict[str, list[Any]] = {"routes": [], "rules": []}
        for key, rows in (("routes", routes), ("rules", rules)):
            for row in rows:
                kept[key].append(row)
                try:
                    Host.model_validate({**document, **kept})
                except ValidationError:
                    kept[key].pop()
        return Host.model_validate({**document, **kept})


def _draw_interface(dice: Dice, plan: _Plan, name: str, profile: str) -> None:
    interface: dict[str, Any] = {"addresses": []}
    if name != "lo":
        interface["kind"] = dice.pick(weights.KINDS)
        if dice.chance(weights.DOWN):
            interface["up"] = False
    plan.interfaces[name] = interface
    plan.networks[name] = []
    down = interface.get("up") is False
    taken: set[str] = set()
    for _ in range(dice.pick(weights.ADDRESSES)):
        if plan.total == weights.MOST_ADDRESSES:
            break
        row = _draw_address(dice, plan, name, profile)
        key = row["address"] if ":" not in row["address"] else row["address"].partition("/")[0]
        if key in taken or (":" in key and down):
            continue  # the kernel takes no IPv6 address of an interface that is down
        taken.add(key)
        interface["addresses"].append(row)
        plan.total += 1
        network = ip_interface(row.get("peer", row["address"])).network
        if "noprefixroute" not in row.get("flags", ()) and not down:
            plan.networks[name].append(network)


def _version(dice: Dice, profile: str) -> int:
    if profile in ("ipv4", "ipv6"):
        return int(profile[-1])
    return 4 if dice.chance(0.6 if profile == "link-local" else 0.45) else 6


def _draw_address(dice: Dice, plan: _Plan, name: str, profile: str) -> dict[str, Any]:
    version = _version(dice, profile)
    bits = _BITS[version]
    elsewhere = plan.own(version)
    own = [network for network in plan.networks[name] if network.version == version]
    length = dice.pick(weights.LENGTHS4 if version == 4 else weights.LENGTHS6)
    if elsewhere and dice.chance(weights.AGAIN):
        text = dice.one(elsewhere)[1]
    elif own and dice.chance(weights.SECONDARY):
        network = dice.one(own)
        length = network.prefixlen
        text = str(_inside(dice, network))
    else:
        prefix = "fe80::/64"
        if profile != "link-local" or version == 4:
            prefix = dice.pick(weights.NETWORKS4 if version == 4 else weights.NETWORKS6)
        if name == "lo" and version == 4 and dice.chance(weights.LOOPBACK_ON_LO):
            prefix = "127.0.0.0/8"
        network = ip_network(prefix)
        base = _inside(dice, network)
        if version == 6 and dice.chance(0.6):  # few bits set, as people number hosts
            base = ip_address(int(network.network_address) | dice.bits(16) << 64 | dice.bits(6))
        text = str(base)
    if not _usable(text):
        text = "10.9.9.9" if version == 4 else "2001:db8:9::9"
    row: dict[str, Any] = {"address": f"{text}/{length}"}
    if dice.chance(weights.PEER4 if version == 4 else weights.PEER6):
        far = ip_address(int(ip_address(text)) ^ 1 << dice.number(0, 7))
        if _usable(str(far)) and far.version == version:
            length = bits if dice.chance(0.8) else length
            row = {"address": f"{text}/{length}", "peer": f"{far}/{length}"}
    flags = dice.flags(weights.FLAGS4 if version == 4 else weights.FLAGS6)
    if version == 6 and name != "lo":
        flags += [flag for flag in [dice.pick(weights.DETECTION6)] if flag]
    if flags:
        row["flags"] = flags
    # a secondary address has to have its primary's scope: given only where there is none
    if version == 4 and length == 32 and not own:
        scope = dice.pick(weights.SCOPES4)
        if scope is not None:
            row["scope"] = scope
    return row


def _inside(dice: Dice, network: IPv4Network | IPv6Network) -> Any:
    width = network.max_prefixlen - network.prefixlen
    return network[dice.bits(width)]


def _usable(text: str) -> bool:
    address = ip_address(text)
    if address.is_unspecified or address.is_multicast or text in ("127.0.0.1", "::1"):
        return False
    if address.version == 4:
        return 0 < int(address) >> 24 < 224
    return int(address) >> 32 != 0xFFFF


def _draw_routes(dice: Dice, plan: _Plan, profile: str) -> list[dict[str, Any]]:
    routes: list[dict[str, Any]] = []
    versions = [4] if profile == "ipv4" else [6] if profile == "ipv6" else [4, 6]
    for version in versions:
        if dice.chance(weights.DEFAULT4 if version == 4 else weights.DEFAULT6):
            routes += _way(dice, plan, version, "0.0.0.0/0" if version == 4 else "::/0")
    for _ in range(dice.pick(weights.MORE_ROUTES)):
        version = dice.one(versions)
        to = str(_draw_prefix(dice, plan, version))
        kind = dice.pick(weights.ROUTE_TYPES)
        if kind == "unicast":
            more = _way(dice, plan, version, to)
            if more and dice.chance(weights.MULTIPATH):
                several = _several_ways(dice, plan, version, to)
                more = [several] if len(several["nexthops"]) > 1 else more
            elif version == 6 and more and dice.chance(weights.BY_SOURCE):
                more[0]["source"] = str(_draw_prefix(dice, plan, 6))
        else:
            more = [{"to": to, "type": kind}]
            if kind in ("local", "broadcast", "multicast"):
                more[0]["dev"] = dice.one([name for name in plan.interfaces if _is_up(plan, name)]
                                          or ["lo"])  # fmt: skip
        for route in more:
            own = _sources(plan, version)
            if (
                own
                and "nexthops" not in route
                and kind == "unicast"
                and dice.chance(weights.PREFERRED_SOURCE)
            ):
                route["from"] = dice.one(own)
            connected = {str(each) for networks in plan.networks.values() for each in networks}
            if dice.chance(weights.METRIC) or to in connected:
                route["metric"] = dice.number(1, 1024)
            key = route["to"], route.get("metric")
            if all((each["to"], each.get("metric")) != key for each in routes):
                routes.append(route)
    return routes


def _sources(plan: _Plan, version: int) -> list[str]:
    """What the kernel takes as a preferred source: of global scope, and not tentative."""
    return [
        row["address"].partition("/")[0]
        for interface in plan.interfaces.values()
        for row in interface["addresses"]
        if (":" in row["address"]) == (version == 6)
        and not row["address"].startswith("fe")
        and not {"tentative", "optimistic"} & set(row.get("flags", ()))
    ]


def _is_up(plan: _Plan, name: str) -> bool:
    return plan.interfaces[name].get("up") is not False


def _draw_prefix(dice: Dice, plan: _Plan, version: int) -> IPv4Network | IPv6Network:
    own = plan.own(version)
    table = weights.NETWORKS4 if version == 4 else weights.NETWORKS6
    address = dice.one(own)[1] if own and dice.chance(0.6) else None
    if address is None:
        return ip_network(dice.pick(table))
    length = dice.pick(weights.LENGTHS4 if version == 4 else weights.LENGTHS6)
    near = int(ip_address(address)) ^ 1 << dice.number(0, _BITS[version] // 2)
    chosen = IPv4Network if version == 4 else IPv6Network
    return chosen((near, length), strict=False)


def _way(dice: Dice, plan: _Plan, version: int, to: str) -> list[dict[str, Any]]:
    """A route by a gateway of one of the host's networks or to a device; none if nothing fits."""
    links = [name for name in plan.interfaces if name != "lo" and _is_up(plan, name)]
    if not links:
        return []
    dev = dice.one(links)
    networks = [
        network
        for network in plan.networks[dev]
        if network.version == version and 2 <= network.max_prefixlen - network.prefixlen <= 64
    ]
    if networks and dice.chance(weights.DEFAULT_VIA):
        network = dice.one(networks)
        gateway = str(network[-2])
        if gateway not in {address for _, address in plan.own(version)} and _usable(gateway):
            return [{"to": to, "via": gateway, "dev": dev}]
    return [{"to": to, "dev": dev}]


def _several_ways(dice: Dice, plan: _Plan, version: int, to: str) -> dict[str, Any]:
    hops: list[dict[str, Any]] = []
    for _ in range(dice.number(2, 4)):
        for way in _way(dice, plan, version, to):
            del way["to"]
            # the kernel takes no hop twice, and no IPv6 hop that is only a device
            if way["dev"] in {hop["dev"] for hop in hops} or (version == 6 and "via" not in way):
                continue
            hops.append({**way, "weight": dice.number(1, 3)})
    return {"to": to, "nexthops": hops}


def _draw_rules(dice: Dice, plan: _Plan, routes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Routing rules, and perhaps routes for the tables they name."""
    rules: list[dict[str, Any]] = []
    for number in range(dice.number(1, 3)):
        version = dice.one((4, 6))
        rule: dict[str, Any] = {"priority": 100 + number}
        side = dice.one(("from", "to"))
        rule[side] = str(_draw_prefix(dice, plan, version))
        if dice.chance(0.5):
            rule["type"] = dice.one(("unreachable", "blackhole", "prohibit"))
        else:
            rule["table"] = dice.one((254, 255, 100, 100))
            if rule["table"] == 100:
                routes += [{**way, "table": 100} for way in _way(
                    dice, plan, version, str(_draw_prefix(dice, plan, version))
                )]  # fmt: skip
        if dice.chance(0.15):
            rule["not"] = True
        rules.append(rule)
    return rules

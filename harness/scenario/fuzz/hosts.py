"""Random hosts: interfaces, addresses, routes, rules and sysctls, as a scenario file has them."""

from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from pydantic import ValidationError

from ..host import Host
from ..values import IPNetwork, as_interface
from . import weights
from .weights import Dice

Row = dict[str, Any]
"""An address, a route or a rule in a scenario file's words."""
_EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}


def draw_host(dice: Dice) -> Host:
    """A host; its kernel accepts it (`Host` has checked what can be checked beforehand)."""
    profile = dice.pick(weights.PROFILES)
    plan = _Plan(dice, profile)
    for number in range(dice.pick(weights.INTERFACES)):
        plan.draw_interface(f"eth{number}")
    if dice.chance(weights.ON_LO):
        plan.draw_interface("lo")
    sysctls = dice.flags(weights.SYSCTLS)
    if profile == "ipv4" and dice.chance(weights.NO_IPV6):
        sysctls.append("net.ipv6.conf.all.disable_ipv6=1")
    document: dict[str, Any] = {
        "interfaces": plan.interfaces,
        "sysctls": dict(text.split("=") for text in sysctls),
    }
    routes = plan.draw_routes()
    rules = plan.draw_rules(routes) if dice.chance(weights.RULES) else []
    if dice.chance(weights.LABEL_ROWS):
        document["addrlabels"] = [
            {"prefix": "::/0", "label": 1},
            {"prefix": dice.one(("fd00::/8", "2001:db8::/32", "2002::/16")), "label": 7},
        ]
    return _accepted(document, routes, rules)


def _accepted(document: dict[str, Any], routes: list[Row], rules: list[Row]) -> Host:
    """The host with those routes and rules that are consistent with it."""
    rows_given = {"routes": routes, "rules": rules} if routes or rules else {}
    with suppress(ValidationError):  # most often all of them: each depends on those before it alone
        return Host.model_validate(document | rows_given)
    kept: dict[str, list[Row]] = {"routes": [], "rules": []}
    host = Host.model_validate(document)
    for key, rows in (("routes", routes), ("rules", rules)):
        for row in rows:
            kept[key].append(row)
            try:
                host = Host.model_validate({**document, **kept})
            except ValidationError:
                kept[key].pop()
    return host


class _Plan:
    """A host while it is drawn; ``networks`` are those an interface is in."""

    def __init__(self, dice: Dice, profile: str) -> None:
        self.dice = dice
        self.profile = profile
        self.interfaces: dict[str, dict[str, Any]] = {}
        self.networks: dict[str, list[IPNetwork]] = {}

    def rows(self, version: int) -> list[Row]:
        """Every address of a family."""
        return [
            row
            for interface in self.interfaces.values()
            for row in interface["addresses"]
            if (":" in row["address"]) == (version == 6)
        ]

    def own(self, version: int) -> list[str]:
        """The addresses of a family without their lengths."""
        return [_bare(row) for row in self.rows(version)]

    def is_up(self, name: str) -> bool:
        return self.interfaces[name].get("up") is not False

    def draw_interface(self, name: str) -> None:
        dice = self.dice
        rows: list[Row] = []
        self.interfaces[name] = {"addresses": rows}
        self.networks[name] = []
        if name != "lo":
            self.interfaces[name]["kind"] = dice.pick(weights.KINDS)
            if dice.chance(weights.DOWN):
                self.interfaces[name]["up"] = False
            if dice.chance(weights.MANY_NAMES):
                self.interfaces[name]["altnames"] = [f"{name}-{n:0120}" for n in range(54)]
        taken: set[str] = set()
        for _ in range(dice.pick(weights.ADDRESSES)):
            if len(self.rows(4)) + len(self.rows(6)) == weights.MOST_ADDRESSES:
                break
            row = self._draw_address(name)
            key = _bare(row) if ":" in row["address"] else row["address"]
            if key in taken or (":" in key and not self.is_up(name)):
                continue  # the kernel takes no IPv6 address of an interface that is down
            taken.add(key)
            rows.append(row)
            if "noprefixroute" not in row.get("flags", ()) and self.is_up(name):
                near = row.get("peer") or row["address"]
                self.networks[name].append(as_interface(near).network)

    def _draw_address(self, name: str) -> Row:
        dice, profile = self.dice, self.profile
        if profile in ("ipv4", "ipv6"):
            version = int(profile[-1])
        else:
            version = 4 if dice.chance(0.6 if profile == "link-local" else 0.45) else 6
        elsewhere = self.own(version)
        own = [network for network in self.networks[name] if network.version == version]
        length = dice.pick(weights.LENGTHS[version])
        if elsewhere and dice.chance(weights.AGAIN):
            text = dice.one(elsewhere)
        elif own and dice.chance(weights.SECONDARY):
            network = dice.one(own)
            length = network.prefixlen
            text = _inside(dice, network)
        else:
            prefix = "fe80::/64"
            if profile != "link-local" or version == 4:
                prefix = dice.pick(weights.NETWORKS[version])
            if name == "lo" and version == 4 and dice.chance(weights.LOOPBACK_ON_LO):
                prefix = "127.0.0.0/8"
            network = ip_network(prefix)
            text = _inside(dice, network)
            if version == 6 and dice.chance(0.6):  # few bits set, as people number hosts
                low = dice.getrandbits(16) << 64 | dice.getrandbits(6)
                text = str(ip_address(int(network.network_address) | low))
        if not _usable(text):
            text = "10.9.9.9" if version == 4 else "2001:db8:9::9"
        row: Row = {"address": f"{text}/{length}"}
        if dice.chance(weights.PEER[version]):
            far = ip_address(int(ip_address(text)) ^ 1 << dice.randint(0, 7))
            if _usable(str(far)) and far.version == version:
                length = far.max_prefixlen if dice.chance(0.8) else length
                row = {"address": f"{text}/{length}", "peer": f"{far}/{length}"}
        flags = dice.flags(weights.FLAGS_OF_ADDRESSES[version])
        if version == 6 and name != "lo":
            flags += filter(None, [dice.pick(weights.DETECTION6)])
        if flags:
            row["flags"] = flags
        # a secondary address has to have its primary's scope: given only where there is none
        if version == 4 and length == 32 and not own:
            scope = dice.pick(weights.SCOPES4)
            if scope is not None:
                row["scope"] = scope
        return row

    def draw_routes(self) -> list[Row]:
        dice = self.dice
        routes: list[Row] = []
        versions = {"ipv4": [4], "ipv6": [6]}.get(self.profile, [4, 6])
        for version in versions:
            if dice.chance(weights.DEFAULT[version]):
                routes += self._ways(version, _EVERYTHING[version])
        connected = {str(each) for networks in self.networks.values() for each in networks}
        for _ in range(dice.pick(weights.MORE_ROUTES)):
            version = dice.one(versions)
            to = str(self._draw_prefix(version))
            for route in self._draw_kind(version, to):
                own = self._sources(version)
                unicast = "type" not in route and "nexthops" not in route
                if own and unicast and dice.chance(weights.PREFERRED_SOURCE):
                    route["from"] = dice.one(own)
                if dice.chance(weights.METRIC) or to in connected:
                    route["metric"] = dice.randint(1, 1024)
                key = route["to"], route.get("metric")
                if all((each["to"], each.get("metric")) != key for each in routes):
                    routes.append(route)
        return routes

    def _draw_kind(self, version: int, to: str) -> list[Row]:
        """A route of some type; none if nothing fits."""
        dice = self.dice
        kind = dice.pick(weights.ROUTE_TYPES)
        if kind != "unicast":
            route = {"to": to, "type": kind}
            if kind in ("local", "broadcast", "multicast"):
                route["dev"] = dice.one([*filter(self.is_up, self.interfaces)] or ["lo"])
            return [route]
        ways = self._ways(version, to)
        if ways and dice.chance(weights.MULTIPATH):
            hops = self._hops(version, to)
            return [{"to": to, "nexthops": hops}] if len(hops) > 1 else ways
        if version == 6 and ways and dice.chance(weights.BY_SOURCE):
            ways[0]["source"] = str(self._draw_prefix(6))
        return ways

    def _sources(self, version: int) -> list[str]:
        """What the kernel takes as a preferred source: of global scope, and not tentative."""
        return [
            _bare(row)
            for row in self.rows(version)
            if not row["address"].startswith("fe")
            and not {"tentative", "optimistic"} & set(row.get("flags", ()))
        ]

    def _draw_prefix(self, version: int) -> IPNetwork:
        dice, own = self.dice, self.own(version)
        address = dice.one(own) if own and dice.chance(0.6) else None
        if address is None:
            return ip_network(dice.pick(weights.NETWORKS[version]))
        length = dice.pick(weights.LENGTHS[version])
        near = int(ip_address(address)) ^ 1 << dice.randint(0, 16 if version == 4 else 64)
        return (IPv4Network if version == 4 else IPv6Network)((near, length), strict=False)

    def _ways(self, version: int, to: str) -> list[Row]:
        """A route by a gateway of one of the host's networks or to a device; none without one."""
        dice = self.dice
        links = [name for name in self.interfaces if name != "lo" and self.is_up(name)]
        if not links:
            return []
        dev = dice.one(links)
        networks = [
            network
            for network in self.networks[dev]
            if network.version == version and 2 <= network.max_prefixlen - network.prefixlen <= 64
        ]
        if networks and dice.chance(weights.DEFAULT_VIA):
            gateway = str(dice.one(networks)[-2])
            if gateway not in self.own(version) and _usable(gateway):
                return [{"to": to, "via": gateway, "dev": dev}]
        return [{"to": to, "dev": dev}]

    def _hops(self, version: int, to: str) -> list[Row]:
        hops: list[Row] = []
        for _ in range(self.dice.randint(2, 4)):
            for way in self._ways(version, to):
                del way["to"]
                # the kernel takes no hop twice, and no IPv6 hop that is only a device
                known = way["dev"] in {hop["dev"] for hop in hops}
                if not known and (version == 4 or "via" in way):
                    hops.append({**way, "weight": self.dice.randint(1, 3)})
        return hops

    def draw_rules(self, routes: list[Row]) -> list[Row]:
        """Routing rules, and perhaps routes for the tables they name."""
        dice = self.dice
        rules: list[Row] = []
        for number in range(dice.randint(1, 3)):
            version = dice.one((4, 6))
            side = dice.one(("from", "to"))
            rule: Row = {"priority": 100 + number, side: str(self._draw_prefix(version))}
            if dice.chance(0.5):
                rule["type"] = dice.one(("unreachable", "blackhole", "prohibit"))
            else:
                rule["table"] = dice.one((254, 255, 100, 100))
                if rule["table"] == 100:
                    ways = self._ways(version, str(self._draw_prefix(version)))
                    routes += [{**way, "table": 100} for way in ways]
            if dice.chance(0.15):
                rule["not"] = True
            rules.append(rule)
        return rules


def _bare(row: Row) -> str:
    text: str = row["address"]
    return text.partition("/")[0]


def _inside(dice: Dice, network: IPNetwork) -> str:
    return str(network[dice.getrandbits(network.max_prefixlen - network.prefixlen)])


def _usable(text: str) -> bool:
    address = ip_address(text)
    if address.is_unspecified or address.is_multicast or text in ("127.0.0.1", "::1"):
        return False
    if address.version == 4:
        return 0 < int(address) >> 24 < 224
    return int(address) >> 32 != 0xFFFF

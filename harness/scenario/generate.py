"""Random but valid scenarios from a seed: the base of the fuzzer and of round-trip tests.

Pure and seeded: the same seed and weights give the same scenario on every machine and in
every process. What is rare and what is common is data (`Weights`), so that a fuzzer can
lean towards what it wants to see more of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from random import Random
from types import MappingProxyType
from typing import Any

from .schema import Scenario

Data = dict[str, Any]
Network = IPv4Network | IPv6Network

_KINDS = MappingProxyType(
    {
        "ethernet": 60, "sit": 7, "tunnel": 7, "tunnel6": 7,
        "bridge": 4, "bond": 3, "vlan": 3, "macvlan": 2, "wireguard": 4, "tun": 3,
    }
)  # fmt: skip
# the networks that hosts and destinations live in, so that all the tables' rows are met
_NETWORKS4 = MappingProxyType(
    {
        "10.0.0.0/8": 6, "172.16.0.0/12": 4, "192.168.0.0/16": 4, "169.254.0.0/16": 1,
        "192.0.2.0/24": 3, "198.51.100.0/24": 2, "203.0.113.0/24": 2, "198.18.0.0/15": 2,
        "100.64.0.0/10": 1,
    }
)  # fmt: skip
_NETWORKS6 = MappingProxyType(
    {
        "2001:db8::/32": 10, "3fff::/20": 4, "fd00::/8": 4, "fec0::/16": 1, "fe80::/64": 3,
        "2002::/16": 2, "2001::/32": 2, "64:ff9b::/96": 1,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Weights:
    """How likely things are: chances from 0 to 1, and relative weights of choices.

    ``lookups`` how many names a scenario has at most, ``destinations`` how many addresses
    a name has at most.
    """

    ipv4_only: float = 0.15
    ipv6_only: float = 0.1
    interfaces: int = 4
    addresses: int = 4
    flag: float = 0.2
    peer: float = 0.1
    duplicate: float = 0.1
    scope: float = 0.06
    metric: float = 0.06
    down: float = 0.05
    own_loopback: float = 0.1
    default_route: float = 0.85
    more_routes: float = 0.5
    unreachable: float = 0.25
    multipath: float = 0.1
    rules: float = 0.3
    addrlabels: float = 0.1
    sysctls: float = 0.2
    gai_conf: float = 0.5
    dns: float = 0.0
    lookups: int = 2
    destinations: int = 7
    near: float = 0.5
    kinds: Mapping[str, int] = field(default_factory=lambda: _KINDS)
    networks4: Mapping[str, int] = field(default_factory=lambda: _NETWORKS4)
    networks6: Mapping[str, int] = field(default_factory=lambda: _NETWORKS6)


def generate(seed: int, weights: Weights = Weights()) -> Scenario:
    """A random scenario.

    Parameters: ``seed`` any number; ``weights`` what is likely. Raises nothing: whatever
    comes out is valid.
    """
    return _Making(Random(f"gai-harness {seed}"), weights).scenario(seed)


def _length(route: Data) -> int:
    return int(route["to"].partition("/")[2])


class _Making:
    """One scenario in the making."""

    def __init__(self, random: Random, weights: Weights) -> None:
        self.random = random
        self.weights = weights
        self.versions: tuple[int, ...] = (4, 6)
        self.interfaces: dict[str, Data] = {}
        self.scopes: dict[Network, str] = {}
        self.own: list[tuple[str, str, Network]] = []  # interface, address, network

    def scenario(self, seed: int) -> Scenario:
        roll = self.random.random()
        if roll < self.weights.ipv4_only:
            self.versions = (4,)
        elif roll < self.weights.ipv4_only + self.weights.ipv6_only:
            self.versions = (6,)
        for number in range(self.random.randint(1, self.weights.interfaces)):
            self._interface(f"if{number}")
        if self._chance(self.weights.own_loopback):
            self._loopback()
        host: Data = {"interfaces": self.interfaces, "routes": self._routes()}
        if self._chance(self.weights.rules):
            host["rules"] = self._rules(host["routes"])
        if self._chance(self.weights.addrlabels):
            host["addrlabels"] = self._labels()
        if self._chance(self.weights.sysctls):
            host["sysctls"] = self._sysctls()
        names = {
            f"name{number}": self._destinations()
            for number in range(self.random.randint(1, self.weights.lookups))
        }
        raw: Data = {
            "name": f"generated-{seed}",
            "host": host,
            "names": names,
            "lookups": [{"name": name} for name in names],
        }
        if self._chance(self.weights.gai_conf):
            raw["gai_conf"] = self._gai_conf()
        if self._chance(self.weights.dns):
            raw["resolver"] = "dns"
            raw["dns"] = {"first_reply": self.random.choice(["A", "AAAA"])}
        return Scenario.model_validate(raw)

    def _chance(self, chance: float) -> bool:
        return self.random.random() < chance

    def _pick(self, table: Mapping[str, int]) -> str:
        return self.random.choices(list(table), list(table.values()))[0]

    def _network(self, version: int) -> Network:
        """A network of a likely length inside one of the well-known ones."""
        if version == 4:
            wide4 = IPv4Network(self._pick(self.weights.networks4))
            length = max(self.random.choice((8, 12, 16, 20, 24, 24, 24, 28, 30, 31, 32)),
                         wide4.prefixlen)  # fmt: skip
            return IPv4Network((self._inside(wide4), length), strict=False)
        wide6 = IPv6Network(self._pick(self.weights.networks6))
        length = max(self.random.choice((32, 48, 56, 64, 64, 64, 64, 96, 112, 127, 128)),
                     wide6.prefixlen)  # fmt: skip
        return IPv6Network((self._inside(wide6), length), strict=False)

    def _inside(self, network: Network) -> str:
        """A unicast address in a network, not one the kernel keeps for itself."""
        size = network.num_addresses
        offset = self.random.randrange(size) if self._chance(0.5) else self.random.randrange(
            min(size, 64)
        )  # fmt: skip
        if size > 2:
            offset = min(max(offset, 1), size - 2)
        return str(network[offset])

    def _interface(self, name: str) -> None:
        weights = self.weights
        data: Data = {"kind": self._pick(weights.kinds), "addresses": []}
        if self._chance(weights.down):
            data["up"] = False
        seen: dict[str, Network] = {}
        for _ in range(self.random.randint(0, weights.addresses)):
            address = self._address(name, seen)
            if address is not None:
                data["addresses"].append(address)
        self.interfaces[name] = data
        if data.get("up", True):
            self.own += [(name, text, network) for text, network in seen.items()]

    def _address(self, name: str, seen: dict[str, Network]) -> Data | None:
        weights = self.weights
        if self.own and self._chance(weights.duplicate):
            _, text, network = self.random.choice(self.own)
        else:
            version = self.random.choice(self.versions)
            same = [each for each in seen.values() if each.version == version]
            network = self.random.choice(same) if same and self._chance(0.4) else self._network(
                version
            )  # fmt: skip
            text = self._inside(network)
        if text in seen:
            return None
        seen[text] = network
        version = network.version
        data: Data = {"address": f"{text}/{network.prefixlen}"}
        if version == 4 and self._chance(weights.peer):
            data = {"address": f"{text}/32", "peer": f"{self._inside(self._network(4))}/32"}
        flags = ["deprecated", "noprefixroute"]
        if version == 6:
            flags += ["home", "optimistic", "tentative", "temporary", "nodad"]
        if self._chance(weights.flag):
            data["flags"] = [self.random.choice(flags)]
        if version == 4:
            # one for all addresses of a network: the kernel refuses a second one
            scope = self.random.choice(["link", "host", "site"])
            scope = self.scopes.setdefault(network, scope if self._chance(weights.scope) else "")
            if scope:
                data["scope"] = scope
        if self._chance(weights.metric):
            data["metric"] = self.random.randint(1, 5000)
        if version == 4 and self._chance(0.1):
            data["label"] = f"{name}:{self.random.randint(0, 9)}"
        return data

    def _loopback(self) -> None:
        listed: list[str] = []
        for version in self.versions:
            text = self._inside(self._network(version))
            listed.append(f"{text}/{32 if version == 4 else 128}")
        self.interfaces["lo"] = {"addresses": listed}

    def _gateways(self, version: int) -> list[tuple[str, str]]:
        """Interfaces that are up, with a gateway in one of their networks."""
        return [
            (name, self._inside(network))
            for name, _, network in self.own
            if network.version == version
            and network.num_addresses > 2
            and not (version == 6 and network.is_link_local)
            and not any(  # the kernel wants a gateway on one link only
                other != name and each.version == version and each.overlaps(network)
                for other, _, each in self.own
            )
        ]

    def _way(self, version: int) -> Data | None:
        gateways = self._gateways(version)
        up = [name for name, each in self.interfaces.items() if each.get("up", True)]
        up = [name for name in up if name != "lo"]
        if gateways and self._chance(0.8):
            dev, via = self.random.choice(gateways)
            if via in {text for _, text, _ in self.own}:
                return {"dev": dev}
            return {"via": via, "dev": dev, "on-link": True}
        return {"dev": self.random.choice(up)} if up else None

    def _routes(self) -> list[Data]:
        routes: list[Data] = []
        for version in self.versions:
            everywhere = "0.0.0.0/0" if version == 4 else "::/0"
            if self._chance(self.weights.default_route):
                self._add_route(routes, everywhere, version)
            if self._chance(self.weights.more_routes):
                for _ in range(self.random.randint(1, 4)):
                    self._add_route(routes, str(self._network(version)), version)
        return self._in_order(routes)

    def _in_order(self, routes: list[Data]) -> list[Data]:
        """Wider ones first, without those whose gateway another one would lead elsewhere."""
        kept: list[Data] = []
        for route in sorted(routes, key=lambda each: ("via" in each, _length(each))):
            gateway = route.get("via")
            if gateway is None or not any(
                _length(each) and ip_address(gateway) in ip_network(each["to"]) for each in kept
            ):
                kept.append(route)
        return kept

    def _add_route(
        self, routes: list[Data], to: str, version: int, table: int | None = None
    ) -> None:
        data: Data = {"to": to}
        if to[-2:] != "/0" and self._chance(self.weights.unreachable):
            data["type"] = self.random.choice(["unreachable", "blackhole", "prohibit", "throw"])
        else:
            way = self._way(version)
            if way is None:
                return
            other = self._way(version)
            several = other is not None and other != way and "via" in way and "via" in other
            if several and self._chance(self.weights.multipath):
                data["nexthops"] = [way, other]
            else:
                data |= way
        data["metric"] = self.random.randint(2, 4000)  # never that of a route the kernel makes
        if table is not None:
            data["table"] = table
        if all((each["to"], each["metric"]) != (to, data["metric"]) for each in routes):
            routes.append(data)

    def _rules(self, routes: list[Data]) -> list[Data]:
        rules: list[Data] = []
        for number in range(self.random.randint(1, 3)):
            version = self.random.choice(self.versions)
            rule: Data = {"priority": 100 + number, "family": "inet" if version == 4 else "inet6"}
            own = [text for _, text, net in self.own if net.version == version]
            roll = self.random.random()
            if roll < 0.4 and own:
                rule["from"] = f"{self.random.choice(own)}/{32 if version == 4 else 128}"
            elif roll < 0.8:
                rule["to"] = str(self._network(version))
            if self._chance(0.2):
                rule["not"] = True
                rule["fwmark"] = f"{self.random.randint(1, 99):#x}"
            if self._chance(0.2):
                rule["type"] = self.random.choice(["unreachable", "prohibit", "nop"])
            elif self._chance(0.1):
                rule |= {"table": 254, "suppress_prefixlength": 0}
            else:
                rule["table"] = 100 + number
                everywhere = "0.0.0.0/0" if version == 4 else "::/0"
                self._add_route(routes, everywhere, version, 100 + number)
            rules.append(rule)
        routes[:] = self._in_order(routes)
        return rules

    def _labels(self) -> list[Data]:
        rows: Data = {"::/0": 1, "::1/128": 0, "::ffff:0:0/96": 4, "fc00::/7": 5, "2002::/16": 2}
        for _ in range(self.random.randint(1, 3)):
            rows[str(self._network(6))] = self.random.randint(1, 20)
        return [{"prefix": prefix, "label": label} for prefix, label in rows.items()]

    def _sysctls(self) -> Data:
        name = self.random.choice([name for name in self.interfaces if name != "lo"])
        table: Sequence[Data] = (
            {"net.ipv6.bindv6only": "1"},
            {f"net.ipv6.conf.{name}.use_tempaddr": "2"},
            {"net.ipv4.fib_multipath_hash_policy": "0", "net.ipv6.conf.all.forwarding": "1"},
            {f"net.ipv6.conf.{name}.use_oif_addrs_only": "1"},
        )
        return dict(self.random.choice(table))

    def _destinations(self) -> list[str]:
        """Addresses near the host's own, anywhere, and now and then the host's own."""
        found: list[str] = []
        for _ in range(self.random.randint(2, self.weights.destinations)):
            version = self.random.choice((4, 6)) if self._chance(0.1) else self.random.choice(
                self.versions
            )  # fmt: skip
            own = [(text, net) for _, text, net in self.own if net.version == version]
            if own and self._chance(self.weights.near):
                text, network = self.random.choice(own)
                found.append(self._neighbour(text, network))
            else:
                found.append(self._inside(self._network(version)))
        return found

    def _neighbour(self, text: str, network: Network) -> str:
        """An address that shares some leading bits with an own one."""
        bits = network.max_prefixlen
        address = IPv4Address(text) if bits == 32 else IPv6Address(text)
        shared = self.random.randint(min(network.prefixlen, bits - 1), bits)
        if self._chance(0.4):
            shared = self.random.randint(8, bits)
        low = self.random.getrandbits(bits - shared) if shared < bits else 0
        value = (int(address) >> (bits - shared) << (bits - shared)) | low
        made = IPv4Address(value) if bits == 32 else IPv6Address(value)
        usable = not (made.is_multicast or made.is_unspecified or int(made) >> (bits - 8) == 0)
        return str(made) if usable else text

    def _gai_conf(self) -> str:
        lines: list[str] = []
        for _ in range(self.random.randint(1, 5)):
            word = self.random.choice(["label", "precedence", "precedence", "scopev4"])
            if word == "scopev4":
                prefix = str(self._network(4))
                value = self.random.choice([2, 5, 14])
            else:
                prefix = self.random.choice(
                    ["::/0", "::ffff:0:0/96", "2002::/16", "::1/128", str(self._network(6)),
                     str(self._network(6)), f"::ffff:{self._network(4)[0]}/112"]
                )  # fmt: skip
                value = self.random.choice([1, 2, 3, 10, 35, 40, 45, 100])
            lines.append(f"{word} {prefix} {value}")
        return "\n".join(lines) + "\n"

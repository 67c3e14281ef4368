"""A snapshot that can be shown in public and still decides as the host did.

Addresses go through `address_map`, names become host1, host2 …, interface names stay only
where they say nothing. Prefix lengths, flags, kinds, metrics, tables, marks and values stay.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_interface, ip_network
from itertools import count
from typing import Any

from pydantic import ValidationError

from harness.live.address_map import AddressMap, IPNetwork, RedactionError, address_map
from harness.live.said import Data, Name, Said, SaidAddress, SaidLink, literal
from harness.model.addresses import inet_pton4, inet_pton6
from harness.model.dns import sortlist_pair
from harness.model.dns_servers import ascii_lower
from harness.model.gaiconf import line_words
from harness.model.host import IPAddress, address_text
from harness.model.myhostname import knows
from harness.scenario import Scenario
from harness.scenario.values import IFNAMSIZ

_GENERIC = re.compile(
    r"lo|(?:eth|en[ops]|wlan|wl[ops]|ww|br|bond|docker|virbr|veth|tun|tap|wg|sit|tunl|ip6tnl|gre"
    r"|dummy|ifb|macvlan|vlan|vrf|if)[0-9]{1,4}(?:s[0-9]{1,3})?(?:f[0-9])?"
)
_NO_NAMES = ("", "lo", "all", "default")
_HIDDEN = "…"
# words of a hosts line: those of services that everybody may have, and of conditions, stay
_SERVICES = re.compile(r"[^\s\[\]=!]+")
_USUAL = re.compile(
    "files|dns|nss|myhostname|resolve|mymachines|mdns[46]?(?:_minimal)?|compat|nis|"
    "(?i:success|notfound|unavail|tryagain|return|continue|merge)"
)
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}")
_SYSCTL = re.compile(r"(net\.ipv[46]\.(?:conf|neigh)\.)(.+)(\.[a-z0-9_]+)")


@dataclass(frozen=True, slots=True)
class Redacted:
    """A redacted scenario, what to say of it, and the map the addresses went through."""

    scenario: Scenario
    notes: tuple[str, ...]
    map: AddressMap


class _Seen:
    """Stands for the map where only what it would be asked for is wanted."""

    def __init__(self) -> None:
        self.addresses: list[IPAddress] = []
        self.networks: list[IPNetwork] = []

    def address(self, address: IPAddress) -> IPAddress:
        self.addresses.append(address)
        return address

    def network(self, network: IPNetwork) -> IPNetwork:
        self.networks.append(network)
        return network


def redact(scenario: Scenario, key: bytes, left_out: Sequence[Said] = ()) -> Redacted:
    """Take what identifies a host out of its scenario, one that `snapshot` made.

    ``key`` are secret random bytes: whoever has them can find the addresses again; ``left_out``
    is the scenario's, with the host's texts apart: a scenario's own is not taken over, as nobody
    knows what is in it. Raises RedactionError for a host whose addresses no map keeps apart.
    """
    seen = _Seen()
    _Redaction(scenario, seen).data(())
    host = [each for one in scenario.host.interfaces.values() for each in one.addresses]
    if not any(
        each.ip.version == 4 and each.scope in (None, "global") and not each.ip.is_loopback
        for each in host
    ):
        seen.addresses.append(IPv4Address(0))  # then the kernel's source for IPv4
    own = [ip_interface(each.peer or each.address).network for each in host]
    # glibc finds a source in a sorted table by bisection, and which of two equal rows it meets
    # first depends on everything around them: where one is there twice, all keep their order
    table = [each.ip if each.peer_ip is None else each.peer_ip for each in host]
    ascending = table if len(set(table)) < len(table) else []
    made = address_map(seen.addresses, seen.networks, own, key, ascending)
    notes = (
        "Names and addresses are replaced. Prefix lengths, common prefixes, scopes, labels "
        "and precedences are those of the real ones, so every rule decides as on the host.",
        *made.notes,
    )
    try:
        copy = Scenario.model_validate(_Redaction(scenario, made).data(left_out))
    except ValidationError:
        raise RedactionError("this host has no copy with other names and addresses") from None
    return Redacted(copy, notes, made)


def _entry(text: str) -> tuple[IPAddress, int] | None:
    """The address and length of a gai.conf prefix; a strange length counts as a whole address."""
    head, _, length = text.partition("/")
    address: IPAddress | None = inet_pton6(head) or inet_pton4(head)
    if address is None:
        return None
    # an empty length is /0 up to glibc 2.40, so it says nothing of its address
    bits = int(length) if length.isdecimal() and len(length) < 4 else address.max_prefixlen
    return address, min(bits, address.max_prefixlen)


def _stem(name: str) -> str:
    """A name as most services compare it: neither upper case nor a final dot makes another."""
    return ascii_lower(name).removesuffix(".")


class _Redaction:
    def __init__(self, scenario: Scenario, made: AddressMap | _Seen) -> None:
        self._scenario = scenario
        self._map = made
        service = scenario.name_service
        search = () if service is None else service.resolv_conf.search
        self._domains = {one: f"domain{number}" for number, one in enumerate(search, 1)}
        ends = {f".{_stem(one)}": f".{new}" for one, new in self._domains.items()}
        looked_up = [each.name for each in scenario.lookups if each.name is not None]
        named = [*scenario.names, *(name for name in looked_up if literal(name) is None)]
        self._known: dict[str, str] = {}  # what stands for a name, by its `_stem`
        hosts = count(1)
        for stem in map(_stem, named):
            own = stem == _stem(scenario.host.hostname)
            if scenario.asks("myhostname") and not own and knows(stem, ""):
                # it answers these, which tell nothing, and no other names
                new = f"host{next(hosts)}.localhost" if "." in stem else stem
                self._known.setdefault(stem, new)
                continue
            # a name and what a search domain makes of it stay the same name
            end = max((end for end in ends if stem.endswith(end)), key=len, default="")
            begun = stem.removesuffix(end)
            new = self._known.get(begun) or self._known.setdefault(begun, f"host{next(hosts)}")
            for domain, other in ends.items():
                self._known.setdefault(begun + domain, new + other)
        self._names = {name: self._spelled(name) for name in named}
        self._links: dict[str, str] = {}
        taken = {name for name in scenario.host.interfaces if _GENERIC.fullmatch(name)}
        for name, interface in scenario.host.interfaces.items():
            stem = "eth" if interface.kind == "ethernet" else interface.kind[:9]
            free = (f"{stem}{number}" for number in count())
            new = name
            if not _GENERIC.fullmatch(name):
                new = next(each for each in free if each not in (name, *taken))
            taken.add(new)
            self._links[name] = new

    def data(self, left_out: Sequence[Said]) -> Data:
        """The scenario's copy, as a file has it."""
        data = self._scenario.model_dump(by_alias=True, exclude_defaults=True, mode="json")
        data["name"] = "redacted"
        data["host"] = self._host(data.get("host", {}))
        if "names" in data:
            data["names"] = {
                self._names[name]: [self._zoned(text) for text in texts]
                for name, texts in data["names"].items()
            }
        if "name_service" in data:
            self._name_service(data["name_service"])
        if isinstance(data.get("gai_conf"), str):
            data["gai_conf"] = self._gai_conf(data["gai_conf"])
        for lookup in data["lookups"]:
            name = lookup.get("name")
            if name is not None:
                lookup["name"] = self._names.get(name) or self._zoned(name)
            lookup.pop("after", None)
            # an order would tell addresses; that nobody knows a name tells nothing
            expect = [one for one in lookup.pop("expect", ()) if "error" in one]
            lookup |= {"expect": expect} if expect else {}
        data["left_out"] = [each.told(self._told) for each in left_out]
        data["description"] = "A host as it was, its names and addresses replaced."
        return data

    def _name_service(self, service: Data) -> None:
        """Replace what the services say of names, and services that have names of their own."""
        lines = [line.split() for line in service.get("files", ())]
        if lines:
            service["files"] = [
                " ".join((self._plain(address), *map(self._name, names)))
                for address, *names in lines
            ]
        conf = service.get("resolv_conf", {})
        if "search" in conf:
            conf["search"] = [*self._domains.values()]
        if "sortlist" in conf:
            conf["sortlist"] = [*self._sortlist(conf["sortlist"])]
        servers = service.get("dns", ())
        for table in (service.get("nss", {}), *(each.get("names", {}) for each in servers)):
            self._table(table, lambda texts: [self._zoned(text) for text in texts])
        for each in servers:
            self._table(each.get("aliases", {}), self._name)
            self._table(each.get("replies", {}), lambda words: words)
        if service.get("nsswitch"):
            service["nsswitch"] = _SERVICES.sub(
                lambda word: word[0] if _USUAL.fullmatch(word[0]) else "other", service["nsswitch"]
            )

    def _sortlist(self, entries: Iterable[str]) -> Iterator[str]:
        """Entries with the replaced networks; without those in which no address can be."""
        for address, mask in filter(None, map(sortlist_pair, entries)):
            bits = mask.bit_count()
            if not address & ~mask and mask == (1 << bits) - 1 << (32 - bits):
                network = self._map.network(IPv4Network((address, bits)))
                yield network.with_netmask

    def _table(self, table: Data, change: Callable[[Any], Any]) -> None:
        new = {self._name(name): change(each) for name, each in table.items()}
        table.clear()
        table |= new

    def _name(self, name: str) -> str:
        """What stands for a name, whether it is looked up or not; upper case is no other name."""
        new = self._known.setdefault(_stem(name), f"alias{len(self._known) + 1}")
        return new + "." * name.endswith(".")

    def _spelled(self, name: str) -> str:
        """The same for a name that is looked up or the host's own: for some, upper case is."""
        new = self._name(name) if _stem(name) in self._known else "host0"
        return new if name == ascii_lower(name) else new.upper()

    def _host(self, host: Data) -> Data:
        if "hostname" in host:
            host["hostname"] = self._spelled(host["hostname"])
        interfaces: Data = {}
        for name, interface in host.get("interfaces", {}).items():
            new = self._links[name]
            if "interfaces" in interface:
                interface["interfaces"] = [self._links[each] for each in interface["interfaces"]]
            for number, address in enumerate(interface.get("addresses", ())):
                self._words(address)
                if "label" in address:
                    address["label"] = f"{new}:{number}"[: IFNAMSIZ - 1]
            interfaces[new] = interface
        host["interfaces"] = interfaces
        routes, labels = host.get("routes", ()), host.get("addrlabels") or ()
        hops = [hop for route in routes for hop in route.get("nexthops", ())]
        for each in (*routes, *hops, *host.get("rules", ()), *labels):
            self._words(each)
        if "sysctls" in host:
            host["sysctls"] = {self._sysctl(key): each for key, each in host["sysctls"].items()}
        return host

    def _words(self, each: Data) -> None:
        """Replace what a part of the host says of addresses and interfaces."""
        replace: dict[str, Callable[[str], str]] = {
            "address": self._with_length, "peer": self._with_length, "prefix": self._prefix,
            "to": self._prefix, "source": self._prefix, "via": self._plain,
            "from": self._prefix if "priority" in each else self._plain,
            "dev": self._link, "iif": self._link, "oif": self._link,
        }  # fmt: skip
        for word, change in replace.items():
            if word in each:
                each[word] = change(each[word])

    def _link(self, name: str) -> str:
        """The new name; of an interface that is not there, one that none has."""
        if name in _NO_NAMES or name.isdecimal():
            return name
        if name not in self._links:
            free = (f"if{number}" for number in count())
            self._links[name] = next(new for new in free if new not in self._links.values())
        return self._links[name]

    def _plain(self, text: str) -> str:
        return address_text(self._map.address(literal(text) or ip_address(text)))

    def _with_length(self, text: str) -> str:
        address, _, length = text.partition("/")
        return f"{self._plain(address)}/{length}"

    def _prefix(self, text: str) -> str:
        return text if text == "default" else str(self._map.network(ip_network(text, strict=False)))

    def _zoned(self, text: str) -> str:
        address, percent, zone = text.partition("%")
        return self._plain(address) + percent + self._link(zone)

    def _sysctl(self, key: str) -> str:
        found = _SYSCTL.fullmatch(key)
        return key if found is None else f"{found[1]}{self._link(found[2])}{found[3]}"

    def _gai_conf(self, text: str) -> str:
        """Every line with its effect in every glibc, without comments and words glibc ignores."""
        raw = text.encode("utf-8", "surrogatepass").split(b"\n")
        lines = [" ".join(self._conf_words(line_words(line))) for line in raw]
        return "".join(f"{line}\n" for line in lines if line)

    def _conf_words(self, words: list[str]) -> list[str]:
        if not words or words[0] not in ("label", "precedence", "scopev4", "reload"):
            return []
        if words[0] == "reload":
            return ["reload", "yes" if words[1:2] == ["yes"] else "no"]
        kept = [words[0]]
        if len(words) > 1:
            kept.append(self._conf_prefix(words[1]))
        if len(words) > 2:
            kept.append(words[2] if _NUMBER.fullmatch(words[2]) else "x")
        return kept

    def _conf_prefix(self, text: str) -> str:
        head, slash, length = text.partition("/")
        entry = _entry(text)
        length = length if not length or _NUMBER.fullmatch(length) else "x"
        if entry is None:
            return f"x{slash}{length}"
        address, bits = entry
        network = ip_network(f"{address}/{bits}", strict=False)
        image = self._map.network(network).network_address
        # a prefix of the default tables keeps its spelling
        return f"{head if image == address else address_text(image)}{slash}{length}"

    def _told(self, text: str) -> str:
        """What stands for a text of the host's in a sentence about it."""
        if isinstance(text, SaidLink):
            return self._links.get(text, text if text in _NO_NAMES else _HIDDEN)
        if isinstance(text, Name):
            return self._names.get(text, _HIDDEN)
        if not isinstance(text, SaidAddress):
            return _HIDDEN
        try:
            return self._prefix(text) if "/" in text else self._zoned(text)
        except ValueError:
            return _HIDDEN

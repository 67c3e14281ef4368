"""Draws from one seeded source, and what is drawn how often, as data.

The odds are chosen so that every rule, trap, dialect row and kind of gai.conf line decides
often; `gai-harness fuzz` counts them and says what it left out.
"""

import random
from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal, TypeVar

from harness.model.dns import Status
from harness.model.dns_servers import Record, State, Word
from harness.model.services import Action, Kind

from ..nameservice import ResolverOption
from ..schema import Family, Resolver, SockType

T = TypeVar("T")


class Dice(random.Random):
    """The same draws for a seed's text on every machine and in every Python."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        # by the identity of the table, which is kept here so that no other one can have it
        self._known: dict[int, tuple[Mapping[Any, float], list[Any], list[float]]] = {}

    def pick(self, weights: Mapping[T, float]) -> T:
        """One item of a table of weights, which never changes."""
        known = self._known.get(id(weights))
        if known is None:
            known = self._known[id(weights)] = weights, [*weights], [*accumulate(weights.values())]
        _, items, sums = known
        found: T = items[bisect(sums, self.random() * sums[-1], 0, len(sums) - 1)]
        return found

    def one(self, items: Sequence[T]) -> T:
        """One of ``items``, each as likely. Raises IndexError for none."""
        return items[int(self.random() * len(items))]

    def several(self, items: Sequence[T], count: int) -> list[T]:
        """``count`` of ``items``, with repetition."""
        return self.choices(items, k=count) if items else []

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """``items`` in random order."""
        copy = list(items)
        self.shuffle(copy)
        return copy

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.random() < probability

    def flags(self, odds: Mapping[T, float]) -> list[T]:
        """The keys that came up, each with its own probability."""
        random = self.random
        return [flag for flag, probability in odds.items() if random() < probability]


# which families a host has; "link-local" is IPv4 with fe80:: alone
PROFILES = {"dual": 62, "ipv4": 14, "ipv6": 10, "link-local": 14}
INTERFACES = {1: 20, 2: 34, 3: 22, 4: 10, 5: 6, 6: 4, 7: 2, 8: 2}
KINDS = {"ethernet": 76, "sit": 9, "tunnel": 7, "tunnel6": 8}
ADDRESSES = {0: 5, 1: 26, 2: 33, 3: 20, 4: 9, 6: 4, 9: 2, 14: 1}
MOST_ADDRESSES = 40

# by IP version
NETWORKS = {4: {
    "10.0.0.0/8": 20, "172.16.0.0/12": 20, "192.168.0.0/16": 18, "169.254.0.0/16": 8,
    "100.64.0.0/10": 4, "203.0.113.0/24": 10, "198.18.0.0/15": 8, "127.0.0.0/8": 5, "8.0.0.0/7": 6,
}, 6: {
    "2001:db8::/32": 30, "2a00::/12": 12, "fd00::/8": 14, "fc00::/8": 3, "fe80::/64": 16,
    "fec0::/10": 8, "2002::/16": 8, "2001::/32": 6, "64:ff9b::/96": 2, "::/96": 2,
}}  # fmt: skip
LENGTHS = {
    4: {24: 34, 16: 12, 8: 6, 20: 6, 25: 6, 28: 8, 30: 5, 31: 4, 32: 12, 29: 3, 12: 2, 1: 1, 0: 1},
    6: {64: 50, 128: 16, 48: 8, 56: 5, 96: 5, 112: 4, 127: 4, 126: 3, 10: 2, 32: 2, 0: 1},
}
FLAGS_OF_ADDRESSES = {
    4: {"deprecated": 0.14, "nodad": 0.03, "noprefixroute": 0.05},
    6: {"deprecated": 0.14, "home": 0.09, "noprefixroute": 0.05, "temporary": 0.04},
}
DETECTION6 = {"": 84, "optimistic": 8, "nodad": 4, "tentative": 4}
SCOPES4 = {None: 92, "link": 5, "host": 1, "site": 2}
PEER = {4: 0.10, 6: 0.05}
AGAIN = 0.16  # an address of another interface once more
SECONDARY = 0.30  # a further address in a network the interface is in already
DOWN = 0.04
ON_LO = 0.20
LOOPBACK_ON_LO = 0.6

DEFAULT = {4: 0.72, 6: 0.78}
DEFAULT_VIA = 0.6  # through a gateway, else straight to the device
MORE_ROUTES = {0: 34, 1: 26, 2: 20, 3: 12, 5: 8}
ROUTE_TYPES = {
    "unicast": 58, "unreachable": 16, "blackhole": 8, "prohibit": 8, "throw": 3, "local": 4,
    "broadcast": 2, "multicast": 1,
}  # fmt: skip
PREFERRED_SOURCE = 0.3
METRIC = 0.3
RULES = 0.10
MULTIPATH = 0.04
BY_SOURCE = 0.06
NO_IPV6 = 0.25
NETLINK: dict[Literal["allowed", "refused"], float] = {"allowed": 97, "refused": 3}
MANY_NAMES = 0.03  # of the interfaces, whose row of the link dump then does not fit into a page
LABEL_ROWS = 0.05
SYSCTLS = {
    "net.ipv6.bindv6only=1": 0.16, "net.ipv4.ip_nonlocal_bind=1": 0.02,
    "net.ipv4.ip_forward=1": 0.02, "net.ipv6.conf.all.forwarding=1": 0.03,
    "net.ipv6.conf.default.use_tempaddr=2": 0.04, "net.ipv4.conf.all.route_localnet=1": 0.03,
}  # fmt: skip

RESOLVERS: dict[Resolver, float] = {"nss": 76, "nss_by_family": 6, "files": 14, "dns": 4}
# for resolvers that ask no module of nsswitch.conf, and read no gai.conf
PLAIN_RESOLVERS: dict[Resolver, float] = {"files": 40, "dns": 60}
PLAIN_KINDS: dict[Kind, float] = {"files": 35, "dns": 60, "missing": 5}
LOOKUPS_A_NAME = 12
FIRST_REPLIES: dict[Record, float] = {"A": 50, "AAAA": 50}
NAMES = 40
ANSWERS = {
    1: 4, 2: 17, 3: 15, 4: 13, 5: 10, 6: 9, 7: 7, 8: 7, 10: 5, 12: 4, 16: 4, 24: 2, 32: 1.5,
    48: 0.8, 64: 0.6, 300: 0.1,
}  # fmt: skip
# how one name's addresses are chosen
MIXES = {"any": 40, "one-family": 14, "neighbours": 24, "alternating": 14, "repeated": 8}
# per interface address: what is tried as a destination
NEAR = {
    "itself": 10, "in-subnet": 26, "one-bit": 34, "outside": 14, "broadcast": 4, "network": 2,
    "peer": 10,
}  # fmt: skip
DESTINATIONS = {  # written out: what no host needs to be near to
    "127.0.0.1": 2, "127.0.0.7": 3, "0.0.0.0": 1, "255.255.255.255": 1, "224.0.0.5": 1,
    "169.254.9.9": 3, "10.77.1.1": 3, "172.20.1.1": 3, "192.168.77.7": 3, "93.184.216.34": 4,
    "203.0.113.200": 3, "100.64.9.9": 1, "::1": 3, "::": 1, "::ffff:192.0.2.9": 2,
    "::ffff:127.0.0.1": 1, "::7": 2, "::192.0.2.7": 2, "2001:db8:ffff::9": 4, "2a00:1450::5": 4,
    "2002:c000:201::9": 4, "2001:0:4136::9": 3, "fec0:0:0:9::9": 3, "fd77::9": 3, "fc77::9": 2,
    "64:ff9b::c000:201": 2, "fe80::9": 2, "ff02::9": 1, "ff05::9": 1, "ff0e::9": 1, "ff01::9": 0.5,
    "3ffe::9": 1,
}  # fmt: skip
MIXED_IN = 18  # of those, per host
NEARBY = 60  # destinations drawn near the host's own addresses
ZONES = {"own": 74, "other": 12, "missing": 8, "none": 6}

FAMILIES: dict[Family | int, float] = {"unspec": 78, "inet": 10, "inet6": 12, 1: 0.3, -1: 0.1}
NO_HINTS = 0.03
SOCKTYPES: dict[SockType, float] = {
    "stream": 54, "any": 22, "dgram": 14, "raw": 5, "seqpacket": 3, "dccp": 2,
}  # fmt: skip
PROTOCOLS = {0: 88, 6: 3, 17: 2, 262: 4, 132: 1, 136: 1, 33: 1}
FLAGS = {
    "AI_PASSIVE": 0.02, "AI_CANONNAME": 0.05, "AI_NUMERICHOST": 0.01, "AI_V4MAPPED": 0.07,
    "AI_ALL": 0.05, "AI_ADDRCONFIG": 0.10, "AI_IDN": 0.01, "AI_NUMERICSERV": 0.02,
    "AI_IDN_ALLOW_UNASSIGNED": 0.005, "AI_IDN_USE_STD3_ASCII_RULES": 0.005, "0x800": 0.004,
}  # fmt: skip
SERVICES = {
    None: 80, "": 1, "discard": 2, "syslog": 1, "http": 5, "443": 5, "domain": 2, "70000": 1,
    "-1": 1, "+80": 1, "nosuch": 1, "0": 1, "4294967376": 1.5,
    "18446744073709551616": 0.5, "9999999999999999999999": 1,
}  # fmt: skip
SPELLINGS = {"as-is": 93, "upper": 3, "dot": 2, "unknown": 1, "numeric": 1}
# in the hosts file alone: for any other name some ask DNS, where nobody answers for a second
PLAIN_SPELLINGS = {"as-is": 96, "numeric": 3.9, "unknown": 0.1}

LOOKUPS_A_ROUND = 20
ROUNDS = 14

# whole name services: of so many batches the one of that number
SERVICES_EVERY, SERVICES_AT = 9, 7
PARTS = 6  # name services on a host
LOOKUPS_A_PART = 60
SORTED = 0.3  # of them with a gai.conf
SERVICE_NAMES = 12  # of them in each domain
CHAIN = {1: 22, 2: 44, 3: 24, 4: 10}
KINDS_ASKED: dict[Kind, float] = {
    "files": 30, "dns": 52, "nss": 12, "nss_by_family": 6, "missing": 5,
}  # fmt: skip
OWN_KIND: dict[Kind, float] = {"myhostname": 12}
OWN = 0.5  # of the look-ups where it is asked, for a name of its own: the host's, or one of these
OWN_NAME = 40
OWN_NAMES = {"_gateway": 20, "_outbound": 20, "localhost": 10, "x.localhost": 5}
ACTED = 0.4  # of the services
CRITERIA = {1: 72, 2: 22, 3: 6}
STATUSES: dict[Status, float] = {"SUCCESS": 42, "NOTFOUND": 38, "UNAVAIL": 10, "TRYAGAIN": 10}
ACTIONS: dict[Action, float] = {"return": 44, "continue": 32, "merge": 24}
NEGATED = 0.15
MULTI = 0.6
HOSTS_LINES = {0: 5, 6: 30, 18: 45, 40: 20}
ALIASES = {0: 58, 1: 24, 2: 12, 3: 6}  # of a line
KNOWN = 0.6  # of all names, to a service but the hosts file
SERVED = {1: 34, 2: 24, 3: 16, 4: 10, 6: 8, 9: 4, 24: 3, 64: 1}  # addresses of a name
MOST_CNAMES = 6
CNAMES = 0.4  # of the names that a DNS server has no address of
SERVERS = {1: 62, 2: 28, 3: 10}
SPECIAL = 0.3  # names of which a DNS server says something else
WORDS_SAID: dict[Word | None, float] = {
    None: 30, "nxdomain": 12, "nodata": 14, "servfail": 12, "refused": 8, "formerr": 6,
    "unrelated": 6, "truncated": 8, "lame": 4,
}  # fmt: skip
ALWAYS: dict[State | None, float] = {
    None: 86, "closed": 4, "servfail": 3, "refused": 3, "lame": 2, "nxdomain": 1, "truncated": 1,
}  # fmt: skip
FIRSTS: dict[Record | None, float] = {None: 60, "A": 20, "AAAA": 20}
DOMAINS = "corp.test", "a.corp.test", "example", "one.two.test"
SEARCHED = {0: 30, 1: 36, 2: 24, 3: 10}
NDOTS = {1: 66, 0: 8, 2: 16, 3: 10}
ATTEMPTS = {2: 70, 1: 20, 3: 10}
RESOLVER_OPTIONS: dict[ResolverOption, float] = {
    "single-request": 0.12, "no-aaaa": 0.14, "edns0": 0.25, "rotate": 0.05, "use-vc": 0.06,
    "strict-error": 0.15,
}  # fmt: skip
NO_HOSTS_FILE = 0.05
NO_HOSTS_LINE = 0.04
MISNAMED = 0.3  # of the name services
SEARCH_REPLACED = 0.2  # of the search lines
SORTED_BY = {0: 88, 1: 6, 2: 4, 4: 2}  # entries of sortlist
NETMASKS = {"": 30, "/255.0.0.0": 20, "/255.255.0.0": 20, "/255.255.255.0": 20, "/24": 5, "/0": 5}
SERVICE_FAMILIES: dict[Family | int, float] = {"unspec": 50, "inet": 26, "inet6": 24}
SERVICE_FLAGS = {"AI_CANONNAME": 0.2, "AI_V4MAPPED": 0.15, "AI_ALL": 0.12, "AI_ADDRCONFIG": 0.04}
MORE_FLAGS: dict[tuple[str, ...], float] = {
    (): 86, ("AI_CANONNAME", "AI_V4MAPPED", "AI_ALL"): 11, ("AI_CANONIDN",): 3,
}  # fmt: skip
SERVICE_SPELLINGS = {"as-is": 86, "upper": 5, "dot": 5, "unknown": 4}

# gai.conf files that change between two look-ups of a process
CHANGING = 0.15  # of the rounds
REMOVED = 0.3  # of the changes
CHANGES = {1: 20, 2: 30, 4: 30, 8: 20}
MTIMES: dict[Literal["newer", "older", "same-second", "same"], float] = {
    "newer": 30, "older": 15, "same-second": 20, "same": 35,
}  # fmt: skip
RELOADS = {"reload yes": 93, "reload no": 2, "reload": 1, None: 4}

# whole gai.conf files
FILES = {"none": 7, "empty": 1, "tie": 20, "few": 30, "whole": 14, "nearly-valid": 19, "hostile": 9}
VALUES = {
    "0": 5, "1": 10, "2": 8, "4": 8, "5": 8, "10": 10, "14": 5, "30": 6, "35": 4, "40": 12, "50": 8,
    "100": 10, "2147483647": 3,
}  # fmt: skip
ODD_VALUES = {
    "2147483648": 10, "-1": 8, "+5": 10, "-18446744073709551611": 8, "18446744073709551615": 5,
    "18446744073709551616": 5, "4294967301": 5, "99999999999999999999999999": 4, "0x10": 5,
    "007": 8, "5x": 6, "ten": 3, "5.0": 3, "--5": 3, "- 5": 3, "+": 2, "-0": 4, "\uff15": 2,
}  # fmt: skip
ODD_LENGTHS = {
    "129": 10, "33": 10, "-1": 6, "+48": 10, "048": 8, "4294967344": 4, "18446744073709551664": 4,
    "-18446744073709551568": 6, "0x30": 4, "64x": 6, "96/96": 3, "95": 8, "200000": 3,
}  # fmt: skip
PREFIXES6 = {
    "::1/128": 5, "::/0": 14, "2002::/16": 5, "::/96": 4, "::ffff:0:0/96": 22, "fec0::/10": 4,
    "fc00::/7": 5, "2001::/32": 4, "fe80::/10": 3, "2000::/3": 3, "::ffff:10.0.0.0/104": 3,
    "::ffff:172.16.0.0/108": 3, "own": 40,
}  # fmt: skip
PREFIXES4 = {
    "10.0.0.0/8": 14, "172.16.0.0/12": 14, "192.168.0.0/16": 10, "169.254.0.0/16": 6,
    "127.0.0.0/8": 6, "0.0.0.0/0": 12, "::ffff:10.0.0.0/104": 5, "::ffff:0.0.0.0/96": 5, "own": 36,
}  # fmt: skip
KEYWORDS = {"precedence": 46, "label": 34, "scopev4": 20}
# a line that is not valid, or that glibc reads otherwise than it looks
ODDITIES = {
    "{keyword} {prefix} {odd_value}": 14, "{keyword} {address}/{odd_length} {value}": 14,
    "{keyword} {prefix}": 10, "{keyword} {address}/ {value}": 9, "{keyword} {address} {value}": 7,
    "{unknown_keyword} {prefix} {value}": 5, "{six_keyword} 10.0.0.0/8 {value}": 7,
    "scopev4 fe80::/10 {value}": 5, "scopev4 ::ffff:10.0.0.0/{short} {value}": 6,
    "{keyword} {no_address} {value}": 5, "{keyword} {prefix} {value} {rest}": 8,
    "{keyword} {prefix} {value}#{number}": 6, "#{keyword} {prefix} {value}": 5, "{blank}": 3,
    " \t{keyword}\t {prefix}  \t{value} ": 6, "{keyword} {host_bits} {value}": 8,
    "{keyword} {prefix} {value}\n{keyword} {prefix} {other_value}": 8, "reload yes": 5,
    "{reload}": 2, "{keyword} fe80::1%eth0/64 {value}": 3,
}  # fmt: skip
WORDS: dict[str, Mapping[str, float]] = {
    "odd_value": ODD_VALUES, "odd_length": ODD_LENGTHS, "other_value": VALUES,
    "unknown_keyword": dict.fromkeys(("Precedence", "prefer", "labels", "scope"), 1),
    "six_keyword": dict.fromkeys(("label", "precedence"), 1),
    "no_address": dict.fromkeys(("here", "10.0.0/8", "1:2", "::g/0", "/0"), 1),
    "rest": dict.fromkeys(("9", "and more", "# 9"), 1),
    "blank": dict.fromkeys(("", "  ", "\t"), 1),
    "reload": dict.fromkeys(("reload no", "reload", "reload yes no", "reload Yes"), 1),
}  # fmt: skip
HOSTILITIES = {
    "nul": 22,
    "{keyword}{blanks}{prefix}" + "\t" * 99 + " {value}\n": 12,
    "{keyword} {prefix} {zeros}{value}\n": 10, "{keyword} {prefix} {value} {word}\n{line}\n": 10,
    "{line}": 22, "carriage-returns": 12, "{keyword}\v{prefix}\f{value}\n": 8,
    "{keyword}\u00a0{prefix} {value}\n{keyword} {prefix} {value}\u00e9\n": 8, "many-lines": 4,
}  # fmt: skip
NO_NEWLINE = 0.12

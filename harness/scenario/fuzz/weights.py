"""What is drawn how often, as data. The odds are chosen so that every rule, trap, dialect row
and kind of gai.conf line decides often; `gai-harness fuzz` counts them and says what it left out.
"""

from __future__ import annotations

from typing import Literal

from ..schema import Family, SockType

# which families a host has; "link-local" is IPv4 with fe80:: alone
PROFILES = (("dual", 62.0), ("ipv4", 14.0), ("ipv6", 10.0), ("link-local", 14.0))
INTERFACES = ((1, 20.0), (2, 34.0), (3, 22.0), (4, 10.0), (5, 6.0), (6, 4.0), (7, 2.0), (8, 2.0))
KINDS = (("ethernet", 76.0), ("sit", 9.0), ("tunnel", 7.0), ("tunnel6", 8.0))
ADDRESSES = ((0, 5.0), (1, 26.0), (2, 33.0), (3, 20.0), (4, 9.0), (6, 4.0), (9, 2.0), (14, 1.0))
MOST_ADDRESSES = 40

NETWORKS4 = (
    ("10.0.0.0/8", 20.0), ("172.16.0.0/12", 20.0), ("192.168.0.0/16", 18.0),
    ("169.254.0.0/16", 8.0), ("100.64.0.0/10", 4.0), ("203.0.113.0/24", 10.0),
    ("198.18.0.0/15", 8.0), ("127.0.0.0/8", 5.0), ("8.0.0.0/7", 6.0),
)  # fmt: skip
NETWORKS6 = (
    ("2001:db8::/32", 30.0), ("2a00::/12", 12.0), ("fd00::/8", 14.0), ("fc00::/8", 3.0),
    ("fe80::/64", 16.0), ("fec0::/10", 8.0), ("2002::/16", 8.0), ("2001::/32", 6.0),
    ("64:ff9b::/96", 2.0), ("::/96", 2.0),
)  # fmt: skip
LENGTHS4 = (
    (24, 34.0), (16, 12.0), (8, 6.0), (20, 6.0), (25, 6.0), (28, 8.0), (30, 5.0), (31, 4.0),
    (32, 12.0), (29, 3.0), (12, 2.0), (1, 1.0), (0, 1.0),
)  # fmt: skip
LENGTHS6 = (
    (64, 50.0), (128, 16.0), (48, 8.0), (56, 5.0), (96, 5.0), (112, 4.0), (127, 4.0), (126, 3.0),
    (10, 2.0), (32, 2.0), (0, 1.0),
)  # fmt: skip
FLAGS4 = {"deprecated": 0.14, "nodad": 0.03, "noprefixroute": 0.05}
FLAGS6 = {"deprecated": 0.14, "home": 0.09, "noprefixroute": 0.05, "temporary": 0.04}
DETECTION6 = (("", 84.0), ("optimistic", 8.0), ("nodad", 4.0), ("tentative", 4.0))
SCOPES4 = ((None, 92.0), ("link", 5.0), ("host", 1.0), ("site", 2.0))
PEER4, PEER6 = 0.10, 0.05
AGAIN = 0.16  # an address of another interface once more
SECONDARY = 0.30  # a further address in a network the interface is in already
DOWN = 0.04
ON_LO = 0.20
LOOPBACK_ON_LO = 0.6

DEFAULT4, DEFAULT6 = 0.72, 0.78
DEFAULT_VIA = 0.6  # through a gateway, else straight to the device
MORE_ROUTES = ((0, 34.0), (1, 26.0), (2, 20.0), (3, 12.0), (5, 8.0))
ROUTE_TYPES = (
    ("unicast", 58.0), ("unreachable", 16.0), ("blackhole", 8.0), ("prohibit", 8.0),
    ("throw", 3.0), ("local", 4.0), ("broadcast", 2.0), ("multicast", 1.0),
)  # fmt: skip
PREFERRED_SOURCE = 0.3
METRIC = 0.3
RULES = 0.10
MULTIPATH = 0.04
BY_SOURCE = 0.06
NO_IPV6 = 0.25
LABEL_ROWS = 0.05
SYSCTLS = {
    "net.ipv6.bindv6only=1": 0.16,
    "net.ipv4.ip_nonlocal_bind=1": 0.02,
    "net.ipv4.ip_forward=1": 0.02,
    "net.ipv6.conf.all.forwarding=1": 0.03,
    "net.ipv6.conf.default.use_tempaddr=2": 0.04,
    "net.ipv4.conf.all.route_localnet=1": 0.03,
}

RESOLVERS: tuple[tuple[Literal["nss", "files", "dns"], float], ...] = (
    ("nss", 82.0), ("files", 14.0), ("dns", 4.0),
)  # fmt: skip
FIRST_REPLIES: tuple[tuple[Literal["A", "AAAA"], float], ...] = (("A", 50.0), ("AAAA", 50.0))
NAMES = 40
ANSWERS = (
    (1, 4.0), (2, 17.0), (3, 15.0), (4, 13.0), (5, 10.0), (6, 9.0), (7, 7.0), (8, 7.0),
    (10, 5.0), (12, 4.0), (16, 4.0), (24, 2.0), (32, 1.5), (48, 0.8), (64, 0.6),
    (300, 0.1),
)  # fmt: skip
# how one name's addresses are chosen
MIXES = (
    ("any", 40.0), ("one-family", 14.0), ("neighbours", 24.0), ("alternating", 14.0),
    ("repeated", 8.0),
)  # fmt: skip
# per interface address: what is tried as a destination
NEAR = (
    ("itself", 10.0), ("in-subnet", 26.0), ("one-bit", 34.0), ("outside", 14.0), ("broadcast", 4.0),
    ("network", 2.0), ("peer", 10.0),
)  # fmt: skip
DESTINATIONS = (  # written out: what no host needs to be near to
    ("127.0.0.1", 2.0), ("127.0.0.7", 3.0), ("0.0.0.0", 1.0), ("255.255.255.255", 1.0),
    ("224.0.0.5", 1.0), ("169.254.9.9", 3.0), ("10.77.1.1", 3.0), ("172.20.1.1", 3.0),
    ("192.168.77.7", 3.0), ("93.184.216.34", 4.0), ("203.0.113.200", 3.0), ("100.64.9.9", 1.0),
    ("::1", 3.0), ("::", 1.0), ("::ffff:192.0.2.9", 2.0), ("::ffff:127.0.0.1", 1.0),
    ("::7", 2.0), ("::192.0.2.7", 2.0), ("2001:db8:ffff::9", 4.0), ("2a00:1450::5", 4.0),
    ("2002:c000:201::9", 4.0), ("2001:0:4136::9", 3.0), ("fec0:0:0:9::9", 3.0),
    ("fd77::9", 3.0), ("fc77::9", 2.0), ("64:ff9b::c000:201", 2.0), ("fe80::9", 2.0),
    ("ff02::9", 1.0), ("ff05::9", 1.0), ("ff0e::9", 1.0), ("ff01::9", 0.5), ("3ffe::9", 1.0),
)  # fmt: skip
MIXED_IN = 18  # of those, per host
NEARBY = 60  # destinations drawn near the host's own addresses
ZONES = (("own", 74.0), ("other", 12.0), ("missing", 8.0), ("none", 6.0))

FAMILIES: tuple[tuple[Family, float], ...] = (
    ("unspec", 78.0), ("inet", 10.0), ("inet6", 12.0),
)  # fmt: skip
SOCKTYPES: tuple[tuple[SockType, float], ...] = (
    ("stream", 54.0), ("any", 22.0), ("dgram", 14.0), ("raw", 5.0), ("seqpacket", 3.0),
    ("dccp", 2.0),
)  # fmt: skip
PROTOCOLS = ((0, 88.0), (6, 3.0), (17, 2.0), (262, 4.0), (132, 1.0), (136, 1.0), (33, 1.0))
FLAGS = {
    "AI_PASSIVE": 0.02, "AI_CANONNAME": 0.05, "AI_NUMERICHOST": 0.01, "AI_V4MAPPED": 0.07,
    "AI_ALL": 0.05, "AI_ADDRCONFIG": 0.10, "AI_IDN": 0.01, "AI_NUMERICSERV": 0.02,
}  # fmt: skip
SERVICES = (
    (None, 80.0), ("http", 5.0), ("443", 5.0), ("domain", 2.0), ("70000", 1.0), ("-1", 1.0),
    ("+80", 1.0), ("nosuch", 1.0), ("0", 1.0), ("4294967376", 1.5), ("18446744073709551616", 0.5),
    ("9999999999999999999999", 1.0),
)  # fmt: skip
SPELLINGS = (("as-is", 93.0), ("upper", 3.0), ("dot", 2.0), ("unknown", 1.0), ("numeric", 1.0))

LOOKUPS_A_ROUND = 20
ROUNDS = 14

# whole gai.conf files
FILES = (
    ("none", 7.0), ("empty", 1.0), ("tie", 20.0), ("few", 30.0), ("whole", 14.0),
    ("nearly-valid", 19.0), ("hostile", 9.0),
)  # fmt: skip
VALUES = (
    ("0", 5.0), ("1", 10.0), ("2", 8.0), ("4", 8.0), ("5", 8.0), ("10", 10.0), ("14", 5.0),
    ("30", 6.0), ("35", 4.0), ("40", 12.0), ("50", 8.0), ("100", 10.0), ("2147483647", 3.0),
)  # fmt: skip
ODD_VALUES = (
    ("2147483648", 10.0), ("-1", 8.0), ("+5", 10.0), ("-18446744073709551611", 8.0),
    ("18446744073709551615", 5.0), ("18446744073709551616", 5.0), ("4294967301", 5.0),
    ("99999999999999999999999999", 4.0), ("0x10", 5.0), ("007", 8.0), ("5x", 6.0), ("ten", 3.0),
    ("5.0", 3.0), ("--5", 3.0), ("- 5", 3.0), ("+", 2.0), ("-0", 4.0), ("\uff15", 2.0),
)  # fmt: skip
ODD_LENGTHS = (
    ("129", 10.0), ("33", 10.0), ("-1", 6.0), ("+48", 10.0), ("048", 8.0), ("4294967344", 4.0),
    ("18446744073709551664", 4.0), ("-18446744073709551568", 6.0), ("0x30", 4.0), ("64x", 6.0),
    ("96/96", 3.0), ("95", 8.0), ("200000", 3.0),
)  # fmt: skip
PREFIXES6 = (
    ("::1/128", 5.0), ("::/0", 14.0), ("2002::/16", 5.0), ("::/96", 4.0), ("::ffff:0:0/96", 22.0),
    ("fec0::/10", 4.0), ("fc00::/7", 5.0), ("2001::/32", 4.0), ("fe80::/10", 3.0),
    ("2000::/3", 3.0), ("::ffff:10.0.0.0/104", 3.0), ("::ffff:172.16.0.0/108", 3.0),
    ("own", 40.0),
)  # fmt: skip
PREFIXES4 = (
    ("10.0.0.0/8", 14.0), ("172.16.0.0/12", 14.0), ("192.168.0.0/16", 10.0),
    ("169.254.0.0/16", 6.0), ("127.0.0.0/8", 6.0), ("0.0.0.0/0", 12.0),
    ("::ffff:10.0.0.0/104", 5.0), ("::ffff:0.0.0.0/96", 5.0), ("own", 36.0),
)  # fmt: skip
KEYWORDS = (("precedence", 46.0), ("label", 34.0), ("scopev4", 20.0))
# a line that is not valid, or that glibc reads otherwise than it looks
ODDITIES = (
    ("{keyword} {prefix} {odd_value}", 14.0), ("{keyword} {address}/{odd_length} {value}", 14.0),
    ("{keyword} {prefix}", 10.0), ("{keyword} {address}/ {value}", 9.0),
    ("{keyword} {address} {value}", 7.0), ("{unknown_keyword} {prefix} {value}", 5.0),
    ("{six_keyword} 10.0.0.0/8 {value}", 7.0), ("scopev4 fe80::/10 {value}", 5.0),
    ("scopev4 ::ffff:10.0.0.0/{short} {value}", 6.0), ("{keyword} {no_address} {value}", 5.0),
    ("{keyword} {prefix} {value} {rest}", 8.0), ("{keyword} {prefix} {value}#{number}", 6.0),
    ("#{keyword} {prefix} {value}", 5.0), ("{blank}", 3.0),
    (" \t{keyword}\t {prefix}  \t{value} ", 6.0), ("{keyword} {host_bits} {value}", 8.0),
    ("{keyword} {prefix} {value}\n{keyword} {prefix} {other_value}", 8.0), ("reload yes", 5.0),
    ("{reload}", 2.0), ("{keyword} fe80::1%eth0/64 {value}", 3.0),
)  # fmt: skip
WORDS = {
    "odd_value": ODD_VALUES, "odd_length": ODD_LENGTHS, "other_value": VALUES,
    **{word: tuple((text, 1.0) for text in texts) for word, texts in (
        ("unknown_keyword", ("Precedence", "prefer", "labels", "scope")),
        ("six_keyword", ("label", "precedence")),
        ("no_address", ("here", "10.0.0/8", "1:2", "::g/0", "/0")),
        ("rest", ("9", "and more", "# 9")), ("blank", ("", "  ", "\t")),
        ("reload", ("reload no", "reload", "reload yes no", "reload Yes")),
    )},
}  # fmt: skip
HOSTILITIES = (
    ("nul", 22.0), ("{keyword}{blanks}{prefix}" + "\t" * 99 + " {value}\n", 12.0),
    ("{keyword} {prefix} {zeros}{value}\n", 10.0),
    ("{keyword} {prefix} {value} {word}\n{line}\n", 10.0), ("{line}", 22.0),
    ("carriage-returns", 12.0), ("{keyword}\v{prefix}\f{value}\n", 8.0),
    ("{keyword}\u00a0{prefix} {value}\n{keyword} {prefix} {value}\u00e9\n", 8.0),
    ("many-lines", 4.0),
)  # fmt: skip
NO_NEWLINE = 0.12

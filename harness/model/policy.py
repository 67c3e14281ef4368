"""The policy: label, precedence and scope tables (RFC 3484 §2.1, gai.conf(5))."""

from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network
from typing import Self

from harness.model.addresses import as_ipv6_int
from harness.model.dialects import Dialect
from harness.model.dialects import dialect as dialect_of
from harness.model.gaiconf import GaiConf, Line, PrefixEntry, parse_gai_conf
from harness.model.host import IPAddress

GLOBAL_SCOPE = 14
SITE_LOCAL_SCOPE = 5
LINK_LOCAL_SCOPE = 2
_SCOPES_OF_IPV6 = {0x3FA: LINK_LOCAL_SCOPE, 0x3FB: SITE_LOCAL_SCOPE}  # fe80::/10 and fec0::/10


def prefixes(*entries: tuple[str, int]) -> tuple[PrefixEntry, ...]:
    """Table rows from texts like ``("2002::/16", 2)``; raises ValueError for a bad prefix."""
    networks = [(ip_network(text), value) for text, value in entries]
    return tuple(
        PrefixEntry(int(one.network_address), one.prefixlen, value, one.max_prefixlen)
        for one, value in networks
    )


# RFC 3484 §2.1 plus glibc's own fec0::/10, fc00::/7 and 2001::/32: neither RFC 3484's
# table nor RFC 6724's, in every version up to 2.44.
DEFAULT_LABELS = prefixes(
    ("::1/128", 0), ("::/96", 3), ("::ffff:0:0/96", 4), ("2001::/32", 7),
    ("2002::/16", 2), ("fec0::/10", 5), ("fc00::/7", 6), ("::/0", 1),
)  # fmt: skip
DEFAULT_PRECEDENCE = prefixes(
    ("::1/128", 50), ("::/96", 20), ("::ffff:0:0/96", 10), ("2002::/16", 30), ("::/0", 40)
)
DEFAULT_SCOPES = prefixes(
    ("169.254.0.0/16", LINK_LOCAL_SCOPE), ("127.0.0.0/8", LINK_LOCAL_SCOPE),
    ("0.0.0.0/0", GLOBAL_SCOPE),
)  # fmt: skip
# RFC 3484 §3.2 made private IPv4 addresses site-local; glibc did until 2.16.
SCOPES_WITH_SITE_LOCAL = prefixes(
    ("169.254.0.0/16", LINK_LOCAL_SCOPE), ("192.168.0.0/16", SITE_LOCAL_SCOPE),
    ("172.16.0.0/12", SITE_LOCAL_SCOPE), ("127.0.0.0/8", LINK_LOCAL_SCOPE),
    ("10.0.0.0/8", SITE_LOCAL_SCOPE), ("0.0.0.0/0", GLOBAL_SCOPE),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy:
    """The three tables in the order they are searched; the first match counts.

    ``undefined`` holds the gai.conf lines whose effect is undefined in this glibc: it
    may crash, ignore them or honour them (see `harness.model.gaiconf`).
    """

    labels: tuple[PrefixEntry, ...] = DEFAULT_LABELS
    precedence: tuple[PrefixEntry, ...] = DEFAULT_PRECEDENCE
    scopes: tuple[PrefixEntry, ...] = DEFAULT_SCOPES
    undefined: tuple[Line, ...] = ()

    @classmethod
    def default(cls, glibc: str, arch: str = "amd64") -> Self:
        """The policy of glibc ``glibc`` without any gai.conf."""
        return cls.from_gai_conf(None, glibc, arch)

    @classmethod
    def from_gai_conf(
        cls,
        text: str | bytes | None,
        glibc: str,
        arch: str = "amd64",
        *,
        honour_undefined: bool | frozenset[int] = False,
    ) -> Self:
        """The policy glibc ``glibc`` makes of a gai.conf.

        ``text`` is the file's content, None where there is no file. Lines with undefined
        behaviour are left out, or with ``honour_undefined`` taken as gai.conf(5) means them.

        >>> from ipaddress import ip_address
        >>> policy = Policy.from_gai_conf("precedence ::ffff:0:0/96 100", "2.44")
        >>> policy.precedence_of(ip_address("192.0.2.1")), policy.precedence_of(ip_address("::1"))
        (100, 40)
        """
        return cls.build(text, dialect_of(glibc, arch), honour_undefined=honour_undefined)

    @classmethod
    def build(
        cls,
        text: str | bytes | None,
        dialect: Dialect,
        *,
        honour_undefined: bool | frozenset[int] = False,
    ) -> Self:
        """As `from_gai_conf`, for a dialect."""
        conf = parse_gai_conf(text or b"", dialect, honour_undefined=honour_undefined)
        return cls.of(conf, dialect)

    @classmethod
    def of(cls, conf: GaiConf, dialect: Dialect) -> Self:
        """The policy of a gai.conf that has been parsed for ``dialect``."""
        default_scopes = DEFAULT_SCOPES if dialect.rfc1918_is_global else SCOPES_WITH_SITE_LOCAL
        return cls(
            labels=_table(conf.labels, DEFAULT_LABELS),
            precedence=_table(conf.precedence, DEFAULT_PRECEDENCE),
            scopes=_table(conf.scopes, default_scopes),
            undefined=conf.undefined,
        )

    def label(self, address: IPAddress) -> int:
        """The label of an address (RFC 3484 §2.1); IPv4 is searched as ::ffff:a.b.c.d.

        >>> from ipaddress import ip_address
        >>> policy = Policy.default("2.44")
        >>> [policy.label(ip_address(text)) for text in ("2001:db8::1", "192.0.2.1", "fd00::1")]
        [1, 4, 6]
        """
        return _value(self.labels, as_ipv6_int(address))

    def precedence_of(self, address: IPAddress) -> int:
        """The precedence of an address (RFC 3484 §2.1)."""
        return _value(self.precedence, as_ipv6_int(address))

    def scope(self, address: IPAddress) -> int:
        """The scope of an address (RFC 3484 §3.1 and §3.2, RFC 4291 §2.5.3 for ::1)."""
        if isinstance(address, IPv4Address):
            return _value(self.scopes, int(address))
        return ipv6_scope(int(address))


def ipv6_scope(value: int) -> int:
    """The scope of an IPv6 address, which no gai.conf changes (RFC 3484 §3.1)."""
    if value >> 120 == 0xFF:  # multicast carries its scope
        return value >> 112 & 0xF
    if value == 1:
        return LINK_LOCAL_SCOPE
    return _SCOPES_OF_IPV6.get(value >> 118, GLOBAL_SCOPE)


def _value(table: tuple[PrefixEntry, ...], address: int) -> int:
    return next(entry.value for entry in table if entry.holds(address))  # the last holds all


def _table(
    lines: tuple[PrefixEntry, ...], default: tuple[PrefixEntry, ...]
) -> tuple[PrefixEntry, ...]:
    # One line drops all defaults; only a missing /0, the last of them, is added back.
    if not lines:
        return default
    if all(entry.bits for entry in lines):
        lines += default[-1:]
    # stable: the first line wins
    return tuple(sorted(lines, key=lambda entry: entry.bits, reverse=True))

"""What the kernel says about a host: the model's only input besides names and policy.

Everything here comes from netlink (route look-ups, address and link dumps) and never
from glibc, so that agreement between the model and glibc means something.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

IPAddress = IPv4Address | IPv6Address

# ifa_flags bits, linux/if_addr.h
IFA_F_OPTIMISTIC = 0x04
IFA_F_HOMEADDRESS = 0x10
IFA_F_DEPRECATED = 0x20

# ifi_type values, linux/if_arp.h: what glibc's rule 7 calls "not native"
ARPHRD_TUNNEL = 768
ARPHRD_TUNNEL6 = 769
ARPHRD_SIT = 776


@lru_cache(1 << 12)
def address_text(address: IPAddress) -> str:
    """An address as every output shows it: ``::ffff:a.b.c.d`` dotted on every Python."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return f"::ffff:{address.ipv4_mapped}"
    return str(address)


@dataclass(frozen=True, slots=True)
class Target:
    """One destination as name service hands it over: an address and, for IPv6, a scope id."""

    address: IPAddress
    scope_id: int = 0

    def __hash__(self) -> int:  # an address's own takes several times as long
        return hash(int(self.address) ^ self.scope_id)

    def __str__(self) -> str:
        text = address_text(self.address)
        return f"{text}%{self.scope_id}" if self.scope_id else text


@dataclass(frozen=True, slots=True)
class AddressRow:
    """One RTM_NEWADDR message: ``address`` is IFA_ADDRESS (on a point-to-point link the *peer*),
    ``local`` IFA_LOCAL, None where the kernel sent none; ``flags`` the 8 bits of ``ifa_flags``.
    """

    index: int
    address: IPAddress | None
    local: IPAddress | None
    prefixlen: int
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """One interface: index, name and hardware type (ARPHRD_*), and its further names."""

    index: int
    name: str
    type: int
    altnames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """What a UDP connect() to one destination would meet: the ``source`` the kernel picks, or
    None for a destination that cannot be reached, with the errno's name ("ENETUNREACH").

    ``broadcast`` is the source of a socket with SO_BROADCAST, where one without is refused.
    """

    source: IPAddress | None
    error: str | None = None
    broadcast: IPAddress | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """An address of the host (``scope`` is the kernel's), or the gateway of a default route.

    A gateway has its route's ``metric`` and preferred source, the ``weight`` where that has several
    ways (from 0), and the ``source`` that the kernel chooses for the gateway itself.
    """

    address: IPAddress
    index: int
    scope: int | None = None
    metric: int | None = None
    weight: int | None = None
    preferred: IPAddress | None = None
    source: IPAddress | None = None
    tentative: bool | None = None


@dataclass(frozen=True, slots=True)
class OwnNames:
    """What a host knows by itself: its name, its addresses but those of the loopback and deprecated
    ones, its gateways, whether it has IPv6 at all, and whether a default route of several ways has
    one without a gateway.
    """

    hostname: str
    addresses: tuple[OwnAddress, ...] = ()
    gateways: tuple[OwnAddress, ...] = ()
    ipv6: bool = True
    bare_way: bool = False


@dataclass(frozen=True, slots=True)
class HostView:
    """One host as its kernel describes it: ``addresses`` in the order of the dump, ``routes`` with
    an entry for every destination asked about, the sysctl net.ipv6.bindv6only, and, where a name
    service wants to know it, what the host is to itself.
    """

    addresses: tuple[AddressRow, ...]
    links: tuple[Link, ...]
    routes: Mapping[Target, Route] = field(default_factory=dict)
    bindv6only: bool = False
    own: OwnNames | None = None
    unlisted: frozenset[int] = frozenset()
    netlink: bool = True

    @property
    def names(self) -> dict[str, int]:
        """The index of each interface by every name that if_nametoindex(3) finds it by."""
        named = [(name, one.index) for one in self.links for name in (one.name, *one.altnames)]
        return dict(named)

    @property
    def dumped(self) -> tuple[AddressRow, ...] | None:
        """The address dump as a process can have it."""
        return self.addresses if self.netlink else None

"""One row of each of the kernel's dumps: a link, an address.

Source: linux/if_link.h, linux/if_addr.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import Any

from harness.model.host import AddressRow, IPAddress, Link

_IFF_UP, _IFF_LOOPBACK, _IFF_POINTOPOINT = 0x1, 0x8, 0x10
_SECONDARY, _NOPREFIXROUTE = 0x01, 0x200


@dataclass(frozen=True, slots=True)
class KernelLink:
    """One interface as the link dump has it; ``kind`` is "" for hardware."""

    index: int
    name: str
    type: int
    kind: str
    flags: int
    master: int
    table: int | None
    slave_of_vrf: bool

    @property
    def up(self) -> bool:
        """Whether it is administratively up."""
        return bool(self.flags & _IFF_UP)

    @property
    def loopback(self) -> bool:
        """Whether it leads to the host itself."""
        return bool(self.flags & _IFF_LOOPBACK)

    @property
    def point_to_point(self) -> bool:
        """Whether there is one other end only."""
        return bool(self.flags & _IFF_POINTOPOINT)

    @property
    def for_model(self) -> Link:
        """What the model is told of it."""
        return Link(self.index, self.name, self.type)


def link(message: Any) -> KernelLink:
    """A message of the link dump, as pyroute2 decodes it. Raises nothing."""
    info = message.get_attr("IFLA_LINKINFO")
    kind = (info.get_attr("IFLA_INFO_KIND") if info else None) or ""
    slave = (info.get_attr("IFLA_INFO_SLAVE_KIND") if info else None) or ""
    table = None
    if kind == "vrf" and info.get_attr("IFLA_INFO_DATA"):
        table = info.get_attr("IFLA_INFO_DATA").get_attr("IFLA_VRF_TABLE")
    return KernelLink(
        message["index"], message.get_attr("IFLA_IFNAME"), message["ifi_type"], kind,
        message["flags"], message.get_attr("IFLA_MASTER") or 0, table, slave == "vrf",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KernelAddress:
    """One address as the address dump has it.

    ``address`` is IFA_ADDRESS (on a point-to-point link the peer) and ``local`` IFA_LOCAL,
    None where the kernel sent none; ``flags`` are all 32 bits of IFA_FLAGS.
    """

    index: int
    family: int
    address: IPAddress | None
    local: IPAddress | None
    prefixlen: int
    flags: int
    scope: int
    label: str | None
    metric: int | None

    @property
    def own(self) -> IPAddress:
        """This end. Raises ValueError where the kernel sent no address at all."""
        found = self.local or self.address
        if found is None:
            raise ValueError("an address message without an address")
        return found

    @property
    def far(self) -> IPAddress:
        """The other end of a point-to-point link, else this one. Raises as `own`."""
        return self.address or self.own

    @property
    def network(self) -> str:
        """The network whose route the kernel makes for the address: the peer's with IPv4."""
        end = self.far if self.own.version == 4 else self.own
        return str(ip_interface(f"{end}/{self.prefixlen}").network)

    @property
    def routes(self) -> set[str]:
        """The destinations of all routes that the kernel makes when the address is added.

        An IPv6 peer has one of its own, noprefixroute or not. Source: net/ipv6/addrconf.c.
        """
        peer = {f"{self.far}/128"} if self.own.version == 6 and self.far != self.own else set()
        return peer | ({self.network} if self.has_route else set())

    @property
    def has_route(self) -> bool:
        """Whether the kernel would make a route for the network when the address is added."""
        if self.flags & _NOPREFIXROUTE:
            return False
        if self.own.version == 6:
            return True
        alone = self.prefixlen == 32 and self.far == self.own
        return not self.flags & _SECONDARY and not alone

    @property
    def for_model(self) -> AddressRow:
        """What the model is told of it: glibc reads the header's 8 bits of flags."""
        return AddressRow(self.index, self.address, self.local, self.prefixlen, self.flags & 0xFF)


def address(message: Any) -> KernelAddress:
    """A message of the address dump, as pyroute2 decodes it. Raises nothing."""
    flags = message.get_attr("IFA_FLAGS")
    return KernelAddress(
        message["index"], message["family"], _parsed(message.get_attr("IFA_ADDRESS")),
        _parsed(message.get_attr("IFA_LOCAL")), message["prefixlen"],
        message["flags"] if flags is None else flags, message["scope"],
        message.get_attr("IFA_LABEL"), message.get_attr("IFA_RT_PRIORITY"),
    )  # fmt: skip


def _parsed(text: str | None) -> IPAddress | None:
    return None if text is None else ip_address(text)

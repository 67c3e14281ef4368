"""rtnetlink requests as bytes: links, addresses, routes, labels, by the kernel's own structures.

Made without pyroute2, which takes longer to write one than the kernel takes to do it; the tests
hold them to pyroute2's. Only routing rules, which few hosts have, are pyroute2's (`rules`).
Source: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/if_addrlabel.h.
"""

import struct
from dataclasses import dataclass
from socket import AF_INET, AF_INET6

from harness.model.host import IPAddress

from . import rows

HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_LABEL = struct.Struct("=BxBxII")  # struct ifaddrlblmsg
_NUMBER = struct.Struct("=I")

# the RTM_NEW… of each form; RTM_DEL… and RTM_GET… are the two numbers behind it
LINK, ADDRESS, ROUTE, RULE, LABEL, LINK_PROPERTY = 16, 20, 24, 32, 72, 108
DELETE, GET = 1, 2
REQUEST, ACK, EXCLUSIVE, CREATE, DUMP = 0x1, 0x4, 0x200, 0x400, 0x300  # NLM_F_*

Attribute = tuple[int, bytes | None]
"""The number of an attribute and what it holds; None leaves it out."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a request says, whatever is to be done with it: its form, and all behind the header."""

    form: int
    body: bytes

    def request(self, kind: int, flags: int) -> bytes:
        """The request: ``kind`` is 0 for RTM_NEW…, `DELETE` or `GET`, ``flags`` are NLM_F_*."""
        # nothing asks for sequence numbers: a socket has one request, or one batch, at a time
        size = HEADER.size + len(self.body)
        return HEADER.pack(size, self.form + kind, flags | REQUEST, 0, 0) + self.body


def packed(*attributes: Attribute) -> bytes:
    """Attributes as they stand in a message or in another attribute."""
    return b"".join([
        rows.ATTRIBUTE.pack(4 + len(data), number) + data + bytes(-len(data) % 4)
        for number, data in attributes
        if data is not None
    ])  # fmt: skip


def number(value: int | None) -> bytes | None:
    """What an attribute holds for 32 bits; None for None."""
    return None if value is None else _NUMBER.pack(value)


def text(value: str | None) -> bytes | None:
    """What an attribute holds for a name; None for None."""
    return None if value is None else value.encode() + b"\0"


def link_body(index: int, *attributes: Attribute, flags: int = 0, change: int = 0) -> bytes:
    """struct ifinfomsg with what follows it; ``change`` are the bits of ``flags`` that are set."""
    return rows.LINK.pack(0, 0, index, flags, change) + packed(*attributes)


def link(index: int, *attributes: Attribute, flags: int = 0, change: int = 0) -> Message:
    """An interface; see `link_body`."""
    return Message(LINK, link_body(index, *attributes, flags=flags, change=change))


def address(
    own: IPAddress, far: IPAddress, prefixlen: int, index: int, scope: int, *more: Attribute
) -> Message:
    """An address of an interface: this end and the far one, which is the same on most links."""
    head = rows.ADDRESS.pack(family(own), prefixlen, 0, scope, index)
    ends = (rows.IFA_LOCAL, own.packed), (rows.IFA_ADDRESS, far.packed)
    return Message(ADDRESS, head + packed(*ends, *more))


def label(prefix: IPAddress, prefixlen: int, index: int, value: int) -> Message:
    """A row of the kernel's table of address labels."""
    own = packed((rows.IFAL_ADDRESS, prefix.packed), (rows.IFAL_LABEL, number(value)))
    return Message(LABEL, _LABEL.pack(AF_INET6, prefixlen, index, 0) + own)


def route_request(
    address: IPAddress, interface: int = 0, protocol: int = 0, flags: int = 0
) -> bytes:
    """The request for the route to an address, for `Netlink.ask`.

    ``interface`` and ``protocol`` may stay open (0); ``flags`` are RTM_F_*.
    """
    head = rows.ROUTE.pack(family(address), address.max_prefixlen, 0, 0, 0, 0, 0, 0, flags)
    attributes = packed(
        (rows.RTA_DST, address.packed),
        (rows.RTA_OIF, number(interface or None)),
        (rows.RTA_IP_PROTO, bytes([protocol]) if protocol else None),
    )
    return Message(ROUTE, head + attributes).request(GET, 0)


def dump(form: int, of: int = 0) -> bytes:
    """The request for all messages of a form, of an address family where one is given."""
    # the longest of the structures that begin with a family does for each
    return Message(form, bytes([of]).ljust(rows.LINK.size, b"\0")).request(GET, DUMP)


def family(one: IPAddress) -> int:
    """AF_INET or AF_INET6."""
    return AF_INET if one.version == 4 else AF_INET6

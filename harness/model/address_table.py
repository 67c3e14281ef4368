"""glibc's address table: from what the kernel says to what the rules are given.

The kernel knows the prefix length, the flags and the interface of every source address.
glibc looks them up in a table of its own, and here most of the surprises begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from harness.model.addresses import V4MAPPED, as_ipv6_int
from harness.model.dialects import Dialect
from harness.model.host import (
    ARPHRD_SIT,
    ARPHRD_TUNNEL,
    ARPHRD_TUNNEL6,
    IFA_F_DEPRECATED,
    IFA_F_HOMEADDRESS,
    IFA_F_OPTIMISTIC,
    AddressRow,
    HostView,
    IPAddress,
    Target,
)
from harness.model.order import Candidate

NOT_NATIVE = frozenset({ARPHRD_SIT, ARPHRD_TUNNEL, ARPHRD_TUNNEL6})
_LOOPBACK4 = int(IPv4Address("127.0.0.1"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table: what a found source address brings along."""

    key: int
    prefixlen: int
    deprecated: bool
    home: bool
    index: int


@dataclass(frozen=True, slots=True)
class AddressTable:
    """The address dump as glibc keeps it: sorted, or thrown away (``dropped``)."""

    entries: tuple[Entry, ...]
    seen_ipv4: bool
    seen_ipv6: bool

    @property
    def dropped(self) -> bool:
        """True on a host without any IPv6 address but ::1: glibc then keeps no table at all."""
        return not self.seen_ipv6

    def find(self, source: IPAddress, inet_socket: bool, dialect: Dialect) -> Entry | None:
        """Search as bsearch does; among equal keys the first one probed is found.

        ``inet_socket``: the source was read from an AF_INET socket. Only then 127/8 is
        looked up as 127.0.0.1.
        """
        key = as_ipv6_int(source)
        loopback = inet_socket and source.version == 4 and int(source) >> 24 == 127
        if loopback and dialect.loopback_source_by_127_0_0_1:
            key = V4MAPPED | _LOOPBACK4
        # 2.41 rewrote bsearch with a base and a count; it probes the same entries as before.
        low, high = 0, len(self.entries)
        while low < high:
            middle = (low + high) // 2
            entry = self.entries[middle]
            if key == entry.key:
                return entry
            if key < entry.key:
                high = middle
            else:
                low = middle + 1
        return None


def entry_of(row: AddressRow, address: IPAddress, deprecated: int) -> Entry:
    """The row of the dump filed under ``address``; ``deprecated`` the flags that count as such."""
    flags = bool(row.flags & deprecated), bool(row.flags & IFA_F_HOMEADDRESS)
    return Entry(as_ipv6_int(address), row.prefixlen, *flags, row.index)


def native_links(view: HostView) -> dict[int, bool]:
    """For the index of each interface that glibc finds, whether rule 7 calls it native."""
    return {
        link.index: link.type not in NOT_NATIVE
        for link in view.links
        if link.index not in view.unlisted
    }


def candidate(
    target: Target, source: IPAddress | None, entry: Entry | None, native: bool
) -> Candidate:
    """A target with its source, and what was found of it."""
    if entry is None:
        return Candidate(target.address, source, scope_id=target.scope_id)
    known = entry.prefixlen, entry.deprecated, entry.home, entry.index, native
    return Candidate(target.address, source, *known, target.scope_id)


def address_table(rows: Sequence[AddressRow] | None) -> AddressTable:
    """Build the table from the kernel's address dump, in the dump's order.

    The key is IFA_ADDRESS, which for a point-to-point address is the *peer*: a look-up by
    the local address misses. Without an IPv6 address other than ::1 nothing is kept. Where there
    is no dump (None), addresses of both families are taken for there.
    """
    if rows is None:
        return AddressTable((), True, True)
    entries = []
    seen_ipv4 = seen_ipv6 = False
    for row in rows:
        address = row.address if row.address is not None else row.local
        if address is None:
            continue
        if address.version == 4:
            seen_ipv4 |= int(address) != _LOOPBACK4
        else:
            seen_ipv6 |= int(address) != 1
        entries.append(entry_of(row, address, IFA_F_DEPRECATED | IFA_F_OPTIMISTIC))
    if not seen_ipv6:
        entries = []
    entries.sort(key=lambda entry: entry.key)  # a stable merge sort in glibc too
    return AddressTable(tuple(entries), seen_ipv4, seen_ipv6)


def candidates(
    targets: Sequence[Target], view: HostView, dialect: Dialect, table: AddressTable | None = None
) -> list[Candidate]:
    """What glibc knows of each target when it begins to sort.

    One UDP socket is connected to target after target: an AF_INET6 one also serves later
    IPv4 targets, unless net.ipv6.bindv6only forbids it. The socket's family decides how a
    127/8 source is looked up. Raises KeyError for a target the view has no route for.
    """
    if table is None:
        table = address_table(view.dumped)
    native = native_links(view)
    socket_version: int | None = None
    result = []
    for target in targets:
        version = target.address.version
        if (
            socket_version is None
            or (socket_version == 4 and version == 6)
            or (socket_version == 6 and version == 4 and view.bindv6only)
        ):
            socket_version = version
        source = view.routes[target].source
        inet_socket = version == 4 and socket_version == 4
        entry = None if source is None else table.find(source, inet_socket, dialect)
        known = entry is not None and native.get(entry.index, False)
        result.append(candidate(target, source, entry, known))
    return result

"""glibc's address table: from what the kernel says to what the rules are given.

The kernel knows the prefix length, the flags and the interface of every source address.
glibc looks them up in a table of its own, and here most of the surprises begin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from harness.model.addresses import as_ipv6_int
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
_LOOPBACK4, _LOOPBACK6 = IPv4Address("127.0.0.1"), IPv6Address("::1")


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
        loopback = inet_socket and source.is_loopback and dialect.loopback_source_by_127_0_0_1
        key = as_ipv6_int(_LOOPBACK4 if loopback else source)
        # 2.41 rewrote bsearch with a base and a count; it probes the same entries as before.
        low, high = 0, len(self.entries)
        while low < high:
            middle = low + (high - low) // 2
            entry = self.entries[middle]
            if key == entry.key:
                return entry
            if key < entry.key:
                high = middle
            else:
                low = middle + 1
        return None


def entry_of(row: AddressRow, address: IPAddress, *deprecated: int) -> Entry:
    """The row of the dump filed under ``address``; ``deprecated`` the flags that count as such."""
    flags = any(row.flags & one for one in deprecated), bool(row.flags & IFA_F_HOMEADDRESS)
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
    seen = set()
    for row in rows:
        address = row.address if row.address is not None else row.local
        if address is None:
            continue
        if address not in (_LOOPBACK4, _LOOPBACK6):
            seen.add(address.version)
        entries.append(entry_of(row, address, IFA_F_DEPRECATED, IFA_F_OPTIMISTIC))
    if 6 not in seen:
        entries = []
    entries.sort(key=lambda entry: entry.key)  # a stable merge sort in glibc too
    return AddressTable(tuple(entries), 4 in seen, 6 in seen)


def candidates(
    targets: Sequence[Target], view: HostView, dialect: Dialect, table: AddressTable
) -> list[Candidate]:
    """What glibc knows of each target when it begins to sort; ``table`` is made of the view's dump.

    Raises KeyError for a target the view has no route for.
    """
    native = native_links(view)
    sockets = inet_sockets(targets, view.bindv6only)
    both = zip(targets, sockets, strict=True)
    return [reached(target, inet, view, dialect, table, native) for target, inet in both]


def inet_sockets(targets: Sequence[Target], bindv6only: bool) -> list[bool]:
    """Whether an AF_INET socket is connected to each target in turn.

    One UDP socket is connected to target after target: an AF_INET6 one also serves later
    IPv4 targets, unless net.ipv6.bindv6only forbids it.
    """
    inet6_socket = False
    found = []
    for target in targets:
        of_ipv6 = isinstance(target.address, IPv6Address)
        inet6_socket = of_ipv6 or (inet6_socket and not bindv6only)
        found.append(not inet6_socket)
    return found


def reached(
    target: Target, inet_socket: bool, view: HostView, dialect: Dialect, table: AddressTable,
    native: Mapping[int, bool],
) -> Candidate:  # fmt: skip
    """One of the `candidates`: the socket's family decides how a 127/8 source is looked up."""
    source = view.routes[target].source
    entry = None if source is None else table.find(source, inet_socket, dialect)
    known = entry is not None and native.get(entry.index, False)
    return candidate(target, source, entry, known)

"""New addresses for old ones, such that every rule, route and table decides as before.

The map is a keyed, prefix-preserving permutation of each family. It keeps every class of
addresses that some table, dialect or kernel tells apart in its place: private, link-local,
loopback, multicast, unique local, site-local, 6to4, Teredo and so on. Public addresses go
to the ranges for documentation where their prefixes fit; see docs/snapshot.md.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from itertools import pairwise
from typing import NamedTuple

from harness.model.host import IPAddress

IPNetwork = IPv4Network | IPv6Network

_MAPPED = IPv6Network("::ffff:0:0/96")


def _networks(text: str) -> tuple[IPNetwork, ...]:
    return tuple(map(ip_network, text.split()))


# inside these nothing is anybody's: every address stays as it is
_KEPT = _networks("0.0.0.0/8 127.0.0.0/8 224.0.0.0/3 ::/127")
_DOCUMENTATION = {
    4: _networks("192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 198.18.0.0/15"),
    6: _networks("2001:db8::/32 3fff::/20"),
}
# what glibc's and the kernel's tables tell from other global addresses
_CLASSES = {
    4: _networks(
        "0.0.0.0/8 127.0.0.0/8 224.0.0.0/3 169.254.0.0/16 10.0.0.0/8 172.16.0.0/12 "
        "192.168.0.0/16 100.64.0.0/10"
    ),
    6: _networks("2001::/32 2002::/16 2001:10::/28 2001:20::/28 3ffe::/16"),
}
_GLOBAL = IPv6Network("2000::/3")
# outside 2000::/3 every class differs in the first bits, so they are always kept apart
_ALWAYS = {
    4: (),
    6: _networks("2000::/3 ::/96 ::ffff:0:0/96 64:ff9b::/96 fc00::/8 fd00::/8 fe80::/64 fec0::/10"),
}
WELL_KNOWN = frozenset(
    (*_CLASSES[4], *_CLASSES[6], *_ALWAYS[6], *_KEPT, *_networks("::1/128 fc00::/7 fe80::/10"))
)
"""Prefixes that every table may name; one with no address of the host in it stays as it is."""
_TRIES = 256


class RedactionError(Exception):
    """No map keeps all that matters apart, which only a contrived host can bring about."""

    exit_status = 2


class PinError(ValueError):
    """Two pins that no permutation of this kind can both keep."""


class Pin(NamedTuple):
    """A prefix of ``length`` bits and its image, both as whole addresses."""

    prefix: int
    image: int
    length: int


@dataclass(slots=True)
class Permutation:
    """A keyed permutation of all addresses of ``width`` bits that keeps common prefix lengths.

    Bit i of the image is bit i of the address, flipped or not by what ``key`` makes of the i bits
    before it. So two addresses share exactly as many leading bits after as before, and any tree
    of prefixes keeps its shape. ``pins`` say where prefixes have to go; the first and last address
    of the ``straight`` ones, as (prefix, length), go to the first and last of their image; the
    images of the ``ascending`` addresses sort as they do. Raises PinError for contradictions.
    Source: Xu, Fan, Ammar and Moon, "Prefix-preserving IP address anonymization" (2002).
    """

    width: int
    key: bytes
    pins: Iterable[Pin] = ()
    straight: Iterable[tuple[int, int]] = ()
    ascending: Iterable[int] = ()
    _fixed: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for pin in self.pins:
            for depth in range(pin.length):
                at = self.width - depth
                self._fix(depth, pin.prefix >> at, (pin.prefix ^ pin.image) >> (at - 1) & 1)
        for prefix, length in self.straight:
            for end in (prefix, prefix | (1 << (self.width - length)) - 1):
                for depth in range(length, self.width):
                    self._fix(depth, end >> (self.width - depth), 0)
        for one, other in pairwise(sorted(set(self.ascending))):
            at = (one ^ other).bit_length()  # where they part, the lower stays the lower
            self._fix(self.width - at, one >> at, 0)

    def _fix(self, depth: int, prefix: int, flip: int) -> None:
        if self._fixed.setdefault((depth, prefix), flip) != flip:
            raise PinError(f"{prefix:#x} of {depth} bits")

    def __call__(self, address: int) -> int:
        """The image of an address, both as numbers."""
        image = 0
        for depth in range(self.width):
            at = self.width - depth
            node = (depth, address >> at)
            if node not in self._fixed:
                text = depth.to_bytes(1, "big") + node[1].to_bytes(16, "big")
                hashed = hashlib.blake2b(text, key=self.key, digest_size=1).digest()
                self._fixed[node] = hashed[0] & 1
            image = image << 1 | (address >> (at - 1) & 1) ^ self._fixed[node]
        return image


@dataclass(frozen=True, slots=True)
class AddressMap:
    """The map for one host; ``notes`` say in which ranges the new addresses lie."""

    four: Permutation
    six: Permutation
    present: frozenset[IPNetwork]
    notes: tuple[str, ...]

    def address(self, address: IPAddress) -> IPAddress:
        """The new address."""
        if _inside(ip_network(str(address)), *_KEPT):
            return address
        if isinstance(address, IPv4Address):
            return IPv4Address(self.four(int(address)))
        value = int(address)
        if value >> 32 == 0xFFFF:  # its class must be that of the IPv4 address
            return IPv6Address(0xFFFF << 32 | self.four(value & 0xFFFFFFFF))
        return IPv6Address(self.six(value))

    def network(self, network: IPNetwork) -> IPNetwork:
        """The new prefix, of the same length."""
        if network in WELL_KNOWN and network not in self.present:
            return network
        if network.prefixlen < 96 and _inside(_MAPPED, network):
            return network  # short and all zero: nothing to hide, and everything below stays
        new = self.address(network.network_address)
        return ip_network(f"{new}/{network.prefixlen}", strict=False)


def address_map(
    addresses: Iterable[IPAddress],
    networks: Iterable[IPNetwork] = (),
    own: Sequence[IPNetwork] = (),
    key: bytes = b"",
    ascending: Sequence[IPAddress] = (),
) -> AddressMap:
    """A map for all addresses of a host and the prefixes of its routes, rules and tables.

    ``own`` are the networks of its interfaces, whose first and last addresses keep their
    meaning; ``key`` are secret bytes; ``ascending`` addresses sort as before.
    Raises RedactionError where nothing fits.
    """
    whole = (ip_network(str(address)) for address in addresses)
    some = (each for each in networks if each not in WELL_KNOWN)
    inputs = {_unmapped(each) for each in (*whole, *some, *own)}
    (four, in_four, note4), (six, in_six, note6) = (
        _permutation(
            version,
            [each for each in inputs if each.version == version],
            [each for each in own if each.version == version],
            key,
            [int(each) for each in ascending if each.version == version],
        )
        for version in (4, 6)
    )
    notes = tuple(note for note in (note4, note6) if note)
    return AddressMap(four, six, frozenset(in_four | in_six), notes)


def _unmapped(network: IPNetwork) -> IPNetwork:
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        low = int(network.network_address) & 0xFFFFFFFF
        return IPv4Network((low, network.prefixlen - 96))
    return network


def _inside(network: IPNetwork, *others: IPNetwork) -> bool:
    """Whether one of the others holds a network."""
    return any(
        network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
        for other in others
    )


def _permutation(
    version: int,
    inputs: Sequence[IPNetwork],
    own: Sequence[IPNetwork],
    key: bytes,
    ascending: Sequence[int],
) -> tuple[Permutation, set[IPNetwork], str]:
    optional = (*_CLASSES[version], *_DOCUMENTATION[version])
    present = {each for each in optional if any(_inside(one, each) for one in inputs)}
    absent = [each for each in _CLASSES[version] if each not in present]
    always: tuple[IPNetwork, ...] = _ALWAYS[version]
    pins = [_stays(each) for each in (*always, *present)]
    pins += [_stays(one) for one in inputs if _inside(one, *_KEPT)]
    if version == 6:
        pins += [
            _stays(IPv6Network((int(one.network_address) >> 112 << 112, 16)))
            for one in inputs
            if one.prefixlen >= 16 and int(one.network_address) >> 120 == 0xFF
        ]
    public = [
        one
        for one in inputs
        if not _inside(one, *present, *_KEPT)
        and (version == 4 or _inside(one, _GLOBAL))
        and one.prefixlen >= (8 if version == 4 else 16)
    ]
    straight = [
        (int(each.network_address), each.prefixlen)
        for each in own
        if each.prefixlen < each.max_prefixlen - 1
    ]
    width = 32 if version == 4 else 128
    for pin, whole in (*_anchors(version, public, own), (None, False)):
        all_pins = [*pins, pin] if pin else pins
        for attempt in range(_TRIES):
            salted = key[:48] + attempt.to_bytes(2, "big")
            try:
                made = Permutation(width, salted, all_pins, straight, ascending)
            except PinError:
                break
            images = (
                type(one)((made(int(one.network_address)), one.prefixlen), strict=False)
                for one in public
            )
            # no public prefix becomes one of a class that the host has no address of
            if not any(_inside(image, *absent) for image in images):
                present |= {each for each in always if any(_inside(o, each) for o in inputs)}
                return made, present, _note(version, public, pin, whole)
    raise RedactionError(f"the IPv{version} addresses of this host cannot be told apart enough")


def _stays(network: IPNetwork) -> Pin:
    value = int(network.network_address)
    return Pin(value, value, network.prefixlen)


def _anchors(
    version: int, public: Sequence[IPNetwork], own: Sequence[IPNetwork]
) -> Iterator[tuple[Pin, bool]]:
    """Pins that put public prefixes into a range for documentation, the best first.

    The second value says whether all of them then lie there.
    """
    if not public:
        return
    width = public[0].max_prefixlen
    first = int(public[0].network_address)
    shared = min(
        min(width - (first ^ int(one.network_address)).bit_length() for one in public),
        min(one.prefixlen for one in public),
    )
    ranges = _DOCUMENTATION[version][2:] if version == 4 else _DOCUMENTATION[version]
    for documented in ranges:
        length = documented.prefixlen
        if shared >= length:
            yield Pin(first, int(documented.network_address), length), True
    length = ranges[0].prefixlen
    mine = Counter(
        int(one.network_address) >> (width - length)
        for one in own
        if one.prefixlen >= length and _inside(one, *public)
    )
    for prefix, _ in mine.most_common(3):
        value = prefix << (width - length)
        yield Pin(value, int(ranges[0].network_address), length), False


def _note(version: int, public: Sequence[IPNetwork], pin: Pin | None, whole: bool) -> str:
    if not public:
        return ""
    kind = f"public IPv{version} addresses"
    some = ""
    if pin is not None:
        address = IPv4Address(pin.image) if version == 4 else IPv6Address(pin.image)
        where = f"lie in {address}/{pin.length}, which is for documentation."
        if whole:
            return f"All {kind} {where}"
        some = f" Those of one own network {where}"
    return (
        f"The {kind} are made up: they share as many leading bits as the real ones, which the "
        f"ranges for documentation are too small for.{some} Whoever they belong to has nothing "
        "to do with this: send nothing there."
    )

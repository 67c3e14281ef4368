"""Addresses as Go's net package reads and sorts them into kinds."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from harness.model.host import IPAddress

_BROADCAST = IPv4Address("255.255.255.255")


def parse_ip(text: str) -> IPAddress | None:
    """Read an address as kubelet does, or None.

    Leading zeros are decimal (k8s.io/utils/net ParseIPSloppy; every Go did so before 1.17),
    an IPv4-mapped address is the IPv4 address, a zone is refused.
    """
    parts = text.split(".")
    if len(parts) == 4 and all(p.isascii() and p.isdigit() and len(p) <= 64 for p in parts):
        numbers = [int(part) for part in parts]
        if max(numbers) > 255:
            return None
        return IPv4Address(bytes(numbers))
    if "%" in text:
        return None
    try:
        return plain(IPv6Address(text))
    except ValueError:
        return None


def plain(address: IPAddress) -> IPAddress:
    """The address without the ::ffff:0:0/96 around an IPv4 address, as Go's To4 takes it off."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_global_unicast(address: IPAddress) -> bool:
    """Go's IsGlobalUnicast, which private addresses satisfy too."""
    return address != _BROADCAST and unusable(address) is None


def unusable(address: IPAddress) -> str | None:
    """The first kind kubelet's check of a node IP refuses, in its order; None for a good one."""
    kinds = {
        "a loopback address": address.is_loopback,
        "a multicast address": address.is_multicast,
        "a link-local address": address.is_link_local,
        "the unspecified address": address.is_unspecified,
    }
    return next((kind for kind, holds in kinds.items() if holds), None)

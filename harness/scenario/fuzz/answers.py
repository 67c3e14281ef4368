"""Random answers of the name service: destinations near the host's addresses, and far ones."""

from __future__ import annotations

from ipaddress import ip_interface

from ..host import Host
from ..hostspec import Address
from ..values import canonical
from . import weights
from .dice import Dice


def draw_destinations(dice: Dice, host: Host, zones: bool) -> list[str]:
    """The addresses that a host's names are made of, each text once.

    Parameters: ``host``; ``zones`` whether the name service can hand over %zone.
    """
    rows = [
        (name, row) for name, interface in host.interfaces.items() for row in interface.addresses
    ]
    names = list(host.interfaces)
    # each address of lo: its source is itself, whose 127/8 glibc treats in a way of its own
    found = {str(row.ip): None for name, row in rows if name == "lo"}
    for _ in range(weights.NEARBY if rows else 0):
        name, row = dice.one(rows)
        text = _near(dice, row)
        if text is None:
            continue
        if zones and text.startswith(("fe8", "fe9", "fea", "feb", "ff02")):
            text += _zone(dice, name, names)
        found.setdefault(text)
    for _ in range(weights.MIXED_IN):
        text = dice.pick(weights.DESTINATIONS)
        if zones and text.startswith(("fe80", "ff02")):
            text += _zone(dice, dice.one(names), names)
        found.setdefault(text)
    return list(found)


def _zone(dice: Dice, own: str, names: list[str]) -> str:
    match dice.pick(weights.ZONES):
        case "own":
            return f"%{own}"
        case "other":
            return f"%{dice.one(names)}"
        case "missing":
            return f"%{dice.one(('77', '4294967295'))}"
        case _:
            return ""


def _near(dice: Dice, row: Address) -> str | None:
    """A destination in some relation to one of the host's addresses."""
    own = ip_interface(row.address)
    width = own.max_prefixlen
    value, host_bits = int(own.ip), width - own.network.prefixlen
    match dice.pick(weights.NEAR):
        case "in-subnet":
            value ^= dice.getrandbits(min(host_bits, 12) if dice.chance(0.7) else host_bits)
        case "one-bit":
            value ^= 1 << dice.randint(0, width - 1)
        case "outside":
            value ^= 1 << min(host_bits, width - 1)
        case "broadcast":
            value = int(own.network.broadcast_address)
        case "network":
            value = int(own.network.network_address)
        case "peer":
            if row.peer_ip is None:
                return None
            value = int(row.peer_ip)
    return canonical(type(own.ip)(value))


def draw_answer(dice: Dice, destinations: list[str]) -> tuple[str, ...]:
    """The addresses of one name in the order they are handed over."""
    count = dice.pick(weights.ANSWERS)
    four = [text for text in destinations if ":" not in text]
    six = [text for text in destinations if ":" in text]
    match dice.pick(weights.MIXES):
        case "one-family":
            chosen = dice.several(dice.one([part for part in (four, six) if part]), count)
        case "neighbours":
            start = dice.randint(0, len(destinations) - 1)
            window = sorted(destinations)[start : start + max(3, count // 2)]
            chosen = dice.several(window, count)
        case "alternating":
            first, second = dice.several(four or six, count), dice.several(six or four, count)
            chosen = [text for pair in zip(first, second, strict=True) for text in pair][:count]
        case "repeated":
            chosen = [text for text in dice.several(destinations, count) for _ in "ab"][:count]
        case _:
            chosen = dice.several(destinations, count)
    return tuple(chosen)

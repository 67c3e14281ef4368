"""Random arguments of getaddrinfo: the hints, the service and how the name is spelled."""

from __future__ import annotations

from ..schema import Lookup
from . import weights
from .dice import Dice


def draw_lookup(dice: Dice, name: str, destinations: list[str]) -> Lookup:
    """One call for ``name``; seldom another spelling of it, a number or an unknown name."""
    service = dice.pick(weights.SERVICES)
    match dice.pick(weights.SPELLINGS):
        case "upper":
            name = name.upper()
        case "dot":
            name += "."
        case "unknown":
            name = "nowhere"
        case "numeric":
            name = dice.one(destinations)
    return Lookup(
        name=name,
        service=service,
        family=dice.pick(weights.FAMILIES),
        socktype=dice.pick(weights.SOCKTYPES),
        protocol=dice.pick(weights.PROTOCOLS),
        flags=tuple(dice.flags(weights.FLAGS)),
    )

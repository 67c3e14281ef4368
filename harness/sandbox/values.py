"""What building a host gives back, as values that cost nothing to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Device:
    """One interface as it was made: its name, the kind asked for, the kind used, its index."""

    name: str
    kind: str
    used: str
    index: int


class DeviceNote(NamedTuple):
    """Something to know of one interface: its name, and the rest in words."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Topology:
    """A built host: its interfaces as they were made, in order, and what is worth knowing."""

    devices: tuple[Device, ...]
    notes: tuple[DeviceNote, ...] = ()

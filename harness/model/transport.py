"""Rule 7 of glibc 2.8 to 2.18: what is found out of an interface is filled in, also wrongly.

Whether an interface is native is found out when a comparison needs it, and noted for every
destination on it. That number also stands for "unknown" and for "nothing to find out", so that
destinations on an unknown interface get the note of whatever native interface they are compared
with. A second, other note fails an assertion.
"""

from collections.abc import Sequence
from typing import Any

Destination = Any
"""That of `harness.model.order`, which imports this file."""


class ProcessAborted(Exception):
    """An assertion of glibc fails, which ends the process with SIGABRT."""


class FilledIn:
    """Rule 7 during one sort of ``items``, whose ``native`` is what their interfaces are."""

    def __init__(self, items: Sequence[Destination]) -> None:
        self._items = items
        self._noted: dict[int, bool] = {}
        self._compared: dict[tuple[int, int], tuple[bool, bool]] = {}

    def values(self, a: Destination, b: Destination) -> tuple[int, int]:
        """Whether each counts as native now; of a pair compared before, as then.

        Raises ProcessAborted.
        """
        if a.index == b.index:
            return 0, 0
        pair = a.position, b.position
        if pair not in self._compared:
            self._compared[pair] = one, other = self._compare(a, b)
            self._compared[pair[::-1]] = other, one
        return self._compared[pair]

    def _compare(self, a: Destination, b: Destination) -> tuple[bool, bool]:
        noted = self._noted
        native = noted.get(a.position, a.native), noted.get(b.position, b.native)
        # what is noted is not asked for: its number is then that of an unknown interface
        asked = [None if one.position in noted else one.index for one in (a, b)]
        if a.position not in noted or b.position not in noted:
            for item in self._items:
                if item.index in asked:
                    found = native[asked.index(item.index)]
                    if noted.setdefault(item.position, found) != found:
                        raise ProcessAborted
        return native

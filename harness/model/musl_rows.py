"""What differs between versions of musl, as one table.

A new musl is a new row here, or none; nothing else asks for a version number. Rows were read in
the releases from 1.1.24 to 1.2.6 and run on 1.2.2, 1.2.3, 1.2.5 and 1.2.6 of Debian, and on
1.1.24, 1.2.0, 1.2.1 and 1.2.4 built from the releases' sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from harness.versions import Version

FIRST = "1.1.24"
"""The oldest that was read."""


@dataclass(frozen=True, slots=True)
class MuslBehaviour:
    """How one version behaves.

    ``whole_answers``: a question of the two that gets no answer, or a bad one, is the end; before,
    the other one's addresses counted. ``first_line_names``: the canonical name is of the first
    line of the hosts file, whatever its address; before, of the last one with an address that
    counts. ``no_data_told``: EAI_NODATA where a name has no address of the kind, and AI_ADDRCONFIG
    is an error once all is looked up; before, EAI_NONAME for both, and the latter at once.
    ``ipv6_first``: the addresses of DNS. ``bad_names_unknown``: what is no name for DNS is one that
    it does not know, so that the search goes on. ``tcp``: a truncated answer is asked for again;
    before, what is in it counted. ``limits_of_answers``: of a long one only a part is read.
    """

    whole_answers: bool = False
    first_line_names: bool = False
    no_data_told: bool = False
    ipv6_first: bool = False
    bad_names_unknown: bool = False
    tcp: bool = False
    limits_of_answers: bool = True


ROWS: tuple[tuple[str, bool, str], ...] = (
    ("whole_answers", True, "1.2.1"),
    ("first_line_names", True, "1.2.2"),
    ("no_data_told", True, "1.2.4"),
    ("ipv6_first", True, "1.2.4"),
    ("bad_names_unknown", True, "1.2.4"),
    ("tcp", True, "1.2.4"),
    ("limits_of_answers", False, "1.2.5"),
)
"""A field of `Behaviour`, a value, and the first version that has it."""


@lru_cache(64)
def behaviour(version: str) -> MuslBehaviour:
    """How musl ``version`` behaves, as "1.2.3". Raises ValueError for one older than `FIRST`."""
    own = Version.parse(version)
    if own < Version.parse(FIRST):
        raise ValueError(f"musl {version}: the model begins with {FIRST}")
    values = {field: value for field, value, since in ROWS if Version.parse(since) <= own}
    return MuslBehaviour(**values)

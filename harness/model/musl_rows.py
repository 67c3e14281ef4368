"""What differs between versions of musl.

They were read in the releases from 1.1.24 to 1.2.6 and run on 1.2.2, 1.2.3, 1.2.5 and 1.2.6 of
Debian, and on 1.1.24, 1.2.0, 1.2.1 and 1.2.4 built from the releases' sources.
"""

from dataclasses import dataclass
from functools import lru_cache

from harness.versions import at_version, history

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

    whole_answers: bool = history(False, ("1.2.1", True))
    first_line_names: bool = history(False, ("1.2.2", True))
    no_data_told: bool = history(False, ("1.2.4", True))
    ipv6_first: bool = history(False, ("1.2.4", True))
    bad_names_unknown: bool = history(False, ("1.2.4", True))
    tcp: bool = history(False, ("1.2.4", True))
    limits_of_answers: bool = history(True, ("1.2.5", False))


@lru_cache(64)
def behaviour(version: str) -> MuslBehaviour:
    """How musl ``version`` behaves, as "1.2.3". Raises ValueError for one older than `FIRST`."""
    return at_version(MuslBehaviour, version, FIRST, "musl")

"""What differs between versions of Go.

It was read in, and run on, 1.15.15, 1.19.8, 1.21.13, 1.22.12, 1.23.5, 1.24.4, 1.25.12 and 1.26.11;
what changed between two of these is said to begin with the later one, unless Go's release notes
know better. Not here: Go 1.21.0 to 1.21.10 and 1.22.0 to 1.22.3 do not know 127.0.0.0/8 and
169.254.0.0/16 of a hosts file for what they are (CVE-2024-24790).
"""

from dataclasses import dataclass
from functools import lru_cache

from harness.versions import at_version, history


@dataclass(frozen=True, slots=True)
class GoBehaviour:
    """How one version behaves; every field is off in the oldest.

    ``services_one_by_one``: of nsswitch.conf's line an unknown service stands for DNS where DNS is
    not on it, and the rest counts; before, anything unusual meant the hosts file, then DNS.
    ``miss_is_error``: a name that the hosts file alone is asked for, and has not, is an error;
    before, it was an empty answer. ``asks_one_family``: DNS is asked for the family wanted alone.
    ``onion_by_name``: of the names to ask DNS for, those that end in .onion are left out; before,
    there were none if the name that was given does. ``root_is_name``: the name "." is one.
    ``rooted_254_asked``: a name of 254 bytes, its final dot included (golang/go#54285).
    Literals: ``no_leading_zeros`` in IPv4 numbers, ``zone_from_first_percent``, which is not empty,
    and ``four_digits`` at most in a part of an IPv6 address.
    """

    services_one_by_one: bool = history(False, ("1.21", True))
    miss_is_error: bool = history(False, ("1.21", True))
    asks_one_family: bool = history(False, ("1.19", True))
    onion_by_name: bool = history(False, ("1.22", True))
    root_is_name: bool = history(False, ("1.17", True))
    rooted_254_asked: bool = history(False, ("1.21", True))
    no_leading_zeros: bool = history(False, ("1.17", True))
    zone_from_first_percent: bool = history(False, ("1.21", True))
    four_digits: bool = history(False, ("1.23", True))


@lru_cache(64)
def behaviour(version: str) -> GoBehaviour:
    """How Go ``version`` behaves, as "1.19.8". Raises ValueError for what is no version."""
    return at_version(GoBehaviour, version)

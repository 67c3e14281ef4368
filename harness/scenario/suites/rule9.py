"""The suite "rule9": when rule 9 decides and when it does not, exhaustively."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..load import LoadedScenario
from . import ipv4, ipv4_hosts, ipv6, lists, scoped
from .cases import Family

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "v4-p": ipv4.by_prefix_length,
        "v4-peer": ipv4_hosts.peers,
        "v4-loopback": ipv4_hosts.loopback,
        "v4-secondary": ipv4_hosts.secondaries,
        "v4-twice": ipv4_hosts.twice,
        "v6-p": ipv6.by_common_prefix,
        "v6-linklocal-source": ipv6.link_local_source,
        "v6-ula": ipv6.unique_local,
        "v6-6to4": ipv6.six_to_four,
        "v6-teredo": ipv6.teredo,
        "v6-scoped": scoped.scoped,
        "ties": lists.ties,
        "cycles": lists.cycles,
        "sizes": lists.sizes,
        "dns": lists.dns,
    }
)
"""The families of cases: the names of a family's scenarios begin with ``rule9-`` and its key."""


def scenarios() -> list[LoadedScenario]:
    """All scenarios of the suite, family after family, the same ones every time."""
    return [cases.loaded("rule9") for family in FAMILIES.values() for cases in family()]

"""The ids of test items: readable, the same in every run, and free of pytest's own signs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.compare.request import lookup_title
from harness.glibcs.catalog import native_arch

if TYPE_CHECKING:
    from harness.compare.evidence import LaneSpec
    from harness.scenario.schema import Lookup


def lookup_names(lookups: Sequence[Lookup]) -> list[str]:
    """A name for each look-up of a file: "web", "web+inet6", "web#2" for the same once more."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for lookup in lookups:
        title = lookup_title(lookup).replace(" ", "+")
        seen[title] += 1
        names.append(title if seen[title] == 1 else f"{title}#{seen[title]}")
    return names


def lane_names(lanes: Sequence[LaneSpec]) -> list[str]:
    """A name for each build: "2.36", "2.36:armhf", "2.36-host" beside another 2.36."""
    own = native_arch()
    often = Counter((lane.glibc, lane.arch) for lane in lanes)
    names = []
    for lane in lanes:
        name = lane.glibc if lane.arch == own else f"{lane.glibc}:{lane.arch}"
        if often[lane.glibc, lane.arch] > 1:
            name += "-" + re.sub(r"[^\w.+-]+", "-", lane.label)
        names.append(name)
    return names


def item_name(lookup: str, lane: str, gai_conf: str) -> str:
    """The last part of a node id: "web[2.36]" or "web[2.36-prefer-ipv4.conf]".

    ``FILE::web`` then selects all builds. pytest splits ids at "::" and "[", so a look-up
    with these in its name, such as an IPv6 address, stands behind the bracket.
    """
    build = f"{lane}-{gai_conf}" if gai_conf else lane
    if "::" in lookup or "[" in lookup:
        return f"lookup[{lookup}-{build}]"
    return f"{lookup}[{build}]"

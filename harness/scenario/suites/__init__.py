"""Built-in suites: generated scenarios, the same list of them every time."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from ..load import LoadedScenario
from . import findings, ipv4, ipv6, lists
from .cases import BOTH_DEFAULTS, DEFAULT6, TIED, Cases
from .reasoning import nearest

FAMILIES: dict[str, Callable[[], Iterator[Cases]]] = {
    "v4-p": ipv4.by_prefix_length, "v4-peer": ipv4.peers, "v4-loopback": ipv4.loopback,
    "v4-secondary": ipv4.secondaries, "v4-twice": ipv4.twice,
    "v6-p": ipv6.by_common_prefix, "v6-linklocal-source": ipv6.link_local_source,
    "v6-ula": ipv6.unique_local, "v6-6to4": ipv6.six_to_four, "v6-teredo": ipv6.teredo,
    "v6-scoped": ipv6.scoped,
    "ties": lists.ties, "cycles": lists.cycles, "sizes": lists.sizes, "dns": lists.from_dns,
}  # fmt: skip
"""The suite "rule9": when rule 9 decides and when it does not, exhaustively.

The names of a family's scenarios begin with ``rule9-`` and its key.
"""


def _smoke() -> Iterator[Cases]:
    """A few hosts of every sort, for machines that are slow."""
    for length, kind in (*((24, kind) for kind in ipv4.KINDS), (0, "dual"), (31, "dual")):
        yield ipv4.host("smoke-v4", length, kind)
    yield Cases(
        "smoke-v6",
        "IPv6 rule 9 counts all equal bits, beyond the source's prefix length too.",
        {"eth0": ["2001:db8:1::2/64"]},
        [DEFAULT6],
    ).pairs({"near": "2001:db8:1::6", "far": "2001:db8:1::f006"}, nearest("2001:db8:1::2"))
    order = ["172.31.80.8", "2001:db8:9::1", "172.18.45.6"]
    yield Cases(
        "smoke-cycle",
        "Near and far IPv4 around IPv6 of the same precedence: the steps of the sort decide.",
        {"eth0": ["172.18.45.2/24", "2001:db8:1::2/64"]},
        BOTH_DEFAULTS,
        gai_conf=TIED,
    ).add("far4-then-far6-then-near4", order, [{"order": order, "glibc": ">=2.8"}])


SHOWN = {
    "rule9": "when rule 9 decides and when it does not, exhaustively: thousands of comparisons",
    "smoke": "a few hosts of every sort, for machines that are slow",
    "findings": "public reports of a wrong order, played through in every shape",
}
"""What each suite shows, in a line."""


def suites() -> dict[str, Callable[[], list[LoadedScenario]]]:
    """The suites by name; calling one generates its scenarios, whose path is ``suite:NAME``."""
    made = {"rule9": [*FAMILIES.values()], "smoke": [_smoke], "findings": [findings.cases]}
    return {name: partial(_loaded, name, families) for name, families in made.items()}


def _loaded(name: str, families: Iterable[Callable[[], Iterator[Cases]]]) -> list[LoadedScenario]:
    return [one.loaded(name) for family in families for one in family()]

"""The suite "smoke": a few hosts of every sort, for machines that are slow."""

from __future__ import annotations

from ..load import LoadedScenario
from . import ipv4
from .cases import BOTH_DEFAULTS, DEFAULT6, TIED, Cases
from .reasoning import nearest


def scenarios() -> list[LoadedScenario]:
    """All scenarios of the suite, the same ones every time."""
    hosts = [ipv4.host(f"smoke-v4-p24-{kind}", 24, kind) for kind in ipv4.KINDS]
    hosts += [ipv4.host(f"smoke-v4-p{length}-dual", length, "dual") for length in (0, 31)]
    six = Cases(
        "smoke-v6",
        "IPv6 rule 9 counts all equal bits, beyond the source's prefix length too.",
        {"eth0": ["2001:db8:1::2/64"]},
        [DEFAULT6],
    )
    six.pairs({"near": "2001:db8:1::6", "far": "2001:db8:1::f006"}, nearest("2001:db8:1::2"))
    cycle = Cases(
        "smoke-cycle",
        "Near and far IPv4 around IPv6 of the same precedence: the steps of the sort decide.",
        {"eth0": ["172.18.45.2/24", "2001:db8:1::2/64"]},
        BOTH_DEFAULTS,
        gai_conf=TIED,
    )
    order = ["172.31.80.8", "2001:db8:9::1", "172.18.45.6"]
    cycle.add("far4-then-far6-then-near4", order, lambda _: [{"order": order, "glibc": ">=2.8"}])
    return [cases.loaded("smoke") for cases in (*hosts, six, cycle)]

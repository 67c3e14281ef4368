"""What a benchmark asks: a dual-stack host, names of every size, gai.conf files that differ.

Everything is worked out from numbers, so each run measures the same.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from harness.scenario.fuzz import Batch, Round
from harness.scenario.host import Host
from harness.scenario.schema import Lookup

SIZES = (2, 8, 64, 256, 1024)
FAMILIES = ("ipv4", "ipv6", "mixed")
LOOKUPS_A_CONF = 20

HOST = Host.model_validate(
    {
        "interfaces": {
            "eth0": {"addresses": ["172.18.45.2/24", "203.0.113.9/28", "2001:db8:1::2/64"]},
            "eth1": {
                "addresses": [
                    "10.9.0.2/16", "169.254.7.7/16", "fd00:9::2/64",
                    {"address": "2001:db8:9::2/64", "flags": ["deprecated"]},
                ],
            },
        },
        "routes": [
            {"to": "default", "via": "172.18.45.1"},
            {"to": "default", "via": "2001:db8:1::1"},
            {"to": "fc00::/7", "via": "fd00:9::1"},
            {"to": "10.0.0.0/8", "via": "10.9.0.1"},
            {"to": "198.18.0.0/15", "type": "unreachable"},
        ],
    }
)  # fmt: skip
"""Sources of several scopes, labels and lengths, so that every kind of rule has work."""

_BASES4 = tuple(
    (int(IPv4Address(text)), width)
    for text, width in (
        ("172.18.45.0", 8), ("10.9.0.0", 16), ("10.64.0.0", 20), ("8.0.0.0", 24),
        ("192.168.0.0", 16), ("172.18.0.0", 16), ("198.18.0.0", 12), ("203.0.113.0", 7),
    )
)  # fmt: skip
_BASES6 = tuple(
    (int(IPv6Address(text)), width)
    for text, width in (
        ("2001:db8:1::", 60), ("2001:db8::", 90), ("fd00:9::", 60), ("2a00::", 110),
        ("2002::", 100), ("fd12::", 80), ("2001:db8:9::", 60), ("2600::", 110),
    )
)  # fmt: skip
_STEP = 0x9E3779B97F4A7C15F39CC0605CEDC835  # an odd number scatters the multiples of it


def destinations(family: str, size: int) -> tuple[str, ...]:
    """``size`` different addresses of one of `FAMILIES`, in the order a name has them."""
    if family == "mixed":
        six = destinations("ipv6", size - size // 2)
        four = destinations("ipv4", size // 2)
        both = [text for pair in zip(six, four, strict=False) for text in pair]
        return tuple(both + list(six[len(four) :]))
    bases = _BASES4 if family == "ipv4" else _BASES6
    found: dict[str, None] = {}
    number = 0
    while len(found) < size:
        base, width = bases[number % len(bases)]
        number += 1
        value = base + (number * _STEP & (1 << 128) - 1) % (1 << width)
        found[str(IPv4Address(value) if family == "ipv4" else IPv6Address(value))] = None
    return tuple(found)


def single_batch(family: str, size: int) -> Batch:
    """One name with ``size`` addresses, looked up once; no rounds.

    A name of its own in the file: the name service reads the whole of it at each look-up.
    """
    names = {"web": destinations(family, size)}
    return Batch("bench", HOST, names, (Lookup(name="web"),), (), "nss")


def prepared_batch(confs: int) -> Batch:
    """Twenty names of eight addresses, looked up under each of ``confs`` gai.conf files."""
    every = destinations("mixed", 8 * LOOKUPS_A_CONF)
    names = {f"n{i}": every[8 * i : 8 * i + 8] for i in range(LOOKUPS_A_CONF)}
    lookups = tuple(Lookup(name=name) for name in names)
    rounds = tuple(Round(_gai_conf(i), tuple(range(LOOKUPS_A_CONF))) for i in range(confs))
    return Batch("bench", HOST, names, lookups, rounds, "nss")


def _gai_conf(number: int) -> bytes:
    """A file of ordinary length that sorts otherwise than the one before."""
    return (
        f"precedence ::1/128 50\nprecedence ::/0 {40 + number % 7}\n"
        f"precedence 2002::/16 30\nprecedence ::ffff:0:0/96 {10 + number % 97}\n"
        f"label fd00::/{8 + number % 5} 6\nlabel ::/0 1\nlabel ::ffff:0:0/96 4\n"
    ).encode()

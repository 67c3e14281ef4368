"""IPv6: every common prefix length, and sources of every sort."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from .cases import Cases, joined
from .ipv4 import ROUTE6
from .reasoning import Ranking, expectation, flip, shared, six_by_bits

# neither bits nor their neighbours are all alike, and one flipped bit stays global unicast
SOURCE = "2001:db8:1:2:a5c3:69e1:3c5a:96f7"
_LENGTHS = (48, 64, 127, 128)
_SPAN = 32  # common prefix lengths on one host


def by_common_prefix() -> Iterator[Cases]:
    """Two destinations with 0 to 128 bits in common with the source, for each source length.

    glibc compares all 128 bits, whatever the length; RFC 6724 allows to stop at it.
    """
    for length in _LENGTHS:
        for first in range(0, 128, _SPAN):
            yield _common(f"rule9-v6-p{length}-common-{first}-{first + _SPAN}", length, first)


def _common(name: str, length: int, first: int) -> Cases:
    cases = Cases(
        name,
        f"From {SOURCE}/{length}: destinations with {first} to {first + _SPAN} bits in common, "
        "each against the next one, up to /64 against a distant one too.",
        {"eth0": [f"{SOURCE}/{length}", "172.18.45.2/24"]},
        [ROUTE6],
    )

    def at(common: int) -> str:
        return SOURCE if common == 128 else flip(SOURCE, common)

    done = set()
    for common in range(first, first + _SPAN):
        # odd lengths meet the source itself, even ones an address of the other half
        distant = 128 if common % 2 else (common + 64) % 128
        for other in (common + 1, distant) if length <= 64 else (common + 1,):
            for pair in ((common, other), (other, common)):
                if pair in done:
                    continue
                done.add(pair)
                order = [at(bits) for bits in pair]
                name = joined([f"common-{bits}" for bits in pair])
                cases.add(name, order, [expectation(order, six_by_bits(SOURCE))])
    everything = [at(bits) for bits in range(first, first + _SPAN + 1, 4)]
    for title, order in (("everything", everything), ("everything-backwards", everything[::-1])):
        cases.add(title, order, [expectation(order, six_by_bits(SOURCE))])
        any_socktype = [expectation(order, six_by_bits(SOURCE))]
        cases.add(f"{title}-any-socktype", order, any_socktype, socktype="any")
    return cases


def link_local_source() -> Iterator[Cases]:
    """Global destinations from a link-local address, the only one there is."""
    for length in (64, 128):
        source = "fe80::2"
        cases = Cases(
            f"rule9-v6-linklocal-source-p{length}",
            f"The only source is {source}: no scope matches, and rule 9 compares with fe80::.",
            {"eth0": [f"{source}/{length}"]},
            [ROUTE6],
        )
        where = {
            f"common-{shared(address, source)}": address
            for address in ("2001:db8::1", "a001::1", "c001::1", "e001::1", "f001::1", "f801::1")
        }
        _permute(cases, where, (2,), six_by_bits(source))
        _everything(cases, where, six_by_bits(source))
        yield cases


def unique_local() -> Iterator[Cases]:
    """Unique local sources and destinations, alone and beside a global address."""
    source = "fd12:3456:789a:1::2"
    commons = (7, 8, 20, 40, 47, 48, 63, 64, 65, 127)
    where = {f"common-{bits}": flip(source, bits) for bits in commons}
    for length in (48, 64, 127, 128):
        yield _special(
            f"rule9-v6-ula-p{length}", f"Unique local destinations from {source}/{length}.",
            [f"{source}/{length}"], where, six_by_bits(source),
        )  # fmt: skip
    yield _special(
        "rule9-v6-ula-beside-global",
        "Global and unique local destinations each have a source of their own sort: "
        "labels match, and rule 9 compares bits with different sources.",
        [f"{source}/64", "2001:db8:1::2/64"],
        {
            "ula-64": flip(source, 64), "ula-48": flip(source, 48), "ula-20": flip(source, 20),
            "ula-7": flip(source, 7), "global-50": flip("2001:db8:1::2", 50),
            "global-30": flip("2001:db8:1::2", 30),
        },
        [(9, lambda to: -shared(to, source if to.startswith("f") else "2001:db8:1::2"))],
    )  # fmt: skip
    yield _special(
        "rule9-v6-ula-only-to-global",
        "Global destinations from a unique local source: no label matches, rule 9 counts few bits.",
        [f"{source}/64"],
        {
            "ula": flip(source, 64), "common-0": "2001:db8:9::1", "common-1": "a001::1",
            "common-2": "c001::1", "common-3": "e001::1", "common-4": "f001::1",
        },
        [(5, lambda to: not to.startswith("fd")), (9, lambda to: -shared(to, source))],
    )  # fmt: skip


def six_to_four() -> Iterator[Cases]:
    """6to4 sources and destinations (2002::/16: label 2, precedence 30)."""
    source, native = "2002:8a12:2d82:1::2", "2001:db8:1::2"
    commons = (16, 24, 31, 32, 47, 48, 63, 64, 127)
    where = {f"common-{bits}": flip(source, bits) for bits in commons}
    for length in (16, 48, 64):
        yield _special(
            f"rule9-v6-6to4-p{length}", f"6to4 destinations from {source}/{length}.",
            [f"{source}/{length}"], where, six_by_bits(source),
        )  # fmt: skip
    yield _special(
        "rule9-v6-6to4-beside-native",
        "With a native address too, precedence puts native destinations first whatever the bits.",
        [f"{source}/48", f"{native}/64"],
        {
            "6to4-64": flip(source, 64), "6to4-16": flip(source, 16), "6to4-48": flip(source, 48),
            "native-30": flip(native, 30), "native-60": flip(native, 60), "native-2": "3001::1",
        },
        [
            (6, lambda to: to.startswith("2002:")),
            (9, lambda to: -shared(to, source if to.startswith("2002:") else native)),
        ],
    )  # fmt: skip
    yield _special(
        "rule9-v6-6to4-only-to-native",
        "From a 6to4 source only: 6to4 destinations match in label, native ones do not.",
        [f"{source}/48"],
        {
            "6to4-64": flip(source, 64), "6to4-16": flip(source, 16),
            "native-14": "2001:db8:9::1", "native-3": "3001::1", "native-0": "a001::1",
        },
        [(5, lambda to: not to.startswith("2002:")), (9, lambda to: -shared(to, source))],
    )  # fmt: skip


def teredo() -> Iterator[Cases]:
    """Teredo sources and destinations (2001::/32: label 7, precedence 40 as native ones)."""
    source, native = "2001:0:8a12:2d82:8000:63bf:3fff:fdd2", "2001:db8:1::2"
    commons = (32, 33, 48, 63, 64, 80, 96, 112, 127)
    where = {f"common-{bits}": flip(source, bits) for bits in commons}
    for length in (32, 64, 128):
        yield _special(
            f"rule9-v6-teredo-p{length}", f"Teredo destinations from {source}/{length}.",
            [f"{source}/{length}"], where, six_by_bits(source),
        )  # fmt: skip
    yield _special(
        "rule9-v6-teredo-beside-native",
        "Teredo ties with native in precedence, so rule 9 decides between the two, each counted "
        "from a source of its own sort.",
        [f"{source}/32", f"{native}/64"],
        {
            "teredo-32": flip(source, 32), "teredo-50": flip(source, 50),
            "teredo-90": flip(source, 90), "native-30": flip(native, 30),
            "native-60": flip(native, 60), "native-100": flip(native, 100),
        },
        [(9, lambda to: -shared(to, source if to.startswith("2001:0:") else native))],
    )  # fmt: skip
    yield _special(
        "rule9-v6-teredo-only-to-native",
        "From a Teredo source only: Teredo destinations match in label, native ones do not.",
        [f"{source}/32"],
        {
            "teredo-32": flip(source, 32), "teredo-90": flip(source, 90),
            "native-20": "2001:db8:9::1", "native-3": "3001::1", "native-0": "a001::1",
        },
        [(5, lambda to: not to.startswith("2001:0:")), (9, lambda to: -shared(to, source))],
    )  # fmt: skip


def _special(
    name: str,
    description: str,
    sources: Sequence[str],
    where: Mapping[str, str],
    ranking: Ranking,
) -> Cases:
    cases = Cases(name, description, {"eth0": list(sources)}, [ROUTE6])
    _permute(cases, where, (2,), ranking)
    _everything(cases, where, ranking)
    return cases


def _permute(
    cases: Cases, where: Mapping[str, str], sizes: Sequence[int], ranking: Ranking
) -> None:
    rules = list(ranking)
    for size in sizes:
        for words in permutations(where, size):
            order = [where[word] for word in words]
            cases.add(joined(words), order, [expectation(order, rules)])


def _everything(cases: Cases, where: Mapping[str, str], ranking: Ranking) -> None:
    rules = list(ranking)
    forward = list(where.values())
    lists: dict[str, tuple[list[str], dict[str, Any]]] = {
        "everything": (forward, {}),
        "everything-backwards": (forward[::-1], {}),
        "everything-halves-swapped": ([*forward[3:], *forward[:3]], {}),
        "everything-any-socktype": (forward[::-1], {"socktype": "any"}),
        "everything-family-inet6": (forward[::-1], {"family": "inet6"}),
    }
    for title, (order, hints) in lists.items():
        cases.add(title, order, [expectation(order, rules)], **hints)

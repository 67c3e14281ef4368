"""IPv6: every common prefix length, sources of every sort, and link-local ones with scope ids."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from .cases import BOTH_DEFAULTS, DEFAULT6, Cases, Expect, Places, rotations
from .reasoning import flip, in_subnet, nearest, ranked, shared

# neither bits nor their neighbours are all alike, and one flipped bit stays global unicast
SOURCE = "2001:db8:1:2:a5c3:69e1:3c5a:96f7"
_SPAN = 32  # common prefix lengths on one host
_NATIVE = "2001:db8:1::2"
_ULA = "fd12:3456:789a:1::2"
_SIX_TO_FOUR = "2002:8a12:2d82:1::2"
_TEREDO = "2001:0:8a12:2d82:8000:63bf:3fff:fdd2"


def by_common_prefix() -> Iterator[Cases]:
    """Two destinations with 0 to 128 bits in common with the source, for each source length.

    glibc compares all 128 bits, whatever the length; RFC 6724 allows to stop at it.
    """
    for length in (48, 64, 127, 128):
        for first in range(0, 128, _SPAN):
            last = first + _SPAN
            cases = Cases(
                f"rule9-v6-p{length}-common-{first}-{last}",
                f"From {SOURCE}/{length}: destinations with {first} to {last} bits in common, "
                "each against the next one, up to /64 against a distant one too.",
                {"eth0": [f"{SOURCE}/{length}", "172.18.45.2/24"]},
                [DEFAULT6],
            )
            # odd lengths meet the source itself, even ones an address of the other half
            distant = {c: 128 if c % 2 else (c + 64) % 128 for c in range(first, last)}
            further = distant if length <= 64 else {}
            yield _common_prefixes(cases, SOURCE, range(first, last), 4, further)


def _common_prefixes(
    cases: Cases, source: str, lengths: range, step: int, distant: Mapping[int, int], zone: str = ""
) -> Cases:
    """Every common prefix length with a source against the next one, and some all together.

    Parameters: ``step`` from one length to the next where all are together; ``distant`` gives
    the further length that one is looked up with; ``zone`` is added to every address.
    """
    near = nearest(source)
    places = {f"common-{n}": flip(source, n) + zone for n in range(128)}
    places["common-128"] = source + zone
    groups: dict[tuple[str, str], None] = {}
    for common in lengths:
        for other in (common + 1, distant.get(common, common + 1)):
            if other != common:
                pair = f"common-{common}", f"common-{other}"
                groups |= {pair: None, pair[::-1]: None}
    cases.lists(places, groups, near)
    every = [places[f"common-{n}"] for n in range(lengths.start, lengths.stop + 1, step)]
    for title, order in (("everything", every), ("everything-backwards", every[::-1])):
        cases.add(title, order, near)
        cases.add(f"{title}-any-socktype", order, near, socktype="any")
    return cases


def _hosts(
    name: str, words: str, source: str, lengths: Sequence[int], places: Places
) -> Iterator[Cases]:
    """Destinations of a sort from one source of it, for each length of the source."""
    for length in lengths:
        description = words.format(source=f"{source}/{length}", plain=source)
        made = [f"{source}/{length}"]
        yield _host(f"{name}-p{length}", description, made, places, nearest(source))


def _host(
    name: str, description: str, sources: Sequence[str], places: Places, expect: Expect
) -> Cases:
    """Every two of the places, and all of them in some orders."""
    cases = Cases(f"rule9-v6-{name}", description, {"eth0": list(sources)}, [DEFAULT6])
    every = list(places.values())
    cases.pairs(places, expect).everything(every, expect)
    cases.add("everything-halves-swapped", [*every[3:], *every[:3]], expect)
    cases.add("everything-any-socktype", every[::-1], expect, socktype="any")
    return cases.add("everything-family-inet6", every[::-1], expect, family="inet6")


def _flips(name: str, source: str, *common: int) -> dict[str, str]:
    return {f"{name}-{bits}": flip(source, bits) for bits in common}


def _own_sort(prefix: str, source: str) -> tuple[int, Callable[[str], int]]:
    """Rule 9 where destinations that begin with ``prefix`` have another source than the rest."""
    return 9, lambda to: -shared(to, source if to.startswith(prefix) else _NATIVE)


def _one_source(prefix: str, source: str) -> Expect:
    """One source for all: the label matches destinations that begin with ``prefix`` (rule 5)."""
    return ranked((5, lambda to: not to.startswith(prefix)), (9, lambda to: -shared(to, source)))


def link_local_source() -> Iterator[Cases]:
    """Global destinations from a link-local address, the only one there is."""
    source = "fe80::2"
    commons = ("2001:db8::1", "a001::1", "c001::1", "e001::1", "f001::1", "f801::1")
    places = {f"common-{shared(address, source)}": address for address in commons}
    words = "The only source is {plain}: no scope matches, and rule 9 compares with fe80::."
    yield from _hosts("linklocal-source", words, source, (64, 128), places)


def unique_local() -> Iterator[Cases]:
    """Unique local sources and destinations, alone and beside a global address."""
    yield from _hosts(
        "ula", "Unique local destinations from {source}.", _ULA, (48, 64, 127, 128),
        _flips("common", _ULA, 7, 8, 20, 40, 47, 48, 63, 64, 65, 127),
    )  # fmt: skip
    yield _host(
        "ula-beside-global",
        "Global and unique local destinations each have a source of their own sort: "
        "labels match, and rule 9 compares bits with different sources.",
        [f"{_ULA}/64", f"{_NATIVE}/64"],
        _flips("ula", _ULA, 64, 48, 20, 7) | _flips("global", _NATIVE, 50, 30),
        ranked(_own_sort("f", _ULA)),
    )
    yield _host(
        "ula-only-to-global",
        "Global destinations from a unique local source: no label matches, rule 9 counts few bits.",
        [f"{_ULA}/64"],
        {
            "ula": flip(_ULA, 64), "common-0": "2001:db8:9::1", "common-1": "a001::1",
            "common-2": "c001::1", "common-3": "e001::1", "common-4": "f001::1",
        },
        _one_source("fd", _ULA),
    )  # fmt: skip


def six_to_four() -> Iterator[Cases]:
    """6to4 sources and destinations (2002::/16: label 2, precedence 30)."""
    yield from _hosts(
        "6to4", "6to4 destinations from {source}.", _SIX_TO_FOUR, (16, 48, 64),
        _flips("common", _SIX_TO_FOUR, 16, 24, 31, 32, 47, 48, 63, 64, 127),
    )  # fmt: skip
    yield _host(
        "6to4-beside-native",
        "With a native address too, precedence puts native destinations first whatever the bits.",
        [f"{_SIX_TO_FOUR}/48", f"{_NATIVE}/64"],
        _flips("6to4", _SIX_TO_FOUR, 64, 16, 48)
        | _flips("native", _NATIVE, 30, 60)
        | {"native-2": "3001::1"},
        ranked((6, lambda to: to.startswith("2002:")), _own_sort("2002:", _SIX_TO_FOUR)),
    )
    yield _host(
        "6to4-only-to-native",
        "From a 6to4 source only: 6to4 destinations match in label, native ones do not.",
        [f"{_SIX_TO_FOUR}/48"],
        _flips("6to4", _SIX_TO_FOUR, 64, 16)
        | {"native-14": "2001:db8:9::1", "native-3": "3001::1", "native-0": "a001::1"},
        _one_source("2002:", _SIX_TO_FOUR),
    )


def teredo() -> Iterator[Cases]:
    """Teredo sources and destinations (2001::/32: label 7, precedence 40 as native ones)."""
    yield from _hosts(
        "teredo", "Teredo destinations from {source}.", _TEREDO, (32, 64, 128),
        _flips("common", _TEREDO, 32, 33, 48, 63, 64, 80, 96, 112, 127),
    )  # fmt: skip
    yield _host(
        "teredo-beside-native",
        "Teredo ties with native in precedence, so rule 9 decides between the two, each counted "
        "from a source of its own sort.",
        [f"{_TEREDO}/32", f"{_NATIVE}/64"],
        _flips("teredo", _TEREDO, 32, 50, 90) | _flips("native", _NATIVE, 30, 60, 100),
        ranked(_own_sort("2001:0:", _TEREDO)),
    )
    yield _host(
        "teredo-only-to-native",
        "From a Teredo source only: Teredo destinations match in label, native ones do not.",
        [f"{_TEREDO}/32"],
        _flips("teredo", _TEREDO, 32, 90)
        | {"native-20": "2001:db8:9::1", "native-3": "3001::1", "native-0": "a001::1"},
        _one_source("2001:0:", _TEREDO),
    )


# flipped from bit 10 on it stays link-local
_LOCAL = "fe80::a5c3:69e1:3c5a:96f7"
_FIRST = 10  # fe80::/10
_OTHER = flip(_LOCAL, 90)  # the other link's source has 90 bits in common
_EVERY_LINK_LOCAL = {"to": "fe80::/10", "dev": "eth0", "metric": 512}
_EVERY_ON_ETH1 = {"to": "fe80::/10", "dev": "eth1", "metric": 513}


def scoped() -> Iterator[Cases]:
    """Every common prefix length on one link, then two links, one source on both, and others."""
    for length in (10, 64, 128):
        cases = Cases(
            f"rule9-v6-scoped-p{length}",
            f"From {_LOCAL}/{length}: link-local destinations on one link with {_FIRST} to 128 "
            "bits in common, each against the next one, from /64 against a distant one too.",
            {"eth0": [f"{_LOCAL}/{length}"]},
            [_EVERY_LINK_LOCAL],
            resolver="nss",
        )
        # the length plays no part: one of them with the distant pairs is enough
        distant = {c: 128 if c % 2 else _FIRST + (c + 49) % 118 for c in range(_FIRST, 128)}
        further = distant if length == 64 else {}
        yield _common_prefixes(cases, _LOCAL, range(_FIRST, 128), 3, further, "%eth0")
    yield _two_links()
    yield _one_source_twice()
    yield _beside_others()


def _by_zone(**sources: str) -> Expect:
    """The bits in common with the source of the destination's own zone."""
    return ranked((9, lambda to: -shared(to, sources[to.partition("%")[2]])))


def _two_links() -> Cases:
    cases = Cases(
        "rule9-v6-scoped-two-links",
        f"From {_LOCAL} on eth0 and {_OTHER} on eth1: the same destination in both zones, then "
        "several. Each is compared with the source of its own link.",
        {"eth0": [f"{_LOCAL}/64"], "eth1": [f"{_OTHER}/64"]},
        [_EVERY_LINK_LOCAL, _EVERY_ON_ETH1],
        resolver="nss",
    )
    expect = _by_zone(eth0=_LOCAL, eth1=_OTHER)
    for common in range(_FIRST, 128):
        both = [f"{flip(_LOCAL, common)}%{zone}" for zone in ("eth0", "eth1")]
        cases.add(f"flipped-{common}", both, expect)
        cases.add(f"flipped-{common}-turned", both[::-1], expect)
    several = [
        f"{flip(_LOCAL, common)}%{zone}"
        for common in (64, 89, 90, 91, 127)
        for zone in ("eth1", "eth0")
    ]
    return cases.rotated("", several, (3, 5, 10), expect)


def _one_source_twice() -> Cases:
    cases = Cases(
        "rule9-v6-scoped-one-source-twice",
        "fe80::1 on two bridges: equal bits tie in both zones and stay as they are, and a zone "
        "with more bits in common goes before the other.",
        {"br0": ["fe80::1/64"], "br1": ["fe80::1/64"]},
        resolver="nss",
    )
    expect = _by_zone(br0="fe80::1", br1="fe80::1")
    for bit in (64, 80, 100, 126, 127):
        tied = [f"{flip('fe80::1', bit)}%{zone}" for zone in ("br0", "br1")]
        nearer = f"{flip('fe80::1', bit, 127)}%br0" if bit < 127 else "fe80::2%br1"
        for words, items in (("turned", [*tied, nearer]), ("tie", tied)):
            for turn, order in rotations(items):
                cases.add(f"bit-{bit}-{words}-{turn}", order, expect)
    return cases


def _beside_others() -> Cases:
    cases = Cases(
        "rule9-v6-scoped-beside-others",
        "Link-local destinations beside global and IPv4 ones: the precedence (rule 6) and the "
        "scope (rule 8) settle that, and rule 9 only the order among equals.",
        {"eth0": [f"{_LOCAL}/64", f"{_NATIVE}/64", "172.18.45.2/24"]},
        BOTH_DEFAULTS,
        resolver="nss",
    )

    def near(address: str) -> int:
        if "." in address:
            return -in_subnet(address, "172.18.45.2", 24)
        return -shared(address, _LOCAL if "%" in address else _NATIVE)

    every = [
        "2001:db8:1::3", f"{flip(_LOCAL, 64)}%eth0", "172.18.45.6", "2001:db8:9::1",
        f"{flip(_LOCAL, 120)}%eth0", "172.31.80.8",
    ]  # fmt: skip
    rules = [(6, lambda to: "." in to), (8, lambda to: "%" not in to), (9, near)]
    return cases.rotated("", every, range(2, 7), ranked(*rules))

"""Both families: ties, cycles, long lists and DNS."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice, permutations
from typing import Any

from .cases import BOTH_DEFAULTS, DEFAULT4, SOURCE4, TIED, Cases, dns
from .reasoning import flip, in_subnet, ranked, shared

_FOUR, _SIX = "172.18.45.2", "2001:db8:1::2"
_DUAL = {"eth0": [f"{_FOUR}/24", f"{_SIX}/64"]}
_NEAR_FAR = {
    "near4": "172.18.45.6", "mid4": "172.18.45.200", "far4": "172.31.80.8",
    "near6": "2001:db8:1::6", "mid6": "2001:db8:1:ff::6", "far6": "2001:db8:9::1",
}  # fmt: skip
_SIZES = (2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64)
_ONE_LINER = "precedence ::ffff:0:0/96 40\n"


def _dual(name: str, text: str, gai_conf: str | None = None, **settings: Any) -> Cases:
    return Cases(name, text, _DUAL, BOTH_DEFAULTS, gai_conf=gai_conf, **settings)


def ties() -> Iterator[Cases]:
    """Destinations that no rule tells apart: every rotation stays as it is (rule 10)."""
    outside4 = [f"203.0.113.{n}" for n in (9, 1, 5, 200, 77, 130, 64)]
    equal6 = [f"2001:db8:9:{n}::1" for n in (7, 1, 5, 3, 2, 6, 4)]
    mixed = [item for pair in zip(outside4, equal6, strict=True) for item in pair]
    text = "Nothing up to rule 9 tells these destinations apart, in whatever rotation."
    cases = _dual("rule9-ties-dual", text)
    _tie(cases, "v4-outside", outside4, range(2, 8))
    yield _tie(cases, "v6-equal-bits", equal6, range(2, 8))
    cases = _dual("rule9-ties-mixed", f"{text} gai.conf makes the families tie.", TIED)
    _tie(cases, "mixed", mixed, range(2, 9))
    _tie(cases, "v4-block-first", [*outside4[:3], *equal6[:3]], (6,))
    yield _tie(cases, "v6-block-first", [*equal6[:2], *outside4[:3]], (5,))
    cases = Cases(
        "rule9-ties-unreachable",
        "Destinations that cannot be reached are equal to each other, near ones too: "
        "rule 9 compares only what can be reached.",
        _DUAL,
        [
            {"to": "172.18.45.0/25", "type": "unreachable", "metric": 0},
            {"to": "172.31.80.0/24", "type": "unreachable"},
            {"to": "2001:db8:1::/80", "type": "unreachable"},
            {"to": "2001:db8:9::/48", "type": "unreachable"},
        ],
    )
    four = ["172.18.45.6", "172.31.80.8", "172.18.45.9", "172.31.80.1"]
    _tie(cases, "v4", four, (2, 3, 4))
    six = ["2001:db8:1::6", "2001:db8:9::1", "2001:db8:1::9", "2001:db8:9:5::1"]
    yield _tie(cases, "v6", six, (2, 3, 4))
    cases = Cases(
        "rule9-ties-v4only",
        "Without a table glibc knows no subnet, and near and far tie where the processor "
        "shifts by 32 modulo 32.",
        {"eth0": [f"{_FOUR}/24"]},
        [DEFAULT4],
    )
    where = [*(_NEAR_FAR[word] for word in ("far4", "near4", "mid4")), "203.0.113.9"]
    yield _tie(cases, "near-and-far", where, (2, 3, 4), arch=["amd64", "i386", "arm64"])


def _tie(
    cases: Cases, name: str, items: Sequence[str], sizes: Sequence[int], **limits: Any
) -> Cases:
    expect = ranked(**limits)
    cases.rotated(f"{name}-", items, sizes, expect)
    return cases.add(f"{name}-any-socktype", items[::-1], expect, socktype="any")


def cycles() -> Iterator[Cases]:
    """Near before far by rule 9, both beside the other family by position: no right answer.

    The steps of glibc's merge sort decide; the two expectations are observed ones.
    """
    sets: tuple[tuple[str, int], ...] = (
        ("near4 far4 far6", 1), ("near6 far6 far4", 1), ("near4 mid4 near6", 1),
        ("near6 mid6 near4", 1), ("near4 far4 near6 far6", 1), ("near4 mid4 far4 far6", 1),
        ("near6 mid6 far6 near4", 1), ("near4 mid4 far4 near6 far6", 3),
        ("near4 far4 near6 mid6 far6", 3), (" ".join(_NEAR_FAR), 13),
    )  # fmt: skip
    observed = (
        ("three", "far4 far6 near4", "far4 far6 near4"),
        ("four", "far4 far6 near4 near6", "near4 far4 near6 far6"),
    )

    def addresses(words: str) -> list[str]:
        return [_NEAR_FAR[word] for word in words.split()]

    for name, gai_conf in (("full-table", TIED), ("one-line", _ONE_LINER)):
        text = "gai.conf makes the families tie: the preferences go in a circle."
        cases = _dual(f"rule9-cycles-{name}", text, gai_conf)
        for words, step in sets:
            cases.lists(_NEAR_FAR, islice(permutations(words.split()), 0, None, step))
        for title, given, order in observed:
            cases.add(f"observed-{title}", addresses(given), [{"order": addresses(order)}])
        yield cases


def sizes() -> Iterator[Cases]:
    """Lists of 2 to 64 destinations in several arrangements, of one family and mixed."""
    four = [flip(SOURCE4, 8 + n % 20, 28 + n // 20) for n in range(64)]
    six = [flip(_SIX, 20 + n % 50, 80 + n // 50) for n in range(64)]

    def near(to: str) -> int:
        return -(shared(to, _SIX) if ":" in to else in_subnet(to, SOURCE4, 20))

    mixed = [(four if n % 3 else six)[n] for n in sorted(range(64), key=lambda n: -n % 7)]
    known = ranked((6, lambda address: "." in address), (9, near))
    for name, pool, gai_conf in (
        ("v4", four, None), ("v6", six, None), ("mixed", mixed, None), ("mixed-tied", mixed, TIED)
    ):  # fmt: skip
        cases = Cases(
            f"rule9-sizes-{name}",
            "Lists of 2 to 64 destinations, some of which tie: each size takes other steps in "
            "the sort.",
            {"eth0": [f"{SOURCE4}/20", f"{_SIX}/64"]},
            BOTH_DEFAULTS,
            gai_conf=gai_conf,
        )
        for size in _SIZES:
            ascending = sorted(pool[:size], key=near)
            arrangements = {
                "nearest-first": ascending,
                "nearest-last": ascending[::-1],
                "interleaved": [*ascending[::2], *ascending[1::2]],
                "turned": [*ascending[size // 3 :], *ascending[: size // 3]],
            }
            for words, order in arrangements.items():
                cases.add(f"{words}-{size}", order, () if gai_conf else known)
        yield cases


def from_dns() -> Iterator[Cases]:
    """Names from DNS, where the family of the first reply comes first before sorting."""
    where = _NEAR_FAR | {"farther4": "203.0.113.9", "farther6": "2001:db8:9:5::1"}
    ranking = (
        (6, lambda address: "." in address),
        (9, lambda to: -(shared(to, _SIX) if ":" in to else in_subnet(to, _FOUR, 24))),
    )
    known = ranked(*ranking)
    for reply in ("A", "AAAA"):
        for name, gai_conf in (("default", None), ("tied", TIED)):
            tie = "tie by gai.conf" if gai_conf else "do not tie"
            text = f"DNS answers the {reply} question first; the families {tie}."
            cases = _dual(f"rule9-dns-{reply.lower()}-first-{name}", text, gai_conf, **dns(reply))
            groups = ("near4", "far4"), ("near6", "far6")
            cases.lists(where, chain.from_iterable(map(permutations, groups)), known)
            cases.lists(where, permutations(chain(*groups)), () if gai_conf else known)
            # nothing else tells these apart: the first reply's family comes first
            equal = ("far4", "farther4", "far6", "farther6")
            first = (10, lambda to, reply=reply: (":" in to) == (reply == "A"))
            expect = ranked(first) if gai_conf else known
            yield cases.lists(where, islice(permutations(equal), 0, None, 4), expect)

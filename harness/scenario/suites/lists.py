"""Both families: ties, cycles, long lists and DNS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, permutations

from .cases import TIED, Cases, joined, rotations
from .ipv4 import DEFAULT_ROUTE, ROUTE6, SOURCE
from .reasoning import Ranking, expectation, flip, in_subnet, shared

_FOUR, _LENGTH4 = "172.18.45.2", 24
_SIX = "2001:db8:1::2"
_NEAR_FAR = {
    "near4": "172.18.45.6",
    "mid4": "172.18.45.200",
    "far4": "172.31.80.8",
    "near6": "2001:db8:1::6",
    "mid6": "2001:db8:1:ff::6",
    "far6": "2001:db8:9::1",
}
_SIZES = (2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64)
_ONE_LINER = "precedence ::ffff:0:0/96 40\n"


def _dual(name: str, description: str, gai_conf: str | None = None) -> Cases:
    return Cases(
        name,
        description,
        {"eth0": [f"{_FOUR}/{_LENGTH4}", f"{_SIX}/64"]},
        [DEFAULT_ROUTE, ROUTE6],
        gai_conf=gai_conf,
    )


def ties() -> Iterator[Cases]:
    """Destinations that no rule tells apart: every rotation stays as it is (rule 10)."""
    outside4 = [f"203.0.113.{n}" for n in (9, 1, 5, 200, 77, 130, 64)]
    equal6 = [f"2001:db8:9:{n}::1" for n in (7, 1, 5, 3, 2, 6, 4)]
    mixed = [item for pair in zip(outside4, equal6, strict=True) for item in pair]
    text = "Nothing up to rule 9 tells these destinations apart, in whatever rotation."
    cases = _dual("rule9-ties-dual", text)
    _tie(cases, "v4-outside", outside4, (2, 3, 4, 5, 6, 7))
    _tie(cases, "v6-equal-bits", equal6, (2, 3, 4, 5, 6, 7))
    yield cases
    cases = _dual("rule9-ties-mixed", text + " gai.conf makes the families tie.", TIED)
    _tie(cases, "mixed", mixed, (2, 3, 4, 5, 6, 7, 8))
    _tie(cases, "v4-block-first", [*outside4[:3], *equal6[:3]], (6,))
    _tie(cases, "v6-block-first", [*equal6[:2], *outside4[:3]], (5,))
    yield cases
    cases = Cases(
        "rule9-ties-unreachable",
        "Destinations that cannot be reached are equal to each other, near ones too: "
        "rule 9 compares only what can be reached.",
        {"eth0": [f"{_FOUR}/{_LENGTH4}", f"{_SIX}/64"]},
        [
            {"to": "172.18.45.0/25", "type": "unreachable", "metric": 0},
            {"to": "172.31.80.0/24", "type": "unreachable"},
            {"to": "2001:db8:1::/80", "type": "unreachable"},
            {"to": "2001:db8:9::/48", "type": "unreachable"},
        ],
    )
    _tie(cases, "v4", ["172.18.45.6", "172.31.80.8", "172.18.45.9", "172.31.80.1"], (2, 3, 4))
    six = ["2001:db8:1::6", "2001:db8:9::1", "2001:db8:1::9", "2001:db8:9:5::1"]
    _tie(cases, "v6", six, (2, 3, 4))
    yield cases
    yield _ties_v4only()


def _ties_v4only() -> Cases:
    cases = Cases(
        "rule9-ties-v4only",
        "Without a table glibc knows no subnet, and near and far tie where the processor "
        "shifts by 32 modulo 32.",
        {"eth0": [f"{_FOUR}/{_LENGTH4}"]},
        [DEFAULT_ROUTE],
    )
    where = [_NEAR_FAR["far4"], _NEAR_FAR["near4"], _NEAR_FAR["mid4"], "203.0.113.9"]
    _tie(cases, "near-and-far", where, (2, 3, 4), arch=["amd64", "i386", "arm64"])
    return cases


def _tie(
    cases: Cases, name: str, items: Sequence[str], sizes: Sequence[int], **limits: object
) -> None:
    for size in sizes:
        for turn, order in rotations(items[:size]):
            expect = [expectation(order, [], **limits)]
            cases.add(f"{name}-{size}-turned-{turn}", order, expect)
    order = list(items[::-1])
    expect = [expectation(order, [], **limits)]
    cases.add(f"{name}-any-socktype", order, expect, socktype="any")


def cycles() -> Iterator[Cases]:
    """Near before far by rule 9, both beside the other family by position: no right answer.

    The steps of glibc's merge sort decide, and the model has to take the same ones. The
    two expectations are observed ones.
    """
    sets: tuple[tuple[tuple[str, ...], int], ...] = (
        (("near4", "far4", "far6"), 1),
        (("near6", "far6", "far4"), 1),
        (("near4", "mid4", "near6"), 1),
        (("near6", "mid6", "near4"), 1),
        (("near4", "far4", "near6", "far6"), 1),
        (("near4", "mid4", "far4", "far6"), 1),
        (("near6", "mid6", "far6", "near4"), 1),
        (("near4", "mid4", "far4", "near6", "far6"), 3),
        (("near4", "far4", "near6", "mid6", "far6"), 3),
        (tuple(_NEAR_FAR), 13),
    )
    for name, gai_conf in (("full-table", TIED), ("one-line", _ONE_LINER)):
        text = "gai.conf makes the families tie: the preferences go in a circle."
        cases = _dual(f"rule9-cycles-{name}", text, gai_conf)
        for items, step in sets:
            for words in islice(permutations(items), 0, None, step):
                cases.add(joined(words), [_NEAR_FAR[word] for word in words])
        far4, near4, far6, near6 = (_NEAR_FAR[word] for word in ("far4", "near4", "far6", "near6"))
        cases.add("observed-three", [far4, far6, near4], [{"order": [far4, far6, near4]}])
        order = [near4, far4, near6, far6]
        cases.add("observed-four", [far4, far6, near4, near6], [{"order": order}])
        yield cases


def sizes() -> Iterator[Cases]:
    """Lists of 2 to 64 destinations in several arrangements, of one family and mixed."""
    four = [flip(SOURCE, 8 + n % 20, 28 + n // 20) for n in range(64)]
    six = [flip(_SIX, 20 + n % 50, 80 + n // 50) for n in range(64)]

    def near(address: str) -> int:
        six = ":" in address
        return -(shared(address, _SIX) if six else in_subnet(address, SOURCE, 20))

    four_first = sorted(range(64), key=lambda n: -n % 7)
    mixed = [(four if n % 3 else six)[n] for n in four_first]
    known: Ranking = [(6, lambda address: "." in address), (9, near)]
    for name, pool, gai_conf in (
        ("v4", four, None), ("v6", six, None), ("mixed", mixed, None), ("mixed-tied", mixed, TIED)
    ):  # fmt: skip
        cases = Cases(
            f"rule9-sizes-{name}",
            "Lists of 2 to 64 destinations, some of which tie: each size takes other steps in "
            "the sort.",
            {"eth0": [f"{SOURCE}/20", f"{_SIX}/64"]},
            [DEFAULT_ROUTE, ROUTE6],
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
                expect = [] if gai_conf else [expectation(order, known)]
                cases.add(f"{words}-{size}", order, expect)
        yield cases


def dns() -> Iterator[Cases]:
    """Names from DNS, where the family of the first reply comes first before sorting."""
    where = _NEAR_FAR | {"farther4": "203.0.113.9", "farther6": "2001:db8:9:5::1"}
    known: Ranking = [
        (6, lambda address: "." in address),
        (9, lambda to: -(shared(to, _SIX) if ":" in to else in_subnet(to, _FOUR, _LENGTH4))),
    ]
    for reply in ("A", "AAAA"):
        for name, gai_conf in (("default", None), ("tied", TIED)):
            cases = Cases(
                f"rule9-dns-{reply.lower()}-first-{name}",
                f"DNS answers the {reply} question first; the families "
                + ("tie by gai.conf." if gai_conf else "do not tie."),
                {"eth0": [f"{_FOUR}/{_LENGTH4}", f"{_SIX}/64"]},
                [DEFAULT_ROUTE, ROUTE6],
                gai_conf=gai_conf,
                first_reply=reply,
            )
            for group in (("near4", "far4"), ("near6", "far6"), ("near4", "far4", "near6", "far6")):
                for words in permutations(group):
                    order = [where[word] for word in words]
                    circular = gai_conf is not None and len(group) > 2
                    cases.add(joined(words), order, [] if circular else [expectation(order, known)])
            equal = ("far4", "farther4", "far6", "farther6")
            for words in islice(permutations(equal), 0, None, 4):
                order = [where[word] for word in words]
                # nothing else tells them apart: the first reply's family comes first
                order.sort(key=lambda to: (":" in to) == (reply == "A"))
                expect = [expectation(order, [] if gai_conf else known)]
                cases.add(joined(words), [where[word] for word in words], expect)
            yield cases

"""What the page is made of: columns, groups, chains and bits, before any HTML."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compare.results import LookupReport, Result
from harness.report.html.answers import prefix_bits
from harness.report.html.views import Columns, LookupView, views_of
from harness.versions import ResolverName
from tests.report.html import kit


def view(report: LookupReport) -> LookupView:
    return next(views_of([report], Columns([report])))


PACKAGED = kit.result("2.36", ())
HOST = replace(PACKAGED, build="host", label="host", lane="cffi")


@pytest.mark.parametrize(
    ("results", "names", "architectures"),
    [
        # by their numbers, not their letters
        ([kit.result(version, ()) for version in ("2.41", "2.9", "2.36")],
         ["2.9", "2.36", "2.41"], [("amd64", 3)]),
        # told apart by the fewest words
        ([PACKAGED, HOST, kit.result("2.41", ())],
         ["2.36 (bookworm)", "2.36 (host)", "2.41"], [("amd64", 3)]),
        ([PACKAGED, HOST, replace(HOST, lane="worker")],
         ["2.36 (bookworm)", "2.36 (host, cffi)", "2.36 (host, worker)"], [("amd64", 3)]),
        # this host's architecture first
        ([kit.result("2.36", (), arch="armhf"), replace(HOST, arch="s390x"),
          kit.result("2.41", (), arch="armhf"), kit.result("2.41", (), arch="s390x")],
         ["2.36 s390x", "2.41 s390x", "2.36 armhf", "2.41 armhf"], [("s390x", 2), ("armhf", 2)]),
    ],
)  # fmt: skip
def test_columns(
    results: list[Result], names: list[str], architectures: list[tuple[str, int]]
) -> None:
    columns = Columns([kit.lookup("s", results)])
    assert [column.name for column in columns.columns] == names
    assert len({column.slug for column in columns.columns}) == len(names)
    assert columns.architectures == architectures


@pytest.mark.parametrize(
    ("report", "letters", "differs_from"),
    [
        (kit.AGREEING, ["", "", "", ""], ["", "", "", ""]),
        # only the cell whose left neighbour answers otherwise differs
        (kit.CHANGED, ["A", "A", "B", "B"], ["", "", "2.36", ""]),
        # the first of an architecture is compared with its own version
        (kit.ARCHITECTURES, ["A", "A", "B", "B"], ["", "", "2.36 amd64", ""]),
        # a death is an answer of its own
        (kit.CRASHING, ["A", "B", "C", "C"], ["", "2.31", "2.36", ""]),
    ],
    ids=["agreeing", "changed", "architectures", "crashing"],
)
def test_cells_have_a_letter_for_each_answer(
    report: LookupReport, letters: list[str], differs_from: list[str]
) -> None:
    seen = view(report)
    assert [cell and cell.group.letter for cell in seen.cells] == letters
    assert [cell and cell.differs_from for cell in seen.cells] == differs_from
    assert seen.differs == (len(set(letters)) > 1)


@pytest.mark.parametrize(
    ("destination", "source", "prefixlen", "counted", "equal", "says"),
    [
        ("172.18.45.6", "172.18.45.2", 24, 29, 29, "in the source's /24"),
        ("172.31.80.8", "172.18.45.2", 24, 0, 12, "bit 13 differs inside the source's /24"),
        ("172.18.45.6", "172.18.45.2", 0, 0, 29, "no prefix length is known: here none"),
        ("172.18.45.6", "172.18.45.2", 0, 29, 29, "here every address passes"),
        ("172.18.45.2", "172.18.45.2", 24, 32, 32, "the source itself"),
        ("2001:db8:1::6", "2001:db8:1::2", 64, 125, 125, "does not stop at the source's /64"),
        ("2001:db8:9::1", "2001:db8:1::2", 64, 44, 44, "44 equal bits count"),
        ("fe80::1%2", "fe80::2", 64, 126, 126, "does not stop"),
    ],
)
def test_bits_say_what_is_equal_and_what_counts(
    destination: str, source: str, prefixlen: int, counted: int, equal: int, says: str
) -> None:
    drawn = prefix_bits(destination, source, prefixlen, counted)
    assert (drawn.equal, drawn.counted) == (equal, counted)
    assert says in drawn.words


@pytest.mark.parametrize(
    ("resolver", "pair", "counted", "says"),
    [
        ("musl", ("172.18.45.6", "172.18.45.2"), 125,
         "29 equal bits, and the 96 of ::ffff:0:0/96 before them count too."),
        ("musl", ("2001:db8:9::1", "2001:db8:1::2"), 44, "44 equal bits count."),
        ("c-ares", ("2001:db8:1::6", "2001:db8:1::2"), 125, "125 equal bits count."),
        ("go", ("2001:db8:1::6", "2001:db8:1::2"), 64, "125 equal bits, of which 64 count."),
    ],
)  # fmt: skip
def test_bits_of_other_resolvers_end_at_no_prefix(
    resolver: ResolverName, pair: tuple[str, str], counted: int, says: str
) -> None:
    drawn = prefix_bits(*pair, 64 if ":" in pair[0] else 24, counted, resolver)
    assert drawn.words == says
    assert drawn.prefixlen == 0


def written(address: str) -> str:
    if ":" in address:
        return f"{int(IPv6Address(address)):0128b}"
    return f"{int(IPv4Address(address)):032b}"


four = st.ip_addresses(v=4).map(str)
six = st.ip_addresses(v=6).map(str)


@given(st.one_of(st.tuples(four, four), st.tuples(six, six)), st.integers(0, 128))
def test_bits_are_those_of_the_addresses(pair: tuple[str, str], prefixlen: int) -> None:
    width = 128 if ":" in pair[0] else 32
    prefixlen = min(prefixlen, width)
    drawn = prefix_bits(*pair, prefixlen, 0)
    together = zip(written(pair[0]), written(pair[1]), strict=True)
    same = len(list(takewhile(lambda two: two[0] == two[1], together)))
    for address, parts in (
        (pair[0], [(group.destination_text, group.destination) for group in drawn.groups]),
        (pair[1], [(group.source_text, group.source) for group in drawn.groups]),
    ):
        for text, part in parts:
            base = 16 if width == 128 else 10
            assert int(text, base) == int("".join(run.bits for run in part), 2)
        runs = [run for _, part in parts for run in part]
        assert "".join(run.bits for run in runs) == written(address)
        assert sum(len(run.bits) for run in runs if run.kind == "equal") == same
        assert sum(len(run.bits) for run in runs if run.kind == "first") == (same < width)
        ends = [number for number, run in enumerate(runs) if run.ends]
        assert len(ends) == (prefixlen > 0)
        for number in ends:
            assert sum(len(run.bits) for run in runs[: number + 1]) == prefixlen


def test_families_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="one family"):
        prefix_bits("2001:db8::1", "172.18.45.2", 24, 0)

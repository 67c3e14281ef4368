"""The fast path gives the order of the readable rules, whatever the input."""

from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.compare.fuzz.sorter import Sorter, SortInput, deciding_rule
from harness.model.dialects import ROWS, Dialect, dialect, turned
from harness.model.host import IPAddress
from harness.model.order import Candidate, order_for
from harness.model.policy import Policy
from harness.model.transport import ProcessAborted

FOUR = st.one_of(
    st.integers(0xAC122D00, 0xAC122D1F), st.sampled_from([0x7F000001, 0xA9FE0101, 0xCB007109])
).map(IPv4Address)
SIX = st.one_of(
    st.integers(0, 63).map(lambda n: IPv6Address((0x20010DB8 << 96) | n << 60 | n)),
    st.sampled_from(["::1", "fe80::1", "fec0::1", "2002::1", "2001::1", "fd00::1", "ff02::1"]).map(
        IPv6Address
    ),
)


@st.composite
def candidate(draw: st.DrawFn) -> Candidate:
    family: st.SearchStrategy[IPAddress] = draw(st.sampled_from([FOUR, SIX]))
    index = draw(st.sampled_from([None, 2, 3]))
    return Candidate(
        destination=draw(family),
        source=draw(st.one_of(st.none(), family, family)),
        prefixlen=draw(st.sampled_from([0, 8, 24, 28, 30, 32])),
        deprecated=draw(st.booleans()) and draw(st.booleans()),
        home=draw(st.booleans()) and draw(st.booleans()),
        index=index,
        native=None if index is None else index == 2,
    )


CONFS = st.sampled_from([
    None, b"precedence ::ffff:0:0/96 40\n", b"precedence ::ffff:0:0/96 100\n",
    b"label ::/0 1\nprecedence ::/0 7\n", b"scopev4 ::ffff:172.18.45.16/124 5\n",
    b"precedence ::/0 2147483647\nscopev4 0.0.0.0/0 2147483647\n",
])  # fmt: skip
BUILDS = st.sampled_from(["2.36:amd64", "2.36:s390x", "2.41:s390x", "2.7:amd64"])


def ordered(
    candidates: list[Candidate], policy: Policy, spoken: Dialect
) -> tuple[list[int], list[int]]:
    """The rules by which neighbours stand in the order of the readable rules, and the order."""
    try:
        found = order_for(candidates, policy, spoken)
    except ProcessAborted:
        return [], []
    return [one.rule for one in found.decisions], [one.position for one in found.ranked]


@settings(max_examples=400)
@given(st.lists(candidate(), max_size=12), CONFS, BUILDS)
def test_same_order_as_rules(candidates: list[Candidate], conf: bytes | None, build: str) -> None:
    spoken = dialect(*build.split(":"))
    policy = Policy.build(conf, spoken)
    sorter = Sorter(SortInput.of(policy, spoken))
    rules, positions = ordered(candidates, policy, spoken)
    assert sorter.order(candidates) == positions
    keys = sorter.keys(sorter.fixed(candidates))  # as the order of many is found
    assert keys == list(map(sorter.key, candidates))
    assert sorter.sort(keys) == positions
    ordered_keys = [keys[position] for position in positions]
    assert [deciding_rule(a, b) for a, b in pairwise(ordered_keys)] == rules


@settings(max_examples=400)
@given(
    st.lists(candidate(), max_size=6), CONFS, BUILDS,
    st.sampled_from(list(dict.fromkeys(row.feature for row in ROWS))),
)  # fmt: skip
def test_equal_inputs_give_equal_orders(
    candidates: list[Candidate], conf: bytes | None, build: str, feature: str
) -> None:
    # the engine keeps keys under the input: no feature of a dialect may change an order beside it
    spoken = dialect(*build.split(":"))
    other = turned(spoken)[feature]
    policy, others = Policy.build(conf, spoken), Policy.build(conf, other)
    if SortInput.of(policy, spoken) == SortInput.of(others, other):
        assert ordered(candidates, policy, spoken) == ordered(candidates, others, other)


def test_two_builds_that_measure_the_first_of_two_otherwise_share_no_keys() -> None:
    # no prefix length: on s390x every address is in the subnet, and 2.36 does not test the top
    # bit of the first of the two compared
    source = IPv4Address("10.0.0.1")
    some = [Candidate(IPv4Address(text), source) for text in ("138.0.0.1", "74.0.0.1")]
    old, new = (
        SortInput.of(Policy.build(None, spoken), spoken)
        for spoken in (dialect("2.36", "s390x"), dialect("2.41", "s390x"))
    )
    assert [Sorter(each).order(some) for each in (old, new)] == [[0, 1], [1, 0]]
    assert old != new

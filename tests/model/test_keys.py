"""The fast path gives the order of the readable rules, whatever the input."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model.dialects import dialect
from harness.model.facts import Candidate
from harness.model.keys import Sorter
from harness.model.ordering import order_for
from harness.model.policy import Policy

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
    family = draw(st.sampled_from([FOUR, SIX]))
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


CONFS = st.sampled_from(
    [
        None,
        b"precedence ::ffff:0:0/96 40\n",
        b"precedence ::ffff:0:0/96 100\n",
        b"label ::/0 1\nprecedence ::/0 7\n",
        b"scopev4 ::ffff:172.18.45.16/124 5\n",
        b"precedence ::/0 2147483647\nscopev4 0.0.0.0/0 2147483647\n",
    ]
)


@settings(max_examples=400)
@given(
    st.lists(candidate(), max_size=12),
    CONFS,
    st.sampled_from([("2.36", "amd64"), ("2.36", "s390x"), ("2.7", "amd64"), ("2.44", "i386")]),
)
def test_same_order_as_the_rules(
    candidates: list[Candidate], conf: bytes | None, build: tuple[str, str]
) -> None:
    spoken = dialect(*build)
    policy = Policy.build(conf, spoken)
    slow = [facts.position for facts in order_for(candidates, policy, spoken).facts]
    assert Sorter(policy, spoken).order(candidates) == slow

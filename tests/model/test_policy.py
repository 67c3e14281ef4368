"""Labels, precedences and scopes. Facts 2.2, 2.3, 3.1 and 3.2; RFC 3484 §2.1, §3.1, §3.2."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.dialects import Dialect
from harness.model.policy import Policy
from tests.model.kit import VERSIONS, dialects

LABELS = [
    ("::1", 0), ("2001:db8::1", 1), ("2002:c633:6401::1", 2), ("::1.2.3.4", 3), ("::", 3),
    ("192.0.2.1", 4), ("::ffff:192.0.2.1", 4), ("fec0::1", 5), ("feff::1", 5), ("fd00::1", 6),
    ("fc00::1", 6), ("2001::1", 7), ("2001:0:ffff::1", 7), ("2001:1::1", 1), ("fe80::1", 1),
]  # fmt: skip
PRECEDENCES = [
    ("::1", 50), ("2001:db8::1", 40), ("2002::1", 30), ("::1.2.3.4", 20), ("192.0.2.1", 10),
    ("fd00::1", 40), ("2001::1", 40), ("fec0::1", 40), ("3ffe::1", 40),
]  # fmt: skip


@pytest.mark.parametrize("glibc", VERSIONS)
def test_default_labels_and_precedences(glibc: str) -> None:
    policy = Policy.default(glibc)
    assert [(text, policy.label(ip_address(text))) for text, _ in LABELS] == LABELS
    found = [(text, policy.precedence_of(ip_address(text))) for text, _ in PRECEDENCES]
    assert found == PRECEDENCES


# RFC 3484 §3.1 (multicast carries its scope), §3.2; RFC 4291 §2.5.3 for ::1
@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("::1", 2), ("fe80::1", 2), ("febf::1", 2), ("fec0::1", 5), ("feff::1", 5),
        ("fe7f::1", 14), ("2001:db8::1", 14), ("fd00::1", 14), ("::ffff:127.0.0.1", 14),
        ("::2", 14), ("ff01::1", 1), ("ff02::1", 2), ("ff35::1", 5), ("ff0e::1", 14),
        ("127.0.0.1", 2), ("127.255.0.1", 2), ("169.254.0.1", 2), ("169.255.0.1", 14),
        ("192.0.2.1", 14), ("224.0.0.1", 14), ("0.0.0.0", 14),
    ],
)  # fmt: skip
def test_scopes(address: str, scope: int) -> None:
    assert Policy.default("2.36").scope(ip_address(address)) == scope


@pytest.mark.parametrize(
    ("addresses", "before"),
    [
        ("10.0.0.1 172.16.0.1 172.31.255.255 192.168.255.1", 5),
        ("172.32.0.1 192.169.0.1 11.0.0.1 9.255.255.255", 14),  # their neighbours
    ],
)
def test_private_addresses_were_site_local_up_to_2_16(addresses: str, before: int) -> None:
    # RFC 3484 §3.2 said site-local, RFC 6724 §3.2 global; fact 2.3
    for glibc, scope in (("2.16", before), ("2.17", 14)):
        found = {Policy.default(glibc).scope(ip_address(text)) for text in addresses.split()}
        assert found == {scope}


@pytest.mark.parametrize(
    ("conf", "table", "values"),
    [
        # fact 3.1: the popular one-liner also removes ::1/128 50 and 2002::/16 30; ::/0 is added
        ("precedence ::ffff:0:0/96 100", "precedence",
         {"192.0.2.1": 100, "::1": 40, "2002::1": 40}),
        ("label fd00::/8 9", "labels",
         {"fd00::1": 9, "::1": 1, "2002::1": 1, "fec0::1": 1, "192.0.2.1": 1, "2001::1": 1}),
        ("scopev4 10.0.0.0/8 5", "scopes", {"10.1.1.1": 5, "127.0.0.1": 14, "169.254.0.1": 14}),
        # a default row that is given is not added again
        ("label ::/0 7", "labels", {"::1": 7}),
        ("precedence ::/0 3", "precedence", {"::1": 3}),
        ("scopev4 0.0.0.0/0 5", "scopes", {"127.0.0.1": 5}),
        # fact 3.2: of equal lengths the first line counts, and host bits do not
        ("label 2001:db8::5/32 1\nlabel 2001:db8::/32 2", "labels", {"2001:db8:1::1": 1}),
        # the mapped form and the address are searched alike
        ("label ::ffff:10.0.0.0/104 8", "labels",
         {"10.1.2.3": 8, "::ffff:10.1.2.3": 8, "11.1.2.3": 1}),
        ("", "labels", {"::1": 0}),
        ("# nothing\n", "precedence", {"::1": 50}),
    ],
)  # fmt: skip
def test_one_line_drops_the_defaults_of_its_table(
    conf: str, table: str, values: dict[str, int]
) -> None:
    policy, default = Policy.from_gai_conf(conf, "2.36"), Policy.default("2.36")
    ask = {"labels": policy.label, "precedence": policy.precedence_of, "scopes": policy.scope}
    assert {text: ask[table](ip_address(text)) for text in values} == values
    rest = [name for name in ask if name != table]
    assert [getattr(policy, name) for name in rest] == [getattr(default, name) for name in rest]


def test_undefined_lines_are_named_and_left_out_or_honoured() -> None:
    line = "precedence 2001:db8::1 5"
    left_out = Policy.from_gai_conf(line, "2.36")
    assert [one.number for one in left_out.undefined] == [1]
    assert left_out.precedence == Policy.default("2.36").precedence
    honoured = Policy.from_gai_conf(line, "2.36", honour_undefined=True)
    assert honoured.precedence == Policy.from_gai_conf(line, "2.41").precedence


PLACES = st.integers(0, 1023)  # the first ten bits: a few rows often hold one address


@given(
    st.sampled_from([("label", 128, 1), ("precedence", 128, 40), ("scopev4", 32, 14)]),
    st.lists(st.tuples(PLACES, st.integers(0, 6), st.integers(0, 9)), min_size=1),
    PLACES,
)
def test_longest_prefix_wins(
    table: tuple[str, int, int], lines: list[tuple[int, int, int]], place: int
) -> None:
    keyword, width, missing = table
    kind = IPv4Address if width == 32 else IPv6Address
    low = width - 10
    placed = [(where << low, bits, value) for where, bits, value in lines]
    text = "\n".join(f"{keyword} {kind(one)}/{bits} {value}" for one, bits, value in placed)
    address = kind(place << low)
    # by brute force: compare the bits as text, the longest first, then the first in the file
    matching = [
        (bits, value) for one, bits, value in placed
        if f"{one:0{width}b}"[:bits] == f"{int(address):0{width}b}"[:bits]
    ]  # fmt: skip
    longest = max((bits for bits, _ in matching), default=0)
    wanted = next((value for bits, value in matching if bits == longest), missing)
    policy = Policy.from_gai_conf(text, "2.36")
    ask = {"label": policy.label, "precedence": policy.precedence_of, "scopev4": policy.scope}
    assert ask[keyword](address) == wanted


@given(st.binary(max_size=80), dialects, st.integers(0, 2**128 - 1), st.integers(0, 2**32 - 1))
def test_a_policy_of_random_bytes_answers_for_every_address(
    data: bytes, spoken: Dialect, six: int, four: int
) -> None:
    policy = Policy.from_gai_conf(data, spoken.glibc, spoken.arch, honour_undefined=True)
    for address in (IPv6Address(six), IPv4Address(four)):
        assert 0 <= policy.label(address) < 1 << 31
        assert 0 <= policy.precedence_of(address) < 1 << 31
        assert 0 <= policy.scope(address) < 1 << 31

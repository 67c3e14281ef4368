"""Labels, precedences and scopes. Facts 2.2, 2.3, 3.1 and 3.2; RFC 3484 §2.1, §3.1, §3.2."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.dialects import Dialect, dialect
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


@pytest.mark.parametrize(("address", "label"), LABELS)
def test_default_labels(address: str, label: int) -> None:
    assert {Policy.default(v).label(ip_address(address)) for v in VERSIONS} == {label}


@pytest.mark.parametrize(("address", "precedence"), PRECEDENCES)
def test_default_precedences(address: str, precedence: int) -> None:
    found = {Policy.default(v).precedence_of(ip_address(address)) for v in VERSIONS}
    assert found == {precedence}


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


@pytest.mark.parametrize("address", ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.255.1"])
def test_private_addresses_were_site_local_up_to_2_16(address: str) -> None:
    # RFC 3484 §3.2 said site-local, RFC 6724 §3.2 global; fact 2.3
    assert Policy.default("2.16").scope(ip_address(address)) == 5
    assert Policy.default("2.17").scope(ip_address(address)) == 14


@pytest.mark.parametrize("address", ["172.32.0.1", "192.169.0.1", "11.0.0.1", "9.255.255.255"])
def test_neighbours_of_private_addresses_were_always_global(address: str) -> None:
    assert Policy.default("2.16").scope(ip_address(address)) == 14


def test_one_precedence_line_drops_all_default_precedences() -> None:
    # fact 3.1: the popular one-liner also removes ::1/128 50 and 2002::/16 30
    policy = Policy.from_gai_conf("precedence ::ffff:0:0/96 100", "2.36")
    assert policy.precedence_of(IPv4Address("192.0.2.1")) == 100
    assert policy.precedence_of(IPv6Address("::1")) == 40
    assert policy.precedence_of(IPv6Address("2002::1")) == 40
    assert policy.labels == Policy.default("2.36").labels
    assert policy.scopes == Policy.default("2.36").scopes


def test_one_label_line_drops_all_default_labels() -> None:
    policy = Policy.from_gai_conf("label fd00::/8 9", "2.36")
    assert policy.label(IPv6Address("fd00::1")) == 9
    for other in ("::1", "2002::1", "fec0::1", "192.0.2.1", "2001::1"):
        assert policy.label(ip_address(other)) == 1  # the ::/0 added back
    assert policy.precedence == Policy.default("2.36").precedence


def test_a_given_default_row_is_not_added_again() -> None:
    policy = Policy.from_gai_conf("label ::/0 7\nprecedence ::/0 3\nscopev4 0.0.0.0/0 5\n", "2.36")
    assert [entry.value for entry in policy.labels] == [7]
    assert [entry.value for entry in policy.precedence] == [3]
    assert [entry.value for entry in policy.scopes] == [5]


def test_one_scopev4_line_drops_the_default_scopes() -> None:
    policy = Policy.from_gai_conf("scopev4 10.0.0.0/8 5", "2.36")
    scopes = {a: policy.scope(ip_address(a)) for a in ("10.1.1.1", "127.0.0.1", "169.254.0.1")}
    assert scopes == {"10.1.1.1": 5, "127.0.0.1": 14, "169.254.0.1": 14}


def test_equal_lengths_the_first_line_counts_and_host_bits_do_not() -> None:
    # fact 3.2
    policy = Policy.from_gai_conf("label 2001:db8::5/32 1\nlabel 2001:db8::/32 2", "2.36")
    assert policy.label(IPv6Address("2001:db8:1::1")) == 1


def test_no_file_and_an_empty_file_are_the_defaults() -> None:
    assert Policy.from_gai_conf("", "2.36") == Policy.default("2.36")
    assert Policy.from_gai_conf("# nothing\n", "2.36") == Policy.default("2.36")


def test_undefined_lines_are_named_and_left_out_or_honoured() -> None:
    line = "precedence 2001:db8::1 5"
    left_out = Policy.from_gai_conf(line, "2.36")
    assert [one.number for one in left_out.undefined] == [1]
    assert left_out.precedence == Policy.default("2.36").precedence
    honoured = Policy.from_gai_conf(line, "2.36", honour_undefined=True)
    assert honoured.precedence == Policy.from_gai_conf(line, "2.41").precedence


nibbles = st.integers(0, 15).map(lambda n: n << 124)
prefix_lines = st.lists(
    st.tuples(nibbles | st.integers(0, (1 << 128) - 1), st.integers(0, 6), st.integers(0, 9)),
    min_size=1,
    max_size=8,
)


@given(prefix_lines, nibbles)
def test_longest_prefix_wins(lines: list[tuple[int, int, int]], value: int) -> None:
    text = "\n".join(f"label {IPv6Address(p)}/{bits} {label}" for p, bits, label in lines)
    # by brute force: compare the bits as text, the longest first, then the first in the file
    wanted = 1
    matching = [
        (bits, label) for p, bits, label in lines if f"{p:0128b}"[:bits] == f"{value:0128b}"[:bits]
    ]
    if matching:
        longest = max(bits for bits, _ in matching)
        wanted = next(label for bits, label in matching if bits == longest)
    assert Policy.from_gai_conf(text, "2.36").label(IPv6Address(value)) == wanted
    text = text.replace("label", "precedence")
    default = 40 if not matching else wanted
    assert Policy.from_gai_conf(text, "2.36").precedence_of(IPv6Address(value)) == default


scope_lines = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 6), st.integers(0, 9)),
    min_size=1,
    max_size=8,
)


@given(scope_lines, st.integers(0, 2**32 - 1))
def test_longest_scope_prefix_wins(lines: list[tuple[int, int, int]], value: int) -> None:
    text = "\n".join(f"scopev4 {IPv4Address(p)}/{bits} {scope}" for p, bits, scope in lines)
    matching = [
        (bits, scope) for p, bits, scope in lines if f"{p:032b}"[:bits] == f"{value:032b}"[:bits]
    ]
    longest = max((bits for bits, _ in matching), default=0)
    wanted = next((scope for bits, scope in matching if bits == longest), 14)
    assert Policy.from_gai_conf(text, "2.36").scope(IPv4Address(value)) == wanted


@given(st.binary(max_size=80), dialects, st.integers(0, 2**128 - 1), st.integers(0, 2**32 - 1))
def test_a_policy_of_random_bytes_answers_for_every_address(
    data: bytes, spoken: Dialect, six: int, four: int
) -> None:
    policy = Policy.from_gai_conf(data, spoken.glibc, spoken.arch, honour_undefined=True)
    for address in (IPv6Address(six), IPv4Address(four)):
        assert 0 <= policy.label(address) < 1 << 31
        assert 0 <= policy.precedence_of(address) < 1 << 31
        assert 0 <= policy.scope(address) < 1 << 31


def test_the_mapped_form_and_the_address_are_searched_alike() -> None:
    policy = Policy.build("label ::ffff:10.0.0.0/104 8", dialect("2.36"))
    assert policy.label(IPv4Address("10.1.2.3")) == 8
    assert policy.label(IPv6Address("::ffff:10.1.2.3")) == 8
    assert policy.label(IPv4Address("11.1.2.3")) == 1

"""Which (socktype, protocol, port) an address is returned with. getaddrinfo(3), fact 1.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.dialects import Dialect, dialect
from harness.model.services import Socket, sockets
from tests.model.kit import EVERY_DIALECT, dialects

STREAM, DGRAM, RAW, SEQPACKET, DCCP = 1, 2, 3, 5, 6
TCP, UDP, SCTP, UDPLITE, MPTCP = 6, 17, 132, 136, 262
NOW = dialect("2.36")
FILE = {
    ("http", "tcp"): 80, ("domain", "tcp"): 53, ("domain", "udp"): 53, ("both", "sctp"): 7,
    ("both", "mptcp"): 7, ("raw", "raw"): 1, ("-1", "tcp"): 4,
}  # fmt: skip


def ask(
    service: str | None,
    socktype: int = 0,
    protocol: int = 0,
    *,
    numeric: bool = False,
    spoken: Dialect = NOW,
) -> tuple[Socket, ...] | str:
    return sockets(service, socktype, protocol, numeric, FILE, spoken)


@pytest.mark.parametrize("service", [None, ""])
def test_without_a_service_every_address_comes_three_times(service: str | None) -> None:
    # fact 1.1: stream, datagram and raw
    assert ask(service) == (Socket(STREAM, TCP, 0), Socket(DGRAM, UDP, 0), Socket(RAW, 0, 0))


def test_a_number_comes_with_raw_too() -> None:
    assert ask("80") == (Socket(STREAM, TCP, 80), Socket(DGRAM, UDP, 80), Socket(RAW, 0, 80))


@pytest.mark.parametrize(
    ("socktype", "protocol", "expected"),
    [
        (STREAM, 0, (STREAM, TCP)), (DGRAM, 0, (DGRAM, UDP)), (RAW, 0, (RAW, 0)),
        (SEQPACKET, 0, (SEQPACKET, SCTP)), (DCCP, 0, (DCCP, 33)), (0, TCP, (STREAM, TCP)),
        (0, UDP, (DGRAM, UDP)), (0, SCTP, (STREAM, SCTP)), (DGRAM, UDPLITE, (DGRAM, UDPLITE)),
        (STREAM, SCTP, (STREAM, SCTP)), (RAW, 89, (RAW, 89)),
        (0, 89, (RAW, 89)),  # raw takes any protocol
    ],
)  # fmt: skip
def test_hints(socktype: int, protocol: int, expected: tuple[int, int]) -> None:
    assert ask(None, socktype, protocol) == (Socket(*expected, 0),)


@pytest.mark.parametrize(
    ("socktype", "protocol"), [(STREAM, UDP), (DGRAM, TCP), (77, 0), (SEQPACKET, TCP)]
)
def test_a_type_and_a_protocol_that_do_not_fit(socktype: int, protocol: int) -> None:
    assert ask(None, socktype, protocol) == "EAI_SOCKTYPE"
    assert ask("no-such-service", socktype, protocol) == "EAI_SOCKTYPE"


def test_a_protocol_alone_always_fits_raw() -> None:
    assert ask(None, 0, 254) == (Socket(RAW, 254, 0),)


@pytest.mark.parametrize("service", ["80", "http"])
def test_raw_has_no_service(service: str) -> None:
    assert ask(service, RAW) == "EAI_SERVICE"
    assert ask(service, 0, 89) == "EAI_SERVICE"


def test_names() -> None:
    assert ask("http") == (Socket(STREAM, TCP, 80),)
    assert ask("domain") == (Socket(STREAM, TCP, 53), Socket(DGRAM, UDP, 53))
    assert ask("domain", DGRAM) == (Socket(DGRAM, UDP, 53),)
    assert ask("http", DGRAM) == "EAI_SERVICE"
    assert ask("nothing") == "EAI_SERVICE"
    assert ask("HTTP") == "EAI_SERVICE"  # names of services keep their case
    assert ask("raw") == "EAI_SERVICE"  # raw is not asked for


def test_one_name_of_sctp_gives_both_types() -> None:
    assert ask("both") == (Socket(STREAM, SCTP, 7), Socket(SEQPACKET, SCTP, 7))
    # with a type only the first protocol of that type is asked for: stream means tcp
    assert ask("both", STREAM) == "EAI_SERVICE"


def test_mptcp_since_2_42() -> None:
    assert ask(None, STREAM, MPTCP, spoken=dialect("2.41")) == "EAI_SOCKTYPE"
    assert ask(None, STREAM, MPTCP, spoken=dialect("2.42")) == (Socket(STREAM, MPTCP, 0),)
    assert ask("both", spoken=dialect("2.42"))[-1] == Socket(STREAM, MPTCP, 7)
    # without the row a protocol of 262 alone is any protocol of raw
    assert ask(None, 0, MPTCP, spoken=dialect("2.41")) == (Socket(RAW, MPTCP, 0),)


# strtoul of the whole text, kept in a C int; below 0 it is looked up as a name
@pytest.mark.parametrize(
    ("service", "port"),
    [
        ("0", 0), ("65535", 65535), ("65616", 80), (" \t80", 80), ("+80", 80), ("-0", 0),
        ("4294967376", 80), ("-4294967216", 80), ("0" * 5000 + "80", 80), ("010", 10),
        ("2147483647", 65535),
    ],
)  # fmt: skip
def test_numbers(service: str, port: int) -> None:
    assert ask(service, STREAM) == (Socket(STREAM, TCP, port),)
    assert ask(service, STREAM, numeric=True) == (Socket(STREAM, TCP, port),)


@pytest.mark.parametrize(
    "service", ["-80", "2147483648", "4294967295", "99999999999999999999", "9" * 5000]
)
def test_numbers_that_are_negative_in_an_int(service: str) -> None:
    assert ask(service, STREAM) == "EAI_SERVICE"
    # AI_NUMERICSERV looks at the text only, and that was a number
    assert ask(service, STREAM, numeric=True) == "EAI_SERVICE"
    assert ask("-1", STREAM, numeric=True) == (Socket(STREAM, TCP, 4),)


def test_numbers_follow_the_width_of_long() -> None:
    # 2**32 + 80 fits 64 bits only; in 32 it is ULONG_MAX, which is -1
    assert ask("4294967376", STREAM, spoken=dialect("2.36", "armhf")) == "EAI_SERVICE"


@pytest.mark.parametrize(
    "service", ["http", "80 ", "8x", " ", "0x50", "+", "8 0", "\N{NO-BREAK SPACE}80"]
)
def test_ai_numericserv_refuses_what_is_no_number(service: str) -> None:
    assert ask(service, STREAM, numeric=True) == "EAI_NONAME"
    # before any hint is looked at
    assert ask(service, STREAM, UDP, numeric=True) == "EAI_NONAME"


@given(
    st.none() | st.text(max_size=4) | st.sampled_from([service for service, _ in FILE]),
    st.integers(0, 7),
    st.sampled_from([0, TCP, UDP, SCTP, 33, UDPLITE, MPTCP, 255]),
    st.booleans(),
    dialects,
)
def test_hints_are_kept(
    service: str | None, socktype: int, protocol: int, numeric: bool, spoken: Dialect
) -> None:
    found = ask(service, socktype, protocol, numeric=numeric, spoken=spoken)
    if isinstance(found, str):
        assert found in ("EAI_SERVICE", "EAI_SOCKTYPE", "EAI_NONAME")
        return
    assert found
    if socktype or protocol:
        assert len(found) == 1
    assert all(not socktype or one.socktype == socktype for one in found)
    assert all(not protocol or one.protocol == protocol for one in found)


def test_there_is_a_dialect_of_each_kind() -> None:
    assert {spoken.mptcp_known for spoken in EVERY_DIALECT} == {True, False}

"""Which (socktype, protocol, port) an address is returned with. getaddrinfo(3), fact 1.1."""

from hypothesis import given
from hypothesis import strategies as st

from harness.model.dialects import Dialect, dialect
from harness.model.lookup import AI_NUMERICSERV, EaiError, Request, sockets
from tests.model.kit import dialects

STREAM, DGRAM, RAW, SEQPACKET, DCCP = 1, 2, 3, 5, 6
TCP, UDP, SCTP, UDPLITE, MPTCP = 6, 17, 132, 136, 262
NOW = dialect("2.36")
Socket = tuple[int, int, int]
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
    glibc: Dialect = NOW,
) -> list[Socket] | str:
    request = Request(None, service, 0, socktype, protocol, AI_NUMERICSERV * numeric)
    try:
        return sockets(request, FILE, glibc)
    except EaiError as failed:
        return str(failed)


# service, type and protocol asked for, what is returned
SERVED: list[tuple[str | None, int, int, list[Socket] | str]] = [
    # fact 1.1: stream, datagram and raw; a number comes with raw too
    *((service, 0, 0, [(STREAM, TCP, port), (DGRAM, UDP, port), (RAW, 0, port)])
      for service, port in ((None, 0), ("", 0), ("80", 80))),
    *((None, *asked, [(*found, 0)]) for asked, found in (
        ((STREAM, 0), (STREAM, TCP)), ((DGRAM, 0), (DGRAM, UDP)), ((RAW, 0), (RAW, 0)),
        ((SEQPACKET, 0), (SEQPACKET, SCTP)), ((DCCP, 0), (DCCP, 33)), ((0, TCP), (STREAM, TCP)),
        ((0, UDP), (DGRAM, UDP)), ((0, SCTP), (STREAM, SCTP)),
        ((DGRAM, UDPLITE), (DGRAM, UDPLITE)), ((STREAM, SCTP), (STREAM, SCTP)),
        # raw takes any protocol
        ((RAW, 89), (RAW, 89)), ((0, 89), (RAW, 89)), ((0, 254), (RAW, 254)))),
    ("http", 0, 0, [(STREAM, TCP, 80)]),
    ("domain", 0, 0, [(STREAM, TCP, 53), (DGRAM, UDP, 53)]),
    ("domain", DGRAM, 0, [(DGRAM, UDP, 53)]),
    ("both", 0, 0, [(STREAM, SCTP, 7), (SEQPACKET, SCTP, 7)]),
    # a type and a protocol that do not fit, whatever the service
    *((service, *hints, "EAI_SOCKTYPE") for service in (None, "no-such-service")
      for hints in ((STREAM, UDP), (DGRAM, TCP), (77, 0), (SEQPACKET, TCP))),
    # raw has no service
    *((service, *hints, "EAI_SERVICE") for service in ("80", "http")
      for hints in ((RAW, 0), (0, 89))),
    ("http", DGRAM, 0, "EAI_SERVICE"), ("nothing", 0, 0, "EAI_SERVICE"),
    ("HTTP", 0, 0, "EAI_SERVICE"),  # names of services keep their case
    ("raw", 0, 0, "EAI_SERVICE"),  # raw is not asked for
    # with a type only the first protocol of that type is asked for: stream means tcp
    ("both", STREAM, 0, "EAI_SERVICE"),
]  # fmt: skip
# strtoul of the whole text, kept in a C int; below 0 it is looked up as a name
PORTS = {
    "0": 0, "65535": 65535, "65616": 80, " \t80": 80, "+80": 80, "-0": 0, "4294967376": 80,
    "-4294967216": 80, "0" * 5000 + "80": 80, "010": 10, "2147483647": 65535,
    **dict.fromkeys(("-80", "2147483648", "4294967295", "9" * 20, "9" * 5000)),
}  # fmt: skip


def test_sockets() -> None:
    assert [(*case[:3], ask(*case[:3])) for case in SERVED] == SERVED
    for text, port in PORTS.items():
        # AI_NUMERICSERV looks at the text only, and that is a number
        wanted = "EAI_SERVICE" if port is None else [(STREAM, TCP, port)]
        assert ask(text, STREAM) == ask(text, STREAM, numeric=True) == wanted
    assert ask("-1", STREAM, numeric=True) == [(STREAM, TCP, 4)]
    # 2**32 + 80 fits 64 bits only; in 32 it is ULONG_MAX, which is -1
    assert ask("4294967376", STREAM, glibc=dialect("2.36", "armhf")) == "EAI_SERVICE"
    # AI_NUMERICSERV refuses what is no number before any hint is looked at
    for text in ("http", "80 ", "8x", " ", "0x50", "+", "8 0", "\N{NO-BREAK SPACE}80"):
        assert ask(text, STREAM, 0, numeric=True) == "EAI_NONAME"
        assert ask(text, STREAM, UDP, numeric=True) == "EAI_NONAME"
    # MPTCP since 2.42
    old, new = dialect("2.41"), dialect("2.42")
    assert ask(None, STREAM, MPTCP, glibc=old) == "EAI_SOCKTYPE"
    assert ask(None, STREAM, MPTCP, glibc=new) == [(STREAM, MPTCP, 0)]
    assert ask("both", glibc=new)[-1] == (STREAM, MPTCP, 7)
    # without the row a protocol of 262 alone is any protocol of raw
    assert ask(None, 0, MPTCP, glibc=old) == [(RAW, MPTCP, 0)]


@given(
    st.none() | st.text(max_size=4) | st.sampled_from([service for service, _ in FILE]),
    st.integers(0, 7),
    st.sampled_from([0, TCP, UDP, SCTP, 33, UDPLITE, MPTCP, 255]),
    st.booleans(),
    dialects,
)
def test_hints_are_kept(
    service: str | None, socktype: int, protocol: int, numeric: bool, glibc: Dialect
) -> None:
    found = ask(service, socktype, protocol, numeric=numeric, glibc=glibc)
    if isinstance(found, str):
        assert found in ("EAI_SERVICE", "EAI_SOCKTYPE", "EAI_NONAME")
        return
    assert len(found) == 1 or (found and not socktype and not protocol)
    assert all(socktype in (0, one[0]) and protocol in (0, one[1]) for one in found)

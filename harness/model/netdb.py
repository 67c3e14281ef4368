"""The numbers of getaddrinfo(3) on Linux: netdb.h, sys/socket.h and netinet/in.h."""

from harness.model.dns_servers import Record


class AF:
    """Address families."""

    UNSPEC, INET, INET6 = 0, 2, 10


class AI:
    """Flags of a look-up."""

    PASSIVE, CANONNAME, NUMERICHOST, V4MAPPED = 0x1, 0x2, 0x4, 0x8
    ALL, ADDRCONFIG, IDN, CANONIDN = 0x10, 0x20, 0x40, 0x80
    IDN_ALLOW_UNASSIGNED, IDN_USE_STD3_ASCII_RULES = 0x100, 0x200  # retired, and ignored
    NUMERICSERV = 0x400


class SOCK:
    """Types of sockets."""

    STREAM, DGRAM, RAW, SEQPACKET, DCCP = 1, 2, 3, 5, 6


class IPPROTO:
    """Protocols."""

    TCP, UDP, DCCP, SCTP, UDPLITE, MPTCP = 6, 17, 33, 132, 136, 262


AI_DEFAULT = AI.V4MAPPED | AI.ADDRCONFIG
"""What glibc makes of a call without hints."""
FAMILY = {4: AF.INET, 6: AF.INET6}
"""The family of each IP version."""
RECORDS: dict[int, tuple[Record, ...]] = {
    AF.UNSPEC: ("A", "AAAA"), AF.INET: ("A",), AF.INET6: ("AAAA",),
}  # fmt: skip
"""The DNS records that are asked for."""


class EaiError(Exception):
    """getaddrinfo fails; the argument is the EAI name."""

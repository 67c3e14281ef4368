"""Capturing the sandbox's netlink traffic on an nlmon device, as wireshark reads it."""

import errno
import socket
import struct
import time
from contextlib import suppress

from harness.kernel import netlink

from .devices import IFF_UP, add_device, set_flags
from .values import SandboxUnavailable

_NAME = "nlmon0"
_INDEX = 2_000_000
_ETH_P_ALL = 3
_SNAPLEN = 262_144
_RECEIVE_BUFFER = 16 << 20
_LINKTYPE_NETLINK = 253  # tcpdump.org/linktypes.html: a 16-byte cooked header, then netlink
_ARPHRD_NETLINK = 824


class Capture:
    """Everything said over netlink in a sandbox, from its making to `pcap`."""

    def __init__(self, sock: netlink.Netlink) -> None:
        try:
            add_device(sock, _NAME, "nlmon", _INDEX)
        except netlink.RefusedError as problem:
            if problem.errno != errno.EOPNOTSUPP:
                raise
            raise SandboxUnavailable(
                "this kernel offers no nlmon device, so netlink cannot be captured",
                "load it: modprobe nlmon; --trace shows the same messages through strace",
            ) from None
        set_flags(sock, _INDEX, IFF_UP, IFF_UP)
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._sock.bind((_NAME, 0))
        self._sock.setblocking(False)

    def pcap(self) -> bytes:
        """What was captured so far as a pcap file; ends the capture."""
        packets = []
        with self._sock, suppress(BlockingIOError):
            while True:
                data, address = self._sock.recvfrom(_SNAPLEN)
                packets.append((address[1], address[2], data))
        return pcap_file(packets)


def pcap_file(packets: list[tuple[int, int, bytes]]) -> bytes:
    """A pcap file of netlink messages: each its family, its packet type and its bytes."""
    now = int(time.time())
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, _LINKTYPE_NETLINK)]
    for family, kind, data in packets:
        frame = struct.pack(">HH10xH", kind, _ARPHRD_NETLINK, family) + data
        out.append(struct.pack("<IIII", now, 0, len(frame), len(frame)) + frame)
    return b"".join(out)

"""One rtnetlink socket for all requests.

The messages are pyroute2's; the socket is our own, because a request through pyroute2's
IPRoute costs about 1 ms of event loop and this one 0.1 ms, route look-ups can be sent in
bulk, and an answer keeps the kernel's explanation of a refusal.
Source: linux/netlink.h, linux/rtnetlink.h.
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from socket import AF_INET6
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pyroute2.netlink import nlmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.fibmsg import fibmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from . import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .rows import KernelAddress, KernelLabel, KernelLink, KernelRoute

NETLINK_ROUTE = 0
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 0x01
NLM_F_ACK = 0x04
NLM_F_DUMP_INTR = 0x10
NLM_F_ACK_TLVS = 0x200
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_DUMP = 0x300
_NLMSGERR_ATTR_MSG = 1

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
RTM_NEWADDRLABEL, RTM_DELADDRLABEL, RTM_GETADDRLABEL = 72, 73, 74

_HEADER = struct.Struct("=IHHII")
_BATCH = 32  # route look-ups in flight; their answers fit the default receive buffer
_BUFFER = 1 << 18
_NONE: Mapping[str, Any] = MappingProxyType({})


class RefusedError(OSError):
    """The kernel's refusal of a request: ``errno``, and its words in ``strerror``."""


class label_message(nlmsg):  # type: ignore[misc]  # noqa: N801 - pyroute2 names messages so
    """A row of the kernel's address label table, which pyroute2 has no message for."""

    __slots__ = ()
    fields = (
        ("family", "B"), ("reserved", "B"), ("prefixlen", "B"), ("flags", "B"),
        ("index", "I"), ("seq", "I"),
    )  # fmt: skip
    nla_map = (("IFAL_UNSPEC", "none"), ("IFAL_ADDRESS", "ip6addr"), ("IFAL_LABEL", "uint32"))


class route_message(rtmsg):  # type: ignore[misc]  # noqa: N801
    """A route that can name the protocol, which pyroute2's cannot; its nexthops are bytes."""

    __slots__ = ()
    # pyroute2 prepares a class at its first use, and a subclass of a prepared one not at all
    _nlmsg_base__compiled_nla = False
    nla_map = (
        *((name, "cdata" if name == "RTA_MULTIPATH" else kind) for name, kind in rtmsg.nla_map),
        ("RTA_PAD", "hex"),
        ("RTA_UID", "uint32"),
        ("RTA_TTL_PROPAGATE", "uint8"),
        ("RTA_IP_PROTO", "uint8"),
    )


class Netlink:
    """A blocking rtnetlink socket in the network namespace of the caller. Raises OSError."""

    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
            self._sock.setsockopt(SOL_NETLINK, option, 1)
        self._sock.bind((0, 0))

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def add(self, request: nlmsg, kind: int) -> None:
        """As `change`, for something that must not be there yet."""
        self.change(request, kind, NLM_F_CREATE | NLM_F_EXCL)

    def change(self, request: nlmsg, kind: int, flags: int = 0) -> None:
        """Send a change of the ``kind`` RTM_*; wait for the kernel's word. Raises RefusedError."""
        self._send(request, kind, flags | NLM_F_ACK)
        for number, _, data in self._messages():
            if number == NLMSG_ERROR:
                _raise_for(data)
                return

    def dump(self, form: type[nlmsg], kind: int, family: int = 0) -> list[bytes]:
        """Every message of a dump of the ``kind`` RTM_GET*, in order. Raises RefusedError."""
        while True:
            self._send(message(form, family=family), kind, NLM_F_DUMP)
            found: list[bytes] = []
            interrupted = False
            for number, flags, data in self._messages():
                interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
                if number == NLMSG_DONE:
                    break
                if number == NLMSG_ERROR:
                    _raise_for(data)
                found.append(data)
            if not interrupted:
                return found

    def ask(self, requests: Sequence[bytes]) -> list[bytes | int]:
        """Send many encoded requests that have one answer each; the answers in order.

        An answer is the message, or the positive errno of a refusal. Raises OSError.
        """
        answers: list[bytes | int] = []
        for start in range(0, len(requests), _BATCH):
            batch = requests[start : start + _BATCH]
            self._sock.send(b"".join(batch))
            pending = len(batch)
            while pending:
                for kind, _, data in _split(self._sock.recv(_BUFFER)):
                    pending -= 1
                    if kind == NLMSG_ERROR:
                        answers.append(-struct.unpack_from("=i", data, 16)[0])
                    else:
                        answers.append(data)
        return answers

    def links(self) -> list[KernelLink]:
        """The link dump. Raises RefusedError."""
        return [rows.link(each) for each in self._decoded(ifinfmsg, RTM_GETLINK)]

    def addresses(self) -> list[KernelAddress]:
        """The address dump of both families. Raises RefusedError."""
        return [rows.address(each) for each in self._decoded(ifaddrmsg, RTM_GETADDR)]

    def rules(self, family: int) -> list[Any]:
        """The routing rules of AF_INET or AF_INET6 in order; none where the kernel has none."""
        with suppress(RefusedError):
            return self._decoded(fibmsg, RTM_GETRULE, family)
        return []

    def routes(self, family: int) -> list[KernelRoute]:
        """The routes of every table of AF_INET or AF_INET6; none where the kernel has none."""
        with suppress(RefusedError):
            found = map(rows.route, self.dump(rtmsg, RTM_GETROUTE, family))
            return [row for row in found if row is not None]
        return []

    def address_labels(self) -> list[KernelLabel]:
        """The kernel's IPv6 address label table; empty without IPv6."""
        with suppress(RefusedError):
            found = self._decoded(label_message, RTM_GETADDRLABEL, AF_INET6)
            return [rows.label(each) for each in found]
        return []

    def _decoded(self, form: type[nlmsg], kind: int, family: int = 0) -> list[Any]:
        found = [form(data) for data in self.dump(form, kind, family)]
        for each in found:
            each.decode()
        return found

    def _send(self, request: nlmsg, kind: int, flags: int) -> None:
        self._sock.send(encode(request, kind, flags))

    def _messages(self) -> Iterator[tuple[int, int, bytes]]:
        while True:
            yield from _split(self._sock.recv(_BUFFER))


def message(form: type[nlmsg], attrs: Mapping[str, Any] = _NONE, **fields: int) -> Any:
    """A pyroute2 message of a ``form``: its attributes but those that are None, its fields."""
    made = form()
    for name, value in fields.items():
        made[name] = value
    made["attrs"] = [pair for pair in attrs.items() if pair[1] is not None]
    return made


def encode(request: nlmsg, kind: int, flags: int = 0) -> bytes:
    """The bytes of a `message` of the ``kind`` RTM_*, with ``flags`` beyond REQUEST."""
    # nothing asks for sequence numbers: a socket has one request, or one batch, at a time
    request["header"].update({"type": kind, "flags": flags | NLM_F_REQUEST})
    request.encode()
    return bytes(request.data)


def _split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset + 16 <= len(data):
        length, kind, flags, _, _ = _HEADER.unpack_from(data, offset)
        yield kind, flags, data[offset : offset + length]
        offset += (length + 3) & ~3


def _raise_for(data: bytes) -> None:
    number = struct.unpack_from("=i", data, 16)[0]
    if number == 0:
        return
    flags = _HEADER.unpack_from(data)[2]
    words = os.strerror(-number)
    if flags & NLM_F_ACK_TLVS:
        # NETLINK_CAP_ACK leaves only the header of the request before the attributes
        said = rows.attributes(data, 36).get(_NLMSGERR_ATTR_MSG)
        if said:
            words = f"{words} ({said.rstrip(bytes(1)).decode(errors='replace')})"
    raise RefusedError(-number, words)

"""One rtnetlink socket for all requests.

The messages are pyroute2's; the socket is our own, because a request through pyroute2's
IPRoute costs about 1 ms of event loop and this one 0.1 ms, route look-ups can be sent in
bulk, and an answer keeps the kernel's explanation of a refusal.
Source: linux/netlink.h, linux/rtnetlink.h.
"""

import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from socket import AF_INET, AF_INET6
from types import MappingProxyType
from typing import Any

from pyroute2 import netlink as linux  # type: ignore[import-untyped]
from pyroute2.netlink import nlmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.fibmsg import fibmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from harness.model.host import IPAddress

from . import rows
from .rows import KernelAddress, KernelLabel, KernelLink, KernelRoute

_NETLINK_CAP_ACK = 10
_NLMSGERR_ATTR_MSG = 1
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
    """A route whose nexthops are bytes."""

    __slots__ = ()
    # pyroute2 prepares a class at its first use, and a subclass of a prepared one not at all
    _nlmsg_base__compiled_nla = False
    nla_map = tuple(
        (name, "cdata" if name == "RTA_MULTIPATH" else kind) for name, kind in rtmsg.nla_map
    )


# the RTM_NEW… of each form; RTM_DEL… and RTM_GET… are the two numbers behind it
_NEW = {ifinfmsg: 16, ifaddrmsg: 20, rtmsg: 24, route_message: 24, fibmsg: 32, label_message: 72}
_DELETE, _GET = 1, 2
_NEWLINKPROP = 108


class Netlink:
    """A blocking rtnetlink socket in the network namespace of the caller. Raises OSError.

    The kernel makes its messages as large as ``buffer``, and leaves out of a dump what does not
    fit into one, with all that comes after it.
    """

    def __init__(self, buffer: int = _BUFFER) -> None:
        self._buffer = buffer
        self._sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, linux.NETLINK_ROUTE)
        for option in (_NETLINK_CAP_ACK, linux.NETLINK_EXT_ACK):
            self._sock.setsockopt(linux.SOL_NETLINK, option, 1)
        self._sock.bind((0, 0))

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def add(self, request: nlmsg) -> None:
        """Add what a `message` says, which must not be there yet. Raises RefusedError."""
        self._change(request, _NEW[type(request)], linux.NLM_F_CREATE | linux.NLM_F_EXCL)

    def change(self, request: nlmsg) -> None:
        """Change what a `message` says, which is there. Raises RefusedError."""
        self._change(request, _NEW[type(request)])

    def add_names(self, index: int, names: Sequence[str]) -> None:
        """Give an interface alternative names. Raises RefusedError."""
        listed = {"attrs": [("IFLA_ALT_IFNAME", name) for name in names]}
        request = message(ifinfmsg, {"IFLA_PROP_LIST": listed}, index=index)
        self._change(request, _NEWLINKPROP, linux.NLM_F_CREATE | linux.NLM_F_EXCL)

    def remove(self, request: nlmsg) -> None:
        """Remove what a `message` says. Raises RefusedError."""
        self._change(request, _NEW[type(request)] + _DELETE)

    def _change(self, request: nlmsg, kind: int, flags: int = 0) -> None:
        self._sock.send(encode(request, kind, flags | linux.NLM_F_ACK))
        for number, _, data in self._messages():
            if number == linux.NLMSG_ERROR:
                _raise_for(data)
                return

    def dump(self, form: type[nlmsg], family: int = 0) -> list[bytes]:
        """Every message of the dump of a form, in order. Raises RefusedError."""
        request = encode(message(form, family=family), _NEW[form] + _GET, linux.NLM_F_DUMP)
        while True:
            self._sock.send(request)
            found: list[bytes] = []
            interrupted = False
            for number, flags, data in self._messages():
                interrupted = interrupted or bool(flags & linux.NLM_F_DUMP_INTR)
                if number == linux.NLMSG_DONE:
                    break
                if number == linux.NLMSG_ERROR:
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
                    if kind == linux.NLMSG_ERROR:
                        answers.append(-struct.unpack_from("=i", data, 16)[0])
                    else:
                        answers.append(data)
        return answers

    def links(self) -> list[KernelLink]:
        """The link dump. Raises RefusedError."""
        return [rows.link(each) for each in self.dump(ifinfmsg)]

    def link_indexes(self) -> list[int]:
        """The indexes of the links that a dump has. Raises RefusedError."""
        return [struct.unpack_from("=i", data, 20)[0] for data in self.dump(ifinfmsg)]

    def addresses(self) -> list[KernelAddress]:
        """The address dump of both families. Raises RefusedError."""
        return [rows.address(each) for each in self.dump(ifaddrmsg)]

    def rules(self, family: int) -> list[Any]:
        """The routing rules of AF_INET or AF_INET6 in order, as pyroute2 decodes them; none where
        the kernel has none.
        """
        with suppress(RefusedError):
            found = [fibmsg(data) for data in self.dump(fibmsg, family)]
            for each in found:
                each.decode()
            return found
        return []

    def has_other_rules(self, version: int) -> bool:
        """Whether a family has routing rules that no namespace begins with."""
        family = AF_INET if version == 4 else AF_INET6
        with suppress(RefusedError):
            return not all(
                rows.is_kernels_rule(each, version) for each in self.dump(fibmsg, family)
            )
        return False

    def routes(self, family: int) -> list[KernelRoute]:
        """The routes of every table of AF_INET or AF_INET6; none where the kernel has none."""
        with suppress(RefusedError):
            found = map(rows.route, self.dump(rtmsg, family))
            return [row for row in found if row is not None]
        return []

    def address_labels(self) -> list[KernelLabel]:
        """The kernel's IPv6 address label table; empty without IPv6."""
        with suppress(RefusedError):
            return [rows.label(each) for each in self.dump(label_message, AF_INET6)]
        return []

    def _messages(self) -> Iterator[tuple[int, int, bytes]]:
        while True:
            yield from _split(self._sock.recv(self._buffer))


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
    request["header"].update({"type": kind, "flags": flags | linux.NLM_F_REQUEST})
    request.encode()
    return bytes(request.data)


def route_request(
    address: IPAddress, interface: int = 0, protocol: int = 0, flags: int = 0
) -> bytes:
    """The request for the route to an address, for `Netlink.ask`.

    ``interface`` and ``protocol`` may stay open (0); ``flags`` are RTM_F_*. Made without pyroute2,
    which takes longer for it than the kernel does to answer.
    """
    family = AF_INET if address.version == 4 else AF_INET6
    body = rows.ROUTE.pack(family, address.max_prefixlen, 0, 0, 0, 0, 0, 0, flags)
    for number, data in (
        (rows.RTA_DST, address.packed),
        (rows.RTA_OIF, struct.pack("=I", interface) if interface else b""),
        (rows.RTA_IP_PROTO, bytes([protocol]) if protocol else b""),
    ):
        if data:
            body += rows.ATTRIBUTE.pack(4 + len(data), number) + data + bytes(-len(data) % 4)
    size, kind = _HEADER.size + len(body), _NEW[rtmsg] + _GET
    return _HEADER.pack(size, kind, linux.NLM_F_REQUEST, 0, 0) + body


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
    if flags & linux.NLM_F_ACK_TLVS:
        # NETLINK_CAP_ACK leaves only the header of the request before the attributes
        said = rows.attributes(data, 36).get(_NLMSGERR_ATTR_MSG)
        if said:
            words = f"{words} ({said.rstrip(bytes(1)).decode(errors='replace')})"
    raise RefusedError(-number, words)

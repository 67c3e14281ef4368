"""One rtnetlink socket for all requests.

It is our own, because a request through pyroute2's IPRoute costs about 1 ms of event loop and
this one 0.02 ms, many requests can be sent at once, and an answer keeps the kernel's explanation
of a refusal.
Source: linux/netlink.h, linux/rtnetlink.h.
"""

import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from socket import AF_INET, AF_INET6

from . import messages, rows
from .messages import HEADER, Message
from .rows import KernelAddress, KernelLabel, KernelLink, KernelRoute

_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 270, 10, 11
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_DUMP_INTERRUPTED, _ACK_TLVS = 0x10, 0x200  # NLM_F_DUMP_INTR, NLM_F_ACK_TLVS
_NLMSGERR_ATTR_MSG = 1
_SRC_LEN = 18  # rtm_src_len
_BATCH = 32  # requests in flight; their answers fit the default receive buffer
_MOST_SENT = 1 << 16  # bytes of a batch; the default send buffer takes three times as many
_BUFFER = 1 << 18
_NEW = messages.CREATE | messages.EXCLUSIVE


class RefusedError(OSError):
    """The kernel's refusal of a request: ``errno``, and its words in ``strerror``.

    ``position`` is that of the request among those sent together.
    """

    position = 0


class Netlink:
    """A blocking rtnetlink socket in the network namespace of the caller. Raises OSError.

    The kernel makes its messages as large as ``buffer``, and leaves out of a dump what does not
    fit into one, with all that comes after it.
    """

    def __init__(self, buffer: int = _BUFFER) -> None:
        self._buffer = buffer
        self._sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK):
            self._sock.setsockopt(_SOL_NETLINK, option, 1)
        self._sock.bind((0, 0))

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def add(self, *additions: Message) -> None:
        """Add what each says, which must not be there yet. Raises RefusedError, after the last."""
        self._change([one.request(0, _NEW | messages.ACK) for one in additions])

    def change(self, *changes: Message) -> None:
        """Change what each says, which is there. Raises RefusedError, after the last."""
        self._change([one.request(0, messages.ACK) for one in changes])

    def remove(self, *removals: Message) -> None:
        """Remove what each says. Raises RefusedError, after the last."""
        self._change([one.request(messages.DELETE, messages.ACK) for one in removals])

    def add_names(self, index: int, names: Sequence[str]) -> None:
        """Give an interface alternative names. Raises RefusedError."""
        listed = messages.packed(*((rows.IFLA_ALT_IFNAME, messages.text(name)) for name in names))
        body = messages.link_body(index, (rows.IFLA_PROP_LIST | rows.NESTED, listed))
        self.add(Message(messages.LINK_PROPERTY, body))

    def _change(self, requests: Sequence[bytes]) -> None:
        """Send requests, which are done in order, a refused one notwithstanding."""
        problem: RefusedError | None = None
        for position, (_, answer) in enumerate(self._asked(requests)):
            refused = _refusal(answer)
            if refused is not None and problem is None:
                problem = refused
                problem.position = position
        if problem is not None:
            raise problem

    def dump(self, form: int, family: int = 0) -> list[bytes]:
        """Every message of the dump of a form (`messages`), in order. Raises RefusedError."""
        request = messages.dump(form, family)
        while True:
            self._sock.send(request)
            found: list[bytes] = []
            interrupted = False
            for number, flags, data in self._messages():
                interrupted |= bool(flags & _DUMP_INTERRUPTED)
                if number == _NLMSG_DONE:
                    break
                if number == _NLMSG_ERROR and (refused := _refusal(data)) is not None:
                    raise refused
                found.append(data)
            if not interrupted:
                return found

    def ask(self, requests: Sequence[bytes]) -> list[bytes | int]:
        """Send many encoded requests that have one answer each; the answers in order.

        An answer is the message, or the positive errno of a refusal. Raises OSError.
        """
        return [
            -_errno(data) if kind == _NLMSG_ERROR else data for kind, data in self._asked(requests)
        ]

    def _asked(self, requests: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
        """The type and the bytes of the one answer to each request."""
        for batch in _batches(requests):
            self._sock.send(b"".join(batch))
            pending = len(batch)
            while pending:
                for kind, _, data in _split(self._sock.recv(_BUFFER)):
                    pending -= 1
                    yield kind, data

    def links(self) -> list[KernelLink]:
        """The link dump. Raises RefusedError."""
        return [rows.link(data) for data in self.dump(messages.LINK)]

    def addresses(self) -> list[KernelAddress]:
        """The address dump of both families. Raises RefusedError."""
        return [rows.address(data) for data in self.dump(messages.ADDRESS)]

    def rules(self, family: int) -> list[bytes]:
        """The routing rules of AF_INET or AF_INET6 in order; none where the kernel has none."""
        with suppress(RefusedError):
            return self.dump(messages.RULE, family)
        return []

    def has_other_rules(self, version: int) -> bool:
        """Whether a family has routing rules that no namespace begins with."""
        dumped = self.rules(AF_INET if version == 4 else AF_INET6)
        return not all(rows.is_kernels_rule(data, version) for data in dumped)

    def routes(self, family: int) -> list[KernelRoute]:
        """The routes of every table of AF_INET or AF_INET6; none where the kernel has none."""
        with suppress(RefusedError):
            found = map(rows.route, self.dump(messages.ROUTE, family))
            return [row for row in found if row is not None]
        return []

    def has_source_routes(self) -> bool:
        """Whether an IPv6 route depends on the source; all of them would take long to read."""
        with suppress(RefusedError):
            dumped = self.dump(messages.ROUTE, AF_INET6)
            return any(data[_SRC_LEN] and rows.route(data) for data in dumped)
        return False

    def address_labels(self) -> list[KernelLabel]:
        """The kernel's IPv6 address label table; empty without IPv6."""
        with suppress(RefusedError):
            return [rows.label(data) for data in self.dump(messages.LABEL, AF_INET6)]
        return []

    def _messages(self) -> Iterator[tuple[int, int, bytes]]:
        while True:
            yield from _split(self._sock.recv(self._buffer))


def _batches(requests: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The requests in as many as may be sent together."""
    batch: list[bytes] = []
    for one in requests:
        if len(batch) == _BATCH or sum(map(len, batch)) + len(one) > _MOST_SENT:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset + 16 <= len(data):
        length, kind, flags, _, _ = HEADER.unpack_from(data, offset)
        yield kind, flags, data[offset : offset + length]
        offset += (length + 3) & ~3


def _errno(data: bytes) -> int:
    """What an NLMSG_ERROR says: 0 for an acknowledgement, else a negative errno."""
    return int(struct.unpack_from("=i", data, 16)[0])


def _refusal(data: bytes) -> RefusedError | None:
    """The error that an NLMSG_ERROR tells of; None for an acknowledgement."""
    number = _errno(data)
    if number == 0:
        return None
    words = os.strerror(-number)
    # NETLINK_CAP_ACK leaves only the header of the request before the attributes
    said = rows.attributes(data, 36).get(_NLMSGERR_ATTR_MSG)
    if said and HEADER.unpack_from(data)[2] & _ACK_TLVS:
        words = f"{words} ({said.rstrip(bytes(1)).decode(errors='replace')})"
    return RefusedError(-number, words)

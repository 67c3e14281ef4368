"""A small DNS server on the sandbox's loopback that answers A and AAAA in a chosen order.

glibc asks for A and AAAA at once and puts the family whose reply arrives first in front.
So the reply that is to be second is held until its partner has been sent, or a moment has
passed without a partner. Sources: RFC 1035, RFC 2308 (negative answers), RFC 6891 (EDNS).
"""

from __future__ import annotations

import os
import pickle
import select
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal, NoReturn

from dnslib import (  # type: ignore[import-untyped]
    AAAA,
    EDNS0,
    QTYPE,
    RCODE,
    RR,
    SOA,
    A,
    DNSError,
    DNSRecord,
)

from . import kernel, wire
from .errors import SandboxError
from .names import NAME_SERVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FirstReply = Literal["A", "AAAA"]
HOLD = 0.05
"""How long the second reply waits for the question whose reply is to be the first, in s."""

_PORT = 53
_UDP_SIZE = 512
_TCP_SIZE = 65535
_TTL = 60
_A, _AAAA = 1, 28
_OPT = 41
_QUERY = 0


@dataclass(frozen=True, slots=True)
class Zone:
    """What the server knows: the records of each name in order, and whose reply is first."""

    names: Mapping[bytes, tuple[tuple[str, ...], tuple[str, ...]]]
    first: FirstReply = "A"

    @classmethod
    def of(cls, names: Mapping[str, Sequence[str]], first: FirstReply) -> Zone:
        """A zone from a scenario's names.

        Parameters: ``names`` the addresses of each name; ``first`` the first reply's type.
        Raises SandboxError for a name whose records do not fit one DNS message.
        """
        table: dict[bytes, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        for name, addresses in names.items():
            records: tuple[list[str], list[str]] = ([], [])
            for text in addresses:
                records[ip_address(text).version == 6].append(text)
            for kind, found, size in zip(("A", "AAAA"), records, (16, 28), strict=True):
                if 300 + len(found) * size > _TCP_SIZE:
                    raise SandboxError(
                        f"names.{name}: {len(found)} {kind} records do not fit one DNS answer"
                    )
            table[_key(name.encode())] = (tuple(records[0]), tuple(records[1]))
        return cls(table, first)


def _key(name: bytes) -> bytes:
    return name.rstrip(b".").lower()


def reply_to(zone: Zone, query: DNSRecord, limit: int) -> bytes:
    """The reply to a query.

    Parameters: ``zone``; ``query`` as parsed; ``limit`` the longest message the transport
    takes: a longer one is cut to the question with the TC bit set, as glibc then asks again
    over TCP.
    """
    reply = query.reply(ra=1, aa=1)
    kind = query.q.qtype
    known = zone.names.get(b".".join(query.q.qname.label).lower())
    if known is None:
        reply.header.rcode = RCODE.NXDOMAIN
    elif kind == _A:
        for text in known[0]:
            reply.add_answer(RR(query.q.qname, QTYPE.A, rdata=A(text), ttl=_TTL))
    elif kind == _AAAA:
        for text in known[1]:
            # as numbers: dnslib cannot read ::ffff:192.0.2.1
            rdata = AAAA(tuple(ip_address(text).packed))
            reply.add_answer(RR(query.q.qname, QTYPE.AAAA, rdata=rdata, ttl=_TTL))
    if not reply.rr:
        soa = SOA("ns.invalid", "root.invalid", (1, 3600, 600, 86400, _TTL))
        reply.add_auth(RR(".", QTYPE.SOA, rdata=soa, ttl=_TTL))
    if any(record.rtype == _OPT for record in query.ar):
        reply.add_ar(EDNS0(udp_len=4096))
    packed = bytes(reply.pack())
    if len(packed) <= limit:
        return packed
    cut = query.reply(ra=1, aa=1)  # keeps the question: glibc ignores a reply without it
    cut.header.tc = 1
    return bytes(cut.pack())


@dataclass(slots=True)
class _Held:
    """A reply that waits for its partner's."""

    due: float
    peer: _Peer
    data: bytes


@dataclass(slots=True)
class Ordering:
    """Decides for each query of one client when its reply goes out.

    Parameters: ``first`` the type whose reply is to be the first.
    """

    first: FirstReply
    held: dict[tuple[_Peer, bytes], _Held] = field(default_factory=dict)
    answered: dict[tuple[_Peer, bytes], float] = field(default_factory=dict)

    def take(
        self, peer: _Peer, name: bytes, kind: int, data: bytes, now: float
    ) -> list[tuple[_Peer, bytes]]:
        """The replies that may go now that this query has come, in order.

        Parameters: ``peer`` the client, ``name`` and ``kind`` the question, ``data`` its
        reply, ``now`` the time. Replies held back come out of later calls or of `due`.
        """
        key = (peer, name)
        self.answered = {k: t for k, t in self.answered.items() if now - t < HOLD}
        if kind not in (_A, _AAAA):
            return [(peer, data)]
        if (kind == _A) == (self.first == "A"):
            partner = self.held.pop(key, None)
            if partner is None:
                self.answered[key] = now
                return [(peer, data)]
            return [(peer, data), (peer, partner.data)]
        if self.answered.pop(key, None) is not None:
            return [(peer, data)]
        self.held[key] = _Held(now + HOLD, peer, data)
        return []

    def due(self, now: float) -> list[tuple[_Peer, bytes]]:
        """The held replies whose partner has not come in time."""
        late = [key for key, held in self.held.items() if held.due <= now]
        return [(held.peer, held.data) for held in (self.held.pop(key) for key in late)]

    def wait(self, now: float) -> float | None:
        """How long nothing falls due, in seconds; None for ever."""
        if not self.held:
            return None
        return max(0.0, min(held.due for held in self.held.values()) - now)

    def forget(self, peer: _Peer) -> None:
        """Drop what belongs to a client that has gone."""
        self.held = {k: v for k, v in self.held.items() if v.peer != peer}


_Peer = tuple[str, int] | int
"""A UDP client's address, or the descriptor of a TCP connection."""


class _Server:
    """The server's loop; runs in a process of its own."""

    def __init__(self, udp: socket.socket, tcp: socket.socket, control: socket.socket) -> None:
        self.udp = udp
        self.tcp = tcp
        self.control = control
        self.zone = Zone({})
        self.ordering = Ordering("A")
        self.connections: dict[int, tuple[socket.socket, bytearray]] = {}
        self.poll = select.poll()
        for sock in (udp, tcp, control):
            self.poll.register(sock, select.POLLIN)

    def serve(self) -> None:
        while True:
            wait = self.ordering.wait(time.monotonic())
            ready = self.poll.poll(None if wait is None else int(wait * 1000) + 1)
            for descriptor, _ in ready:
                if descriptor == self.control.fileno():
                    self.zone = wire.receive(self.control)
                    self.ordering = Ordering(self.zone.first)
                    wire.send(self.control, "ready")
                elif descriptor == self.udp.fileno():
                    self._datagram()
                elif descriptor == self.tcp.fileno():
                    connection, _ = self.tcp.accept()
                    self.connections[connection.fileno()] = (connection, bytearray())
                    self.poll.register(connection, select.POLLIN)
                else:
                    self._stream(descriptor)
            self._send(self.ordering.due(time.monotonic()))

    def _datagram(self) -> None:
        data, peer = self.udp.recvfrom(_TCP_SIZE)
        self._answer(data, (str(peer[0]), int(peer[1])), _UDP_SIZE)

    def _stream(self, descriptor: int) -> None:
        connection, buffer = self.connections[descriptor]
        try:
            data = connection.recv(_TCP_SIZE)
        except OSError:
            data = b""
        if not data:
            self.poll.unregister(connection)
            self.ordering.forget(descriptor)
            del self.connections[descriptor]
            connection.close()
            return
        buffer += data
        while len(buffer) >= 2:
            (length,) = struct.unpack_from("!H", buffer)
            if len(buffer) < 2 + length:
                break
            message = bytes(buffer[2 : 2 + length])
            del buffer[: 2 + length]
            self._answer(message, descriptor, _TCP_SIZE)

    def _answer(self, data: bytes, peer: _Peer, limit: int) -> None:
        try:
            query = DNSRecord.parse(data)
        except DNSError:
            return
        if query.header.qr or query.header.opcode != _QUERY or len(query.questions) != 1:
            return
        if not isinstance(peer, int):
            sizes = [record.edns_len for record in query.ar if record.rtype == _OPT]
            limit = max(limit, *sizes) if sizes else limit
        reply = reply_to(self.zone, query, limit)
        name = b".".join(query.q.qname.label).lower()
        self._send(self.ordering.take(peer, name, query.q.qtype, reply, time.monotonic()))

    def _send(self, replies: list[tuple[_Peer, bytes]]) -> None:
        for peer, data in replies:
            with suppress(OSError):  # a client that has gone
                if isinstance(peer, int):
                    if peer in self.connections:
                        framed = struct.pack("!H", len(data)) + data
                        self.connections[peer][0].sendall(framed)
                else:
                    self.udp.sendto(data, peer)


class NameServer:
    """The server's process, as its sandbox sees it.

    Starting it binds port 53 of the loopback address in this network namespace, so the
    loopback interface must be up. Raises SandboxError where that fails.
    """

    def __init__(self) -> None:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        ours, theirs = socket.socketpair()
        with udp, tcp, theirs:
            try:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                for sock in (udp, tcp):
                    sock.bind((NAME_SERVER, _PORT))
                tcp.listen(16)
            except OSError as problem:
                ours.close()
                raise SandboxError(
                    f"resolver: dns needs port 53 of {NAME_SERVER} on lo: {problem.strerror}"
                ) from None
            self._pid = os.fork()
            if self._pid == 0:
                _serve_forever(ours, _Server(udp, tcp, theirs))
        self._control = ours

    def load(self, zone: Zone) -> None:
        """Give the server another zone; it is in force when this returns.

        Parameters: ``zone``. Raises SandboxError when the server has gone.
        """
        try:
            wire.send(self._control, zone)
            wire.receive(self._control)
        except (OSError, EOFError, pickle.UnpicklingError):
            raise SandboxError("the sandbox's DNS server has gone") from None

    def close(self) -> None:
        """End the server. Raises nothing."""
        self._control.close()
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _serve_forever(asker: socket.socket, server: _Server) -> NoReturn:
    status = 1
    try:
        asker.close()
        kernel.die_with_parent()
        with suppress(EOFError):
            server.serve()
        status = 0
    finally:
        os._exit(status)

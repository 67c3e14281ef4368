"""A small DNS server on the sandbox's loopback that answers A and AAAA in a chosen order.

glibc asks for A and AAAA at once and puts the family whose reply arrives first in front.
So the reply that is to be second never goes before its partner has been sent (`Ordering`).
Sources: RFC 1035, RFC 2308 (negative answers), RFC 6891 (EDNS).
"""

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Literal, Self

import dnslib  # type: ignore[import-untyped]
from dnslib import QTYPE, RR, DNSRecord

from . import syscalls
from .names import NAME_SERVER
from .values import SandboxError

FirstReply = Literal["A", "AAAA"]
_PORT = 53
_UDP_SIZE = 512
_TCP_SIZE = 65535
_TTL = 60
_A, _AAAA = 1, 28
_BATCH = 64  # datagrams read before any is answered
_REMEMBERED = 256  # first replies whose partner has not been asked for

Peer = Any
"""A UDP client's address, a tuple, or what stands for a TCP connection."""


@dataclass(frozen=True, slots=True)
class Zone:
    """The A and AAAA records of each name in order, and whose reply is first."""

    names: Mapping[bytes, tuple[list[str], list[str]]]
    first: FirstReply = "A"

    @classmethod
    def of(cls, names: Mapping[str, Sequence[str]], first: FirstReply) -> Self:
        """A zone. Raises SandboxError for a name whose records do not fit one DNS message."""
        table = {}
        for name, addresses in names.items():
            records: tuple[list[str], list[str]] = ([], [])
            for text in addresses:
                records[ip_address(text).version == 6].append(text)
            for kind, found, size in zip(("A", "AAAA"), records, (16, 28), strict=True):
                if 300 + len(found) * size > _TCP_SIZE:
                    raise SandboxError(
                        f"names.{name}: {len(found)} {kind} records do not fit one DNS answer"
                    )
            table[name.encode().rstrip(b".").lower()] = records
        return cls(table, first)


def reply_to(zone: Zone, query: DNSRecord, limit: int) -> bytes:
    """The reply to a query, cut as by `cut_reply_to` where it has more bytes than ``limit``."""
    reply = query.reply(ra=1, aa=1)
    kind = query.q.qtype
    known = zone.names.get(_name(query))
    if known is None:
        reply.header.rcode = dnslib.RCODE.NXDOMAIN
    elif kind in (_A, _AAAA):
        for text in known[kind == _AAAA]:
            # as numbers: dnslib cannot read ::ffff:192.0.2.1
            form = dnslib.A if kind == _A else dnslib.AAAA
            rdata = form(tuple(ip_address(text).packed))
            reply.add_answer(RR(query.q.qname, kind, rdata=rdata, ttl=_TTL))
    if not reply.rr:
        soa = dnslib.SOA("ns.invalid", "root.invalid", (1, 3600, 600, 86400, _TTL))
        reply.add_auth(RR(".", QTYPE.SOA, rdata=soa, ttl=_TTL))
    if any(record.rtype == QTYPE.OPT for record in query.ar):
        reply.add_ar(dnslib.EDNS0(udp_len=4096))
    packed = bytes(reply.pack())
    return packed if len(packed) <= limit else cut_reply_to(query)


def _name(query: DNSRecord) -> bytes:
    return b".".join(query.q.qname.label).lower()


def cut_reply_to(query: DNSRecord) -> bytes:
    """A reply with the TC bit and without records: the client asks again over TCP."""
    cut = query.reply(ra=1, aa=1)  # keeps the question: glibc ignores a reply without it
    cut.header.tc = 1
    return bytes(cut.pack())


@dataclass(frozen=True, slots=True)
class Question:
    """A query, its answer, and ``cut``: what sends the client to TCP, None where it is there."""

    peer: Peer
    name: bytes
    kind: int
    reply: bytes
    cut: bytes | None


@dataclass(slots=True)
class Ordering:
    """Decides the order of replies from what is known, never from the time.

    glibc may be stopped between the questions of a pair, so a question that is alone may still
    get its partner. Over UDP the reply that is to be the second then has the TC bit set: glibc
    asks again over TCP, where the questions of a pair come in one write and cannot be parted.
    """

    first: FirstReply
    _answered: dict[tuple[Peer, bytes], None] = field(default_factory=dict)

    def order(self, questions: Sequence[Question]) -> list[tuple[Peer, bytes]]:
        """The replies to questions, over TCP all of one write, in the order they go out."""
        first, second = (_A, _AAAA) if self.first == "A" else (_AAAA, _A)
        replies = [(one.peer, one.reply) for one in questions if one.kind != second]
        self._answered |= {(one.peer, one.name): None for one in questions if one.kind == first}
        for one in questions:
            if one.kind == second:
                follows = self._answered.pop((one.peer, one.name), one) is None
                replies.append((one.peer, one.reply if follows or one.cut is None else one.cut))
        # glibc asks for A first. So an AAAA that is still without a partner here is most likely
        # one alone, and must not stand for the partner of a later pair from the same port.
        kept = list(self._answered)[-_REMEMBERED:] if self.first == "A" else []
        self._answered = dict.fromkeys(kept)
        return replies


class _Server:
    """The server's loop."""

    def __init__(self, udp: socket.socket, zone: Zone) -> None:
        self.udp = udp
        self.zone = zone
        self.ordering = Ordering(zone.first)

    async def serve(self, tcp: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(self.udp, self._datagrams)
        await (await asyncio.start_server(self._stream, sock=tcp)).serve_forever()

    def _datagrams(self) -> None:
        questions: list[Question] = []
        with suppress(BlockingIOError):
            for _ in range(_BATCH):
                data, peer = self.udp.recvfrom(_TCP_SIZE, socket.MSG_DONTWAIT)
                questions += self._question(data, (str(peer[0]), int(peer[1])))
        self._send(self.ordering.order(questions))

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = b""
        with suppress(OSError):  # a client that has gone
            while data := await reader.read(_TCP_SIZE):
                buffer += data
                questions: list[Question] = []
                rest = buffer
                while len(rest) >= 2 and len(rest) >= 2 + (length := int.from_bytes(rest[:2])):
                    questions += self._question(rest[2 : 2 + length], writer)
                    rest = rest[2 + length :]
                if not rest:  # else the partner of the last one may be in what has not come yet
                    buffer = b""
                    self._send(self.ordering.order(questions))
        writer.close()

    def _question(self, data: bytes, peer: Peer) -> list[Question]:
        """The question that a message asks; none for what is no query."""
        try:
            query = DNSRecord.parse(data)
        except dnslib.DNSError:
            return []
        if query.header.qr or query.header.opcode or len(query.questions) != 1:
            return []
        limit, cut = _TCP_SIZE, None
        if isinstance(peer, tuple):
            sizes = [record.edns_len for record in query.ar if record.rtype == QTYPE.OPT]
            limit, cut = max([_UDP_SIZE, *sizes]), cut_reply_to(query)
        return [Question(peer, _name(query), query.q.qtype, reply_to(self.zone, query, limit), cut)]

    def _send(self, replies: list[tuple[Peer, bytes]]) -> None:
        for peer, data in replies:
            if isinstance(peer, asyncio.StreamWriter):
                peer.write(struct.pack("!H", len(data)) + data)
            else:
                with suppress(OSError):  # a client that has gone
                    self.udp.sendto(data, peer)


class NameServer:
    """A process that serves a zone on port 53 of the loopback address. Raises SandboxError."""

    def __init__(self, zone: Zone) -> None:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        with udp, tcp:
            try:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                for sock in (udp, tcp):
                    sock.bind((NAME_SERVER, _PORT))
                tcp.listen(16)
            except OSError as problem:
                raise SandboxError(
                    f"resolver: dns needs port 53 of {NAME_SERVER} on lo: {problem.strerror}"
                ) from None

            def serve() -> None:
                syscalls.die_with_parent()
                # which keeps the order of datagrams: on loopback each has a queue of its own
                with suppress(OSError):
                    allowed = sorted(os.sched_getaffinity(0))
                    os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})
                asyncio.run(_Server(udp, zone).serve(tcp))

            self._pid = syscalls.forked(serve)

    def close(self) -> None:
        """End the server."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

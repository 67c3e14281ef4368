"""Small DNS servers on the sandbox's loopback: answers in a chosen order, errors and silence.

glibc asks for A and AAAA at once and puts the family whose reply arrives first in front.
So the reply that is to be second never goes before its partner has been sent (`Ordering`).
Sources: RFC 1035, RFC 2308 (negative answers), RFC 6891 (EDNS).
"""

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import dnslib  # type: ignore[import-untyped]
from dnslib import QTYPE, RR, DNSRecord

from harness.model.dns_servers import OTHER_OWNER, UNORDERED, Packet, Record, Server

from . import syscalls
from .names import NAME_SERVERS
from .values import SandboxError

_PORT = 53
_UDP_SIZE = 512
_TCP_SIZE = 65535
_TTL = 60
_TC = 0x02  # in the third byte
_A, _AAAA = 1, 28
_RECORDS: dict[int, Record] = {_A: "A", _AAAA: "AAAA"}
_LONGEST_NAME = 253  # without its final dot
_BATCH = 64  # datagrams read before any is answered
_REMEMBERED = 256  # first replies whose partner has not been asked for

Peer = Any
"""A UDP client's address, a tuple, or what stands for a TCP connection."""


def check_sizes(server: Server) -> None:
    """Raises SandboxError for a name whose records do not fit one DNS message."""
    for name in (*server.names, *server.aliases):
        for record in _RECORDS.values():
            packet = server.packet(name, record)
            if packet.size > _TCP_SIZE:
                number = len(packet.addresses)
                raise SandboxError(
                    f"names.{name}: {number} {record} records do not fit one DNS answer"
                )


def reply_to(query: DNSRecord, packet: Packet | None) -> bytes:
    """The reply to a query; ``packet`` is what the server says, None for types it has none of."""
    # as a cache says it; glibc takes a "no data" without either bit for a lame server's
    recursive = int(packet is None or packet.word != "lame")
    reply = query.reply(ra=recursive, aa=0)
    packet = packet or Packet("NOERROR")
    reply.header.rcode = getattr(dnslib.RCODE, packet.rcode)
    if packet.word == "short":
        reply.questions.clear()
        return bytes(reply.pack())
    owner = query.q.qname
    for target in packet.chain:
        reply.add_answer(RR(owner, QTYPE.CNAME, rdata=dnslib.CNAME(target), ttl=_TTL))
        owner = dnslib.DNSLabel(target)
    if packet.word == "misnamed":
        owner = dnslib.DNSLabel(OTHER_OWNER)
    for address in packet.addresses:
        # as numbers: dnslib cannot read ::ffff:192.0.2.1
        form = dnslib.A if address.version == 4 else dnslib.AAAA
        rdata = form(tuple(address.packed))
        reply.add_answer(RR(owner, query.q.qtype, rdata=rdata, ttl=_TTL))
    if packet.word == "unrelated":
        reply.add_answer(RR(owner, QTYPE.TXT, rdata=dnslib.TXT("no address"), ttl=_TTL))
    if packet.word in ("lame", "unrelated"):
        return bytes(reply.pack())
    if packet.rcode in ("NOERROR", "NXDOMAIN") and not packet.addresses:
        soa = dnslib.SOA("ns.invalid", "root.invalid", (1, 3600, 600, 86400, _TTL))
        reply.add_auth(RR(".", QTYPE.SOA, rdata=soa, ttl=_TTL))
    if any(record.rtype == QTYPE.OPT for record in query.ar):
        reply.add_ar(dnslib.EDNS0(udp_len=4096))
    return bytes(reply.pack())


def cut_reply_to(query: DNSRecord) -> bytes:
    """A reply with the TC bit and without records: the client asks again over TCP."""
    cut = query.reply(ra=1, aa=0)  # keeps the question: glibc ignores a reply without it
    cut.header.tc = 1
    return bytes(cut.pack())


@dataclass(frozen=True, slots=True)
class DnsQuestion:
    """A query, its answer, and ``cut``: what sends the client to TCP, None where it is there.

    ``first`` is the record type whose reply goes out first, None where each goes at once.
    """

    peer: Peer
    name: bytes
    kind: int
    reply: bytes
    cut: bytes | None
    first: int | None = _A


@dataclass(slots=True)
class Ordering:
    """Decides the order of replies from what is known, never from the time.

    glibc may be stopped between the questions of a pair, so a question that is alone may still
    get its partner. Over UDP the reply that is to be the second then has the TC bit set: glibc
    asks again over TCP, where the questions of a pair come in one write and cannot be parted.
    """

    _answered: dict[tuple[Peer, bytes], int] = field(default_factory=dict)

    def order(self, questions: Sequence[DnsQuestion]) -> list[tuple[Peer, bytes]]:
        """The replies to questions, over TCP all of one write, in the order they go out."""
        second = {_A: _AAAA, _AAAA: _A}
        waits = [one.first is not None and one.kind == second[one.first] for one in questions]
        ahead = [one for one, late in zip(questions, waits, strict=True) if not late]
        replies = [(one.peer, one.reply) for one in ahead]
        for one in ahead:
            if one.kind == one.first:
                self._answered[one.peer, one.name] = one.kind
        for one, late in zip(questions, waits, strict=True):
            if late:
                follows = self._answered.pop((one.peer, one.name), None) is not None
                replies.append((one.peer, one.reply if follows or one.cut is None else one.cut))
        # glibc asks for A first. So an AAAA that is still without a partner here is most likely
        # one alone, and must not stand for the partner of a later pair from the same port.
        kept = [item for item in self._answered.items() if item[1] == _A]
        self._answered = dict(kept[-_REMEMBERED:])
        return replies


class _Server:
    """The loop of one server."""

    def __init__(self, udp: socket.socket, server: Server, first: Record) -> None:
        self.udp = udp
        self.server = server
        self.first = first
        self.ordering = Ordering()
        # what is said to a question, whoever asks and by whatever number, and the packet's word
        self._known: dict[tuple[bytes, bool], tuple[DnsQuestion, str]] = {}
        self._late: set[tuple[bytes, bytes, int]] = set()

    async def serve(self, tcp: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(self.udp, self._datagrams)
        await (await asyncio.start_server(self._stream, sock=tcp)).serve_forever()

    def _datagrams(self) -> None:
        questions: list[DnsQuestion | None] = []
        with suppress(BlockingIOError):
            while len(questions) < _BATCH:
                data, peer = self.udp.recvfrom(_TCP_SIZE, socket.MSG_DONTWAIT)
                questions.append(self._question(data, peer))
        self._send(self.ordering.order([one for one in questions if one]))

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = b""
        with suppress(OSError):  # a client that has gone
            while data := await reader.read(_TCP_SIZE):
                buffer += data
                questions: list[DnsQuestion | None] = []
                rest = buffer
                while len(rest) >= 2 and len(rest) >= 2 + (length := int.from_bytes(rest[:2])):
                    questions.append(self._question(rest[2 : 2 + length], writer))
                    rest = rest[2 + length :]
                if None in questions:  # it waits for as long as the connection lasts
                    break
                if not rest:  # else the partner of the last one may be in what has not come yet
                    buffer = b""
                    self._send(self.ordering.order([one for one in questions if one]))
        writer.close()

    def _question(self, data: bytes, peer: Peer) -> DnsQuestion | None:
        """The question that a message asks; None for what is no query, or gets no answer."""
        stream = not isinstance(peer, tuple)
        key = data[2:], stream  # all but the number of the message
        found = self._known.get(key) or self._learn(data, stream)
        if found is None:
            return None
        known, word = self._known[key] = found
        # the same question again may have another EDNS record
        asked = data[:2], known.name, known.kind
        if word == "silent" or (word == "late" and asked not in self._late):
            self._late.add(asked)
            return None
        cut = known.cut and data[:2] + known.cut
        return replace(known, peer=peer, reply=data[:2] + known.reply, cut=cut)

    def _learn(self, data: bytes, stream: bool) -> tuple[DnsQuestion, str] | None:
        try:
            query = DNSRecord.parse(data)
        except dnslib.DNSError:
            return None
        if query.header.qr or query.header.opcode or len(query.questions) != 1:
            return None
        name, kind = b".".join(query.q.qname.label), query.q.qtype
        text = name.decode("latin-1")
        if len(text) > _LONGEST_NAME:  # c-ares sends it, and there is no reply that could name it
            return None
        record = _RECORDS.get(kind)
        packet = None if record is None else self.server.packet(text, record)
        sizes = [record.edns_len for record in query.ar if record.rtype == QTYPE.OPT]
        reply = reply_to(query, packet)
        if packet and not stream and packet.cut(max([_UDP_SIZE, *sizes])):
            reply = cut_reply_to(query)
        # with its records, for a resolver that takes no notice of the bit: musl up to 1.2.3
        cut = bytes([*reply[:2], reply[2] | _TC, *reply[3:]])
        words = {self.server.packet(text, one).word for one in _RECORDS.values()}
        first = {"A": _A, "AAAA": _AAAA}[self.server.order(text, self.first)[0]]
        known = DnsQuestion(
            None, name.lower(), kind, reply[2:], None if stream else cut[2:],
            None if words & UNORDERED and not stream else first,
        )  # fmt: skip
        return known, (packet and packet.word) or ""

    def _send(self, replies: list[tuple[Peer, bytes]]) -> None:
        for peer, data in replies:
            if isinstance(peer, asyncio.StreamWriter):
                peer.write(struct.pack("!H", len(data)) + data)
            else:
                with suppress(OSError):  # a client that has gone
                    self.udp.sendto(data, peer)


class NameServer:
    """A process that serves on port 53 of loopback addresses, from 127.0.0.1 on.

    ``first`` is the reply to a pair of questions that goes out first. Raises SandboxError.
    """

    def __init__(self, servers: Sequence[Server], first: Record) -> None:
        opened: list[tuple[socket.socket, socket.socket, Server]] = []
        with ExitStack() as stack:
            for server, address in zip(servers, NAME_SERVERS, strict=False):
                check_sizes(server)
                if not server.closed:
                    udp, tcp = map(stack.enter_context, _sockets(address))
                    opened.append((udp, tcp, server))

            async def serve_all() -> None:
                await asyncio.gather(
                    *(_Server(udp, server, first).serve(tcp) for udp, tcp, server in opened)
                )

            def serve() -> None:
                syscalls.die_with_parent()
                # which keeps the order of datagrams: on loopback each has a queue of its own
                with suppress(OSError):
                    allowed = sorted(os.sched_getaffinity(0))
                    os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})
                asyncio.run(serve_all())

            self._pid = syscalls.forked(serve)

    def close(self) -> None:
        """End the server."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _sockets(address: str) -> tuple[socket.socket, socket.socket]:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for sock in (udp, tcp):
            sock.bind((address, _PORT))
        tcp.listen(16)
    except OSError as problem:
        udp.close()
        tcp.close()
        why = f"resolver: dns needs port 53 of {address} on lo: {problem.strerror}"
        raise SandboxError(why) from None
    return udp, tcp

"""c-ares' questions to DNS servers: who is asked, again and next, and whose answer comes last.

A name's A and AAAA are two questions that know nothing of each other: each has its own server, its
own retries and its own end. The addresses stand in the order in which the answers come, and where
there are none the last answer is the word. So time is told here as far as it counts, in round
trips, and where two replies may come in either order, `Chance` has both. Source: c-ares,
src/lib/ares_process.c, ares_send.c, ares_query.c and ares_getaddrinfo.c of the tags that
`cares_rows` names.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import NamedTuple

from harness.model.cares_rows import CaresBehaviour, Status
from harness.model.chance import Chance
from harness.model.dns import Resolver
from harness.model.dns_servers import UNORDERED, Packet, Record, Server

_STATUSES = {
    "NXDOMAIN": Status.ENOTFOUND, "FORMERR": Status.EFORMERR, "SERVFAIL": Status.ESERVFAIL,
    "REFUSED": Status.EREFUSED,
}  # fmt: skip
_FAILURES = Status.ESERVFAIL, Status.EREFUSED
_LONGEST_READ = 253  # bytes of a name, without its final dot


class CaresReply(NamedTuple):
    """The end of one question: what is said, and the records where there are any."""

    status: Status
    packet: Packet | None = None


@dataclass(slots=True)
class _Question:
    """One question on its way.

    ``moment`` has what was sent with it over UDP, ``serial`` is its place among all that was sent.
    ``answered``: there will be a reply, or an error where the server is not there; what is not
    times out in the order in which it was sent.
    """

    record: Record
    server: int
    error: Status
    left: int
    stream: bool = False
    given_up: bool = False
    on_way: bool = False
    moment: set[tuple[int, Record]] = field(init=False)
    serial: int = field(init=False)
    answered: bool = field(init=False)
    skipped: set[int] = field(default_factory=set)
    connections: set[tuple[int, int | None]] = field(default_factory=set)


class CaresChannel:
    """A channel during one look-up: what it has learnt of its servers goes on to the next name.

    ``first`` is the reply to a pair of questions that servers send first.
    """

    def __init__(
        self, servers: Sequence[Server], resolver: Resolver, first: Record, own: CaresBehaviour,
        chance: Chance,
    ) -> None:  # fmt: skip
        self.servers, self.own, self.chance, self.first = servers, own, chance, first
        options = resolver.options
        self.rotates = "rotate" in options
        tries = resolver.attempts if own.options_read else own.tries
        self.more = len(servers) * tries - 1  # times that a question is sent again
        self.failures = Counter[int]()
        self.failed = Counter[int]()  # when each did the last time
        self.asked = 0
        self.late = set[tuple[int, Record]]()
        self.clock = count()

    def ask(self, name: str, records: Sequence[Record]) -> list[CaresReply]:
        """The replies to the questions for one name, in the order in which they end."""
        return _CaresExchange(self, name, records).run()

    def best(self) -> int:
        """The server that failed least, the longest ago."""
        by_failures: dict[int, list[int]] = {}
        for number in range(len(self.servers)):
            by_failures.setdefault(self.failures[number], []).append(number)
        least = by_failures[min(by_failures)]
        if self.rotates:
            return least[self.chance.choose(len(least))]
        return min(least, key=self.failed.__getitem__)

    def fail(self, server: int) -> None:
        """Note a failure of a server."""
        self.failures[server] += 1
        self.failed[server] = next(self.clock)


class _CaresExchange:
    """The questions for one name, until each has ended."""

    def __init__(self, channel: CaresChannel, name: str, records: Sequence[Record]) -> None:
        self.channel, self.own, self.name = channel, channel.own, name.removesuffix(".")
        # a name that is too long for DNS is sent all the same, and no server reads it
        unread = len(self.name) > _LONGEST_READ
        self.servers = [replace(one, always="silent") if unread else one for one in channel.servers]
        self.replies: list[CaresReply] = []
        self.unread_error = set[int]()  # sockets of servers that are not there
        self.connection = dict[int, int]()
        self.moment = set[tuple[int, Record]]()
        self.over_udp = set[tuple[int, Record]]()
        self.later: list[Callable[[], None]] | None = None
        self.moved = False  # a question, to another server or to TCP
        self.questions = []
        for record in records:
            start = channel.asked if channel.rotates else 0
            channel.asked += 1
            error = Status.SUCCESS if self.own.by_failures else Status.ECONNREFUSED
            server = start % len(self.servers)
            self.questions.append(_Question(record, server, error, channel.more))

    def run(self) -> list[CaresReply]:
        for question in self.questions:
            self._send(question)
        while on_way := [one for one in self.questions if one.on_way]:
            coming = [one for one in on_way if one.answered]
            if coming:
                self._take(self._next(coming))
                continue
            oldest = min(on_way, key=lambda one: one.serial)
            self.moment = set()
            for one in [one for one in on_way if one.moment is oldest.moment]:
                one.error = Status.ETIMEOUT
                self._failed(one, in_turn=True)
        if self.moved and self.channel.chance.choose(len(self.replies)):
            self.replies.reverse()  # as a machine with more to do may have it
        return self.replies

    def _take(self, questions: Sequence[_Question]) -> None:
        """Take the replies that are read at once: some of what they bring about comes after all."""
        self.later = []
        for one in questions:
            if not one.on_way:
                continue
            if one.moment is self.moment:
                self.moment = set()
            if not self.servers[one.server].closed:
                self._answered(one)
            elif one.stream or one.server in self.unread_error:
                self._lost(one.server, one.stream)
            else:
                one.answered = False  # the error was another question's
        later, self.later = self.later, None
        for each in later:
            each()

    # --- what comes next

    def _next(self, coming: Sequence[_Question]) -> Sequence[_Question]:
        """The reply that is read next, or both."""
        if not coming[1:]:
            return coming
        one, other = sorted(coming, key=lambda question: question.serial)
        together = one.moment is other.moment
        if together and one.stream and not other.stream:
            one, other = other, one
        choose = self.channel.chance.choose
        if self.servers[one.server].closed:
            return [one]
        if (one.server, one.stream) != (other.server, other.stream):
            return [other] if choose(2) else [one]
        if together:
            first = self._order_of(one.server)[0] if one.stream else self._first(one.server)
            if other.record == first == "AAAA" and not (one.stream and choose(2)):
                one, other = other, one
        at_once = self.own.sent_later and (self._goes_on(one) or self._goes_on(other))
        return [one, other] if at_once and choose(2) else [one]

    def _order_of(self, number: int) -> tuple[Record, Record]:
        """The replies to the pair in the order in which a server wants to send them."""
        return self.servers[number].order(self.name, self.channel.first)

    def _first(self, number: int) -> Record | None:
        """The reply to the pair that goes out first over UDP; None where each goes at once."""
        order, server = self._order_of(number), self.servers[number]
        words = {server.packet(self.name, one).word for one in order}
        return None if words & UNORDERED else order[0]

    def _packet(self, question: _Question, record: Record | None = None) -> Packet:
        server = self.servers[question.server]
        return server.packet(self.name, record or question.record)

    def _goes_on(self, question: _Question, record: Record | None = None) -> bool:
        """Whether a reply is not the end of a question."""
        packet = self._packet(question, record)
        cut = not question.stream and packet.cut(self.own.edns_size)
        return cut or packet.rcode in ("SERVFAIL", "REFUSED", "FORMERR")

    # --- sending

    def _send(self, question: _Question) -> None:
        if self.later is not None and self.own.sent_later:
            self.later.append(partial(self._send_now, question))
            question.on_way = False
        else:
            self._send_now(question)

    def _send_now(self, question: _Question) -> None:
        channel = self.channel
        if self.own.by_failures:
            question.server = channel.best()
        number = question.server
        closed = self.servers[number].closed
        if question.stream:
            if number not in self.connection:
                self.connection[number] = next(channel.clock)
            question.connections.add((number, self.connection[number]))
        elif closed:
            if number in self.unread_error:  # the answer to an earlier question has come as errno
                self.unread_error.discard(number)
                self._write_failed(question)
                return
            self.unread_error.add(number)
        self.moved |= question.stream
        question.on_way, question.moment, question.serial = True, self.moment, next(channel.clock)
        question.answered = closed or question.stream or self._is_answered(question)
        if not question.stream:
            self.moment.add((number, question.record))
            self.over_udp.add((number, question.record))

    def _is_answered(self, question: _Question) -> bool:
        """Whether a server says something over UDP."""
        match self._packet(question).word:
            case "silent":
                return False
            case "late":
                return self._came_late(question)
            case "short":  # which no question is found for, or which is no DNS message
                return self.own.by_failures
        return True

    def _came_late(self, question: _Question) -> bool:
        """Whether a late reply comes: not the first time."""
        key = question.server, question.record
        known = key in self.channel.late
        self.channel.late.add(key)
        return known

    # --- what came of it

    def _answered(self, question: _Question) -> None:
        number, own, packet = question.server, self.own, self._packet(question)
        if question.stream and (
            packet.word == "silent" or (packet.word == "late" and not self._came_late(question))
        ):
            self._lost(number, stream=True)
            return
        if packet.word == "short" and own.by_failures:
            self._lost(number, question.stream, Status.EBADRESP)
            return
        if not question.stream and (packet.cut(own.edns_size) or self._parted(question)):
            question.stream = True
            self._send(question)
            return
        # after FORMERR it is asked again without EDNS, and says the same
        self.moved |= packet.rcode == "FORMERR" and own.format_retried
        status = _STATUSES.get(packet.rcode, Status.SUCCESS)
        if status in _FAILURES:
            question.error = status if own.error_told else question.error
            self._failed(question)
            return
        del self.channel.failures[number], self.channel.failed[number]
        answers = packet.addresses or packet.chain or packet.word == "unrelated"
        if status is Status.SUCCESS and not answers:
            status = Status.ENODATA
        self._end(question, CaresReply(status, packet if status is Status.SUCCESS else None))

    def _parted(self, question: _Question) -> bool:
        """Whether the server sends a question on to TCP, because it is to answer the other first.

        A goes out before AAAA, so that only an A that is to wait can be without its partner.
        """
        first, number = self._first(question.server), question.server
        if first in (None, question.record):
            return False
        if first == "A":
            return (number, first) not in self.over_udp
        if (number, first) not in question.moment:
            return True
        return self._goes_on(question, first) and not self.channel.chance.choose(2)

    def _end(self, question: _Question, reply: CaresReply) -> None:
        question.on_way = False
        if self.later is not None and self.own.told_later:
            self.later.append(partial(self._end_now, question, reply))
        else:
            self._end_now(question, reply)

    def _end_now(self, question: _Question, reply: CaresReply) -> None:
        self.replies.append(reply)
        found = reply.packet is not None and bool(reply.packet.addresses)
        way = self.own.gives_up
        if found and way != "never" and (way == "any" or question.record == "A"):
            for other in self.questions:
                other.given_up = True

    def _failed(self, question: _Question, *, in_turn: bool = False) -> None:
        """A question goes to another server; ``in_turn``: to the same one when its turn comes."""
        if self.own.by_failures:
            self.channel.fail(question.server)
            self._again(question)
        else:
            self._next_server(question, None if in_turn else question.server)

    def _write_failed(self, question: _Question) -> None:
        if self.own.by_failures:
            question.error = Status.ECONNREFUSED
            self._lost(question.server, stream=False)
            self._again(question)
        else:
            self._next_server(question, question.server)

    def _lost(self, number: int, stream: bool, error: Status = Status.ECONNREFUSED) -> None:
        """A socket of a server is closed: what was asked through it is asked elsewhere."""
        if self.own.by_failures:
            self.channel.fail(number)
        self.unread_error.discard(number)
        self.connection.pop(number, None)
        for one in self.questions:
            if not one.on_way or one.server != number:
                continue
            if not self.own.by_failures:
                self._next_server(one, number)
            elif one.stream is stream:
                one.error = error
                self._again(one)

    # --- asking again

    def _again(self, question: _Question) -> None:
        """Of the server that failed least, which is chosen when it is sent."""
        question.on_way = False
        if question.left and not question.given_up:
            question.left -= 1
            self.moved = True
            self._send(question)
        else:
            self._end(question, CaresReply(question.error))

    def _next_server(self, question: _Question, skipped: int | None) -> None:
        """Of the next server in turn, from now on without one that is ``skipped``."""
        question.on_way = False
        if skipped is not None and self.servers[1:]:
            question.skipped.add(skipped)
        while question.left and not question.given_up:
            question.left -= 1
            question.server = (question.server + 1) % len(self.servers)
            here = question.server, self.connection.get(question.server)
            if question.server not in question.skipped and not (
                question.stream and here in question.connections
            ):
                self.moved = True
                self._send(question)
                return
        self._end(question, CaresReply(question.error))

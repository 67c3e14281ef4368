"""glibc's stub resolver: what it asks DNS servers, and what it makes of their replies.

Follows ``res_search``, ``res_query`` and ``res_send``, and how the dns service reads replies.
Sources: resolv.conf(5), RFC 1034, RFC 1035, RFC 2308, and glibc's history as
`harness.model.dialects` names it.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from harness.model.dialects import Dialect
from harness.model.host import IPAddress, Target

Record = Literal["A", "AAAA"]
Status = Literal["SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN"]
Trouble = Literal["", "HOST_NOT_FOUND", "NO_DATA", "TRY_AGAIN", "NO_RECOVERY", "NETDB_INTERNAL"]
"""What a service leaves in h_errno."""
Word = Literal[
    "servfail", "refused", "formerr", "nxdomain", "nodata", "unrelated", "truncated", "silent",
    "late", "lame", "short",
]  # fmt: skip
"""What a server says to a question in the place of its records.

``unrelated``: a record of another type alone; ``truncated``: over UDP only that TCP is to be used;
``silent``: nothing, over TCP the end of the connection; ``late``: nothing the first time;
``lame``: an empty answer by a server that is not responsible and asks no other; ``short``:
REFUSED in a message that leaves the question out.
"""
State = Literal[Word, "closed"]
"""A word, or that nothing listens."""
SLOW: frozenset[str] = frozenset(("silent", "late", "short"))
"""What makes a resolver wait."""
UNORDERED = SLOW | {"servfail", "refused", "lame"}
"""What is no answer to a resolver over UDP: the replies to such a pair go out as asked for."""

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_RCODES = {"servfail": "SERVFAIL", "refused": "REFUSED", "short": "REFUSED", "formerr": "FORMERR"}
_TROUBLES: dict[str, Trouble] = {
    "NXDOMAIN": "HOST_NOT_FOUND", "SERVFAIL": "TRY_AGAIN", "NOERROR": "NO_DATA",
}  # fmt: skip
_UDP_SIZE, _EDNS_SIZE = 512, 1200


def ascii_lower(name: str) -> str:
    """``name`` as strcasecmp(3) compares it in the C locale: only A to Z have another case."""
    return name.translate(_LOWER)


@dataclass(frozen=True, slots=True)
class Resolver:
    """How DNS is asked: search domains, ndots, attempts and options of resolv.conf(5).

    ``offset`` is the server that is asked first; with the option rotate that is for chance to say.
    """

    search: tuple[str, ...] = ()
    ndots: int = 1
    options: frozenset[str] = frozenset()
    attempts: int = 2
    offset: int | None = None

    def spellings(self, name: str) -> tuple[str, ...]:
        """The names that are asked for in turn, without final dots."""
        bare = name.removesuffix(".")
        if bare != name:
            return (bare,)
        domains = tuple(f"{name}.{domain.removesuffix('.')}" for domain in self.search)
        return (bare, *domains) if name.count(".") >= self.ndots else (*domains, bare)


@dataclass(frozen=True, slots=True)
class Packet:
    """A server's reply: ``chain`` has the targets of CNAME records, ``size`` the bytes at most.

    ``word`` is what it says in the place of records, None where it says what it holds.
    """

    rcode: str
    chain: tuple[str, ...] = ()
    addresses: tuple[IPAddress, ...] = ()
    word: Word | None = None
    size: int = 0

    @property
    def negative(self) -> bool:
        """Whether res_query takes it for no answer."""
        answers = self.chain or self.addresses or self.word == "unrelated"
        return self.rcode != "NOERROR" or not answers


@dataclass(frozen=True, slots=True)
class Server:
    """A DNS server: the addresses of lower-case names, CNAME records, and what it says otherwise.

    ``replies`` has words by name and record type, ``always`` the word for every question.
    ``first`` is the reply to a pair of questions that goes out first, None where that is as for
    all servers, ``firsts`` that of a name. ``closed``: nothing listens at its address.
    """

    names: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    replies: Mapping[str, Mapping[Record, Word]] = field(default_factory=dict)
    first: Record | None = None
    firsts: Mapping[str, Record] = field(default_factory=dict)
    always: Word | None = None
    closed: bool = False

    def packet(self, name: str, record: Record) -> Packet:
        """The reply to a question, with the CNAME records that lead away from the name."""
        key, chain = ascii_lower(name), list[str]()
        while (word := self.always or self.replies.get(key, {}).get(record)) is None:
            if key not in self.aliases:
                break
            chain.append(self.aliases[key])
            key = ascii_lower(chain[-1])
        if word in ("nodata", "nxdomain"):
            rcode, held = {"nodata": "NOERROR", "nxdomain": "NXDOMAIN"}[word], tuple[Target, ...]()
        elif word in (None, "truncated", "late"):
            known = key in self.names or key in self.replies
            rcode, held = "NOERROR" if known else "NXDOMAIN", self.names.get(key, ())
        else:
            rcode, held = _RCODES.get(word, "NOERROR"), ()
            chain.clear()
        version, width = (4, 16) if record == "A" else (6, 28)
        addresses = tuple(one.address for one in held if one.address.version == version)
        size = 29 + len(name) + sum(14 + len(one) for one in chain) + width * len(addresses)
        return Packet(rcode, tuple(chain), addresses, word, size)

    def held(self, name: str) -> tuple[str, tuple[Target, ...] | None]:
        """The name that a name leads to and its addresses, whatever is said in their place."""
        while ascii_lower(name) in self.aliases:
            name = self.aliases[ascii_lower(name)]
        key = ascii_lower(name)
        return name, self.names.get(key, () if key in self.replies else None)

    @property
    def words(self) -> frozenset[State]:
        """All that it says or does in the place of what it holds."""
        said: set[State] = {"closed"} if self.closed else set()
        said |= {self.always} if self.always else set()
        return frozenset(said.union(*(each.values() for each in self.replies.values())))

    def without(self, word: State) -> Server:
        """The server as it is without something that it says or does."""
        replies = {
            name: {record: one for record, one in each.items() if one != word}
            for name, each in self.replies.items()
        }
        always = None if self.always == word else self.always
        return replace(
            self, replies=replies, always=always, closed=self.closed and word != "closed"
        )

    def order(self, name: str, first: Record) -> tuple[Record, Record]:
        """The replies to a pair in the order in which they go out; ``first`` for all servers."""
        first = self.firsts.get(ascii_lower(name), self.first or first)
        return ("A", "AAAA") if first == "A" else ("AAAA", "A")


class Reply(NamedTuple):
    """What a service gives, with the h_errno it leaves.

    ``read``: it has read an answer into the caller's memory, of whatever use.
    """

    status: Status
    targets: tuple[Target, ...] = ()
    canonname: str | None = None
    trouble: Trouble = ""
    read: bool = False


class _Received(NamedTuple):
    """The replies in the two places for them; a reply that is an error leaves its place empty."""

    first: Packet | None
    second: Packet | None = None


def ask(
    servers: Sequence[Server],
    resolver: Resolver,
    name: str,
    records: tuple[Record, ...],
    first: Record,
    dialect: Dialect,
) -> Reply:
    """What the dns service makes of a name, asked for one record type or for both at once.

    ``first`` is the reply that the servers send first.
    """
    stub = _Stub(servers, resolver, first, dialect)
    both = len(records) == 2
    if both and stub.no_aaaa:
        records = ("A",)
    found, trouble = stub.search(name, records)
    if found is None:
        waited = stub.errno in ("ETIMEDOUT", "ECONNREFUSED")
        return Reply("UNAVAIL" if waited else "NOTFOUND", trouble=trouble)
    return (_of_both if both else _of_one)(found, stub.asked, dialect)


def _of_both(found: _Received, name: str, dialect: Dialect) -> Reply:
    reply = Reply("NOTFOUND")
    for packet in filter(None, found):
        own = _of_slice(packet, name, dialect)
        status = reply.status
        if status != "SUCCESS" and own.status != "NOTFOUND":
            status = own.status
        canonname = reply.canonname or own.canonname
        reply = Reply(status, reply.targets + own.targets, canonname, own.trouble)
    return reply


def _of_slice(packet: Packet, name: str, dialect: Dialect) -> Reply:
    if packet.addresses:
        return Reply("SUCCESS", tuple(map(Target, packet.addresses)), (name, *packet.chain)[-1])
    if packet.word == "unrelated" and not dialect.empty_answers_alike:
        return Reply("TRYAGAIN", trouble="NETDB_INTERNAL")
    return Reply("NOTFOUND", trouble="HOST_NOT_FOUND")


def _of_one(found: _Received, name: str, dialect: Dialect) -> Reply:
    packet = found.first
    assert packet is not None  # of one question there is one reply
    if packet.addresses:
        return _of_slice(packet, name, dialect)
    alike = dialect.empty_answers_alike or not packet.chain
    return Reply("TRYAGAIN" if alike else "NOTFOUND", trouble="NO_RECOVERY", read=True)


class _Stub:
    """The resolver during one look-up: ``errno`` of its last query, and what it has learnt.

    ``rcode`` is what the last reply said that came first, ``asked`` the last name asked for.
    """

    def __init__(
        self, servers: Sequence[Server], resolver: Resolver, first: Record, dialect: Dialect
    ) -> None:
        self.servers = servers
        self.resolver = resolver
        self.first = first
        self.dialect = dialect
        self.offset = resolver.offset or 0
        # 1: AAAA is asked for when A has been answered; 2: with another socket
        self.single = int("single-request" in resolver.options)
        self.no_aaaa = "no-aaaa" in resolver.options and dialect.no_aaaa_known
        self.strict = "strict-error" in resolver.options and dialect.strict_error_known
        self.errno = ""
        self.rcode = "NOERROR"
        self.asked = ""

    def search(self, name: str, records: tuple[Record, ...]) -> tuple[_Received | None, Trouble]:
        """The first name with an answer, of the name as it is and in each search domain."""
        bare = name.removesuffix(".")
        own: Trouble = ""
        trouble: Trouble = "HOST_NOT_FOUND"
        troubles: set[Trouble] = set()
        done = False
        for spelled in self.resolver.spellings(name):
            if done and spelled != bare:
                continue
            found, trouble = self.query(spelled, records)
            if found is not None:
                return found, ""
            if spelled == bare:
                own = trouble
            elif self.errno == "ECONNREFUSED":
                return None, "TRY_AGAIN"
            else:
                servfail = trouble == "TRY_AGAIN" and self.rcode == "SERVFAIL"
                done |= trouble not in ("NO_DATA", "HOST_NOT_FOUND") and not servfail
                if servfail or trouble == "NO_DATA":
                    troubles.add(trouble)
        if self.resolver.spellings(name)[0] == bare:
            return None, own
        for one in ("NO_DATA", "TRY_AGAIN"):
            if one in troubles:
                return None, one
        return None, trouble

    def query(self, name: str, records: tuple[Record, ...]) -> tuple[_Received | None, Trouble]:
        """The replies to the questions for one name, None with the trouble where none is of use."""
        self.asked, self.rcode = name, "NOERROR"
        # A is asked for in its place, and no answer counts
        hidden = records == ("AAAA",) and self.no_aaaa
        found, last = self.send(name, ("A",) if hidden else records)
        if found is None and not (hidden and (last is None or last.word == "short")):
            return None, "TRY_AGAIN"
        if found is None:  # the length of the question is then taken for that of a reply
            found = _Received(last or Packet("NOERROR"))
        if hidden:
            assert found.first is not None
            found = _Received(replace(found.first, chain=(), addresses=(), word=None))
        one = found.first or found.second
        other = found.second or found.first
        assert one is not None
        assert other is not None
        if not one.negative or not other.negative:
            return found, ""
        rcode = other.rcode if one.rcode == "NOERROR" else one.rcode
        return None, _TROUBLES.get(rcode, "NO_RECOVERY")

    def send(
        self, name: str, records: tuple[Record, ...]
    ) -> tuple[_Received | None, Packet | None]:
        """The replies of the first server that is of use, and the last one that came."""
        over_tcp = "use-vc" in self.resolver.options
        heard, late = False, set[tuple[int, Record]]()
        last: Packet | None = None
        start, count = self.offset, len(self.servers)
        if "rotate" in self.resolver.options:
            self.offset += 1
        for _ in range(self.resolver.attempts):
            for number in (shift % count for shift in range(start, start + count)):
                server = self.servers[number]
                if server.closed:
                    self.errno = "ECONNREFUSED"
                    continue
                exchange = _Exchange(self, server, number, name, records, late)
                if not over_tcp:
                    heard = True
                    found = exchange.datagrams()
                    over_tcp = exchange.truncated
                if over_tcp:
                    found = exchange.stream()
                last = exchange.last or last
                if found is not None:
                    self.errno = ""
                    return found, last
                self.errno = "ENODATA" if over_tcp else "ETIMEDOUT"
            if over_tcp:
                return None, last
        self.errno = "ETIMEDOUT" if heard else "ECONNREFUSED"
        return None, last


class _Exchange:
    """The questions for one name with one server."""

    def __init__(
        self,
        stub: _Stub,
        server: Server,
        number: int,
        name: str,
        records: tuple[Record, ...],
        late: set[tuple[int, Record]],
    ) -> None:
        self.stub, self.server, self.number, self.records = stub, server, number, records
        self.packets = {one: server.packet(name, one) for one in records}
        words = {packet.word for packet in self.packets.values()}
        own = server.order(name, stub.first)
        self.in_stream = [one for one in own if one in records]
        self.arrivals = records if words & UNORDERED else self.in_stream
        self.late = late
        self.truncated = False
        self.last: Packet | None = None

    def _comes(self, record: Record) -> bool:
        """Whether there is a reply that the resolver takes for one."""
        word = self.packets[record].word
        if word == "late" and (self.number, record) not in self.late:
            self.late.add((self.number, record))
            return False
        return word != "silent"

    def _take(self, record: Record, first: bool) -> Literal["none", "error", "truncated", "answer"]:
        """One datagram; ``first``: it is the first to come."""
        if not self._comes(record):
            return "none"
        packet = self.packets[record]
        if first:
            self.stub.rcode, self.last = packet.rcode, packet
        if packet.word == "short" and not self.stub.dialect.short_errors_match:
            return "none"
        if packet.word in ("servfail", "refused", "lame", "short"):
            return "error"
        most = _EDNS_SIZE if "edns0" in self.stub.resolver.options else _UDP_SIZE
        return "truncated" if packet.word == "truncated" or packet.size > most else "answer"

    def datagrams(self) -> _Received | None:
        """The replies over UDP; None where they are of no use, or `truncated`."""
        if len(self.records) == 2 and self.stub.single:
            # a server that is to answer AAAA first sends the resolver to TCP, where it can
            by_option = "single-request" in self.stub.resolver.options
            self.truncated = self.arrivals[0] == "AAAA" and not by_option
            return None if self.truncated else self._in_turn()
        places: list[Packet | None] = []
        for record in self.arrivals:
            taken = self._take(record, first=not places)
            if taken == "truncated":
                self.truncated = True
                return None
            if taken == "error" and (places or self.stub.strict or len(self.records) == 1):
                return (
                    _Received(places[0]) if places and places[0] and not self.stub.strict else None
                )
            if taken != "none":
                places.append(self.packets[record] if taken == "answer" else None)
        if len(places) == len(self.records):
            return _Received(*places)
        if not places or places[0] is None:
            return None
        self.stub.single = 1  # from here on, for the whole process
        return self._in_turn()

    def _in_turn(self) -> _Received | None:
        """A is asked for, and AAAA when it has been answered."""
        answer = self.packets["A"]
        while (taken := self._take("A", first=True)) == "answer":
            taken = self._take("AAAA", first=False)
            if taken == "answer":
                return _Received(answer, self.packets["AAAA"])
            if taken == "truncated":
                break
            if taken == "error" or self.stub.single == 2:
                return None if taken == "error" and self.stub.strict else _Received(answer)
            self.stub.single = 2
        self.truncated = taken == "truncated"
        return None

    def stream(self) -> _Received | None:
        """The replies over TCP, of whatever kind."""
        coming = [self._comes(one) for one in self.in_stream]
        if not all(coming):
            return None
        packets = [self.packets[one] for one in self.in_stream]
        self.stub.rcode, self.last = packets[0].rcode, packets[0]
        return _Received(*packets)

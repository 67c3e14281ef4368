"""glibc's stub resolver: what it asks DNS servers, and what it makes of their replies.

Follows ``res_search``, ``res_query`` and ``res_send``, and how the dns service reads replies.
Sources: resolv.conf(5), RFC 1034, RFC 1035, RFC 2308, and glibc's history as
`harness.model.dialects` names it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from harness.model.addresses import inet_aton
from harness.model.dialects import Dialect
from harness.model.dns_servers import OTHER_OWNER, Packet, Record, Server
from harness.model.host import Target

Status = Literal["SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN"]
Trouble = Literal["", "HOST_NOT_FOUND", "NO_DATA", "TRY_AGAIN", "NO_RECOVERY", "NETDB_INTERNAL"]
"""What a service leaves in h_errno."""
_TROUBLES: dict[str, Trouble] = {
    "NXDOMAIN": "HOST_NOT_FOUND", "SERVFAIL": "TRY_AGAIN", "NOERROR": "NO_DATA",
}  # fmt: skip
Records = tuple[Record, ...]
_UDP_SIZE, _EDNS_SIZE = 512, 1200
MOST_DOTS = 15
"""RES_MAXNDOTS: glibc, musl and Go take a higher number in resolv.conf for it; c-ares does not."""
MOST_PAIRS = 10
"""MAXRESOLVSORT: what sortlist has more up to 2.25 does not count."""
_MOST_SORTED = 48  # MAX_NR_ADDRS


def sortlist_pair(text: str) -> tuple[int, int] | None:
    """The address and the netmask of an entry of sortlist; None where it is no entry.

    Without a mask that can be read it is that of the address' class, A, B or else C.
    """
    net, _, mask = text.partition("/")
    address, given = inet_aton(net), inet_aton(mask)
    if address is None:
        return None
    top = int(address) >> 30
    bits = 8 if top < 2 else 16 if top == 2 else 24
    return int(address), -1 << (32 - bits) & 0xFFFFFFFF if given is None else int(given)


@dataclass(frozen=True, slots=True)
class Resolver:
    """How DNS is asked: search domains, ndots, attempts and options of resolv.conf(5).

    ``ndots`` is the number in the file, of which c-ares alone takes more than `MOST_DOTS`; None
    stands for the domains first, whatever the name. ``offset`` is the server that is asked first;
    with the option rotate that is for chance to say. ``sortlist`` has addresses with netmasks.
    """

    search: tuple[str, ...] = ()
    ndots: int | None = 1
    options: frozenset[str] = frozenset()
    attempts: int = 2
    offset: int | None = None
    sortlist: tuple[tuple[int, int], ...] = ()

    def domains(self, name: str) -> tuple[str, ...]:
        """A name in each search domain, without final dots; one with a final dot is in none."""
        if name.endswith("."):
            return ()
        return tuple(f"{name}.{domain.removesuffix('.')}" for domain in self.search)

    def as_it_is_first(self, name: str) -> bool:
        """Whether a name is asked for as it is before it is in its domains."""
        return self.ndots is not None and name.count(".") >= min(self.ndots, MOST_DOTS)

    def spellings(self, name: str) -> tuple[str, ...]:
        """The names that are asked for in turn, without final dots."""
        bare, domains = name.removesuffix("."), self.domains(name)
        return (bare, *domains) if self.as_it_is_first(name) else (*domains, bare)

    def by_sortlist(self, targets: Sequence[Target]) -> tuple[Target, ...]:
        """IPv4 addresses by the first entry of sortlist that each is in, stable; so many of them.

        An entry's address is compared as it stands: with bits beyond its mask nothing is in it.
        """

        def place(target: Target) -> int:
            within = (int(target.address) & mask == net for net, mask in self.sortlist)
            return next((number for number, one in enumerate(within) if one), len(self.sortlist))

        return (*sorted(targets[:_MOST_SORTED], key=place), *targets[_MOST_SORTED:])


class Reply(NamedTuple):
    """What a service gives, with the h_errno it leaves.

    ``read``: it has read an answer into the caller's memory, of whatever use.
    """

    status: Status
    targets: tuple[Target, ...] = ()
    canonname: str | None = None
    trouble: Trouble = ""
    read: bool = False


_Taken = Literal["none", "error", "truncated", "answer"]
"""What a resolver makes of what comes over UDP."""


class _Received(NamedTuple):
    """The replies in the two places for them; a reply that is an error leaves its place empty."""

    first: Packet | None
    second: Packet | None = None


def _of_both(found: _Received, name: str, dialect: Dialect) -> Reply:
    reply = Reply("NOTFOUND")
    for packet in filter(None, found):
        own = _of_slice(packet, name, dialect)
        settled = reply.status == "SUCCESS" or own.status == "NOTFOUND"
        status = reply.status if settled else own.status
        canonname = reply.canonname or own.canonname
        reply = Reply(status, reply.targets + own.targets, canonname, own.trouble)
    return reply


def _of_slice(packet: Packet, name: str, dialect: Dialect) -> Reply:
    misnamed = packet.word == "misnamed"
    if packet.addresses and not (misnamed and dialect.owners_compared):
        canonname = (OTHER_OWNER if misnamed else name, *packet.chain)[-1]
        return Reply("SUCCESS", tuple(map(Target, packet.addresses)), canonname)
    if packet.word == "unrelated" and not dialect.empty_answers_alike:
        return Reply("TRYAGAIN", trouble="NETDB_INTERNAL")
    return Reply("NOTFOUND", trouble="HOST_NOT_FOUND")


def _of_one(found: _Received, name: str, dialect: Dialect) -> Reply:
    packet = found.first
    assert packet is not None  # of one question there is one reply
    if packet.addresses and packet.word != "misnamed":
        return _of_slice(packet, name, dialect)
    alike = dialect.empty_answers_alike or not packet.chain
    return Reply("TRYAGAIN" if alike else "NOTFOUND", trouble="NO_RECOVERY", read=True)


class Stub:
    """The resolver during one look-up, and what it has learnt.

    ``first`` is the reply that the servers send first.

    ``unheard``: its last query ended without a server that was heard of, and where ``refused`` none
    was there. ``rcode`` is what the last reply said that came first, ``asked`` the last name asked
    for, ``late`` the replies to it that did not come in time. ``single``: AAAA is asked for when A
    has been answered; ``reopened``: with another socket.
    """

    unheard: bool
    refused: bool
    late: set[tuple[int, Record]]

    def __init__(
        self, servers: Sequence[Server], resolver: Resolver, first: Record, dialect: Dialect
    ) -> None:
        numbered, start = [*enumerate(servers)], resolver.offset or 0
        self.servers = numbered[start:] + numbered[:start]
        self.resolver = resolver
        self.first = first
        self.dialect = dialect
        self.single = "single-request" in resolver.options
        self.reopened = False
        self.no_aaaa = "no-aaaa" in resolver.options and dialect.no_aaaa_known
        self.strict = "strict-error" in resolver.options and dialect.strict_error_known
        self.most = _EDNS_SIZE if "edns0" in resolver.options else _UDP_SIZE
        self.rcode = ""
        self.asked = ""

    def ask(self, name: str, records: Records) -> Reply:
        """What the dns service makes of a name, asked for one record type or for both at once."""
        both = records == ("A", "AAAA")
        if both and self.no_aaaa:
            records = ("A",)
        found, trouble = self.search(name, records)
        if found is None:
            return Reply("UNAVAIL" if self.unheard else "NOTFOUND", trouble=trouble)
        if both:
            return _of_both(found, self.asked, self.dialect)
        reply = _of_one(found, self.asked, self.dialect)
        if "AAAA" not in records:
            reply = reply._replace(targets=self.resolver.by_sortlist(reply.targets))
        return reply

    def search(self, name: str, records: Records) -> tuple[_Received | None, Trouble]:
        """The first name with an answer, of the name as it is and in each search domain."""
        bare = name.removesuffix(".")
        own: Trouble | None = None
        if self.resolver.as_it_is_first(name):
            found, own = self.query(bare, records)
            if found is not None:
                return found, own
        troubles: set[Trouble] = set()
        for spelled in self.resolver.domains(name):
            found, trouble = self.query(spelled, records)
            if found is not None:
                return found, trouble
            if self.refused:
                return None, "TRY_AGAIN"
            match trouble, self.rcode:
                case ("NO_DATA", _) | ("TRY_AGAIN", "SERVFAIL"):
                    troubles.add(trouble)
                case ("HOST_NOT_FOUND", _):
                    pass
                case _:
                    break
        if own is not None:
            return None, own
        found, trouble = self.query(bare, records)
        if found is None and troubles:
            trouble = "NO_DATA" if "NO_DATA" in troubles else "TRY_AGAIN"
        return found, trouble

    def query(self, name: str, records: Records) -> tuple[_Received | None, Trouble]:
        """The replies to the questions for one name, None with the trouble where none is of use."""
        self.asked, self.rcode = name, ""
        # A is asked for in its place, and no answer counts
        hidden = self.no_aaaa and "A" not in records
        found, last = self.send(name, ("A",) if hidden else records)
        if found is None and not (hidden and (last is None or last.word == "short")):
            return None, "TRY_AGAIN"
        if found is None:  # the length of the question is then taken for that of a reply
            found = _Received(last or Packet("NOERROR"))
        if hidden:
            assert found.first is not None
            found = _Received(replace(found.first, chain=(), addresses=(), word=None))
        packets = [one for one in found if one is not None]
        if not all(one.negative for one in packets):
            return found, ""
        rcode = next((one.rcode for one in packets if one.rcode != "NOERROR"), "NOERROR")
        return None, _TROUBLES.get(rcode, "NO_RECOVERY")

    def send(self, name: str, records: Records) -> tuple[_Received | None, Packet | None]:
        """The replies of the first server that is of use, and the last one that came."""
        over_tcp = "use-vc" in self.resolver.options
        self.late = set()
        last: Packet | None = None
        servers = self.servers
        if "rotate" in self.resolver.options:
            first, *others = servers
            self.servers = [*others, first]
        for _ in range(self.resolver.attempts):
            for number, server in servers:
                if server.closed:
                    self.unheard = self.refused = True
                    continue
                exchange = _Exchange(self, number, server, name, records)
                if not over_tcp:
                    found = exchange.datagrams()
                    over_tcp = exchange.truncated
                if over_tcp:
                    found = exchange.stream()
                last = exchange.last or last
                self.unheard = self.refused = False
                if found is not None:
                    return found, last
            if over_tcp:
                return None, last
        self.unheard, self.refused = True, all(server.closed for _, server in servers)
        return None, last


class _Exchange:
    """The questions for one name with one server."""

    def __init__(
        self, stub: Stub, number: int, server: Server, name: str, records: Records
    ) -> None:
        self.stub, self.number = stub, number
        self.both = records == ("A", "AAAA")
        self.packets = {one: server.packet(name, one) for one in records}
        self.arrivals = server.arrivals(name, records, stub.first, stream=False)
        self.in_stream = server.arrivals(name, records, stub.first, stream=True)
        self.truncated = False
        self.last: Packet | None = None

    def _comes(self, record: Record) -> bool:
        """Whether there is a reply that the resolver takes for one."""
        word = self.packets[record].word
        if word == "late" and (self.number, record) not in self.stub.late:
            self.stub.late.add((self.number, record))
            return False
        return word != "silent"

    def _take(self, record: Record, first: bool) -> _Taken:
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
        return "truncated" if packet.cut(self.stub.most) else "answer"

    def datagrams(self) -> _Received | None:
        """The replies over UDP; None where they are of no use, or `truncated`."""
        if self.both and self.stub.single:
            # a server that is to answer AAAA first sends the resolver to TCP, where it can
            by_option = "single-request" in self.stub.resolver.options
            self.truncated = "A" not in self.arrivals[:1] and not by_option
            return None if self.truncated else self._in_turn()
        places: list[Packet | None] = []
        missing = False
        for record in self.arrivals:
            kept = next(filter(None, places), None)
            match self._take(record, first=not places):
                case "none":
                    missing = True
                case "truncated":
                    self.truncated = True
                    return None
                case "error" if places or self.stub.strict or not self.both:
                    return None if kept is None or self.stub.strict else _Received(kept)
                case "error":
                    places.append(None)
                case "answer":
                    places.append(self.packets[record])
        if not missing:
            return _Received(*places)
        if not any(places):
            return None
        self.stub.single = True  # from here on, for the whole process
        return self._in_turn()

    def _in_turn(self) -> _Received | None:
        """A is asked for, and AAAA when it has been answered."""
        answer = self.packets["A"]
        while (taken := self._take("A", first=True)) == "answer":
            taken = self._take("AAAA", first=False)
            match taken:
                case "answer":
                    return _Received(answer, self.packets["AAAA"])
                case "truncated":
                    break
                case "error":
                    return None if self.stub.strict else _Received(answer)
            if self.stub.reopened:
                return _Received(answer)
            self.stub.reopened = True
        self.truncated = taken == "truncated"
        return None

    def stream(self) -> _Received | None:
        """The replies over TCP, of whatever kind."""
        coming = [self._comes(one) for one in self.in_stream]
        if not all(coming):
            return None
        packets = [self.packets[one] for one in self.in_stream]
        self.stub.rcode = packets[0].rcode
        return _Received(*packets)

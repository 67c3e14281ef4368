"""What this host's DNS servers say, beside what the dns service hands on of it.

The service gives the addresses alone: not the reply that failed, nor what an option of resolv.conf
or another spelling keeps back. The servers are asked for that, each for a second at most.
"""

import select
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from secrets import randbelow
from time import monotonic
from typing import NamedTuple

from harness.live.said import Data, Name, Said
from harness.model.dns import Resolver
from harness.model.dns_servers import Record, Word, ascii_lower
from harness.model.host import Target
from harness.scenario.nameservice import check_dns_names

_PORT, _MOST_BYTES = 53, 65535
_WAIT = 1.0
_RECORDS: tuple[Record, ...] = ("A", "AAAA")
_VERSIONS = {4: "A", 6: "AAAA"}
_FAILS = "DNS, {} {}: {}, so that nobody knows of such addresses"
_FAILED: dict[str, Word] = {"SERVFAIL": "servfail", "REFUSED": "refused", "FORMERR": "formerr"}

Question = tuple[str, Record]


class DnsReply(NamedTuple):
    """The addresses that servers say, or the word of a scenario for what they say in their place.

    ``exists``: there is such a name, whatever it has.
    """

    addresses: tuple[Target, ...] = ()
    word: Word | None = None
    exists: bool = False


@dataclass(slots=True)
class DnsTables:
    """What is found of DNS, as a scenario's server has it."""

    resolver: Resolver
    servers: Sequence[str]
    names: dict[str, list[Target]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    replies: dict[str, dict[Record, Word]] = field(default_factory=dict)
    failed: list[Said] = field(default_factory=list)

    def put(self, name: str, targets: Sequence[Target]) -> None:
        """Note the addresses of a name."""
        self.names.setdefault(_spelled(self.names, name), [*targets])

    def answer(self, name: str, targets: Sequence[Target], holder: str | None) -> None:
        """Note what the dns service gives for a name, none for none, and what it does not give.

        ``holder`` is the name that it says has them: a search domain or an alias led there.
        """
        plain, low = name.removesuffix("."), ascii_lower(holder or name).removesuffix(".")
        spellings = list(filter(is_dns_name, self.resolver.spellings(name)))
        known, owner = plain, plain  # the name that was asked for, the name that has them
        if holder and low in map(ascii_lower, self.resolver.domains(name)):
            known = owner = holder
        elif holder and low != ascii_lower(plain) and plain in spellings and is_dns_name(holder):
            held = self.names.get(_spelled(self.names, holder), [*targets])
            if held == [*targets]:  # servers take turns with the order
                owner = _spelled(self.names, holder)
                self.aliases[_spelled(self.aliases, plain)] = owner
        given = {_VERSIONS[one.address.version] for one in targets}
        if targets:
            self.put(owner, targets)
        found = [one for one in spellings if targets and ascii_lower(one) == ascii_lower(known)]
        asked: list[Question] = [
            (one, record)
            for one in spellings
            for record in _RECORDS
            if one not in found or record not in given
        ]
        for (spelled, record), reply in _replies(asked, self.servers, bool(targets)).items():
            is_known = spelled in found
            hidden = record == "AAAA" and "no-aaaa" in self.resolver.options
            if reply.addresses and (hidden or not is_known):
                key = _spelled(self.names, owner if is_known else spelled)
                held = self.names.setdefault(key, [])
                held += [one for one in reply.addresses if one not in held]
            word = reply.word
            if not targets and reply.exists and not reply.addresses:
                word = "nodata"
            if word is not None:
                self.replies.setdefault(_spelled(self.replies, spelled), {})[record] = word
                if word != "nodata":
                    failed = Said("no reply comes" if word == "silent" else word.upper())
                    self.failed.append(Said(_FAILS, Name(spelled), Said(record), failed))

    def data(self) -> Data | None:
        """The server of a scenario; None where nothing is known."""
        if not (self.names or self.replies):
            return None
        mixed = [each for each in self.names.values() if len({t.address.version for t in each}) > 1]
        return {
            "names": {name: list(map(str, each)) for name, each in self.names.items()},
            "aliases": {
                name: one
                for name, one in self.aliases.items()
                if _spelled(self.names, name) not in self.names
            },
            "replies": self.replies,
            "first_reply": _VERSIONS[mixed[0][0].address.version] if mixed else "A",
        }


def _spelled(table: Mapping[str, object], name: str) -> str:
    """A name as a table has it, in which upper case is no other name."""
    plain = name.removesuffix(".")
    return next((one for one in table if ascii_lower(one) == ascii_lower(plain)), plain)


def is_dns_name(name: str) -> bool:
    """Whether DNS can have a name, as a scenario does."""
    with suppress(ValueError):
        check_dns_names([name.removesuffix(".")])
        return True
    return False


def _replies(
    questions: Sequence[Question], servers: Sequence[str], is_there: bool
) -> dict[Question, DnsReply]:
    """What the first server with an answer says to each question; nothing where none answers.

    ``is_there``: one has answered others.
    """
    said: dict[Question, DnsReply] = {}
    for server in servers:
        open_ = [one for one in questions if one not in said or said[one].word]
        if open_:
            said |= _asked(open_, server)
    if not said and not is_there:
        return {}
    return {one: said.get(one, DnsReply(word="silent")) for one in questions}


def _asked(questions: Sequence[Question], server: str) -> dict[Question, DnsReply]:
    """What a server says over UDP within the time that there is for it."""
    from dnslib import DNSRecord  # type: ignore[import-untyped]

    first = randbelow(1 << 16)
    ids = {(first + number) & 0xFFFF: one for number, one in enumerate(questions)}
    said: dict[Question, DnsReply] = {}
    with ExitStack() as stack, suppress(OSError, ValueError):
        address = ip_address(server)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        zone = server.partition("%")[2]  # no name for connect(): this process looks none up
        index = (0, socket.if_nametoindex(zone)) if zone else ()
        sock.connect((server.partition("%")[0], _PORT, *index))
        for number, (name, record) in ids.items():
            query = DNSRecord.question(name, record)
            query.header.id = number
            sock.send(query.pack())
        end = monotonic() + _WAIT
        while len(said) < len(questions) and (left := end - monotonic()) > 0:
            if select.select([sock], [], [], left)[0]:
                said |= dict(_read(sock.recv(_MOST_BYTES), ids))
    return said


def _read(message: bytes, ids: dict[int, Question]) -> Iterator[tuple[Question, DnsReply]]:
    """A reply to one of the questions, if the message is that."""
    from dnslib import QTYPE, RCODE, DNSError, DNSRecord

    with suppress(DNSError, ValueError):
        reply = DNSRecord.parse(message)
        question = ids.get(reply.header.id)
        if question is None or not reply.header.qr:
            return
        rcode = RCODE.get(reply.header.rcode)
        kind = getattr(QTYPE, question[1])
        texts = [str(one.rdata) for one in reply.rr if one.rtype == kind]
        targets = tuple(Target(ip_address(text)) for text in texts)
        yield question, DnsReply(targets, _FAILED.get(rcode), rcode == "NOERROR")

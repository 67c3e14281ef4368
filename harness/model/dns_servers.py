"""What DNS servers say: what a scenario's hold, and what they say in its place.

The servers of the sandbox answer by this as well, so that both sides know the same. Sources: RFC
1034, RFC 1035, RFC 2308.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from harness.model.host import IPAddress, Target

Record = Literal["A", "AAAA"]
Word = Literal[
    "servfail", "refused", "formerr", "nxdomain", "nodata", "unrelated", "truncated", "silent",
    "late", "lame", "short", "misnamed",
]  # fmt: skip
"""What a server says to a question in the place of its records.

``unrelated``: a record of another type alone; ``truncated``: over UDP only that TCP is to be used;
``silent``: nothing, over TCP the end of the connection; ``late``: nothing the first time;
``lame``: an empty answer by a server that is not responsible and asks no other; ``short``:
REFUSED in a message that leaves the question out; ``misnamed``: its addresses, as `OTHER_OWNER`'s.
"""
OTHER_OWNER = "other.invalid"
State = Literal[Word, "closed"]
"""A word, or that nothing listens."""
SLOW: frozenset[str] = frozenset(("silent", "late", "short"))
"""What makes a resolver wait."""
UNHEARD: frozenset[str] = frozenset(("servfail", "refused", "formerr", "closed"))
"""What makes musl wait for an answer that does not come, and glibc go on."""
UNORDERED = frozenset(("silent", "late", "short", "servfail", "refused", "lame"))
"""What is no answer to a resolver over UDP: the replies to such a pair go out as asked for."""

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_RCODES = {"servfail": "SERVFAIL", "refused": "REFUSED", "short": "REFUSED", "formerr": "FORMERR"}


def ascii_lower(name: str) -> str:
    """``name`` as strcasecmp(3) compares it in the C locale: only A to Z have another case."""
    return name.translate(_LOWER)


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

    def cut(self, most: int) -> bool:
        """Whether it is truncated over UDP, where a resolver takes ``most`` bytes."""
        return self.word == "truncated" or self.size > most

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
        elif word in (None, "truncated", "late", "misnamed"):
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
    def every_target(self) -> tuple[Target, ...]:
        """All addresses that it may name."""
        return tuple(dict.fromkeys(one for each in self.names.values() for one in each))

    @property
    def words(self) -> frozenset[State]:
        """All that it says or does in the place of what it holds."""
        said: set[State] = {"closed"} if self.closed else set()
        said |= {self.always} if self.always else set()
        return frozenset(said.union(*(each.values() for each in self.replies.values())))

    def without(self, word: State) -> Self:
        """The server as it is without something that it says or does."""
        replies = {
            name: {record: one for record, one in each.items() if one != word}
            for name, each in self.replies.items()
        }
        always = None if self.always == word else self.always
        return replace(
            self, replies=replies, always=always, closed=self.closed and word != "closed"
        )

    def arrivals(
        self, name: str, records: tuple[Record, ...], first: Record, *, stream: bool
    ) -> tuple[Record, ...]:
        """The questions in the order in which they are answered, over UDP or TCP (``stream``)."""
        if not stream and any(self.packet(name, one).word in UNORDERED for one in records):
            return records
        return tuple(one for one in self.order(name, first) if one in records)

    def order(self, name: str, first: Record) -> tuple[Record, Record]:
        """The replies to a pair in the order in which they go out; ``first`` for all servers."""
        first = self.firsts.get(ascii_lower(name), self.first or first)
        return ("A", "AAAA") if first == "A" else ("AAAA", "A")

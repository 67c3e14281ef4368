"""musl's names: numbers, the hosts file, and DNS.

Source: musl, src/network/lookup_ipliteral.c, lookup_name.c, resolvconf.c, res_msend.c,
res_mkquery.c and dns_parse.c, and what changed there between 1.1.24 and 1.2.6 (`musl_rows`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise, product

from harness.model.addresses import (
    inet_aton,
    inet_pton6,
    interface_index,
    is_link_local,
    scope_number,
)
from harness.model.dns_servers import Packet, Record
from harness.model.host import Target
from harness.model.lookup import Etc, NameService
from harness.model.musl_rows import MuslBehaviour
from harness.model.netdb import AF, RECORDS, EaiError
from harness.model.services import UndefinedAnswer

MOST_ADDRESSES = 48
"""A look-up gives no more (MAXADDRS), whatever a file or an answer has."""
Named = tuple[list[Target], str]
"""Addresses and a canonical name."""
_BLANKS = b" \t\n\v\f\r"
_READ_AT_ONCE = re.compile(b"(?s).{1,511}")  # of the hosts file; the rest is another line
_HOSTNAME = re.compile(b"[A-Za-z0-9.\x80-\xff-]{1,254}")
_LONGEST_RESOLV_CONF_LINE = 255  # with its end; a longer one is passed over
_LABELS = re.compile(rb"(?s)[^.]{1,63}(\.[^.]{1,63})*")
_LONGEST_DNS_NAME = 253
_BUFFER = 256  # for a name with its domain
_UDP_SIZE = 512  # musl asks without EDNS


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def number(
    text: str, family: int, links: Mapping[str, int], own: MuslBehaviour
) -> Target | None:  # fmt: skip
    """The address that a text is, None for none. Raises EaiError for another family's."""
    wrong = EaiError("EAI_NODATA" if own.no_data_told else "EAI_NONAME")
    four = inet_aton(text)
    if four is not None:
        if family not in (AF.UNSPEC, AF.INET):
            raise wrong
        return Target(four)
    address, percent, zone = text.partition("%")
    six = inet_pton6(address)
    if six is None:
        return None
    if family == AF.INET:
        raise wrong
    if not percent:
        return Target(six)
    if zone.isascii() and zone.isdecimal():
        scope = scope_number(zone)  # also where an interface is called so
    else:
        local = is_link_local(six) or int(six) >> 112 & 0xFF0F == 0xFF02
        scope = interface_index(zone, links, cut=True) if local else None
    if scope is None:
        raise EaiError("EAI_NONAME")
    return Target(six, scope)


# --- the hosts file


def hosts_file(name: str, family: int, names: NameService, own: MuslBehaviour) -> Named | None:
    """What the hosts file has for a name, in the case it is spelled in; None where it has none.

    Raises EaiError where it has the name with addresses of another family alone.
    """
    found: list[Target] = []
    canonname, is_named, is_there = name, False, False
    # the name as a word that is not the first, with a blank at either side
    has_word = re.compile(b"[%b]%b[%b]" % (_BLANKS, re.escape(_encode(name)), _BLANKS))
    whole = (_READ_AT_ONCE.findall(_encode(line) + b"\n") for line in names.etc.hosts)
    for line in filter(has_word.search, chain.from_iterable(whole)):
        address, *words = line.split()
        if not line.startswith(address):
            continue  # nothing stands for an address
        try:
            target = number(address.decode("latin-1"), family, names.links, own)
        except EaiError:
            target, is_there = None, True
            if not own.first_line_names:
                continue
        else:
            if target is None:
                continue
            found.append(target)
        if _is_hostname(words[0]) and not (is_named and own.first_line_names):
            canonname, is_named = words[0].decode("utf-8", "surrogateescape"), True
    if found:
        return found, canonname
    if is_there:
        raise EaiError("EAI_NODATA" if own.no_data_told else "EAI_NONAME")
    return None


def _is_hostname(name: bytes) -> bool:
    """Whether a name is fit for a canonical one, as musl sees it: no underscore is."""
    return _HOSTNAME.fullmatch(name) is not None


# --- DNS


def dns(name: str, family: int, etc: Etc, own: MuslBehaviour) -> Named:
    """What DNS has for a name, asked for in the search domains or as it is.

    With as many dots as ndots, or one at the end, it is in no domain. Raises EaiError, and
    UndefinedAnswer where servers say different things: musl asks all of them at once.
    """
    bare = name.removesuffix(".")
    spelled = []
    if not name.endswith(".") and not etc.resolver.as_it_is_first(name):
        spelled = [f"{bare}.{one}" for one in _domains(etc)]
        spelled = [one for one in spelled if len(_encode(one)) < _BUFFER]
    for full, canonname in (*((one, one) for one in spelled), (name, bare)):
        found = _asked(full, canonname, family, etc, own)
        if found is not None:
            return found
    raise EaiError("EAI_NONAME")


def _domains(etc: Etc) -> tuple[str, ...]:
    """The search domains; none where their line of resolv.conf is too long to be read."""
    line = f"search {' '.join(etc.resolver.search)}\n"
    return etc.resolver.search if len(line) <= _LONGEST_RESOLV_CONF_LINE else ()


def _asked(name: str, canonname: str, family: int, etc: Etc, own: MuslBehaviour) -> Named | None:
    """What DNS has for one spelling; None for a name it does not know, which the next one is for.

    Any other failure ends the search. Raises as `dns`.
    """
    question = name.removesuffix(".")
    encoded = _encode(question)
    if len(encoded) > _LONGEST_DNS_NAME or not _LABELS.fullmatch(encoded):
        if own.bad_names_unknown:
            return None
        raise EaiError("EAI_NONAME")
    said = [_said(etc, question, record, own) for record in RECORDS[family]]
    outcome, *others = (_outcome(packets, canonname, own) for packets in product(*said))
    if any(one != outcome for one in others):
        raise UndefinedAnswer  # whichever is the first to answer
    if isinstance(outcome, str):
        raise EaiError(outcome)
    return outcome


def _said(etc: Etc, name: str, record: Record, own: MuslBehaviour) -> list[Packet | None]:
    """The answers to a question of which the first to come counts; None for none at all.

    What is neither an answer nor "no such name" is waited past, SERVFAIL asked again at once.
    """
    at_once: list[Packet | None] = []
    later: list[Packet | None] = []
    for server in etc.servers:
        packet = server.packet(name, record)
        if server.closed or packet.word == "silent" or packet.rcode not in ("NOERROR", "NXDOMAIN"):
            continue
        read = _read(packet, name, record, own)
        (later if packet.word == "late" else at_once).append(read)
    # every server is asked again when a part of the time has gone by
    return at_once or (later if etc.resolver.attempts > 1 else []) or [None]


def _outcome(packets: Sequence[Packet | None], name: str, own: MuslBehaviour) -> Named | str | None:
    """What comes of the answers: addresses, the EAI name of an error, or None for no such name."""
    answers = [one for one in packets if one is not None and one.rcode != "NXDOMAIN"]
    found: list[Target] = []
    for packet in reversed(answers) if own.ipv6_first else answers:
        valid = [one for one in packet.chain if _is_hostname(_encode(one))]
        name = (name, *valid)[-1]
        found += map(Target, packet.addresses)
    if own.whole_answers:
        failed = [one for one in packets if one not in answers]
    else:
        failed = [one for one in packets[:1] if one not in answers and not found]
    if failed:
        return None if failed[0] else "EAI_AGAIN"
    if found:
        return found, name
    return "EAI_NODATA" if own.no_data_told else "EAI_NONAME"


def _read(packet: Packet, name: str, record: Record, own: MuslBehaviour) -> Packet:
    """What musl reads of an answer: of one that came by TCP, as much as fits."""
    if not packet.cut(_UDP_SIZE):
        return packet
    if not own.tcp:
        return Packet("NOERROR")  # it has no records
    return _within_limits(packet, name, record) if own.limits_of_answers else packet


def _within_limits(packet: Packet, name: str, record: Record) -> Packet:
    """What musl 1.2.4 reads of an answer over TCP: so many records and bytes, no far references.

    The 4800 bytes of 1.2.5 have place for eight aliases and all addresses that are taken.
    """
    most_records = 64  # with the question
    most_bytes = 768
    pointer = 510  # the last place that a name may refer to
    header, question, record_size = 12, 4, 10  # bytes: the message's, and beside a name each one's
    if 1 + len(packet.chain) + len(packet.addresses) > most_records:
        return Packet(packet.rcode)
    known: dict[tuple[str, ...], int] = {}
    place = header + _encoded(name, header, known) + question
    for owner, target in pairwise((name, *packet.chain)):
        place += _encoded(owner, place, known) + record_size
        place += _encoded(target, place, known)
    reached = all(known[tuple(one.split("."))] <= pointer for one in (name, *packet.chain))
    size = 2 + record_size + {"A": 4, "AAAA": 16}[record]
    most = max(0, most_bytes - place) // size if reached else 0
    return replace(packet, addresses=packet.addresses[:most])


def _encoded(name: str, place: int, known: dict[tuple[str, ...], int]) -> int:
    """The bytes of a name at a place of a message, where what was written before is referred to.

    ``known`` has the places of names, and takes this one's (RFC 1035 §4.1.4).
    """
    labels, size = tuple(name.split(".")), 0
    while labels:
        if labels in known:
            return size + 2
        known[labels] = place + size
        size += 1 + len(labels[0])
        labels = labels[1:]
    return size + 1

"""musl's names, by reasoning from its source: the hosts file and DNS."""

from collections.abc import Mapping
from ipaddress import ip_address

import pytest

from harness.model import musl
from harness.model.dns import Resolver
from harness.model.dns_servers import Record, Server, Word
from harness.model.host import HostView, Target
from harness.model.lookup import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AI_V4MAPPED,
    Etc,
    Found,
    NameService,
    Request,
)

NO_HOST = HostView((), ())
OLDEST, NAMED, OLD, TCP, NEW = "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.2.5"


def _found(name: str, etc: Etc, family: int, version: str, flags: int = 0) -> Found:
    names = NameService({}, links={"eth0": 2}, etc=etc)
    return musl.find(Request(name, family=family, flags=flags), names, NO_HOST, version)


def _said(found: Found) -> str:
    """The error, or the addresses in the order found; "?" for what chance decides."""
    if found.error is not None or found.undefined:
        return found.error or "?"
    return " ".join(dict.fromkeys(str(item.target) for item in found.items))


# --- the hosts file

LINES = (
    "192.0.2.1 web www",
    "2001:db8::1 other_name web",
    "fe80::1%eth0 Web",
    "192.0.2.2 webber web.example",
    "::1 six web",
)
# a name, the family, what is found; what up to 1.2.3 is where that differs
IN_FILE: list[tuple[str, int, str, str]] = [
    ("web", AF_UNSPEC, "192.0.2.1 2001:db8::1 ::1", ""),
    ("web", AF_INET, "192.0.2.1", ""),
    ("web", AF_INET6, "2001:db8::1 ::1", ""),
    ("www", AF_INET, "192.0.2.1", ""),
    ("www", AF_INET6, "EAI_NODATA", "EAI_NONAME"),  # DNS is not asked then
    ("Web", AF_UNSPEC, "fe80::1%2", ""),  # as it is spelled
    ("WEB", AF_UNSPEC, "EAI_AGAIN", ""),  # nobody answers
    ("we", AF_UNSPEC, "EAI_AGAIN", ""),  # part of a word
    ("eb", AF_UNSPEC, "EAI_AGAIN", ""),
    ("web.", AF_UNSPEC, "EAI_AGAIN", ""),
    ("web.example", AF_UNSPEC, "192.0.2.2", ""),
]


@pytest.mark.parametrize(("name", "family", "new", "old"), IN_FILE)
def test_the_hosts_file(name: str, family: int, new: str, old: str) -> None:
    etc = Etc(hosts=LINES)
    assert _said(_found(name, etc, family, NEW)) == new
    assert _said(_found(name, etc, family, OLD)) == (old or new)


# lines, the family, the canonical name of "web" from 1.2.2 on, and before
CANONICAL: list[tuple[tuple[str, ...], int, str, str]] = [
    (("192.0.2.1 web", "192.0.2.2 www web"), AF_UNSPEC, "web", "www"),
    (("192.0.2.1 www web", "192.0.2.2 web"), AF_UNSPEC, "www", "web"),
    # a name with an underscore is none for it
    (("192.0.2.1 no_name web", "192.0.2.2 www web"), AF_UNSPEC, "www", "www"),
    (("192.0.2.1 no_name web",), AF_UNSPEC, "web", "web"),
    (("192.0.2.1 näme web",), AF_UNSPEC, "näme", "näme"),
    # a line of the other family names it as well
    (("2001:db8::1 six web", "192.0.2.1 four web"), AF_INET, "six", "four"),
]


@pytest.mark.parametrize(("lines", "family", "new", "old"), CANONICAL)
def test_the_canonical_name(lines: tuple[str, ...], family: int, new: str, old: str) -> None:
    for version in (NAMED, OLD, NEW):
        assert _found("web", Etc(hosts=lines), family, version).canonname == new
    for version in ("1.1.24", "1.2.0", OLDEST):
        assert _found("web", Etc(hosts=lines), family, version).canonname == old


def test_a_look_up_gives_48_addresses_at_most() -> None:
    lines = tuple(f"192.0.2.{n} web" for n in range(1, 60))
    found = _found("web", Etc(hosts=(*lines[:40], "2001:db8::1 web", *lines[40:])), AF_UNSPEC, NEW)
    assert len(found.items) == 2 * 48  # with two sockets each
    assert found.needs_sort
    assert not _found("web", Etc(hosts=(*lines, "2001:db8::1 web")), AF_UNSPEC, NEW).needs_sort


def test_a_long_line_is_read_in_pieces() -> None:
    """511 bytes at a time: what a piece begins with is its address, and what is cut is no name."""
    names = " ".join(f"n{n:04}" for n in range(200))
    etc = Etc(hosts=(f"192.0.2.1 {names}",))
    # 10 bytes of the address, then 6 for each name: n0083 is cut behind its third, n0168 behind its
    # fourth letter, and "83" and "8" are numbers as inet_aton(3) has them
    for name, said in (
        ("n0082", "192.0.2.1"), ("n0083", "EAI_AGAIN"), ("n0084", "0.0.0.83"),
        ("n0167", "0.0.0.83"), ("n0168", "EAI_AGAIN"), ("n0169", "0.0.0.8"),
    ):  # fmt: skip
        assert _said(_found(name, etc, AF_UNSPEC, NEW)) == said


# --- DNS


def _server(
    held: str, replies: Mapping[str, Mapping[Record, Word]] | None = None, **more: object
) -> Server:
    """A server with the addresses of names, as "web=192.0.2.1,2001:db8::1 www=>web"."""
    names: dict[str, tuple[Target, ...]] = {}
    aliases: dict[str, str] = {}
    for word in held.split():
        name, _, texts = word.partition("=")
        if texts.startswith(">"):
            aliases[name] = texts[1:]
        else:
            names[name] = tuple(Target(ip_address(text)) for text in texts.split(",") if text)
    return Server(names, aliases, replies or {}, **more)  # type: ignore[arg-type]


ONE = _server(
    "web=192.0.2.1,2001:db8::1,192.0.2.2 four=192.0.2.4 none= www=>web under=>no_name"
    " no_name=192.0.2.5 lost=>nowhere empty=>none web.a.example=192.0.2.7 none.b.example="
    " web.b.example=192.0.2.8"
)  # fmt: skip
A, AAAA = "A", "AAAA"


def _words(a: Word | None = None, aaaa: Word | None = None) -> Server:
    said: dict[Record, Word] = {}
    if a is not None:
        said["A"] = a
    if aaaa is not None:
        said["AAAA"] = aaaa
    return _server("web=192.0.2.1,2001:db8::1", {"web": said})


# a server, the name, the family, what is found since 1.2.4; in 1.2.1 to 1.2.3; before
ANSWERS: list[tuple[Server, str, int, str, str, str]] = [
    (ONE, "web", AF_UNSPEC, "2001:db8::1 192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2 2001:db8::1",
     "192.0.2.1 192.0.2.2 2001:db8::1"),
    (ONE, "WEB.", AF_INET6, "2001:db8::1", "2001:db8::1", "2001:db8::1"),
    (ONE, "four", AF_UNSPEC, "192.0.2.4", "192.0.2.4", "192.0.2.4"),
    (ONE, "four", AF_INET6, "EAI_NODATA", "EAI_NONAME", "EAI_NONAME"),
    (ONE, "none", AF_UNSPEC, "EAI_NODATA", "EAI_NONAME", "EAI_NONAME"),
    (ONE, "nobody", AF_UNSPEC, "EAI_NONAME", "EAI_NONAME", "EAI_NONAME"),
    (ONE, "lost", AF_UNSPEC, "EAI_NONAME", "EAI_NONAME", "EAI_NONAME"),
    (ONE, "empty", AF_UNSPEC, "EAI_NODATA", "EAI_NONAME", "EAI_NONAME"),
    (ONE, ".", AF_UNSPEC, "EAI_NONAME", "EAI_NONAME", "EAI_NONAME"),
    (ONE, "web..", AF_UNSPEC, "EAI_NONAME", "EAI_NONAME", "EAI_NONAME"),
    # no answer, or an error, for one of the two
    (_words(aaaa="servfail"), "web", AF_UNSPEC, "EAI_AGAIN", "EAI_AGAIN", "192.0.2.1"),
    (_words(a="refused"), "web", AF_UNSPEC, "EAI_AGAIN", "EAI_AGAIN", "2001:db8::1"),
    (_words(aaaa="silent"), "web", AF_INET, "192.0.2.1", "192.0.2.1", "192.0.2.1"),
    (_words(a="formerr", aaaa="nxdomain"), "web", AF_UNSPEC, "EAI_AGAIN", "EAI_AGAIN", "EAI_AGAIN"),
    (_words(a="nxdomain", aaaa="silent"), "web", AF_UNSPEC, "EAI_NONAME", "EAI_NONAME",
     "EAI_NONAME"),
    (_words(a="short"), "web", AF_INET, "EAI_AGAIN", "EAI_AGAIN", "EAI_AGAIN"),
    # "no such name" for one of the two
    (_words(aaaa="nxdomain"), "web", AF_UNSPEC, "EAI_NONAME", "EAI_NONAME", "192.0.2.1"),
    # what is an answer, with nothing in it
    (_words(a="lame"), "web", AF_UNSPEC, "2001:db8::1", "2001:db8::1", "2001:db8::1"),
    (_words("unrelated", "nodata"), "web", AF_UNSPEC, "EAI_NODATA", "EAI_NONAME", "EAI_NONAME"),
    # what comes late, comes when it is asked for again
    (_words(a="late"), "web", AF_INET, "192.0.2.1", "192.0.2.1", "192.0.2.1"),
    # TCP, which musl has known since 1.2.4
    (_words(a="truncated"), "web", AF_UNSPEC, "2001:db8::1 192.0.2.1", "2001:db8::1",
     "2001:db8::1"),
    (_words(a="truncated"), "web", AF_INET, "192.0.2.1", "EAI_NONAME", "EAI_NONAME"),
]  # fmt: skip


@pytest.mark.parametrize(("server", "name", "family", "new", "old", "oldest"), ANSWERS)
def test_answers(
    server: Server, name: str, family: int, new: str, old: str, oldest: str
) -> None:  # fmt: skip
    etc = Etc("dns", servers=(server,))
    for version, said in ((NEW, new), (TCP, new), (OLD, old), (OLDEST, old), ("1.2.0", oldest)):
        assert _said(_found(name, etc, family, version)) == said, version


def test_a_family_in_the_form_of_the_other_is_asked_for_too() -> None:
    etc = Etc("dns", servers=(ONE,))
    assert _said(_found("four", etc, AF_INET6, NEW, AI_V4MAPPED)) == "::ffff:192.0.2.4"
    assert _said(_found("web", etc, AF_INET6, NEW, AI_V4MAPPED)) == "2001:db8::1"


def test_late_answers_need_a_second_attempt() -> None:
    etc = Etc("dns", resolver=Resolver(attempts=1), servers=(_words(a="late"),))
    assert _said(_found("web", etc, AF_INET, NEW)) == "EAI_AGAIN"


@pytest.mark.parametrize(("name", "canonname"), [
    ("web", "web"), ("web.", "web"), ("www", "web"), ("under", "under"),
])  # fmt: skip
def test_canonical_names(name: str, canonname: str) -> None:
    """The end of CNAME records, unless that has an underscore; no final dot."""
    found = _found(name, Etc("dns", servers=(ONE,)), AF_UNSPEC, NEW)
    assert (found.canonname, found.all_named) == (canonname, True)


# search domains, ndots, a name; what is found, with the canonical name
SEARCHED: list[tuple[str, int, str, str, str]] = [
    ("a.example b.example", 1, "web", "192.0.2.7", "web.a.example"),
    ("x.example b.example", 1, "web", "192.0.2.8", "web.b.example"),
    ("b.example.", 1, "web", "192.0.2.8", "web.b.example."),
    # the first domain that knows the name ends the search, whether it has an address or not
    ("b.example a.example", 1, "none", "EAI_NODATA", ""),
    ("x.example", 1, "four", "192.0.2.4", "four"),
    # with as many dots as ndots, or a final one, in no domain: not afterwards either
    ("example", 1, "web.a", "EAI_NONAME", ""),
    ("example", 2, "web.a", "192.0.2.7", "web.a.example"),
    ("a.example", 1, "web.", "2001:db8::1 192.0.2.1 192.0.2.2", "web"),
    ("a.example", 0, "web", "2001:db8::1 192.0.2.1 192.0.2.2", "web"),
]


@pytest.mark.parametrize(("search", "ndots", "name", "said", "canonname"), SEARCHED)
def test_search(search: str, ndots: int, name: str, said: str, canonname: str) -> None:
    etc = Etc("dns", resolver=Resolver(tuple(search.split()), ndots), servers=(ONE,))
    found = _found(name, etc, AF_UNSPEC, NEW)
    assert (_said(found), found.canonname or "") == (said, canonname)


def test_an_unheard_domain_ends_the_search() -> None:
    server = _server("web=192.0.2.1", {"web.a.example": {"A": "servfail", "AAAA": "servfail"}})
    etc = Etc("dns", resolver=Resolver(("a.example",)), servers=(server,))
    assert _said(_found("web", etc, AF_UNSPEC, NEW)) == "EAI_AGAIN"


def test_what_is_no_name_for_dns() -> None:
    """Up to 1.2.3 that ends the search, from 1.2.4 on it is one that nobody knows."""
    etc = Etc("dns", resolver=Resolver(("a..example", "a.example")), servers=(ONE,))
    assert _said(_found("web", etc, AF_UNSPEC, NEW)) == "192.0.2.7"
    assert _said(_found("web", etc, AF_UNSPEC, OLD)) == "EAI_NONAME"
    for name in ("a" * 64, "..", "a..b", ".a", ".".join(["a" * 49] * 5 + ["abcde"])):
        assert _said(_found(name, Etc("dns", servers=(ONE,)), AF_UNSPEC, NEW)) == "EAI_NONAME"


def test_a_search_list_of_a_line_that_is_too_long_is_none() -> None:
    """255 bytes with "search " and the line's end; glibc reads it."""
    domains = ["a" * 63 + ".example"] * 3 + ["a.example"]
    line = len("search " + " ".join(domains)) + 1
    for more, said in ((255 - line, "192.0.2.7"), (256 - line, "EAI_NONAME")):
        first = "b" * (more - 1) if more > 1 else ""
        search = tuple([first, *domains] if first else domains)
        assert len("search " + " ".join(search) + "\n") == line + more
        etc = Etc("dns", resolver=Resolver(search, 2), servers=(ONE,))
        found = _found("web.a.example.", etc, AF_UNSPEC, NEW)
        assert _said(found) == "192.0.2.7"  # a final dot asks for no domain
        asked = _found("web", etc, AF_UNSPEC, NEW)
        assert (asked.canonname == "web.a.example") == (said == "192.0.2.7")


def test_all_servers_are_asked_at_once() -> None:
    """The first to say something counts, so that servers must agree for anybody to know it."""
    same, other = _server("web=192.0.2.1"), _server("web=192.0.2.9")
    for servers, said in (
        ((same, same), "192.0.2.1"),
        ((same, other), "?"),
        ((_server("", always="servfail"), same), "192.0.2.1"),  # nobody waits for the error
        ((_server("", always="silent"), same), "192.0.2.1"),
        ((_server("", closed=True), same), "192.0.2.1"),
        ((_server("web=192.0.2.9", {"web": {"A": "late"}}), same), "192.0.2.1"),
        ((_server(""), same), "?"),  # "no such name" is an answer
        ((_server("", always="lame"), same), "?"),
    ):
        etc = Etc("dns", servers=servers)
        assert _said(_found("web", etc, AF_INET, NEW)) == said


# --- long answers


def _many(record: str, count: int) -> str:
    texts = (f"192.0.{n // 250}.{n % 250 + 1}" for n in range(count))
    if record == AAAA:
        texts = (f"2001:db8::{n + 1:x}" for n in range(count))
    return ",".join(texts)


# record, addresses, those found in 1.2.3 (512 bytes, UDP), 1.2.4 (768, 63 records) and 1.2.5 (4800)
LONG: list[tuple[str, int, int, int, int]] = [
    # 12 bytes of header, 9 of the question for "web", 16 for each A record: 30 are 501 bytes
    (A, 30, 30, 30, 30),
    (A, 31, 0, 31, 31),
    (A, 46, 0, 46, 46),
    (A, 47, 0, 46, 47),  # 46 are 757 bytes
    (A, 60, 0, 46, 48),  # 48 is the most of all
    (A, 64, 0, 0, 48),
    (AAAA, 17, 17, 17, 17),  # 28 for each: 497
    (AAAA, 18, 0, 18, 18),
    (AAAA, 27, 0, 26, 27),  # 26 are 749
    (AAAA, 64, 0, 0, 48),
]


@pytest.mark.parametrize(("record", "count", "old", "tcp", "new"), LONG)
def test_long_answers(record: str, count: int, old: int, tcp: int, new: int) -> None:
    etc = Etc("dns", servers=(_server(f"web={_many(record, count)}"),))
    family = AF_INET if record == A else AF_INET6
    for version, most in ((OLD, old), (TCP, tcp), (NEW, new)):
        found = _found("web", etc, family, version)
        assert len({item.target for item in found.items}) == most, version


def test_both_answers_share_the_48() -> None:
    """IPv6 comes first since 1.2.4, so that IPv4 is what is left out."""
    etc = Etc("dns", servers=(_server(f"web={_many(A, 30)},{_many(AAAA, 30)}"),))
    found = _found("web", etc, AF_UNSPEC, NEW)
    versions = [item.target.address.version for item in found.items]
    assert versions == [6] * 60 + [4] * 36


def test_what_1_2_4_reads_of_a_long_chain() -> None:
    """768 bytes in all, and no name that begins behind byte 510 is followed."""
    label = "x" * 60
    ends = [f"{label[:-1]}{n}.{label}.{label}" for n in range(1, 9)]
    chain = " ".join(f"{a}=>{b}" for a, b in zip(["web", *ends], ends, strict=False))
    for length, said in ((3, "192.0.2.1"), (7, "EAI_NODATA")):
        held = f"{ends[length - 1]}=192.0.2.1,{_many(A, 40)}"
        etc = Etc("dns", servers=(_server(f"{chain.split(' ' + ends[length - 1])[0]} {held}"),))
        found = _found("web", etc, AF_INET, TCP)
        assert _said(found).split()[0] == said
        assert _said(_found("web", etc, AF_INET, NEW)).split()[0] == "192.0.2.1"

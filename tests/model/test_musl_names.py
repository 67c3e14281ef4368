"""musl's names, by reasoning from its source: what differs in versions that are not run.

These are up to 1.2.1, and 1.2.4. What others find the library asks real musl.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from itertools import pairwise
from typing import Any

import pytest

from harness.model import musl
from harness.model.dns_servers import Record, Server, Word
from harness.model.host import HostView, Target
from harness.model.lookup import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    Etc,
    Found,
    NameService,
    Request,
)

NO_HOST = HostView((), ())
OLDEST, OLD, TCP, NEW = "1.2.0", "1.2.3", "1.2.4", "1.2.5"


def _found(etc: Etc, family: int, version: str) -> Found:
    return musl.find(Request("web", family=family), NameService({}, etc=etc), NO_HOST, version)


def _said(found: Found) -> str:
    """The error, or the addresses in the order found; "?" for what chance decides."""
    if found.error is not None or found.undefined:
        return found.error or "?"
    return " ".join(dict.fromkeys(str(item.target) for item in found.items))


# lines, the family, the canonical name from 1.2.2 on, and before
CANONICAL: list[tuple[tuple[str, ...], int, str, str]] = [
    (("192.0.2.1 web", "192.0.2.2 www web"), AF_UNSPEC, "web", "www"),
    # a name with an underscore is none for it
    (("192.0.2.1 no_name web", "192.0.2.2 www web"), AF_UNSPEC, "www", "www"),
    # a line of the other family names it as well
    (("2001:db8::1 six web", "192.0.2.1 four web"), AF_INET, "six", "four"),
]


@pytest.mark.parametrize(("lines", "family", "new", "old"), CANONICAL)
def test_the_canonical_name(lines: tuple[str, ...], family: int, new: str, old: str) -> None:
    for version, name in (("1.2.2", new), (NEW, new), (OLDEST, old), ("1.2.1", old)):
        assert _found(Etc(hosts=lines), family, version).canonname == name


def _server(
    texts: str = "", aliases: Mapping[str, str] | None = None, name: str = "web", **more: Any
) -> Server:
    held = tuple(Target(ip_address(text)) for text in texts.split(",") if text)
    return Server({name: held} if held else {}, aliases or {}, **more)


# what is said of the two records, and what is found up to 1.2.0 and later
HALVES: list[tuple[dict[Record, Word], str, str]] = [
    ({"AAAA": "servfail"}, "192.0.2.1", "EAI_AGAIN"),
    ({"A": "refused"}, "2001:db8::1", "EAI_AGAIN"),
    ({"AAAA": "nxdomain"}, "192.0.2.1", "EAI_NONAME"),
]


@pytest.mark.parametrize(("words", "oldest", "later"), HALVES)
def test_half_an_answer_was_one_up_to_1_2_0(
    words: dict[Record, Word], oldest: str, later: str
) -> None:
    etc = Etc("dns", servers=(_server("192.0.2.1,2001:db8::1", replies={"web": words}),))
    for version, said in ((OLDEST, oldest), ("1.2.1", later), (TCP, later)):
        assert _said(_found(etc, AF_UNSPEC, version)) == said, version


def test_all_servers_are_asked_at_once() -> None:
    """The first to say something counts, so that servers must agree for anybody to know it."""
    same, other = _server("192.0.2.1"), _server("192.0.2.9")
    for servers, said in (
        ((same, same), "192.0.2.1"),
        ((same, other), "?"),
        ((_server(always="servfail"), same), "192.0.2.1"),  # nobody waits for the error
        ((_server(always="silent"), same), "192.0.2.1"),
        ((_server(closed=True), same), "192.0.2.1"),
        ((_server("192.0.2.9", replies={"web": {"A": "late"}}), same), "192.0.2.1"),
        ((_server(), same), "?"),  # "no such name" is an answer
        ((_server(always="lame"), same), "?"),
    ):
        assert _said(_found(Etc("dns", servers=servers), AF_INET, NEW)) == said


# --- long answers


def _many(record: str, count: int) -> str:
    texts = (f"192.0.{n // 250}.{n % 250 + 1}" for n in range(count))
    if record == "AAAA":
        texts = (f"2001:db8::{n + 1:x}" for n in range(count))
    return ",".join(texts)


# record, addresses, those found in 1.2.3 (512 bytes, UDP), 1.2.4 (768, 63 records) and 1.2.5 (4800)
LONG: list[tuple[str, int, int, int, int]] = [
    # 12 bytes of header, 9 of the question for "web", 16 for each A record: 30 are 501 bytes
    ("A", 30, 30, 30, 30),
    ("A", 31, 0, 31, 31),
    ("A", 46, 0, 46, 46),
    ("A", 47, 0, 46, 47),  # 46 are 757 bytes
    ("A", 60, 0, 46, 48),  # 48 is the most of all
    ("A", 64, 0, 0, 48),
    ("AAAA", 17, 17, 17, 17),  # 28 for each: 497
    ("AAAA", 18, 0, 18, 18),
    ("AAAA", 27, 0, 26, 27),  # 26 are 749
    ("AAAA", 64, 0, 0, 48),
]


@pytest.mark.parametrize(("record", "count", "old", "tcp", "new"), LONG)
def test_long_answers(record: str, count: int, old: int, tcp: int, new: int) -> None:
    etc = Etc("dns", servers=(_server(_many(record, count)),))
    family = AF_INET if record == "A" else AF_INET6
    for version, most in ((OLD, old), (TCP, tcp), (NEW, new)):
        found = _found(etc, family, version)
        assert len({item.target for item in found.items}) == most, version


def test_what_1_2_4_reads_of_a_long_chain() -> None:
    """768 bytes in all, and no name that begins behind byte 510 is followed."""
    label = "x" * 60
    ends = [f"{label[:-1]}{n}.{label}.{label}" for n in range(1, 9)]
    for length, said in ((3, "192.0.2.1"), (7, "EAI_NODATA")):
        chain = dict(pairwise(["web", *ends[:length]]))
        held = _server(f"192.0.2.1,{_many('A', 40)}", chain, ends[length - 1])
        for version, first in ((TCP, said), (NEW, "192.0.2.1")):
            found = _said(_found(Etc("dns", servers=(held,)), AF_INET, version))
            assert found.split()[0] == first

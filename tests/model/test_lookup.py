"""Before the sort: addresses, their order, and the errors. Facts 1.1, 4.1 and 4.2."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.addresses import parse_target
from harness.model.dialects import Dialect, dialect
from harness.model.host import Target
from harness.model.lookup import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AI_ADDRCONFIG,
    AI_ALL,
    AI_CANONNAME,
    AI_IDN,
    AI_NUMERICHOST,
    AI_NUMERICSERV,
    AI_PASSIVE,
    AI_V4MAPPED,
    Found,
    NameService,
    Request,
    find,
)
from tests.model.kit import dialects

Kind = Literal["files", "dns", "nss"]
NOW = dialect("2.36")
STREAM, DGRAM, RAW, TCP, UDP = 1, 2, 3, 6, 17
FAMILIES = AF_UNSPEC, AF_INET, AF_INET6
FOUR, SIX = "192.0.2.1 192.0.2.2", "2001:db8::1 2001:db8::2"
MAPPED = "::ffff:192.0.2.1 ::ffff:192.0.2.2"
ZONED = "fe80::1%2 192.0.2.1 fe80::1%3 2001:db8::1 192.0.2.1 fe80::1%2"
NAMES = {
    "both": "192.0.2.1 2001:db8::1 192.0.2.2 2001:db8::2",
    "four": FOUR,
    "six": SIX,
    "mapped": "::ffff:192.0.2.9 2001:db8::1",
    "onlymapped": "::ffff:192.0.2.9",
    "localhost": "::1",
    "256.1.1.1": "192.0.2.1",
    "dotted.": "192.0.2.7",
    "empty": "",
    "\u00e9t\u00c9": "192.0.2.8",
    "zoned": ZONED,  # only a module can hand over zones
    "zones": "fe80::1%2 fe80::1%3",
    "zonedmapped": "::ffff:192.0.2.9%2 ::1%5",
}


def targets(texts: Sequence[str]) -> tuple[Target, ...]:
    return tuple(parse_target(text, {}) for text in texts)


def service(kind: Kind = "files", **changes: Any) -> NameService:
    names = {name: targets(texts.split()) for name, texts in NAMES.items()}
    return NameService(names, kind, links={"eth0": 2, "7": 9}, **changes)


def ask(
    name: str | None,
    family: int = AF_UNSPEC,
    flags: int = 0,
    *,
    held: NameService | None = None,
    seen: tuple[bool, bool] = (True, True),
    spoken: Dialect = NOW,
    **changes: Any,
) -> Found:
    request = Request(name, family=family, flags=flags, **({"socktype": STREAM} | changes))
    return find(request, held or service(), *seen, spoken)


def text_of(found: Found) -> str:
    return found.error or " ".join(str(item.target) for item in found.items)


# service, name, family, flags, what is found
ANSWERS: list[tuple[Kind, str, int, int, str]] = [
    # fact 4.1: files keep the order of the lines and know only whole names
    ("files", "both", AF_UNSPEC, 0, NAMES["both"]),
    ("files", "BoTh", AF_UNSPEC, 0, NAMES["both"]),
    ("files", "both", AF_INET, 0, FOUR),
    ("files", "both", AF_INET6, 0, SIX),
    ("files", "both.", AF_UNSPEC, 0, "EAI_NONAME"),
    ("files", "dotted.", AF_UNSPEC, 0, "192.0.2.7"),
    ("files", "dotted", AF_UNSPEC, 0, "EAI_NONAME"),
    # an AF_INET look-up reads a line's IPv6 address where it can be said in IPv4
    ("files", "mapped", AF_INET, 0, "192.0.2.9"),
    ("files", "localhost", AF_INET, 0, "127.0.0.1"),
    ("files", "mapped", AF_UNSPEC, 0, NAMES["mapped"]),
    # the case of A to Z only; AI_IDN needs a locale that has the letters
    ("files", "\u00e9T\u00c9", AF_UNSPEC, 0, "192.0.2.8"),
    ("files", "\u00e9t\u00e9", AF_UNSPEC, 0, "EAI_NONAME"),
    ("files", "\u00e9t\u00c9", AF_UNSPEC, AI_IDN, "EAI_IDN_ENCODE"),
    ("files", "both", AF_UNSPEC, AI_IDN, NAMES["both"]),
    # fact 4.2: DNS knows the name with a dot too, and leaves addresses as they are
    ("dns", "both", AF_INET6, 0, SIX),
    ("dns", "four.", AF_UNSPEC, 0, FOUR),
    ("dns", "localhost", AF_INET, 0, "EAI_NODATA"),
    ("dns", "onlymapped", AF_INET6, 0, "::ffff:192.0.2.9"),
    # DNS and a module know the name (NO_DATA); the hosts file has lines, and none was found
    *((kind, name, family, flags, "EAI_NONAME" if kind == "files" else "EAI_NODATA")
      for kind in ("files", "dns", "nss") for flags in (0, AI_CANONNAME)
      for name, family in (("six", AF_INET), ("four", AF_INET6), ("empty", AF_UNSPEC),
                           ("empty", AF_INET), ("empty", AF_INET6))),
    *((kind, name, family, flags, "EAI_NONAME")
      for kind in ("files", "dns", "nss") for flags in (0, AI_CANONNAME, AI_V4MAPPED)
      for name in ("nobody", "") for family in FAMILIES),
    # without AI_CANONNAME plain IPv4 look-ups never ask for what looks like an address
    ("files", "256.1.1.1", AF_INET, 0, "EAI_NONAME"),
    ("files", "256.1.1.1", AF_INET, AI_CANONNAME, "192.0.2.1"),
    ("files", "256.1.1.1", AF_UNSPEC, 0, "192.0.2.1"),
    # AI_V4MAPPED: mapped addresses where there are no others; AI_ALL alone means nothing
    *((kind, name, family, flags, found) for kind in ("files", "dns", "nss")
      for name, family, flags, found in (
          ("four", AF_INET6, AI_V4MAPPED, MAPPED), ("both", AF_INET6, AI_V4MAPPED, SIX),
          ("both", AF_INET6, AI_V4MAPPED | AI_ALL, f"{SIX} {MAPPED}"),
          ("four", AF_UNSPEC, AI_V4MAPPED | AI_ALL, FOUR))),
    ("files", "four", AF_INET6, AI_ALL, "EAI_NONAME"),
    ("dns", "four", AF_INET6, AI_ALL, "EAI_NODATA"),
    # mapped addresses that are listed count as IPv6, and are dropped again
    ("files", "mapped", AF_INET6, AI_V4MAPPED, "2001:db8::1"),
    ("files", "onlymapped", AF_INET6, AI_V4MAPPED, "EAI_NONAME"),
    ("files", "onlymapped", AF_INET6, 0, "::ffff:192.0.2.9"),
    ("files", "onlymapped", AF_INET6, AI_V4MAPPED | AI_ALL, "::ffff:192.0.2.9 ::ffff:192.0.2.9"),
    # a module hands over both families as listed; by family scope ids are lost
    *(("nss", name, AF_UNSPEC, flags, ZONED) for name in ("zoned", "ZONED")
      for flags in (0, AI_CANONNAME, AI_ADDRCONFIG, AI_V4MAPPED | AI_ALL)),
    *(("nss", "zoned", family, flags, found) for flags in (0, AI_CANONNAME, AI_ADDRCONFIG)
      for family, found in ((AF_INET6, "fe80::1 fe80::1 2001:db8::1 fe80::1"),
                            (AF_INET, "192.0.2.1 192.0.2.1"))),
    # unlike the hosts file's, a module's ::1 and mapped addresses are no IPv4 ones
    ("nss", "zonedmapped", AF_INET, 0, "EAI_NODATA"),
    ("nss", "zonedmapped", AF_UNSPEC, 0, NAMES["zonedmapped"]),
    ("nss", "zonedmapped", AF_INET6, AI_V4MAPPED, "::1"),
    ("nss", "four.", AF_UNSPEC, 0, "EAI_NONAME"),
    ("nss", "dotted.", AF_UNSPEC, 0, "192.0.2.7"),
    # numbers
    *(("files", name, family, flags | more, found) for flags in (0, AI_NUMERICHOST, AI_CANONNAME)
      for name, family, more, found in (
          ("192.0.2.1", AF_UNSPEC, 0, "192.0.2.1"), ("0x7f.1", AF_INET, 0, "127.0.0.1"),
          ("192.0.2.1", AF_INET6, 0, "EAI_ADDRFAMILY"),
          ("192.0.2.1", AF_INET6, AI_V4MAPPED, "::ffff:192.0.2.1"),
          ("2001:db8::1", AF_UNSPEC, 0, "2001:db8::1"),
          ("2001:db8::1", AF_INET, 0, "EAI_ADDRFAMILY"),
          ("::ffff:192.0.2.1", AF_INET, 0, "192.0.2.1"),
          ("::ffff:192.0.2.1", AF_INET6, AI_V4MAPPED, "::ffff:192.0.2.1"))),
    *(("files", "both", family, AI_NUMERICHOST, "EAI_NONAME") for family in FAMILIES),
    # zones: names of interfaces for link-local addresses only, numbers for all
    *(("files", name, AF_UNSPEC, 0, found) for name, found in (
        ("fe80::1%eth0", "fe80::1%2"), ("fe80::1%3", "fe80::1%3"), ("fe80::1%eth0:9", "fe80::1%2"),
        ("fe80::1%7", "fe80::1%9"),  # an interface of that name comes first
        ("2001:db8::1%7", "2001:db8::1%7"), ("ff02::1%eth0", "ff02::1%2"),
        ("ff01::1%eth0", "ff01::1%2"), ("fe80::1%4294967295", "fe80::1%4294967295"),
        ("fe80::1%0", "fe80::1"))),
    *(("files", name, AF_UNSPEC, 0, "EAI_NONAME") for name in (
        "ff05::1%eth0", "::ffff:169.254.7.1%eth0", "2001:db8::1%eth0", "fe80::1%eth9", "fe80::1%",
        "fe80::1%3x",
        "fe80::1%eth0:0123456789a", "fe80::1%:eth0",
        "fe80::1%+3", "fe80::1%4294967296", "fe80::1%" + "9" * 5000, "%eth0", "192.0.2.1%3")),
    # the zone of a mapped address is checked and dropped; the test for link-local looks at the
    # bytes the IPv4 address was written over: 254.128/10
    ("files", "::ffff:192.0.2.1%5", AF_INET, 0, "192.0.2.1"),
    ("files", "::ffff:192.0.2.1%eth9", AF_INET, 0, "EAI_NONAME"),
    ("files", "::ffff:192.0.2.1%eth0", AF_INET, 0, "EAI_NONAME"),
    ("files", "::ffff:254.128.0.1%eth0", AF_INET, 0, "254.128.0.1"),
    ("files", "2001:db8::1%eth9", AF_INET, 0, "EAI_ADDRFAMILY"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["files", "dns", "nss"])
def test_answers(kind: Kind) -> None:
    held = service(kind)
    cases = [case[1:] for case in ANSWERS if case[0] == kind]
    found = [(*case[:3], text_of(ask(*case[:3], held=held))) for case in cases]
    assert found == cases


BOTH_MAPPED = "::ffff:192.0.2.1 2001:db8::1 ::ffff:192.0.2.2 2001:db8::2"
ZONED_MAPPED = "fe80::1%2 ::ffff:192.0.2.1 fe80::1%3 2001:db8::1 ::ffff:192.0.2.1 fe80::1%2"
LOST = "fe80::1 fe80::1 2001:db8::1 fe80::1"
ALL = AI_V4MAPPED | AI_ALL
# the last version and the first, service, name, family, flags, what each finds; all [read]
CHANGES: list[tuple[Any, ...]] = [
    # one look-up for both families: nothing is lost, moved or asked for again (8479f23aa1)
    *(("2.16", "2.17", *case) for case in (
        ("nss", "zoned", AF_INET6, 0, "fe80::1%2 fe80::1%3 2001:db8::1 fe80::1%2", LOST),
        ("nss", "zoned", AF_INET6, ALL, ZONED_MAPPED, f"{LOST} {MAPPED[:16]} {MAPPED[:16]}"),
        ("nss", "both", AF_INET6, ALL, BOTH_MAPPED, f"{SIX} {MAPPED}"),
        ("files", "both", AF_INET6, ALL, BOTH_MAPPED, f"{SIX} {MAPPED}"),
        ("dns", "both", AF_INET6, ALL, f"{MAPPED} {SIX}", f"{SIX} {MAPPED}"),
        ("nss", "both", AF_INET6, AI_V4MAPPED, SIX, SIX),
        ("nss", "both", AF_INET6, AI_ALL, SIX, SIX),
        ("files", "four", AF_INET6, AI_V4MAPPED, MAPPED, MAPPED),
        # it knows the name, and then leaves out what was not asked for
        ("files", "four", AF_INET6, 0, "EAI_NODATA", "EAI_NONAME"),
        ("dns", "four", AF_INET6, 0, "EAI_NODATA", "EAI_NONAME"),
        ("files", "nobody", AF_INET6, 0, "EAI_NONAME", "EAI_NONAME"),
        # AF_INET goes there with AI_CANONNAME only, and the hosts file then reads no IPv6 as IPv4
        ("files", "localhost", AF_INET, AI_CANONNAME, "EAI_NODATA", "127.0.0.1"),
        ("files", "localhost", AF_INET, 0, "127.0.0.1", "127.0.0.1"),
        ("nss", "zoned", AF_INET, AI_CANONNAME, "192.0.2.1 192.0.2.1", "192.0.2.1 192.0.2.1"))),
    ("2.8", "2.9", "nss", "zoned", AF_INET6, 0, LOST, "fe80::1%2 fe80::1%3 2001:db8::1 fe80::1%2"),
    # the second conversion throws away what the first gave (4ab2ab03d4, 5cf88a83f2)
    *((*versions, kind, name, family, flags, *(found if versions[0] == "2.25" else found[::-1]))
      for kind in ("files", "dns", "nss") for versions in (("2.25", "2.26"), ("2.23", "2.24"))
      for name, family, flags, *found in (
          ("both", AF_INET6, ALL, MAPPED, f"{SIX} {MAPPED}"),
          ("both", AF_INET6, AI_V4MAPPED, SIX, SIX), ("six", AF_INET6, ALL, SIX, SIX),
          ("both", AF_UNSPEC, 0, f"{FOUR} {SIX}" if kind == "dns" else NAMES["both"],
           f"{FOUR} {SIX}" if kind == "dns" else NAMES["both"]))),
    # a zone was strtoul's, cut to 32 bits (80d8cb91de)
    *(("2.24", "2.25", "files", f"fe80::1%{zone}", AF_UNSPEC, 0, *found) for zone, *found in (
        ("", "fe80::1", "EAI_NONAME"), ("+3", "fe80::1%3", "EAI_NONAME"),
        (" 3", "fe80::1%3", "EAI_NONAME"), ("-1", "fe80::1%4294967295", "EAI_NONAME"),
        ("4294967298", "fe80::1%2", "EAI_NONAME"),
        ("9" * 30, "fe80::1%4294967295", "EAI_NONAME"),
        ("3", "fe80::1%3", "fe80::1%3"), ("eth0", "fe80::1%2", "fe80::1%2"),
        *((zone, "EAI_NONAME", "EAI_NONAME") for zone in ("3x", " ", "+", "0x3", "3 ")))),
    # node-local multicast takes a name (f768b45020)
    ("2.25", "2.26", "files", "ff01::1%eth0", AF_UNSPEC, 0, "EAI_NONAME", "ff01::1%2"),
    ("2.25", "2.26", "files", "ff02::1%eth0", AF_UNSPEC, 0, "ff02::1%2", "ff02::1%2"),
    # nss_dns sets no errno where it has no data, our module does (5f8340f583, f4a6be2582)
    *(("2.26", "2.27", kind, name, family, flags, *found) for kind, name, family, flags, *found in (
        ("dns", "four", AF_INET6, 0, "EAI_NONAME", "EAI_NODATA"),
        ("dns", "six", AF_INET, 0, "EAI_NONAME", "EAI_NODATA"),
        ("dns", "six", AF_INET, AI_CANONNAME, "EAI_NONAME", "EAI_NODATA"),
        ("nss", "six", AF_INET, 0, "EAI_NONAME", "EAI_NODATA"),
        ("nss", "six", AF_INET, AI_CANONNAME, "EAI_NODATA", "EAI_NODATA"),
        ("nss", "four", AF_INET6, 0, "EAI_NODATA", "EAI_NODATA"),
        ("files", "four", AF_INET6, 0, "EAI_NONAME", "EAI_NONAME"))),
    # a blank ended the address (108bc4049f)
    *(("2.28", "2.29", "files", name, family, flags, found, "EAI_NONAME")
      for name, family, flags, found in (
        ("192.0.2.1 junk", AF_UNSPEC, 0, "192.0.2.1"), ("192.0.2.1\t", AF_INET, 0, "192.0.2.1"),
        ("0x7f.1 \xff", AF_UNSPEC, AI_NUMERICHOST, "127.0.0.1"),
        ("192.0.2.1 x", AF_INET6, 0, "EAI_ADDRFAMILY"),
        ("192.0.2.1 x", AF_INET6, AI_V4MAPPED, "::ffff:192.0.2.1"),
        (" 192.0.2.1", AF_UNSPEC, 0, "EAI_NONAME"), ("192.0.2. 1", AF_UNSPEC, 0, "EAI_NONAME"),
        ("192.0.2.1\xa0x", AF_UNSPEC, 0, "EAI_NONAME"))),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), sorted({case[:2] for case in CHANGES}))
def test_what_changed_between_two_versions(old: str, new: str) -> None:
    for _, _, kind, name, family, flags, *expected in (c for c in CHANGES if c[:2] == (old, new)):
        held = service(kind)
        found = [ask(name, family, flags, held=held, spoken=dialect(v)) for v in (old, new)]
        assert list(map(text_of, found)) == expected, (kind, name, family, flags)


def test_a_zone_beyond_unsigned_long_is_cut_by_the_processor() -> None:
    for arch, zone in (("amd64", 2), ("i386", 0xFFFFFFFF)):
        found = ask("fe80::1%4294967298", spoken=dialect("2.24", arch))
        assert text_of(found) == f"fe80::1%{zone}"


def test_dns_puts_the_family_whose_reply_came_first() -> None:
    assert text_of(ask("both", held=service("dns", first_reply="A"))) == f"{FOUR} {SIX}"
    assert text_of(ask("both", held=service("dns", first_reply="AAAA"))) == f"{SIX} {FOUR}"


# name, service, family, flags, what is found
MISSING: list[tuple[str | None, str | None, int, int, str]] = [
    *((name, "80", AF_UNSPEC, 0, "::1 127.0.0.1") for name in (None, "*")),
    (None, "80", AF_INET, 0, "127.0.0.1"),
    (None, "80", AF_INET6, 0, "::1"),
    (None, "80", AF_UNSPEC, AI_PASSIVE, ":: 0.0.0.0"),
    (None, "80", AF_INET6, AI_PASSIVE | AI_V4MAPPED, "::"),
    ("four", None, AF_UNSPEC, AI_PASSIVE, FOUR),
    (None, None, AF_UNSPEC, 0, "EAI_NONAME"),
    ("*", "*", AF_UNSPEC, 0, "EAI_NONAME"),
    (None, "", AF_UNSPEC, 0, "::1 127.0.0.1"),  # empty is not absent
    # errors, in the order they are found
    (None, None, 77, 1 << 20, "EAI_NONAME"),
    ("both", None, 77, 1 << 20, "EAI_BADFLAGS"),
    (None, "80", 77, AI_CANONNAME, "EAI_BADFLAGS"),
    ("both", "x", 77, 0, "EAI_FAMILY"),
    ("nobody", "x", AF_UNSPEC, 0, "EAI_SERVICE"),
    ("nobody", None, AF_UNSPEC, 0, "EAI_NONAME"),
    # flags 0x1 to 0x80, the two retired 0x100 and 0x200, and AI_NUMERICSERV 0x400 are known
    *(("nobody", None, AF_UNSPEC, 1 << bit, "EAI_BADFLAGS" if bit > 10 else "EAI_NONAME")
      for bit in range(13)),
]  # fmt: skip


def test_services_and_missing_names() -> None:
    found = [(*case[:4], text_of(ask(case[0], *case[2:4], service=case[1]))) for case in MISSING]
    assert found == MISSING
    # a bad socket type is found after the family, and after a number that is none
    both = ask("both", AF_INET, AI_ADDRCONFIG, seen=(False, True), socktype=99)
    assert both.error == "EAI_NONAME"
    numeric = ask("nobody", service="x", socktype=99, flags=AI_NUMERICSERV)
    assert numeric.error == "EAI_NONAME"
    assert ask("nobody", service="x", socktype=99).error == "EAI_SOCKTYPE"


# service, name, family, whether the host has IPv4 and IPv6, what is found
CONFIGURED: list[tuple[Kind, str, int, tuple[bool, bool], str]] = [
    ("files", "both", AF_UNSPEC, (True, True), NAMES["both"]),
    ("files", "both", AF_UNSPEC, (True, False), FOUR),
    ("files", "both", AF_UNSPEC, (False, True), SIX),
    ("files", "both", AF_UNSPEC, (False, False), NAMES["both"]),
    ("files", "four", AF_INET, (False, True), "EAI_NONAME"),
    ("files", "six", AF_INET6, (True, False), "EAI_NONAME"),
    ("files", "six", AF_INET6, (False, True), SIX),
    ("files", "::1", AF_UNSPEC, (True, False), "EAI_ADDRFAMILY"),
    ("nss", "zoned", AF_UNSPEC, (False, True), "fe80::1 fe80::1 2001:db8::1 fe80::1"),
    ("nss", "zoned", AF_UNSPEC, (True, False), "192.0.2.1 192.0.2.1"),
    ("nss", "zoned", AF_UNSPEC, (False, False), ZONED),
    ("nss", "zoned", AF_INET6, (True, False), "EAI_NONAME"),
]


def test_addrconfig() -> None:
    found = [
        (*case[:4], text_of(ask(*case[1:3], AI_ADDRCONFIG, held=service(case[0]), seen=case[3])))
        for case in CONFIGURED
    ]
    assert found == CONFIGURED
    # it narrows numbers and no name alike
    narrowed = ask(None, flags=AI_ADDRCONFIG, seen=(True, False), service="80")
    assert text_of(narrowed) == "127.0.0.1"
    # narrowed to IPv6 it is as if AF_INET6 had been asked for, AI_V4MAPPED included
    flags = AI_ADDRCONFIG | AI_V4MAPPED
    assert text_of(ask("192.0.2.1", flags=flags, seen=(False, True))) == "::ffff:192.0.2.1"


def test_sorting_runs_only_with_more_than_one_address() -> None:
    # fact 1.1
    assert ask("both").needs_sort
    assert not ask("localhost").needs_sort
    three = ask("localhost", socktype=0)
    assert (len(three.items), three.needs_sort) == (3, False)
    assert not ask("mapped", AF_INET6, AI_V4MAPPED).needs_sort  # counted after dropping
    assert ask("zones", held=service("nss")).needs_sort  # two zones are two addresses
    # every address comes with every socket, address by address
    found = ask("four", socktype=0, service="80")
    shape = [(str(item.target), item.socktype, item.protocol, item.port) for item in found.items]
    every = (STREAM, TCP, 80), (DGRAM, UDP, 80), (RAW, 0, 80)
    assert shape == [(text, *socket) for text in FOUR.split() for socket in every]


@given(
    st.sampled_from([*NAMES, None, "*", "nobody", "1.2.3.4", "::1", "fe80::1%eth0"]) | st.text(),
    st.sampled_from(FAMILIES),
    st.integers(0, 0x7FF),
    st.sampled_from(["files", "dns", "nss"]),
    st.tuples(st.booleans(), st.booleans()),
    dialects,
)
def test_an_answer_or_an_error(
    name: str | None, family: int, flags: int, kind: Kind, seen: tuple[bool, bool], spoken: Dialect
) -> None:
    found = ask(name, family, flags, held=service(kind), seen=seen, service="80", spoken=spoken)
    assert bool(found.items) is (found.error is None)
    if family != AF_UNSPEC:
        wanted = 4 if family == AF_INET else 6
        assert all(item.target.address.version == wanted for item in found.items)
    errors = ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY", "EAI_BADFLAGS", "EAI_IDN_ENCODE")
    assert found.error in (None, *errors)


@given(st.lists(st.sampled_from(sorted({one for all_ in NAMES.values() for one in all_.split()}))))
def test_a_module_loses_and_moves_nothing(listed: list[str]) -> None:
    held = NameService({"web": targets(listed)}, "nss")
    found = ask("web", held=held)
    assert [item.target for item in found.items] == list(targets(listed))
    assert (found.error is None) == bool(listed)


def test_zones_as_names_and_numbers() -> None:
    links = {"eth0": 2, "7": 9}
    for text, zone in (("%eth0", 2), ("%7", 9), ("%8", 8), ("", 0)):
        assert parse_target(f"fe80::1{text}", links) == Target(IPv6Address("fe80::1"), zone)
    assert parse_target("192.0.2.1", links) == Target(ip_address("192.0.2.1"))
    for text in ("fe80::1%eth1", "fe80::1%", "fe80::1%4294967296", "192.0.2.1%2", "x%2"):
        with pytest.raises(ValueError, match=r"."):
            parse_target(text, links)

"""musl, by reasoning from its source: the order, its number for an address, and arguments."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import lookup, musl
from harness.model.host import ARPHRD_SIT, IFA_F_DEPRECATED, HostView, IPAddress, Route, Target
from harness.model.lookup import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AI_ADDRCONFIG,
    AI_ALL,
    AI_CANONNAME,
    AI_NUMERICHOST,
    AI_NUMERICSERV,
    AI_PASSIVE,
    AI_V4MAPPED,
    Etc,
    NameService,
    Request,
)
from harness.model.musl_rows import FIRST, ROWS, MuslBehaviour, behaviour
from harness.model.services import Kind, Service
from tests.model.kit import row, view

OLD, NEW = "1.2.3", "1.2.5"
NO_HOST = HostView((), ())
STREAM, DGRAM, RAW, SEQPACKET = 1, 2, 3, 5
TCP, UDP, SCTP, MPTCP = 6, 17, 132, 262


# --- the order


# The rule that decides, the host's addresses, and destinations with their sources in musl's order
ORDERS: list[tuple[int, str, str]] = [
    (1, "192.0.2.2/24", "192.0.2.9<192.0.2.2 2001:db8::1<"),
    (2, "2001:db8:1::2/64 fe80::2/64", "2001:db8:1::1<2001:db8:1::2 2001:db8:2::1<fe80::2"),
    # every IPv4 address is global, so that the scope of 127.0.0.1 and of link-local ones matches
    (2, "169.254.7.2/16 fe80::2/64", "198.51.100.1<169.254.7.2 2001:db8::1<fe80::2"),
    # the labels of 6to4, Teredo and ::/0 differ
    (5, "2002:c633:6401::2/64", "2002:c633:6401::1<2002:c633:6401::2 2001::1<2002:c633:6401::2"),
    # precedence: ::1 50, ::/0 40, IPv4 35, 6to4 30, Teredo 5, fc00::/7 3
    (6, "2001:db8:1::2/64 192.0.2.2/24", "2001:db8:1::1<2001:db8:1::2 192.0.2.9<192.0.2.2"),
    (6, "2002::2/64 192.0.2.2/24", "192.0.2.9<192.0.2.2 2002::1<2002::2"),
    (6, "2001::2/32 2002::2/64", "2002::1<2002::2 2001::1<2001::2"),
    (6, "fd00::2/64 2001::2/32", "2001::1<2001::2 fd00::1<fd00::2"),
    (6, "::1/128 2001:db8:1::2/64", "::1<::1 2001:db8:1::1<2001:db8:1::2"),
    # of unreachable ones as well
    (6, "192.0.2.2/24", "2001:db8::1< 10.9.9.9<"),
    (8, "192.0.2.2/24", "fe80::1< 2001:db8::1<"),
    (8, "2001:db8:1::2/64 fe80::2/64", "fe80::1<fe80::2 2001:db8:1::1<2001:db8:1::2"),
    # ::/96, 3ffe::/16 and fec0::/10 have no rows of their own; the last is site-local all the same
    (8, "fec0::2/64 2001:db8:1::2/64", "fec0::1<fec0::2 2001:db8:1::1<2001:db8:1::2"),
    (9, "2001:db8:1::2/64", "2001:db8:1::1<2001:db8:1::2 2001:db8:2::1<2001:db8:1::2"),
    # beyond the source's prefix length: 126 bits here, 112 there
    (9, "2001:db8:1::2/48", "2001:db8:1::1<2001:db8:1::2 2001:db8:1::ffff<2001:db8:1::2"),
    # for IPv4 too, far outside of the subnet: 12 bits here, 8 there
    (9, "172.18.45.2/24", "172.31.80.8<172.18.45.2 172.255.1.1<172.18.45.2"),
    # an IPv4 address beside one in its IPv6 form: 96 + 31 bits here, 96 + 24 there
    (9, "192.0.2.2/24", "::ffff:192.0.2.3<::ffff:192.0.2.2 192.0.2.129<192.0.2.2"),
]  # fmt: skip


def _asked(text: str) -> dict[str, str | None]:
    return {to: source or None for to, source in (one.split("<") for one in text.split())}


@pytest.mark.parametrize(("rule", "addresses", "asked"), ORDERS)
def test_each_rule(rule: int, addresses: str, asked: str) -> None:
    wanted, seen = view([row(text) for text in addresses.split()], _asked(asked))
    for targets in (wanted, wanted[::-1]):
        found = musl.order(targets, seen, NEW)
        assert [one.target for one in found.ranked] == wanted
        assert [one.rule for one in found.decisions] == [rule]


def test_flags_and_interfaces_do_not_matter() -> None:
    """The source of the second is deprecated, that of the third on a tunnel: no rule 3, no 7."""
    rows = [
        row("2001:db8:1::2/64"), row("2001:db8:2::2/64", flags=IFA_F_DEPRECATED),
        row("2001:db8:3::2/64", 3),
    ]  # fmt: skip
    sources = {f"2001:db8:{n}::9": f"2001:db8:{n}::2" for n in (3, 2, 1)}
    targets, seen = view(rows, sources, types={3: ARPHRD_SIT})
    found = musl.order(targets, seen, NEW)
    assert [one.target for one in found.ranked] == targets
    assert {one.rule for one in found.decisions} == {10}


_SOME = [
    "127.0.0.1", "169.254.7.1", "10.0.0.1", "10.0.0.9", "198.51.100.1", "224.0.0.1", "::1",
    "fe80::1", "fec0::1", "fd00::1", "2001:db8::1", "2001:db8:0:0:8000::1", "2001:db9::1",
    "2001::1", "2002::1", "3ffe::1", "::2", "ff02::1", "ff05::1", "ff0e::1", "::ffff:10.0.0.5",
]  # fmt: skip
ADDRESSES = [ip_address(text) for text in _SOME]
# RFC 6724's table as musl has it: the prefix, its precedence and its label
TABLE = [
    (ip_network(text), precedence, label)
    for text, precedence, label in (
        ("::1/128", 50, 0), ("::ffff:0:0/96", 35, 4), ("2002::/16", 30, 2), ("2001::/32", 5, 5),
        ("fc00::/7", 3, 13), ("::/0", 40, 1),
    )
]  # fmt: skip


def _key(place: int, target: IPAddress, source: IPAddress | None) -> int:
    """musl's number for an address at a place from 0: the greatest is the first."""

    def as_ipv6(address: IPAddress) -> IPv6Address:
        return IPv6Address(f"::ffff:{address}") if address.version == 4 else IPv6Address(address)

    def scope(address: IPv6Address) -> int:
        if address.packed[0] == 0xFF:
            return address.packed[1] & 15
        if int(address) >> 118 == 0x3FA or int(address) == 1:
            return 2
        return 5 if address.is_site_local else 14

    def policy(address: IPv6Address) -> tuple[int, int]:
        return next((value, label) for net, value, label in TABLE if address in net)

    to = as_ipv6(target)
    precedence, label = policy(to)
    key = precedence << 20 | 15 - scope(to) << 16 | 48 - place
    if source is None:
        return key
    by = as_ipv6(source)
    bits = f"{int(to) ^ int(by):0128b}".find("1")
    key |= 1 << 30 | (scope(to) == scope(by)) << 29 | (label == policy(by)[1]) << 28
    return key | (128 if bits < 0 else bits) << 8


def _form(address: IPAddress) -> tuple[int, bool]:
    """What an address has in common with the sources that may reach it."""
    return address.version, isinstance(address, IPv6Address) and address.ipv4_mapped is not None


@st.composite
def _reached(draw: st.DrawFn) -> tuple[IPAddress, IPAddress | None]:
    target = draw(st.sampled_from(ADDRESSES))
    same = [one for one in ADDRESSES if _form(one) == _form(target)]
    return target, draw(st.sampled_from([None, *same]))


@given(st.lists(_reached(), min_size=2, max_size=12, unique_by=lambda one: one[0]))
def test_the_rules_are_the_number(reached: list[tuple[IPAddress, IPAddress | None]]) -> None:
    routes = {Target(to): Route(source) for to, source in reached}
    found = musl.order(list(routes), replace(NO_HOST, routes=routes), NEW)
    keys = {Target(to): _key(place, to, by) for place, (to, by) in enumerate(reached)}
    assert [one.target for one in found.ranked] == sorted(routes, key=lambda one: -keys[one])


# --- what is asked, before the names


def _names(
    *lines: str, links: Mapping[str, int] | None = None, **services: int
) -> NameService:  # fmt: skip
    ports = {(name.split("_")[0], name.split("_")[1]): port for name, port in services.items()}
    return NameService({}, services=ports, links=links or {}, etc=Etc(hosts=lines))


def _find(
    request: Request, names: NameService | None = None, version: str = NEW, seen: HostView = NO_HOST
) -> str:
    """What is found in words: the error, or each address; those to be sorted begin with ~."""
    found = musl.find(request, names or _names(), seen, version)
    if found.error is not None or found.undefined:
        return found.error or "?"
    assert (found.all_named, found.flags) == (True, 0)
    said = " ".join(dict.fromkeys(str(item.target) for item in found.items))
    return f"~ {said}" if found.needs_sort else said


ARGUMENTS: list[tuple[Request, str]] = [
    (Request(None), "EAI_NONAME"),
    # what glibc alone knows: AI_IDN, AI_CANONIDN; and what nobody knows
    (Request("192.0.2.1", flags=0x40), "EAI_BADFLAGS"),
    (Request("192.0.2.1", flags=0x80), "EAI_BADFLAGS"),
    (Request(None, flags=0x800), "EAI_NONAME"),  # this is seen to first
    (Request("192.0.2.1", family=1, flags=0x800), "EAI_BADFLAGS"),
    (Request("192.0.2.1", family=1), "EAI_FAMILY"),
    (Request("", "80"), "EAI_NONAME"),
    (Request("a" * 255), "EAI_NONAME"),
    # without hints there are no flags, whatever glibc would take for them
    (Request("192.0.2.1", flags=0x828, hints=False), "192.0.2.1"),
    # no name: IPv4 first, and to be sorted
    (Request(None, "80"), "~ 127.0.0.1 ::1"),
    (Request(None, "80", flags=AI_PASSIVE), "~ 0.0.0.0 ::"),
    (Request(None, "80", family=AF_INET), "127.0.0.1"),
    (Request(None, "80", family=AF_INET6, flags=AI_PASSIVE), "::"),
    # AI_CANONNAME needs no name
    (Request(None, "80", family=AF_INET, flags=AI_CANONNAME), "127.0.0.1"),
    # IPv4 in the form of IPv6, where there is no IPv6, or with AI_ALL
    (Request(None, "80", family=AF_INET6, flags=AI_V4MAPPED), "::1"),
    (Request(None, "80", family=AF_INET6, flags=AI_V4MAPPED | AI_ALL), "~ ::ffff:127.0.0.1 ::1"),
    (Request("192.0.2.1", family=AF_INET6, flags=AI_V4MAPPED), "::ffff:192.0.2.1"),
    (Request("192.0.2.1", family=AF_INET, flags=AI_V4MAPPED), "192.0.2.1"),
    (Request("::1", family=AF_UNSPEC, flags=AI_V4MAPPED | AI_ALL), "::1"),
    (Request("name", flags=AI_NUMERICHOST), "EAI_NONAME"),
    (Request("*"), "EAI_AGAIN"),  # a name as any, which nobody answers for
    # services come before names
    (Request("a" * 255, "x"), "EAI_SERVICE"),
]


@pytest.mark.parametrize(("request_", "said"), ARGUMENTS)
def test_arguments(request_: Request, said: str) -> None:
    assert _find(request_) == said


LITERALS: list[tuple[str, int, str]] = [
    ("192.0.2.1", AF_UNSPEC, "192.0.2.1"),
    ("0xc0.2", AF_INET, "192.0.0.2"),
    ("1", AF_UNSPEC, "0.0.0.1"),
    ("192.0.2.1", AF_INET6, "EAI_NODATA"),
    ("::1", AF_INET, "EAI_NODATA"),
    ("::ffff:192.0.2.1", AF_INET, "EAI_NODATA"),  # no IPv4 address, in no family's name
    ("fe80::1%eth0", AF_UNSPEC, "fe80::1%2"),
    ("ff02::1%eth0", AF_UNSPEC, "ff02::1%2"),
    ("ff01::1%eth0", AF_UNSPEC, "EAI_NONAME"),  # of one node: no name counts
    ("2001:db8::1%eth0", AF_UNSPEC, "EAI_NONAME"),
    ("::ffff:169.254.7.1%eth0", AF_UNSPEC, "EAI_NONAME"),
    ("2001:db8::1%2", AF_UNSPEC, "2001:db8::1%2"),
    ("fe80::1%7", AF_UNSPEC, "fe80::1%7"),  # a number before an interface called so
    ("fe80::1%007", AF_UNSPEC, "fe80::1%7"),
    ("fe80::1%7x", AF_UNSPEC, "fe80::1%4"),  # the whole of it is a name
    ("fe80::1%4294967295", AF_UNSPEC, "fe80::1%4294967295"),
    ("fe80::1%4294967296", AF_UNSPEC, "EAI_NONAME"),
    ("fe80::1%", AF_UNSPEC, "EAI_NONAME"),
    ("fe80::1%eth1", AF_UNSPEC, "EAI_NONAME"),
    # to the kernel a colon begins an alias, and a name has 15 bytes, of which musl sends the first
    ("fe80::1%eth0:1", AF_UNSPEC, "fe80::1%2"),
    ("fe80::1%eth0:0123456789abcdef", AF_UNSPEC, "fe80::1%2"),
    ("fe80::1%:1", AF_UNSPEC, "EAI_NONAME"),
    ("fe80::1%eth0", AF_INET, "EAI_NODATA"),
    ("192.0.2.1%2", AF_UNSPEC, "EAI_AGAIN"),  # no number: a name
]


@pytest.mark.parametrize(("text", "family", "said"), LITERALS)
def test_numbers(text: str, family: int, said: str) -> None:
    names = _names(links={"eth0": 2, "7": 3, "7x": 4})
    assert _find(Request(text, family=family), names) == said
    old = said.replace("EAI_NODATA", "EAI_NONAME")
    assert _find(Request(text, family=family), names, OLD) == old


BOTH = [(STREAM, TCP), (DGRAM, UDP)]
# service, socktype, protocol, flags; the sockets with the port, or the error
SOCKETS: list[tuple[str | None, int, int, int, list[tuple[int, int]] | str, int]] = [
    (None, 0, 0, 0, BOTH, 0),
    ("80", 0, 0, 0, BOTH, 80),
    ("80", STREAM, 0, 0, BOTH[:1], 80),
    ("80", 0, UDP, 0, BOTH[1:], 80),
    ("80", 0, SCTP, 0, BOTH, 80),  # another protocol of no type is neither, so both are given
    ("80", STREAM, UDP, 0, "EAI_SERVICE", 0),
    ("80", DGRAM, SCTP, 0, "EAI_SERVICE", 0),
    (None, RAW, 0, 0, [(RAW, 0)], 0),
    (None, RAW, 58, 0, [(RAW, 58)], 0),
    (None, SEQPACKET, MPTCP, 0, [(SEQPACKET, 6)], 0),  # 262 in a byte
    ("80", RAW, 0, 0, "EAI_SERVICE", 0),
    ("", 0, 0, 0, "EAI_SERVICE", 0),
    (" 80", 0, 0, AI_NUMERICSERV, BOTH, 80),
    ("+80", 0, 0, 0, BOTH, 80),
    ("-0", 0, 0, 0, BOTH, 0),
    ("-1", 0, 0, 0, "EAI_SERVICE", 0),
    ("65535", 0, 0, 0, BOTH, 65535),
    ("65536", 0, 0, 0, "EAI_SERVICE", 0),
    ("18446744073709551616", 0, 0, 0, "EAI_SERVICE", 0),
    ("-18446744073709551615", 0, 0, 0, BOTH, 1),
    ("http", 0, 0, 0, BOTH, 80),
    ("http", 0, 0, AI_NUMERICSERV, "EAI_NONAME", 0),
    ("http", STREAM, 0, 0, BOTH[:1], 80),
    ("HTTP", 0, 0, 0, "EAI_SERVICE", 0),
    ("http", RAW, 0, 0, "EAI_SERVICE", 0),
    ("shell", 0, 0, 0, BOTH[:1], 514),
    ("shell", DGRAM, 0, 0, "EAI_SERVICE", 0),
    # any word of a line of /etc/services is a name of it
    ("80/udp", 0, 0, 0, BOTH[1:], 80),
    ("9/sctp", 0, 0, 0, "EAI_SERVICE", 0),
]


@pytest.mark.parametrize(("service", "socktype", "protocol", "flags", "sockets", "port"), SOCKETS)
def test_services(
    service: str | None, socktype: int, protocol: int, flags: int,
    sockets: list[tuple[int, int]] | str, port: int,
) -> None:  # fmt: skip
    names = _names(http_tcp=80, http_udp=80, shell_tcp=514, discard_sctp=9)
    asked = Request("192.0.2.1", service, AF_UNSPEC, socktype, protocol, flags)
    found = musl.find(asked, names, NO_HOST, NEW)
    items = [(one.socktype, one.protocol) for one in found.items]
    assert (found.error or items) == sockets
    assert {one.port for one in found.items} <= {port}


def test_every_address_comes_with_every_socket_in_turn() -> None:
    found = musl.find(Request(None, "80"), _names(), NO_HOST, NEW)
    items = [(str(one.target), one.protocol, one.addrlen) for one in found.items]
    assert items == [
        ("127.0.0.1", TCP, 16), ("127.0.0.1", UDP, 16), ("::1", TCP, 28), ("::1", UDP, 28),
    ]  # fmt: skip
    assert found.canonname is None


# Which loopback addresses can be reached, the family asked for, what 1.2.4 and later say, and 1.2.3
CONFIGURED: list[tuple[str, int, str, str]] = [
    ("46", AF_UNSPEC, "~ 127.0.0.1 ::1", "~ 127.0.0.1 ::1"),
    ("4", AF_UNSPEC, "127.0.0.1", "127.0.0.1"),
    ("6", AF_UNSPEC, "::1", "::1"),
    ("4", AF_INET, "127.0.0.1", "127.0.0.1"),
    ("4", AF_INET6, "EAI_NODATA", "EAI_NONAME"),
    ("6", AF_INET, "EAI_NODATA", "EAI_NONAME"),
    ("6", AF_INET6, "::1", "::1"),
    # without IPv4 a look-up for both becomes one for IPv6, and that is missing too
    ("", AF_UNSPEC, "EAI_NODATA", "EAI_NONAME"),
]


@pytest.mark.parametrize(("there", "family", "new", "old"), CONFIGURED)
def test_addrconfig(there: str, family: int, new: str, old: str) -> None:
    routes = {
        Target(ip_address(text)): Route(ip_address(text)) if version in there
        else Route(None, "ENETUNREACH")
        for version, text in (("4", "127.0.0.1"), ("6", "::1"))
    }  # fmt: skip
    seen = replace(NO_HOST, routes=routes)
    asked = Request(None, "80", family, flags=AI_ADDRCONFIG)
    assert _find(asked, version="1.2.4", seen=seen) == new
    assert _find(asked, version=OLD, seen=seen) == old
    if new == "EAI_NODATA":  # now it is looked up all the same, before in vain at once
        numeric = replace(asked, name="name", flags=AI_ADDRCONFIG | AI_NUMERICHOST)
        assert _find(numeric, version="1.2.4", seen=seen) == "EAI_NONAME"
        bad = replace(asked, service="x")
        assert _find(bad, version="1.2.4", seen=seen) == "EAI_SERVICE"
        assert _find(bad, version=OLD, seen=seen) == "EAI_NONAME"


def test_an_odd_error_of_the_loopback_address_is_one_of_the_system() -> None:
    routes = {Target(IPv4Address("127.0.0.1")): Route(None, "EACCES")}
    seen = replace(NO_HOST, routes=routes)
    assert _find(Request("::1", flags=AI_ADDRCONFIG), seen=seen) == "EAI_SYSTEM"


def test_modules_of_nsswitch_are_not_asked() -> None:
    kinds: tuple[Kind, ...] = ("nss", "nss_by_family", "myhostname")
    for kind in kinds:
        names = NameService({}, hosts=(Service("files"), Service(kind)))
        assert "of nsswitch.conf is glibc" in musl.not_asked(Request("web"), names)
    others: tuple[Kind, ...] = ("files", "dns", "missing")
    for kind in others:
        assert musl.not_asked(Request("web"), NameService({}, kind)) == ""


# --- versions


def test_rows_take_effect_one_by_one() -> None:
    changed = [
        (earlier, later)
        for earlier, later in (("1.2.0", "1.2.1"), ("1.2.1", "1.2.2"), ("1.2.2", "1.2.3"),
                               ("1.2.3", "1.2.4"), ("1.2.4", "1.2.5"), ("1.2.5", "1.2.6"))
        if behaviour(earlier) != behaviour(later)
    ]  # fmt: skip
    assert [later for _, later in changed] == ["1.2.1", "1.2.2", "1.2.4", "1.2.5"]
    assert behaviour(FIRST) == behaviour("1.2.0") == MuslBehaviour()
    assert {field for field, _, _ in ROWS} == set(MuslBehaviour.__slots__)
    with pytest.raises(ValueError, match=r"musl 1\.1\.23: the model begins with 1\.1\.24"):
        behaviour("1.1.23")


def test_the_flags_are_those_of_netdb() -> None:
    """musl's netdb.h has the numbers of glibc's, as far as it knows them."""
    assert [getattr(lookup, f"AI_{name}") for name in (
        "PASSIVE", "CANONNAME", "NUMERICHOST", "V4MAPPED", "ALL", "ADDRCONFIG", "NUMERICSERV",
    )] == [1, 2, 4, 8, 0x10, 0x20, 0x400]  # fmt: skip

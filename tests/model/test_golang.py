"""Go's own resolver, by reasoning from its source: where names come from, and the order."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import golang
from harness.model.dns import Resolver
from harness.model.dns_servers import Server, Word
from harness.model.golang_names import hosts_line, is_domain_name, literal, sources
from harness.model.golang_rows import ROWS, GoBehaviour, behaviour
from harness.model.host import (
    ARPHRD_SIT,
    IFA_F_DEPRECATED,
    HostView,
    IPAddress,
    OwnNames,
    Route,
    Target,
)
from harness.model.lookup import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AI_CANONNAME,
    AI_DEFAULT,
    Etc,
    NameService,
    Request,
)
from harness.model.services import Service
from tests.model.kit import row, view

OLD, NEW = "1.19.8", "1.24.4"
UNKNOWN = "EAI_NONAME"
NO_HOST = HostView((), ())


# --- the order


# The rule that decides, the host's addresses, and destinations, each with its source, in Go's order
ORDERS: list[tuple[int, str, str]] = [
    (1, "192.0.2.2/24", "192.0.2.9<192.0.2.2 2001:db8::1<"),
    (2, "2001:db8:1::2/64 fe80::2/64", "2001:db8:1::1<2001:db8:1::2 2001:db8:2::1<fe80::2"),
    # 127.0.0.0/8 and 169.254.0.0/16 are link-local, private addresses are global
    (2, "169.254.7.2/16 10.1.2.4/24", "198.51.100.1<10.1.2.4 198.51.100.9<169.254.7.2"),
    # the labels of 6to4, Teredo and ::/0 differ
    (5, "2002:c633:6401::2/64", "2002:c633:6401::1<2002:c633:6401::2 2001::1<2002:c633:6401::2"),
    # precedence: ::1 50, ::/0 40, IPv4 35, 6to4 30, Teredo 5, fc00::/7 3, ::/96 1
    (6, "2001:db8:1::2/64 192.0.2.2/24", "2001:db8:1::1<2001:db8:1::2 192.0.2.9<192.0.2.2"),
    (6, "2002::2/64 192.0.2.2/24", "192.0.2.9<192.0.2.2 2002::1<2002::2"),
    (6, "2001::2/32 192.0.2.2/24", "192.0.2.9<192.0.2.2 2001::1<2001::2"),
    (6, "fd00::2/64 192.0.2.2/24", "192.0.2.9<192.0.2.2 fd00::1<fd00::2"),
    (6, "fd00::2/64 2001::2/32", "2001::1<2001::2 fd00::1<fd00::2"),
    (8, "2001:db8:1::2/64 fe80::2/64", "fe80::1<fe80::2 2001:db8:1::1<2001:db8:1::2"),
    (9, "2001:db8:1::2/64", "2001:db8:1::1<2001:db8:1::2 2001:db8:2::1<2001:db8:1::2"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "addresses", "asked"), ORDERS)
def test_each_rule(rule: int, addresses: str, asked: str) -> None:
    routes = {to: source or None for to, source in (one.split("<") for one in asked.split())}
    wanted, seen = view([row(text) for text in addresses.split()], routes)
    for targets in (wanted, wanted[::-1]):
        found = golang.order(targets, seen, NEW)
        assert [one.target for one in found.ranked] == wanted
        assert [one.rule for one in found.decisions] == [rule]


# Destinations that Go leaves in the order in which they came, whichever that is
TIES: list[tuple[str, str]] = [
    # two that cannot be reached, whatever their precedence and scope
    ("192.0.2.2/24", "2001:db8::1< 10.9.9.9<"),
    # rule 9 is none for IPv4: 30 bits here, 12 there
    ("172.18.45.2/24", "172.18.45.1<172.18.45.2 172.31.80.8<172.18.45.2"),
    # nor beyond 64 bits: 126 bits here, 112 there
    ("2001:db8:1::2/48", "2001:db8:1::1<2001:db8:1::2 2001:db8:1::ffff<2001:db8:1::2"),
]


@pytest.mark.parametrize(("addresses", "asked"), TIES)
def test_what_stays_as_it_came(addresses: str, asked: str) -> None:
    routes = {to: source or None for to, source in (one.split("<") for one in asked.split())}
    both, seen = view([row(text) for text in addresses.split()], routes)
    for targets in (both, both[::-1]):
        found = golang.order(targets, seen, NEW)
        assert [one.target for one in found.ranked] == targets
        assert [one.rule for one in found.decisions] == [10]


def test_flags_and_interfaces_do_not_matter() -> None:
    """The source of the second is deprecated, that of the third on a tunnel: no rule 3, no 7."""
    rows = [
        row("2001:db8:1::2/64"), row("2001:db8:2::2/64", flags=IFA_F_DEPRECATED),
        row("2001:db8:3::2/64", 3),
    ]  # fmt: skip
    asked = {f"2001:db8:{n}::9": f"2001:db8:{n}::2" for n in (3, 2, 1)}
    targets, seen = view(rows, asked, types={3: ARPHRD_SIT})
    assert [one.target for one in golang.order(targets, seen, NEW).ranked] == targets


def test_a_broadcast_address_can_be_reached() -> None:
    targets = [Target(ip_address(text)) for text in ("203.0.113.1", "192.0.2.255")]
    away, near = Route(None, "ENETUNREACH"), Route(None, "EACCES", ip_address("192.0.2.2"))
    seen = replace(NO_HOST, routes=dict(zip(targets, (away, near), strict=True)))
    assert [one.target for one in golang.order(targets, seen, NEW).ranked] == targets[::-1]


_SOME = [
    "127.0.0.1", "169.254.7.1", "10.0.0.1", "198.51.100.1", "224.0.0.1", "::1", "fe80::1",
    "fec0::1", "fd00::1", "2001:db8::1", "2001:db8:0:0:8000::1", "2001:db9::1", "2001::1",
    "2002::1", "3ffe::1", "::2", "ff02::1", "ff05::1", "ff0e::1",
]  # fmt: skip
ADDRESSES = st.sampled_from([ip_address(text) for text in _SOME])


def _facts(address: IPAddress) -> tuple[int, int, int]:
    """Scope, label and precedence of RFC 6724 §3.1, §2.1 and §3.2, and Go's, in another way."""
    if address.version == 4:
        return (2 if address.is_loopback or address.is_link_local else 14), 4, 35
    first, all_ = int(address) >> 112, int(address)
    scope = 2 if all_ == 1 or first == 0xFE80 else 5 if first == 0xFEC0 else 14
    if first >> 8 == 0xFF:
        scope = first & 0xF
    if all_ == 1:
        return scope, 0, 50
    if all_ >> 32 == 0:
        return scope, 3, 1
    if all_ >> 96 == 0x20010000:
        return scope, 5, 5
    known = {0x2002: (2, 30), 0x3FFE: (12, 1), 0xFEC0: (11, 1), 0xFD00: (13, 3)}
    return scope, *known.get(first, (1, 40))


@st.composite
def reached(draw: st.DrawFn) -> tuple[Target, IPAddress | None]:
    address = draw(ADDRESSES)
    same = ADDRESSES.filter(lambda one: one.version == address.version)
    return Target(address), draw(st.none() | same)


@given(st.lists(reached(), max_size=8, unique_by=lambda one: one[0]))
def test_it_is_a_stable_sort_by_one_key(asked: list[tuple[Target, IPAddress | None]]) -> None:
    """No two of Go's rules go against each other: each destination has its place by itself."""

    def key(one: tuple[Target, IPAddress | None]) -> tuple[object, ...]:
        target, source = one
        if source is None:
            return (True,)
        (scope, label, precedence), (own_scope, own_label, _) = map(
            _facts, (target.address, source)
        )
        bits = 0
        if source.version == 6:
            bits = 64 - (int(target.address) >> 64 ^ int(source) >> 64).bit_length()
        return False, scope != own_scope, label != own_label, -precedence, scope, -bits

    routes = {target: Route(source) for target, source in asked}
    found = golang.order([target for target, _ in asked], replace(NO_HOST, routes=routes), NEW)
    assert [one.target for one in found.ranked] == [one for one, _ in sorted(asked, key=key)]


# --- what is an address


@pytest.mark.parametrize(("text", "old", "new"), [
    ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
    ("192.0.2.256", None, None),
    ("192.0.2", None, None),
    ("0300.0.2.1", None, None),
    ("192.0.2.01", None, None),
    ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
    ("2001:db8::192.0.2.1", "2001:db8::c000:201", "2001:db8::c000:201"),
    ("fe80::1%eth0", "fe80::1%7", "fe80::1%7"),
    ("2001:db8::1%7x", "2001:db8::1%7", "2001:db8::1%7"),
    ("fe80::1%x7", "fe80::1", "fe80::1"),
    ("fe80::1%99999999", "fe80::1%16777215", "fe80::1%16777215"),
    ("::ffff:192.0.2.1%eth0", "192.0.2.1", "192.0.2.1"),
    # a zone must not be empty, and begins at the first per cent sign, since 1.21
    ("fe80::1%", "fe80::1", None),
    ("fe80::1%3%4", None, "fe80::1%3"),
    # a part of an IPv6 address has at most four digits since 1.23
    ("fe80::00001", "fe80::1", None),
    ("fe80::1:", None, None),
    ("1:2:3:4:5:6:7:8:9", None, None),
    ("web", None, None),
    ("web.example", None, None),
    ("192.0.2.1%eth0", None, None),
])  # fmt: skip
def test_literals(text: str, old: str | None, new: str | None) -> None:
    for version, wanted in ((OLD, old), (NEW, new)):
        found = literal(text, {"eth0": 7}, behaviour(version))
        assert (None if found is None else str(found)) == wanted, version


def test_leading_zeros_were_decimal() -> None:
    assert str(literal("192.000.2.010", {}, behaviour("1.15"))) == "192.0.2.10"


@pytest.mark.parametrize(("name", "is_one"), [
    ("web", True), ("web.", True), ("a_b.example", True), ("1.a", True), ("123", False),
    ("1-2", True), ("-a", False), ("a-", False), ("a.-b", False), ("a..b", False), ("..", False),
    ("größe", False), ("a b", False), ("a" * 63, True), ("a" * 64, False), (".", True),
    (".".join(["a" * 62] * 4) + ".a", True), (".".join(["a" * 62] * 4) + ".ab", False),
])  # fmt: skip
def test_names_for_dns(name: str, is_one: bool) -> None:
    """253 bytes at most: four labels of 62 with a dot behind each are 252."""
    assert is_domain_name(name, behaviour(NEW)) is is_one


# --- nsswitch.conf


@pytest.mark.parametrize(("line", "old", "new"), [
    ("files", "files", "files"),
    ("dns", "dns", "dns"),
    ("files dns", "files dns", "files dns"),
    ("dns files", "dns files", "dns files"),
    ("", "files dns", "files dns"),
    # what is unknown: the hosts file, then DNS, whatever else is there; since 1.21 it is DNS
    ("nss", "files dns", "dns"),
    ("files nss", "files dns", "files dns"),
    ("nss files", "files dns", "dns files"),
    ("nss dns files", "files dns", "dns files"),
    ("dns nss", "files dns", "dns"),
    ("files myhostname", "files", "files dns"),
    ("myhostname files", "files", "dns files"),
    ("mdns4_minimal [NOTFOUND=return] dns", "dns", "dns"),
    # conditions that change nothing, and others
    ("dns [SUCCESS=return NOTFOUND=continue]", "dns", "dns"),
    ("dns [UNAVAIL=return]", "dns", "dns"),
    ("dns [UNAVAIL=return NOTFOUND=continue]", "files dns", "dns"),
    ("dns [!UNAVAIL=return]", "files dns", "dns"),
    ("dns [SUCCESS=merge]", "files dns", "dns"),
    # what Go cannot read, or reads as one word
    ("dns [UNAVAIL = return]", "files dns", "files dns"),
    ("dns [UNAVAIL=return", "files dns", "files dns"),
    ("dns[UNAVAIL=return]", "files dns", "dns"),
])  # fmt: skip
def test_the_hosts_line(line: str, old: str, new: str) -> None:
    for version, wanted in ((OLD, old), (NEW, new)):
        found = sources("web", Etc(line), "box", behaviour(version))
        assert " ".join(found) == wanted, version


@pytest.mark.parametrize(("name", "etc"), [
    ("web.local", Etc("dns")), ("WEB.Local.", Etc("dns")), ("a%b", Etc("dns")),
    ("a\\b", Etc("dns")), ("box", Etc("dns myhostname")), ("BOX.", Etc("dns myhostname")),
    ("a.localhost", Etc("myhostname dns")), ("gateway", Etc("myhostname dns")),
    ("web", Etc("dns", resolver=Resolver(options=frozenset(["edns0"])))),
])  # fmt: skip
def test_doubts_up_to_1_20(name: str, etc: Etc) -> None:
    """Go would rather ask glibc for these, and else asks everybody it knows."""
    assert sources(name, etc, "box", behaviour(OLD)) == ("files", "dns")
    assert sources(name, etc, "box", behaviour(NEW)) == ("dns",)
    assert sources("web", Etc(etc.hosts_line), "box", behaviour(OLD)) == ("dns",)


def test_a_line_in_words() -> None:
    words = hosts_line("files  [NOTFOUND=return]   dns ")
    assert words is not None
    assert [(word.name, word.usual) for word in words] == [("files", True), ("dns", True)]


# --- the hosts file and DNS


def found(name: str, etc: Etc, version: str = NEW, family: int = AF_UNSPEC, **names: object) -> str:
    """The addresses found for a name in one line, or the error."""
    service = replace(NameService({}, links={"eth0": 7}, etc=etc), **names)  # type: ignore[arg-type]
    made = golang.find(Request(name, family=family, socktype=1), service, NO_HOST, version)
    assert made.needs_sort == (len(made.items) > 1)
    assert all((one.socktype, one.protocol, one.port) == (0, 0, 0) for one in made.items)
    return made.error or " ".join(str(one.target) for one in made.items)


HOSTS = (
    "192.0.2.1 web Web www",
    "2001:db8::1 WEB",
    "::ffff:192.0.2.3 www",
    "::1 a.example",
    "192.0.2.4 a.example.",
    "192.0.2.5 b.",
    ":: any",
    "192.0.2.6 größe 12",
)


@pytest.mark.parametrize(("name", "family", "wanted"), [
    ("wEb", AF_UNSPEC, "192.0.2.1 192.0.2.1 2001:db8::1"),  # twice on the first line
    ("web", AF_INET, "192.0.2.1 192.0.2.1"),
    ("web", AF_INET6, "2001:db8::1"),
    ("www", AF_UNSPEC, "192.0.2.1 192.0.2.3"),
    ("www", AF_INET6, "EAI_ADDRFAMILY"),
    # a dot at the end is nothing to a name with another dot, and all to one without
    ("a.example", AF_UNSPEC, "::1 192.0.2.4"),
    ("A.example.", AF_UNSPEC, "::1 192.0.2.4"),
    ("b.", AF_UNSPEC, "192.0.2.5"),
    ("b", AF_UNSPEC, UNKNOWN),
    ("web.", AF_UNSPEC, UNKNOWN),
    ("größe", AF_UNSPEC, "192.0.2.6"),
    ("12", AF_UNSPEC, "192.0.2.6"),
    # IPv6 by half: 0.0.0.0 is taken for :: alone
    ("any", AF_UNSPEC, "::"),
    ("any", AF_INET6, "::"),
    ("any", AF_INET, "0.0.0.0"),
    ("fe80::1%eth0", AF_UNSPEC, "fe80::1%7"),
    ("fe80::1%eth0", AF_INET6, "fe80::1"),  # LookupIP knows no zones
    ("fe80::1", AF_INET, "EAI_ADDRFAMILY"),
    ("::ffff:192.0.2.9", AF_INET6, "EAI_ADDRFAMILY"),
])  # fmt: skip
def test_the_hosts_file(name: str, family: int, wanted: str) -> None:
    assert found(name, Etc("files", HOSTS), NEW, family) == wanted


def test_a_miss_in_the_hosts_file_alone_was_no_error() -> None:
    assert found("none", Etc("files", HOSTS), "1.21") == UNKNOWN
    assert found("none", Etc("files", HOSTS), OLD) == ""
    assert found("none", Etc("files", HOSTS), OLD, AF_INET) == "EAI_ADDRFAMILY"


def test_interfaces_that_no_dump_names() -> None:
    """One with more alternative names than fit a message, and all where netlink is refused."""
    names, request = NameService({}, links={"eth0": 7, "eth1": 8}), Request("fe80::1%eth1")
    for seen, wanted in (
        (NO_HOST, "fe80::1%8"),
        (replace(NO_HOST, unlisted=frozenset([8])), "fe80::1"),
        (replace(NO_HOST, netlink=False), "fe80::1"),
    ):
        (item,) = golang.find(request, names, seen, NEW).items
        assert str(item.target) == wanted


def held(*texts: str) -> tuple[Target, ...]:
    return tuple(Target(ip_address(text)) for text in texts)


NAMES = {
    "web": held("192.0.2.1", "2001:db8::1", "192.0.2.2"), "four": held("192.0.2.4"),
    "six": held("2001:db8::6"), "web.example": held("192.0.2.9"), "mapped": held("::ffff:10.0.0.1"),
    "b.onion.example": held("192.0.2.7"), "b.onion": held("192.0.2.8"),
}  # fmt: skip
ONE = (Server(NAMES, {"alias": "web", "lost": "nowhere"}),)


def dns(resolver: Resolver | None = None, servers: tuple[Server, ...] = ONE) -> Etc:
    return Etc("dns", HOSTS, resolver or Resolver(), servers)


@pytest.mark.parametrize(("name", "family", "wanted"), [
    ("web", AF_UNSPEC, "192.0.2.1 192.0.2.2 2001:db8::1"),
    ("web", AF_INET, "192.0.2.1 192.0.2.2"),
    ("web", AF_INET6, "2001:db8::1"),
    ("alias", AF_UNSPEC, "192.0.2.1 192.0.2.2 2001:db8::1"),
    ("lost", AF_UNSPEC, UNKNOWN),
    ("four", AF_INET6, UNKNOWN),  # AAAA alone is asked for
    ("mapped", AF_INET, UNKNOWN),
    ("mapped", AF_UNSPEC, "10.0.0.1"),
    ("none", AF_UNSPEC, UNKNOWN),
    ("12", AF_UNSPEC, UNKNOWN),  # which no DNS is asked for
    ("größe", AF_UNSPEC, UNKNOWN),
])  # fmt: skip
def test_dns(name: str, family: int, wanted: str) -> None:
    assert found(name, dns(), NEW, family) == wanted


def test_the_reply_that_is_read_first() -> None:
    assert found("web", dns(), first_reply="AAAA") == "2001:db8::1 192.0.2.1 192.0.2.2"
    single = Resolver(options=frozenset(["single-request"]))
    assert found("web", dns(single), first_reply="AAAA") == "192.0.2.1 192.0.2.2 2001:db8::1"


def test_the_family_that_is_not_wanted_was_asked_for() -> None:
    assert found("four", dns(), "1.15", AF_INET6) == "EAI_ADDRFAMILY"


def test_search_domains() -> None:
    in_domain = Resolver(("example.",))
    assert found("web", dns(in_domain)) == "192.0.2.9"
    assert found("web.", dns(in_domain)) == "192.0.2.1 192.0.2.2 2001:db8::1"
    assert found("web", dns(replace(in_domain, ndots=0))) == "192.0.2.1 192.0.2.2 2001:db8::1"
    assert found("four", dns(in_domain)) == "192.0.2.4"
    # a domain that makes more than 253 bytes of the name is passed over
    long = Resolver((".".join(["a" * 62] * 4),))
    assert found("four", dns(long)) == "192.0.2.4"


def test_onion_names() -> None:
    """RFC 7686: no DNS is asked, and that is no error; since 1.22 name by name."""
    for version, wanted in (("1.21", ""), ("1.22", "192.0.2.7")):
        assert found("b.onion", dns(Resolver(("example",))), version) == wanted
        assert found("b.onion", dns(), version) == ""
        assert found("B.Onion.", dns(), version) == ""


def test_both_sources() -> None:
    """The hosts file first, or when DNS has no address, whatever DNS says; not for no DNS name."""
    files_dns, dns_files = (replace(dns(), hosts_line=line) for line in ("files dns", "dns files"))
    assert found("web", files_dns) == "192.0.2.1 192.0.2.1 2001:db8::1"
    assert found("four", files_dns) == "192.0.2.4"
    assert found("web", dns_files) == "192.0.2.1 192.0.2.2 2001:db8::1"
    assert found("www", dns_files) == "192.0.2.1 192.0.2.3"
    broken = replace(dns_files, servers=(Server(always="servfail"),))
    assert found("www", broken) == "192.0.2.1 192.0.2.3"
    assert found("none", broken) == "EAI_AGAIN"
    assert found("12", files_dns) == "192.0.2.6"
    assert found("12", dns_files) == UNKNOWN


def replies(a: Word | None = None, aaaa: Word | None = None) -> Server:
    words: dict[str, Word] = {"A": a, "AAAA": aaaa}  # type: ignore[dict-item]
    both: Mapping[str, Mapping[str, Word]] = {"web": {k: v for k, v in words.items() if v}}
    return Server(NAMES, replies=both)  # type: ignore[arg-type]


@pytest.mark.parametrize(("word", "over_udp", "over_tcp"), [
    # the same server or the next may do better later
    ("servfail", "EAI_AGAIN", "EAI_AGAIN"),
    ("silent", "EAI_AGAIN", "EAI_FAIL"),
    ("late", "EAI_AGAIN", "EAI_FAIL"),  # to a new question each time
    ("short", "EAI_AGAIN", "EAI_FAIL"),  # no answer to the question
    ("refused", "EAI_FAIL", "EAI_FAIL"),
    ("formerr", "EAI_FAIL", "EAI_FAIL"),
    ("lame", "EAI_FAIL", "EAI_FAIL"),
    ("nxdomain", UNKNOWN, UNKNOWN),
    ("nodata", UNKNOWN, UNKNOWN),
    ("unrelated", UNKNOWN, UNKNOWN),
    ("truncated", "192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2"),
])  # fmt: skip
def test_what_a_server_says(word: Word, over_udp: str, over_tcp: str) -> None:
    stream = Resolver(options=frozenset(["use-vc"]))
    for resolver, wanted in ((Resolver(), over_udp), (stream, over_tcp)):
        assert found("web", dns(resolver, (replies(word),)), NEW, AF_INET) == wanted
        # one address is an answer, whatever is said of the other family
        both = found("web", dns(resolver, (replies(word),)))
        assert both == ("2001:db8::1" if wanted.startswith("EAI") else f"{wanted} 2001:db8::1")
        # no such name is everybody's answer, any other error one for the next server
        second = found("web", dns(resolver, (replies(word), *ONE)), NEW, AF_INET)
        assert second == (wanted if wanted == UNKNOWN else "192.0.2.1 192.0.2.2")
    closed = Server(closed=True)
    assert found("web", dns(servers=(closed,)), NEW, AF_INET) == "EAI_AGAIN"
    assert found("web", dns(servers=(closed, *ONE)), NEW, AF_INET) == "192.0.2.1 192.0.2.2"


def test_which_error_is_told() -> None:
    """The last of those for the name itself, or the first one, of the domains."""
    both = (replies("servfail", "refused"),)
    assert found("web", dns(servers=both)) == "EAI_FAIL"
    assert found("web", dns(servers=both), first_reply="AAAA") == "EAI_AGAIN"
    assert found("web.", dns(servers=both)) == "EAI_AGAIN"  # which is none of the names asked for
    assert found("web", dns(Resolver(("nowhere",)), both)) == "EAI_FAIL"
    assert found("web", dns(Resolver(("nowhere",), ndots=0), both)) == "EAI_FAIL"


def test_rotate() -> None:
    """Each question takes the next server for its first."""
    two = (
        Server({"web": held("192.0.2.1", "2001:db8::1")}),
        Server({"web": held("10.0.0.1", "fd00::1")}),
    )
    rotate = Resolver(options=frozenset(["rotate"]))
    assert found("web", dns(rotate, two)) == "192.0.2.1 fd00::1"
    assert found("web", dns(replace(rotate, offset=1), two)) == "10.0.0.1 2001:db8::1"


# --- what Go is not asked


@pytest.mark.parametrize(("request_", "asked"), [
    (Request("web"), True), (Request("web", socktype=2), True), (Request("web", socktype=3), False),
    (Request("web", "80"), False), (Request(None, "80"), False),
    (Request("web", flags=AI_CANONNAME), False), (Request("web", flags=AI_DEFAULT), False),
    (Request("web", flags=AI_DEFAULT, hints=False), True), (Request("web", protocol=6), False),
    (Request("web", family=99), False),
])  # fmt: skip
def test_questions_go_has_no_word_for(request_: Request, asked: bool) -> None:
    assert (golang.not_asked(request_, NameService({})) == "") is asked


def test_a_module_is_glibcs() -> None:
    assert golang.not_asked(Request("web"), NameService({}, "nss"))
    chain = Service("nss"), Service("files")
    assert not golang.not_asked(Request("web"), NameService({}, hosts=chain))


def test_myhostname_is_of_another_world() -> None:
    """Go has no answer of its own for the machine's name; up to 1.20 it asks everybody for it."""
    seen = replace(NO_HOST, own=OwnNames("box"))
    names = NameService({}, etc=Etc("files myhostname", ("192.0.2.1 other",)))
    asked = [golang.find(Request("box"), names, seen, version).error for version in (OLD, NEW)]
    assert asked == ["EAI_AGAIN", "EAI_AGAIN"]  # of a server that is not there


def test_the_table_of_versions() -> None:
    fields = GoBehaviour.__dataclass_fields__
    assert {name for name, _ in ROWS} == {*fields}
    assert behaviour("1.15") == GoBehaviour()
    assert behaviour("1.26.11") == GoBehaviour(**dict.fromkeys(fields, True))
    with pytest.raises(ValueError, match="version"):
        behaviour("devel")

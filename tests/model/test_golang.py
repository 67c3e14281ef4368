"""Go's own resolver, by reasoning from its source: the order, and what its versions change.

Where a version reads names, files and replies as every other one, the library asks real Go.
"""

from dataclasses import replace
from ipaddress import ip_address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import golang
from harness.model.dns import Resolver
from harness.model.dns_servers import Server
from harness.model.golang_names import in_hosts_file, literal, sources
from harness.model.golang_rows import GoBehaviour, behaviour
from harness.model.host import (
    HostView,
    IPAddress,
    OwnNames,
    Route,
    Target,
)
from harness.model.lookup import Etc, NameService, Request
from harness.model.netdb import AF, AI, AI_DEFAULT
from harness.model.services import Service

OLD, NEW = "1.19.8", "1.24.4"
UNKNOWN = "EAI_NONAME"
NO_HOST = HostView((), ())


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
    wanted = sorted(asked, key=key)
    assert [one.target for one in found.ranked] == [one for one, _ in wanted]
    # the first part in which two keys differ tells the rule
    parts = [zip((1, 2, 5, 6, 8, 9), key(a), key(b), strict=False) for a, b in pairwise(wanted)]
    rules = [next((rule for rule, one, other in each if one != other), 10) for each in parts]
    assert [one.rule for one in found.decisions] == rules


# --- what is an address


@pytest.mark.parametrize(("text", "old", "new"), [
    # a zone must not be empty, and begins at the first per cent sign, since 1.21
    ("fe80::1%", "fe80::1", None),
    ("fe80::1%3%4", None, "fe80::1%3"),
    # a part of an IPv6 address has at most four digits since 1.23
    ("fe80::00001", "fe80::1", None),
])  # fmt: skip
def test_literals(text: str, old: str | None, new: str | None) -> None:
    for version, wanted in ((OLD, old), (NEW, new)):
        found = literal(text, {"eth0": 7}, behaviour(version))
        assert (None if found is None else str(found)) == wanted, version


def test_what_was_so_before_the_versions_that_run() -> None:
    """Leading zeros were decimal, and the family that is not wanted was asked for."""
    assert found("four", dns(), "1.15", AF.INET6) == "EAI_ADDRFAMILY"
    assert str(literal("192.000.2.010", {}, behaviour("1.15"))) == "192.0.2.10"


# --- nsswitch.conf


@pytest.mark.parametrize(("line", "old", "new"), [
    # what is unknown: the hosts file, then DNS, whatever else is there; since 1.21 it is DNS
    ("nss", "files dns", "dns"),
    ("nss files", "files dns", "dns files"),
    ("nss dns files", "files dns", "dns files"),
    ("dns nss", "files dns", "dns"),
    ("files myhostname", "files", "files dns"),
    ("myhostname files", "files", "dns files"),
    # conditions that change nothing, and others
    ("dns [UNAVAIL=return NOTFOUND=continue]", "files dns", "dns"),
    ("dns [!UNAVAIL=return]", "files dns", "dns"),
    ("dns [SUCCESS=merge]", "files dns", "dns"),
    # what Go cannot read, or reads as one word
    ("dns [UNAVAIL = return]", "files dns", "files dns"),
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
    ("web", Etc("dns", resolver=Resolver(sortlist=((0x0A000000, 0xFF000000),)))),
])  # fmt: skip
def test_doubts_up_to_1_20(name: str, etc: Etc) -> None:
    """Go would rather ask glibc for these, and else asks everybody it knows."""
    assert sources(name, etc, "box", behaviour(OLD)) == ("files", "dns")
    assert sources(name, etc, "box", behaviour(NEW)) == ("dns",)
    assert sources("web", Etc(etc.hosts_line), "box", behaviour(OLD)) == ("dns",)


# --- the hosts file and DNS


def found(name: str, etc: Etc, version: str = NEW, family: int = AF.UNSPEC, **names: object) -> str:
    """The addresses found for a name in one line, or the error."""
    service = replace(NameService({}, links={"eth0": 7}, etc=etc), **names)  # type: ignore[arg-type]
    made = golang.find(Request(name, family=family, socktype=1), service, NO_HOST, version)
    assert made.needs_sort == (len(made.items) > 1)
    assert all((one.socktype, one.protocol, one.port) == (0, 0, 0) for one in made.items)
    return made.error or " ".join(str(one.target) for one in made.items)


def test_a_miss_in_the_hosts_file_alone_was_no_error() -> None:
    assert found("none", Etc("files"), "1.21") == UNKNOWN
    assert found("none", Etc("files"), OLD) == ""
    assert found("none", Etc("files"), OLD, AF.INET) == "EAI_ADDRFAMILY"


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


NAMES = {
    name: (Target(ip_address(text)),)
    for name, text in (("four", "192.0.2.4"), ("b.onion.example", "192.0.2.7"),
                       ("b.onion", "192.0.2.8"))
}  # fmt: skip


def dns(*search: str) -> Etc:
    return Etc("dns", resolver=Resolver(search), servers=(Server(NAMES),))


def test_onion_names() -> None:
    """RFC 7686: no DNS is asked, and that is no error; since 1.22 name by name."""
    for version, wanted in (("1.21", ""), ("1.22", "192.0.2.7")):
        assert found("b.onion", dns("example"), version) == wanted
        assert found("b.onion", dns(), version) == ""
        assert found("B.Onion.", dns(), version) == ""


# --- what Go is not asked


@pytest.mark.parametrize(("request_", "asked"), [
    (Request("web"), True), (Request("web", socktype=2), True), (Request("web", socktype=3), False),
    (Request("web", "80"), False), (Request(None, "80"), False),
    (Request("web", flags=AI.CANONNAME), False), (Request("web", flags=AI_DEFAULT), False),
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
    assert behaviour("1.15") == GoBehaviour()
    assert behaviour("1.26.11") == GoBehaviour(**dict.fromkeys(fields, True))
    with pytest.raises(ValueError, match="version"):
        behaviour("devel")


def test_every_line_of_the_hosts_file_counts() -> None:
    text = """
    # 10.0.0.9 node-1
    10.0.0.5 Node-1 node-1.example # node-2
    10.0.0.6 node-1.example. other
    fe80::1%eth0 node-1
    010.0.0.7 node-1
    nonsense node-1
    ::ffff:10.0.0.8 node-1
    """
    etc = Etc(hosts=tuple(text.split("\n")))

    def found(name: str) -> list[str]:
        return [str(one.address) for one in in_hosts_file(name, etc, behaviour(NEW))]

    # since Go 1.17 numbers have no leading zeros
    assert found("NODE-1") == ["10.0.0.5", "fe80::1", "10.0.0.8"]
    assert found("node-1.example.") == ["10.0.0.5", "10.0.0.6"]
    assert found("node-2") == []

"""Several services: whose word counts, and the canonical name."""

from dataclasses import replace
from ipaddress import IPv6Address, ip_address

import pytest

from harness.model.dialects import Dialect, dialect
from harness.model.dns import Resolver, Status
from harness.model.dns_servers import Record, Server, Word
from harness.model.host import Target
from harness.model.lookup import AI_CANONNAME, AI_V4MAPPED, NameService, Request, find
from harness.model.presence import presence
from harness.model.presence_reasons import Cause
from harness.model.services import Action, Kind, Service

OLD, MIDDLE, NEW = dialect("2.31"), dialect("2.36"), dialect("2.44")
UNSPEC, INET, INET6 = 0, 2, 10
HELD: dict[Kind, dict[str, str]] = {
    "files": {"a": "192.0.2.1 2001:db8::1", "b": "192.0.2.9"},
    "dns": {"a": "192.0.2.2"},
    "nss_by_family": {
        "a": "192.0.2.1 ::ffff:192.0.2.7 2001:db8::1 192.0.2.2",
        "b": "::ffff:192.0.2.7 2001:db8::1",
    },
}


def service(kind: Kind, actions: dict[Status, Action] | None = None) -> Service:
    names = {
        name: tuple(Target(ip_address(text)) for text in texts.split())
        for name, texts in HELD[kind].items()
    }
    return Service(kind, names, actions=actions or {})


def said(
    chain: tuple[Service, ...], name: str, family: int, spoken: Dialect, flags: int = 0
) -> str:
    found = find(
        Request(name, family=family, socktype=1, flags=flags), NameService({}, hosts=chain),
        True, True, spoken,
    )  # fmt: skip
    if found.undefined:
        return "undefined"
    return found.error or " ".join(str(item.target) for item in found.items)


@pytest.mark.parametrize(
    ("actions", "name", "family", "spoken", "wanted"),
    [
        ({}, "a", UNSPEC, NEW, "192.0.2.1 2001:db8::1"),
        ({}, "a", INET, NEW, "192.0.2.1"),
        ({}, "b", INET6, NEW, "EAI_NONAME"),
        ({"SUCCESS": "continue"}, "a", UNSPEC, NEW, "192.0.2.2"),
        ({"SUCCESS": "continue"}, "a", UNSPEC, OLD, "undefined"),
        ({"SUCCESS": "continue"}, "a", INET, OLD, "192.0.2.2"),
        ({"SUCCESS": "continue"}, "a", INET6, OLD, "EAI_NODATA"),
        ({"SUCCESS": "continue"}, "b", INET, NEW, "EAI_NONAME"),
        ({"SUCCESS": "merge"}, "a", UNSPEC, NEW, "EAI_NONAME"),
        ({"SUCCESS": "merge"}, "a", INET, MIDDLE, "EAI_NODATA"),
        ({"SUCCESS": "merge"}, "b", INET, MIDDLE, "192.0.2.9"),
        ({"SUCCESS": "merge"}, "b", INET, NEW, "EAI_NODATA"),
        ({"NOTFOUND": "merge"}, "none", UNSPEC, NEW, "EAI_NONAME"),
        ({"NOTFOUND": "return"}, "none", UNSPEC, NEW, "EAI_NONAME"),
    ],
)
def test_whose_word_counts(
    actions: dict[Status, Action], name: str, family: int, spoken: Dialect, wanted: str
) -> None:
    chain = service("files", actions), service("dns")
    assert said(chain, name, family, spoken) == wanted


@pytest.mark.parametrize(
    ("name", "flags", "spoken", "wanted"),
    [
        ("a", 0, NEW, "::ffff:192.0.2.7 2001:db8::1 192.0.2.1 192.0.2.2"),
        ("a", AI_CANONNAME, NEW, "::ffff:192.0.2.7 2001:db8::1 192.0.2.1 192.0.2.2"),
        # mapped ones go where IPv6 is known to be found, which later IPv4 makes newer ones forget
        ("a", AI_V4MAPPED, NEW, "::ffff:192.0.2.7 2001:db8::1 192.0.2.1 192.0.2.2"),
        ("a", AI_V4MAPPED, OLD, "2001:db8::1 192.0.2.1 192.0.2.2"),
        ("b", AI_V4MAPPED, NEW, "2001:db8::1"),
        ("b", AI_V4MAPPED, OLD, "2001:db8::1"),
        ("none", 0, NEW, "EAI_NONAME"),
    ],
)
def test_one_family_after_the_other(name: str, flags: int, spoken: Dialect, wanted: str) -> None:
    assert said((service("nss_by_family"),), name, UNSPEC, spoken, flags) == wanted


def test_the_first_line_that_can_be_said_in_the_family() -> None:
    targets = tuple(Target(ip_address(text)) for text in ("2001:db8::1", "::1", "192.0.2.1"))
    owners = {"web": ("six", "loop", "four")}
    for multi, count in ((True, (3, 2, 2)), (False, (1, 1, 1))):
        chain = (Service("files", {"web": targets}, owners=owners, multi=multi),)
        for family, name, number in zip(
            (UNSPEC, INET, INET6), ("six", "loop", "six"), count, strict=True
        ):
            request = Request("WEB", family=family, socktype=1, flags=AI_CANONNAME)
            found = find(request, NameService({}, hosts=chain), True, True, NEW)
            assert (found.canonname, len(found.items)) == (name, number)
    mapped = said(chain, "web", INET6, NEW, AI_V4MAPPED)
    assert mapped == "2001:db8::1"


MERGES: dict[Status, Action] = {"SUCCESS": "merge"}
ONE_LINE = replace(service("files", MERGES), multi=False)
FAILS = Service("dns", servers=(Server({}, always="refused"),))
LEADS_NOWHERE = Service("dns", servers=(Server({"c": ()}, {"a": "c"}),))


@pytest.mark.parametrize(
    ("chain", "spoken", "wanted"),
    [
        # the hosts file with one line says nothing of h_errno, which DNS has set before
        ((FAILS, ONE_LINE), NEW, "EAI_AGAIN"),
        ((FAILS, ONE_LINE), OLD, "EAI_AGAIN"),
        ((FAILS, service("files", MERGES)), NEW, "EAI_NODATA"),
        ((ONE_LINE,), NEW, "EAI_NODATA or an earlier one's"),
        ((service("files", MERGES),), NEW, "EAI_NODATA"),
        # an answer without an address is read to where the addresses are kept
        ((service("files", MERGES), LEADS_NOWHERE), OLD, "undefined"),
        ((service("files", MERGES), Service("dns")), OLD, "192.0.2.1"),
    ],
)
def test_what_a_merge_leaves_of_errors(
    chain: tuple[Service, ...], spoken: Dialect, wanted: str
) -> None:
    request = Request("a", family=INET, socktype=1)
    found = find(request, NameService({}, hosts=chain), True, True, spoken)
    earlier = " or an earlier one's" if found.stale else ""
    assert said(chain, "a", INET, spoken) + earlier == wanted


ZONED = {"a": (Target(IPv6Address("fe80::1"), 2),)}
GOES_ON = service("files", {"SUCCESS": "continue"})


@pytest.mark.parametrize(
    ("chain", "family", "spoken", "wanted"),
    [
        ((service("files"), service("dns")), UNSPEC, NEW, ", , earlier-service"),
        ((replace(service("files"), multi=False),), UNSPEC, NEW, ", multi-off"),
        ((service("files", {"SUCCESS": "merge"}),), INET, NEW, "action, family"),
        ((GOES_ON, service("dns")), UNSPEC, NEW, "action, action, "),
        ((Service("nss_by_family", ZONED),), UNSPEC, NEW, "by-family"),
        # the IPv6 address is there twice; for both families at once it would be left to chance
        ((GOES_ON, GOES_ON), INET6, OLD, "action+family, , asked-again"),
        ((GOES_ON, GOES_ON), INET6, NEW, "family, "),
    ],
)
def test_what_keeps_an_address_back(
    chain: tuple[Service, ...], family: int, spoken: Dialect, wanted: str
) -> None:
    request = Request("a", family=family, socktype=1)
    found = presence(request, NameService({}, hosts=chain), (), spoken)
    assert ", ".join("+".join(one.causes) for one in found.accounts) == wanted


def test_a_copy_is_not_missed_and_two_words_are_taken_away_together() -> None:
    names = service("dns").names
    replies: dict[str, dict[Record, Word]] = {"a": {"A": "nodata"}, "b": {"A": "servfail"}}
    asked = Service("dns", servers=(Server(names, {"b": "a"}, replies),))
    chain = asked, Service("nss", names)
    copied = presence(Request("a", socktype=1), NameService({}, hosts=chain), (), NEW)
    assert [(one.place, one.causes) for one in copied.accounts] == [(0, ())]
    alias = presence(Request("b", socktype=1), NameService({}, hosts=(asked,)), (), NEW)
    assert [one.causes for one in alias.accounts] == [(Cause.NODATA, Cause.SERVFAIL)]


@pytest.mark.parametrize(
    ("ndots", "name", "family", "wanted"),
    [
        (1, "web", UNSPEC, "web.one.example 2001:db8::1"),
        (1, "web", INET, "web.two.example 192.0.2.2"),
        (1, "web.", UNSPEC, "web 192.0.2.3"),
        (0, "web", UNSPEC, "web 192.0.2.3"),
        (0, "web", INET6, "web.one.example 2001:db8::1"),
        (1, "six", INET, "EAI_NODATA"),
        (1, "a.six", INET, "EAI_NONAME"),
        (2, "a.six", INET, "EAI_NODATA"),
        (1, "six.", INET, "EAI_NONAME"),
    ],
)
def test_search_domains(ndots: int, name: str, family: int, wanted: str) -> None:
    texts = {
        "web": "192.0.2.3", "web.one.example": "2001:db8::1", "web.two.example": "192.0.2.2",
        "six.two.example": "2001:db8::2", "a.six.one.example": "2001:db8::4",
    }  # fmt: skip
    names = {one: (Target(ip_address(text)),) for one, text in texts.items()}
    resolver = Resolver(("one.example", "two.example"), ndots)
    held = NameService(names, "dns", hosts=(Service("dns", names, resolver=resolver),))
    request = Request(name, family=family, socktype=1, flags=AI_CANONNAME)
    found = find(request, held, True, True, NEW)
    first = f"{found.canonname} {found.items[0].target}" if found.items else found.error
    assert first == wanted


@pytest.mark.parametrize(
    ("glibc", "unspec", "inet6"),
    [
        # 2.12 to 2.16 serve AF_INET6 by the look-up for both
        ("2.11", "EAI_AGAIN", "EAI_AGAIN"), ("2.12", "EAI_NONAME", "EAI_NONAME"),
        ("2.16", "EAI_NONAME", "EAI_NONAME"), ("2.17", "EAI_SYSTEM", "EAI_SYSTEM"),
        ("2.18", "EAI_NONAME", "EAI_AGAIN"), ("2.19", "EAI_NONAME", "EAI_AGAIN"),
        ("2.20", "EAI_AGAIN", "EAI_AGAIN"), ("2.26", "EAI_AGAIN", "EAI_AGAIN"),
        ("2.27", "EAI_AGAIN", "EAI_AGAIN"),
    ],
)  # fmt: skip
def test_a_failure_of_dns_is_heard_where_errno_is_set(glibc: str, unspec: str, inet6: str) -> None:
    """Read in getaddrinfo.c and dns-host.c of each release: bugs 15339, 16849 and 21922."""
    chain = (Service("dns", servers=(Server(closed=True),)),)
    spoken = dialect(glibc)
    assert [said(chain, "a", one, spoken) for one in (UNSPEC, INET6)] == [unspec, inet6]
    assert said(chain, "a", INET, spoken) == "EAI_AGAIN"  # by gethostbyname2_r


@pytest.mark.parametrize(
    ("glibc", "wanted"), [("2.17", "EAI_SYSTEM"), ("2.26", "EAI_NONAME"), ("2.27", "EAI_SYSTEM")]
)
def test_a_missing_module_takes_back_what_was_told_before(glibc: str, wanted: str) -> None:
    known = Service("nss", {"a": (Target(ip_address("192.0.2.1")),)})
    assert said((known, Service("missing")), "a", INET6, dialect(glibc)) == wanted

"""What is said of an address's presence is what `find` does, and its reason is the true one."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv6Address, ip_address
from typing import Any, Literal

import pytest

from harness.model.addresses import parse_target
from harness.model.dialects import Dialect, dialect
from harness.model.dns import Status
from harness.model.dns_servers import Record, Server, Word
from harness.model.host import Target
from harness.model.lookup import NameService, Request, find
from harness.model.netdb import AF, AI
from harness.model.presence import Presence, presence
from harness.model.presence_reasons import Cause
from harness.model.services import Action, Kind, Service
from tests.model.kit import row

NOW = dialect("2.36")
LO = [row("127.0.0.1/8", 1), row("::1/128", 1)]
FOUR_ONLY = [*LO, row("192.0.2.2/24")]
BOTH = [*FOUR_ONLY, row("2001:db8::2/64")]


def about(
    name: str | None,
    listed: str | None,
    rows: Sequence[Any] = BOTH,
    kind: Literal["files", "dns", "nss"] = "files",
    **asked: Any,
) -> Presence:
    held = {} if listed is None else {"web": tuple(parse_target(t, {}) for t in listed.split())}
    request = Request(name, **({"socktype": 1} | asked))
    return presence(request, NameService(held, kind), rows, NOW)


def told(found: Presence) -> str:
    """Each address with what became of it and why, then the error with its causes."""
    lines = [
        f"{one.held} {one.returned or '-'} {one.made} {'+'.join(one.causes)}".strip()
        for one in found.accounts
    ]
    if found.error:
        lines.append(f"{found.error} {'+'.join(found.causes)}")
    return "; ".join(lines)


WEB = "192.0.2.9 2001:db8::9"
MAPPED = AI.V4MAPPED


# what the public reports of tests/compare/test_presence.py do not show
@pytest.mark.parametrize(
    ("found", "words"),
    [
        # with AI_ALL the IPv4 look-up is made too, for which the ::1 of a hosts file is 127.0.0.1
        (
            about("web", "::1", family=AF.INET6, flags=MAPPED | AI.ALL),
            "::1 ::1 as-held; ::1 ::ffff:127.0.0.1 added all-adds-mapped",
        ),
        (
            about("web", None, LO, family=AF.INET6, flags=AI.ADDRCONFIG),
            "EAI_NONAME addrconfig+name-unknown",
        ),
        (
            about("web", WEB, family=AF.INET6, flags=MAPPED | AI.ALL),
            "192.0.2.9 ::ffff:192.0.2.9 mapped family; 2001:db8::9 2001:db8::9 as-held",
        ),
        (
            about("web", "192.0.2.9", family=AF.INET6, flags=MAPPED),
            "192.0.2.9 ::ffff:192.0.2.9 mapped family",
        ),
        (
            about("web", "::ffff:192.0.2.9", family=AF.INET),
            "::ffff:192.0.2.9 192.0.2.9 unmapped family",
        ),
        (
            about("web", "192.0.2.9", flags=AI.NUMERICHOST),
            "192.0.2.9 - left-out numerichost; EAI_NONAME numerichost",
        ),
        (about("nobody", None), "EAI_NONAME name-unknown"),
        (about("nobody", None, flags=AI.NUMERICHOST), "EAI_NONAME numerichost"),
        (about("web", ""), "EAI_NONAME no-address"),
        (about("fe80::1%none", None), "EAI_NONAME zone"),
        (about("m\u00fcller", None, flags=AI.IDN), "EAI_IDN_ENCODE idn"),
        (
            about("web", "192.0.2.9", socktype=5, protocol=6),
            "192.0.2.9 - left-out; EAI_SOCKTYPE socktype",
        ),
        (about(None, None), "EAI_NONAME no-name-no-service"),
        (about("*", None), "EAI_NONAME no-name-no-service"),
        (about("web", "192.0.2.9", flags=0x10000), "192.0.2.9 - left-out; EAI_BADFLAGS bad-flags"),
        (
            about("web", WEB, service="no", flags=0x400),
            "192.0.2.9 - left-out; 2001:db8::9 - left-out; EAI_NONAME numericserv",
        ),
    ],
)
def test_the_reason(found: Presence, words: str) -> None:
    assert told(found) == words


# --- several services

OLD, NEW = dialect("2.31"), dialect("2.44")
UNSPEC, INET, INET6 = 0, 2, 10
HELD: dict[Kind, str] = {"files": "192.0.2.1 2001:db8::1", "dns": "192.0.2.2"}


def service(kind: Kind, actions: dict[Status, Action] | None = None) -> Service:
    """A service that knows ``a``."""
    held = tuple(Target(ip_address(text)) for text in HELD[kind].split())
    return Service(kind, {"a": held}, actions=actions or {})


def error(chain: tuple[Service, ...], family: int, spoken: Dialect) -> str | None:
    asked = Request("a", family=family, socktype=1)
    return find(asked, NameService({}, hosts=chain), True, True, spoken).error


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


# 2.12 to 2.16 serve AF_INET6 by the look-up for both; what later ones say the library has
@pytest.mark.parametrize(
    ("glibc", "wanted"), [("2.11", "EAI_AGAIN"), ("2.12", "EAI_NONAME"), ("2.16", "EAI_NONAME")]
)
def test_a_failure_of_dns_is_heard_where_errno_is_set(glibc: str, wanted: str) -> None:
    """Read in getaddrinfo.c and dns-host.c of each release: bugs 15339, 16849 and 21922."""
    chain = (Service("dns", servers=(Server(closed=True),)),)
    found = [error(chain, family, dialect(glibc)) for family in (UNSPEC, INET6, INET)]
    assert found == [wanted, wanted, "EAI_AGAIN"]  # the last by gethostbyname2_r


ABSENT = Service(absent=True)


@pytest.mark.parametrize(
    ("glibc", "unspec", "inet", "inet6"),
    [
        # one look-up serves AF_INET6 too
        ("2.16", "EAI_NODATA", "EAI_NODATA", "EAI_NODATA"),
        ("2.18", "EAI_NODATA", "EAI_NODATA", "EAI_NONAME"),
        ("2.44", "EAI_NODATA", "EAI_NODATA", "EAI_NONAME"),
    ],
)
def test_without_a_hosts_file(glibc: str, unspec: str, inet: str, inet6: str) -> None:
    """As it is released: getaddrinfo.c, getXXbyYY_r.c and files-hosts.c; Debian has a patch."""
    released = replace(dialect(glibc), absent_hosts_is_no_data=True)
    found = [error((ABSENT,), family, released) for family in (UNSPEC, INET, INET6)]
    assert found == [unspec, inet, inet6]


def test_what_an_earlier_look_up_has_left_may_count_without_a_hosts_file() -> None:
    """As h_errno is the thread's; where this look-up has set it, or does not look, it may not."""

    def stale(chain: tuple[Service, ...], family: int, glibc: str) -> bool:
        request = Request("a", family=family, socktype=1)
        return find(request, NameService({}, hosts=chain), True, True, dialect(glibc)).stale

    assert stale((ABSENT,), INET6, "2.27")
    assert stale((ABSENT, service("files")), INET6, "2.27")  # where something is found, too
    assert stale((ABSENT,), INET, "2.27")
    assert stale((ABSENT,), INET, "2.26")
    assert not stale((ABSENT,), INET6, "2.26")
    assert not stale((ABSENT,), UNSPEC, "2.27")
    assert not stale((service("files"), ABSENT), INET6, "2.27")

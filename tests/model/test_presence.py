"""What is said of an address's presence is what `find` does, and its reason is the true one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.address_table import address_table
from harness.model.addresses import parse_target
from harness.model.dialects import dialect
from harness.model.lookup import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AI_ADDRCONFIG,
    AI_ALL,
    AI_CANONNAME,
    AI_IDN,
    AI_NUMERICHOST,
    AI_PASSIVE,
    AI_V4MAPPED,
    NameService,
    Request,
    find,
)
from harness.model.presence import Made, Presence, presence, targets
from harness.model.services import Service
from tests.model.kit import dialects, row

NOW = dialect("2.36")
LO = [row("127.0.0.1/8", 1), row("::1/128", 1)]
FOUR_ONLY = [*LO, row("192.0.2.2/24")]
SIX_ONLY = [*LO, row("2001:db8::2/64")]
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
MAPPED = AI_V4MAPPED


# what the public reports of tests/compare/test_presence.py do not show
@pytest.mark.parametrize(
    ("found", "words"),
    [
        # with AI_ALL the IPv4 look-up is made too, for which the ::1 of a hosts file is 127.0.0.1
        (
            about("web", "::1", family=AF_INET6, flags=MAPPED | AI_ALL),
            "::1 ::1 as-held; ::1 ::ffff:127.0.0.1 added all-adds-mapped",
        ),
        (
            about("web", None, LO, family=AF_INET6, flags=AI_ADDRCONFIG),
            "EAI_NONAME addrconfig+name-unknown",
        ),
        (
            about("web", WEB, family=AF_INET6, flags=MAPPED | AI_ALL),
            "192.0.2.9 ::ffff:192.0.2.9 mapped family; 2001:db8::9 2001:db8::9 as-held",
        ),
        (
            about("web", "192.0.2.9", family=AF_INET6, flags=MAPPED),
            "192.0.2.9 ::ffff:192.0.2.9 mapped family",
        ),
        (
            about("web", "::ffff:192.0.2.9", family=AF_INET),
            "::ffff:192.0.2.9 192.0.2.9 unmapped family",
        ),
        (
            about("web", "192.0.2.9", flags=AI_NUMERICHOST),
            "192.0.2.9 - left-out numerichost; EAI_NONAME numerichost",
        ),
        (about("nobody", None), "EAI_NONAME name-unknown"),
        (about("nobody", None, flags=AI_NUMERICHOST), "EAI_NONAME numerichost"),
        (about("web", ""), "EAI_NONAME no-address"),
        (about("fe80::1%none", None), "EAI_NONAME zone"),
        (about("m\u00fcller", None, flags=AI_IDN), "EAI_IDN_ENCODE idn"),
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


_texts = st.sampled_from(
    ["192.0.2.1", "192.0.2.2", "127.0.0.1", "::1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1"]
)
_names = st.sampled_from(["web", "web.", "nobody", "256.1.1.1", "192.0.2.1", "::1", "*", None])
_flags = st.lists(
    st.sampled_from(
        [AI_ADDRCONFIG, AI_V4MAPPED, AI_ALL, AI_NUMERICHOST, AI_CANONNAME, AI_PASSIVE, 0x400]
    ),
    unique=True,
)


@given(
    listed=st.lists(_texts, max_size=6),
    name=_names,
    kind=st.sampled_from(["files", "dns", "nss"]),
    first=st.sampled_from(["A", "AAAA"]),
    family=st.sampled_from([AF_UNSPEC, AF_INET, AF_INET6]),
    flags=_flags,
    socktype=st.sampled_from([0, 1]),
    port=st.sampled_from([None, "80", "http", "*"]),
    multi=st.none() | st.booleans(),
    rows=st.sampled_from([LO, FOUR_ONLY, SIX_ONLY, BOTH]),
    spoken=dialects,
)
def test_what_is_returned_is_what_is_found(
    listed: list[str], name: str | None, kind: Any, first: Any, family: int, flags: list[int],
    socktype: int, port: str | None, multi: bool | None, rows: list[Any], spoken: Any,
) -> None:  # fmt: skip
    given_ = tuple(parse_target(text, {}) for text in listed)
    service = NameService({"web": given_, "256.1.1.1": given_}, kind, first)
    if multi is not None:  # two services, the first with the first half of the addresses
        half = len(given_) // 2
        of_files = Service("files", {"web": given_[:half]} if half else {}, multi=multi)
        service = replace(service, hosts=(of_files, Service("dns", {"web": given_[half:]})))
    request = Request(name, port, family, socktype, 0, sum(flags))
    table = address_table(rows)
    found = find(request, service, table.seen_ipv4, table.seen_ipv6, spoken)
    said = presence(request, service, rows, spoken)
    if found.undefined:
        return
    assert said.returned == targets(found)
    assert said.error == found.error
    assert bool(said.causes) == (found.error is not None)
    for one in said.accounts:
        assert not one.causes or one.returned != one.held or one.made is Made.ADDED
        assert one.causes or said.causes or one.returned == one.held

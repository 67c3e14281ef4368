"""What is said of an address's presence is what `find` does, and its reason is the true one."""

from collections.abc import Sequence
from typing import Any, Literal

import pytest

from harness.model.addresses import parse_target
from harness.model.dialects import dialect
from harness.model.lookup import (
    AF_INET,
    AF_INET6,
    AI_ADDRCONFIG,
    AI_ALL,
    AI_IDN,
    AI_NUMERICHOST,
    AI_V4MAPPED,
    NameService,
    Request,
)
from harness.model.presence import Presence, presence
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

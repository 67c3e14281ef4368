"""Before the sort: what changed before the versions that the library is asked of, and no surprise.

From 2.17 on the library's scenarios (``presort``, ``dns``, ``nss``, ``services``) say what each
version finds.
"""

from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st

from harness.model.addresses import parse_target
from harness.model.dialects import Dialect, dialect
from harness.model.lookup import Found, NameService, Request, find
from harness.model.netdb import AF, AI
from tests.model.kit import dialects

Kind = Literal["files", "dns", "nss"]
FAMILIES = AF.UNSPEC, AF.INET, AF.INET6
FOUR, SIX = "192.0.2.1 192.0.2.2", "2001:db8::1 2001:db8::2"
MAPPED = "::ffff:192.0.2.1 ::ffff:192.0.2.2"
ZONED = "fe80::1%2 192.0.2.1 fe80::1%3 2001:db8::1 192.0.2.1 fe80::1%2"
NAMES = {
    "both": "192.0.2.1 2001:db8::1 192.0.2.2 2001:db8::2",
    "four": FOUR,
    "six": SIX,
    "localhost": "::1",
    "256.1.1.1": "192.0.2.1",
    "empty": "",
    "zoned": ZONED,  # only a module can hand over zones
}


def service(kind: Kind = "files") -> NameService:
    names = {
        name: tuple(parse_target(text, {}) for text in texts.split())
        for name, texts in NAMES.items()
    }
    return NameService(names, kind, links={"eth0": 2, "7": 9})


def ask(
    request: Request,
    spoken: Dialect,
    kind: Kind = "files",
    *,
    seen: tuple[bool, bool] = (True,) * 2,
) -> Found:
    return find(request, service(kind), *seen, spoken)


def text_of(found: Found) -> str:
    return found.error or " ".join(str(item.target) for item in found.items)


BOTH_MAPPED = "::ffff:192.0.2.1 2001:db8::1 ::ffff:192.0.2.2 2001:db8::2"
ZONED_MAPPED = "fe80::1%2 ::ffff:192.0.2.1 fe80::1%3 2001:db8::1 ::ffff:192.0.2.1 fe80::1%2"
LOST = "fe80::1 fe80::1 2001:db8::1 fe80::1"
ALL = AI.V4MAPPED | AI.ALL
# the last version and the first, service, name, family, flags, what each finds; all [read]
CHANGES: list[tuple[Any, ...]] = [
    # one look-up for both families: nothing is lost, moved or asked for again (8479f23aa1)
    *(("2.16", "2.17", *case) for case in (
        ("nss", "zoned", AF.INET6, 0, "fe80::1%2 fe80::1%3 2001:db8::1 fe80::1%2", LOST),
        ("nss", "zoned", AF.INET6, ALL, ZONED_MAPPED, f"{LOST} {MAPPED[:16]} {MAPPED[:16]}"),
        ("nss", "both", AF.INET6, ALL, BOTH_MAPPED, f"{SIX} {MAPPED}"),
        ("files", "both", AF.INET6, ALL, BOTH_MAPPED, f"{SIX} {MAPPED}"),
        ("dns", "both", AF.INET6, ALL, f"{MAPPED} {SIX}", f"{SIX} {MAPPED}"),
        ("nss", "both", AF.INET6, AI.V4MAPPED, SIX, SIX),
        ("nss", "both", AF.INET6, AI.ALL, SIX, SIX),
        ("files", "four", AF.INET6, AI.V4MAPPED, MAPPED, MAPPED),
        # it knows the name, and then leaves out what was not asked for
        ("files", "four", AF.INET6, 0, "EAI_NODATA", "EAI_NONAME"),
        ("dns", "four", AF.INET6, 0, "EAI_NODATA", "EAI_NONAME"),
        ("files", "nobody", AF.INET6, 0, "EAI_NONAME", "EAI_NONAME"),
        # AF_INET goes there with AI_CANONNAME only, and the hosts file then reads no IPv6 as IPv4
        ("files", "localhost", AF.INET, AI.CANONNAME, "EAI_NODATA", "127.0.0.1"),
        ("files", "localhost", AF.INET, 0, "127.0.0.1", "127.0.0.1"),
        ("nss", "zoned", AF.INET, AI.CANONNAME, "192.0.2.1 192.0.2.1", "192.0.2.1 192.0.2.1"))),
    ("2.8", "2.9", "nss", "zoned", AF.INET6, 0, LOST, "fe80::1%2 fe80::1%3 2001:db8::1 fe80::1%2"),
]  # fmt: skip


def test_what_changed_between_two_versions() -> None:
    for *versions, kind, name, family, flags, old, new in CHANGES:
        asked = Request(name, family=family, flags=flags, socktype=1)
        found = [text_of(ask(asked, dialect(one), kind)) for one in versions]
        assert found == [old, new], (kind, name, family, flags)


def test_a_zone_beyond_unsigned_long_is_cut_by_the_processor() -> None:
    for arch, zone in (("amd64", 2), ("i386", 0xFFFFFFFF)):
        found = ask(Request("fe80::1%4294967298", socktype=1), dialect("2.24", arch))
        assert text_of(found) == f"fe80::1%{zone}"


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
    found = ask(Request(name, "80", family, 1, 0, flags), spoken, kind, seen=seen)
    assert bool(found.items) is (found.error is None)
    if family != AF.UNSPEC:
        wanted = 4 if family == AF.INET else 6
        assert all(item.target.address.version == wanted for item in found.items)
    errors = ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY", "EAI_BADFLAGS", "EAI_IDN_ENCODE")
    assert found.error in (None, *errors)

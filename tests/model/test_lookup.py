"""Before the sort: addresses, their order, and the errors. Facts 1.1, 4.1 and 4.2."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.addresses import parse_target
from harness.model.dialects import dialect
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
    Found,
    NameService,
    Request,
    find,
)

if TYPE_CHECKING:
    from harness.model.host import Target

NOW = dialect("2.36")
STREAM = 1

NAMES = {
    "both": ("192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"),
    "four": ("192.0.2.1", "192.0.2.2"),
    "six": ("2001:db8::1", "2001:db8::2"),
    "mapped": ("::ffff:192.0.2.9", "2001:db8::1"),
    "onlymapped": ("::ffff:192.0.2.9",),
    "localhost": ("::1",),
    "256.1.1.1": ("192.0.2.1",),
    "dotted.": ("192.0.2.7",),
}


def service(kind: Literal["files", "dns"] = "files", **changes: Any) -> NameService:
    names = {name: tuple(parse_target(text, {}) for text in texts) for name, texts in NAMES.items()}
    return NameService(names, kind, links={"eth0": 2, "7": 9}, **changes)


def ask(
    name: str | None,
    family: int = AF_UNSPEC,
    flags: int = 0,
    *,
    held: NameService | None = None,
    seen: tuple[bool, bool] = (True, True),
    **changes: Any,
) -> Found:
    request = Request(name, family=family, flags=flags, **({"socktype": STREAM} | changes))
    return find(request, held or service(), *seen, NOW)


def text_of(target: Target) -> str:
    # Python 3.13 began to write mapped addresses this way
    mapped = target.address.ipv4_mapped if isinstance(target.address, IPv6Address) else None
    return str(target) if mapped is None else f"::ffff:{mapped}"


def texts(found: Found) -> list[str] | str:
    return found.error or [text_of(item.target) for item in found.items]


# --- files: fact 4.1


def test_files_keep_the_order_of_the_lines() -> None:
    assert texts(ask("both")) == list(NAMES["both"])
    assert texts(ask("BoTh")) == list(NAMES["both"])
    assert texts(ask("both", AF_INET)) == ["192.0.2.1", "192.0.2.2"]
    assert texts(ask("both", AF_INET6)) == ["2001:db8::1", "2001:db8::2"]


def test_files_turn_mapped_addresses_and_the_loopback_into_ipv4() -> None:
    # an AF_INET look-up reads a line's IPv6 address where it can be said in IPv4
    assert texts(ask("mapped", AF_INET)) == ["192.0.2.9"]
    assert texts(ask("localhost", AF_INET)) == ["127.0.0.1"]
    assert texts(ask("mapped")) == ["::ffff:192.0.2.9", "2001:db8::1"]


def test_files_know_only_whole_names() -> None:
    assert texts(ask("both.")) == "EAI_NONAME"
    assert texts(ask("dotted.")) == ["192.0.2.7"]
    assert texts(ask("dotted")) == "EAI_NONAME"


# --- dns: fact 4.2


def test_dns_puts_the_family_whose_reply_came_first() -> None:
    four, six = ["192.0.2.1", "192.0.2.2"], ["2001:db8::1", "2001:db8::2"]
    assert texts(ask("both", held=service("dns", first_reply="A"))) == four + six
    assert texts(ask("both", held=service("dns", first_reply="AAAA"))) == six + four
    assert texts(ask("both", AF_INET6, held=service("dns"))) == six


def test_dns_knows_the_name_with_a_dot_too() -> None:
    assert texts(ask("four.", held=service("dns"))) == ["192.0.2.1", "192.0.2.2"]


def test_dns_leaves_addresses_as_they_are() -> None:
    assert texts(ask("localhost", AF_INET, held=service("dns"))) == "EAI_NODATA"
    assert texts(ask("onlymapped", AF_INET6, held=service("dns"))) == ["::ffff:192.0.2.9"]


# --- errors: the name is unknown, or has nothing of the family


@pytest.mark.parametrize("kind", ["files", "dns"])
@pytest.mark.parametrize("family", [AF_UNSPEC, AF_INET, AF_INET6])
@pytest.mark.parametrize("flags", [0, AI_CANONNAME, AI_V4MAPPED])
def test_an_unknown_name(kind: Literal["files", "dns"], family: int, flags: int) -> None:
    assert texts(ask("nobody", family, flags, held=service(kind))) == "EAI_NONAME"
    assert texts(ask("", family, flags, held=service(kind))) == "EAI_NONAME"


@pytest.mark.parametrize(("kind", "error"), [("files", "EAI_NONAME"), ("dns", "EAI_NODATA")])
@pytest.mark.parametrize(("name", "family"), [("six", AF_INET), ("four", AF_INET6)])
@pytest.mark.parametrize("flags", [0, AI_CANONNAME])
def test_a_name_without_addresses_of_the_family(
    kind: Literal["files", "dns"], error: str, name: str, family: int, flags: int
) -> None:
    # DNS knows the name (NO_DATA); the hosts file only has lines, and none was found
    assert texts(ask(name, family, flags, held=service(kind))) == error


@pytest.mark.parametrize(("kind", "error"), [("files", "EAI_NONAME"), ("dns", "EAI_NODATA")])
def test_a_name_without_any_address(kind: Literal["files", "dns"], error: str) -> None:
    held = NameService({"empty": ()}, kind)
    for family in (AF_UNSPEC, AF_INET, AF_INET6):
        assert texts(ask("empty", family, held=held)) == error


def test_plain_ipv4_look_ups_never_ask_for_what_looks_like_an_address() -> None:
    # without AI_CANONNAME they go through gethostbyname2, which refuses digits and dots
    assert texts(ask("256.1.1.1", AF_INET)) == "EAI_NONAME"
    assert texts(ask("256.1.1.1", AF_INET, AI_CANONNAME)) == ["192.0.2.1"]
    assert texts(ask("256.1.1.1")) == ["192.0.2.1"]


# --- AI_V4MAPPED and AI_ALL


@pytest.mark.parametrize("kind", ["files", "dns"])
def test_mapped_addresses_only_where_there_are_no_others(kind: Literal["files", "dns"]) -> None:
    held = service(kind)
    mapped = ["::ffff:192.0.2.1", "::ffff:192.0.2.2"]
    six = ["2001:db8::1", "2001:db8::2"]
    assert texts(ask("four", AF_INET6, AI_V4MAPPED, held=held)) == mapped
    assert texts(ask("both", AF_INET6, AI_V4MAPPED, held=held)) == six
    assert texts(ask("both", AF_INET6, AI_V4MAPPED | AI_ALL, held=held)) == six + mapped
    # AI_ALL alone means nothing, and neither does anything with another family
    assert "EAI" in texts(ask("four", AF_INET6, AI_ALL, held=held))
    assert texts(ask("four", AF_UNSPEC, AI_V4MAPPED | AI_ALL, held=held)) == list(NAMES["four"])


def test_mapped_addresses_that_are_listed_count_as_ipv6_and_are_dropped_again() -> None:
    assert texts(ask("mapped", AF_INET6, AI_V4MAPPED)) == ["2001:db8::1"]
    assert texts(ask("onlymapped", AF_INET6, AI_V4MAPPED)) == "EAI_NONAME"
    assert texts(ask("onlymapped", AF_INET6)) == ["::ffff:192.0.2.9"]
    listed_and_made = ["::ffff:192.0.2.9", "::ffff:192.0.2.9"]
    assert texts(ask("onlymapped", AF_INET6, AI_V4MAPPED | AI_ALL)) == listed_and_made


# --- numbers


@pytest.mark.parametrize("flags", [0, AI_NUMERICHOST, AI_CANONNAME])
def test_numeric_names(flags: int) -> None:
    assert texts(ask("192.0.2.1", flags=flags)) == ["192.0.2.1"]
    assert texts(ask("0x7f.1", AF_INET, flags)) == ["127.0.0.1"]
    assert texts(ask("192.0.2.1", AF_INET6, flags)) == "EAI_ADDRFAMILY"
    assert texts(ask("192.0.2.1", AF_INET6, flags | AI_V4MAPPED)) == ["::ffff:192.0.2.1"]
    assert texts(ask("2001:db8::1", AF_UNSPEC, flags)) == ["2001:db8::1"]
    assert texts(ask("2001:db8::1", AF_INET, flags)) == "EAI_ADDRFAMILY"
    assert texts(ask("::ffff:192.0.2.1", AF_INET, flags)) == ["192.0.2.1"]
    assert texts(ask("::ffff:192.0.2.1", AF_INET6, flags | AI_V4MAPPED)) == ["::ffff:192.0.2.1"]


def test_ai_numerichost_asks_no_service() -> None:
    for family in (AF_UNSPEC, AF_INET, AF_INET6):
        assert texts(ask("both", family, AI_NUMERICHOST)) == "EAI_NONAME"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fe80::1%eth0", ["fe80::1%2"]),
        ("fe80::1%3", ["fe80::1%3"]),
        ("fe80::1%7", ["fe80::1%9"]),  # an interface of that name comes first
        ("2001:db8::1%7", ["2001:db8::1%7"]),  # names count for link-local addresses only
        ("ff02::1%eth0", ["ff02::1%2"]),
        ("ff01::1%eth0", ["ff01::1%2"]),
        ("ff05::1%eth0", "EAI_NONAME"),
        ("2001:db8::1%eth0", "EAI_NONAME"),
        ("fe80::1%eth9", "EAI_NONAME"),
        ("fe80::1%", "EAI_NONAME"),
        ("fe80::1%3x", "EAI_NONAME"),
        ("fe80::1%+3", "EAI_NONAME"),
        ("fe80::1%4294967295", ["fe80::1%4294967295"]),
        ("fe80::1%4294967296", "EAI_NONAME"),
        ("fe80::1%" + "9" * 5000, "EAI_NONAME"),
        ("fe80::1%0", ["fe80::1"]),
        ("%eth0", "EAI_NONAME"),
        ("192.0.2.1%3", "EAI_NONAME"),
    ],
)
def test_zones(name: str, expected: list[str] | str) -> None:
    assert texts(ask(name)) == expected


def test_the_zone_of_a_mapped_address_is_checked_and_dropped() -> None:
    assert texts(ask("::ffff:192.0.2.1%5", AF_INET)) == ["192.0.2.1"]
    assert texts(ask("::ffff:192.0.2.1%eth9", AF_INET)) == "EAI_NONAME"
    assert texts(ask("::ffff:192.0.2.1%eth0", AF_INET)) == "EAI_NONAME"
    # the test for link-local looks at the bytes the IPv4 address was written over: 254.128/10
    assert texts(ask("::ffff:254.128.0.1%eth0", AF_INET)) == ["254.128.0.1"]
    assert texts(ask("2001:db8::1%eth9", AF_INET)) == "EAI_ADDRFAMILY"


# --- no name


def test_without_a_name() -> None:
    assert texts(ask(None, service="80")) == ["::1", "127.0.0.1"]
    assert texts(ask("*", service="80")) == ["::1", "127.0.0.1"]
    assert texts(ask(None, AF_INET, service="80")) == ["127.0.0.1"]
    assert texts(ask(None, AF_INET6, service="80")) == ["::1"]
    assert texts(ask(None, flags=AI_PASSIVE, service="80")) == ["::", "0.0.0.0"]
    assert texts(ask(None, AF_INET6, AI_PASSIVE | AI_V4MAPPED, service="80")) == ["::"]
    assert texts(ask("four", flags=AI_PASSIVE)) == list(NAMES["four"])


def test_nothing_at_all() -> None:
    assert texts(ask(None)) == "EAI_NONAME"
    assert texts(ask("*", service="*")) == "EAI_NONAME"
    assert texts(ask(None, service="")) == ["::1", "127.0.0.1"]  # empty is not absent


# --- the order of the checks


def test_errors_in_the_order_they_are_found() -> None:
    assert texts(ask(None, 77, 1 << 20)) == "EAI_NONAME"
    assert texts(ask("both", 77, 1 << 20)) == "EAI_BADFLAGS"
    assert texts(ask(None, 77, AI_CANONNAME, service="80")) == "EAI_BADFLAGS"
    assert texts(ask("both", 77, service="x")) == "EAI_FAMILY"
    addrconfig = ask("both", AF_INET, AI_ADDRCONFIG, seen=(False, True), socktype=99)
    assert texts(addrconfig) == "EAI_NONAME"
    assert texts(ask("nobody", service="x", socktype=99, flags=AI_NUMERICSERV)) == "EAI_NONAME"
    assert texts(ask("nobody", service="x", socktype=99)) == "EAI_SOCKTYPE"
    assert texts(ask("nobody", service="x")) == "EAI_SERVICE"
    assert texts(ask("nobody")) == "EAI_NONAME"


@pytest.mark.parametrize("bit", range(13))
def test_known_flags(bit: int) -> None:
    # 0x1 to 0x80, the two retired 0x100 and 0x200, and AI_NUMERICSERV 0x400
    refused = texts(ask("192.0.2.1", flags=1 << bit)) == "EAI_BADFLAGS"
    assert refused is (bit > 10)


# --- AI_ADDRCONFIG


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((True, True), list(NAMES["both"])),
        ((True, False), ["192.0.2.1", "192.0.2.2"]),
        ((False, True), ["2001:db8::1", "2001:db8::2"]),
        ((False, False), list(NAMES["both"])),
    ],
)
def test_addrconfig_narrows_the_family(seen: tuple[bool, bool], expected: list[str]) -> None:
    assert texts(ask("both", flags=AI_ADDRCONFIG, seen=seen)) == expected


def test_addrconfig_refuses_a_family_the_host_lacks() -> None:
    assert texts(ask("four", AF_INET, AI_ADDRCONFIG, seen=(False, True))) == "EAI_NONAME"
    assert texts(ask("six", AF_INET6, AI_ADDRCONFIG, seen=(True, False))) == "EAI_NONAME"
    assert texts(ask("six", AF_INET6, AI_ADDRCONFIG, seen=(False, True))) == list(NAMES["six"])


def test_addrconfig_narrows_numbers_and_no_name_alike() -> None:
    assert texts(ask("::1", flags=AI_ADDRCONFIG, seen=(True, False))) == "EAI_ADDRFAMILY"
    narrowed = ask(None, flags=AI_ADDRCONFIG, seen=(True, False), service="80")
    assert texts(narrowed) == ["127.0.0.1"]
    # narrowed to IPv6 it is as if AF_INET6 had been asked for, AI_V4MAPPED included
    flags = AI_ADDRCONFIG | AI_V4MAPPED
    assert texts(ask("192.0.2.1", flags=flags, seen=(False, True))) == ["::ffff:192.0.2.1"]


# --- what comes out: fact 1.1


def test_sorting_runs_only_with_more_than_one_address() -> None:
    assert ask("both").needs_sort
    assert not ask("localhost").needs_sort
    three = ask("localhost", socktype=0)
    assert (len(three.items), three.needs_sort) == (3, False)
    assert not ask("mapped", AF_INET6, AI_V4MAPPED).needs_sort  # counted after dropping


def test_every_address_with_every_socket_address_by_address() -> None:
    found = ask("four", socktype=0, service="80")
    shape = [(str(item.target), item.socktype, item.protocol, item.port) for item in found.items]
    assert shape == [
        (text, *socket)
        for text in NAMES["four"]
        for socket in ((1, 6, 80), (2, 17, 80), (3, 0, 80))
    ]


@given(
    st.sampled_from([*NAMES, None, "*", "nobody", "1.2.3.4", "::1", "fe80::1%eth0"]) | st.text(),
    st.sampled_from([AF_UNSPEC, AF_INET, AF_INET6]),
    st.integers(0, 0x7FF),
    st.sampled_from(["files", "dns"]),
    st.tuples(st.booleans(), st.booleans()),
)
def test_an_answer_or_an_error(
    name: str | None, family: int, flags: int, kind: Literal["files", "dns"], seen: Any
) -> None:
    found = ask(name, family, flags, held=service(kind), seen=seen, service="80")
    assert bool(found.items) is (found.error is None)
    if family != AF_UNSPEC:
        wanted = 4 if family == AF_INET else 6
        assert all(item.target.address.version == wanted for item in found.items)
    assert found.error in (
        None, "EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY", "EAI_BADFLAGS"
    )  # fmt: skip

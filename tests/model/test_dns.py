"""What the stub resolver makes of servers: RFC 1034, RFC 1035, RFC 2308, resolv.conf(5).

What a trouble means is gethostbyname(3)'s: HOST_NOT_FOUND, NO_DATA of a name that is there, and
TRY_AGAIN for a failure that may be over the next time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from harness.model.addresses import parse_target
from harness.model.dialects import dialect
from harness.model.dns import Resolver, Stub
from harness.model.dns_servers import Record, Server, Word

BOTH: tuple[Record, ...] = ("A", "AAAA")
A: tuple[Record, ...] = ("A",)
AAAA: tuple[Record, ...] = ("AAAA",)
WEB = "192.0.2.1 2001:db8::1"
OTHER = "192.0.2.7 2001:db8::7"
MANY = " ".join(f"192.0.2.{number}" for number in range(1, 60))
UNKNOWN, NO_DATA, AGAIN = "NOTFOUND HOST_NOT_FOUND", "NOTFOUND NO_DATA", "UNAVAIL TRY_AGAIN"


def server(
    names: Mapping[str, str], said: Mapping[str, Mapping[Record, Word]] | None = None, **more: Any
) -> Server:
    held = {
        name: tuple(parse_target(text, {}) for text in each.split()) for name, each in names.items()
    }
    return Server(held, replies=said or {}, **more)


def options(*words: str, **more: Any) -> Resolver:
    return Resolver(options=frozenset(words), **more)


def says(word: Word, *records: Record, **names: str) -> Server:
    """A server that says a word of web for those types, and knows names."""
    return server({"web": WEB} | names, {"web": dict.fromkeys(records, word)})


GOOD, LAST = server({"web": WEB}), server({"web": OTHER})
PLAIN = Resolver()
CORP = Resolver(search=("corp", "lab."))
IN_CORP = server({"web.corp": WEB, "a.b": "192.0.2.8", "a.b.corp": "192.0.2.9", "only.lab": WEB})

# servers, resolver, name, records, the reply that goes out first, glibc, what is found
CASES: dict[str, tuple[Sequence[Server], Resolver, str, tuple[Record, ...], Record, str, str]] = {
    "the-reply-that-comes-first": ([GOOD], PLAIN, "web", BOTH, "A", "2.36", WEB),
    "or-the-other": ([GOOD], PLAIN, "web", BOTH, "AAAA", "2.36", "2001:db8::1 192.0.2.1"),
    "of-one-type": ([GOOD], PLAIN, "web", AAAA, "A", "2.36", "2001:db8::1"),
    "any-case": ([GOOD], PLAIN, "wEb", A, "A", "2.36", "192.0.2.1"),  # RFC 1035, 2.3.3
    "no-such-name": ([GOOD], PLAIN, "nobody", BOTH, "A", "2.36", UNKNOWN),
    "no-such-record": (  # RFC 2308, 2.2
        [server({"four": "192.0.2.1"})], PLAIN, "four", AAAA, "A", "2.36", NO_DATA,
    ),
    "nxdomain-of-one-type": ([says("nxdomain", "AAAA")], PLAIN, "web", BOTH, "A", "2.36",
                             "192.0.2.1"),
    "cname": ([server({"end": WEB}, aliases={"web": "mid", "mid": "end"})], PLAIN, "web", BOTH, "A",
              "2.36", f"{WEB} end"),
    "completed": ([IN_CORP], CORP, "web", BOTH, "A", "2.36", f"{WEB} web.corp"),
    "completed-by-the-second": ([IN_CORP], CORP, "only", BOTH, "A", "2.36", f"{WEB} only.lab"),
    "final-dot": ([IN_CORP], CORP, "web.", BOTH, "A", "2.36", UNKNOWN),
    "dots-enough": ([IN_CORP], CORP, "a.b", A, "A", "2.36", "192.0.2.8"),
    "too-few-dots": ([IN_CORP], Resolver(("corp",), ndots=2), "a.b", A, "A", "2.36",
                     "192.0.2.9 a.b.corp"),
    # what is no answer sends the resolver to the next server; NXDOMAIN is one
    **{f"after-{word}": ([says(word, "A", "AAAA"), LAST], PLAIN, "web", BOTH, "A", "2.36", OTHER)
       for word in ("servfail", "refused", "lame")},
    "after-a-closed-one": ([server({}, closed=True), LAST], PLAIN, "web", BOTH, "A", "2.36", OTHER),
    "nxdomain-is-an-answer": ([server({}), LAST], PLAIN, "web", BOTH, "A", "2.36", UNKNOWN),
    "servfail-alone": ([says("servfail", *BOTH)], PLAIN, "web", BOTH, "A", "2.36", AGAIN),
    "nobody-listens": ([server({}, closed=True)], PLAIN, "web", BOTH, "A", "2.36", AGAIN),
    "late": ([says("late", *A)], PLAIN, "web", A, "A", "2.36", "192.0.2.1"),
    "late-and-one-attempt": ([says("late", *A)], Resolver(attempts=1), "web", A, "A", "2.36",
                             AGAIN),
    "never": ([says("silent", *BOTH), LAST], PLAIN, "web", BOTH, "A", "2.36", OTHER),
    "truncated": ([says("truncated", *A)], PLAIN, "web", A, "A", "2.36", "192.0.2.1"),
    "too-long-for-udp": ([server({"web": MANY})], PLAIN, "web", A, "A", "2.36", MANY),
    "use-vc": ([GOOD], options("use-vc"), "web", BOTH, "AAAA", "2.36", "2001:db8::1 192.0.2.1"),
    "one-error": ([says("servfail", "A"), LAST], PLAIN, "web", BOTH, "A", "2.44", "2001:db8::1"),
    "one-error-strictly": ([says("servfail", "A"), LAST], options("strict-error"), "web", BOTH,
                           "A", "2.44", OTHER),
    "strict-error-unknown": ([says("servfail", "A"), LAST], options("strict-error"), "web", BOTH,
                             "A", "2.36", "2001:db8::1"),
    "no-aaaa": ([GOOD], options("no-aaaa"), "web", BOTH, "A", "2.36", "192.0.2.1"),
    "no-aaaa-of-ipv6": ([GOOD], options("no-aaaa"), "web", AAAA, "A", "2.36", NO_DATA),
    "no-aaaa-unknown": ([GOOD], options("no-aaaa"), "web", BOTH, "A", "2.31", WEB),
    "rotate": ([GOOD, LAST], options("rotate", offset=1), "web", BOTH, "A", "2.36", OTHER),
    "not-rotated": ([GOOD, LAST], PLAIN, "web", BOTH, "A", "2.36", WEB),
    "in-turn": ([GOOD], options("single-request"), "web", BOTH, "A", "2.36", WEB),
    "in-turn-until-an-error": ([says("servfail", "AAAA")], options("single-request"), "web", BOTH,
                               "A", "2.36", "192.0.2.1"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_found(case: str) -> None:
    servers, resolver, name, records, first, glibc, wanted = CASES[case]
    reply = Stub(servers, resolver, first, dialect(glibc)).ask(name, records)
    if reply.status == "SUCCESS":
        ends = [] if (reply.canonname or name).lower() == name.lower() else [reply.canonname]
        assert [*map(str, reply.targets), *ends] == wanted.split()
    else:
        assert f"{reply.status} {reply.trouble}" == wanted


def test_a_servfail_in_a_domain_is_told_where_nothing_else_is_found() -> None:
    """resolv.conf(5), search: until one is found. A later domain may have it."""
    said: dict[str, Mapping[Record, Word]] = {"web.corp": {"A": "servfail"}}
    found = Stub([server({"web.lab": WEB}, said)], CORP, "A", dialect("2.36")).ask("web", A)
    assert (found.status, found.canonname) == ("SUCCESS", "web.lab")
    found = Stub([server({}, said)], CORP, "A", dialect("2.36")).ask("web", A)
    assert found.trouble == "TRY_AGAIN"


def test_rotate_goes_on_with_the_next_question() -> None:
    """resolv.conf(5): the servers are used in turn, by both questions of an IPv6 look-up too."""
    stub = Stub([GOOD, LAST], options("rotate", offset=1), "A", dialect("2.36"))
    first, then = stub.ask("web", BOTH), stub.ask("web", BOTH)
    assert " ".join(map(str, first.targets)) == OTHER
    assert " ".join(map(str, then.targets)) == WEB


def test_what_a_server_is_without() -> None:
    half = says("nodata", "AAAA")
    assert half.words == {"nodata"}
    assert half.without("nodata").words == server({}, closed=True).without("closed").words == set()
    assert half.packet("web", "AAAA").negative
    assert not half.without("nodata").packet("web", "AAAA").negative
    assert half.held("WEB")[1] == GOOD.held("web")[1]  # whatever is said in its place
    assert GOOD.held("nobody")[1] is None

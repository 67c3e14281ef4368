"""Rule 7 with an unknown interface, up to 2.18 and from 2.19 on (894f3f1049); all [read].

What becomes of the notes of each is shown by the library's ``rule7-unknown-is-noted``.
"""

from harness.compare.explain import pair_reason
from harness.compare.predict import predict
from harness.model.address_table import address_table, candidates
from harness.model.dialects import dialect
from harness.model.lookup import NameService, Request
from harness.model.order import order
from harness.model.policy import Policy
from harness.model.transport import ProcessAborted
from tests.model.kit import row, view

OLD, NEW = "2.18", "2.19"
ETH0, ETH1, PPP = "172.18.45.9", "10.1.0.9", "10.9.0.2"
SOURCES = {ETH0: "172.18.45.2", ETH1: "10.1.0.2", PPP: "10.9.0.1"}
ROWS = (
    row("172.18.45.2/24", 2), row("fe80::2/64", 2), row("10.1.0.2/24", 3),
    row("10.9.0.1/32", 5, peer="10.9.0.2/32"),
)  # fmt: skip


FAR, NEAR, NEAR_TOO, PEER = "2001:db8:2:8::9", "2001:db8:1::9", "2001:db8:1::a", "2001:db8:9::2"
SOURCES6 = {
    FAR: "2001:db8:2::2", NEAR: "2001:db8:1::2", NEAR_TOO: "2001:db8:1::2", PEER: "2001:db8:9::1",
}  # fmt: skip
ROWS6 = (
    row("2001:db8:1::2/64", 2), row("2001:db8:2::2/64", 3),
    row("2001:db8:9::1/128", 4, peer="2001:db8:9::2/128"),
)  # fmt: skip


def answer(glibc: str, *names: str) -> str:
    targets, host = view(ROWS6, {name: SOURCES6.get(name) for name in names})
    spoken = dialect(glibc)
    policy = Policy.build(None, spoken)
    try:
        found = order(candidates(targets, host, spoken, address_table(host.dumped)), policy, glibc)
    except ProcessAborted:
        return "SIGABRT"
    return " ".join(map(str, found.destinations))


def test_what_cannot_be_reached_is_noted_with_the_unknown_ones() -> None:
    # of no interface either: noted native beside NEAR_TOO, and not native when the peer is asked
    lost = "2001:db8:7::9"
    assert answer(OLD, FAR, NEAR, lost) == f"{NEAR} {FAR} {lost}"
    assert answer(OLD, lost, FAR, PEER, NEAR) == "SIGABRT"
    assert answer(NEW, lost, FAR, PEER, NEAR) == f"{NEAR} {FAR} {PEER} {lost}"


def test_decisions_are_those_of_the_sort() -> None:
    targets, host = view(ROWS6, {name: SOURCES6[name] for name in (NEAR, FAR, NEAR_TOO, PEER)})
    spoken = dialect(OLD)
    found = order(
        candidates(targets, host, spoken, address_table(host.dumped)),
        Policy.build(None, spoken),
        OLD,
    )
    assert [one.rule for one in found.decisions] == [10, 7, 9]
    assert all(one.preferred for one in found.decisions)


def test_a_pair_asked_for_is_explained_by_the_rules_of_the_sort() -> None:
    targets, host = view(ROWS6, {name: SOURCES6[name] for name in (NEAR, FAR, NEAR_TOO, PEER)})
    held = NameService({"web": tuple(targets)})
    for glibc, before, rule in ((OLD, PEER, 9), (NEW, FAR, 7)):
        found = predict(Request("web", socktype=1), held, host, None, dialect(glibc))
        reason = pair_reason(found, (FAR, PEER))
        assert reason is not None
        assert (reason.before, reason.rule) == (before, rule)


def test_a_line_that_may_count_may_save_the_process() -> None:
    # without a length the line's effect is undefined: taken, PPP goes first, as in the next test
    targets, host = view(ROWS, {name: SOURCES[name] for name in (ETH1, PPP, ETH0)})
    held = NameService({"web": tuple(targets)})
    conf = b"precedence ::ffff:10.9.0.2 50\n"
    found = predict(Request("web", socktype=1), held, host, conf, dialect(OLD))
    assert (found.error, found.order, found.may_abort) == ("SIGABRT", None, True)
    assert [line.number for line in found.undefined] == [1]
    assert {str(items[0].target) for items in found.alternatives} == {PPP}


def test_a_crash_is_predicted() -> None:
    targets, host = view(ROWS, {name: SOURCES[name] for name in (ETH1, PPP, ETH0)})
    held = NameService({"web": tuple(targets)})
    for conf, glibc, error in (
        (None, OLD, "SIGABRT"),
        (None, NEW, None),
        (b"precedence ::ffff:10.9.0.2/128 50\n", OLD, None),
    ):
        found = predict(Request("web", socktype=1), held, host, conf, dialect(glibc))
        assert (found.error, found.order is None) == (error, error is not None)
        assert bool(found.items) is (error is None)

"""Rule 7 with an unknown interface, up to 2.18 and from 2.19 on (894f3f1049); all [read].

What becomes of the notes of each is shown by the library's ``rule7-unknown-is-noted``.
"""

import signal

import pytest

from harness.compare.evidence import Evidence, LaneSpec, NamedGaiConf
from harness.compare.explain import pair_reason
from harness.compare.predict import predict
from harness.compare.results import Verdict
from harness.compare.verdict import judge
from harness.model.address_table import address_table, candidates
from harness.model.dialects import dialect
from harness.model.lookup import NameService, Request
from harness.model.order import Order, order
from harness.model.policy import Policy
from harness.model.transport import ProcessAborted
from harness.native.record import Answer, Crashed, Outcome
from harness.report.words import headline
from harness.scenario.schema import Lookup, Scenario
from tests.model.kit import row, view

OLD, NEW = "2.18", "2.19"
PPP = "10.9.0.2"
SOURCES = {"10.1.0.9": "10.1.0.2", PPP: "10.9.0.1", "172.18.45.9": "172.18.45.2"}
ROWS = (
    row("172.18.45.2/24", 2), row("fe80::2/64", 2), row("10.1.0.2/24", 3),
    row("10.9.0.1/32", 5, peer="10.9.0.2/32"),
)  # fmt: skip
TARGETS, HOST = view(ROWS, SOURCES)
WEB, HELD = Request("web", socktype=1), NameService({"web": tuple(TARGETS)})

FAR, NEAR, NEAR_TOO, PEER = "2001:db8:2:8::9", "2001:db8:1::9", "2001:db8:1::a", "2001:db8:9::2"
SOURCES6 = {
    FAR: "2001:db8:2::2", NEAR: "2001:db8:1::2", NEAR_TOO: "2001:db8:1::2", PEER: "2001:db8:9::1",
}  # fmt: skip
ROWS6 = (
    row("2001:db8:1::2/64", 2), row("2001:db8:2::2/64", 3),
    row("2001:db8:9::1/128", 4, peer="2001:db8:9::2/128"),
)  # fmt: skip


def ordered(glibc: str, *names: str) -> Order:
    targets, host = view(ROWS6, {name: SOURCES6.get(name) for name in names})
    spoken = dialect(glibc)
    table = address_table(host.dumped)
    return order(candidates(targets, host, spoken, table), Policy.build(None, spoken), glibc)


def answer(glibc: str, *names: str) -> str:
    try:
        return " ".join(map(str, ordered(glibc, *names).destinations))
    except ProcessAborted:
        return "SIGABRT"


def test_what_cannot_be_reached_is_noted_with_the_unknown_ones() -> None:
    # of no interface either: noted native beside NEAR_TOO, and not native when the peer is asked
    lost = "2001:db8:7::9"
    assert answer(OLD, FAR, NEAR, lost) == f"{NEAR} {FAR} {lost}"
    assert answer(OLD, lost, FAR, PEER, NEAR) == "SIGABRT"
    assert answer(NEW, lost, FAR, PEER, NEAR) == f"{NEAR} {FAR} {PEER} {lost}"


def test_decisions_are_those_of_the_sort() -> None:
    found = ordered(OLD, NEAR, FAR, NEAR_TOO, PEER)
    assert [one.rule for one in found.decisions] == [10, 7, 9]
    assert all(one.preferred for one in found.decisions)


def test_a_pair_asked_for_is_explained_by_the_rules_of_the_sort() -> None:
    targets, host = view(ROWS6, {name: SOURCES6[name] for name in (NEAR, FAR, NEAR_TOO, PEER)})
    held = NameService({"web": tuple(targets)})
    for glibc, before, rule in ((OLD, PEER, 9), (NEW, FAR, 7)):
        found = predict(WEB, held, host, None, dialect(glibc))
        reason = pair_reason(found, (FAR, PEER))
        assert reason is not None
        assert (reason.before, reason.rule) == (before, rule)


def test_a_line_that_may_count_may_save_the_process() -> None:
    # without a length the line's effect is undefined: taken, PPP goes first, as in the next test
    found = predict(WEB, HELD, HOST, b"precedence ::ffff:10.9.0.2 50\n", dialect(OLD))
    assert (found.error, found.order, found.may_abort) == ("SIGABRT", None, True)
    assert [line.number for line in found.undefined] == [1]
    assert {str(items[0].target) for items in found.alternatives} == {PPP}


def test_a_crash_is_predicted() -> None:
    for conf, glibc, error in (
        (None, OLD, "SIGABRT"),
        (None, NEW, None),
        (b"precedence ::ffff:10.9.0.2/128 50\n", OLD, None),
    ):
        found = predict(WEB, HELD, HOST, conf, dialect(glibc))
        assert (found.error, found.order is None) == (error, error is not None)
        assert bool(found.items) is (error is None)


# --- the verdict on it

DIED = Crashed(signal.SIGABRT)


@pytest.mark.parametrize(
    ("glibc", "native", "verdict", "predicted", "met"),
    [
        ("2.18", DIED, Verdict.CRASHED, True, True),
        ("2.18", Crashed(signal.SIGSEGV), Verdict.CRASHED, False, False),
        ("2.18", Answer("EAI_NONAME", 0, 0, (), "2.18"), Verdict.DISAGREE, False, False),
        ("2.19", DIED, Verdict.CRASHED, False, True),
    ],
)
def test_only_that_signal_where_the_model_says_so(
    glibc: str, native: Outcome, verdict: Verdict, predicted: bool, met: bool
) -> None:
    lookup = Lookup.model_validate(
        {"name": "web", "expect": [{"error": "SIGABRT", "glibc": "<2.19"}]}
    )
    scenario = Scenario.model_validate(
        {"name": "x", "description": "x", "host": {"interfaces": {}}, "lookups": [lookup]}
    )
    lane = LaneSpec(glibc, "amd64", "worker", "directory /x")
    conf = NamedGaiConf("default", None)
    result = judge(Evidence(scenario, lookup, conf, HOST, HELD, lane, native))
    assert (result.verdict, result.predicted, not result.unmet) == (verdict, predicted, met)
    assert (result.model_error == "SIGABRT") is (glibc == "2.18")
    assert result.agreed is predicted
    if predicted:
        assert headline(result) == "died of SIGABRT, as the model says"

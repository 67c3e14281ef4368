"""Before and after: what moved, which rule now decides, and the command."""

from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest

from harness.compare.evidence import NamedGaiConf
from harness.compare.explain import Explanation
from harness.compare.results import LookupReport, PairReason, Result, Verdict
from harness.compare.whatif import (
    HostChange,
    compare_reports,
    compare_results,
    with_lines,
)
from harness.report.explanation import as_text as explained
from harness.report.terminal import Terminal
from harness.report.whatif import WhatifDocument, WhatifText
from tests.conftest import Call

CASE = "case-docker-ipv6nat-78-default"


def result(*order: str, glibc: str = "2.36", rule: int = 6, **changed: object) -> Result:
    decisions = tuple(PairReason(a, b, rule, f"rule {rule}: {a}, {b}") for a, b in pairwise(order))
    made = Result(
        "host", "web", "conf", glibc, "amd64", "worker", "debian", Verdict.AGREE, order, order,
        decisions=decisions,
    )  # fmt: skip
    return replace(made, **changed)  # type: ignore[arg-type]


def report(*results: Result) -> LookupReport:
    return LookupReport("host", "web", "conf", results)


def text_of(change: HostChange) -> str:
    out = StringIO()
    report = WhatifText(Terminal(file=out, width=150))
    report.add(change)
    report.finish(WhatifDocument((change,)))
    return out.getvalue()


CRASHED = result("a", verdict=Verdict.CRASHED, native=(), error="SIGSEGV")
WRONG = result("a", verdict=Verdict.DISAGREE)


@pytest.mark.parametrize(
    ("before", "after", "changed", "failed", "places"),
    [
        (result(*"abc"), result(*"cab"), True, False, [("c", 3, 1), ("a", 1, 2), ("b", 2, 3)]),
        (result("a"), CRASHED, True, True, [("a", 1, None)]),
        (result(*"ab", rule=9), result(*"ab", rule=6), False, False, [("a", 1, 1), ("b", 2, 2)]),
        (WRONG, result("a"), False, True, [("a", 1, 1)]),
        (result("a"), WRONG, False, True, [("a", 1, 1)]),
    ],
)
def test_what_moved_and_how_far(
    before: Result, after: Result, changed: bool, failed: bool,
    places: list[tuple[str, int, int | None]],
) -> None:  # fmt: skip
    found = compare_results(before, after)
    assert (found.changed, found.failed) == (changed, failed)
    assert [(p.address, p.was, p.now) for p in found.places] == places
    assert [p.moved for p in found.places] == [changed] * len(places)


def test_a_crash_is_glibcs_and_not_the_models() -> None:
    foreseen = compare_results(result("a", "b"), replace(CRASHED, predicted=True))
    before, after = report(foreseen.before), report(foreseen.after)
    change = HostChange("host", "old", "new", None, (), (compare_reports(before, after),))
    said = "before, native and model agree; after, glibc crashes (SIGSEGV), as the model says\n"
    assert said in text_of(change)
    shown = explained([Explanation("web", replace(CRASHED, predicted=True))])
    assert "glibc 2.36 amd64: glibc crashes (SIGSEGV), as the model says\n" in shown
    shown = explained([Explanation("web", CRASHED)])
    assert "glibc 2.36 amd64: glibc crashes (SIGSEGV)\n" in shown


def test_which_rule_decides_now_and_before() -> None:
    found = compare_results(result("a", "b", rule=9), result("b", "a", rule=6))
    (decision,) = found.decisions
    assert decision.turned
    assert decision.old is not None
    assert (decision.old.rule, decision.now.rule) == (9, 6)
    # c was no neighbour of a: nothing is known of why it came later
    found = compare_results(result("a", "b", "c"), result("a", "c", "b"))
    assert [d.old is None for d in found.decisions] == [True, False]
    # the same order for another reason
    assert not compare_results(result(*"ab", rule=9), result(*"ab")).decisions[0].turned


def test_reports_are_paired_glibc_by_glibc() -> None:
    old = report(result("a", "b"), result("a", "b", glibc="2.44"))
    wrong = result("b", "a", glibc="2.44", verdict=Verdict.DISAGREE, model=("a", "b"))
    new = report(result("a", "b"), wrong)
    found = compare_reports(old, new)
    assert [one.changed for one in found.results] == [False, True]
    assert found.changed
    text = text_of(HostChange("host", "old", "new", None, (), (found,)))
    for words in ("after, native: b, a", "after, model:  a, b", "react differently",
                  "native and model disagree on 1"):  # fmt: skip
        assert words in text
    with pytest.raises(ValueError, match="one build"):
        compare_reports(old, report(*new.results[::-1]))
    with pytest.raises(ValueError, match="zip"):
        compare_reports(old, report(*new.results[:1]))


def test_lines_are_put_in_front() -> None:
    conf = with_lines(NamedGaiConf("own", b"label ::/0 1"), ["precedence ::/0 1", "reload yes\n"])
    assert conf.data == b"precedence ::/0 1\nreload yes\nlabel ::/0 1"
    assert with_lines(NamedGaiConf("none", None), ["reload yes"]).data == b"reload yes\n"
    assert with_lines(conf, []) is conf


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--gai-conf", "ula-label.conf"], 0),
        (["--gai-conf", "ula-label.conf", "--expect-unchanged"], 1),
        (["--gai-conf", "glibc-defaults.conf", "--expect-unchanged"], 0),
        (["peer", "--gai-conf", "ula-label.conf", "--expect-unchanged"], 0),
        (["--set", "label fc00::/7 1", "--expect-unchanged"], 1),
        (["--set", "label fc00::/7 1", "--gai-conf", "glibc-defaults.conf", "--json"], 0),
    ],
)
def test_the_exit_status(arguments: list[str], status: int, call: Call) -> None:
    done = call("whatif", "--scenario", CASE, *arguments)
    assert (done.status, bool(done.out)) == (status, True)


def test_this_host_is_copied_and_left_as_it_is(call: Call) -> None:
    own = Path("/etc/gai.conf")
    before = own.read_bytes() if own.exists() else None
    assert "localhost: " in call("whatif", "localhost", "--set", "label ::ffff:0:0/96 100").out
    assert before == (own.read_bytes() if own.exists() else None)

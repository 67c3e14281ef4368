"""Other resolvers: the library and random hosts agree, and a fault of a model is noticed."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import pytest

from harness.compare.evidence import Evidence
from harness.compare.fuzz.batches import BatchSpec, examine, fuzz
from harness.compare.fuzz.found import FuzzReport
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.results import Verdict
from harness.compare.verdict import judge
from harness.model import cares, golang, musl
from harness.native.record import Answer
from harness.sandbox import Pool
from harness.versions import ResolverName
from tests.compare.kit import any_of, evidence_of

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("resolvers")]

STANDARDS: dict[ResolverName, tuple[ModuleType, str]] = {
    "musl": (musl, "MUSL"), "c-ares": (cares, "CARES"), "go": (golang, "GOLANG"),
}  # fmt: skip
CASES = [
    pytest.param(name, rule, turned, id=f"{name}-{rule}-{'turned' if turned else 'left out'}")
    for name in STANDARDS
    for rule in (1, 2, 5, 6, 8, 9)
    for turned in (False, True)
]


@pytest.fixture(scope="module")
def evidences(fetch_glibcs: Callable[..., str]) -> dict[ResolverName, list[Evidence]]:
    """What the newest of each answered to the library."""
    fetch_glibcs("musl", "c-ares", "go")
    newest = {one.resolver: one for one in lanes_for("host", "worker", resolver="all")}
    lanes = tuple(newest[name] for name in STANDARDS)
    found: dict[ResolverName, list[Evidence]] = {lane.resolver: [] for lane in lanes}
    for one in evidence_of(make_jobs(load_scenarios(()), lanes), 16):
        found[one.lane.resolver].append(one)
    return found


@pytest.mark.parametrize("resolver", STANDARDS)
def test_the_library_and_its_model_agree(
    resolver: ResolverName, evidences: dict[ResolverName, list[Evidence]]
) -> None:
    results = [judge(one) for one in evidences[resolver]]
    # c-ares up to 1.21 dies of a service without a name, and the model says so
    assert [one for one in results if one.verdict is not Verdict.AGREE and not one.predicted] == []
    errors = Counter(one.error for one in results)
    assert errors[None] > 500
    assert {"EAI_NONAME", "EAI_AGAIN"} <= {*errors}
    if resolver == "go":
        assert {"EAI_FAIL", "EAI_ADDRFAMILY"} <= {*errors}


@pytest.mark.parametrize(("resolver", "number", "turned"), CASES)
def test_the_library_notices_each_rule(
    resolver: ResolverName, number: int, turned: bool,
    evidences: dict[ResolverName, list[Evidence]], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    page, name = STANDARDS[resolver]
    standard = getattr(page, name)
    rules = [
        replace(rule, smaller=not rule.smaller) if rule.number == number else rule
        for rule in standard.rules
        if turned or rule.number != number
    ]
    monkeypatch.setattr(page, name, replace(standard, rules=tuple(rules)))
    assert any_of(evidences[resolver], lambda one: judge(one).verdict is Verdict.DISAGREE)


@pytest.mark.fuzz
@pytest.mark.parametrize(("resolver", "cases"), [("musl", 2000), ("go", 1500)])
def test_random_hosts(resolver: ResolverName, cases: int, fetch_glibcs: Callable[..., str]) -> None:
    fetch_glibcs(resolver)
    seed = int(time.time())  # another one each time; the message says which
    lanes = lanes_for("host", "auto", resolver=resolver)
    report = sum(fuzz(lanes, seed, cases=cases, jobs=2), FuzzReport())
    assert not report.differing, (seed, report.disagreements[0].result)


def test_either_reply_may_be_the_first(evidences: dict[ResolverName, list[Evidence]]) -> None:
    """A says FORMERR, AAAA that there is none: the error that Go reads last is told."""
    (one,) = (each for each in evidences["go"] if each.lookup.name == "format-and-empty")
    native = one.native
    assert isinstance(native, Answer)
    verdicts = {}
    for error in ("EAI_NONAME", "EAI_FAIL", "EAI_AGAIN"):
        result = judge(replace(one, native=replace(native, error=error)))
        verdicts[error] = result.verdict, [remark.text for remark in result.remarks]
    assert verdicts == {
        "EAI_NONAME": (Verdict.AGREE, []),
        "EAI_FAIL": (Verdict.AGREE, ["by chance Go read the reply to AAAA first"]),
        "EAI_AGAIN": (Verdict.DISAGREE, []),
    }


def test_the_fuzzer_knows_what_chance_decides(fetch_glibcs: Callable[..., str]) -> None:
    """A server's FORMERR, after which c-ares asks it again or another: only time says which."""
    fetch_glibcs("c-ares")
    lanes = lanes_for("host", "worker", resolver="c-ares")
    with Pool(1) as pool:
        found = [*pool.run(examine, BatchSpec(201, 25, tuple(lanes)))]
    assert [(one.cases > 0, one.differing) for one in found] == [(True, 0)]

"""Other resolvers: the library and random hosts agree, and a fault of a model is noticed."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from harness.compare.evidence import Evidence, LaneSpec, NamedGaiConf
from harness.compare.fuzz.batches import BatchSpec, examine, fuzz
from harness.compare.fuzz.found import FuzzReport
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.results import Verdict
from harness.compare.run import HostJob, run
from harness.compare.verdict import judge
from harness.glibcs import Build
from harness.model import cares, golang, musl
from harness.native.record import Answer
from harness.sandbox import Pool
from harness.scenario.schema import Scenario
from harness.versions import ResolverName, Version
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
        "EAI_AGAIN": (
            Verdict.DISAGREE,
            ["chance decides between several answers, and this is none of them"],
        ),
    }


def test_the_fuzzer_knows_what_chance_decides(fetch_glibcs: Callable[..., str]) -> None:
    """A server's FORMERR, after which c-ares asks it again or another: only time says which."""
    fetch_glibcs("c-ares")
    lanes = lanes_for("host", "worker", resolver="c-ares")
    with Pool(1) as pool:
        found = [*pool.run(examine, BatchSpec(201, 25, tuple(lanes)))]
    assert [(one.cases > 0, one.differing) for one in found] == [(True, 0)]


# --- what only musl does, against what was reasoned by hand: its hosts file, and long answers

TCP_SINCE = Version.parse("1.2.4")  # and EAI_NODATA


@pytest.fixture(scope="module")
def lanes(musls: list[Build]) -> tuple[LaneSpec, ...]:
    del musls
    return lanes_for("host", "auto", resolver="musl")


def answers(scenario: dict[str, Any], lanes: Sequence[LaneSpec]) -> dict[str, list[str]]:
    """What each version says to a scenario's look-ups, an error or addresses; the model agrees."""
    made = Scenario.model_validate({"name": "musl", "host": HOST} | scenario)
    job = HostJob(made, (NamedGaiConf("none", None),), tuple(lanes))
    (outcome,) = run([job])
    assert outcome.error is None
    said: dict[str, list[str]] = {}
    for report in outcome.reports:
        for result in report.results:
            shown = (result.version, report.lookup, result.native, result.model, result.differences)
            assert result.verdict is Verdict.AGREE, shown
            found = result.error or " ".join(dict.fromkeys(result.native))
            said.setdefault(result.resolver_version, []).append(found)
    return said


HOST = {
    "interfaces": {"eth0": {"addresses": ["172.18.45.2/24", "2001:db8:1::2/64", "fe80::2/64"]}},
    "routes": [
        {"to": "default", "via": "172.18.45.1"}, {"to": "::/0", "via": "2001:db8:1::1"},
        {"to": "2001:db8:bad::/48", "type": "unreachable"},
    ],
}  # fmt: skip


def lookup(name: str | None, *flags: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "flags": [f"AI_{one}" for one in flags], **more}


LONG = " ".join(f"n{number:04}" for number in range(200))
HOSTS = [
    "192.0.2.1 four web", "2001:db8::1 six_name web", "fe80::7 web", "192.0.2.2 www web",
    f"192.0.2.3 {LONG}", *(f"203.0.113.{number} many" for number in range(1, 61)),
]  # fmt: skip


def test_the_hosts_file(lanes: tuple[LaneSpec, ...]) -> None:
    """Every line counts, in its case; 48 addresses; what a piece of a long line begins with."""
    asked = [
        lookup("web", "CANONNAME"), lookup("web", "CANONNAME", family="inet6"),
        lookup("www", family="inet6"), lookup("many"), lookup("n0082"), lookup("n0084"),
    ]  # fmt: skip
    service = {"hosts": "dns", "files": HOSTS, "dns": {"names": {"WEB": ["192.0.2.9"]}}}
    asked.append(lookup("WEB"))
    said = answers({"name_service": service, "lookups": asked}, lanes)
    for version, found in said.items():
        no_data = "EAI_NODATA" if Version.parse(version) >= TCP_SINCE else "EAI_NONAME"
        assert found == [
            "2001:db8::1 192.0.2.1 192.0.2.2 fe80::7",  # without a zone nothing leads to the last
            "2001:db8::1 fe80::7", no_data, " ".join(MANY[:48]), "192.0.2.3", "0.0.0.83",
            "192.0.2.9",
        ]  # fmt: skip


MANY = [f"203.0.113.{number}" for number in range(1, 61)]
DNS = {
    "names": {
        "web.a.example": ["192.0.2.1", "2001:db8::1"], "web": ["192.0.2.2"],
        "many": MANY, "most": [*MANY, "203.0.113.61", "203.0.113.62", "203.0.113.63"],
        "both": [*MANY[:25], *(f"2001:db8::{number:x}" for number in range(1, 31))],
    },
    "aliases": {"www": "web"},
    "replies": {"none.b.example": {"A": "nodata", "AAAA": "nodata"}},
}  # fmt: skip


def test_dns(lanes: tuple[LaneSpec, ...]) -> None:
    """The search, TCP, long answers, the order in which the families come."""
    asked = [
        lookup("web"), lookup("web."), lookup("none"), lookup("web.x"), lookup("many"),
        lookup("most", family="inet"), lookup("both"), lookup("www", "CANONNAME"),
    ]  # fmt: skip
    conf = {"search": ["x.example", "b.example", "a.example"]}
    service = {"hosts": "dns", "dns": DNS, "resolv_conf": conf}
    for version, found in answers({"name_service": service, "lookups": asked}, lanes).items():
        by_tcp, whole = (Version.parse(version) >= Version.parse(one) for one in ("1.2.4", "1.2.5"))
        web, dotted, none, dots, many, most, both, alias = found
        assert (web, dotted, alias) == ("2001:db8::1 192.0.2.1", "192.0.2.2", "192.0.2.2")
        assert none == ("EAI_NODATA" if by_tcp else "EAI_NONAME")
        assert dots == "EAI_NONAME"
        # 1.2.4 reads 768 bytes, and no answer of more than 63 records
        wanted = [*MANY[: 48 if whole else 46]] if by_tcp else ["EAI_NONAME"]
        assert many.split() == wanted
        assert most.split() == (wanted if whole or not by_tcp else ["EAI_NODATA"])
        # 30 IPv6 addresses are more than 512 bytes; there is room for 48 in all
        assert both.split().count("2001:db8::1") == by_tcp
        assert len(both.split()) == (48 if by_tcp else 25)

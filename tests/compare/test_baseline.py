"""Known differences: accepted exactly, news otherwise, and gone only where a run can tell."""

import io
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.compare import baseline as baselines
from harness.compare.baseline import Baseline, KnownChange, KnownEntry, KnownResult, Sources
from harness.compare.differences import BuildChange, Side
from harness.compare.fields import LaneKind
from harness.compare.results import LookupReport, Remark, Result, Verdict
from harness.compare.run import HostJob, JobOutcome
from harness.sandbox import SandboxError
from harness.scenario import library
from harness.scenario.schema import Host, Lookup, Scenario
from harness.text.errors import InputError

NEAR, FAR = "192.0.2.9", "198.51.100.9"
HOST, MINE = "2.36:amd64 (host)", "2.36:amd64 (mine)"


def result(label: str = "mine", native: tuple[str, ...] = (FAR, NEAR), **other: object) -> Result:
    verdict = Verdict.AGREE if native == (NEAR, FAR) else Verdict.DISAGREE
    lane: LaneKind = "cffi" if label == "host" else "worker"
    made = Result(
        scenario="s", lookup="web", gai_conf="default", glibc="2.36", arch="amd64", lane=lane,
        build=f"directory /{label}", label=label, verdict=verdict, native=native,
        model=(NEAR, FAR),
    )  # fmt: skip
    return replace(made, **other)  # type: ignore[arg-type]


def report(*results: Result, **other: object) -> LookupReport:
    made = LookupReport("s", "web", "default", results, source="s.yaml")
    return replace(made, **other)  # type: ignore[arg-type]


def held(*, old: tuple[str, ...] = (NEAR, FAR), new: tuple[str, ...] = (FAR, NEAR)) -> LookupReport:
    """A report of two builds that agree with the model, one held against the other."""
    change = BuildChange(Side(HOST, old, None, 9, "why"), Side(MINE, new, None, 10, "why"))
    results = (result("host", (NEAR, FAR)), result("mine", (NEAR, FAR)))
    changes = () if old == new else (change,)
    return report(*results, reference=HOST, against=changes)


def entry(native: Any = (FAR, NEAR), **other: Any) -> KnownResult:
    return KnownResult(**PLACE | {"verdict": "disagree", "native": native} | other)


def changed(was: Any, now: Any, **other: Any) -> KnownChange:
    return KnownChange(**PLACE | {"against": HOST, "was": was, "now": now} | other)


PLACE = {
    "scenario": "s", "lookup": "web", "gai_conf": "default", "glibc": "2.36", "arch": "amd64",
    "build": "mine", "source": "s.yaml", "reason": "our patch",
}  # fmt: skip
SCENARIO = Scenario.model_construct(name="s", host=Host(), lookups=(Lookup(name="web"),))
RAN = JobOutcome(HostJob(SCENARIO, (), ()), ())


def whys(baseline: Baseline, *ran: JobOutcome) -> list[str]:
    return list(baseline.stale(ran or (RAN,)).values())


@pytest.mark.parametrize(
    "news",
    [
        result(native=(FAR,)),
        result(native=(FAR, NEAR), unmet=("native: expected 192.0.2.9, got 198.51.100.9",)),
        result(native=(), error="EAI_NONAME"),
        result(native=(), verdict=Verdict.CRASHED, error="SIGSEGV"),
        result(native=(), verdict=Verdict.ERROR, error="no answer within 1 s"),
    ],
    ids=["another order", "an expectation", "an error", "a crash", "no answer"],
)
def test_another_difference_at_the_same_place_is_news(news: Result) -> None:
    baseline = Baseline([entry()])
    (given,) = baseline.apply(report(news)).results
    assert given.failed
    assert whys(baseline) == ["the difference is another one now"]
    # and once it is accepted, nothing else is
    updated = Baseline([entry()], accept_all=True)
    (given,) = updated.apply(report(news)).results
    assert (given.failed, given.reason) == (False, "our patch")
    (new,) = updated.updated(updated.stale((RAN,)))
    assert Baseline([new]).apply(report(news)).results[0].accepted
    assert not Baseline([new]).apply(report(result())).results[0].accepted


def test_another_order_is_no_news_where_chance_decides() -> None:
    remarks = (Remark("chance", "by chance DNS server 2 was asked first"),)
    baseline = Baseline([entry()])
    (given,) = baseline.apply(report(result(native=(FAR,), remarks=remarks))).results
    assert given.accepted
    assert whys(baseline) == []
    for news in (
        result(native=(), error="EAI_NONAME", remarks=remarks),
        result(native=(FAR,), unmet=("native: expected 192.0.2.9",), remarks=remarks),
    ):
        assert not Baseline([entry()]).apply(report(news)).results[0].accepted


@pytest.mark.parametrize(
    ("selector", "accepts"),
    [
        ({"build": None}, True), ({"arch": None}, True), ({"glibc": None}, True),
        ({"glibc": ">=2.31,<2.41"}, True), ({"glibc": ">=2.41"}, False),
        ({"glibc": "2.3"}, False), ({"arch": "armhf"}, False), ({"build": "other"}, False),
        ({"gai_conf": "x.conf"}, False), ({"scenario": "t"}, False),
    ],
)  # fmt: skip
def test_an_entry_is_for_the_builds_it_names(selector: dict[str, Any], accepts: bool) -> None:
    baseline = Baseline([entry(**selector)])
    assert baseline.apply(report(result())).results[0].accepted is accepts
    assert whys(baseline) == []  # what is not part of the run is not stale


def test_other_resolvers_have_entries_of_their_own(tmp_path: Path) -> None:
    musl = result(glibc="", resolver="musl", resolver_version="1.2.3")
    # whose version is that of the glibc beneath it
    cares = result(resolver="c-ares", resolver_version="1.18.1")
    both = report(musl, cares)
    for glibc in ("2.36", ">=2.31"):
        known = Baseline([entry(glibc=glibc)])
        assert not any(one.accepted for one in known.apply(both).results)
        assert whys(known) == []
    updated = Baseline([], accept_all=True)
    updated.apply(both)
    file = tmp_path / "baseline.yaml"
    file.write_text(text(updated.updated(())))
    entries = baselines.read(file)
    assert [one.where for one in entries] == [
        "c-ares 1.18.1:amd64 (mine)", "musl 1.2.3:amd64 (mine)",
    ]  # fmt: skip
    assert all(one.accepted for one in Baseline(entries).apply(both).results)
    assert not Baseline(entries).apply(report(result())).results[0].accepted


@pytest.mark.parametrize(
    ("known", "seen", "ran", "stale"),
    [
        ([entry()], result(native=(NEAR, FAR)), RAN, ["the difference is gone"]),
        ([entry()], result(native=(NEAR, FAR), untrusted="another dump"), RAN, []),
        ([entry(lookup="old"), entry(scenario="t")], None, RAN,
         ["the scenario has no such look-up any more"]),
        ([entry(), entry(lookup="old")], None, replace(RAN, error=SandboxError("cut short")), []),
    ],
    ids=["gone", "not trusted", "no such look-up", "host refused"],
)  # fmt: skip
def test_what_is_stale(
    known: list[KnownEntry], seen: Result | None, ran: JobOutcome, stale: list[str]
) -> None:
    baseline = Baseline(known)
    if seen is not None:
        assert not baseline.apply(report(seen)).results[0].accepted
    assert whys(baseline, ran) == stale
    assert len(baseline.updated(baseline.stale((ran,)))) == len(known) - len(stale)


def test_a_scenario_that_is_no_more_is_stale_only_where_that_is_known() -> None:
    baseline = Baseline([entry(scenario="t")])
    assert whys(baseline) == []
    (why,) = baseline.stale((RAN,), lambda gone: gone.scenario == "t").values()
    assert why == "there is no such scenario any more"


def test_changes_against_another_build_are_entries_of_their_own() -> None:
    updated = Baseline([], accept_all=True)
    (change,) = updated.apply(held()).against
    assert change.accepted
    (new,) = updated.updated(updated.stale((RAN,)))
    assert new == changed((NEAR, FAR), (FAR, NEAR), source="s.yaml", reason="")
    chance = replace(held(), against=(replace(held().against[0], undefined=True),))
    assert not Baseline([], accept_all=True).apply(chance).against[0].accepted
    again = Baseline([new])
    assert not again.apply(held()).failed
    assert whys(again) == []
    # without --against, or against another build, nothing is known of it
    for other, stale in (
        (held(old=(NEAR,)), ["the difference is another one now"]),
        (held(new=(NEAR, FAR)), ["the difference is gone"]),
        (report(result("mine", (NEAR, FAR))), []),
        (replace(held(), reference="2.41:amd64 (x)", against=()), []),
    ):
        baseline = Baseline([new])
        assert baseline.apply(other).failed is (other.against != ())
        assert whys(baseline) == stale


def test_an_update_keeps_what_the_run_did_not_touch_and_every_reason() -> None:
    foreign = entry(scenario="t", reason="theirs")
    wide = entry(build=None, reason="all of ours")
    updated = Baseline([foreign, wide, entry(build="old")], accept_all=True)
    updated.apply(report(result(), result("new", (FAR,))))
    kept = updated.updated(updated.stale((RAN,)))
    assert [(one.scenario, one.build, one.reason) for one in kept] == [
        ("s", None, "all of ours"), ("s", "new", ""), ("s", "old", "our patch"),
        ("t", "mine", "theirs"),
    ]  # fmt: skip


ONE = "schema: 1\ndifferences:\n- {scenario: s, lookup: w, native: []"
LAUGHS = "schema: &a [1,1,1,1,1,1,1,1]\n" + "".join(
    f"{y}: &{y} [{','.join([f'*{x}'] * 8)}]\n" for x, y in pairwise("abcdefghi")
)


def text(entries: Iterable[KnownEntry]) -> str:
    stream = io.StringIO()
    baselines.write(stream, entries)
    return stream.getvalue()


def test_the_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    entries = (
        entry(("fe80::1%2", NEAR), expectations=("native: expected: a, got: b # c",)),
        entry("SIGSEGV", verdict="crashed", glibc=">=2.36", arch=None, build=None),
        entry(
            (), verdict="agree", expectations=("model: x",), reason="zwei\nZeilen: ü", lookup=":80"
        ),
        changed((NEAR,), "EAI_NONAME", source="suite:rule9"),
        changed((), (NEAR, FAR), gai_conf="no", scenario="yes", reason="null"),
    )
    file = tmp_path / "baseline.yaml"
    file.write_text(text(entries))
    assert baselines.read(file) == entries
    assert text(baselines.read(file)) == text(entries)


def test_an_update_is_sorted_and_stable() -> None:
    reports = [
        report(result(label), lookup=lookup, scenario=scenario)
        for scenario in ("b", "a")
        for lookup in ("y", "x")
        for label in ("two", "one")
    ]
    texts = []
    for order in (reports, reports[::-1]):
        updated = Baseline([], accept_all=True, name=str.upper)
        list(map(updated.apply, order))
        texts.append(text(updated.updated(())))
    only, again = texts
    assert only == again
    places = [line.split()[-1] for line in only.splitlines() if line.startswith("  - scenario")]
    assert places == ["a"] * 4 + ["b"] * 4
    assert "source: S.YAML" in only


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ":1: document: expected a mapping with schema"),
        ("schema: 2\n", ":1: schema: expected 1 (got 2)"),
        ("differences: []\n", "schema: expected this required field"),
        ("schema: 1\nextra: 1\n", ":2: extra: expected one of the keys schema, d"),
        ("schema: 1\ndifferences: 7\n", ":2: differences: expected a list (got 7)"),
        (ONE + ", verdict: agree,\n glibc: 2.40}",
         ":4: differences[0].glibc: expected quotes around a word"),
        (ONE + ", verdict: agree,\n glibc: new}",
         'differences[0].glibc: expected glibc versions as ">=2.8"'),
        (ONE + ", verdict: agree, glibc: ' 2.36'}", "[0].glibc: expected glibc versions"),
        (ONE + ", verdict: no}", ":3: differences[0].verdict: expected"),
        ("schema: 1\nchanges: [{}]\n", ":2: changes[0].scenario: expected this required field"),
        ("schema: !!python/name:os.system x\n", "expected no YAML tags"),
        ("[" * 100_000, "document: expected"),
        ("&a\nschema: 1\nchanges: [*a]\n", "an earlier anchor (got *a, inside itself)"),
        (LAUGHS, "values, aliases included"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_one_clear_line(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "baseline.yaml"
    file.write_text(content)
    with pytest.raises(InputError) as raised:
        baselines.read(file)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(f"{file}:")
    assert said in str(raised.value)


def test_sources_are_named_from_the_baseline(tmp_path: Path) -> None:
    folder = tmp_path / "ci"
    folder.mkdir()
    scenario = tmp_path / "scenarios/a.yaml"
    scenario.parent.mkdir()
    scenario.write_text("")
    built_in = library()[0]
    sources = Sources(folder / "baseline.yaml", [str(scenario), str(built_in)])
    assert sources.name(str(scenario)) == "../scenarios/a.yaml"
    assert sources.name(str(built_in)) == "library"
    assert sources.name("suite:rule9") == "suite:rule9"
    # what a run did not have: gone where its file is, or was read without it
    assert sources.gone(entry(source="../scenarios/a.yaml"))
    assert sources.gone(entry(source="../scenarios/b.yaml"))
    assert not sources.gone(entry(source="../ci"))
    assert not sources.gone(entry(source=""))
    assert not sources.gone(entry(source="suite:rule9"))
    assert not sources.gone(entry(scenario=built_in.stem, source="library"))
    assert sources.gone(entry(scenario="no-such", source="library"))

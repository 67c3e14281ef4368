"""A disagreement is explained by a small change of the model that gives the native answer."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from harness.cli.main import main
from harness.compare.cause_tally import CauseTally
from harness.compare.causes import causes, changes_for
from harness.compare.evidence import Evidence
from harness.compare.fuzz.found import Disagreement, FuzzReport
from harness.compare.fuzz.groups import Groups
from harness.compare.results import Result, Verdict
from harness.compare.verdict import by_server, judge, prediction_for
from harness.model.dialects import turned
from harness.native.record import Answer
from tests.compare.kit import as_broken, disagrees
from tests.compare.patched import ipv4_first

# One of each kind; the answers of a glibc with it are made by the model.
CHANGES = [
    "rule 2 (prefer matching scope) is left out",
    "rule 3 (avoid deprecated addresses) is turned round",
    "rule 8 is read before rule 6",
    "the default label of fc00::/7 is 1, not 6",
    "the default table has no precedence of 2002::/16",
    "scopev4 lines of gai.conf are ignored",
    "of lines with one prefix the last counts",
    "the address dump is kept without an IPv6 address",
    "optimistic addresses are not told apart",
    "AI_V4MAPPED is ignored",
]


@pytest.mark.parametrize("words", CHANGES)
def test_what_was_changed_is_named(words: str, library_evidence: list[Evidence]) -> None:
    explained = CauseTally()
    answered = [
        one for one in library_evidence
        if isinstance(one.native, Answer)
        # a quarter of the scenarios, and those that some of the changes need
        and (
            crc32(one.scenario.name.encode()) % 4 == 0
            or any(each in one.scenario.name for each in ("optimistic", "duplicates"))
        )
    ]  # fmt: skip
    seen = [as_broken(one, changes_for(one.dialect)[words]) for one in answered]
    differing = [one for one in seen if disagrees(one)]
    for evidence in differing:
        explained.add(replace(judge(evidence), causes=causes(evidence)))
    plain = replace(judge(seen[0]), verdict=Verdict.AGREE)
    for controls in explained.candidates().values():
        for evidence in seen:
            if not disagrees(evidence):
                explained.add_control(replace(plain, causes=causes(evidence, controls)), controls)
    (notice,) = explained.notices()
    assert words in notice.text


def test_whichever_server_chance_asks_first_the_cause_is_found(
    library_evidence: list[Evidence],
) -> None:
    words = "the default precedence of ::ffff:0:0/96 is 100, not 10"
    rotated = [one for one in library_evidence if len(by_server(one)) > 1]
    turned = 0
    for evidence in rotated:
        for each in by_server(evidence):
            broken = as_broken(each, changes_for(each.dialect)[words])
            if disagrees(broken):
                turned += 1
                # what was collected does not say which one it was
                asked = replace(evidence, native=broken.native)
                assert words in causes(asked)
                # and its answer is held against it, which has the same addresses
                wrong = judge(asked)
                assert sorted(wrong.model) == sorted(wrong.native)
                assert any(one.kind == "chance" for one in wrong.remarks)
    assert turned >= 2


def test_what_leaves_the_answer_open_explains_nothing(library_evidence: list[Evidence]) -> None:
    """Where addresses are kept, the next service may overwrite them, and then anything comes."""
    said = 0
    for one in library_evidence:
        row = turned(one.dialect)["continue_discards"]
        if not isinstance(one.native, Answer) or not prediction_for(one, dialect=row).by_chance:
            continue
        infos = one.native.addrinfos
        turned_round = replace(one, native=replace(one.native, addrinfos=infos[::-1]))
        if judge(turned_round).verdict is Verdict.DISAGREE:
            said += 1
            assert not [one for one in causes(turned_round) if "continue_discards" in one]
    assert said


def test_two_causes_are_told_apart_and_what_spoils_agreements_is_none(
    library_evidence: list[Evidence],
) -> None:
    def result(verdict: Verdict, *found: str) -> Result:
        return replace(judge(library_evidence[0]), verdict=verdict, causes=found)

    explained = CauseTally()
    for found in (("spoils", "a"), ("spoils", "a", "b"), ("spoils",), ("other",)):
        explained.add(result(Verdict.DISAGREE, *found))
    (tried,) = explained.candidates().values()
    assert tried == ("spoils", "other", "a", "b")
    explained.add_control(result(Verdict.AGREE, "a", "b", "other"), tried)
    assert [one.text for one in explained.notices()] == [
        "perhaps, in part: a; 2 of 4 differences",
        "perhaps, in part: other; 1 of 4 differences",
        "no change of the model that was tried explains the other 1 differences; nearest: spoils, "
        "which explains 1 and spoils 1",
    ]
    # releases differ in several rows at a time: together they explain all there is
    rows = CauseTally()
    for found in (("the row a=1",), ("the row a=1",), ("the row b=1",)):
        rows.add(result(Verdict.DISAGREE, *found))
    assert [one.text for one in rows.notices()] == [
        "explained by: the row a=1; 2 of 3 differences",
        "explained by: the row b=1; 1 of 3 differences",
    ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"flags": 4}, "flags"),
        ({"port": 4}, "port"),
        ({"addrlen": 4}, "addrlen"),
        ({"canonname": "far"}, "canonical name"),
        ({"scope_id": 4}, "scope id"),
        ({"address": "203.0.113.77"}, ""),
    ],
)
def test_differences_without_a_cause_name_the_field(
    wrong: dict[str, Any], field: str, library_evidence: list[Evidence]
) -> None:
    explained = CauseTally()
    for one in library_evidence:
        if one.scenario.name == "nss-interleaved-families" and isinstance(one.native, Answer):
            infos = tuple(replace(info, **wrong) for info in one.native.addrinfos if info.address)
            explained.add(judge(replace(one, native=replace(one.native, addrinfos=infos))))
    (notice,) = explained.notices()
    assert notice.text.endswith(f" differences: all are in {field}" if field else " differences")


def test_a_patched_table_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [
        "rule6-precedence-default",
        "case-rfc3484-10.2-longest-match",
        "table-edges-precedence",
    ]
    assert main(["run", "--glibc", str(ipv4_first(tmp_path)), *names]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "explained by: the default precedence of ::ffff:0:0/96 is 100, not 10" in last


def test_one_broken_build_hides_no_other_and_each_cause_is_a_group(
    library_evidence: list[Evidence],
) -> None:
    def found(label: str, words: str) -> list[Disagreement]:
        made: list[Disagreement] = []
        for one in library_evidence:
            evidence = replace(one, lane=replace(one.lane, label=label, lane="worker"))
            broken = as_broken(evidence, changes_for(one.dialect)[words])
            if disagrees(broken):
                result = replace(judge(broken), causes=causes(broken, CHANGES))
                made.append(Disagreement(broken, result))
            if len(made) == 30:
                break
        return made

    first, second, other = found("a", CHANGES[0]), found("a", CHANGES[4]), found("b", CHANGES[2])
    parts = [FuzzReport(disagreements=tuple(each)) for each in (first, second, other)]
    kept = sum(parts, FuzzReport()).disagreements
    assert {one.result.label for one in kept} == {"a", "b"}
    groups = Groups()
    for one in (*first, *second, *other):
        groups.add(one)
    joined = groups.joined()
    assert {(each.build[-2], *each.causes, each.seen) for each in joined} == {
        ("a", CHANGES[0], len(first)), ("a", CHANGES[4], len(second)),
        ("b", CHANGES[2], len(other)),
    }  # fmt: skip

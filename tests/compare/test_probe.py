"""A probe says which rows of the dialect table a real build follows, whatever it was told."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare import probe as probe_module
from harness.compare.evidence import Evidence
from harness.compare.plan import load_scenarios, make_jobs
from harness.compare.probe import Probe, probed
from harness.compare.results import Verdict
from harness.compare.verdict import judge
from harness.glibcs import find
from harness.model.dialects import FEATURES, shown, turned
from harness.native.record import Answer, Crashed
from tests.compare.kit import evidence_of, host_lane
from tests.compare.patched import install_prefix
from tests.conftest import Call

# one for each row, as far as it can be told on every processor
TELLING = (
    "arch-strtoul-range", "dns-aliases", "dns-closed", "dns-misnamed", "dns-no-aaaa",
    "dns-search-failure-last", "dns-short-error", "dns-strict-error", "dns-unrelated",
    "nss-by-family",
    "case-golang-13283-ipv4-only", "fact-1.7-length-in-127", "fact-2.3-private-scope-by-gai-conf",
    "fact-3.3-missing-value", "fact-5-mptcp-hint", "files-absent", "nss-errors",
    "nss-scope-id-lost-by-family",
    "presort-numeric-junk", "presort-numeric-zone", "presort-v4mapped", "rule7-unknown-is-noted",
    "services-continue", "services-merge", "services-no-line",
)  # fmt: skip
# the last one is of builds that have that module
ELSEWHERE = ("first_of_pair_keeps_top_bit", "systemd")
TOLD = [feature for feature in FEATURES if feature not in ELSEWHERE]


@pytest.fixture(scope="module")
def seen() -> list[Evidence]:
    """What the host's glibc answers where rows are told apart."""
    jobs = make_jobs(load_scenarios([Path(name) for name in TELLING]), (host_lane(),))
    dialects = tuple(turned(host_lane().dialect).values())
    return evidence_of([replace(job, dialects=dialects) for job in jobs], os.cpu_count() or 1)


def wrongly(features: Sequence[str]) -> tuple[str, ...]:
    """The rows of the host's glibc with the value that it does not have."""
    other = turned(host_lane().dialect)
    return tuple(f"{name}={shown(getattr(other[name], name))}" for name in features)


def found(seen: Sequence[Evidence], rows: tuple[str, ...] = ()) -> tuple[Probe, list[Evidence]]:
    lane = replace(seen[0].lane, rows=rows)
    evidences = [replace(one, lane=lane) for one in seen]
    return probed(lane, evidences), evidences


def test_every_row_of_the_host_is_told_and_as_the_model_has_it(seen: list[Evidence]) -> None:
    read, _ = found(seen)
    known = {one.row: one.follows for one in read.rows if one.told_by}
    assert known.keys() >= set(TOLD)
    assert known == {name: shown(getattr(host_lane().dialect, name)) for name in known}
    assert all(one.why for one in read.rows if one.row not in known)
    assert (read.differing, read.unexplained, read.found) == ((), (), ())


# a third of them each time: each takes a second
@pytest.mark.parametrize(
    "feature",
    [
        *TOLD[::3],
        *(pytest.param(one, marks=pytest.mark.slow) for one in TOLD if one not in TOLD[::3]),
    ],
)
def test_a_row_told_wrongly_is_caught(seen: list[Evidence], feature: str) -> None:
    read, _ = found(seen, wrongly([feature]))
    assert [one.row for one in read.differing] == [feature]
    assert (read.unexplained, read.found) == ((), ())


def test_several_at_once_and_a_value_that_no_version_told(seen: list[Evidence]) -> None:
    names = ["rfc1918_is_global", "no_data_told_by_family", "gaiconf_numbers_checked"]
    read, _ = found(seen, wrongly(names))
    assert {one.row for one in read.differing} == set(names)
    # a back-port: what the host does, of a version whose row has another value
    older = [replace(one, lane=replace(one.lane, glibc="2.26")) for one in seen]
    read = probed(older[0].lane, older)
    assert "no_data_told_by_family=true" in read.found
    assert not read.unexplained


def test_an_answer_that_no_row_explains_is_named(seen: list[Evidence]) -> None:
    number = next(n for n, one in enumerate(seen) if one.scenario.name == "presort-v4mapped")
    one = seen[number]
    assert isinstance(one.native, Answer)
    turned_round = replace(one.native, addrinfos=one.native.addrinfos[::-1] * 2)
    for native in (turned_round, Crashed(11), Crashed(35)):  # of which signal has no name
        wrong = replace(one, native=native)
        read, _ = found([*seen[:number], wrong, *seen[number + 1 :]])
        (only,) = read.unexplained
        assert (only.scenario, read.differing) == ("presort-v4mapped", ())


def test_a_crash_tells_no_row(seen: list[Evidence]) -> None:
    """Though other values of rows leave more of the crashes open."""
    read, _ = found([replace(one, native=Crashed(11)) for one in seen])
    assert [one.row for one in read.rows if one.told_by] == []
    assert (read.differing, read.found) == ((), ())
    assert len(read.unexplained) > len(seen) / 2


def test_chance_is_no_answer_without_an_explanation() -> None:
    """With rotate each process may ask another DNS server first; a third answer is nobody's."""
    jobs = make_jobs(load_scenarios([Path("dns-rotate")]), (host_lane(),))
    seen = [one for one in evidence_of(jobs * 16) if one.lookup.name == "web"]
    answers = {one.native.addrinfos for one in seen if isinstance(one.native, Answer)}
    assert len(answers) == 2, "by chance"
    read, _ = found(seen)
    assert (read.unexplained, read.differing) == ((), ())
    (first, second) = answers
    both = Answer(None, 0, 0, first + second, "2.36")
    read, _ = found([replace(seen[0], native=both)])
    assert [one.scenario for one in read.unexplained] == ["dns-rotate"]


def test_what_a_version_expects_is_not_expected_of_a_build_told_otherwise(
    seen: list[Evidence],
) -> None:
    rows = wrongly(["gaiconf_numbers_checked"])
    plain, other = (
        [
            judge(one)
            for one in found(seen, told)[1]
            if one.scenario.name == "fact-3.3-missing-value"
        ]
        for told in ((), rows)
    )
    assert {one.verdict for one in plain} == {Verdict.AGREE}
    assert {one.verdict for one in other} == {Verdict.DISAGREE}
    assert [(one.unmet, one.rows) for one in other] == [((), rows)] * len(other)


def test_the_commands(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(tmp_path / "cache"))
    few = load_scenarios([Path("fact-3.3-missing-value"), Path("fact-5-mptcp-hint")])
    monkeypatch.setattr(probe_module, "load_scenarios", lambda _: few)
    folder = install_prefix(tmp_path / "my build")
    own, wrong = host_lane(), wrongly(["gaiconf_numbers_checked"])[0]
    right = f"gaiconf_numbers_checked={shown(own.dialect.gaiconf_numbers_checked)}"
    mend = f"gai-harness glibc add '{folder}' --name mine"

    added = call("glibc", "add", folder, "--name", "mine", "--row", wrong)
    assert (added.status, added.err) == (0, "")
    first, says, differs, offer = added.out.splitlines()
    assert first.endswith(f" as mine, told {wrong}")
    assert "probing" in says
    assert differs.startswith(f"{right.replace('=', ' is ')} here")
    assert offer == f"to tell the model: {mend}"
    assert find("mine")[0].rows == (wrong,)
    assert f", told {wrong}\n" in call("glibc", "list").out

    probed = call("glibc", "probe", "mine")
    assert (probed.status, offer in probed.out) == (1, True)
    ran = call("run", "fact-3.3-missing-value", "--glibc", "mine")
    assert (ran.status, f"goes by {wrong}," in ran.out) == (1, True)

    mended = call(*shlex.split(mend)[1:], "--no-probe")
    assert (mended.status, mended.out.count("\n")) == (0, 1)
    probed = call("glibc", "probe", "mine")
    assert (probed.status, "every answer is as the model has it" in probed.out) == (0, True)
    assert call("run", "fact-3.3-missing-value", "--glibc", "mine").status == 0


def test_a_build_that_answers_nothing_is_not_called_right(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(tmp_path / "cache"))
    folder = install_prefix(tmp_path / "old")
    libc = folder / "lib/libc.so.6"
    data = libc.read_bytes()
    assert b"\0GLIBC_2.17\0" in data
    libc.write_bytes(data.replace(b"\0GLIBC_2.17\0", b"\0GLIBC_9.17\0"))  # what the worker needs
    probed = call("glibc", "probe", folder)
    assert (probed.status, probed.out) == (3, "")
    (line,) = probed.err.splitlines()
    assert f" (directory {folder}) does not run here: " in line
    added = call("glibc", "add", folder, "--name", "mine")
    assert added.status == 3
    *_, last = added.out.splitlines()
    assert last.startswith(f"not probed: {line.removeprefix('gai-harness glibc: ')[:40]}")
    assert call("glibc", "probe", "mine").status == 3


def test_a_build_newer_than_the_model_is_said_so(
    seen: list[Evidence], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe, _ = found(seen)
    monkeypatch.setattr("harness.compare.probe.probe", lambda _: probe)
    said = "the model knows glibc up to 2.9"
    for newest, beyond in (("2.99", False), ("2.9", True)):
        monkeypatch.setattr("harness.model.dialects.NEWEST", newest)
        monkeypatch.setattr("harness.report.words.NEWEST", newest)
        assert json.loads(call("glibc", "probe", "host", "--json").out)["beyond_model"] is beyond
        assert (said in call("glibc", "probe", "host").out) is beyond

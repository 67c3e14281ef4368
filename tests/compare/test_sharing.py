"""What builds share is what each of them would have for itself."""

import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.compare.evidence import Evidence, NamedGaiConf
from harness.compare.plan import load_scenarios, make_jobs
from harness.compare.run import run
from harness.compare.sharing import Shared
from harness.compare.verdict import analyse, judge, reading
from harness.model.dialects import dialect
from harness.model.watched import WatchedDialect
from harness.native.record import Answer, Crashed
from tests.compare.kit import evidence_of, host_lane

OTHERS = ("2.5", "2.17", "2.31", "2.36", "2.41", "2.44")


def on(one: Evidence, glibc: str, arch: str = "amd64") -> Evidence:
    return replace(one, lane=replace(one.lane, glibc=glibc, arch=arch, label=f"{glibc}:{arch}"))


def every(one: Evidence) -> list[Evidence]:
    return [on(one, glibc) for glibc in OTHERS] + [on(one, "2.36", "s390x")]


def test_a_shared_analysis_is_what_each_dialect_gives(library_evidence: Sequence[Evidence]) -> None:
    fewer = 0
    for one in library_evidence[::15]:
        shared = Shared()
        for build in every(one):
            assert shared.analysis(build, analyse) == analyse(build), build.scenario.name
        fewer += len({id(each) for each in shared.analyses.values()}) < len(shared.analyses)
    assert fewer > 30  # else it is a test of nothing


def test_a_shared_result_is_what_each_build_gets(library_evidence: Sequence[Evidence]) -> None:
    for one in library_evidence[1::40]:
        known = Shared()
        natives = [one.native]
        if isinstance(one.native, Answer):
            natives += [
                replace(one.native, elapsed_ns=1), replace(one.native, error="EAI_AGAIN"),
                replace(one.native, addrinfos=one.native.addrinfos[::-1]),
            ]  # fmt: skip
        for build in (replace(each, native=native) for each in every(one) for native in natives):
            assert judge(build, known=known) == judge(build), build.scenario.name


def test_what_is_read_of_a_dialect_is_noted() -> None:
    old, new = dialect("2.36"), dialect("2.44")
    assert old.mptcp_known is not new.mptcp_known
    watched = WatchedDialect(old)
    assert watched.word_bits == 64
    assert watched.holds_for(new)
    assert watched.mptcp_known is old.mptcp_known
    assert watched.holds_for(old)
    assert not watched.holds_for(new)


def test_what_a_method_of_a_dialect_reads_is_noted() -> None:
    near, far = dialect("2.36", "amd64"), dialect("2.36", "s390x")
    assert near.netmask(0) != far.netmask(0)
    watched = WatchedDialect(near)
    assert watched.netmask(24) == near.netmask(24)
    assert watched.holds_for(far)
    assert watched.netmask(0) == near.netmask(0)
    assert not watched.holds_for(far)


# --- gai.conf changed between two look-ups of one process


def test_another_gai_conf_is_there_for_all_lookups() -> None:
    scenarios = load_scenarios([Path("reload-removed")])
    conf = NamedGaiConf("mine", b"reload yes\n")
    (job,) = make_jobs(scenarios, (host_lane(),), [conf])
    (outcome,) = run([job])
    orders = {report.results[0].native for report in outcome.reports}
    # the default tables' for each of its three names, as the scenario has them after the removal
    assert orders == {
        ("2001:db8:9::1", "203.0.113.9"), ("2001:db8:a::1", "fd00::9"),
        ("198.51.100.9", "192.0.2.9"),
    }  # fmt: skip
    assert {report.gai_conf for report in outcome.reports} == {"mine"}


def test_a_process_that_died_has_read_nothing() -> None:
    """What the next look-up finds is read by another process, so it is in force."""
    jobs = make_jobs(load_scenarios([Path("reload-not-asked")]), (host_lane(),))
    _, second, *_ = evidence_of(jobs)
    assert isinstance(second.native, Answer)
    assert [remark.text for remark in judge(second).remarks if remark.kind == "reload"] == [
        "gai.conf was not read again: no reload yes in what was read before"
    ]
    assert reading(second).data != second.conf.data
    afresh = replace(second, before=(), native=Crashed(signal.SIGSEGV))
    assert reading(afresh).data == second.conf.data
    assert second.case != afresh.case

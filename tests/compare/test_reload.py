"""gai.conf changed between two look-ups of one process: what is asked, and what is said of it."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from harness.compare.evidence import NamedGaiConf
from harness.compare.plan import load_scenarios, make_jobs
from harness.compare.run import run
from harness.compare.verdict import judge, reading
from harness.native.record import Answer, Crashed
from tests.compare.kit import evidence_of, host_lane


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

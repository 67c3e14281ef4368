"""Reports of real runs, for the formats that render them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.compare.plan import lanes_against, lanes_for, load_scenarios, make_jobs
from harness.compare.results import LookupReport, Verdict
from harness.compare.run import run
from tests.compare.patched import dying, ipv4_first
from tests.conftest import Once
from tests.report.kit import SCENARIO, SLOW, Ran


@pytest.fixture(scope="session")
def ran(once: Once) -> Ran:
    """Every verdict, from real builds: the host's glibc, one patched, and one that dies."""
    return once("formats", _run)


def _run(folder: Path) -> Ran:
    scenario, slow = folder / "formats.yaml", folder / "slow.yaml"
    scenario.write_text(SCENARIO)
    slow.write_text(SLOW)
    builds = f"{ipv4_first(folder / 'patched')},{dying(folder / 'dying')}"
    lanes, reference = lanes_against(builds, "auto", "host")
    jobs = make_jobs(load_scenarios([scenario]), lanes, reference=reference)
    jobs += make_jobs(load_scenarios([slow]), lanes_for("host", "auto"), timeout=0.001)
    # with remarks, and with standards that order otherwise
    jobs += make_jobs(load_scenarios([Path("seed-rule9-ipv4-only")]), lanes_for("host", "auto"))
    outcomes = list(run(jobs, 1))
    assert not [outcome.error for outcome in outcomes if outcome.error]
    found = Ran(tuple(report for outcome in outcomes for report in outcome.reports), scenario)
    assert {result.verdict for result in found.results} == set(Verdict)
    return found


@pytest.fixture(scope="session")
def accepted(ran: Ran) -> tuple[LookupReport, ...]:
    """The same, with everything accepted that differs on the patched build."""

    known: dict[str, Any] = {"accepted": True, "reason": "our patch # 7"}

    def of(report: LookupReport) -> LookupReport:
        results = tuple(
            replace(one, **known) if one.differs and one.label == "patched" else one
            for one in report.results
        )
        against = tuple(
            replace(one, **known) if "patched" in one.new.where else one for one in report.against
        )
        return replace(report, results=results, against=against)

    return tuple(map(of, ran.reports))

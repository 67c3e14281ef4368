"""Real Go against its model: random hosts, and what chance may decide."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare.evidence import Evidence, LaneSpec
from harness.compare.fuzz.batches import fuzz
from harness.compare.fuzz.found import FuzzReport
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.results import Verdict
from harness.compare.run import HostJob, collect
from harness.compare.verdict import judge
from harness.glibcs import Build
from harness.native.record import Answer
from harness.sandbox import Box, Pool


@pytest.fixture(scope="module")
def lanes(go_resolver: Build) -> tuple[LaneSpec, ...]:
    del go_resolver
    return lanes_for("host", "auto", resolver="go")


@pytest.mark.fuzz
def test_random_hosts(lanes: tuple[LaneSpec, ...]) -> None:
    seed = int(time.time())  # another one each time; the message says which
    report = sum(fuzz(lanes, seed, cases=1500, jobs=2), FuzzReport())
    assert not report.differing, (seed, report.disagreements[0].result)


def evidences(box: Box, job: HostJob) -> Iterator[Evidence]:
    for found, _ in collect(box, job):
        yield from found


def test_either_reply_may_be_the_first(lanes: tuple[LaneSpec, ...], pool: Pool) -> None:
    """A says FORMERR, AAAA that there is none: the error that is read last is told."""
    (job,) = make_jobs(load_scenarios([Path("dns-one-reply")]), lanes)
    seen = pool.run(evidences, job)
    (one,) = (each for each in seen if each.lookup.name == "format-and-empty")
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

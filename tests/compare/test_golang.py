"""Real Go against its model: the library, random hosts, and what chance may decide."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.compare.evidence import Evidence, LaneSpec
from harness.compare.fuzz.batches import fuzz
from harness.compare.fuzz.found import FuzzReport
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.results import Verdict
from harness.compare.run import HostJob, collect, run
from harness.compare.verdict import judge
from harness.glibcs import Build
from harness.native.record import Answer
from harness.sandbox import Box, Pool
from harness.scenario import library


@pytest.fixture(scope="module")
def lanes(go_resolver: Build) -> tuple[LaneSpec, ...]:
    del go_resolver
    return lanes_for("host", "auto", resolver="go")


def jobs(lanes: tuple[LaneSpec, ...], *names: str) -> list[HostJob]:
    paths = [path for path in library() if not names or path.stem in names]
    every = make_jobs(load_scenarios(paths), lanes)
    return [job for job in every if len(job.not_asked) < len(job.scenario.lookups)]


def test_the_library(lanes: tuple[LaneSpec, ...]) -> None:
    errors: Counter[str | None] = Counter()
    for outcome in run(jobs(lanes)):
        assert outcome.error is None, outcome.job.scenario.name
        for report in outcome.reports:
            for result in report.results:
                shown = (report.scenario, report.lookup, result.native, result.model)
                assert result.verdict is Verdict.AGREE, (*shown, result.error, result.model_error)
                errors[result.error] += 1
    assert errors[None] > 500
    assert {"EAI_NONAME", "EAI_AGAIN", "EAI_FAIL", "EAI_ADDRFAMILY"} <= {*errors}


@pytest.mark.fuzz
def test_random_hosts(lanes: tuple[LaneSpec, ...]) -> None:
    seed = int(time.time())  # another one each time; the message says which
    report = sum(fuzz(lanes, seed, cases=2500, jobs=2), FuzzReport())
    assert not report.differing, (seed, report.disagreements[0].result)


def evidences(box: Box, job: HostJob) -> Iterator[Evidence]:
    for found, _ in collect(box, job):
        yield from found


def test_either_reply_may_be_the_first(lanes: tuple[LaneSpec, ...], pool: Pool) -> None:
    """A says FORMERR, AAAA that there is none: the error that is read last is told."""
    (job,) = jobs(lanes, "dns-one-reply")
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

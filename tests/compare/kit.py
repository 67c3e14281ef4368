"""Evidence for these tests."""

from collections.abc import Iterator, Sequence

from harness.compare.evidence import Evidence, LaneSpec
from harness.compare.plan import lanes_for
from harness.compare.run import HostJob, collect
from harness.sandbox import Box, Pool


def host_lane() -> LaneSpec:
    """The host's glibc through cffi."""
    return lanes_for("host", "cffi")[0]


def gather(box: Box, job: HostJob) -> Iterator[Evidence]:
    """Inside a sandbox: every piece of evidence of one host."""
    for evidences, _ in collect(box, job):
        yield from evidences


def evidence_of(jobs: Sequence[HostJob], workers: int = 1) -> list[Evidence]:
    """Every piece of evidence of all hosts."""
    with Pool(workers) as pool:
        return [item for found in pool.map(gather, jobs) for item in found]

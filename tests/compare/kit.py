"""Evidence for these tests."""

from collections.abc import Callable, Iterator, Sequence

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


def any_of(evidence: list[Evidence], shown: Callable[[Evidence], bool]) -> bool:
    """Whether one of them shows a fault; what has shown one is asked first the next time."""
    for place, one in enumerate(evidence):
        if shown(one):
            evidence.insert(0, evidence.pop(place))
            return True
    return False

"""Evidence for these tests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from harness.compare.causes import Alter, ModelQuestion
from harness.compare.evidence import Evidence, LaneSpec
from harness.compare.plan import lanes_for
from harness.compare.run import HostJob, collect
from harness.compare.verdict import by_server, fits, prediction_for
from harness.native.record import AddrInfo, Answer
from harness.sandbox import Box, Pool


def host_lane() -> LaneSpec:
    """The host's glibc through cffi."""
    return lanes_for("host", "cffi")[0]


def gather(box: Box, job: HostJob) -> Iterator[Evidence]:
    """Inside a sandbox: every piece of evidence of one host."""
    for evidences, _ in collect(box, job):
        yield from evidences


def evidence_of(jobs: Sequence[HostJob], workers: int = 1) -> list[Evidence]:
    """Every piece of evidence of all hosts, of which each process has several."""
    with Pool(workers) as pool:
        outcomes = list(pool.outcomes(gather, jobs, kept=True))
    for one in outcomes:
        if one.error is not None:
            raise one.error
    return [item for one in outcomes for item in one.values]


def disagrees(evidence: Evidence) -> bool:
    """Whether `judge` says so, which works out all that there is to say of it too."""
    possible = by_server(evidence) or (evidence,)
    answered = isinstance(evidence.native, Answer)
    return answered and not any(fits(one, prediction_for(one)) for one in possible)


def any_of(evidence: list[Evidence], shown: Callable[[Evidence], bool]) -> bool:
    """Whether one of them shows a fault; what has shown one is asked first the next time."""
    for place, one in enumerate(evidence):
        if shown(one):
            evidence.insert(0, evidence.pop(place))
            return True
    return False


def as_broken(evidence: Evidence, alter: Alter) -> Evidence:
    """The look-up as a glibc with this change would have answered it."""
    question = ModelQuestion.of(evidence)
    try:
        said = alter(question).answer()
    except KeyError:  # it would ask for a route that was not looked at
        return evidence
    infos = [
        AddrInfo(
            item.family, item.socktype, item.protocol, str(item.target.address), item.port,
            item.target.scope_id, question.request.flags, item.addrlen, item.family,
        )
        for item in said.items
    ]  # fmt: skip
    infos[:1] = [replace(one, canonname=said.canonname) for one in infos[:1]]
    return replace(evidence, native=Answer(said.error, 0, 0, tuple(infos), evidence.lane.glibc))

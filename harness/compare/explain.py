"""Running ``explain``: the same evidence as ``run``, with every fact kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

from harness.compare.results import PairReason, Result
from harness.compare.run import HostJob, collect
from harness.compare.tracing import TraceReport, trace_report
from harness.compare.verdict import judge, prediction_for
from harness.compare.versions import architectures, changes
from harness.model.order import compare_pair
from harness.sandbox import Pool

if TYPE_CHECKING:
    from harness.compare.predict import Prediction
    from harness.sandbox import Box, DeviceNote
    from harness.sandbox.capture import Capture


@dataclass(frozen=True, slots=True)
class Explanation:
    """One look-up on one glibc, explained.

    ``name`` is the name looked up; ``pair`` is the decision between the two addresses asked
    for, if both were among the answers. ``apart`` says for the whole look-up where versions
    or architectures differ, and why.
    """

    name: str | None
    result: Result
    pair: PairReason | None = None
    devices: tuple[DeviceNote, ...] = ()
    trace: TraceReport | None = None
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Job:
    host: HostJob
    pair: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Captured:
    """The netlink traffic of one host's look-ups, as a pcap file."""

    scenario: str
    pcap: bytes


def capture(job: HostJob) -> Captured:
    """Run one host's look-ups and capture what was said over netlink meanwhile.

    Raises SandboxUnavailable where the kernel has no nlmon device.
    """
    with Pool(1) as pool:
        (captured,) = pool.run(_capture, job)
    assert isinstance(captured, Captured)
    return captured


def _capture(box: Box, job: HostJob) -> Iterator[Captured]:
    begun: list[Capture] = []
    for _ in collect(box, job, lambda: begun.append(box.capture())):
        pass
    yield Captured(job.scenario.name, begun[0].pcap())


def explain(jobs: Sequence[HostJob], pair: tuple[str, str] | None = None) -> Iterator[Explanation]:
    """Explain every look-up of every job, in order; raises as `harness.compare.run.run`."""
    with Pool(1) as pool:
        for explained in pool.map(_explain, [_Job(job, pair) for job in jobs]):
            yield from explained


def _explain(box: Box, job: _Job) -> Iterator[Explanation]:
    for evidences, devices in collect(box, job.host):
        results = [judge(evidence) for evidence in evidences]
        versions, processors = changes(evidences, results), architectures(evidences, results)
        apart = tuple(f"{each.between}: {each.because}" for each in (*versions, *processors))
        for evidence, result in zip(evidences, results, strict=True):
            yield Explanation(
                evidence.lookup.name,
                result,
                None if job.pair is None else pair_reason(prediction_for(evidence), job.pair),
                devices,
                trace_report(evidence),
                apart,
            )


def pair_reason(prediction: Prediction, wanted: tuple[str, str]) -> PairReason | None:
    """The decision between two addresses asked for; None where they are not both answers."""
    if prediction.order is None:
        return None
    for a, b in permutations(prediction.order.ranked, 2):
        if (str(a.address), str(b.address)) != wanted:
            continue
        decision = compare_pair(a, b)
        if not decision.preferred:
            decision = compare_pair(b, a)
        return PairReason.of(decision)
    return None

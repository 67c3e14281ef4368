"""Running ``explain``: the same evidence as ``run``, with every fact kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING

from harness.compare.evidence import TraceReport, trace_report
from harness.compare.results import PairReason, Result
from harness.compare.run import HostJob, collect, reports
from harness.compare.verdict import prediction_for
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


def capture(job: HostJob) -> bytes:
    """Run one host's look-ups; what was said over netlink meanwhile, as a pcap file.

    Raises SandboxUnavailable where the kernel has no nlmon device.
    """
    with Pool(1) as pool:
        (pcap,) = pool.run(_capture, job)
    assert isinstance(pcap, bytes)
    return pcap


def _capture(box: Box, job: HostJob) -> Iterator[bytes]:
    begun: list[Capture] = []
    list(collect(box, job, lambda: begun.append(box.capture())))
    yield begun[0].pcap()


def explain(jobs: Sequence[HostJob], pair: tuple[str, str] | None = None) -> Iterator[Explanation]:
    """Explain every look-up of every job, in order; raises as `harness.compare.run.run`."""
    with Pool(1) as pool:
        for explained in pool.map(_explain, [(job, pair) for job in jobs]):
            yield from explained


def _explain(box: Box, asked: tuple[HostJob, tuple[str, str] | None]) -> Iterator[Explanation]:
    job, pair = asked
    for evidences, devices in collect(box, job):
        (report,) = reports(replace(job, source="", lines=()), [(evidences, devices)])
        between = (*report.changes, *report.architectures)
        apart = tuple(f"{one.between}: {one.because}" for one in between)
        for evidence, result in zip(evidences, report.results, strict=True):
            reason = None if pair is None else pair_reason(prediction_for(evidence), pair)
            trace = trace_report(evidence)
            yield Explanation(evidence.lookup.name, result, reason, devices, trace, apart)


def pair_reason(prediction: Prediction, wanted: tuple[str, str]) -> PairReason | None:
    """The decision between two addresses asked for; None where they are not both answers."""
    if prediction.order is None:
        return None
    for pair in permutations(prediction.order.ranked, 2):
        if tuple(str(one.address) for one in pair) == wanted:
            decision = compare_pair(*pair)
            return PairReason.of(decision if decision.preferred else compare_pair(*pair[::-1]))
    return None

"""Inside a sandbox: the engine's rate against the bare loop, and what each part costs.

The *bare loop* is the worker alone: its requests in a file, its answers into a file, nobody
reading or comparing. Rates are look-ups per second of processor time, of the engine with its
workers and of the worker, so that other programs on the machine and the number of cores
do not decide.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.compare.bench.curve import Sample, quiet, sample, timed
from harness.compare.bench.host import HOST, prepared_batch
from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.engine import Engine
from harness.compare.predict import request_for
from harness.model.policy import Policy
from harness.native import frames
from harness.native.record import LaneError
from harness.native.worker_lane import WorkerLane, start
from harness.sandbox.kernel import CLONE_NEWNET, unshare
from harness.scenario.fuzz import draw_batch

if TYPE_CHECKING:
    from harness.sandbox import Box
    from harness.scenario.fuzz import Batch

_TIMEOUT = 10.0
_HEADER = 5  # length and type of a frame


@dataclass(frozen=True, slots=True)
class RateSpec:
    """What to compare on which glibcs: ``confs`` gai.conf files, or a batch of a fuzz seed."""

    lanes: tuple[LaneSpec, ...]
    confs: int = 0
    seed: int = 1
    number: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """Look-ups done, and the seconds of processor time and of the clock they took.

    ``bare`` are those of the bare loop for the same look-ups, ``native`` the seconds that
    getaddrinfo itself took of the engine's.
    """

    lookups: int
    cpu: float
    wall: float
    bare_cpu: float
    bare_wall: float
    native: float
    ratio: float = field(init=False, default=0.0)
    """The rate in units of the bare loop's, by processor time."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", self.bare_cpu / self.cpu)

    def plus(self, more: Rate) -> Rate:
        """Both together."""
        return Rate(
            self.lookups + more.lookups,
            self.cpu + more.cpu,
            self.wall + more.wall,
            self.bare_cpu + more.bare_cpu,
            self.bare_wall + more.bare_wall,
            self.native + more.native,
        )

    @property
    def rate(self) -> float:
        """Look-ups per second of processor time."""
        return self.lookups / self.cpu


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds: of a host built and observed, a session, a policy, a worker's start; ``by_hand``
    the processor time of a new network namespace with a new Python that makes one look-up.
    """

    build: float
    observe: float
    session: Sample
    policy: Sample
    start: Sample
    by_hand: Sample


def prepared(box: Box, spec: RateSpec) -> Iterator[Rate]:
    """Prepared cases: the host stands and is observed before the time begins."""
    batch = prepared_batch(spec.confs)
    with Engine(box, batch, spec.lanes, _TIMEOUT, tallied=False) as engine, quiet():
        cpu, wall = _processor(), time.perf_counter()
        report = engine.run()
        wall = time.perf_counter() - wall
    cpu = _processor() - cpu
    yield _against_bare(box, batch, spec, cpu, wall, report.native_ns)


def whole(box: Box, spec: RateSpec) -> Iterator[Rate]:
    """The whole fuzz loop for one batch: sandbox, generation, host, observation, counts."""
    wall = time.perf_counter()
    batch = draw_batch(spec.seed, spec.number)
    with Engine(box, batch, spec.lanes, _TIMEOUT) as engine:
        report = engine.run()
    wall = time.perf_counter() - wall
    # all that this process has ever used: it was forked for this batch
    yield _against_bare(box, batch, spec, _processor(), wall, report.native_ns)


def costs(box: Box, spec: RateSpec) -> Iterator[Costs]:
    """What a host, a gai.conf, a version and one look-up by hand cost, on the first glibc."""
    lane = spec.lanes[0]
    assert lane.skeleton is not None
    root = box.private_root(lane.skeleton)
    started = time.perf_counter()
    box.build(HOST)
    built = time.perf_counter()
    box.observe(())
    observed = time.perf_counter()
    batch = prepared_batch(1)
    box.set_names(batch.names, "files")  # by hand there is no module for names
    data = batch.rounds[0].gai_conf
    with WorkerLane(lane.command, root=root) as worker:

        def session() -> None:
            box.set_gai_conf(data)
            worker.open().close()

        def begin() -> None:
            with WorkerLane(lane.command, root=root) as one:
                assert one.glibc

        session()
        yield Costs(
            built - started,
            observed - built,
            sample(timed(session, 0.2)),
            sample(timed(lambda: Policy.build(data, lane.dialect), 0.1)),
            sample(timed(begin, 0.3)),
            sample(timed(_by_hand, 0.5, _processor)),
        )


def _by_hand() -> None:
    code = "import socket; socket.getaddrinfo('n0', None, type=socket.SOCK_STREAM)"
    subprocess.run(
        [sys.executable, "-I", "-c", code],
        check=True, preexec_fn=lambda: unshare(CLONE_NEWNET),
    )  # fmt: skip


def _processor() -> float:
    """Seconds of processor time of this process and of its children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _against_bare(
    box: Box, batch: Batch, spec: RateSpec, cpu: float, wall: float, native_ns: int
) -> Rate:
    """The rate, beside the bare loops' for the look-ups that ``batch`` makes."""
    box.set_gai_conf(None)
    payloads = [frames.lookup_payload(request_for(one), _TIMEOUT) for one in batch.lookups]
    asked = [payloads[lookup] for each in batch.rounds for lookup in each.lookups]
    folder = box.tmpdir()
    requests, answers = folder / "requests", folder / "answers"
    requests.write_bytes(frames.whole_session(1, asked) + frames.plain_frame(frames.QUIT))
    bare_cpu = bare_wall = 0.0
    for lane in spec.lanes:
        assert lane.skeleton is not None
        root = box.private_root(lane.skeleton)
        with requests.open("rb") as source, answers.open("wb") as sink:
            started = _processor(), time.perf_counter()
            bare = start(lane.command, root, stdin=source.fileno(), stdout=sink.fileno())
            if bare.wait() != 0:
                raise LaneError(f"the bare loop on glibc {lane.glibc} ended with an error")
            bare_cpu += _processor() - started[0]
            bare_wall += time.perf_counter() - started[1]
        if _answers(answers.read_bytes()) != len(asked):
            raise LaneError(f"the bare loop on glibc {lane.glibc} did not answer every look-up")
    count = len(asked) * len(spec.lanes)
    return Rate(count, cpu, wall, bare_cpu, bare_wall, native_ns / 1e9)


def _answers(data: bytes) -> int:
    found = at = 0
    while at < len(data):
        found += data[at + _HEADER - 1 : at + _HEADER] == frames.ANSWER
        at += _HEADER + int.from_bytes(data[at : at + 4], "little")
    return found

"""Benchmarks: native against modelled sorting, the engine against the bare loop, costs of parts.

Everything is measured on hosts in sandboxes, one at a time, within one run. The *bare loop* is
the worker alone: its requests in a file, its answers into a file, nobody reading or comparing.
Rates are look-ups per second of processor time, of the engine with its workers and of the
worker, so that other programs on the machine and the number of cores do not decide.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import reduce
from itertools import chain
from operator import add

from pydantic import computed_field

from harness import sandbox
from harness.compare.bench import curve, goals
from harness.compare.bench.curve import Point, Sample, sample, timed
from harness.compare.evidence import LaneSpec
from harness.compare.fields import Schema
from harness.compare.fuzz.engine import TIMEOUT, Engine
from harness.compare.open_lane import worker_lane
from harness.compare.predict import request_for
from harness.compare.run import visit
from harness.model.policy import Policy
from harness.native import frames
from harness.native.record import LaneError
from harness.sandbox import Pool, jail
from harness.sandbox.syscalls import CLONE_NEWNET, unshare
from harness.scenario.fuzz import Batch, draw_batch

_BATCHES = 4  # hosts of the fuzz loop; their costs differ from one to the next
_SEED = 1
_HEADER = 5  # length and type of a frame
_BY_HAND = "import socket; socket.getaddrinfo('n0', None, type=socket.SOCK_STREAM)"

Lanes = tuple[LaneSpec, ...]


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

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ratio(self) -> float:
        """The rate in units of the bare loop's, by processor time."""
        return self.bare_cpu / self.cpu

    def __add__(self, more: "Rate") -> "Rate":
        return Rate(*map(add, astuple(self), astuple(more)))

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


@dataclass(frozen=True, slots=True)
class LaneRates:
    """One glibc: the engine on prepared cases, the whole fuzz loop, and what parts cost."""

    glibc: str
    arch: str
    build: str
    prepared: Rate
    whole: Rate
    costs: Costs

    @computed_field  # type: ignore[prop-decorator]
    @property
    def against_by_hand(self) -> float:
        """The whole fuzz loop's rate in units of one look-up by hand."""
        return self.whole.rate * self.costs.by_hand.best


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Everything measured: ``gai-harness bench --json``, seconds throughout.

    ``points`` are glibc by glibc, ``together`` is the fuzz loop on all of them at once,
    ``sandbox`` the seconds of an empty one, ``load`` the machine's load average before and
    after, ``processors`` how many it has. ``ratios`` are what all of it comes to.
    """

    ratios: tuple[goals.Ratio, ...]
    points: tuple[Point, ...]
    rates: tuple[LaneRates, ...]
    together: Rate
    sandbox: float
    load: tuple[float, float]
    processors: int
    schema: Schema = 1

    @property
    def agreed(self) -> bool:
        """Whether both sides gave the same order at every point."""
        return all(point.agreed for point in self.points)


def bench(
    lanes: Sequence[LaneSpec],
    quick: bool = False,
    told: Callable[[str], None] = lambda _: None,
    glibc: str = "host",
) -> BenchReport:
    """Measure ``lanes``, glibcs called by their workers.

    Parameters: ``quick`` for a tenth of the time and less certainty; ``told`` is called with
    what is being measured; ``glibc`` names the builds of ``lanes`` as ``--glibc`` does.
    Raises SandboxUnavailable where the machine allows no sandbox, LaneError when one of the
    harness' own commands fails.
    """
    before = os.getloadavg()[0]
    with Pool(1) as pool:

        def loop(*lanes: LaneSpec) -> Rate:
            numbers = range(1, 2 if quick else 1 + _BATCHES)
            outcomes = (pool.run(_whole, (lanes, number)) for number in numbers)
            rates: Iterator[Rate] = chain.from_iterable(outcomes)
            return reduce(add, rates)

        points: list[Point] = []
        for point in pool.run(curve.curve, (lanes, 0.02 if quick else 0.15)):
            points.append(point)
            told(f"{point.family}, {point.size} destinations, glibc {point.glibc}")
        builds = [(lane.glibc, lane.arch, lane.build) for lane in lanes]
        points.sort(key=lambda point: builds.index((point.glibc, point.arch, point.build)))
        rates = []
        for lane in lanes:
            told(f"the engine on glibc {lane.glibc}")
            (prepared,) = pool.run(_prepared, ((lane,), 20 if quick else 200))
            whole = loop(lane)
            (costs,) = pool.run(_costs, lane)
            rates.append(LaneRates(lane.glibc, lane.arch, lane.build, prepared, whole, costs))
        told("the fuzz loop on every glibc")
        together = loop(*lanes) if len(rates) > 1 else rates[0].whole
        started = time.perf_counter()
        count = 2 if quick else 10
        for _ in range(count):
            list(pool.run(visit, None))
        sandbox = (time.perf_counter() - started) / count
    told("whole commands")
    ratios = (
        *goals.of_engine(
            [one.prepared.ratio for one in rates], [one.whole.ratio for one in rates],
            together.ratio, points,
        ),
        *goals.of_commands(2_500 if quick else 20_000),
        *goals.of_runs(lanes, glibc, quick),
    )  # fmt: skip
    load = before, os.getloadavg()[0]
    processors = os.cpu_count() or 1
    return BenchReport(ratios, tuple(points), tuple(rates), together, sandbox, load, processors)


def _prepared(box: "sandbox.Box", spec: tuple[Lanes, int]) -> Iterator[Rate]:
    """Prepared cases under so many gai.conf files: the time begins on an observed host."""
    lanes, confs = spec
    batch = curve.prepared_batch(confs)
    box.build(batch.host)
    with Engine(box, batch, lanes, tallied=False) as engine, curve.quiet():
        cpu, wall = _processor(), time.perf_counter()
        report = engine.run()
        wall = time.perf_counter() - wall
    cpu = _processor() - cpu
    yield _against_bare(box, batch, lanes, cpu, wall, report.native_ns)


def _whole(box: "sandbox.Box", spec: tuple[Lanes, int]) -> Iterator[Rate]:
    """The whole fuzz loop for one batch: sandbox, generation, host, observation, counts."""
    wall = time.perf_counter()
    lanes, number = spec
    batch = draw_batch(_SEED, number)
    box.build(batch.host)
    with Engine(box, batch, lanes) as engine:
        report = engine.run()
    wall = time.perf_counter() - wall
    # all that this process has ever used: it was forked for this batch
    yield _against_bare(box, batch, lanes, _processor(), wall, report.native_ns)


def _costs(box: "sandbox.Box", lane: LaneSpec) -> Iterator[Costs]:
    """What a host, a gai.conf, a version and one look-up by hand cost."""
    started = time.perf_counter()
    box.build(curve.HOST)
    built = time.perf_counter()
    box.observe(())
    observed = time.perf_counter()
    batch = curve.prepared_batch(1)
    box.set_names(batch.names, "files")  # by hand there is no module for names
    data = batch.rounds[0].gai_conf
    with worker_lane(box, lane) as worker:

        def session() -> None:
            box.set_gai_conf(data)
            worker.open().close()

        def begin() -> None:
            worker.close()
            worker.start()

        def by_hand() -> None:
            argv = [sys.executable, "-I", "-c", _BY_HAND]
            subprocess.run(argv, check=True, preexec_fn=lambda: unshare(CLONE_NEWNET))

        session()
        yield Costs(
            built - started,
            observed - built,
            sample(timed(session, 0.2)),
            sample(timed(lambda: Policy.build(data, lane.dialect), 0.1)),
            sample(timed(begin, 0.3)),
            sample(timed(by_hand, 0.5, _processor)),
        )


def _processor() -> float:
    """Seconds of processor time of this process and of its children that have ended."""
    return time.process_time() + goals.ended()


def _against_bare(
    box: "sandbox.Box", batch: Batch, lanes: Lanes, cpu: float, wall: float, native_ns: int
) -> Rate:
    """The rate, beside the bare loops' for the look-ups that ``batch`` makes."""
    box.set_gai_conf(None)
    payloads = [frames.lookup_payload(request_for(one), TIMEOUT) for one in batch.lookups]
    asked = [payloads[lookup] for each in batch.rounds for lookup in each.lookups]
    folder = box.tmpdir()
    requests, answers = folder / "requests", folder / "answers"
    requests.write_bytes(frames.whole_session(1, asked) + frames.plain_frame(frames.QUIT))
    bare_cpu = bare_wall = 0.0
    for lane in lanes:
        assert lane.skeleton is not None
        root = box.private_root(lane.skeleton)
        with requests.open("rb") as source, answers.open("wb") as sink:
            started = _processor(), time.perf_counter()
            bare = jail.start(lane.command, root, stdin=source, stdout=sink)
            if bare.wait() != 0:
                raise LaneError(f"the bare loop on glibc {lane.glibc} ended with an error")
            bare_cpu += _processor() - started[0]
            bare_wall += time.perf_counter() - started[1]
        if _answers(answers.read_bytes()) != len(asked):
            raise LaneError(f"the bare loop on glibc {lane.glibc} did not answer every look-up")
    count = len(asked) * len(lanes)
    return Rate(count, cpu, wall, bare_cpu, bare_wall, native_ns / 1e9)


def _answers(data: bytes) -> int:
    found = at = 0
    while at < len(data):
        found += data[at + _HEADER - 1 : at + _HEADER] == frames.ANSWER
        at += _HEADER + int.from_bytes(data[at : at + 4], "little")
    return found

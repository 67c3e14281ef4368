"""What sorting costs, native and modelled, for one number of destinations, inside a sandbox.

Both sides are measured in turns of a few milliseconds, so that whatever else the machine does
meets them alike. Hosts, names and gai.conf files are worked out from numbers: each run measures
the same.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from itertools import cycle, product
from math import log2
from statistics import median

from pydantic import computed_field

from harness import sandbox
from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.engine import TIMEOUT
from harness.compare.fuzz.hostwork import HostWork
from harness.compare.fuzz.sorter import Sorter, SortInput
from harness.compare.open_lane import worker_lane
from harness.compare.values import fill
from harness.model.address_table import address_table, candidates
from harness.model.order import order_for
from harness.model.policy import Policy
from harness.native.frames import lookup_payload
from harness.native.record import TIME, Answer, LaneError, decode
from harness.native.worker_lane import WorkerLane
from harness.scenario.fuzz import Batch, Round
from harness.scenario.host import Host
from harness.scenario.schema import Lookup

_TURNS = 5
SIZES = (2, 8, 64, 256, 1024)
FAMILIES = ("ipv4", "ipv6", "mixed")
LOOKUPS_A_CONF = 20

HOST = Host.model_validate(
    {
        "interfaces": {
            "eth0": {"addresses": ["172.18.45.2/24", "203.0.113.9/28", "2001:db8:1::2/64"]},
            "eth1": {
                "addresses": [
                    "10.9.0.2/16", "169.254.7.7/16", "fd00:9::2/64",
                    {"address": "2001:db8:9::2/64", "flags": ["deprecated"]},
                ],
            },
        },
        "routes": [
            {"to": "default", "via": "172.18.45.1"},
            {"to": "default", "via": "2001:db8:1::1"},
            {"to": "fc00::/7", "via": "fd00:9::1"},
            {"to": "10.0.0.0/8", "via": "10.9.0.1"},
            {"to": "198.18.0.0/15", "type": "unreachable"},
        ],
    }
)  # fmt: skip
"""Sources of several scopes, labels and lengths, so that every kind of rule has work."""

# networks of destinations, and how many bits of each are drawn
_NETWORKS = {
    "ipv4": {
        "172.18.45.0": 8, "10.9.0.0": 16, "10.64.0.0": 20, "8.0.0.0": 24,
        "192.168.0.0": 16, "172.18.0.0": 16, "198.18.0.0": 12, "203.0.113.0": 7,
    },
    "ipv6": {
        "2001:db8:1::": 60, "2001:db8::": 90, "fd00:9::": 60, "2a00::": 110,
        "2002::": 100, "fd12::": 80, "2001:db8:9::": 60, "2600::": 110,
    },
}  # fmt: skip
_STEP = 0x9E3779B97F4A7C15F39CC0605CEDC835  # an odd number scatters the multiples of it


def destinations(family: str, size: int) -> tuple[str, ...]:
    """``size`` different addresses of one of `FAMILIES`, in the order a name has them."""
    if family == "mixed":
        six = destinations("ipv6", size - size // 2)
        four = destinations("ipv4", size // 2)
        both = [text for pair in zip(six, four, strict=False) for text in pair]
        return tuple(both + list(six[len(four) :]))
    found: dict[str, None] = {}
    for number, (network, width) in enumerate(cycle(_NETWORKS[family].items()), 1):
        if len(found) == size:
            break
        found[str(ip_address(network) + (number * _STEP & (1 << 128) - 1) % (1 << width))] = None
    return tuple(found)


def single_batch(family: str, size: int) -> Batch:
    """One name with ``size`` addresses, looked up once; no rounds.

    A name of its own in the file: the name service reads the whole of it at each look-up.
    """
    names = {"web": destinations(family, size)}
    return Batch("bench", HOST, names, (Lookup(name="web"),), (), "nss")


def prepared_batch(confs: int) -> Batch:
    """Twenty names of eight addresses, looked up under each of ``confs`` gai.conf files."""
    every = destinations("mixed", 8 * LOOKUPS_A_CONF)
    names = {f"n{i}": every[8 * i : 8 * i + 8] for i in range(LOOKUPS_A_CONF)}
    lookups = tuple(Lookup(name=name) for name in names)
    rounds = tuple(Round(_gai_conf(i), tuple(range(LOOKUPS_A_CONF))) for i in range(confs))
    return Batch("bench", HOST, names, lookups, rounds, "nss")


def _gai_conf(number: int) -> bytes:
    """A file of ordinary length that sorts otherwise than the one before."""
    return (
        f"precedence ::1/128 50\nprecedence ::/0 {40 + number % 7}\n"
        f"precedence 2002::/16 30\nprecedence ::ffff:0:0/96 {10 + number % 97}\n"
        f"label fd00::/{8 + number % 5} 6\nlabel ::/0 1\nlabel ::ffff:0:0/96 4\n"
    ).encode()


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds for one call: the fastest seen and the median."""

    best: float
    median: float


@dataclass(frozen=True, slots=True)
class Point:
    """The costs at one number of destinations of one family mix, on one glibc.

    ``native`` is getaddrinfo alone, as the worker's clock has it; ``round_trip`` the same
    with the pipes and the decoding. ``cold`` and ``warm`` are the model's fast path, its tables
    being ready as glibc's are: with nothing known of the addresses, and with what no policy
    changes known as the engine knows it of many; ``again`` its sort alone, the
    keys being known; ``readable`` the rules as a text to read, reasons included;
    ``observed`` the kernel's look-ups, the address table and the cold sort.
    ``agreed``: both sides gave the same order.
    """

    glibc: str
    arch: str
    build: str
    family: str
    size: int
    native: Sample
    round_trip: Sample
    cold: Sample
    warm: Sample
    again: Sample
    readable: Sample
    observed: Sample
    agreed: bool

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ratio(self) -> float:
        """The cold model's time in units of the native call's."""
        return self.cold.best / self.native.best


def curve(box: "sandbox.Box", spec: tuple[Sequence[LaneSpec], float]) -> Iterator[Point]:
    """Measure every point; a job for a `Pool`.

    ``spec`` has the lanes, and about how many seconds each kind of call may take.
    """
    specs, seconds = spec
    box.build(HOST)
    with ExitStack() as stack:
        lanes = [stack.enter_context(worker_lane(box, each)) for each in specs]
        for family, size in product(FAMILIES, SIZES):
            for lane, each in zip(lanes, specs, strict=True):
                yield _point(box, lane, each, family, size, seconds)


def _point(
    box: "sandbox.Box", lane: WorkerLane, spec: LaneSpec, family: str, size: int, seconds: float
) -> Point:
    batch = single_batch(family, size)
    box.set_names(batch.names, batch.resolver)
    box.set_gai_conf(None)
    dialect = spec.dialect
    work = HostWork(box, batch, (dialect,))
    (asked,) = work.asked[dialect]
    own = [work.candidates[slot] for slot in asked.slots]
    targets = [work.targets[slot] for slot in asked.slots]
    policy = Policy.build(None, dialect)
    given = SortInput.of(policy, dialect)  # glibc's tables are ready, too
    sorter = Sorter(given)
    fixed = sorter.fixed(own)
    keys = sorter.keys(fixed)

    def observed() -> list[int]:
        view = box.observe(targets)
        known = candidates(targets, view, dialect, address_table(view.addresses))
        return Sorter(SortInput.of(policy, dialect)).order(known)

    models: dict[str, Callable[[], object]] = {
        "cold": lambda: Sorter(given).order(own),
        "warm": lambda: sorter.sort(sorter.keys(fixed)),
        "again": lambda: sorter.sort(keys),
        "readable": lambda: order_for(own, policy, dialect),
        "observed": observed,
    }
    (query,) = work.requests
    payload = lookup_payload(query, TIMEOUT)
    times: dict[str, list[float]] = {one: [] for one in ("native", "round_trip", *models)}
    answer = _burst(lane, payload, 1)[0]
    # one call says how many fill a turn
    length = max(1, round(seconds / _TURNS / _duration(answer)))
    with quiet():
        for _ in range(_TURNS):
            times["native"] += map(_duration, _burst(lane, payload, length))
            with lane.open() as session:
                session.lookup(query, TIMEOUT)
                call = partial(session.lookup, query, TIMEOUT)
                times["round_trip"] += timed(call, seconds / _TURNS)
            for name, model in models.items():
                times[name] += timed(model, seconds / _TURNS)
    order = sorter.order(own)
    entries = b"".join([asked.entries[position] for position in order])
    expected = asked.head + entries + asked.names
    first, last = decode(answer), answer.endswith(expected[9:])
    assert isinstance(first, Answer)
    samples = {name: sample(found) for name, found in times.items()}
    agreed = first.error is None and last
    return fill(Point, spec, family=family, size=size, agreed=agreed, **samples)


def sample(times: Sequence[float]) -> Sample:
    """What is kept of many calls' seconds."""
    return Sample(min(times), median(times))


def _burst(lane: WorkerLane, payload: bytes, count: int) -> list[bytes]:
    """``count`` answers of one session, the first one's reading of gai.conf left out."""
    answers, end = lane.burst([payload] * (count + 1), TIMEOUT).finish()
    if end is not None:
        raise LaneError(f"a look-up of the benchmark did not end well: {end}")
    return answers[1:]


def _duration(record: bytes) -> float:
    return int.from_bytes(record[TIME], "little") / 1e9


def timed(
    call: Callable[[], object], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """The seconds of each of many calls, for ``seconds`` in all, three calls at least."""
    found: list[float] = []
    end = clock() + seconds
    while len(found) < 3 or found[-1] + clock() < end:
        started = clock()
        call()
        found.append(clock() - started)
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Without the garbage collector, as timeit measures."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def growth(points: Sequence[Point]) -> dict[int, float]:
    """Time by n log n at each size, in units of the smallest size from 8 on that there is."""
    sized = sorted((one for one in points if one.size >= 8), key=lambda one: one.size)
    if not sized:
        return {}
    unit = sized[0].cold.best / (sized[0].size * log2(sized[0].size))
    return {one.size: one.cold.best / (one.size * log2(one.size)) / unit for one in sized}

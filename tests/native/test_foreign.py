"""A worker of another architecture through qemu-user is a worker like any other."""

import signal
from collections.abc import Callable, Iterator

import pytest

from harness.compare.evidence import LaneSpec
from harness.compare.plan import lanes_for
from harness.glibcs.catalog import native_arch
from harness.native.record import Answer, Crashed, TimedOut
from harness.sandbox import Pool
from tests.native.jobs import QUERIES, answers, ends, maps, waits

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("foreign")]

# big-endian and 64 bits; little-endian and 32 bits
ARCHES = [arch for arch in ("s390x", "armhf") if arch != native_arch()]


@pytest.fixture(scope="module", params=ARCHES)
def lane(request: pytest.FixtureRequest, fetch_glibcs: Callable[..., str]) -> LaneSpec:
    fetch_glibcs(f"2.36:{request.param}")
    (spec,) = lanes_for(f"2.36:{request.param}", "worker")
    return spec


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool() as made:
        yield made


def test_its_answers_are_those_of_the_hosts_architecture(pool: Pool, lane: LaneSpec) -> None:
    """The same bytes of a record mean the same, whatever the byte order and word size."""
    glibc, first, second, own = pool.run(answers, lane)
    assert glibc == "2.36"
    assert all(isinstance(one, Answer) and one.glibc == "2.36" for one in first)
    assert first == second
    for query, one, other in zip(QUERIES, first, own, strict=True):
        assert isinstance(other, Answer)
        assert (one.error, one.addrinfos) == (other.error, other.addrinfos), query


def test_a_death_in_the_guest_is_seen_as_what_it_was_and_nothing_outlives_its_worker(
    pool: Pool, lane: LaneSpec
) -> None:
    *deaths, after, before_kill, after_kill = pool.run(ends, lane)
    assert [outcome for _, outcome in deaths] == [Crashed(int(number)) for number, _ in deaths]
    assert int(signal.SIGSEGV) in [outcome.signal for _, outcome in deaths]
    assert isinstance(after, Answer)
    assert (before_kill, after_kill) == (True, False)


def test_a_lookup_that_does_not_return_is_ended(pool: Pool, lane: LaneSpec) -> None:
    waited, after = pool.run(waits, lane)
    assert waited == [TimedOut(0.5)] * 3
    assert isinstance(after, Answer)


def test_it_maps_no_file_of_the_hosts(pool: Pool, lane: LaneSpec) -> None:
    ((_, strange),) = pool.run(maps, (lane, "files"))
    assert [path for path in strange if not path.startswith("/dev/zero")] == []

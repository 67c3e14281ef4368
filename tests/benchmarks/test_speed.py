"""pytest-benchmark's view of the parts; ``gai-harness bench`` sets them against each other.

No time is asserted: each is held to its answer only. ``--benchmark-disable`` runs every
body once, without measuring.
"""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.compare.bench.curve import FAMILIES, HOST, SIZES, destinations
from harness.compare.fuzz.sorter import Sorter, SortInput
from harness.model.dialects import dialect
from harness.model.order import Candidate, order_for
from harness.model.policy import Policy
from harness.native.record import Query
from harness.native.worker_lane import WorkerLane, bundled_worker
from harness.sandbox import Box, Pool
from harness.scenario import gai_conf_files
from harness.scenario.host import Host

pytestmark = pytest.mark.benchmark(max_time=0.1, min_rounds=3, warmup=False)
SPOKEN = dialect("2.36", "amd64")
SOURCES = {4: ip_address("172.18.45.2"), 6: ip_address("2001:db8:1::2")}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_model_sort(benchmark: BenchmarkFixture, family: str, size: int) -> None:
    benchmark.group = f"model sort, {family}"
    own = [  # one in eight without a source
        Candidate(address, SOURCES[address.version] if i % 8 else None, 24, index=2)
        for i, address in enumerate(map(ip_address, destinations(family, size)))
    ]
    policy = Policy.build(None, SPOKEN)
    order = benchmark(lambda: Sorter(SortInput.of(policy, SPOKEN)).order(own))
    assert order == [one.position for one in order_for(own, policy, SPOKEN).ranked]


@pytest.mark.parametrize("name", ["glibc-defaults.conf", "rfc6724.conf"])
def test_gai_conf(benchmark: BenchmarkFixture, name: str) -> None:
    benchmark.group = "gai.conf"
    data = gai_conf_files()[name].read_bytes()
    assert benchmark(Policy.build, data, SPOKEN) == Policy.build(data, SPOKEN)


def test_native_lookup(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "native"
    query = Query("127.0.0.1", socktype=1)
    with WorkerLane([bundled_worker()]) as lane, lane.open() as session:
        answer = benchmark(session.lookup, query)
    assert [one.address for one in answer.addrinfos] == ["127.0.0.1"]


def test_native_session(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "native"
    with WorkerLane([bundled_worker()]) as lane:
        benchmark(lambda: lane.open().close())


def standing(box: Box, host: Host) -> Iterator[int]:
    """Inside a sandbox: build the host and observe it."""
    box.build(host)
    yield len(box.observe(()).addresses)


def test_host(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "host"
    own = sum(len(each.addresses) for each in HOST.interfaces.values())
    with Pool(1) as pool:
        found = benchmark.pedantic(  # type: ignore[no-untyped-call]
            lambda: list(pool.run(standing, HOST)), rounds=3
        )
    assert found == [own + 2]

"""Called in process and by a worker, which maps nothing else, a glibc gives the same records."""

import pytest

from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.predict import first_servers
from harness.glibcs import host
from harness.model.gaiconf import parse_gai_conf
from harness.native.record import Answer
from harness.sandbox import Pool
from harness.sandbox.names import Resolver
from harness.scenario import library
from harness.versions import Version
from tests.e2e.kit import gather
from tests.native.jobs import maps

# this interpreter in a jail, started by that glibc's own loader
IN_JAIL = [
    str(host().libc.parent),
    pytest.param("2.41", marks=pytest.mark.network),
    pytest.param("2.44", marks=pytest.mark.network),
]


@pytest.mark.parametrize("glibc", ["host", *IN_JAIL])
@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_both_lanes_give_the_same_records(
    step: int, glibc: str, pool: Pool, request: pytest.FixtureRequest
) -> None:
    if glibc[0].isdigit():
        versions = request.getfixturevalue("versions")
        own = host().version
        if glibc not in versions or Version.parse(glibc) < Version.parse(own):
            pytest.skip(f"this interpreter needs glibc {own}, which {glibc} is not or too old for")
    jobs = make_jobs(load_scenarios(library()[::step]), lanes_for(glibc, "both"))
    compared = 0
    outcomes = list(pool.outcomes(gather, jobs, kept=True))
    assert [one.error for one in outcomes if one.error] == []
    for evidences in (each for one in outcomes for each in one.values):
        cffi, worker = sorted(evidences, key=lambda one: one.lane.lane)
        assert (cffi.lane.lane, worker.lane.lane) == ("cffi", "worker")
        spoken = cffi.dialect
        if cffi.conf.data and parse_gai_conf(cffi.conf.data, spoken).undefined:
            continue  # whatever is in memory decides: two processes may differ
        if first_servers(cffi.names):
            continue  # so does chance
        # the whole record: every addrinfo, the error and the version; not the time
        assert cffi.native == worker.native, (cffi.scenario.name, cffi.lookup)
        compared += isinstance(cffi.native, Answer)
    assert compared >= 40


@pytest.mark.parametrize("which", ["host", pytest.param("all", marks=pytest.mark.network)])
@pytest.mark.parametrize("resolver", ["files", "dns"])
def test_a_worker_maps_files_of_the_glibc_under_test_only(
    resolver: Resolver, which: str, pool: Pool, request: pytest.FixtureRequest
) -> None:
    """No library, module or cache of the host's."""
    for version in request.getfixturevalue("versions") if which == "all" else ["host"]:
        (lane,) = lanes_for(version, "worker")
        ((seen, strange),) = pool.run(maps, (lane, resolver))
        assert strange == []
        assert {"worker", "libc.so.6"} <= seen
        # up to 2.33 these were libraries of their own: they have to come from the tree as well
        if version[0].isdigit() and Version.parse(version) < Version.parse("2.34"):
            assert f"libnss_{resolver}.so.2" in seen

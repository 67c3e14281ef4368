"""A worker maps files of the glibc under test only: no host library, module or cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.compare.evidence import LaneSpec
from harness.compare.plan import lanes_for
from harness.sandbox import Pool
from harness.scenario.schema import Host
from tests.e2e.kit import MapsJob, maps_of_a_worker

HOST = Host.model_validate({"interfaces": {"eth0": {"addresses": ["192.0.2.2/24"]}}})


def check(lane: LaneSpec, resolver: str) -> set[str]:
    """Asserts where every mapping comes from; gives the names of the mapped files."""
    assert lane.skeleton is not None
    own = {path.stat().st_ino: path for path in lane.skeleton.rglob("*") if path.is_file()}
    with Pool() as pool:
        (texts,) = pool.run(maps_of_a_worker, MapsJob(HOST, lane, resolver))
    seen: set[str] = set()
    for line in "".join(texts).splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or fields[5].startswith("["):
            continue  # anonymous memory, [heap], [stack], [vdso]
        path = Path(fields[5])  # as that process sees it
        assert own[int(fields[4])].name == path.name, line
        seen.add(path.name)
    assert {"worker", "libc.so.6"} <= seen
    return seen


@pytest.mark.parametrize("resolver", ["files", "dns"])
def test_the_hosts_glibc(resolver: str) -> None:
    (lane,) = lanes_for("host", "worker")
    check(lane, resolver)


@pytest.mark.network
@pytest.mark.parametrize("resolver", ["files", "dns"])
def test_every_version(resolver: str, versions: list[str]) -> None:
    for version in versions:
        (lane,) = lanes_for(version, "worker")
        seen = check(lane, resolver)
        # up to 2.33 these were libraries of their own: they have to come from the tree as well
        if tuple(map(int, version.split("."))) < (2, 34):
            assert f"libnss_{resolver}.so.2" in seen

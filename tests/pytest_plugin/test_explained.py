"""From results to what pytest shows, and the builds of glibc that cannot be used."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare.differences import ArchitectureChange, VersionChange
from harness.compare.evidence import LaneSpec
from harness.compare.plan import make_jobs
from harness.compare.results import LookupReport, Result, Verdict
from harness.pytest_plugin import items
from harness.pytest_plugin.reporting import Examined, properties_of
from harness.sandbox import DeviceNote, Pool, SandboxError
from harness.scenario import load
from harness.scenario.schema import Lookup
from tests.compare.kit import host_lane
from tests.pytest_plugin.kit import NODE, shows

AGREED = Result(
    "node", "web", "default", "2.36", "amd64", "cffi", "host", Verdict.AGREE,
    ("10.0.0.1", "10.0.0.2"), ("10.0.0.1", "10.0.0.2"),
)  # fmt: skip
REPORT = LookupReport(
    "node", "web", "default", (AGREED,), devices=(DeviceNote("eth0", "made as tap"),)
)


def test_differences_of_versions_and_processors() -> None:
    new = replace(AGREED, glibc="2.41", native=("10.0.0.2", "10.0.0.1"))
    far = replace(AGREED, arch="s390x", native=("10.0.0.3",))
    report = replace(
        REPORT,
        results=(AGREED, new, far, replace(far, glibc="2.41")),
        changes=(VersionChange("2.36", "2.41", why=("since 2.41 …",), archs=("amd64",)),),
        architectures=(ArchitectureChange(("2.36",), ("amd64",), ("s390x",)),),
    )
    said = [dict(properties_of(Examined(one, report))) for one in report.results]
    assert [one.get("gai_difference") for one in said] == [
        None,
        "2.36 → 2.41 on amd64: 10.0.0.1, 10.0.0.2 → 10.0.0.2, 10.0.0.1 (since 2.41 …)",
        "2.36: amd64 ≠ s390x: 10.0.0.1, 10.0.0.2 ≠ 10.0.0.3 (no single dialect row explains it)",
        None,
    ]
    assert said[3]["native"] == "10.0.0.3"
    assert "rule" not in said[0]


def test_an_untrusted_result(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Examined(replace(AGREED, untrusted="qemu sees no labels"), REPORT)
    monkeypatch.setattr(items.GaiFile, "found", lambda *_: found)
    pytester.makefile(".gai.yaml", node=NODE)
    result = pytester.runpytest("-rs", "-k", "example")
    shows(result, "SKIPPED*not counted: qemu sees no labels", skipped=1, deselected=4)


@pytest.mark.gai_namespaces
def test_a_build_that_cannot_be_used_spares_the_others(tmp_path: Path, pool: Pool) -> None:
    path = tmp_path / "node.gai.yaml"
    path.write_text(NODE)
    broken = LaneSpec("2.99", "amd64", "worker", "broken", ("/no/such/loader",))
    (job,) = make_jobs([load(path)], (broken, host_lane()))
    wanted = [items.Spot(lookup, 0, lane) for lookup in (0, 3) for lane in (0, 1)]
    found = items.examine_spots(pool, job, wanted)
    assert set(found) == set(wanted)
    for spot, one in found.items():
        if spot.lane == 0:
            assert isinstance(one, SandboxError)
            assert "/no/such/loader" in str(one)
        else:
            assert isinstance(one, Examined)
            assert one.result.verdict is Verdict.AGREE
            assert one.report.line == {0: 10, 3: 14}[spot.lookup]


def test_names_of_lookups_builds_and_items() -> None:
    lookups = [Lookup(name="web"), Lookup(name="web", service="https"), Lookup(service="443")]
    assert items.lookup_names([*lookups, lookups[0]]) == ["web", "web:https", ":443", "web#2"]
    own = replace(host_lane(), glibc="2.36", label="host")
    package = replace(own, lane="worker", label="bookworm")
    folder = replace(own, lane="worker", glibc="2.43", label="prefix/my glibc")
    other = replace(folder, arch="m68k")
    assert items.lane_names([own, folder, other]) == ["2.36", "2.43", "2.43:m68k"]
    assert items.lane_names([own, package]) == ["2.36-host", "2.36-bookworm"]
    assert items.lane_names([folder, replace(folder, label="b")]) == [
        "2.43-prefix-my-glibc",
        "2.43-b",
    ]
    assert items.item_name("web", "2.36", "") == "web[2.36]"
    assert items.item_name("web", "2.36", "none") == "web[2.36-none]"
    assert items.item_name("::1", "2.36", "") == "lookup[::1-2.36]"
    assert items.item_name("a[b", "2.36", "none") == "lookup[a[b-2.36-none]"

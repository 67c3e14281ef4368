"""Scenario files as test items: their ids, how they are selected, what a failure shows."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.compare.differences import ArchitectureChange, VersionChange
from harness.compare.evidence import LaneSpec
from harness.compare.plan import make_jobs
from harness.compare.results import LookupReport, Result, Verdict
from harness.compare.run import HostJob
from harness.pytest_plugin import items, lab
from harness.pytest_plugin.reporting import Examined, properties_of
from harness.sandbox import DeviceNote, Pool, SandboxError
from harness.scenario import library, load
from harness.scenario.schema import Lookup
from tests.compare.kit import host_lane
from tests.e2e.kit import start
from tests.pytest_plugin.kit import HOST_VERSION, NODE, ids, shows
from tests.sandbox import ordinary_user

FAILURE = "expectation failed: native: expected 172.18.45.6"
DIFFERENCE = f"E   {FAILURE}, 172.31.80.8, got 172.31.80.8, 172.18.45.6"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[HostJob]:
    """Every host that is built from now on in this process, and what was looked up on it."""
    seen: list[HostJob] = []
    outcomes = Pool.outcomes

    def spy(pool: Pool, function: Any, specs: Any) -> Any:
        specs = list(specs)
        seen.extend(specs)
        return outcomes(pool, function, specs)

    monkeypatch.setattr(Pool, "outcomes", spy)
    return seen


def test_each_lookup_is_an_item_with_a_readable_id(project: pytest.Pytester) -> None:
    result = project.runpytest("--co", "-q")
    assert ids(result) == [
        f"hosts/node.gai.yaml::web[{HOST_VERSION}]",
        f"hosts/node.gai.yaml::web+inet+AI_ADDRCONFIG[{HOST_VERSION}]",
        f"hosts/node.gai.yaml::lookup[2001:db8::1-{HOST_VERSION}]",
        f"hosts/node.gai.yaml::db.example.com[{HOST_VERSION}]",
        f"hosts/node.gai.yaml::web#2[{HOST_VERSION}]",
        f"hosts/wrong.gai.yaml::web[{HOST_VERSION}]",
        f"hosts/wrong.gai.yaml::web+inet6[{HOST_VERSION}]",
    ]


def test_every_id_and_k_select_an_item(project: pytest.Pytester) -> None:
    options = ["--gai-conf", "none", "--gai-conf", "prefer-ipv4.conf"]
    every = ids(project.runpytest("--co", "-q", *options))
    assert len(every) == 14
    assert "prefer-ipv4.conf" in every[1]
    for one in (every[1], every[4], every[8]):
        assert ids(project.runpytest("--co", "-q", *options, one)) == [one]
    # two builds of one version have ids of their own
    two = ids(project.runpytest("--co", "-q", "--gai-glibc", "host,/", "-k", "example"))
    assert any(one.endswith("-host]") for one in two)
    assert len(set(two)) == 2
    chosen = ids(project.runpytest("--co", "-q", "-k", f"wrong and inet6 and {HOST_VERSION}"))
    assert chosen == [f"hosts/wrong.gai.yaml::web+inet6[{HOST_VERSION}]"]
    # without the bracket: on every glibc and gai.conf
    result = project.runpytest("--co", "-q", *options, "hosts/node.gai.yaml::web")
    assert ids(result) == [one for one in every if "node.gai.yaml::web[" in one]


@pytest.mark.parametrize(("options", "looked_up"), [
    (["hosts/node.gai.yaml"], [["web", "web", "2001:db8::1", "db.example.com", "web"]]),
    (["-k", "example or inet6", "--gai-glibc", "host"], [["db.example.com"], ["web"]]),
])  # fmt: skip
def test_a_host_is_built_once_for_what_is_selected(
    project: pytest.Pytester, built: list[HostJob], options: list[str], looked_up: list[list[str]]
) -> None:
    result = project.runpytest(*options)
    result.assert_outcomes(passed=sum(map(len, looked_up)), deselected=5 * ("-k" in options))
    assert [[one.name for one in job.scenario.lookups] for job in built] == looked_up


def test_a_lookup_after_a_change_comes_with_those_before_it(
    pytester: pytest.Pytester, built: list[HostJob]
) -> None:
    name = "reload-removed.yaml"
    text = next(path for path in library() if path.name == name).read_text()
    pytester.makefile(".gai.yaml", reload=text)
    pytester.runpytest("reload.gai.yaml::web#3").assert_outcomes(passed=1)
    assert [len(job.scenario.lookups) for job in built] == [7]


def test_a_failure_is_an_explanation(project: pytest.Pytester) -> None:
    result = project.runpytest("-v", "--junitxml", "junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert ".py" not in result.stdout.str().partition("= FAILURES =")[2]
    shows(
        result,
        f"hosts/wrong.gai.yaml::web[[]{HOST_VERSION}] FAILED *",
        "*_ wrong: web[[]*_*",
        DIFFERENCE,
        "E   expectation failed: model: expected rule 9 to decide, got 10",
        "native  172.31.80.8, 172.18.45.6",
        "model   172.31.80.8, 172.18.45.6",
        "*in common: source 172.18.45.2/0; *; interface unknown, not native; common prefix 0*",
        "*1. 172.31.80.8 before 172.18.45.6",
        "     rule 10: *",
        "*trap: IPv4-only host: *",
        "hosts/wrong.gai.yaml:9",
        f"FAILED hosts/wrong.gai.yaml::web[[]{HOST_VERSION}] - {FAILURE}, *",
        passed=6,
        failed=1,
    )
    (failure,) = ElementTree.parse(project.path / "junit.xml").getroot().iter("failure")
    assert str(failure.get("message")).startswith(f"{FAILURE}, 172.31.80.8, got")
    assert "rule 10: " in str(failure.text)


def test_junit_has_the_orders_and_the_rule(project: pytest.Pytester) -> None:
    project.runpytest("--junitxml", "junit.xml", "--gai-conf", "prefer-ipv4.conf")
    (suite,) = ElementTree.parse(project.path / "junit.xml").getroot()
    cases = {(case.get("classname"), case.get("name")): case for case in suite}
    case = cases["hosts.node.gai.yaml", f"web[{HOST_VERSION}-prefer-ipv4.conf]"]
    said = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert said.pop("arch")
    assert said.pop("build") == "host"
    order = "172.18.45.6, 172.31.80.8"
    assert said == {
        "glibc": HOST_VERSION, "gai_conf": "prefer-ipv4.conf", "native": order, "model": order,
        "rule": "9",
    }  # fmt: skip
    failed = ElementTree.parse(project.path / "junit.xml").getroot().iter("failure")
    assert not list(failed)  # an expectation holds under the file's own gai.conf


@pytest.mark.usefixtures("workers")
def test_workers_collect_the_same_and_keep_explanations_whole(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("-n", "2", "-v")
    failed = f"FAILED hosts/wrong.gai.yaml::web[[]*] - {FAILURE}, *"
    shows(result, DIFFERENCE, "     rule 10: *", failed, passed=6, failed=1)


def test_other_files_are_left_alone(project: pytest.Pytester) -> None:
    project.makefile(".yaml", other="name: [not a scenario]")
    project.makepyfile("def test_one(): pass")
    project.runpytest("-k", "test_one").assert_outcomes(passed=1, deselected=7)
    result = project.runpytest("other.yaml")
    assert "not a scenario" not in result.stdout.str()
    result.assert_outcomes()


# --- the example project of docs/pytest.md, run for real

EXAMPLE = Path(__file__).parents[2] / "docs/examples/pytest-project"


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest as a user of the installed package runs it."""
    hidden = ("PYTEST_", "COLUMNS")
    env = {name: None for name in os.environ if name.startswith(hidden)}
    words = "-P", "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments
    return start(sys.executable, *words, cwd=folder, env=env)


@pytest.mark.network
def test_the_example_project(tmp_path: Path, fetched: tuple[str, str]) -> None:
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    done = run_pytest(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = [line.split()[0] for line in done.stdout.splitlines() if " PASSED " in line]
    names = "hosts/drained-site.gai.yaml::api", "hosts/node.gai.yaml::node-1"
    assert passed[:4] == [f"{name}[{glibc}]" for name in names for glibc in ("2.36", "2.41")]
    assert len(passed) == 8
    assert "gai-harness: glibc 2.36 " in done.stdout
    (difference,) = (line for line in done.stdout.splitlines() if "→" in line)
    assert difference.startswith(
        "hosts/drained-site.gai.yaml::api[2.41]: 2.36 → 2.41: 198.51.100.9, 203.0.113.9 → "
        "203.0.113.9, 198.51.100.9 (since 2.41 "
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become an ordinary user")
def test_an_ordinary_user_needs_no_more() -> None:
    done = ordinary_user.run(
        [
            sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs",
            "-o", "gai_glibc=host", "-o", "gai_fetch=false", str(EXAMPLE),
        ]
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # the example's own question about two versions, which that user does not have
    assert "5 passed, 1 skipped" in done.stdout


# --- from results to what pytest shows, and the builds that cannot be used

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


def test_a_build_without_the_module_is_left_out_and_the_others_keep_their_names(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = replace(host_lane(), glibc="2.36", myhostname=False)
    lanes = without, replace(without, glibc="2.41", myhostname=True)
    monkeypatch.setattr(lab, "lanes_for", lambda *_, **__: lanes)
    monkeypatch.setattr(items.GaiFile, "found", lambda file, spot: Examined(
        replace(AGREED, untrusted=file.job.lanes[spot.lane].glibc), REPORT
    ))  # fmt: skip
    said = "host: {}\nname_service: {hosts: myhostname}\nlookups: [{name: _outbound}]\n"
    pytester.makefile(".gai.yaml", node=f"name: node\n{said}")
    result = pytester.runpytest("-v", "-rs")
    shows(result, "*_outbound[[]2.41] SKIPPED*", "*not counted: 2.41", skipped=1)
    shows(result, "*left out: glibc 2.36*has no libnss_myhostname.so.2*", skipped=1)


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

"""Scenario files as test items: their ids, how they are selected, what a failure shows."""

from typing import Any
from xml.etree import ElementTree

import pytest

from harness.compare.run import HostJob
from harness.sandbox import Pool
from harness.scenario import library
from tests.pytest_plugin.kit import HOST_VERSION, ids

pytest_plugins = ("pytester",)

FAILURE = "expectation failed: native: expected 172.18.45.6"


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


@pytest.mark.parametrize(
    ("options", "looked_up"),
    [
        (["hosts/node.gai.yaml"], [["web", "web", "2001:db8::1", "db.example.com", "web"]]),
        (["-k", "example or inet6", "--gai-glibc", "host"], [["db.example.com"], ["web"]]),
    ],
)
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
    assert [len(job.scenario.lookups) for job in built] == [3]


def test_a_failure_is_an_explanation(project: pytest.Pytester) -> None:
    result = project.runpytest("-v", "--junitxml", "junit.xml")
    result.assert_outcomes(passed=6, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = result.stdout.str()
    assert "Traceback" not in text
    assert ".py" not in text.partition("= FAILURES =")[2]
    result.stdout.fnmatch_lines(
        [
            f"hosts/wrong.gai.yaml::web[[]{HOST_VERSION}] FAILED *",
            "*_ wrong: web[[]*_*",
            f"E   {FAILURE}, 172.31.80.8, got 172.31.80.8, 172.18.45.6",
            "E   expectation failed: model: expected rule 9 to decide, got 10",
            "native  172.31.80.8, 172.18.45.6",
            "model   172.31.80.8, 172.18.45.6",
            "*destination *source *scope *label *precedence *common prefix*",
            " 172.31.80.8 * 172.18.45.2/0 *unknown, not native*",
            "*1. 172.31.80.8 before 172.18.45.6",
            "     rule 10: *",
            "*trap: IPv4-only host: *",
            "hosts/wrong.gai.yaml:9",
            f"FAILED hosts/wrong.gai.yaml::web[[]{HOST_VERSION}] - {FAILURE}, *",
        ]
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
    assert said == {
        "glibc": HOST_VERSION,
        "gai_conf": "prefer-ipv4.conf",
        "native": "172.18.45.6, 172.31.80.8",
        "model": "172.18.45.6, 172.31.80.8",
        "rule": "9",
    }
    failed = ElementTree.parse(project.path / "junit.xml").getroot().iter("failure")
    assert not list(failed)  # an expectation holds under the file's own gai.conf


def test_workers_collect_the_same_and_keep_explanations_whole(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_PLUGINS", "harness.pytest_plugin,xdist.plugin")
    result = project.runpytest_subprocess("-n", "2", "-v")
    result.assert_outcomes(passed=6, failed=1)
    result.stdout.fnmatch_lines(
        [
            f"E   {FAILURE}, 172.31.80.8, got 172.31.80.8, 172.18.45.6",
            "     rule 10: *",
            f"FAILED hosts/wrong.gai.yaml::web[[]*] - {FAILURE}, *",
        ]
    )


def test_other_files_are_left_alone(project: pytest.Pytester) -> None:
    project.makefile(".yaml", other="name: [not a scenario]")
    project.makepyfile("def test_one(): pass")
    project.runpytest("-k", "test_one").assert_outcomes(passed=1, deselected=7)
    result = project.runpytest("other.yaml")
    assert "not a scenario" not in result.stdout.str()
    result.assert_outcomes()

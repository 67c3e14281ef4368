"""Options and ini keys: what they choose, and the one line for what cannot be used."""

import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest

from harness.compare import plan
from harness.native.record import LaneError
from harness.pytest_plugin import lab
from harness.sandbox import NoSandbox, SandboxUnavailable
from tests.pytest_plugin.kit import HOST_VERSION, OTHER_VERSION, ids, shows
from tests.sandbox import denied_places

# a line of the ini file, the options, and the one line that is the answer
WRONG = [
    ("", f"--gai-glibc host,{OTHER_VERSION}",
     f"--gai-glibc: glibc {OTHER_VERSION} is not on this host; *gai-harness glibc fetch"
     f" {OTHER_VERSION}*(or let pytest do that: --gai-fetch)"),
    (f"gai_glibc = {OTHER_VERSION}", "",
     f"gai_glibc: glibc {OTHER_VERSION} is not on this host; *"),
    ("", f"--gai-glibc host,,{OTHER_VERSION}",
     "--gai-glibc: a version, host, a folder or all was expected*"),
    ("", "--gai-glibc nonsense", "--gai-glibc: 'nonsense' names no glibc; *"),
    ("", "--gai-glibc 9.99", "--gai-glibc: glibc 9.99 is not on this host; *"),
    ("", "--gai-glibc 9.99 --gai-fetch", "--gai-glibc: *9.99*"),
    ("", "--gai-conf missing.conf", "--gai-conf: missing.conf: a gai.conf that can be read*"),
    ("gai_conf = missing.conf", "", "gai_conf: missing.conf: a gai.conf that can be read*"),
    ("gai_no_sandbox = maybe", "", "gai_no_sandbox: fail or skip was expected, got 'maybe'"),
]  # fmt: skip


@pytest.mark.bare
@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize(("ini", "options", "said"), WRONG)
def test_wrong_use_is_one_line(project: pytest.Pytester, ini: str, options: str, said: str) -> None:
    project.makeini(f"[pytest]\n{ini}\n")
    project.makepyfile(test_plain="def test_one(): pass")
    result = project.runpytest(*options.split())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    (line,) = filter(None, result.errlines)
    assert fnmatchcase(line, f"ERROR: {said}")
    if ini:  # which is no matter without scenarios
        project.runpytest("test_plain.py").assert_outcomes(passed=1)


@pytest.mark.usefixtures("empty", "workers")
def test_workers_tell_of_a_missing_glibc_in_one_line(project: pytest.Pytester) -> None:
    project.makeini(f"[pytest]\ngai_glibc = {OTHER_VERSION}\n")
    result = project.runpytest_subprocess("-n", "1")
    assert result.ret != 0
    shows(result, f"E   gai_glibc: glibc {OTHER_VERSION} is not on this host; *", errors=2)


@pytest.fixture
def a_mirror(fetch_glibcs: Callable[..., str]) -> None:
    """Skipped where none can be reached."""
    fetch_glibcs(OTHER_VERSION)


@pytest.mark.network
@pytest.mark.bare
@pytest.mark.usefixtures("a_mirror", "empty")
def test_a_missing_glibc_is_fetched_when_asked_for(project: pytest.Pytester) -> None:
    project.makeini(f"[pytest]\ngai_glibc = {OTHER_VERSION}\ngai_fetch = true\n")
    result = project.runpytest("hosts/node.gai.yaml", "-v")
    shows(
        result,
        f"*gai-harness: fetching glibc {OTHER_VERSION}",
        f"gai-harness: glibc {OTHER_VERSION} * (debian *)",
        f"hosts/node.gai.yaml::web[[]{OTHER_VERSION}] PASSED*",
        passed=5,
    )


def test_the_header_names_the_builds_and_the_files(project: pytest.Pytester) -> None:
    result = project.runpytest("--gai-glibc", "host", "--gai-conf", "prefer-ipv4.conf", "--co")
    head, _, rest = result.stdout.str().partition("collected ")
    assert f"gai-harness: glibc {HOST_VERSION} " in head
    assert "gai-harness: gai.conf prefer-ipv4.conf" in head
    assert "gai-harness: glibc" not in rest  # once is enough
    late = project.runpytest("--co").stdout.str().partition("collected ")
    assert f"gai-harness: glibc {HOST_VERSION} " in late[2]
    assert "gai-harness: glibc" not in late[0]


def test_a_relative_gai_conf(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    # the far one first, which nothing else would make so
    (project.path / "hosts/far.conf").write_text("precedence ::ffff:172.31.0.0/112 100\n")
    monkeypatch.chdir(project.path / "hosts")
    result = project.runpytest(
        "--gai-conf", "far.conf", "--gai-conf", "none", "node.gai.yaml::web", "--junitxml", "x.xml"
    )
    result.assert_outcomes(passed=2)
    said = (project.path / "hosts/x.xml").read_text()
    order = 'name="native" value='
    assert f'{order}"172.31.80.8, 172.18.45.6"' in said
    assert f'{order}"172.18.45.6, 172.31.80.8"' in said
    assert f'name="web[{HOST_VERSION}-far.conf]"' in said


def test_gai_confs_of_the_ini(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("one", "two"):
        (project.path / place).mkdir()
        (project.path / place / "x.conf").write_text("precedence ::ffff:0:0/96 100\n")
    project.makeini("[pytest]\ngai_conf =\n    one/x.conf\n    two/x.conf\n    none\n")
    monkeypatch.chdir(project.path / "hosts")
    result = project.runpytest("--co", "-q", "node.gai.yaml", "-k", "example")
    names = [one.partition("[")[2] for one in ids(result)]
    assert [name.partition("-")[2] for name in names] == ["one/x.conf]", "two/x.conf]", "none]"]
    # the command line takes their place
    result = project.runpytest("--co", "-q", "-k", "example", "--gai-conf", "none")
    assert len(ids(result)) == 1


def test_a_malformed_scenario_is_one_line(project: pytest.Pytester) -> None:
    project.makefile(
        ".gai.yaml", **{"hosts/bad": "name: bad\nlookups: [{name: a}]\nhost: {interface: {}}\n"}
    )
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    shows(
        result,
        "*ERROR collecting hosts/bad.gai.yaml*",
        "E   hosts/bad.gai.yaml:3: host.interface: expected *'interfaces' (got 'interface')",
        "ERROR hosts/bad.gai.yaml - hosts/bad.gai.yaml:3: host.interface: expected *",
        errors=1,
    )


def test_a_host_the_kernel_refuses_fails_in_one_line(project: pytest.Pytester) -> None:
    text = (
        "name: refused\nlookups: [{name: a}, {name: b}]\nnames: {a: [192.0.2.7], b: [192.0.2.7]}\n"
        "host: {interfaces: {}, sysctls: {net.ipv6.bindv6only: many}}\n"
    )
    project.makefile(".gai.yaml", refused=text)
    result = project.runpytest("refused.gai.yaml", "--gai-glibc", "host,/")
    shows(
        result,
        "E   host.sysctls.net.ipv6.bindv6only: the kernel refused 'many': Invalid argument",
        "FAILED refused.gai.yaml::a[[]* - host.sysctls.net.ipv6.bindv6only: *",
        failed=4,
    )


MARKED = """
import pytest

@pytest.mark.gai_namespaces
@pytest.mark.gai_glibc("host")
def test_here(): pass

@pytest.mark.gai_glibc("host", "9.99")
def test_nowhere(): pass

@pytest.mark.gai_glibc(2.41)
def test_number(): pass
"""


def test_strict_markers_know_ours(project: pytest.Pytester) -> None:
    project.makepyfile(MARKED)
    result = project.runpytest("--strict-markers", "-rs", "-k", "test_")
    lines = "*gai_glibc: versions as text were expected*", "SKIPPED*glibc 9.99 is not on this *"
    shows(result, *lines, passed=1, skipped=1, errors=1, deselected=7)
    markers = project.runpytest("--markers").stdout.str()
    assert "@pytest.mark.gai_glibc(version, ...):" in markers
    assert "@pytest.mark.gai_namespaces:" in markers


BOXES = """
import pytest

def test_box(gai_host):
    gai_host("seed-rule9-dual-stack")

def test_order(gai_order):
    gai_order("seed-rule9-dual-stack", "web")

@pytest.mark.gai_namespaces
def test_marked(): raise AssertionError
"""


def test_without_namespaces_nothing_passes(project: pytest.Pytester) -> None:
    """But one may skip."""
    project.makepyfile(BOXES)
    place = sys.executable, denied_places.__file__, "limited"
    without_namespaces = partial(project.run, *place, sys.executable, "-P", "-m", "pytest")
    result = without_namespaces()
    said = "this host cannot make the private network of this test"
    # what is marked is skipped
    shows(result, f"E   {said}: *max_user_namespaces*", f"*- {said}*", failed=9, skipped=1)
    lines = [line for line in result.outlines if line.startswith("FAILED")]
    assert len([line for line in lines if " this host cannot make " in line]) == 9
    without_namespaces("--gai-no-sandbox", "skip").assert_outcomes(skipped=10)
    project.makeini("[pytest]\ngai_no_sandbox = skip\n")
    without_namespaces().assert_outcomes(skipped=10)


def lab_of(*, fetch: bool) -> lab.Lab:
    config = SimpleNamespace(option=SimpleNamespace(gai_fetch=fetch), getini=lambda _: False)
    return lab.Lab(cast("pytest.Config", config))


@pytest.mark.parametrize(("problem", "said"), [
    (NoSandbox("no namespaces", "allow them"), ""),
    (SandboxUnavailable("too many files", "fewer jobs"), "--gai-glibc: too many files; fewer"),
    (LaneError("glibc 2.36:s390x does not run here"), "--gai-glibc: glibc 2.36:s390x does not"),
])  # fmt: skip
def test_a_self_test_that_cannot_be_made_is_no_internal_error(
    problem: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Builds of other architectures are tried before the first scenario is."""
    made = lab_of(fetch=False)
    monkeypatch.setattr(plan, "marked", Mock(side_effect=problem))
    if not said:  # then each scenario says so, or is skipped
        assert [lane.build for lane in made.lanes_for("host", "--gai-glibc")] == ["host"]
        return
    with pytest.raises(pytest.UsageError, match=f"^{said}"):
        made.lanes_for("host", "--gai-glibc")


def test_with_a_missing_glibc_its_qemu_is_fetched_too(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[object] = []
    monkeypatch.setattr(lab, "find", lambda word: [word])
    monkeypatch.setattr(lab, "fetch_emulator", got.append)
    monkeypatch.setattr(lab, "lanes_for", lambda *_, **__: ())
    lab_of(fetch=True).lanes_for("2.36:s390x,2.41", "--gai-glibc")
    assert got == ["2.36:s390x", "2.41"]

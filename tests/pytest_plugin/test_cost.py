"""What the plugin costs those who only have it installed, and what it leaves behind: nothing."""

import json
import subprocess
import sys

import pytest

from tests.e2e.kit import start
from tests.processes import Program, until

# of this package and of what it uses, loaded without being used
ALLOWED = {"harness", "harness.pytest_plugin", "harness.pytest_plugin.reporting"}
HEAVY = {"asyncio", "cffi", "dnslib", "filelock", "pydantic", "pyroute2", "rich", "yaml"}


def test_a_run_without_scenarios_loads_next_to_nothing(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one with scenarios load pyroute2: only the process that makes sandboxes needs it."""
    project.makepyfile(test_plain="def test_one(): pass")
    project.makeconftest(
        """
        import json, sys

        def pytest_unconfigure():
            with open("modules.json", "w") as stream:
                json.dump(sorted(sys.modules), stream)
        """
    )

    def loaded() -> set[str]:
        project.runpytest_subprocess("test_plain.py", "--strict-markers").assert_outcomes(passed=1)
        return set(json.loads((project.path / "modules.json").read_text()))

    with monkeypatch.context() as without:
        without.delenv("PYTEST_PLUGINS")
        pytests = loaded()  # with Python 3.14 asyncio, too
    more = loaded() - pytests
    assert {name for name in more if name.partition(".")[0] == "harness"} == ALLOWED
    assert HEAVY & more == set()
    project.runpytest_subprocess("hosts/node.gai.yaml").assert_outcomes(passed=5)
    assert "pyroute2.netlink" not in json.loads((project.path / "modules.json").read_text())


def test_the_modules_loaded_first_import_pytest_and_little_else() -> None:
    code = "import sys, pytest; known = set(sys.modules); "
    code += "import harness.pytest_plugin; print(*sorted(set(sys.modules) - known))"
    done = start(sys.executable, "-P", "-c", code, check=True)
    assert set(done.stdout.split()) <= ALLOWED


# --- what is left of hosts, functions and commands when pytest is killed

_BUSY = {
    "function": "box.run(lambda: (say(), time.sleep(600)))",
    "command": "say(); box.command(['sleep', '600'])",
    "daemon": "box.run(lambda: os.fork() or (say(), time.sleep(600))); time.sleep(600)",
    "host": "say(); time.sleep(600)",
}
_TEST = """
import os, time

def say():
    open("ready", "w").close()

def test_busy(gai_host):
    box = gai_host("seed-rule9-dual-stack")
    {}
"""


@pytest.mark.parametrize("busy", _BUSY)
def test_nothing_is_left_after_a_sigkill(project: pytest.Pytester, busy: str) -> None:
    project.makepyfile(test_busy=_TEST.format(_BUSY[busy]))
    command = (sys.executable, "-P", "-m", "pytest", "-q", "test_busy.py")
    with Program(*command, cwd=project.path, stdout=subprocess.DEVNULL) as process:
        assert until(lambda: (project.path / "ready").exists() or process.poll() is not None)
        assert process.poll() is None
        assert len(process.family()) >= 4  # pytest, forkserver, supervisor, the sandbox's pid 1
        process.kill()
        process.wait()
        assert until(lambda: not process.family(), 20)

"""What the plugin costs those who only have it installed: a few small modules."""

import json
import subprocess
import sys

import pytest

pytest_plugins = ("pytester",)

# of this package and of what it uses, loaded without being used
ALLOWED = {"harness", "harness.pytest_plugin", "harness.pytest_plugin.reporting"}
HEAVY = {"asyncio", "cffi", "dnslib", "filelock", "pydantic", "pyroute2", "rich", "yaml"}


def test_a_run_without_scenarios_loads_next_to_nothing(project: pytest.Pytester) -> None:
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
    project.runpytest_subprocess("test_plain.py", "--strict-markers").assert_outcomes(passed=1)
    loaded = set(json.loads((project.path / "modules.json").read_text()))
    assert {name for name in loaded if name.partition(".")[0] == "harness"} == ALLOWED
    assert not HEAVY & loaded
    project.runpytest_subprocess("hosts/node.gai.yaml").assert_outcomes(passed=5)
    assert "pyroute2" not in json.loads((project.path / "modules.json").read_text())


def test_the_modules_loaded_first_import_pytest_and_little_else() -> None:
    code = "import sys, pytest; known = set(sys.modules); "
    code += "import harness.pytest_plugin; print(*sorted(set(sys.modules) - known))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) <= ALLOWED

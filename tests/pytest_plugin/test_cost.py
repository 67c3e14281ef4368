"""What the plugin costs those who only have it installed: a few small modules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ("pytester",)

# of this package and of what it uses, loaded without being used
ALLOWED = {
    "harness",
    "harness.pytest_plugin",
    "harness.pytest_plugin.reporting",
}
HEAVY = {"asyncio", "cffi", "dnslib", "filelock", "pydantic", "pyroute2", "rich", "yaml"}


def test_the_installed_package_is_found_by_pytest(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "--fixtures"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTEST_DISABLE_PLUGIN_AUTOLOAD"},
    )  # fmt: skip
    assert "gai_host" in done.stdout
    assert "gai_order" in done.stdout


def test_a_run_without_scenarios_loads_next_to_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_plain="""
        import atexit, json, sys

        def at_the_end():
            with open("modules.json", "w") as stream:
                json.dump(sorted(sys.modules), stream)

        atexit.register(at_the_end)

        def test_one(): pass
        """
    )
    project.runpytest_subprocess("test_plain.py", "--strict-markers").assert_outcomes(passed=1)
    loaded = json.loads((project.path / "modules.json").read_text())
    ours = {name for name in loaded if name.partition(".")[0] == "harness"}
    assert ours == ALLOWED
    assert not HEAVY & set(loaded)


def test_the_modules_loaded_first_import_pytest_and_little_else() -> None:
    code = "import sys; before = set(sys.modules); import pytest; known = set(sys.modules); "
    code += "import harness.pytest_plugin; print(*sorted(set(sys.modules) - known))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) <= ALLOWED


def test_a_scenario_makes_no_user_of_pyroute2_of_pytest(project: pytest.Pytester) -> None:
    """Only the process that makes sandboxes needs it, and it takes long to load."""
    project.makeconftest(
        """
        import sys

        def pytest_sessionfinish(session):
            with open("loaded", "w") as stream:
                stream.write(str("pyroute2" in sys.modules))
        """
    )
    project.runpytest_subprocess("hosts/node.gai.yaml").assert_outcomes(passed=5)
    assert Path(project.path / "loaded").read_text() == "False"

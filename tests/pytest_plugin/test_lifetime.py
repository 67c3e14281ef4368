"""What is left of hosts, functions and commands when pytest is killed: nothing."""

import subprocess
import sys

import pytest

from tests.processes import Program, until

pytest_plugins = ("pytester",)

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

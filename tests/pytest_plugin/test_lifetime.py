"""What is left of hosts, functions and commands when pytest is killed: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.processes import marked, until

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


@pytest.fixture(params=_BUSY)
def busy(
    request: pytest.FixtureRequest, project: pytest.Pytester
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """pytest in the middle of a test, and the mark of everything that descends from it."""
    mark = f"gai-test-mark-{uuid.uuid4()}"
    project.makepyfile(test_busy=_TEST.format(_BUSY[request.param]))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "pytest", "-q", "test_busy.py"],
        cwd=project.path, env=os.environ | {"GAI_TEST_MARK": mark},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert until(lambda: (project.path / "ready").exists() or process.poll() is not None)
    assert process.poll() is None
    yield process, mark
    for pid in marked(mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def test_nothing_is_left_after_a_sigkill(busy: tuple[subprocess.Popen[bytes], str]) -> None:
    process, mark = busy
    assert len(marked(mark)) >= 4  # pytest, forkserver, supervisor, the sandbox's pid 1
    process.kill()
    process.wait()
    assert until(lambda: not marked(mark), 20)

"""The machine is the same after a run, and after one that was killed in the middle."""

import os
import signal
import subprocess

import pytest

from tests.e2e.kit import COMMAND
from tests.processes import Program, everybody, machine, namespaces, until


@pytest.mark.parametrize("number", [None, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("lane", ["cffi", "worker"])
def test_after_a_run_and_one_that_was_killed(lane: str, number: signal.Signals | None) -> None:
    before = machine()

    def spaces() -> set[str]:
        return namespaces(run.family()) - namespaces([os.getpid()])

    with Program(
        COMMAND, "run", "--lane", lane, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        # whoever runs the tests in the background ignores it, and so would the run
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as run:  # fmt: skip
        inside = until(spaces)
        assert inside, "no sandbox was seen"
        if number is None:
            _, stderr = run.communicate(timeout=300)
            assert (run.returncode, stderr) == (0, "")
        else:
            inside |= spaces()
            assert len(run.family()) > 2
            run.send_signal(number)
            _, stderr = run.communicate(timeout=60)
            assert run.returncode not in (0, 1)
            assert "Traceback" not in stderr
        assert until(lambda: not run.family()), "processes are left"
        assert until(lambda: not inside & namespaces(everybody())), "namespaces are left"
    assert machine() == before

"""A fetch that is killed: apt-get ends with it, and the next command clears what it left."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.glibcs import apt
from harness.glibcs.cache import clear_dead
from tests.processes import Program, marked, until

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt-get")

# docs/security.md names a longer run.
KILLS = int(os.environ.get("GAI_HARNESS_KILLS", "3"))
FETCH = """
import sys
from harness.cli.main import main
from harness.glibcs import fetching
from harness.glibcs.catalog import Distribution, Suite
from harness.glibcs.apt_sources import Source
fetching.host_distribution = lambda: Distribution("made", "main", (Suite("first", "2.99"),), ())
fetching.host_sources = lambda: (Source(sys.argv[1], ("first",), ("main",)),)
sys.exit(main(["glibc", "fetch", "first"]))
"""
# A user namespace in which no pid namespace can be made: the second net has to hold.
WITHOUT = ["unshare", "-U", "-r", "sh", "-c",
           'echo 0 > /proc/sys/user/max_pid_namespaces && exec "$@"', "sh"]  # fmt: skip


@pytest.fixture
def stalling() -> Iterator[socket.socket]:
    """A mirror that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def _start(server: socket.socket, cache: Path, before: list[str]) -> Program:
    """A fetch from that mirror."""
    uri = f"http://127.0.0.1:{server.getsockname()[1]}/debian"
    return Program(
        *before, sys.executable, "-P", "-c", FETCH, uri, stdout=subprocess.DEVNULL,
        env={"GAI_HARNESS_CACHE": str(cache), "no_proxy": "*"},
    )  # fmt: skip


def _lines(pids: Iterable[int]) -> dict[int, str]:
    """The command lines of these processes, as far as they are still there."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    return found


def _needs(before: list[str]) -> None:
    """Skip where no command runs behind these words."""
    if subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"needs {' '.join(before[:4])}")


@pytest.mark.parametrize("net", ["pid namespace", "orphans", "supervisor killed", "terminated"])
def test_nothing_of_a_killed_fetch_stays(stalling: socket.socket, cache: Path, net: str) -> None:
    before = WITHOUT if net == "orphans" else []
    _needs(["unshare", "-U", "-r", "-p", "-f"] if net == "supervisor killed" else before)
    with _start(stalling, cache, before) as started:
        stalling.accept()
        running = _lines(started.family())
        for name in ("apt-get", "methods/http"):
            assert any(name in line for line in running.values())
        if net == "supervisor killed":
            for pid, line in running.items():
                if "supervise.py" in line:
                    os.kill(pid, signal.SIGKILL)
            assert started.wait(15) == 3
        else:
            started.send_signal(signal.SIGTERM if net == "terminated" else signal.SIGKILL)
            started.wait(15)
            assert len(list((cache / "tmp").iterdir())) == 1
        assert until(lambda: not started.family(), 15), _lines(started.family())
    assert main(["schema"]) == 0
    assert not any((cache / "tmp").iterdir())


def test_fetches_killed_at_any_moment(stalling: socket.socket, cache: Path) -> None:
    chance = random.Random(f"kills {KILLS}")
    for _ in range(KILLS):
        with _start(stalling, cache, []) as started:
            time.sleep(chance.uniform(0, 3))
            started.kill()
            started.wait()
            assert until(lambda: not started.family(), 15), _lines(started.family())
    clear_dead()
    assert not (cache / "tmp").exists() or not any((cache / "tmp").iterdir())


def test_a_supervised_commands_own_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAI_TEST_MARK", mark := uuid.uuid4().hex)
    for script, said in (
        ("exit 0", None),
        ("echo 'E: made' >&2; exit 100", "E: made\n"),
        # what it leaves in the background ends with it
        ("sleep 1000 & setsid sleep 1000 & exit 1", ""),
    ):
        assert apt._run(["/bin/sh", "-c", script, "sh"], tmp_path, lambda *_: None) == said
    assert [line for line in _lines(marked(mark)).values() if "sleep" in line] == []

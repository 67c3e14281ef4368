"""The machine is the same after a run, and after one that was killed in the middle."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from pyroute2 import IPRoute  # type: ignore[import-untyped]

from tests.e2e.kit import COMMAND
from tests.processes import marked, until

PROC = Path("/proc")
SMALL = 64 * 1024


def network() -> dict[str, object]:
    """Links, addresses, routes and rules, without what changes by itself (counters, ages)."""
    with IPRoute() as netlink:
        links = sorted(
            (m["index"], m.get_attr("IFLA_IFNAME"), m["flags"], m.get_attr("IFLA_MTU"))
            for m in netlink.get_links()
        )
        addresses = sorted(
            (m["index"], m["family"], m["prefixlen"], str(m.get_attr("IFA_ADDRESS")))
            for m in netlink.get_addr()
        )
        routes = sorted(
            (m["family"], m["dst_len"], m["table"], m["type"],
             *(str(m.get_attr(f"RTA_{name}")) for name in ("DST", "GATEWAY", "OIF", "PREFSRC")))
            for m in netlink.get_routes()
        )  # fmt: skip
        rules = sorted((m["family"], str(m.get_attr("FRA_PRIORITY"))) for m in netlink.get_rules())
    return {"links": links, "addresses": addresses, "routes": routes, "rules": rules}


def machine() -> dict[str, object]:
    """What a run must not change."""
    etc: dict[str, object] = {}
    for path in sorted(Path("/etc").rglob("*")):
        with suppress(OSError):
            status = path.lstat()
            etc[str(path)] = (status.st_mode, status.st_uid, status.st_size)
            if path.is_file() and not path.is_symlink() and status.st_size <= SMALL:
                etc[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        **network(),
        "etc": etc,
        "mounts": sorted(PROC.joinpath("self/mountinfo").read_text().splitlines()),
        "name": os.uname().nodename,
        "run": sorted(path.name for path in Path("/run").iterdir()),
    }


class Run:
    """A run of the library, with everything that descends from it."""

    def __init__(self, *arguments: str) -> None:
        self._mark = f"GAI_E2E_MARK={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        self.process = subprocess.Popen(
            [str(COMMAND), "run", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {name: value},
            # whoever runs the tests in the background ignores it, and so would the run
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def family(self) -> set[int]:
        """The pids of this run's processes."""
        return marked(self._mark)

    def spaces(self) -> set[str]:
        """Namespaces that this run's processes are in and this test is not."""
        return namespaces(self.family()) - namespaces({os.getpid()})


def namespaces(pids: set[int]) -> set[str]:
    found = set()
    for pid in pids:
        for kind in ("user", "net", "mnt", "pid", "uts", "ipc"):
            with suppress(OSError):
                found.add(str((PROC / str(pid) / "ns" / kind).readlink()))
    return found


def everybody() -> set[int]:
    return {int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()}


@pytest.mark.parametrize("number", [None, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("lane", ["cffi", "worker"])
def test_after_a_run_and_one_that_was_killed(lane: str, number: signal.Signals | None) -> None:
    before = machine()
    run = Run("--lane", lane)
    inside = until(run.spaces)
    assert inside, "no sandbox was seen"
    if number is None:
        _, stderr = run.process.communicate(timeout=300)
        assert (run.process.returncode, stderr) == (0, b"")
    else:
        inside |= run.spaces()
        assert len(run.family()) > 2
        run.process.send_signal(number)
        _, stderr = run.process.communicate(timeout=60)
        assert run.process.returncode not in (0, 1)
        assert b"Traceback" not in stderr
    assert until(lambda: not run.family()), "processes are left"
    assert until(lambda: not inside & namespaces(everybody())), "namespaces are left"
    assert machine() == before

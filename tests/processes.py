"""Programs that a test starts, or the command called in its own process; what they have left."""

import atexit
import io
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pyroute2 import IPRoute  # type: ignore[import-untyped]

from harness.cli.main import main
from harness.sandbox import Pool, programs

T = TypeVar("T")
PROC = Path("/proc")


class Program(subprocess.Popen[str]):
    """A program that is killed at the end with all that descends from it, which bears a mark."""

    def __init__(
        self, *command: str | Path, env: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        self.mark = f"gai-test-{uuid.uuid4()}"
        env = {**os.environ, **(env or {}), "GAI_TEST_MARK": self.mark}
        options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
        super().__init__(list(map(str, command)), env=env, text=True, **options)

    def family(self) -> set[int]:
        """The processes of it that are there, itself included."""
        return marked(self.mark)

    def namespaces(self) -> set[str]:
        """Those of its processes in which this one is not."""
        return namespaces(self.family()) - namespaces([os.getpid()])

    def left(self, inside: set[str], before: Mapping[str, object]) -> list[str]:
        """What of it is there after its end: nothing, it is to be hoped.

        Processes, namespaces of those ``inside``, parts of `machine` that are not as ``before``.
        """
        processes = until(lambda: not self.family())
        spaces = until(lambda: not inside & namespaces(everybody()))
        after = machine()
        changed = [name for name, value in before.items() if after[name] != value]
        return ["processes"] * (not processes) + ["namespaces"] * (not spaces) + changed

    def __exit__(self, *_: object) -> None:
        for pid in self.family():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.communicate()


def everybody() -> set[int]:
    return {int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()}


def marked(mark: str) -> set[int]:
    """The processes with this text in the environment they were started with, but no zombies."""
    found = set()
    for pid in everybody():
        with suppress(OSError):
            if mark.encode() in PROC.joinpath(f"{pid}/environ").read_bytes():
                found.add(pid)
    return found


def namespaces(pids: Iterable[int]) -> set[str]:
    found = set()
    for pid in pids:
        for kind in ("user", "net", "mnt", "pid", "uts", "ipc"):
            with suppress(OSError):
                found.add(str(PROC.joinpath(f"{pid}/ns/{kind}").readlink()))
    return found


def until(condition: Callable[[], T], seconds: float = 60) -> T:
    """What ``condition`` gives as soon as that is true, or at the end of the time."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.02)  # what is waited for may take as long to look at
    return value


def machine() -> dict[str, object]:
    """What nothing in a sandbox may change, without what changes by itself (counters, ages)."""
    etc: dict[str, object] = {}
    for path in sorted(Path("/etc").rglob("*")):
        with suppress(OSError):
            status = path.lstat()
            etc[str(path)] = (status.st_mode, status.st_uid, status.st_ino, status.st_ctime_ns)
    with IPRoute() as netlink:
        network = {
            "links": [(m["index"], m.get_attr("IFLA_IFNAME"), m["flags"], m.get_attr("IFLA_MTU"))
                      for m in netlink.get_links()],
            "addresses": [(m["index"], m["family"], m["prefixlen"], m.get_attr("IFA_ADDRESS"))
                          for m in netlink.get_addr()],
            "routes": [(m["family"], m["dst_len"], m["table"], m["type"],
                        *(m.get_attr(f"RTA_{n}") for n in ("DST", "GATEWAY", "OIF", "PREFSRC")))
                       for m in netlink.get_routes()],
            "rules": [(m["family"], m.get_attr("FRA_PRIORITY")) for m in netlink.get_rules()],
        }  # fmt: skip
    return {
        **{name: sorted(map(str, found)) for name, found in network.items()},
        "multicast": PROC.joinpath("self/net/dev_mcast").read_text(),
        "etc": etc,
        "mounts": sorted(PROC.joinpath("self/mountinfo").read_text().splitlines()),
        "name": os.uname().nodename,
        "run": sorted(path.name for path in Path("/run").iterdir()),
    }


_START, _CLOSE = Pool._start, Pool.close
_IDLE: dict[str, Pool] = {}
_KEPT = 3  # of as many surroundings: a test may have an environment of its own


@atexit.register
def _close_idle() -> None:
    while _IDLE:
        _CLOSE(_IDLE.popitem()[1])


@contextmanager
def warm_pools() -> Iterator[None]:
    """Meanwhile the next pool takes over the fork server of one that is closed.

    It has imported all that a job needs, which takes two thirds of a second. The jobs are not in
    it, but in children of their own.
    """

    def surroundings() -> str:
        # pytest names each test in it, which no job asks for
        environment = programs.environment() | {"PYTEST_CURRENT_TEST": ""}
        return json.dumps([environment, programs.module_path()])

    def take(pool: Pool) -> None:
        idle = _IDLE.pop(surroundings(), None)
        if idle is None or idle._forkserver is None or idle._forkserver.poll() is not None:
            _START(pool)
        else:
            pool._forkserver, pool._control = idle._forkserver, idle._control

    def leave(pool: Pool) -> None:
        if pool._forkserver is None or surroundings() in _IDLE:
            _CLOSE(pool)
            return
        idle = _IDLE[surroundings()] = Pool()
        idle._forkserver, idle._control = pool._forkserver, pool._control
        pool._forkserver = pool._control = None
        while len(_IDLE) > _KEPT:  # the one that was left longest ago
            _CLOSE(_IDLE.pop(next(iter(_IDLE))))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pool, "_start", take)
        patch.setattr(Pool, "close", leave)
        yield


@dataclass(frozen=True, slots=True)
class Done:
    """What a command called in this process left: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


def called(*words: str | Path, cwd: Path | str = ".", env: Mapping[str, str] | None = None) -> Done:
    """Call ``gai-harness`` in this process, with the words of a command line.

    A byte of its output that is no UTF-8 becomes half a surrogate.
    """
    out, err = (
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors)
        for errors in ("strict", "backslashreplace")
    )
    with pytest.MonkeyPatch.context() as patch, chdir(cwd):
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        with redirect_stdout(out), redirect_stderr(err), warm_pools():
            try:
                status = main(list(map(str, words)))
            except SystemExit as end:  # argparse's way
                status = int(end.code or 0)
    said = []
    for stream in (out, err):
        stream.flush()
        said.append(stream.buffer.getvalue().decode("utf-8", "surrogateescape"))
    return Done(status, *said)

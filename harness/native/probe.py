"""Whether the real getaddrinfo can be called here, both ways, and be watched. Each is tried."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.native.cffi_lane import CffiLane, other_getaddrinfo
from harness.native.errors import LaneError
from harness.native.query import Query
from harness.native.trace import TraceUnavailable, traced
from harness.native.worker_lane import bundled_module, bundled_worker
from harness.sandbox import Pool, SandboxError, SandboxUnavailable, programs
from harness.sandbox.checks import Check

if TYPE_CHECKING:
    from harness.sandbox import Box

_FOREIGN_PROC = "a sandbox cannot mount a /proc of its own, in which strace finds it"
_AGAIN = "install again: pip install --force-reinstall gai-harness"


def probe() -> Iterator[Check]:
    """Look at what this installation was built with, and at strace. Raises nothing."""
    yield _core()
    yield _worker()
    yield _strace()
    yield _headers()


def _core() -> Check:
    try:
        from harness.native._core import lib

        lib.gai_lookup  # noqa: B018 - the extension is loaded by its first use
    except (ImportError, OSError, AttributeError) as problem:
        return Check(
            "cffi lane", "cannot", f"the extension cannot be loaded: {problem}",
            "the host's own glibc is called through it", _AGAIN,
        )  # fmt: skip
    other = other_getaddrinfo()
    if other is not None:
        return Check(
            "cffi lane", "cannot", f"getaddrinfo is {other}'s here, a preloaded library's",
            "this machine's own look-ups cannot be explained",
            "start without LD_PRELOAD, or take it out of /etc/ld.so.preload",
        )  # fmt: skip
    return Check("cffi lane", "ok", "the extension is built: the host's glibc, in process")


def _worker() -> Check:
    try:
        bundled_module()
        # it greets and leaves when nobody speaks to it
        done = subprocess.run(
            [bundled_worker()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=True,
        )
    except (LaneError, OSError, subprocess.SubprocessError) as problem:
        return Check("worker lane", "missing", str(problem), "no other glibc can be called", _AGAIN)
    if not done.stdout:
        return Check(
            "worker lane", "missing", "the worker program says nothing",
            "no other glibc can be called", _AGAIN,
        )  # fmt: skip
    return Check("worker lane", "ok", "the worker program starts: any glibc, in a private root")


def _strace() -> Check:
    unable = "explain --trace cannot be used"
    if programs.find("strace") is None:
        return Check("strace", "missing", "not installed", unable, "apt-get install strace")
    try:
        with Pool() as pool:
            (number,) = pool.run(watched, None)
    except SandboxUnavailable:
        return Check("strace", "missing", "not tried, for want of namespaces", unable)
    except SandboxError as problem:
        number = problem.message
    if isinstance(number, int):
        return Check("strace", "ok", f"attaches: {number} system calls of a look-up were recorded")
    remedy = "a container must allow ptrace(2): --cap-add SYS_PTRACE"
    if number == _FOREIGN_PROC:
        remedy = "start the container with --security-opt systempaths=unconfined"
    return Check("strace", "missing", number, unable, remedy)


def watched(box: Box, _spec: None) -> Iterator[int | str]:
    """Inside a sandbox: the number of calls strace saw of one look-up, or why it saw none."""
    if str(Path("/proc/self").readlink()) != str(os.getpid()):
        yield _FOREIGN_PROC
        return
    try:
        with CffiLane() as lane:
            trace = traced(lane, Query("localhost"), box.tmpdir())
    except TraceUnavailable as problem:
        yield str(problem).splitlines()[-1]
        return
    yield len(trace.calls) or "strace recorded nothing"


def _headers() -> Check:
    include = Path(sysconfig.get_path("include"), "Python.h")
    if include.is_file():
        return Check("Python headers", "ok", "there, for a build from source")
    return Check(
        "Python headers", "ok", "not installed",
        "only a build from source asks for them, and takes them from apt-get by itself",
    )  # fmt: skip

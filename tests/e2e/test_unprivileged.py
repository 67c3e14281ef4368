"""Everything works for an ordinary user: native against model on the whole library."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kit import COMMAND, OF_EVERY_KIND, Ended, Matrix, as_ordinary_user
from tests.processes import Program, machine, until
from tests.sandbox import ordinary_user


def assert_all_agree(done: Ended) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    summary = report["summary"]
    assert summary["disagree"] == summary["error"] == summary["expectation_failed"] == 0
    results: list[dict[str, Any]] = report["results"]
    return results


def test_the_library_as_an_ordinary_user(library_report: Ended) -> None:
    """Both lanes see the same."""
    results = assert_all_agree(library_report)
    in_process, by_worker = (essence(results, lane) for lane in ("cffi", "worker"))
    assert len(in_process) >= 80
    assert in_process == by_worker


@pytest.mark.network
def test_root_sees_what_the_ordinary_user_sees(library_report: Ended, matrix: Matrix) -> None:
    """If root runs the tests."""
    theirs, ours = (essence(assert_all_agree(one), "cffi") for one in (library_report, matrix.done))
    assert theirs == ours


def essence(results: Sequence[dict[str, Any]], lane: str) -> list[tuple[Any, ...]]:
    keys = ("scenario", "lookup", "native", "model", "error")
    return [
        tuple(result[key] for key in keys)
        for result in results
        # chance may decide otherwise the next time
        if result["lane"] == lane
        and not result["undefined"]
        and all(each["kind"] != "chance" for each in result["remarks"])
    ]


@pytest.mark.network
def test_a_clean_cache_of_an_ordinary_user(home: Path, versions: list[str]) -> None:
    """The oldest version, whose suite is archived, and the newest, of a suite beside another."""
    wanted = {versions[0], versions[-1]}
    fetched = as_ordinary_user(home, "glibc", "fetch", *wanted)
    assert fetched.returncode == 0, fetched.stderr
    # test_matrix.py runs the others
    words = ("run", *OF_EVERY_KIND, "--glibc", "all", "--format", "json")
    results = assert_all_agree(as_ordinary_user(home, *words))
    assert {result["glibc"] for result in results} >= wanted
    owners = {path.lstat().st_uid for path in (home / "cache").rglob("*")}
    assert owners == {ordinary_user.UID if os.geteuid() == 0 else os.geteuid()}


# --- the machine is the same after a run, and after one that was killed in the middle


@pytest.mark.network
def test_after_a_run(matrix: Matrix) -> None:
    """Of the whole library: in process on the host's glibc, by the worker on all others."""
    assert matrix.left == []
    lanes = {result["lane"] for result in json.loads(matrix.done.stdout)["results"]}
    assert lanes == {"cffi", "worker"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("lane", ["cffi", "worker"])
def test_after_a_run_that_was_killed(lane: str, number: signal.Signals) -> None:
    before = machine()
    with Program(
        COMMAND, "run", "--lane", lane, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        # whoever runs the tests in the background ignores it, and so would the run
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as run:  # fmt: skip
        inside = until(run.namespaces)
        assert inside, "no sandbox was seen"
        inside |= run.namespaces()
        run.send_signal(number)
        _, stderr = run.communicate(timeout=600)
        assert run.returncode not in (0, 1)
        assert "Traceback" not in stderr
        assert run.left(inside, before) == []

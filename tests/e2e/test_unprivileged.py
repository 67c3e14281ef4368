"""Everything works for an ordinary user: native against model on the whole library."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kit import COMMAND, as_ordinary_user
from tests.processes import Program, everybody, machine, namespaces, until
from tests.sandbox import ordinary_user


def assert_all_agree(done: Any) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    summary = report["summary"]
    assert summary["disagree"] == summary["error"] == summary["expectation_failed"] == 0
    return report


def test_the_library_as_an_ordinary_user_and_as_root(
    home: Path, library_report: tuple[int, dict[str, Any]]
) -> None:
    """Both lanes; where root runs the tests, it sees what the ordinary user sees."""
    both = ("run", "--lane", "both", "--format", "json")
    theirs = assert_all_agree(as_ordinary_user(home, *both))
    assert theirs["summary"]["agree"] >= 80
    assert {result["lane"] for result in theirs["results"]} == {"cffi", "worker"}
    assert library_report[0] == 0
    assert essence(library_report[1]) == essence(theirs)


def essence(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    keys = ("scenario", "lookup", "lane", "native", "model", "error")
    return [
        tuple(result[key] for key in keys)
        for result in report["results"]
        # chance may decide otherwise the next time
        if not result["undefined"] and all(each["kind"] != "chance" for each in result["remarks"])
    ]


@pytest.mark.network
def test_a_clean_cache_of_an_ordinary_user(home: Path, versions: list[str]) -> None:
    fetched = as_ordinary_user(home, "glibc", "fetch", "--all")
    assert fetched.returncode == 0, fetched.stderr
    # each way to names, a scope id, a tunnel and a gai.conf; test_matrix.py runs them all
    shown = ("seed-rule9-dual-stack", "case-seed-node-dns", "nss-link-local",
             "rule7-native-tunnel", "fact-3.3-missing-value")  # fmt: skip
    report = assert_all_agree(
        as_ordinary_user(home, "run", *shown, "--glibc", "all", "--format", "json")
    )
    assert {result["glibc"] for result in report["results"]} >= set(versions)
    owners = {path.lstat().st_uid for path in (home / "cache").rglob("*")}
    assert owners == {ordinary_user.UID if os.geteuid() == 0 else os.geteuid()}


# --- the machine is the same after a run, and after one that was killed in the middle


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
            run.send_signal(number)
            _, stderr = run.communicate(timeout=60)
            assert run.returncode not in (0, 1)
            assert "Traceback" not in stderr
        assert until(lambda: not run.family()), "processes are left"
        assert until(lambda: not inside & namespaces(everybody())), "namespaces are left"
    assert machine() == before

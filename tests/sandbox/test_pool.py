import json
import os
import pickle
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

import harness
from harness.sandbox import (
    Pool,
    SandboxError,
    SandboxUnavailable,
    namespaces,
    programs,
)
from harness.scenario.schema import Host
from tests.sandbox import jobs


def test_values_come_while_the_job_still_runs(pool: Pool) -> None:
    job = pool.run(jobs.sleeping, 60)
    started = time.monotonic()
    next(job)
    cast("Generator[Any]", job).close()  # ends the sandbox, so nothing waits the minute out
    assert time.monotonic() - started < 10


def test_a_big_spec_and_a_big_value_arrive_whole(pool: Pool) -> None:
    spec = b"y" * 20_000_000
    assert next(pool.run(jobs.crashing, spec)) == spec


def test_map_keeps_the_order_of_the_specs_and_works_at_several_at_once() -> None:
    with Pool(jobs=4) as pool:
        specs = [300, 1, 2, 0, 3, 200, 4] * 5
        assert list(pool.map(jobs.counting, specs)) == [list(range(n)) for n in specs]
        found = sorted(values[0] for values in pool.map(jobs.timed, [0.5] * 8))
    # some job began before the one before it had ended
    assert any(later[0] < earlier[1] for earlier, later in pairwise(found))


def test_map_takes_a_stream_of_specs_as_it_goes() -> None:
    taken: list[int] = []

    def specs() -> object:
        for number in range(1000):
            taken.append(number)
            yield number

    with Pool(jobs=2) as pool:
        results = pool.map(jobs.counting, specs())  # type: ignore[arg-type]
        next(results)
        assert len(taken) < 50


def test_an_unforeseen_exception_has_the_traceback_of_the_child(pool: Pool) -> None:
    job = pool.run(jobs.failing, None)
    assert next(job) == 1
    with pytest.raises(SandboxError) as caught:
        next(job)
    said = "unexpected failure inside the sandbox: LookupError: nobody foresaw this"
    assert str(caught.value) == said
    assert "jobs.py" in caught.value.details


@pytest.mark.bare
def test_a_value_that_cannot_be_sent_is_an_error_of_its_job(pool: Pool) -> None:
    with pytest.raises(SandboxError, match="<lambda>"):
        list(pool.run(jobs.evaluated, "lambda: None"))
    assert list(pool.run(jobs.counting, 1)) == [0]


def test_a_pool_outlives_its_forkserver() -> None:
    with Pool() as pool:
        job = pool.run(jobs.sleeping, 60)
        next(job)
        assert pool._forkserver is not None
        pool._forkserver.kill()
        with pytest.raises(SandboxError, match=r"has ended \(SIGKILL\)|was killed"):
            next(job)
        assert list(pool.run(jobs.counting, 1)) == [0]


@pytest.mark.parametrize("kept", [False, True])
def test_outcomes_go_on_after_a_failure_and_map_raises_there(kept: bool) -> None:
    with Pool(1 if kept else 2) as pool:
        specs = ["a", "crash", "b", "c"]
        first, second, *others = pool.outcomes(jobs.crashing, specs, kept=kept)
        assert [*second.values] == ["crash"]
        assert str(second.error) == "the sandbox died: SIGSEGV"
        for spec, one in zip(("a", "b", "c"), (first, *others), strict=True):
            assert ([*one.values], one.error) == ([spec, "survived"], None)
        results = pool.map(jobs.crashing, specs)
        assert next(results) == ["a", "survived"]
        with pytest.raises(SandboxError, match="SIGSEGV"):
            next(results)
        assert list(pool.run(jobs.counting, 1)) == [0]


def test_threads_share_a_pool_which_outlives_the_one_that_made_it() -> None:
    pool = Pool()
    thread = threading.Thread(target=pool.__enter__)
    thread.start()
    thread.join()
    try:
        with ThreadPoolExecutor(8) as threads:
            found = threads.map(lambda upto: list(pool.run(jobs.counting, upto)), [50] * 8)
            assert list(found) == [list(range(50))] * 8
    finally:
        pool.close()


def test_a_pool_must_be_open_and_have_a_job(pool: Pool) -> None:
    with pytest.raises(TypeError, match="cannot be sent"):
        pool.run(lambda *_: iter(()), None)
    with pytest.raises(SandboxError, match="closed"):
        list(Pool().run(jobs.counting, 1))
    with pytest.raises(ValueError, match="1 or more"):
        Pool(jobs=0)


def test_resolver_variables_do_not_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RES_OPTIONS", "ndots:15")
    monkeypatch.setenv("HARMLESS", "1")
    with Pool() as pool:
        (seen,) = pool.run(jobs.evaluated, "dict(os.environ)")
    assert "RES_OPTIONS" not in seen
    assert seen["HARMLESS"] == "1"


def test_errors_travel_whole() -> None:
    for error in (SandboxError("one", "two"), SandboxUnavailable("reason", "hint")):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert vars(copy) == vars(error)
    assert str(SandboxUnavailable("reason", "hint")) == "reason; hint"


def test_a_job_answers_what_it_hears_and_tells_of_a_failure(pool: Pool) -> None:
    with pool.converse(jobs.echo, "spec") as conversation:
        assert conversation.receive() == "spec"
        for word in ("one", {"two": 2}):
            conversation.send(word)
            assert conversation.receive() == word
        conversation.send("stop")
        with pytest.raises(SandboxError, match="the job in the sandbox has ended"):
            conversation.receive()
    with pool.converse(jobs.failing, None) as conversation:
        assert conversation.receive() == 1
        with pytest.raises(SandboxError, match="LookupError: nobody foresaw this"):
            conversation.receive()


# --- a fork server that is a fork of the asking process

_ASKER = """
import json, os, sys, threading
sys.path.append(sys.argv[1])
os.environ["RES_OPTIONS"] = "ndots:15"
from tests.sandbox import jobs
import harness
from harness.sandbox import Pool
harness.pristine = sys.argv[2] != "not pristine"
sys.of_the_asker = True
if sys.argv[2] == "with a thread":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
held = open(sys.argv[0])
print("written once")
with Pool() as pool:
    (found,) = pool.run(jobs.evaluated, sys.argv[3])
print(json.dumps(found))
"""
_SEEN = (
    "print('said inside', flush=True), hasattr(os.sys, 'of_the_asker'),"
    " 'RES_OPTIONS' in os.environ,"
    " os.getcwd() in os.sys.path, any('asker.py' in os.readlink(one.path)"
    " for one in os.scandir('/proc/self/fd')),"
    " [line for line in open('/proc/self/status') if line.startswith('SigIgn')]"
)


@pytest.mark.parametrize(
    ("case", "env", "forked"),
    [
        ("plain", {}, True),
        ("with a thread", {}, False),
        ("not pristine", {}, False),
        ("with a library", {"LD_PRELOAD": "libgai-none.so"}, False),
    ],
)
def test_a_fork_of_the_asker_serves_as_well(
    tmp_path: Path, case: str, env: dict[str, str], forked: bool
) -> None:
    (tmp_path / "asker.py").write_text(_ASKER)
    tree = str(Path(harness.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(tmp_path / "asker.py"), tree, case, _SEEN],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, **env}, timeout=300,
        check=True,
    )  # fmt: skip
    written, found = done.stdout.splitlines()
    assert written == "written once"
    # SIGPIPE and SIGXFSZ are errors in all of Python's processes; who starts them may ignore more
    status = Path("/proc/self/status").read_text().splitlines(keepends=True)
    (ignored,) = [line for line in status if line.startswith("SigIgn")]
    assert int(ignored.split()[1], 16) & 0x1001000 == 0x1001000
    assert json.loads(found) == [None, forked, False, False, False, [ignored]]
    assert "said inside" in done.stderr


# --- what a started Python and program may find, when the current folder is somebody else's

STDLIB = sysconfig.get_path("stdlib")
JOBS = "def where(box, spec):\n    import sys\n    yield list(sys.path)\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_modules_come_from_the_stdlib_first(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added = here / "added"
    added.mkdir()
    through = here / "link"
    through.symlink_to(here)
    path = ["", ".", "added", str(here), str(through), str(added), STDLIB]
    monkeypatch.setattr(sys, "path", path)
    package = str(Path(harness.__file__).parents[1])
    assert programs.module_path() == [STDLIB, str(added), package]


def test_a_folder_that_has_gone_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.syspath_prepend(str(gone))
    assert STDLIB in programs.module_path()


def test_a_job_of_the_current_folder_is_last(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script's own modules; the caller has imported them from there already."""
    (here / "jobs_of_mine.py").write_text(JOBS)
    for name in ("json", "pickle", "selectors"):
        (here / f"{name}.py").write_text("raise SystemExit(9)")
    monkeypatch.syspath_prepend(str(here))
    module: ModuleType = __import__("jobs_of_mine")
    monkeypatch.setattr(module, "__file__", str(here / "jobs_of_mine.py"))
    with Pool() as pool:
        ((*others, last),) = pool.run(module.where, None)
    assert last == str(here)
    assert not {"", ".", str(here)} & set(others)


def test_programs_of_absolute_folders_only(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "bin").mkdir()
    for place in (here, here / "bin"):
        (place / "gai-tool").touch(0o755)
    monkeypatch.setenv("PATH", ":.:bin:")
    monkeypatch.setenv("LD_LIBRARY_PATH", f":{here}:lib")
    monkeypatch.setenv("PYTHONPATH", ":.")
    assert programs.find("gai-tool") is None
    given = programs.environment()
    assert (given["PATH"], given["LD_LIBRARY_PATH"]) == ("", str(here))
    assert "PYTHONPATH" not in given
    monkeypatch.setenv("PATH", f":{here / 'bin'}")
    assert programs.find("gai-tool") == str(here / "bin/gai-tool")
    monkeypatch.delenv("PATH")
    assert programs.find("sh") == "/bin/sh" or not os.path.lexists("/bin/sh")


# --- a process that is kept for further hosts

_TUNNELS = Host.model_validate({
    "hostname": "left.example",
    "interfaces": {"t": {"kind": "tunnel"}, "w": {"kind": "wireguard"},
                   "eth0": {"addresses": ["10.0.0.1/24", "2001:db8::1/64"]}},
    "sysctls": {"net.ipv6.bindv6only": "1"},
})  # fmt: skip


def test_a_kept_process_has_nothing_of_the_host_before() -> None:
    with Pool(1) as pool:
        outcomes = [*pool.outcomes(jobs.littering, [_TUNNELS] * 3, kept=True)]
    assert [one.error for one in outcomes] == [None] * 3
    assert outcomes[1].values[0] == outcomes[2].values[0] == outcomes[0].values[0]
    networks, trees = zip(*(one.values[1] for one in outcomes), strict=True)
    assert (len({*networks}), len({*trees})) == (3, 1)


def test_only_the_first_process_of_a_sandbox_renews_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it would end every process that the caller may end."""
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a process was to be ended"))
    with pytest.raises(ValueError, match="first process"):
        namespaces.renew(None)

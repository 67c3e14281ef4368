from __future__ import annotations

import os
import pickle
import socket
import threading
import time
import traceback
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from harness.sandbox import Outcome, Pool, SandboxError, SandboxUnavailable
from harness.sandbox.wire import NamespaceFds
from harness.scenario.schema import Host
from tests.sandbox import jobs
from tests.sandbox.network import ipv4_addresses


def test_values_stream_in_order(pool: Pool) -> None:
    assert list(pool.run(jobs.counting, 1000)) == list(range(1000))


def test_values_come_while_the_job_still_runs(pool: Pool) -> None:
    job = pool.run(jobs.sleeping, 60)
    started = time.monotonic()
    next(job)
    cast("Generator[Any]", job).close()  # ends the sandbox, so nothing waits the minute out
    assert time.monotonic() - started < 10


def test_a_big_spec_and_a_big_value_arrive_whole(pool: Pool) -> None:
    spec = b"y" * 20_000_000
    assert next(pool.run(jobs.crashing, spec)) == spec


def test_map_keeps_the_order_of_the_specs() -> None:
    with Pool(jobs=4) as pool:
        specs = [300, 1, 2, 0, 3, 200, 4] * 5
        assert list(pool.map(jobs.counting, specs)) == [list(range(n)) for n in specs]


def test_map_works_at_several_jobs_at_once() -> None:
    with Pool(jobs=4) as pool:
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
    with pytest.raises(SandboxError, match=r"unpicklable\.<locals>\.<lambda>"):
        list(pool.run(jobs.unpicklable, None))
    assert list(pool.run(jobs.counting, 1)) == [0]


def test_a_crash_is_an_error_of_its_job_only(pool: Pool) -> None:
    with pytest.raises(SandboxError, match="the sandbox died: SIGSEGV"):
        list(pool.run(jobs.crashing, "crash"))
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


def test_outcomes_go_on_after_a_failure() -> None:
    with Pool(jobs=2) as pool:
        specs = ["a", "crash", "b"]
        first, second, third = pool.outcomes(jobs.crashing, specs)
    assert first == Outcome(["a", "survived"])
    assert second.values == ["crash"]
    assert str(second.error) == "the sandbox died: SIGSEGV"
    assert third == Outcome(["b", "survived"])


def test_map_raises_at_the_spec_that_failed() -> None:
    with Pool(jobs=2) as pool:
        results = pool.map(jobs.crashing, ["a", "crash", "b"])
        assert next(results) == ["a", "survived"]
        with pytest.raises(SandboxError, match="SIGSEGV"):
            next(results)
        assert list(pool.run(jobs.counting, 1)) == [0]


def test_several_threads_may_use_one_pool() -> None:
    with Pool() as pool, ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda upto: list(pool.run(jobs.counting, upto)), [50] * 8)
        assert list(found) == [list(range(50))] * 8


def test_a_pool_made_in_a_thread_outlives_it() -> None:
    pool = Pool()
    thread = threading.Thread(target=pool.__enter__)
    thread.start()
    thread.join()
    try:
        assert list(pool.run(jobs.counting, 2)) == [0, 1]
    finally:
        pool.close()


def test_a_function_that_cannot_be_sent_is_refused_at_once(pool: Pool) -> None:
    def local(box: object, spec: object) -> object:
        yield 1

    with pytest.raises(TypeError, match="cannot be sent"):
        pool.run(local, None)  # type: ignore[arg-type]


def test_a_pool_must_be_open_and_have_a_job() -> None:
    with pytest.raises(SandboxError, match="closed"):
        list(Pool().run(jobs.counting, 1))
    with pytest.raises(ValueError, match="1 or more"):
        Pool(jobs=0)


def test_resolver_variables_do_not_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RES_OPTIONS", "ndots:15")
    monkeypatch.setenv("HARMLESS", "1")
    with Pool() as pool:
        (seen,) = pool.run(jobs.environment, None)
    assert "RES_OPTIONS" not in seen
    assert seen["HARMLESS"] == "1"


def test_errors_travel_whole() -> None:
    for error in (SandboxError("one", "two"), SandboxUnavailable("reason", "hint")):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert vars(copy) == vars(error)
    assert str(SandboxUnavailable("reason", "hint")) == "reason; hint"


HOST = Host.model_validate({"interfaces": {"eth0": {"addresses": ["10.0.0.1/24"]}}})
ETC = Path("/etc")


def inside(namespaces: NamespaceFds, function: Callable[[], str]) -> str:
    """What ``function`` returns in a child of this process that entered the namespaces."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        try:
            namespaces.enter()
            if os.fork() == 0:
                os.write(into, function().encode())
            else:
                os.wait()
        except BaseException:
            os.write(into, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said


def test_a_job_answers_what_it_hears(pool: Pool) -> None:
    with pool.converse(jobs.echo, "spec") as conversation:
        assert conversation.receive() == "spec"
        for word in ("one", {"two": 2}):
            conversation.send(word)
            assert conversation.receive() == word
        conversation.send("stop")
        with pytest.raises(SandboxError, match="the job in the sandbox has ended"):
            conversation.receive()


def test_a_conversation_tells_of_a_failure(pool: Pool) -> None:
    with pool.converse(jobs.failing, None) as conversation:
        assert conversation.receive() == 1
        with pytest.raises(SandboxError, match="LookupError: nobody foresaw this"):
            conversation.receive()


@pytest.mark.bare
def test_who_enters_is_in_the_sandbox_as_its_root(pool: Pool) -> None:
    local = "here"

    def seen() -> str:
        return " ".join([local, f"{os.getuid()}", socket.gethostname(), *ipv4_addresses()])

    with pool.converse(jobs.standing, HOST) as conversation:
        conversation.receive()
        with conversation.namespaces() as namespaces:
            said = inside(namespaces, seen)
    assert said.split()[:3] == ["here", "0", "sandbox"]
    assert "10.0.0.1/24" in said


def test_closing_ends_who_entered(pool: Pool) -> None:
    with pool.converse(jobs.standing, HOST) as conversation:
        conversation.receive()
        with conversation.namespaces() as namespaces:
            never, held = os.pipe()
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                namespaces.enter()
                if os.fork() == 0:
                    os.write(writing, b"in")
                    os.read(never, 1)  # for ever
                os._exit(0)
            os.close(writing)
            assert os.read(reading, 2) == b"in"
            os.waitpid(child, 0)
    assert os.read(reading, 1) == b""  # the last holder of the other end is gone
    for descriptor in (reading, never, held):
        os.close(descriptor)


def test_the_machines_etc_is_there_and_cannot_be_written(pool: Pool) -> None:
    def seen() -> str:
        users, conf, hosts = (ETC / name for name in ("passwd", "gai.conf", "hosts"))
        writable = os.access(users, os.W_OK)
        return f"{bool(users.read_text())} {writable} {os.path.lexists(conf)}{hosts.read_text()}"

    with pool.converse(jobs.standing, HOST) as conversation:
        assert conversation.receive() is True
        with conversation.namespaces() as namespaces:
            assert inside(namespaces, seen) == "True False False"

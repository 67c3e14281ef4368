import pickle
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, cast

import pytest

from harness.sandbox import Outcome, Pool, SandboxError, SandboxUnavailable
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


def test_a_pool_outlives_its_forkserver() -> None:
    with Pool() as pool:
        job = pool.run(jobs.sleeping, 60)
        next(job)
        assert pool._forkserver is not None
        pool._forkserver.kill()
        with pytest.raises(SandboxError, match=r"has ended \(SIGKILL\)|was killed"):
            next(job)
        assert list(pool.run(jobs.counting, 1)) == [0]


def test_outcomes_go_on_after_a_failure_and_map_raises_there() -> None:
    with Pool(jobs=2) as pool:
        specs = ["a", "crash", "b"]
        first, second, third = pool.outcomes(jobs.crashing, specs)
        assert first == Outcome(["a", "survived"])
        assert second.values == ["crash"]
        assert str(second.error) == "the sandbox died: SIGSEGV"
        assert third == Outcome(["b", "survived"])
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

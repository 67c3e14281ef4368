"""Fuzzing and scenario runs spread over a Dask cluster; the extra ``cluster`` brings Dask.

A task is one batch, or one scenario's host. Paths mean nothing on another machine, so a task
names its glibcs by version and the worker finds them in its own cache. Results come back in
the order of the tasks: what a seed gives does not depend on how many workers there are, nor
on those that are lost, whose tasks the scheduler gives to others.
"""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Any, Self

import harness
from harness import __version__
from harness.compare.evidence import LaneSpec
from harness.sandbox import Pool, PoolOutcome, SandboxError, programs
from harness.sandbox.pool import Job

_PATIENCE = 60.0  # seconds without any worker
_ANSWERS = 15.0  # seconds for the scheduler to answer
_AHEAD = 4  # tasks sent for each of the workers' threads: none of them waits for this side


class ClusterError(Exception):
    """The cluster cannot do it; one line with what would help."""

    def __init__(self, line: str, exit_status: int = 3) -> None:
        super().__init__(line)
        self.exit_status = exit_status


@dataclass(frozen=True, slots=True)
class Glibcs:
    """Lanes in words that hold on every machine.

    Parameters: ``words``, ``lane`` and ``resolver`` as for `harness.compare.plan.lanes_for`;
    ``wanted`` the (version, architecture, lane, build, label) of each lane that they gave where the
    run began, and that the work is to be done on.
    """

    words: str
    lane: str
    resolver: str = "glibc"
    wanted: tuple[tuple[str, str, str, str, str], ...] = ()

    def of(self, lanes: Sequence[LaneSpec]) -> Self:
        """Those of the ``lanes`` alone."""
        return replace(self, wanted=tuple(map(_label, lanes)))


@dataclass(frozen=True, slots=True)
class Task:
    """What is sent: a job's function, what it is given but the lanes, and the version of this."""

    function: Job
    work: Any
    glibcs: Glibcs
    version: str = __version__


class Cluster(AbstractContextManager["Cluster"]):
    """A connection to a scheduler; a context manager, which withdraws what is not done.

    Parameters: ``scheduler`` its address (``tls://host:8786``); ``glibcs`` where lanes are found;
    files in PEM, by default as Dask's own configuration has them: ``ca``, the authority that signed
    both ends, ``cert``, this end's certificate, and ``key``, its key. Without TLS (``encrypted``)
    whoever can reach the scheduler can run code on its workers. This end opens no port.
    Raises ClusterError without Dask or scheduler, and for files that are of no use.
    """

    def __init__(
        self, scheduler: str, glibcs: Glibcs, ca: str | None = None, cert: str | None = None,
        key: str | None = None,
    ) -> None:  # fmt: skip
        try:
            import distributed
        except ImportError:
            raise ClusterError(
                "--scheduler needs the extra 'cluster': pip install 'gai-harness[cluster]'"
            ) from None
        self._dask = distributed
        self._glibcs = glibcs
        self._running: deque[Any] = deque()
        # its client may look for ``ip`` to name itself, in this process's own PATH
        os.environ["PATH"] = programs.environment().get("PATH", os.defpath)
        given = {"tls_ca_file": ca, "tls_client_cert": cert, "tls_client_key": key}
        files = {name: file for name, file in given.items() if file is not None}
        scheme, separator, _ = scheduler.partition("://")
        if not separator:
            default = distributed.config.get("distributed.comm.default-scheme", "tcp")
            scheme = "tls" if files else default
            scheduler = f"{scheme}://{scheduler}"
        self.encrypted = scheme == "tls"
        if files and not self.encrypted:
            raise ClusterError(f"--scheduler {scheduler}: tls://… was expected with --tls-…", 2)
        try:
            security = distributed.Security(**files)
            if self.encrypted and security.get_connection_args("client")["ssl_context"] is None:
                raise ClusterError(
                    f"--scheduler {scheduler}: --tls-ca and --tls-cert were expected, or the like"
                    " in Dask's configuration", 2,
                )  # fmt: skip
        except OSError as problem:
            named = ", ".join(files.values()) or "the files of Dask's configuration"
            raise ClusterError(
                f"--tls-ca, --tls-cert, --tls-key: files in PEM that fit together were expected:"
                f" {named} ({problem.strerror or problem})", 2,
            ) from None  # fmt: skip
        harness.pristine = False  # the client asks getaddrinfo for the scheduler's address
        try:
            self.client: Any = distributed.Client(
                scheduler, timeout=_ANSWERS, set_as_default=False, direct_to_workers=False,
                security=security,
            )  # fmt: skip
        except (OSError, ValueError) as problem:
            raise ClusterError(
                f"--scheduler {scheduler}: no Dask scheduler answers there ({problem})"
            ) from None

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # the scheduler may be gone
            self.client.cancel(list(self._running))
        self.client.close()

    def outcomes(
        self,
        function: Job,
        specs: Iterable[Any],
        *,
        kept: bool = False,  # noqa: ARG002
    ) -> Iterator[PoolOutcome]:
        """As `Pool.outcomes`, of ``specs`` with lanes; they are taken a few at a time.

        Raises ClusterError when no worker is left, or one cannot do its task.
        """
        waiting = (
            Task(function, replace(one, lanes=()), self._glibcs.of(one.lanes)) for one in specs
        )
        running, seen = self._running, time.monotonic()
        while True:
            threads = sum(self.client.nthreads().values())
            for task in islice(waiting, max(0, _AHEAD * max(1, threads) - len(running))):
                running.append(self.client.submit(do, task, pure=False))
            if not running:
                return
            if threads:
                seen = time.monotonic()
            elif time.monotonic() - seen > _PATIENCE:
                raise ClusterError(
                    f"no Dask worker for {_PATIENCE:g} s; start some: dask worker ADDRESS"
                )
            while running and (outcome := self._outcome(running[0])) is not None:
                running.popleft()
                yield outcome

    def _outcome(self, future: Any) -> PoolOutcome | None:
        """What a task gave. None after a second without it: lost workers are noticed then."""
        done = future.done()  # then only the answer is on its way
        try:
            outcome: PoolOutcome = future.result(timeout=_ANSWERS if done else 1)
        except TimeoutError:
            if done:
                raise ClusterError("the Dask scheduler does not hand over an answer") from None
            return None
        except self._dask.CancelledError:
            raise ClusterError("the Dask scheduler is lost, or has dropped a task") from None
        except self._dask.KilledWorker as problem:
            raise ClusterError(f"a task has ended several workers: {problem}") from None
        return outcome


def do(task: Task) -> PoolOutcome:
    """On a worker: the task's work in a sandbox. Raises ClusterError where it cannot."""
    if task.version != __version__:
        raise ClusterError(f"a worker has gai-harness {__version__}, {task.version} is asked for")
    work = replace(task.work, lanes=_lanes(task.glibcs))
    try:
        return PoolOutcome(list(_pool(os.getpid()).run(task.function, work)))
    except SandboxError as problem:
        return PoolOutcome([], problem)


def _lanes(glibcs: Glibcs) -> tuple[LaneSpec, ...]:
    found = _found(glibcs.words, glibcs.lane, glibcs.resolver)
    for label in glibcs.wanted:
        if label not in found:
            version, arch, _, build, _ = label
            what = version if " " in version else f"glibc {version}"
            raise ClusterError(
                f"a worker has no {what}:{arch} ({build}); there: "
                f"gai-harness glibc fetch {version.replace(' ', '=')}"
            )
    return tuple(found[label] for label in glibcs.wanted)


@cache
def _found(*words: str) -> dict[tuple[str, str, str, str, str], LaneSpec]:
    from harness.compare.plan import lanes_for

    builds, lane, resolver = words
    try:
        return {_label(one): one for one in lanes_for(builds, lane, resolver=resolver)}
    except Exception as problem:
        if not hasattr(problem, "exit_status"):
            raise
        raise ClusterError(f"a worker: {problem}") from None  # not every error can be sent


@cache
def _pool(pid: int) -> Pool:  # noqa: ARG001 - a forked process needs one of its own
    """This process's sandboxes, which end with it."""
    return Pool(1).__enter__()


def _label(lane: LaneSpec) -> tuple[str, str, str, str, str]:
    build = ", told ".join((lane.build, *lane.rows))  # what the model says depends on it too
    return lane.version, lane.arch, lane.lane, build, lane.label

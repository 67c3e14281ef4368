"""The lane to any glibc, through the worker program and that glibc's own loader."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.native import frames
from harness.native.errors import LaneError, RecordError
from harness.native.lanes import START_TIME, Session
from harness.native.record import version_text
from harness.versions import interpreter_arch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.native.record import Crashed, TimedOut

#: What glibc makes of the service name "gaiharness" in nsswitch.conf.
MODULE_NAME = "libnss_gaiharness.so.2"


def bundled_worker(arch: str | None = None) -> Path:
    """The worker program that was built with this package.

    Args:
        arch: Debian's name of the architecture ("amd64"); this interpreter's by default.

    Raises:
        LaneError: there is none for that architecture.
    """
    return _bundled("worker", "worker-{}", arch)


def bundled_module(arch: str | None = None) -> Path:
    """The name service module that was built with this package.

    glibc finds it by the name ``MODULE_NAME`` in its library folder, or loaded already.

    Args:
        arch: Debian's name of the architecture ("amd64"); this interpreter's by default.

    Raises:
        LaneError: there is none for that architecture.
    """
    return _bundled("name service module", "nss-{}.so", arch)


def _bundled(what: str, form: str, arch: str | None) -> Path:
    if arch is None:
        arch = interpreter_arch()
    path = Path(__file__).with_name("bin") / form.format(arch)
    if not path.is_file():
        raise LaneError(f"this installation has no {what} for {arch}")
    return path


class WorkerLane:
    """Runs one worker, which forks a process for each session. One session at a time.

    The worker is started at the first ``open`` and again when it was lost. It dies with the
    thread that started it.

    Parameters:
        argv: the command, for example ``[loader, "--library-path", folder, worker]``.
        chroot: the root folder it is to see, or None for the caller's.
        preload: libraries the worker loads at its start, by name, so that its sessions have
            them already: loading our name service module is half of a session's cost.

    Example:
        >>> from harness.native import Query, bundled_worker
        >>> with WorkerLane([str(bundled_worker())]) as lane, lane.open() as session:
        ...     answer = session.lookup(Query("192.0.2.9"))
        >>> answer.error is None
        True
    """

    def __init__(
        self,
        argv: Sequence[str | os.PathLike[str]],
        chroot: Path | None = None,
        preload: Sequence[str] = (),
    ) -> None:
        self._argv = [os.fspath(word) for word in argv]
        self._chroot = chroot
        # the sessions clear their environment, so nothing of this reaches getaddrinfo
        self._environment = {"LD_PRELOAD": ":".join(preload)} if preload else {}
        self._worker: _Worker | None = None
        self._session: _WorkerSession | None = None
        self._number = 0

    @property
    def glibc(self) -> str:
        """The version of the worker's glibc; starts the worker when it does not run.

        Raises:
            LaneError: it cannot be started.
        """
        return self._running().glibc

    def start(self) -> None:
        """Starts the worker when it does not run.

        Raises:
            LaneError: it cannot be started.
        """
        self._running()

    def open(self) -> Session:
        """Starts a session.

        Raises:
            LaneError: the worker cannot be started, or a session is still open.
        """
        if self._session is not None and self._session.open:
            raise LaneError("close the open session first: a worker serves one at a time")
        worker = self._running()
        self._number += 1
        worker.channel.send(frames.session_frame(frames.OPEN, self._number))
        self._session = _WorkerSession(worker, self._number)
        return self._session.start()

    def begin_burst(self) -> tuple[frames.Channel, int]:
        """The worker's channel and the number of a session that the caller opens and ends.

        Raises:
            LaneError: the worker cannot be started, or a session is still open.
        """
        if self._session is not None and self._session.open:
            raise LaneError("close the open session first: a worker serves one at a time")
        worker = self._running()
        self._number += 1
        return worker.channel, self._number

    def lost_burst(self) -> LaneError:
        """Gives up the worker in the middle of a burst; the next use starts another one."""
        assert self._worker is not None
        self._worker.kill()
        return LaneError("the worker ended in the middle of a session")

    def close(self) -> None:
        """Ends the worker and what it runs."""
        if self._session is not None:
            self._session.close()
        if self._worker is not None:
            self._worker.close()
        self._session = self._worker = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running(self) -> _Worker:
        if self._worker is None or not self._worker.alive:
            self._worker = _Worker(self._argv, self._chroot, self._environment)
            self._number = 0
        return self._worker


class _Worker:
    """The process: started, greeted, and sure to end."""

    def __init__(self, argv: list[str], chroot: Path | None, environment: dict[str, str]) -> None:
        # The loader's complaints are the only clue when a glibc does not start.
        self._stderr = os.memfd_create("worker-stderr", os.MFD_CLOEXEC)
        request_out, request_in = os.pipe2(os.O_CLOEXEC)
        reply_out, reply_in = os.pipe2(os.O_CLOEXEC)
        self.channel = frames.Channel(reply_out, request_in)
        self.alive = True
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=request_out,
                stdout=reply_in,
                stderr=self._stderr,
                env=environment,
                preexec_fn=None if chroot is None else _enter(chroot),
            )
        except (OSError, subprocess.SubprocessError) as error:
            self.alive = False
            self._release()
            raise LaneError(f"cannot start {' '.join(argv)}: {error}") from None
        finally:
            os.close(request_out)
            os.close(reply_in)
        self.glibc = self._greeted()

    def _greeted(self) -> str:
        try:
            frame = self.channel.receive(START_TIME)
        except LaneError as error:
            self.kill()
            raise LaneError(f"the worker does not speak: {error}") from None
        if frame is None:
            raise self.lost()
        kind, payload = frame
        version = int.from_bytes(payload[:4], "little")
        if kind != frames.HELLO or len(payload) < 5 or version != frames.PROTOCOL_VERSION:
            self.kill()
            raise RecordError(f"no worker of this version: {kind!r} {payload[:32]!r}")
        try:
            return version_text(payload[5 : 5 + payload[4]])
        except RecordError:
            self.kill()
            raise

    def lost(self) -> LaneError:
        """After the end of its pipe: what there is to say about the worker's end."""
        try:
            status: int | str = self._process.wait(START_TIME)
        except subprocess.TimeoutExpired:
            status = "none"
        said = os.pread(self._stderr, 2000, 0).decode("utf-8", "replace").strip()
        self.kill()
        clue = said.splitlines()[-1] if said else "no message"
        return LaneError(f"the worker ended (status {status}): {clue}")

    def kill(self) -> None:
        """Ends it by force; its session dies with it, by the kernel's parent-death signal."""
        if self.alive:
            self.alive = False
            self._process.kill()
            self._process.wait()
            self._release()

    def close(self) -> None:
        """Ends it in an orderly way."""
        if not self.alive:
            return
        self.channel.send(frames.quit_frame())
        with contextlib.suppress(LaneError):
            while self.channel.receive(START_TIME) is not None:
                pass
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(START_TIME)
        self.kill()

    def _release(self) -> None:
        self.channel.close()
        os.close(self._stderr)


class _WorkerSession(Session):
    def __init__(self, worker: _Worker, number: int) -> None:
        super().__init__(worker.channel, number)
        self._worker = worker

    @property
    def open(self) -> bool:
        return not self._closed and self._end is None

    def _lost(self, timeout: float) -> Crashed | TimedOut | LaneError:  # noqa: ARG002
        return self._worker.lost()

    def _stop(self) -> None:
        self._worker.kill()

    def _finish(self) -> None:
        if self._end is not None or not self._worker.alive:
            return
        self._channel.send(frames.session_frame(frames.END, self._number))
        while self._end is None and self._worker.alive:
            self._next(START_TIME)


def _enter(root: Path) -> Callable[[], None]:
    def enter() -> None:
        os.chroot(root)
        os.chdir("/")

    return enter

"""The lane to any glibc, through the worker program and that glibc's own loader."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import time
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.native import frames
from harness.native.lanes import START_TIME, Lane, Session, SessionEnded
from harness.native.record import HEAD_SIZE, LaneError, RecordError, version_text
from harness.text.shown import escaped
from harness.versions import interpreter_arch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.native.record import Crashed, TimedOut

#: What glibc makes of the service name "gaiharness" in nsswitch.conf.
MODULE_NAME = "libnss_gaiharness.so.2"

_COMPLAINTS = 1 << 16
_LONGEST_CLUE = 500
_SEALS = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_EMPTY: Mapping[str, str] = MappingProxyType({})


def bundled_worker(arch: str | None = None) -> Path:
    """The worker program that was built with this package, for ``arch`` (Debian's name; this
    interpreter's by default). Raises LaneError when there is none.
    """
    return _bundled("worker", "worker-{}", arch)


def bundled_module(arch: str | None = None) -> Path:
    """The name service module that was built with this package; as `bundled_worker`.

    glibc finds it by the name ``MODULE_NAME`` in its library folder, or loaded already.
    """
    return _bundled("name service module", "nss-{}.so", arch)


def _bundled(what: str, form: str, arch: str | None) -> Path:
    arch = arch or interpreter_arch()
    path = Path(__file__).with_name("bin") / form.format(arch)
    if not path.is_file():
        raise LaneError(f"this installation has no {what} for {arch}")
    return path


class WorkerLane(Lane):
    """Runs one worker, which forks a process for each session. One session at a time.

    The worker is started at the first ``open`` and again when it was lost. It dies with the
    thread that started it.

    Parameters:
        argv: the command, for example ``[loader, "--library-path", folder, worker]``.
        root: all that it is to see and have: its program is then somebody else's, and runs
            in a jail (`harness.sandbox.jail`). It is a mount, made by `Box.private_root`; None
            for a program of one's own, which sees what the caller does.
        preload: libraries the worker loads at its start, by name, so that its sessions have
            them already: loading our name service module is half of a session's cost.
    """

    def __init__(
        self,
        argv: Sequence[str | os.PathLike[str]],
        root: Path | None = None,
        preload: Sequence[str] = (),
    ) -> None:
        self._argv = [os.fspath(word) for word in argv]
        self._root = root
        # the sessions clear their environment, so nothing of this reaches getaddrinfo
        self._environment = {"LD_PRELOAD": ":".join(preload)} if preload else {}
        self._worker: _Worker | None = None
        self._session: _WorkerSession | None = None
        self._number = 0

    @property
    def glibc(self) -> str:
        """The version of the worker's glibc. Starts the worker as `start` does."""
        return self.start().glibc

    def start(self) -> _Worker:
        """Starts the worker when it does not run. Raises LaneError."""
        if self._worker is None or not self._worker.alive:
            self._worker = _Worker(self._argv, self._root, self._environment)
            self._number = 0
        return self._worker

    def open(self) -> Session:
        """Starts a session. Raises LaneError also while one is open."""
        worker, number = self._free()
        worker.channel.send(frames.session_frame(frames.OPEN, number))
        self._session = _WorkerSession(worker, number)
        return self._session.start()

    def burst(self, lookups: Sequence[bytes], timeout: float) -> Burst:
        """A whole session for ``lookups`` (`frames.lookup_payload`); raises as `open`."""
        return Burst(*self._free(), lookups, timeout)

    def close(self) -> None:
        """Ends the worker and what it runs."""
        if self._session is not None:
            self._session.close()
        if self._worker is not None:
            self._worker.close()
        self._session = self._worker = None

    def _free(self) -> tuple[_Worker, int]:
        if self._session is not None and self._session.open:
            raise LaneError("close the open session first: a worker serves one at a time")
        worker = self.start()
        self._number += 1
        return worker, self._number


class _Worker:
    """The process: started, greeted, and sure to end."""

    def __init__(self, argv: list[str], root: Path | None, environment: dict[str, str]) -> None:
        # The loader's complaints are the only clue when a glibc does not start. They have the
        # room that the file has now, and no more.
        self._stderr = os.memfd_create("worker-stderr", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self._stderr, _COMPLAINTS)
        fcntl.fcntl(self._stderr, fcntl.F_ADD_SEALS, _SEALS)
        request_out, request_in = os.pipe2(os.O_CLOEXEC)
        reply_out, reply_in = os.pipe2(os.O_CLOEXEC)
        self.channel = frames.Channel(reply_out, request_in)
        self.alive = True
        try:
            self._process = start(
                argv, root, stdin=request_out, stdout=reply_in, stderr=self._stderr,
                env=environment,
            )  # fmt: skip
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

    def child(self, number: int) -> int:
        """The worker's child that sees itself as process ``number``. Raises LaneError."""
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                lines = status.read_text().splitlines()
                fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
                names = fields["NSpid"].split()
                if int(fields["PPid"]) == self._process.pid and int(names[-1]) == number:
                    return int(status.parent.name)
        raise LaneError(f"the worker has no process {number}")

    def lost(self) -> LaneError:
        """After the end of its pipe: what there is to say about the worker's end."""
        try:
            status: int | str = self._process.wait(START_TIME)
        except subprocess.TimeoutExpired:
            status = "none"
        clue = self.said() or "no message"
        self.kill()
        return LaneError(f"the worker ended (status {status}): {clue}")

    def said(self) -> str:
        """The last line of its complaints and its sessions', escaped; later ones have room then."""
        data = os.pread(self._stderr, _COMPLAINTS, 0).rstrip(b"\0")
        os.pwrite(self._stderr, bytes(len(data)), 0)
        os.lseek(self._stderr, 0, os.SEEK_SET)  # where they write, too: it is one open file
        lines = data.decode("utf-8", "replace").strip().splitlines()
        return escaped(lines[-1][:_LONGEST_CLUE]) if lines else ""

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
        self.channel.send(frames.plain_frame(frames.QUIT))
        # whatever it says instead of ending, nobody listens any more
        with contextlib.suppress(LaneError, subprocess.TimeoutExpired):
            if self.channel.receive(START_TIME) is None:
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

    def pid_here(self) -> int:
        return self._worker.child(self.pid)

    def _lost(self, timeout: float) -> Crashed | TimedOut | LaneError:  # noqa: ARG002
        return self._worker.lost()

    def _said(self) -> str:
        return self._worker.said()

    def _stop(self) -> None:
        self._worker.kill()

    def _finish(self) -> None:
        if self._end is not None or not self._worker.alive:
            return
        self._channel.send(frames.session_frame(frames.END, self._number))
        deadline = time.monotonic() + START_TIME
        while self._end is None and self._worker.alive:
            self._next(START_TIME)
            if time.monotonic() > deadline:
                self._stop()


class Burst(_WorkerSession):
    """A whole session in one write, opened, asked everything and ended; `finish` takes the answers.

    For engines that make many look-ups: there is no waiting between frames, and several lanes can
    work at once while their answers are not yet read.
    """

    def __init__(
        self, worker: _Worker, number: int, lookups: Sequence[bytes], timeout: float
    ) -> None:
        super().__init__(worker, number)
        self._timeout = timeout
        self._wanted = len(lookups)
        self._channel.send(frames.whole_session(number, lookups))

    def finish(self) -> tuple[list[bytes], Crashed | TimedOut | None]:
        """The records, not yet decoded, and how the session ended early.

        There are fewer records than look-ups exactly when the second part is not None.
        Raises LaneError when the worker or what it says is broken.
        """
        while self._end is None and not self.pid:  # one that dies here is a result all the same
            if self._next(START_TIME) is not None:
                self._stop()
                raise RecordError("an answer before the session started")
        records, early = self._answers(self._wanted, self._timeout)
        if any(len(record) < HEAD_SIZE for record in records):
            self._stop()
            raise RecordError("a record cut short")
        while self._end is None:
            if self._next(self._timeout) is not None:
                self._stop()
                raise RecordError(f"more than {self._wanted} answers")
        if early is None and not isinstance(self._end, SessionEnded):
            raise LaneError(f"the session did not end in order: {self._end}")
        return records, early


def start(
    argv: Sequence[str], root: Path | None, *, stdin: int, stdout: int, stderr: int | None = None,
    env: Mapping[str, str] = _EMPTY,
) -> subprocess.Popen[bytes]:  # fmt: skip
    """Start a program in the jail of ``root``, or as one's own where there is none.

    Raises OSError or, where the kernel refuses a part of the jail, SubprocessError with its name.
    """
    options: Any = {"stdin": stdin, "stdout": stdout, "stderr": stderr, "env": env}
    if root is None:
        return subprocess.Popen(argv, **options)
    from harness.sandbox import jail

    return jail.start(argv, root, **options)

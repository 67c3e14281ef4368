"""What every lane offers: a worker process, and the sessions that it forks (csrc/PROTOCOL.md)."""

import contextlib
import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from harness.native import frames, record
from harness.native.kernel_view import View, decode_view
from harness.native.record import Crashed, LaneError, Outcome, Query, RecordError, TimedOut
from harness.sandbox.values import Closing
from harness.text.shown import escaped

#: Seconds for a worker or a session to start or end: forking is all it does.
START_TIME = 10.0
# seconds beyond a look-up's own time-out after which its process must be stopped from outside
_GRACE = 2.0
# the payload of a DIED frame: the session's number, how it ended, the value, a cookie
_DIED = struct.Struct("<IBi16s")
# answers that are waited for one by one; in seconds the longest pause where there are more, and
# what a look-up takes at least
_FEW, _PAUSE, _QUICKEST = 2, 0.005, 0.00008
_COMPLAINTS = 1 << 16
_LONGEST_CLUE = 500
_SEALS = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class SessionEnded(LaneError):
    """The session's process has ended by itself, in order."""


class Worker:
    """The process of a lane: started, greeted, and sure to end. Raises LaneError."""

    def __init__(self, launch: Callable[..., subprocess.Popen[bytes]]) -> None:
        # The loader's complaints are the only clue when a glibc does not start. They have the
        # room that the file has now, and no more.
        self._stderr = os.memfd_create("worker-stderr", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self._stderr, _COMPLAINTS)
        fcntl.fcntl(self._stderr, fcntl.F_ADD_SEALS, _SEALS)
        request_out, request_in = os.pipe2(os.O_CLOEXEC)
        reply_out, reply_in = os.pipe2(os.O_CLOEXEC)
        self.channel = frames.Channel(reply_out, request_in)
        self.alive = False
        try:
            self._process = launch(stdin=request_out, stdout=reply_in, stderr=self._stderr)
            self.alive = True
        except (OSError, subprocess.SubprocessError) as error:
            raise LaneError(f"the worker cannot be started: {error}") from None
        finally:
            os.close(request_out)
            os.close(reply_in)
            if not self.alive:
                self._release()
        try:
            self.glibc = self._greeted()
        except LaneError:
            self.kill()
            raise

    def _greeted(self) -> str:
        try:
            frame = self.channel.receive(START_TIME)
        except LaneError as error:
            raise LaneError(f"the worker does not speak: {error}") from None
        if frame is None:
            raise self.lost()
        kind, payload = frame
        version = int.from_bytes(payload[:4], "little")
        if kind != frames.HELLO or len(payload) < 5 or version != frames.PROTOCOL_VERSION:
            raise RecordError(f"no worker of this version: {kind!r} {payload[:32]!r}")
        return record.version_text(payload[5 : 5 + payload[4]])

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


class Session(Closing):
    """One process that answers look-ups; ``number`` stands in every frame.

    ``pid`` is the process as it sees itself. Every method raises LaneError when the lane itself
    fails, and ValueError for a closed session or a time-out that is not a millisecond to a day.
    """

    def __init__(self, worker: Worker, number: int) -> None:
        self._worker = worker
        self._channel = worker.channel
        self._number = number
        self._key = number.to_bytes(4, "little")
        self._end: Crashed | TimedOut | LaneError | None = None
        self._closed = False
        self._asked = time.monotonic()
        self.pid = 0

    @property
    def open(self) -> bool:
        """Whether it is neither closed nor has ended by itself."""
        return not self._closed and self._end is None

    def lookup(self, query: Query, timeout: float = 10.0) -> Outcome:
        """One call of ``getaddrinfo``: the answer within ``timeout`` seconds, or how the process
        ended. A session that has ended once answers every later lookup with that same end.
        """
        found = self.ask(frames.lookup_payload(query, timeout), timeout)
        return record.decode(found) if isinstance(found, bytes) else found

    def ask(
        self, payload: bytes, timeout: float, kind: bytes = frames.LOOKUP
    ) -> bytes | Crashed | TimedOut:
        """As `lookup`, of what `frames.lookup_payload` packed; the record is not decoded."""
        self.send([payload], kind)
        answers, end = self.receive(1, timeout)
        return answers[0] if end is None else end

    def send(self, payloads: Sequence[bytes], kind: bytes = frames.LOOKUP) -> None:
        """Ask several look-ups, as `ask` has them, in one write; `receive` takes the answers."""
        if self._closed:
            raise ValueError("the session is closed")
        self._asked = time.monotonic()
        if self._end is None:
            self._channel.send(frames.session_frames(kind, self._number, payloads))

    def receive(self, wanted: int, timeout: float) -> tuple[list[bytes], Crashed | TimedOut | None]:
        """The records of so many look-ups that were sent, and how the session ended early.

        There are fewer records than look-ups exactly when the second part is not None.
        """
        answers: list[bytes] = []
        while self._end is None and len(answers) < wanted:
            here = self._channel.take(frames.ANSWER, self._key, wanted - len(answers))
            if here:
                answers += here
                continue
            left, pause = wanted - len(answers), 0.0
            if left > _FEW:  # half the time that they will take
                each = (time.monotonic() - self._asked) / (len(answers) + 1)
                pause = min(max(each, _QUICKEST) * left / 2, _PAUSE)
            data = self._next(timeout, pause)
            if data is not None:
                answers.append(data)
        if isinstance(self._end, LaneError):
            raise self._end
        return answers, self._end

    def view(self, request: bytes, timeout: float = 10.0) -> View | Crashed | TimedOut:
        """What the kernel looks like from this process; getaddrinfo is not called.

        ``request`` is one of `harness.native.kernel_view`.
        """
        found = self.ask(frames.view_payload(request, timeout), timeout, frames.VIEW)
        return decode_view(request, found) if isinstance(found, bytes) else found

    def pid_here(self) -> int:
        """The process, as the caller's process tree numbers it. Raises LaneError without one."""
        return self._worker.child(self.pid)

    def close(self) -> None:
        """Ends the process; harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        if self._end is not None or not self._worker.alive:
            return
        self._channel.send(frames.session_frame(frames.END, self._number))
        deadline = time.monotonic() + START_TIME
        while self._end is None and self._worker.alive:
            self._next(START_TIME)
            if time.monotonic() > deadline:
                self._worker.kill()

    def start(self) -> Self:
        """Waits until the process serves. Raises LaneError when it does not."""
        if self._next(START_TIME) is not None:
            self._end = RecordError("an answer before the session started")
        if self._end is None and self.pid:
            return self
        end = self._end
        self._worker.kill()
        if isinstance(end, LaneError):
            raise end
        raise LaneError(f"the session did not start: {end}")

    def _next(self, timeout: float, pause: float = 0.0) -> bytes | None:
        """Takes one frame: a record or view, or None after it has changed the session's state."""
        try:
            frame = self._channel.receive(timeout + _GRACE, pause)
            if frame is not None:
                return self._take(*frame, timeout)
            self._end = self._worker.lost()
        except frames.StalledError:
            # Its own alarm did not end it: stopped by someone, or stuck in the kernel.
            self._end = TimedOut(timeout)
        except LaneError as error:
            self._end = error
        self._worker.kill()
        return None

    def _take(self, kind: bytes, payload: bytes, timeout: float) -> bytes | None:
        """As `_next`. Raises LaneError for a frame that is none of this session's."""
        if kind == frames.ERROR:
            raise LaneError(f"the session refused a frame: {payload.decode('ascii', 'replace')}")
        own = payload[:4] == self._key
        if own and kind in (frames.ANSWER, frames.SEEN):
            return payload[4:]
        pid = int.from_bytes(payload[4:], "little")
        if own and kind == frames.STARTED and len(payload) == 8 and pid and not self.pid:
            self.pid = pid
        elif own and kind == frames.DIED and len(payload) == _DIED.size:
            _, how, value, cookie = _DIED.unpack(payload)
            if (how, value) != (frames.BY_EXIT, 0):
                self._channel.restart(frames.plain_frame(frames.RESYNC, cookie))
            self._end = _ended(how, value, timeout)
            if isinstance(self._end, Crashed):
                self._end = Crashed(value, self._worker.said())
        else:
            raise RecordError(f"unexpected frame {kind!r} {payload[:16]!r}")
        return None


class Burst(Session):
    """A whole session in one write, opened, asked everything and ended; `finish` takes the answers.

    For engines that make many look-ups: there is no waiting between frames, and several lanes can
    work at once while their answers are not yet read.
    """

    def __init__(
        self, worker: Worker, number: int, lookups: Sequence[bytes], timeout: float
    ) -> None:
        super().__init__(worker, number)
        self._timeout = timeout
        self._wanted = len(lookups)
        self._channel.send(frames.whole_session(number, lookups))

    def finish(self) -> tuple[list[bytes], Crashed | TimedOut | None]:
        """As `Session.receive`. Raises LaneError when the worker or what it says is broken."""
        while self._end is None and not self.pid:  # one that dies here is a result all the same
            if self._next(START_TIME) is not None:
                raise self._broken("an answer before the session started")
        records, early = self.receive(self._wanted, self._timeout)
        if any(len(each) < record.HEAD_SIZE for each in records):
            raise self._broken("a record cut short")
        while self._end is None:
            if self._next(self._timeout) is not None:
                raise self._broken(f"more than {self._wanted} answers")
        if early is None and not isinstance(self._end, SessionEnded):
            raise LaneError(f"the session did not end in order: {self._end}")
        return records, early

    def _broken(self, what: str) -> RecordError:
        self._worker.kill()
        return RecordError(what)


class Lane(Closing):
    """A way to one glibc: one worker, which forks a process for each session, one at a time.

    The worker is started at the first ``open`` and again when it was lost. It dies with the
    thread that started it.

    ``launch`` starts its process, of which it gets ``stdin``, ``stdout`` and ``stderr``. It may
    raise LaneError, OSError, subprocess.SubprocessError.
    """

    def __init__(self, launch: Callable[..., subprocess.Popen[bytes]]) -> None:
        self._launch = launch
        self._worker: Worker | None = None
        self._session: Session | None = None
        self._number = 0

    def start(self) -> Worker:
        """Starts the worker when it does not run. Raises LaneError."""
        if self._worker is None or not self._worker.alive:
            self._worker = Worker(self._launch)
            self._number = 0
        return self._worker

    def open(self) -> Session:
        """Starts a process that has never called ``getaddrinfo``.

        Raises LaneError also while a session is open.
        """
        worker, number = self._free()
        worker.channel.send(frames.session_frame(frames.OPEN, number))
        self._session = Session(worker, number)
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

    def _free(self) -> tuple[Worker, int]:
        if self._session is not None and self._session.open:
            raise LaneError("close the open session first: a worker serves one at a time")
        worker = self.start()
        self._number += 1
        return worker, self._number


def _ended(how: int, value: int, timeout: float) -> Crashed | TimedOut | LaneError:
    """What a DIED frame means to the look-up that was waiting for ``timeout`` seconds."""
    if how == frames.BY_SIGNAL:
        return Crashed(value)
    if how == frames.BY_TIMEOUT:
        return TimedOut(timeout)
    if how == frames.NO_FORK:
        return LaneError(f"the worker cannot fork (errno {value})")
    return (LaneError if value else SessionEnded)(
        f"the session's process ended with status {value}"
    )

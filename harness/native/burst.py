"""A whole session in one write: opened, asked everything and ended, its records undecoded.

For engines that make many look-ups: no waiting between frames, and several lanes can work
at once while their answers are not yet read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.native import frames
from harness.native.errors import LaneError, RecordError
from harness.native.lanes import DIED_FORM, GRACE, START_TIME, ended
from harness.native.record import HEAD_SIZE, Crashed, TimedOut

if TYPE_CHECKING:
    from harness.native.query import Query
    from harness.native.worker_lane import WorkerLane

_NUMBER = struct.Struct("<I")
# an answer has the session's number and a record's first part at least
_SHORTEST = _NUMBER.size + HEAD_SIZE
_HEAD = 5  # length and type of a frame come before the session's number


class Prepared:
    """Look-ups in the form of frames, which only lack the session's number.

    Parameters: ``queries`` the arguments of each; ``timeout`` seconds for each.
    Raises ValueError for a time-out out of range.
    """

    __slots__ = ("_frames",)

    def __init__(self, queries: Sequence[Query], timeout: float) -> None:
        made = [frames.lookup_frame(0, query, timeout) for query in queries]
        self._frames = [(frame[:_HEAD], frame[_HEAD + _NUMBER.size :]) for frame in made]

    def data(self, which: Sequence[int], session: int) -> bytes:
        """The frames of the look-ups ``which``, in that order, for one session."""
        number = _NUMBER.pack(session)
        every = self._frames
        return b"".join([part for i in which for part in (every[i][0], number, every[i][1])])


class Burst:
    """One session under way on a lane; `finish` takes what it answered.

    Parameters: ``lane`` a worker's lane, without an open session; ``prepared`` and ``which``
    the look-ups; ``timeout`` seconds for each. Raises LaneError when no worker starts.
    """

    def __init__(
        self, lane: WorkerLane, prepared: Prepared, which: Sequence[int], timeout: float
    ) -> None:
        self._lane = lane
        self._timeout = timeout
        self._wanted = len(which)
        self._channel, self._number = lane.begin_burst()
        self._channel.send(
            frames.session_frame(frames.OPEN, self._number)
            + prepared.data(which, self._number)
            + frames.session_frame(frames.END, self._number)
        )

    def finish(self) -> tuple[list[bytes], Crashed | TimedOut | None]:
        """The payloads of the answers, each four bytes and a record, and how it ended early.

        There are fewer answers than look-ups exactly when the second part is not None.
        Raises LaneError when the worker or what it says is broken; it is ended then.
        """
        answers: list[bytes] = []
        number, wanted, started = _NUMBER.pack(self._number), self._wanted, False
        receive = self._channel.receive
        limit = max(self._timeout + GRACE, START_TIME)
        while True:
            try:
                frame = receive(limit)
            except frames.StalledError:
                self._lane.lost_burst()
                return answers, TimedOut(self._timeout)
            except RecordError:
                self._lane.lost_burst()
                raise
            if frame is None:
                raise self._lane.lost_burst()
            kind, payload = frame
            if payload[:4] == number:
                if kind == frames.ANSWER and len(payload) >= _SHORTEST and len(answers) < wanted:
                    answers.append(payload)
                    continue
                if kind == frames.DIED and len(payload) == DIED_FORM.size:
                    return self._ended(payload, answers)
                if kind == frames.STARTED and not started:
                    started = True
                    continue
            self._lane.lost_burst()
            raise RecordError(f"unexpected frame {kind!r} {payload[:64]!r}")

    def _ended(
        self, payload: bytes, answers: list[bytes]
    ) -> tuple[list[bytes], Crashed | TimedOut | None]:
        _, how, value, cookie = DIED_FORM.unpack(payload)
        if (how, value) == (frames.BY_EXIT, 0):
            if len(answers) == self._wanted:
                return answers, None
            self._lane.lost_burst()
            raise RecordError(f"{len(answers)} answers to {self._wanted} look-ups")
        self._channel.restart(frames.resync_frame(cookie))
        end = ended(how, value, self._timeout)
        if isinstance(end, LaneError):
            raise end
        return answers, end

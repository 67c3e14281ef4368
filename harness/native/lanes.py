"""What every lane offers, and the session loop that they share."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from harness.native import frames
from harness.native.kernel_view import View, decode_view
from harness.native.record import Crashed, LaneError, Outcome, RecordError, TimedOut, decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.native.record import Query

#: Seconds for a session to start or end: forking is all it does.
START_TIME = 10.0
# seconds beyond a look-up's own time-out after which its process must be stopped from outside
_GRACE = 2.0
# the payload of a DIED frame: the session's number, how it ended, the value, a cookie
_DIED = struct.Struct("<IBi16s")


class SessionEnded(LaneError):
    """The session's process has ended by itself, in order."""


class _Closing(ABC):
    @abstractmethod
    def close(self) -> None:
        """Leaves no process and no open file behind; harmless when repeated."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Lane(_Closing):
    """A way to one glibc."""

    @abstractmethod
    def open(self) -> Session:
        """Starts a process that has never called ``getaddrinfo``. Raises LaneError."""


class Session(_Closing):
    """One process that answers look-ups through ``channel``; ``number`` stands in every frame.

    ``pid`` is the process as it sees itself. Every method raises LaneError when the lane itself
    fails, and ValueError for a closed session or a time-out that is not a millisecond to a day.
    """

    def __init__(self, channel: frames.Channel, number: int) -> None:
        self._channel = channel
        self._number = number
        self._key = number.to_bytes(4, "little")
        self._end: Crashed | TimedOut | LaneError | None = None
        self._closed = False
        self.pid = 0

    def lookup(self, query: Query, timeout: float = 10.0) -> Outcome:
        """One call of ``getaddrinfo``: the answer within ``timeout`` seconds, or how the process
        ended. A session that has ended once answers every later lookup with that same end.
        """
        return self.lookup_many((query,), timeout)[0]

    def lookup_many(self, queries: Iterable[Query], timeout: float = 10.0) -> list[Outcome]:
        """Many calls, one after another in the same process, sent without waiting between them.

        ``timeout`` is for each; the outcomes are in the order of the queries, see ``lookup``.
        """
        payloads = [frames.lookup_payload(query, timeout) for query in queries]
        records, end = self._ask(frames.LOOKUP, payloads, timeout)
        outcomes: list[Outcome] = [decode(record) for record in records]
        if end is not None:
            outcomes += [end] * (len(payloads) - len(outcomes))
        return outcomes

    def view(self, request: bytes, timeout: float = 10.0) -> View | Crashed | TimedOut:
        """What the kernel looks like from this process; getaddrinfo is not called.

        ``request`` is one of `harness.native.kernel_view`.
        """
        payload = frames.view_payload(request, timeout)
        found, end = self._ask(frames.VIEW, [payload], timeout)
        return decode_view(request, found[0]) if end is None else end

    def pid_here(self) -> int:
        """The process, as the caller's process tree numbers it. Raises LaneError without one."""
        return self.pid

    def close(self) -> None:
        """Ends the process; harmless when repeated."""
        if not self._closed:
            self._closed = True
            self._finish()

    def start(self) -> Self:
        """Waits until the process serves. Raises LaneError when it does not."""
        if self._next(START_TIME) is not None:
            self._end = RecordError("an answer before the session started")
        if self._end is None and self.pid:
            return self
        end = self._end
        self._stop()
        if isinstance(end, LaneError):
            raise end
        raise LaneError(f"the session did not start: {end}")

    def _ask(
        self, kind: bytes, payloads: list[bytes], timeout: float
    ) -> tuple[list[bytes], Crashed | TimedOut | None]:
        if self._closed:
            raise ValueError("the session is closed")
        if self._end is None:
            requests = [frames.session_frame(kind, self._number, one) for one in payloads]
            self._channel.send(b"".join(requests))
        return self._answers(len(payloads), timeout)

    def _answers(
        self, wanted: int, timeout: float
    ) -> tuple[list[bytes], Crashed | TimedOut | None]:
        """The answers, fewer than ``wanted`` where the process has ended, and how it has."""
        answers: list[bytes] = []
        while self._end is None and len(answers) < wanted:
            data = self._next(timeout)
            if data is not None:
                answers.append(data)
        if isinstance(self._end, LaneError):
            raise self._end
        return answers, self._end

    def _next(self, timeout: float) -> bytes | None:
        """Takes one frame: a record or view, or None after it has changed the session's state."""
        try:
            frame = self._channel.receive(timeout + _GRACE)
            if frame is not None:
                return self._take(*frame, timeout)
        except frames.StalledError:
            # Its own alarm did not end it: stopped by someone, or stuck in the kernel.
            self._end = TimedOut(timeout)
        except LaneError as error:
            self._end = error
        else:
            self._end = self._lost(timeout)
            return None
        self._stop()
        return None

    def _take(self, kind: bytes, payload: bytes, timeout: float) -> bytes | None:
        """As `_next`. Raises LaneError for a frame that is none of this session's."""
        if kind == frames.ERROR:
            raise LaneError(f"the session refused a frame: {payload.decode('ascii', 'replace')}")
        own = payload[:4] == self._key
        if own and kind in (frames.ANSWER, frames.SEEN):
            return payload[4:]
        if own and kind == frames.STARTED and len(payload) == 8 and not self.pid:
            self.pid = int.from_bytes(payload[4:], "little")
        elif own and kind == frames.DIED and len(payload) == _DIED.size:
            _, how, value, cookie = _DIED.unpack(payload)
            if (how, value) != (frames.BY_EXIT, 0):
                self._channel.restart(frames.plain_frame(frames.RESYNC, cookie))
            self._end = ended(how, value, timeout)
            if isinstance(self._end, Crashed):
                self._end = Crashed(value, self._said())
        else:
            raise RecordError(f"unexpected frame {kind!r} {payload[:16]!r}")
        return None

    def _said(self) -> str:
        """What the process that died has written to standard error, where that is kept."""
        return ""

    @abstractmethod
    def _lost(self, timeout: float) -> Crashed | TimedOut | LaneError:
        """The pipe has ended: finds out how the process did, and cleans up."""

    @abstractmethod
    def _stop(self) -> None:
        """Kills the process and waits for it."""

    @abstractmethod
    def _finish(self) -> None:
        """Ends the process in an orderly way, or by force when it does not obey."""


def ended(how: int, value: int, timeout: float) -> Crashed | TimedOut | LaneError:
    """What a DIED frame means to the look-up that was waiting for ``timeout`` seconds.

    ``how`` is one of ``frames.BY_EXIT`` and so on; ``value`` exit status, signal or errno.
    """
    if how == frames.BY_SIGNAL:
        return Crashed(value)
    if how == frames.BY_TIMEOUT:
        return TimedOut(timeout)
    if how == frames.NO_FORK:
        return LaneError(f"the worker cannot fork (errno {value})")
    return (LaneError if value else SessionEnded)(
        f"the session's process ended with status {value}"
    )

"""What every lane offers, and the session loop that they share."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol, Self

from harness.native import frames
from harness.native.errors import LaneError, RecordError
from harness.native.record import Crashed, Outcome, TimedOut, decode
from harness.native.view import View, decode_view

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.native.query import Query

#: Seconds for a session to start or end: forking is all it does.
START_TIME = 10.0
#: Seconds beyond a lookup's own time-out after which its process must be stopped from outside.
GRACE = 2.0

_SESSION = struct.Struct("<I")
_STARTED = struct.Struct("<II")
_DIED = struct.Struct("<IBi16s")


class Lane(Protocol):
    """A way to one glibc."""

    def open(self) -> Session:
        """Starts a process that has never called ``getaddrinfo``.

        Raises:
            LaneError: it cannot be started.
        """
        ...

    def close(self) -> None:
        """Leaves no process and no open file behind."""
        ...


class Session(ABC):
    """One process that answers lookups, through a channel of frames.

    Parameters:
        channel: the pipes to it.
        number: the session's number in every frame.

    Attributes:
        pid: the process, as it sees itself.
    """

    def __init__(self, channel: frames.Channel, number: int) -> None:
        self._channel = channel
        self._number = number
        self._end: Crashed | TimedOut | LaneError | None = None
        self._closed = False
        self.pid = 0

    def lookup(self, query: Query, timeout: float = 10.0) -> Outcome:
        """One call of ``getaddrinfo``.

        Args:
            query: its arguments.
            timeout: seconds, from a millisecond to a day.

        Returns:
            The answer, or how the process ended. A session that has ended once answers every
            later lookup with that same end.

        Raises:
            LaneError: the lane itself failed.
            ValueError: the session is closed, or the time-out is out of range.
        """
        return self.lookup_many((query,), timeout)[0]

    def lookup_many(self, queries: Iterable[Query], timeout: float = 10.0) -> list[Outcome]:
        """Many calls, one after another in the same process, sent without waiting between them.

        Args:
            queries: the arguments of each.
            timeout: seconds for each call.

        Returns:
            One outcome per query, in the same order; see ``lookup``.

        Raises:
            LaneError: the lane itself failed.
            ValueError: the session is closed, or the time-out is out of range.
        """
        if self._closed:
            raise ValueError("the session is closed")
        requests = [frames.lookup_frame(self._number, query, timeout) for query in queries]
        if self._end is None:
            self._channel.send(b"".join(requests))
        outcomes: list[Outcome] = []
        while self._end is None and len(outcomes) < len(requests):
            record = self._next(timeout)
            if record is not None:
                outcomes.append(decode(record))
        if isinstance(self._end, LaneError):
            raise self._end
        if self._end is not None:
            outcomes += [self._end] * (len(requests) - len(outcomes))
        return outcomes

    def view(self, request: bytes, timeout: float = 10.0) -> View | Crashed | TimedOut:
        """What the kernel looks like from this process; getaddrinfo is not called.

        Args:
            request: a view request, see `harness.native.view`.
            timeout: seconds, from a millisecond to a day.

        Returns:
            The view, or how the process ended.

        Raises:
            LaneError: the lane itself failed.
            ValueError: the session is closed, or the time-out is out of range.
        """
        if self._closed:
            raise ValueError("the session is closed")
        if self._end is None:
            self._channel.send(frames.view_frame(self._number, request, timeout))
        while self._end is None:
            data = self._next(timeout)
            if data is not None:
                return decode_view(request, data)
        if isinstance(self._end, LaneError):
            raise self._end
        return self._end

    def pid_here(self) -> int:
        """The process, as the caller's process tree numbers it.

        Raises:
            LaneError: it is not there.
        """
        return self.pid

    def close(self) -> None:
        """Ends the process; harmless when repeated."""
        if not self._closed:
            self._closed = True
            self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Self:
        """Waits until the process serves.

        Raises:
            LaneError: it does not.
        """
        if self._next(START_TIME) is not None:
            self._end = RecordError("an answer before the session started")
        if self._end is None and self.pid:
            return self
        end = self._end
        self._stop()
        if isinstance(end, LaneError):
            raise end
        raise LaneError(f"the session did not start: {end}")

    def _next(self, timeout: float) -> bytes | None:
        """Takes one frame: a record or view, or None after it has changed the session's state."""
        try:
            frame = self._channel.receive(timeout + GRACE)
        except frames.StalledError:
            # Its own alarm did not end it: stopped by someone, or stuck in the kernel.
            self._end = TimedOut(timeout)
            self._stop()
            return None
        except RecordError as error:
            self._end = error
            self._stop()
            return None
        if frame is None:
            self._end = self._lost(timeout)
            return None
        kind, payload = frame
        if kind == frames.ERROR:
            text = payload.decode("ascii", "replace")
            self._end = LaneError(f"the session refused a frame: {text}")
            self._stop()
            return None
        if len(payload) < _SESSION.size or _SESSION.unpack_from(payload)[0] != self._number:
            self._end = RecordError(f"unexpected frame {kind!r} {payload[:16]!r}")
            self._stop()
            return None
        if kind in (frames.ANSWER, frames.SEEN):
            return payload[_SESSION.size :]
        if kind == frames.STARTED and len(payload) == _STARTED.size and not self.pid:
            self.pid = _STARTED.unpack(payload)[1]
        elif kind == frames.DIED and len(payload) == _DIED.size:
            _, how, value, cookie = _DIED.unpack(payload)
            if (how, value) != (frames.BY_EXIT, 0):
                self._channel.restart(frames.resync_frame(cookie))
            self._end = ended(how, value, timeout)
        else:
            self._end = RecordError(f"unexpected frame {kind!r} {payload[:16]!r}")
            self._stop()
        return None

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
    """What a DIED frame means to the lookup that was waiting.

    Args:
        how: one of ``frames.BY_EXIT`` and so on.
        value: exit status, signal or errno.
        timeout: seconds the lookup had.
    """
    if how == frames.BY_SIGNAL:
        return Crashed(value)
    if how == frames.BY_TIMEOUT:
        return TimedOut(timeout)
    if how == frames.NO_FORK:
        return LaneError(f"the worker cannot fork (errno {value})")
    return LaneError(f"the session's process ended with status {value}")

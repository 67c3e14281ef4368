"""What can go wrong with a lane, apart from what a glibc answers."""

from __future__ import annotations


class LaneError(Exception):
    """The lane itself failed: it did not start, or it broke its protocol.

    A glibc that crashes or hangs is a result (``Crashed``, ``TimedOut``), never this.
    """

    exit_status = 3


class RecordError(LaneError):
    """Bytes that are no record or frame of ``csrc/PROTOCOL.md``."""

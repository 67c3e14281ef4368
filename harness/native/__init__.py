"""Calling the real ``getaddrinfo``: in this interpreter's glibc or in any other.

A *lane* reaches one glibc. Each *session* of a lane is a process that has never called
``getaddrinfo`` before, so that it reads gai.conf afresh.

Example:
    >>> from harness.native import CffiLane, Query
    >>> with CffiLane() as lane, lane.open() as session:
    ...     answer = session.lookup(Query("192.0.2.9"))
    >>> str(answer.addrinfos[0].address)
    '192.0.2.9'

Nothing is loaded before it is used, so importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.native.cffi_lane import CffiLane, lookup_here
    from harness.native.errors import LaneError, RecordError
    from harness.native.lanes import Lane, Session
    from harness.native.query import Query
    from harness.native.record import AddrInfo, Answer, Crashed, Outcome, TimedOut
    from harness.native.worker_lane import (
        MODULE_NAME,
        WorkerLane,
        bundled_module,
        bundled_worker,
    )

__all__ = [
    "MODULE_NAME",
    "AddrInfo",
    "Answer",
    "CffiLane",
    "Crashed",
    "Lane",
    "LaneError",
    "Outcome",
    "Query",
    "RecordError",
    "Session",
    "TimedOut",
    "WorkerLane",
    "bundled_module",
    "bundled_worker",
    "lookup_here",
]

_WHERE = {
    "MODULE_NAME": "worker_lane",
    "AddrInfo": "record",
    "Answer": "record",
    "CffiLane": "cffi_lane",
    "Crashed": "record",
    "Lane": "lanes",
    "LaneError": "errors",
    "Outcome": "record",
    "Query": "query",
    "RecordError": "errors",
    "Session": "lanes",
    "TimedOut": "record",
    "WorkerLane": "worker_lane",
    "bundled_module": "worker_lane",
    "bundled_worker": "worker_lane",
    "lookup_here": "cffi_lane",
}


def __getattr__(name: str) -> object:
    """Loads a public name at its first use."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value

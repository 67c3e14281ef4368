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
    from harness.native.cffi_lane import CffiLane as CffiLane
    from harness.native.cffi_lane import lookup_here as lookup_here
    from harness.native.errors import LaneError as LaneError
    from harness.native.errors import RecordError as RecordError
    from harness.native.lanes import Lane as Lane
    from harness.native.lanes import Session as Session
    from harness.native.query import Query as Query
    from harness.native.record import AddrInfo as AddrInfo
    from harness.native.record import Answer as Answer
    from harness.native.record import Crashed as Crashed
    from harness.native.record import Outcome as Outcome
    from harness.native.record import TimedOut as TimedOut
    from harness.native.worker_lane import MODULE_NAME as MODULE_NAME
    from harness.native.worker_lane import WorkerLane as WorkerLane
    from harness.native.worker_lane import bundled_module as bundled_module
    from harness.native.worker_lane import bundled_worker as bundled_worker

_MODULES = {
    "cffi_lane": ("CffiLane", "lookup_here"),
    "errors": ("LaneError", "RecordError"),
    "lanes": ("Lane", "Session"),
    "query": ("Query",),
    "record": ("AddrInfo", "Answer", "Crashed", "Outcome", "TimedOut"),
    "worker_lane": ("MODULE_NAME", "WorkerLane", "bundled_module", "bundled_worker"),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}
__all__ = tuple(_WHERE)


def __getattr__(name: str) -> object:
    """Loads a public name at its first use."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value

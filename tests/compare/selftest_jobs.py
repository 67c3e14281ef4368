"""What runs inside a sandbox for the self-test's own tests."""

from __future__ import annotations

from contextlib import closing
from dataclasses import fields, replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, cast

from harness.compare.selftest import first_difference
from harness.kernel.netlink import Netlink
from harness.native.kernel_view import Seen, View
from harness.native.worker_lane import WorkerLane, bundled_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.native.lanes import Session
    from harness.sandbox import Box
    from harness.scenario.schema import Host


class Glass:
    """A session seen through something that changes one view: its entries, or all of it."""

    def __init__(self, session: Session, number: int, pane: Any) -> None:
        self._session = session
        self._left = number
        self._pane = pane

    def view(self, request: bytes) -> Any:
        view = self._session.view(request)
        assert isinstance(view, View)
        self._left -= 1
        return self._pane(view) if self._left == -1 else view


def differences(box: Box, host: Host) -> Iterator[tuple[str, str]]:
    """What is changed in a view, and what the self-test then says; first nothing is."""
    box.build(host)
    with (
        closing(Netlink()) as netlink,
        WorkerLane([bundled_worker()]) as lane,
        lane.open() as session,
    ):
        yield "", first_difference(session, box, netlink)
        for number in range(4):
            for what, pane in panes(session, number, box, netlink):
                glass = cast("Session", Glass(session, number, pane))
                yield what, first_difference(glass, box, netlink)


def panes(session: Session, number: int, box: Box, netlink: Netlink) -> Iterator[tuple[str, Any]]:
    """Ways to spoil one of the four views."""
    kept: list[View] = []

    def keep(view: View) -> View:
        kept.append(view)
        return view

    first_difference(cast("Session", Glass(session, number, keep)), box, netlink)
    entries = kept[0].entries
    last = len(entries) - 1
    yield f"view {number}: nothing", lambda _: View(0, ())
    yield f"view {number}: one too few", lambda view: View(0, view.entries[:-1])
    yield f"view {number}: one too many", lambda view: View(0, (*view.entries, view.entries[-1]))
    yield f"view {number}: an error", lambda _: View(71, ())
    for at in {0, last // 2, last}:
        for field in fields(entries[at]):
            if field.compare:
                changed = spoilt(entries[at], field.name)
                spoiled = (*entries[:at], changed, *entries[at + 1 :])
                yield f"view {number}: entry {at} {field.name}", lambda _, s=spoiled: View(0, s)


def spoilt(entry: Seen, name: str) -> Seen:
    value = getattr(entry, name)
    other: Any
    if isinstance(value, str):
        other = value[:-1]
    elif isinstance(value, int):
        other = value ^ 0x100  # as a byte out of its place would be
    elif isinstance(value, IPv4Address | IPv6Address):
        other = type(value)(value.packed[::-1]) if value.packed[::-1] != value.packed else None
    else:
        other = IPv4Address("0.0.0.0")
    changed: dict[str, Any] = {name: other}
    return replace(entry, **changed)

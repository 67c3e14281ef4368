"""The trace beside the model's input: did glibc really see the sources the kernel told us? Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from harness.model.addresses import parse_target
from harness.model.host import Route, Target

if TYPE_CHECKING:
    from harness.compare.evidence import Evidence
    from harness.model.host import HostView
    from harness.native.trace import Connection, Trace


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """One connect() of the real glibc, and the kernel's route look-up for the same destination.

    ``traced`` and ``looked_up`` are a source address or an errno name; ``same`` when they agree.
    """

    destination: str
    traced: str
    looked_up: str

    @property
    def same(self) -> bool:
        """True when glibc saw the source the model was given."""
        return self.traced == self.looked_up


@dataclass(frozen=True, slots=True)
class TraceReport:
    """A look-up's system calls as strace printed them, and the check of each source."""

    calls: tuple[str, ...]
    checks: tuple[SourceCheck, ...]

    @property
    def agreed(self) -> bool:
        """True when every source is the one the model used."""
        return all(check.same for check in self.checks)


def trace_report(evidence: Evidence) -> TraceReport | None:
    """The report of a traced look-up; None where nothing was traced."""
    trace: Trace | None = evidence.trace
    if trace is None:
        return None
    checks = [_check(connection, evidence.view) for connection in trace.connections]
    return TraceReport(trace.calls, tuple(check for check in checks if check is not None))


def _check(connection: Connection, view: HostView) -> SourceCheck | None:
    target = parse_target(connection.destination, {one.name: one.index for one in view.links})
    route = view.routes.get(target)
    if route is None:
        return None  # the name server's socket, not a destination
    if connection.error == "EAFNOSUPPORT":
        return None  # an IPv6-only socket: glibc tries again with an AF_INET one
    return SourceCheck(str(target), _traced(connection, target), _looked_up(route))


def _traced(connection: Connection, target: Target) -> str:
    if connection.source is None:
        return connection.error or "no source"
    source = ip_address(connection.source.partition("%")[0])
    # an AF_INET6 socket shows the source of an IPv4 destination as ::ffff:a.b.c.d
    mapped = source.ipv4_mapped if source.version == 6 else None
    if mapped is not None and target.address.version == 4:
        return str(mapped)
    return str(source)


def _looked_up(route: Route) -> str:
    return str(route.source) if route.source is not None else route.error or "no source"

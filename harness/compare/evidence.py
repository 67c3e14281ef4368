"""What was really seen: which build was asked, under which gai.conf, and what it answered. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from harness.compare.results import LaneKind
from harness.model.addresses import parse_target
from harness.model.dialects import Dialect, dialect
from harness.model.host import HostView
from harness.model.lookup import NameService
from harness.native.record import Outcome
from harness.native.trace import Connection, Trace
from harness.scenario.schema import Lookup, Scenario


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """One glibc and the way it is called.

    ``command`` is the worker's argv inside ``skeleton``, its private root. The cffi lane has
    neither on the host's glibc; elsewhere ``command`` starts this interpreter, whose ``parts``
    are shown in the root, by that glibc's own loader. ``build`` says where it comes from,
    ``label`` the same in a word.
    ``emulator`` names the qemu-user that a foreign architecture runs through, ``untrusted``
    says what the self-test of such a lane found wrong, if anything.
    """

    glibc: str
    arch: str
    lane: LaneKind
    build: str
    command: tuple[str, ...] = ()
    skeleton: Path | None = None
    label: str = ""
    emulator: str = ""
    untrusted: str = ""
    parts: tuple[tuple[str, Path], ...] = ()

    @property
    def dialect(self) -> Dialect:
        """How this build behaves."""
        return dialect(self.glibc, self.arch)

    @property
    def name(self) -> str:
        """The build for a message: ``2.36:s390x (debian bookworm 2.36-9, qemu-s390x 7.2.22)``."""
        return f"{self.glibc}:{self.arch} ({', '.join(filter(None, (self.build, self.emulator)))})"


@dataclass(frozen=True, slots=True)
class NamedGaiConf:
    """A gai.conf to run under: its name in results and its bytes, None for no file at all."""

    name: str
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was really seen for one look-up: the host as the kernel tells it, glibc's answer."""

    scenario: Scenario
    lookup: Lookup
    conf: NamedGaiConf
    view: HostView
    names: NameService
    lane: LaneSpec
    native: Outcome
    trace: Trace | None = None

    @property
    def dialect(self) -> Dialect:
        """How the build that answered behaves."""
        return self.lane.dialect


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
    """Whether glibc really saw the sources the kernel told us; None where nothing was traced."""
    trace = evidence.trace
    if trace is None:
        return None
    checks = [_check(connection, evidence.view) for connection in trace.connections]
    return TraceReport(trace.calls, tuple(check for check in checks if check is not None))


def _check(connection: Connection, view: HostView) -> SourceCheck | None:
    target = parse_target(connection.destination, {one.name: one.index for one in view.links})
    route = view.routes.get(target)
    # the name server's socket, no destination; an IPv6-only socket: glibc tries AF_INET again
    if route is None or connection.error == "EAFNOSUPPORT":
        return None
    traced = connection.error or "no source"
    if connection.source is not None:
        source = ip_address(connection.source.partition("%")[0])
        # an AF_INET6 socket shows the source of an IPv4 destination as ::ffff:a.b.c.d
        mapped = source.ipv4_mapped if source.version == 6 else None
        traced = str(mapped if mapped is not None and target.address.version == 4 else source)
    known = str(route.source) if route.source is not None else route.error or "no source"
    return SourceCheck(str(target), traced, known)

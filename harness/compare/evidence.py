"""What was really seen: which build was asked, under which gai.conf, and what it answered. Pure."""

from dataclasses import dataclass
from pathlib import Path

from harness.advice.accepted import unaccepted
from harness.advice.lint import Finding
from harness.compare.fields import LaneKind
from harness.compare.results import where
from harness.model.dialects import NEWEST, Dialect, dialect, told
from harness.model.host import HostView
from harness.model.lookup import NameService
from harness.native.record import Outcome
from harness.native.trace import Trace
from harness.scenario.schema import Lookup, Scenario
from harness.scenario.values import satisfies
from harness.versions import ResolverName, named_version


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """One glibc and the way it is called.

    ``command`` is the worker's argv inside ``skeleton``, its private root. The cffi lane has
    neither on the host's glibc; elsewhere ``command`` starts this interpreter, whose ``parts``
    are shown in the root, by that glibc's own loader. ``build`` says where it comes from,
    ``label`` the same in a word.
    ``emulator`` names the qemu-user that a foreign architecture runs through, ``untrusted``
    says what the self-test of such a lane found wrong, if anything. ``rows`` are those in which
    the build differs from Debian's of its version. ``myhostname``: it has systemd's module.
    ``resolver`` is what is asked; of another than glibc ``resolver_version`` is its version, and
    ``glibc`` that of the glibc beneath it, or "".
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
    myhostname: bool = False
    rows: tuple[str, ...] = ()
    resolver: ResolverName = "glibc"
    resolver_version: str = ""

    @property
    def dialect(self) -> Dialect:
        """How this build behaves; of another resolver than glibc, nothing is told by it."""
        return told(dialect(self.glibc or NEWEST, self.arch), self.rows)

    @property
    def version(self) -> str:
        """As results say it: ``2.36``, ``musl 1.2.3``."""
        return named_version(self.glibc, self.resolver, self.resolver_version)

    @property
    def where(self) -> str:
        """The build in words that no other build of a run has, as results say it."""
        return where(self.version, self.arch, self.label, self.lane)

    @property
    def name(self) -> str:
        """The build for a message: ``2.36:s390x (debian bookworm 2.36-9, qemu-s390x 7.2.22)``."""
        origin = ", ".join(filter(None, (self.build, self.emulator)))
        return f"{self.version}:{self.arch} ({origin})"


Case = tuple[Dialect, str, int]
"""What tells the model's answers to one look-up apart: the dialect, the version of another
resolver than glibc, and after how many look-ups."""


@dataclass(frozen=True, slots=True)
class NamedGaiConf:
    """A gai.conf to run under: its name in results and its bytes, None for no file at all.

    ``mtime`` is its modification time in nanoseconds where the scenario changes the file, else 0.
    """

    name: str
    data: bytes | None
    mtime: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was really seen for one look-up: the host as the kernel tells it, glibc's answer.

    ``conf`` is the file as the look-up found it; where a scenario changes it, ``before`` has the
    look-ups that its process made before, each with the file it found. ``asked`` is a dialect in
    the place of the lane's own.
    """

    scenario: Scenario
    lookup: Lookup
    conf: NamedGaiConf
    view: HostView
    names: NameService
    lane: LaneSpec
    native: Outcome
    trace: Trace | None = None
    before: tuple[tuple[Lookup, NamedGaiConf], ...] = ()
    asked: Dialect | None = None

    @property
    def dialect(self) -> Dialect:
        """How the build that answered behaves."""
        return self.asked or self.lane.dialect

    @property
    def case(self) -> Case:
        """Equal for builds that have one answer of the model."""
        other = "" if self.lane.resolver == "glibc" else self.lane.version
        return self.dialect, other, len(self.before)


def line_findings(conf: NamedGaiConf, glibc: str) -> tuple[Finding, ...]:
    """What lint finds in the lines of a file that this glibc ignores, misreads or may die of.

    What holds for the file as a whole is left to `harness.advice.pitfalls`, which knows the order,
    and what a comment of the file accepts is left out.
    """
    return tuple(
        one
        for one in unaccepted(conf.data or b"")
        if one.line and (one.glibc == "all" or satisfies(glibc, one.glibc))
    )

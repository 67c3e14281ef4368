"""What a run yields: plain frozen values, from which every output is rendered.

JSON documents and their schemas are made from these classes (`harness.report.documents`): a field
is a key, its annotation what the schema says of it. Keys are added, never renamed or taken away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any, Literal

from pydantic import Field, computed_field

from harness.compare.differences import ArchitectureChange, BuildChange, VersionChange
from harness.compare.fields import Arch, Bits, Count, Glibc, LaneKind, Reason, RuleNumber, in_words
from harness.compare.presence import PresenceRow
from harness.compare.values import sent_by_values
from harness.model.dialects import beyond_model
from harness.model.explain import seen
from harness.model.order import Decision
from harness.sandbox import DeviceNote
from harness.versions import ResolverName, named_version, who


class Verdict(StrEnum):
    """How native and model compare for one lookup on one glibc."""

    AGREE = "agree"
    DISAGREE = "disagree"
    CRASHED = "crashed"
    ERROR = "error"


@sent_by_values
@dataclass(frozen=True, slots=True)
class PairReason:
    """Why ``before`` stands before ``after``; ``seen`` is what the rule saw of each, in words."""

    before: str
    after: str
    rule: RuleNumber
    why: str
    preferred: Annotated[
        bool, Field(description="false where the rule prefers the other way, unasked by the sort")
    ] = True
    seen: Annotated[tuple[str, str] | None, Field(exclude=True)] = None

    @classmethod
    def of(cls, decision: Decision) -> "PairReason":
        """A decision of the model, in words."""
        before, after = str(decision.before.target), str(decision.after.target)
        return cls(before, after, decision.rule, decision.why, decision.preferred, seen(decision))


@sent_by_values
@dataclass(frozen=True, slots=True)
class DestinationRow:
    """One destination in the order returned, with all that the rules looked at.

    ``error`` says why the kernel has no source. ``interface``, ``native`` and ``flags`` are the
    source's as glibc knows them.
    """

    destination: str
    position: Annotated[Count, Field(description="its place before sorting")]
    source: Annotated[str | None, Field(description="null where the kernel has none")]
    prefixlen: Annotated[Bits, Field(description="of the source; 0 for unknown")]
    reachable: bool
    error: str | None
    destination_scope: Count
    source_scope: Count | None
    destination_label: int
    source_label: int | None
    precedence: int
    interface: str | None
    native: bool
    common_prefix: Annotated[Bits, Field(description="the bits rule 9 compares")]
    flags: tuple[str, ...]
    place: Annotated[
        Count, Field(description="its place among the different addresses before sorting, from 1")
    ] = 0


@sent_by_values
@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know beside the order: ``kind`` is chance, cycle, reload, reply or trap."""

    kind: str
    text: str


@sent_by_values
@dataclass(frozen=True, slots=True)
class Departure:
    """A standard that orders otherwise: its order, and why at the first difference."""

    standard: str
    order: tuple[str, ...]
    why: str


@sent_by_values
@dataclass(frozen=True, slots=True)
class Result:
    """One lookup on one glibc under one gai.conf, native and modelled.

    ``unmet`` holds the failed expectations, one line each; ``destinations`` the facts that the
    model's decisions rest on, in its order. ``label`` is the name the build was added by, "host",
    the distribution's suite, or its folder. ``accepted`` has the ``reason`` that a baseline gives.
    """

    scenario: str
    lookup: str
    gai_conf: str
    glibc: Glibc
    arch: Arch
    lane: LaneKind
    build: Annotated[str, Field(description="where the glibc comes from")]
    verdict: Verdict
    native: Annotated[tuple[str, ...], Field(description="as returned, one per addrinfo")]
    model: tuple[str, ...]
    error: Annotated[str | None, Field(description="an EAI name; for a crash the signal's")] = None
    model_error: str | None = None
    first_difference: Annotated[Count | None, Field(description="a position, from 0")] = None
    differences: Annotated[
        tuple[str, ...],
        Field(description="in the entries, beside their addresses: canonical name, flags, lengths"),
    ] = ()
    causes: Annotated[
        tuple[str, ...],
        Field(description="changes of the model of which each alone gives glibc's answer"),
    ] = ()
    decisions: tuple[PairReason, ...] = ()
    undefined: Annotated[
        tuple[str, ...], Field(description="lines of gai.conf without a defined effect")
    ] = ()
    predicted: Annotated[
        bool, Field(description="a crash that such a line may cause, or that the model foresees")
    ] = False
    unmet: Annotated[tuple[str, ...], Field(serialization_alias="expectation_failures")] = ()
    elapsed_ns: Count = 0
    remarks: tuple[Remark, ...] = ()
    departures: tuple[Departure, ...] = ()
    destinations: tuple[DestinationRow, ...] = ()
    label: Annotated[str, Field(description="where the glibc comes from, in a word")] = ""
    accepted: Annotated[bool, Field(description="a failure that the baseline knows")] = False
    reason: Reason = ""
    emulator: Annotated[
        str | None, Field(description="the qemu-user a foreign architecture ran through")
    ] = None
    untrusted: Annotated[
        str | None,
        Field(description="what its self-test found wrong; such a result is not counted"),
    ] = None
    source: Annotated[str, Field(description="the scenario's file")] = ""
    line: Annotated[int | None, Field(ge=1, description="of the look-up in it")] = None
    said: Annotated[
        str | None, Field(description="its last words before a crash: the text of an assertion")
    ] = None
    rows: Annotated[
        tuple[str, ...], Field(description="in which it differs from Debian's build of its version")
    ] = ()
    sockets: Annotated[
        int, Field(ge=1, description="entries of one address, one for each kind of socket")
    ] = 1
    presence: Annotated[
        PresenceRow | None, Field(description="null where the model was not asked")
    ] = None
    resolver: Annotated[ResolverName, Field(description="whose code was asked")] = "glibc"
    resolver_version: Annotated[str, Field(description="of another resolver than glibc")] = ""

    @computed_field(description="newer than the model knows, and judged as the newest known")  # type: ignore[prop-decorator]
    @property
    def beyond_model(self) -> bool:
        """True for a release that is newer than the newest one the model knows."""
        return self.resolver == "glibc" and beyond_model(self.glibc)

    @property
    def version(self) -> str:
        """What answered: ``2.36`` of glibc, else with the resolver's name: ``musl 1.2.3``."""
        return named_version(self.glibc, self.resolver, self.resolver_version)

    @property
    def order(self) -> tuple[str, ...]:
        """The list that glibc returned, one for each address and not for each kind of socket."""
        return listed(self.native, self.sockets)

    @property
    def model_order(self) -> tuple[str, ...]:
        """The list that the model returns, in the same way."""
        return listed(self.model, self.sockets)

    @property
    def unsorted(self) -> str:
        """Why several addresses stand as they were found, in words.

        "" where they were sorted, or the model knows of no several.
        """
        if self.destinations or self.error or min(len({*self.native}), len({*self.model})) < 2:
            return ""
        if self.resolver == "glibc" and not self.undefined:
            return ""
        if not self.undefined and any(one.kind == "chance" for one in self.remarks):
            return "not explained: what the name service gives is undefined here"
        why = _UNSORTED.get(self.resolver, "they are not sorted")
        return f"as found: {why}"

    @property
    def presence_lines(self) -> tuple[str, ...]:
        """What there is to say of addresses left out, changed or doubled, and of an error."""
        return () if self.presence is None else tuple(self.presence.lines(self.model_error))

    @property
    def returned(self) -> tuple[tuple[str, ...], str | None]:
        """What builds that answer alike have in common: what came back, or how it failed."""
        return self.native, self.error

    @property
    def answer(self) -> str:
        """What glibc gave, in words: an error, or the order."""
        return in_words(self.error, self.order)

    @property
    def model_answer(self) -> str:
        """What the model gives, in the same way."""
        return in_words(self.model_error, self.model_order)

    def without_build(self, **changes: Any) -> "Result":
        """The same without the build's names and its time: equal for builds that say the same."""
        return replace(self, **{**_NO_BUILD, **changes})

    @property
    def where(self) -> str:
        """The build in words that no other build of a run has: "2.36:amd64 (bookworm)".

        The same in every run, so that a history of results can be kept by it.
        """
        return where(self.version, self.arch, self.label, self.lane)

    @property
    def who(self) -> str:
        """The same with the resolver's name: "glibc 2.36:amd64 (bookworm)"."""
        return who(self.where)

    @property
    def agreed(self) -> bool:
        """True when native and model say the same, a predicted crash included."""
        return self.verdict is Verdict.AGREE or self.predicted

    @property
    def differs(self) -> bool:
        """True for a disagreement, a surprise or a failed expectation, accepted or not.

        False where the way to this glibc is not to be trusted: nothing is known then.
        """
        return not self.untrusted and (bool(self.unmet) or not self.agreed)

    @property
    def failed(self) -> bool:
        """True when this result alone makes the run end with status 1."""
        return self.differs and not self.accepted


_UNSORTED: dict[ResolverName, str] = {
    "glibc": "the effect of the gai.conf is undefined",
    "musl": "musl does not sort an answer that has IPv4 addresses alone",
    "c-ares-nosort": "c-ares does not sort with ARES_AI_NOSORT",
}

_NO_BUILD: dict[str, Any] = {
    "glibc": "", "arch": "", "lane": "worker", "build": "", "label": "", "emulator": None,
    "rows": (), "resolver_version": "", "elapsed_ns": 0,
}  # fmt: skip
_UNSAID = {*_NO_BUILD, "destinations", "departures"}
beside_build = attrgetter(*(one.name for one in fields(Result) if one.name not in _UNSAID))
"""What a text says of a result: equal for builds whose answers stand side by side."""


def where(version: str, arch: str, label: str, lane: LaneKind) -> str:
    """A build in words that no other build of a run has; see `Result`."""
    usual = "cffi" if label == "host" else "worker"
    return f"{version}:{arch} ({label if lane == usual else f'{label}, {lane}'})"


def listed(addresses: Sequence[str], sockets: int) -> tuple[str, ...]:
    """Of the entries returned, one for each address: a double stands as often as it is returned.

    Where the entries of one address for several kinds of socket are apart, each run of equal ones
    counts once.
    """
    alone = tuple(addresses[::sockets])
    if tuple(one for one in alone for _ in range(sockets)) == tuple(addresses):
        return alone
    return tuple(address for address, _ in groupby(addresses))


@dataclass(frozen=True, slots=True)
class Notice:
    """What a run has to say beside its results, of one ``build`` where it is named."""

    kind: Annotated[
        Literal["refused", "stale", "cause"],
        Field(
            description="a host that could not be built; an entry of the baseline not needed;"
            " what explains the disagreements of a build"
        ),
    ]
    scenario: str
    text: str
    lookup: str = ""
    gai_conf: str = ""
    build: str = ""
    source: str = ""
    failed: Annotated[bool, Field(description="it makes the run fail")] = False

    @property
    def wrong(self) -> bool:
        """True for a refused host too, after which the run does not end with 0 either."""
        return self.failed or self.kind == "refused"

    @property
    def place(self) -> tuple[str, ...]:
        """What it speaks of: the scenario, and look-up, gai.conf and build where it has them."""
        return tuple(filter(None, (self.scenario, self.lookup, self.gai_conf, self.build)))


@sent_by_values
@dataclass(frozen=True, slots=True)
class LookupReport:
    """One lookup under one gai.conf on every glibc asked for, oldest first.

    ``source`` is the scenario's file, ``line`` the look-up's line in it, where known.
    ``reference`` is the build (`Result.where`) that the others are held against, if any is,
    and ``against`` holds what they answer otherwise.
    """

    scenario: str
    lookup: str
    gai_conf: str
    results: tuple[Result, ...]
    changes: tuple[VersionChange, ...] = ()
    architectures: tuple[ArchitectureChange, ...] = ()
    devices: tuple[DeviceNote, ...] = ()
    description: str = ""
    source: str = ""
    line: int | None = None
    reference: str = ""
    against: tuple[BuildChange, ...] = ()

    @property
    def differences(self) -> tuple[VersionChange | ArchitectureChange | BuildChange, ...]:
        """Where builds answer differently, of each kind."""
        return (*self.changes, *self.architectures, *self.against)

    def holds(self, result: Result) -> bool:
        """Whether one of its results is held against the reference's; both must be trusted."""
        if not self.reference or result.where == self.reference or result.untrusted:
            return False
        return not any(one.untrusted for one in self.results if one.where == self.reference)

    @property
    def failed(self) -> bool:
        """True when something in it makes the run end with status 1."""
        return any(one.failed for one in self.results) or any(one.failed for one in self.against)

"""The JSON documents of this program as types: their JSON Schemas are made from these alone.

The writers are checked against them by mypy, their output against the schemas by tests. Keys
are added, never renamed or taken away, so a schema allows keys that it does not know.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from harness.compare.tracing import TraceReport

Verdict = Literal["agree", "disagree", "crashed", "error"]
Lane = Literal["cffi", "worker"]
Glibc = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)+$", description='as "2.36"')]
Arch = Annotated[str, Field(pattern=r"^[a-z0-9-]+$", description="Debian's name: amd64, armhf")]
Rule = Annotated[int, Field(ge=1, le=10, description="of RFC 3484")]
Count = Annotated[int, Field(ge=0)]
Where = Annotated[
    str, Field(description="a build in words that no other of the run has: 2.36:amd64 (bookworm)")
]
Reason = Annotated[str, Field(description="why the baseline accepts it")]
Schema = Annotated[Literal[1], Field(description="the version of this format")]


class Decision(TypedDict):
    """Why one address stands before its neighbour."""

    before: str
    after: str
    rule: Rule
    why: str
    preferred: Annotated[
        bool, Field(description="false where the rule prefers the other way, unasked by the sort")
    ]


class Destination(TypedDict):
    """One destination with all that the rules looked at."""

    destination: str
    position: Annotated[Count, Field(description="its place before sorting")]
    source: Annotated[str | None, Field(description="null where the kernel has none")]
    prefixlen: Annotated[int, Field(ge=0, le=128, description="of the source; 0 for unknown")]
    reachable: bool
    error: str | None
    destination_scope: Count
    source_scope: Count | None
    destination_label: int
    source_label: int | None
    precedence: int
    interface: str | None
    native: bool
    common_prefix: Annotated[int, Field(ge=0, le=128, description="the bits rule 9 compares")]
    flags: list[str]


class Remark(TypedDict):
    """Something to know beside the order."""

    kind: str
    text: str


class Departure(TypedDict):
    """A standard that orders otherwise."""

    standard: str
    order: list[str]
    why: str


class Result(TypedDict):
    """One look-up on one glibc under one gai.conf, native and modelled."""

    scenario: str
    lookup: str
    gai_conf: str
    glibc: Glibc
    arch: Arch
    lane: Lane
    build: Annotated[str, Field(description="where the glibc comes from")]
    label: Annotated[str, Field(description="the same in a word")]
    emulator: Annotated[
        str | None, Field(description="the qemu-user a foreign architecture ran through")
    ]
    untrusted: Annotated[
        str | None,
        Field(description="what its self-test found wrong; such a result is not counted"),
    ]
    verdict: Verdict
    native: Annotated[list[str], Field(description="as returned, one per addrinfo")]
    model: list[str]
    error: Annotated[str | None, Field(description="an EAI name; for a crash the signal's")]
    model_error: str | None
    first_difference: Annotated[int | None, Field(ge=0, description="a position, from 0")]
    decisions: list[Decision]
    destinations: list[Destination]
    undefined: Annotated[list[str], Field(description="lines of gai.conf without a defined effect")]
    predicted: Annotated[bool, Field(description="a crash that such a line may cause")]
    expectation_failures: list[str]
    remarks: list[Remark]
    departures: list[Departure]
    elapsed_ns: Count
    accepted: Annotated[bool, Field(description="a failure that the baseline knows")]
    reason: Reason


class RunResult(Result):
    """A result with the place of its look-up."""

    source: Annotated[str, Field(description="the scenario's file")]
    line: Annotated[int | None, Field(ge=1, description="of the look-up in it")]


class Change(TypedDict):
    """Two neighbouring versions that answer differently."""

    scenario: str
    lookup: str
    gai_conf: str
    older: Glibc
    newer: Glibc
    why: Annotated[list[str], Field(description="empty where no single reason is known")]
    older_label: Annotated[str, Field(description="where builds of one version differ")]
    newer_label: str
    archs: Annotated[list[str], Field(description="where the run has several")]


class ArchitectureChange(TypedDict):
    """Architectures on which the same versions answer differently."""

    scenario: str
    lookup: str
    gai_conf: str
    glibc: list[Glibc]
    one: list[str]
    other: list[str]
    why: Annotated[list[str], Field(description="empty where no reason is known")]


class Side(TypedDict):
    """What one of two builds gave."""

    where: Where
    order: Annotated[list[str], Field(description="each address once")]
    error: str | None
    rule: Annotated[
        int | None,
        Field(ge=1, le=10, description="that decided; null where the model does not explain it"),
    ]
    why: str


class BuildChange(TypedDict):
    """A look-up that a build answers otherwise than the reference."""

    scenario: str
    lookup: str
    gai_conf: str
    rules: Annotated[str, Field(description="before → after, in words")]
    old: Side
    new: Side
    why: list[str]
    undefined: Annotated[bool, Field(description="chance may have decided: no finding")]
    accepted: bool
    reason: Reason


class Against(TypedDict):
    """One build held against others."""

    reference: Where
    compared: Annotated[Count, Field(description="answers held against the reference's")]
    changes: list[BuildChange]


class Notice(TypedDict):
    """What a run has to say beside its results."""

    kind: Annotated[
        Literal["refused", "stale"],
        Field(description="a host that could not be built; an entry of the baseline not needed"),
    ]
    scenario: str
    text: str
    lookup: str
    gai_conf: str
    build: str
    source: str
    failed: Annotated[bool, Field(description="it makes the run fail")]


class Summary(TypedDict):
    """Counts over the whole run."""

    agree: Count
    disagree: Count
    crashed: Count
    error: Count
    expectation_failed: Count
    accepted: Count
    untrusted: Annotated[int, Field(ge=0, description="left out of the other counts")]


class Run(TypedDict):
    """``gai-harness run --format json``."""

    schema: Schema
    results: list[RunResult]
    changes: list[Change]
    architectures: list[ArchitectureChange]
    against: Annotated[Against | None, Field(description="with --against")]
    notices: list[Notice]
    summary: Summary


class Pair(TypedDict):
    """The decision between two addresses asked for."""

    before: str
    after: str
    rule: Rule
    why: str
    preferred: bool


class Explanation(Result):
    """One look-up, explained."""

    trace: TraceReport | None
    apart: Annotated[
        list[str], Field(description="where versions or architectures differ, and why")
    ]
    pair: Pair | None


class Explain(TypedDict):
    """``gai-harness explain --json``."""

    schema: Schema
    explanations: list[Explanation]


class Finding(TypedDict):
    """What is wrong with a line of a gai.conf."""

    code: str
    line: Annotated[Count, Field(description="from 1; 0 for the file as a whole")]
    message: str
    glibc: Annotated[str, Field(description="the versions it is true of")]


class FileFinding(Finding):
    """A finding and the file it is in."""

    file: str


class Lint(TypedDict):
    """``gai-harness lint --format json``."""

    findings: list[FileFinding]


class Moved(TypedDict):
    """An address and its place before and after, from 0."""

    address: str
    was: int | None
    now: int | None


class WhatIfResult(TypedDict):
    """One look-up on one build, before and after."""

    glibc: Glibc
    arch: Arch
    changed: bool
    moved: list[Moved]
    before: Result
    after: Result


class WhatIfLookup(TypedDict):
    """One look-up, before and after."""

    lookup: str
    changed: bool
    results: list[WhatIfResult]


class WhatIfChange(TypedDict):
    """One host and what another gai.conf does there."""

    scenario: str
    before: str
    after: str
    gai_conf: str | None
    findings: list[Finding]
    lookups: list[WhatIfLookup]


class WhatIf(TypedDict):
    """``gai-harness whatif --json``."""

    schema: Schema
    changes: list[WhatIfChange]
    changed: Count
    disagree: Count


DOCUMENTS: dict[str, tuple[str, Any]] = {
    "results": ("run --format json", Run),
    "explain": ("explain --json", Explain),
    "whatif": ("whatif --json", WhatIf),
    "lint": ("lint --format json", Lint),
}
"""The documents by the name that ``schema --of`` takes: the command that writes it, its type."""


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one of `DOCUMENTS`; KeyError for another name."""
    command, kind = DOCUMENTS[name]
    made = TypeAdapter(kind).json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": f"gai-harness {command}",
    }

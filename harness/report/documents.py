"""The JSON documents of this program: what a command writes, and the schema of it, from one type.

A document is a dataclass whose fields are the keys. `dump` makes the JSON values of any of
them, `json_schema` the published JSON Schema. Keys are added, never renamed or taken away, so a
schema allows keys that it does not know.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pkgutil import resolve_name
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from harness.advice.lint import Finding
from harness.compare import results as of
from harness.compare.differences import ArchitectureChange, BuildChange, VersionChange
from harness.compare.explain import Contrast, GetentAnswer, TraceReport
from harness.compare.fields import Count, OwnName, Schema, Where
from harness.glibcs import Build
from harness.report.formats import DOCUMENTS
from harness.report.writer import Summary


@dataclass(frozen=True, slots=True)
class HeldAgainst:
    """One build held against others."""

    reference: Where
    compared: Annotated[Count, Field(description="answers held against the reference's")]
    changes: tuple[BuildChange, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """``gai-harness run --format json``."""

    results: tuple[of.Result, ...]
    changes: tuple[VersionChange, ...]
    architectures: tuple[ArchitectureChange, ...]
    against: Annotated[HeldAgainst | None, Field(description="with --against")]
    notices: tuple[of.Notice, ...]
    summary: Summary
    schema: Schema = 1


@dataclass(frozen=True, slots=True)
class Explained(of.Result):
    """One look-up, explained."""

    trace: TraceReport | None = None
    apart: Annotated[
        tuple[str, ...], Field(description="where versions or architectures differ, and why")
    ] = ()
    pair: of.PairReason | None = None
    findings: Annotated[
        tuple[Finding, ...], Field(description="lint's, of the lines of the gai.conf it used")
    ] = ()
    own_name: OwnName = ""
    contrasts: Annotated[
        tuple[Contrast, ...], Field(description="where other resolvers part from the first build")
    ] = ()
    standards: Annotated[
        tuple[of.Departure, ...],
        Field(description="RFC 3484, RFC 6724 and its update, where they would return another"),
    ] = ()


@dataclass(frozen=True, slots=True)
class Explain:
    """``gai-harness explain --json``."""

    explanations: tuple[Explained, ...]
    getent: Annotated[
        tuple[GetentAnswer, ...], Field(description="with --as getent: each of its questions")
    ] = ()
    schema: Schema = 1


@dataclass(frozen=True, slots=True)
class FileFinding(Finding):
    """A finding and the file it is in."""

    file: str = ""


@dataclass(frozen=True, slots=True)
class Lint:
    """``gai-harness lint --format json``."""

    findings: tuple[FileFinding, ...]


@dataclass(frozen=True, slots=True)
class Shows:
    """A scenario or a suite, and what it shows."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Listed:
    """``gai-harness run --list --json``."""

    scenarios: tuple[Shows, ...]
    suites: tuple[Shows, ...]
    schema: Schema = 1


@dataclass(frozen=True, slots=True)
class Builds:
    """``gai-harness glibc list --json``; of fetch, add and remove those they are about."""

    builds: tuple[Build, ...]
    schema: Schema = 1


class _Written(GenerateJsonSchema):
    """The schema of what is written: every key is there, a default of the class or not."""

    def field_is_required(self, *_: object, **__: object) -> bool:
        return True


_adapter: Callable[[type], TypeAdapter[Any]] = cache(TypeAdapter)


def dump(value: Any) -> Any:
    """A document, a part of one, or a list of them, as values for ``json.dumps``."""
    if isinstance(value, list | tuple):
        return [dump(each) for each in value]
    return _adapter(type(value)).dump_python(value, mode="json", by_alias=True)


def text(document: Any) -> str:
    """A whole document as it is written: JSON with an indent, and a line's end."""
    return json.dumps(dump(document), indent=1) + "\n"


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one of `DOCUMENTS`; KeyError for another name."""
    command, kind = DOCUMENTS[name]
    made = _adapter(resolve_name(kind)).json_schema(mode="serialization", schema_generator=_Written)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": f"gai-harness {command}",
    }

"""What docs/findings.md says of each public report, and the checks that hold it to the run.

The text stands in text.yaml. Whatever of it depends on results has a check beside it; a
check that does not hold keeps the page from being written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.scenario.values import satisfies

Glob = Annotated[str, Field(pattern=r"^[^/]+/[^/]+$")]
Verdict = Literal["confirmed", "confirmed in part", "mistaken"]
Result = dict[str, Any]  # one of ``run --format json``, in the words of the published schema


class Part(BaseModel):
    """Base of every part of text.yaml: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Check(Part):
    """Something every result of the look-ups that match must have.

    ``at`` is a pattern over ``scenario/look-up``; ``glibc`` narrows it to some versions.
    ``arch`` narrows it to some architectures; without it the check is made on this one.
    ``rule`` decided between the first two addresses, ``rules`` are all that decided between
    neighbours. With ``times`` that many look-ups match in all that is said, not every one.
    ``stable`` wants one answer from all versions.
    """

    at: Glob
    glibc: str | None = None
    arch: tuple[str, ...] = ()
    first: str | None = None
    not_first: str | None = None
    last: str | None = None
    order: tuple[str, ...] | None = None
    rule: int | None = None
    rules: tuple[int, ...] | None = None
    follows: tuple[str, ...] = ()
    departs: tuple[str, ...] = ()
    remark: Literal["cycle", "reply", "trap"] | None = None
    undefined: bool | None = None
    stable: bool = False
    times: int | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Check:
        if not self.model_fields_set - {"at", "glibc", "arch", "times"}:
            raise ValueError("a check that checks something was expected")
        return self


class Comparison(Part):
    """The look-ups of two scenarios, by name: ``differ`` of them give different orders."""

    between: tuple[str, str]
    differ: int
    of: int


class Table(Part):
    """A table made from results; ``kind`` says how, ``at`` which look-ups or scenarios."""

    kind: Literal["orders", "shares", "differences", "standards", "seed", "processors"]
    at: tuple[str, ...] = ()
    caption: str = ""


class Claim(Part):
    """One thing a report says, and what the run says to it."""

    claim: str
    verdict: Verdict
    conclusion: str
    checks: Annotated[tuple[Check | Comparison, ...], Field(min_length=1)]


class Finding(Part):
    """One public report: where it is, its claims, the tables that show them."""

    title: str
    source: str
    claims: Annotated[tuple[Claim, ...], Field(min_length=1)]
    tables: Annotated[tuple[Table, ...], Field(min_length=1)]


class Surprise(Part):
    """A fact nobody expected, shown by checks or by a named test, or both."""

    title: str
    text: str
    checks: tuple[Check | Comparison, ...] = ()
    test: str | None = None
    tables: tuple[Table, ...] = ()

    @model_validator(mode="after")
    def _is_shown(self) -> Surprise:
        if not self.checks and self.test is None:
            raise ValueError("checks or a test that shows it were expected")
        return self


class PresenceReport(Part):
    """A public report that asks why an address is missing, doubled or strange.

    ``sources`` are as ``owner/name#1``, or words where the place is not known.
    """

    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    claim: str
    verdict: Verdict
    conclusion: str


class PresencePart(Part):
    """Those reports, which a ``test`` holds to real glibc."""

    title: str
    text: str
    reports: tuple[PresenceReport, ...]
    test: str


class Findings(Part):
    """The whole page.

    ``processors`` is shown on other architectures, everything else on this host's.
    """

    introduction: str
    findings: tuple[Finding, ...]
    presence: PresencePart | None = None
    processors: Surprise | None = None
    surprises: tuple[Surprise, ...]
    not_covered: str

    def patterns(self) -> set[str]:
        """The patterns of the scenarios that are looked at on this host's architecture."""
        claims = [claim for finding in self.findings for claim in finding.claims]
        wanted = {"findings-seed-*"}  # what a table of kind "seed" is made of
        parts: tuple[Claim | Finding | Surprise, ...] = (
            *claims, *self.findings, *self.surprises,
        )  # fmt: skip
        for part in parts:
            wanted |= patterns(part)
        return wanted


def patterns(part: Claim | Finding | Surprise) -> set[str]:
    """The patterns of the scenarios that a part's own checks and tables look at."""
    wanted = {pattern for table in getattr(part, "tables", ()) for pattern in table.at}
    for check in getattr(part, "checks", ()):
        wanted |= {check.at} if isinstance(check, Check) else set(check.between)
    return {pattern.partition("/")[0] for pattern in wanted}


def load_findings() -> Findings:
    """The page's text. Raises pydantic's ValidationError."""
    text = Path(__file__).with_name("text.yaml").read_text(encoding="utf-8")
    return Findings.model_validate(yaml.safe_load(text))


def once(addresses: Iterable[str]) -> tuple[str, ...]:
    """Each address once where one follows itself, as with several socket types.

    A scope id becomes the word "zone": the interface's number is the kernel's choice.
    """
    return tuple(address for address, _ in groupby(map(_without_number, addresses)))


def _without_number(address: str) -> str:
    return re.sub(r"%\d+$", "%zone", address)


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one look-up, one a build."""

    scenario: str
    lookup: str
    results: tuple[Result, ...]


def reports(results: Iterable[Result]) -> tuple[Report, ...]:
    """The results of a run, those of each look-up together."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        found.setdefault((result["scenario"], result["lookup"]), []).append(result)
    return tuple(Report(*place, tuple(one)) for place, one in found.items())


@dataclass(frozen=True, slots=True)
class Seen:
    """All reports of a run, found by pattern.

    ``elsewhere`` are those on several architectures, ``builds`` the ones to be shown there,
    as ``--glibc`` names them, run or not.
    """

    reports: tuple[Report, ...]
    elsewhere: tuple[Report, ...] = ()
    builds: tuple[str, ...] = ()

    def at(self, pattern: str) -> Iterator[Report]:
        """The reports whose ``scenario/look-up`` matches; a pattern may lack the look-up."""
        whole = pattern if "/" in pattern else f"{pattern}/*"
        for report in self.reports:
            if fnmatchcase(f"{report.scenario}/{report.lookup}", whole):
                yield report


def failures(findings: Findings, seen: Seen) -> list[str]:
    """One line for every check that does not hold; empty when the page tells the truth."""
    lines = []
    for finding in findings.findings:
        for claim in finding.claims:
            lines += [f"{finding.title}: {line}" for line in _unmet(claim.checks, seen)]
    for surprise in findings.surprises:
        lines += [f"{surprise.title}: {line}" for line in _unmet(surprise.checks, seen)]
    there = Seen(seen.elsewhere)
    if findings.processors is not None and there.reports:
        lines += _unmet(findings.processors.checks, there)
    return lines


def _unmet(checks: Sequence[Check | Comparison], seen: Seen) -> Iterator[str]:
    for check in checks:
        yield from _compare(check, seen) if isinstance(check, Comparison) else _check(check, seen)


def _check(check: Check, seen: Seen) -> Iterator[str]:
    found = list(seen.at(check.at))
    if not found:
        yield f"{check.at}: no look-up matches"
        return
    holding = 0
    for report in found:
        results = [
            result for result in report.results
            if (check.glibc is None or satisfies(result["glibc"], check.glibc))
            and (not check.arch or result["arch"] in check.arch)
        ]  # fmt: skip
        if not results and check.arch:
            continue  # no such build on this host: the page keeps what it says of it
        wrong = [line for result in results for line in _wrong(check, result)]
        if not results:
            wrong.append(f"no version is {check.glibc}")
        answers = {(once(result["native"]), result["error"]) for result in results}
        if check.stable and len(answers) > 1:
            wrong.append(f"{len(answers)} different answers")
        holding += not wrong
        if wrong and check.times is None:
            yield f"{report.scenario}/{report.lookup}: {'; '.join(dict.fromkeys(wrong))}"
    if check.times is not None and holding != check.times:
        wanted = check.model_dump(exclude_unset=True, exclude={"at", "times"})
        yield f"{check.at}: {wanted} holds {holding} times, not {check.times}"


def _wrong(check: Check, result: Result) -> Iterator[str]:
    order = once(result["native"])
    who = f"glibc {result['glibc']} {result['arch']}"
    if not order and (check.first or check.not_first or check.last or check.order):
        yield f"{who} gives no order ({result['error']})"
        return
    decided = [item["rule"] for item in result["decisions"]]
    rule = decided[0] if decided else None
    departs = {departure["standard"] for departure in result["departures"]}
    tests = (
        (check.first in (None, *order[:1]), f"first is {order[:1]}, not {check.first}"),
        (check.not_first not in order[:1], f"{check.not_first} is first"),
        (check.last in (None, *order[-1:]), f"last is {order[-1:]}, not {check.last}"),
        (check.order in (None, order), f"the order is {', '.join(order)}"),
        (check.rule in (None, rule), f"rule {rule} decides, not {check.rule}"),
        (
            check.rules is None or set(decided) == set(check.rules),
            f"rules {decided} decide",
        ),
        (not departs & set(check.follows), f"departs from {', '.join(sorted(departs))}"),
        (departs >= set(check.departs), f"departs from {', '.join(sorted(departs)) or 'none'}"),
        (
            check.remark is None or check.remark in {item["kind"] for item in result["remarks"]},
            f"no {check.remark} is remarked on",
        ),
        (
            check.undefined in (None, bool(result["undefined"])),
            f"undefined is {bool(result['undefined'])}",
        ),
    )
    yield from (f"{who}: {line}" for holds, line in tests if not holds)


def _compare(check: Comparison, seen: Seen) -> Iterator[str]:
    differ, of = differing(check.between, seen)
    if (len(differ), of) != (check.differ, check.of):
        yield (
            f"{check.between[0]} and {check.between[1]}: {len(differ)} of {of} look-ups differ, "
            f"not {check.differ} of {check.of}"
        )


def differing(between: tuple[str, str], seen: Seen) -> tuple[list[tuple[Report, Report]], int]:
    """The look-ups of two scenarios whose orders differ on any version, and how many there are."""
    left, right = ({item.lookup: item for item in seen.at(name)} for name in between)
    shared = [name for name in left if name in right]
    pairs = [(left[name], right[name]) for name in shared]
    return [(a, b) for a, b in pairs if _orders(a) != _orders(b)], len(shared)


def _orders(report: Report) -> list[tuple[str, tuple[str, ...]]]:
    return [(result["glibc"], once(result["native"])) for result in report.results]

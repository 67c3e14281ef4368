"""``whatif``: the same look-ups under two gai.confs, on every glibc, and what moved between them.

`compare_reports` is pure; `whatif` runs the sandboxes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from typing import Annotated

from pydantic import Field

from harness import sandbox
from harness.advice.accepted import unaccepted
from harness.advice.lint import Finding
from harness.compare.differences import VersionChange
from harness.compare.evidence import Evidence, NamedGaiConf
from harness.compare.fields import Arch, Glibc, OwnName
from harness.compare.results import LookupReport, PairReason, Result, listed
from harness.compare.run import HostJob, collect, reports
from harness.compare.values import fill
from harness.compare.verdict import prediction_for
from harness.model.dialects import FIRST_RUN, ROWS, dialect
from harness.sandbox import Pool
from harness.versions import ResolverName, Version

# older versions cannot be run to see whether it is so
_OLDEST = Version.parse(FIRST_RUN).release


@dataclass(frozen=True, slots=True)
class Move:
    """One address in the new order: where it stands and where it stood, counted from 1.

    ``was`` or ``now`` is None for an address that only one of the two answers has.
    """

    address: str
    now: int | None
    was: int | None

    @property
    def moved(self) -> bool:
        """True when the address stands elsewhere than before."""
        return self.now != self.was


@dataclass(frozen=True, slots=True)
class PairChange:
    """What decides between two neighbours of the new order, and what decided before.

    ``old`` is None where the two addresses were not compared before.
    """

    now: PairReason
    old: PairReason | None

    @property
    def turned(self) -> bool:
        """True when the two stood the other way round before."""
        return self.old is not None and self.old.before != self.now.before


@dataclass(frozen=True, slots=True)
class Comparison:
    """One look-up on one build, before and after.

    ``changed`` is True when its answer is another one; ``moved`` are those of ``places`` that
    stand elsewhere than before.
    """

    glibc: Glibc
    arch: Arch
    changed: bool
    moved: tuple[Move, ...]
    before: Result
    after: Result
    places: tuple[Move, ...]
    decisions: tuple[PairChange, ...]
    resolver: ResolverName = "glibc"
    resolver_version: str = ""

    @property
    def failed(self) -> bool:
        """True when native and model disagree before or after."""
        return self.before.failed or self.after.failed


@dataclass(frozen=True, slots=True)
class VersionRange:
    """The model's answer for versions that were not run: from ``since`` on, and before ``until``.

    ``undefined`` is True where the new file's effect is undefined in these versions.
    """

    since: str
    until: str | None
    order: tuple[str, ...]
    error: str | None
    undefined: bool


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One look-up before and after on every glibc asked for.

    ``versions_differ`` are those that answer differently under the new file. ``predictions`` has
    the model's answer under it for every range of versions: one entry where all react alike.
    """

    lookup: str
    changed: bool
    results: tuple[Comparison, ...]
    versions_differ: tuple[VersionChange, ...]
    predictions: tuple[VersionRange, ...] = ()
    own_name: OwnName = ""

    @property
    def failed(self) -> bool:
        """True when native and model disagree on one of the versions."""
        return any(one.failed for one in self.results)


@dataclass(frozen=True, slots=True)
class HostChange:
    """One host and what another gai.conf does there; ``findings`` are lint's of the new file.

    What a comment of the file accepts is none of them.
    """

    scenario: str
    before: str
    after: str
    gai_conf: Annotated[str | None, Field(description="the text of the new file")]
    findings: tuple[Finding, ...]
    lookups: tuple[WhatIf, ...]


def with_lines(conf: NamedGaiConf, lines: Sequence[str]) -> NamedGaiConf:
    """``conf`` with lines put in front, where they win over lines of equal prefix.

    The line that glibc finds first counts; a line at the end could be without effect.
    """
    if not lines:
        return conf
    added = "".join(line.rstrip("\n") + "\n" for line in lines).encode("utf-8", "surrogateescape")
    s = "s" if len(lines) > 1 else ""
    name = f"{conf.name} with {len(lines)} line{s} in front"
    return NamedGaiConf(name, added + (conf.data or b""))


def change(job: HostJob, new: NamedGaiConf | None, lines: Sequence[str]) -> HostJob:
    """The job of trying a change of one host's gai.conf: both files, the one in force first.

    Parameters: ``job`` a job whose first gai.conf is the one in force; ``new`` the file to
    try (None: the one in force); ``lines`` to put in front of it. What the scenario
    expects is left out: it is stated for its own file.
    """
    before = job.gai_confs[0]
    after = with_lines(before if new is None else new, lines)
    if after.name == before.name:
        after = replace(after, name=f"{after.name} (new)")
    return replace(job.without_expectations(), gai_confs=(before, after), source="", lines=())


def compare_reports(before: LookupReport, after: LookupReport) -> WhatIf:
    """What the step from one report to the other does, glibc by glibc. Pure.

    Both must hold the same look-up on the same builds in the same order; raises ValueError
    otherwise.
    """
    results = tuple(
        compare_results(old, new) for old, new in zip(before.results, after.results, strict=True)
    )
    changed = any(one.changed for one in results)
    return WhatIf(after.lookup, changed, results, after.changes)


def compare_results(before: Result, after: Result) -> Comparison:
    """What moved between two answers of one glibc. Pure; ValueError for two different glibcs."""
    if before.where != after.where:
        raise ValueError(f"{before.where} and {after.where}: one build was expected")
    was, now = (_numbered(one.order) for one in (before, after))
    places = [Move(one[0], number, was.get(one)) for one, number in now.items()]
    places += [Move(one[0], None, number) for one, number in was.items() if one not in now]
    earlier = {frozenset((one.before, one.after)): one for one in before.decisions}
    decisions = tuple(
        PairChange(one, earlier.get(frozenset((one.before, one.after)))) for one in after.decisions
    )
    return fill(
        Comparison,
        after,
        changed=before.returned != after.returned,
        moved=tuple(one for one in places if one.moved),
        before=before,
        after=after,
        places=tuple(places),
        decisions=decisions,
    )


def _numbered(order: Sequence[str]) -> dict[tuple[str, int], int]:
    """The places of a list, from 1: by the address, and how often it stood before."""
    before: Counter[str] = Counter()
    places = {}
    for number, address in enumerate(order, 1):
        places[address, before[address]] = number
        before[address] += 1
    return places


def whatif(jobs: Sequence[HostJob]) -> Iterator[HostChange]:
    """Run every `change` in a sandbox of its own; raises as `harness.compare.run.run`."""
    with Pool(1) as pool:
        for job, found in zip(jobs, pool.map(_examine, jobs), strict=True):
            before, after = job.gai_confs
            text = None if after.data is None else after.data.decode("utf-8", "replace")
            yield HostChange(
                job.scenario.name, before.name, after.name, text, unaccepted(after.data or b""),
                tuple(found),
            )  # fmt: skip


def _examine(box: "sandbox.Box", job: HostJob) -> Iterator[WhatIf]:
    """Inside a sandbox: the reports under both files, paired by look-up."""
    collected = [one for one in collect(box, job) if one[0]]
    judged = list(reports(job, collected))
    number = len(collected) // 2
    pairs = zip(judged[:number], judged[number:], collected[number:], strict=True)
    for before, after, (evidences, _) in pairs:
        of_glibc = [one for one in evidences if one.lane.resolver == "glibc"]
        said = predictions(of_glibc[0]) if of_glibc else ()
        yield replace(compare_reports(before, after), predictions=said)


def predictions(evidence: Evidence) -> tuple[VersionRange, ...]:
    """The model's answer for every version since `FIRST_RUN`, equal neighbours as one.

    Only the versions at which the dialect table changes need to be asked.
    """
    starts = sorted({_OLDEST, *(row.since for row in ROWS if row.since > _OLDEST)})

    def said(version: str) -> tuple[tuple[str, ...], str | None, bool]:
        answer = prediction_for(evidence, dialect=dialect(version, evidence.lane.arch))
        kinds = len({(item.socktype, item.protocol) for item in answer.items}) or 1
        order = listed([str(item.target) for item in answer.items], kinds)
        return order, answer.error, bool(answer.undefined)

    alike = groupby((f"{major}.{minor}" for major, minor in starts), said)
    ranges = [(next(versions), answer) for answer, versions in alike]
    ends = [since for since, _ in ranges[1:]]
    return tuple(
        VersionRange(since, until, *answer) for (since, answer), until in zip_longest(ranges, ends)
    )

"""``suggest``: the model finds the change, real glibc has to confirm it before it is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.advice.lint import Finding, lint
from harness.advice.suggest import Impossible, LookupCase, Suggestion, suggest
from harness.compare.evidence import NamedGaiConf
from harness.compare.predict import lookup_title, request_for, sort_input
from harness.compare.results import Result
from harness.compare.run import HostJob, collect, reports
from harness.model.addresses import parse
from harness.model.host import Target
from harness.sandbox import Pool

if TYPE_CHECKING:
    from harness.compare.evidence import Evidence
    from harness.sandbox import Box

_MOST_ADDRESSES = 256


class WishError(ValueError):
    """A wish that no answer can fulfil, whatever the order; one line."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """The addresses wanted first, in this order, of the scenario's look-up ``lookup`` (from 0)."""

    lookup: int
    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one wish.

    ``before`` and ``after`` are real glibc's answers under the present file and under the
    suggested one, one per build (and order of DNS replies); ``after`` is empty for what is
    impossible. ``findings`` is what lint says of the whole new file.
    """

    scenario: str
    lookup: str
    wanted: tuple[str, ...]
    present: NamedGaiConf
    outcome: Suggestion | Impossible
    before: tuple[Result, ...]
    after: tuple[Result, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def possible(self) -> bool:
        """True when there is a suggestion, confirmed or not."""
        return isinstance(self.outcome, Suggestion)

    @property
    def unconfirmed(self) -> tuple[Result, ...]:
        """The builds on which real glibc does not give the wished order, or not the model's."""
        return tuple(
            result
            for result in self.after
            if result.failed or first_addresses(result.native, len(self.wanted)) != self.wanted
        )

    @property
    def verified(self) -> bool:
        """True when every build asked for gives the wished order."""
        return self.possible and bool(self.after) and not self.unconfirmed


def first_addresses(answer: Sequence[str], number: int) -> tuple[str, ...]:
    """The first different addresses of an answer."""
    return tuple(dict.fromkeys(answer))[:number]


def fulfil(job: HostJob, wishes: Sequence[Wish]) -> tuple[Answered, ...]:
    """Find and verify a change for each wish on one host; see `fulfil_all`."""
    ((_, answered),) = fulfil_all([(job, wishes)], 1)
    return answered


def fulfil_all(
    asked: Sequence[tuple[HostJob, Sequence[Wish]]], workers: int | None = None
) -> Iterator[tuple[HostJob, tuple[Answered, ...]]]:
    """Find and verify a change for each wish on each host, ``workers`` hosts at a time.

    The first gai.conf of each job is the one in force, its lanes are the builds that count.
    Every suggestion is tried by real glibc on every one of them, and with ``resolver: dns``
    for both orders of the replies; all suggestions for a host share one sandbox per order.
    Raises WishError for an address that the look-up does not give, and as
    `harness.compare.run.run`.
    """
    hosts = [_jobs(job) for job, _ in asked]
    with Pool(workers or os.cpu_count() or 1) as pool:
        seen = _answers(pool, [(jobs, jobs[0].gai_confs[:1]) for jobs in hosts])
        outcomes = [
            [_outcome(jobs[0], wish, found) for wish in wishes]
            for jobs, (_, wishes), found in zip(hosts, asked, seen, strict=True)
        ]
        files = list(map(_files, hosts, outcomes))
        tried = _answers(pool, list(zip(hosts, files, strict=True)))
    for jobs, (job, wishes), found, listed, now, confs in zip(
        hosts, asked, seen, outcomes, tried, files, strict=True
    ):
        names = {conf.data: conf.name for conf in (jobs[0].gai_confs[0], *confs)}
        answered = (
            _answered(jobs[0], wish, outcome, found | now, names)
            for wish, outcome in zip(wishes, listed, strict=True)
        )
        yield job, tuple(answered)


_Jobs = tuple[HostJob, ...]
"""A job without expectations, once for each order of the DNS replies."""


def _jobs(job: HostJob) -> _Jobs:
    job = replace(job.without_expectations(), source="", lines=())
    dns = job.scenario.dns
    if job.scenario.resolver != "dns":
        return (job,)
    other = dns.model_copy(update={"first_reply": "AAAA" if dns.first_reply == "A" else "A"})
    return job, replace(job, scenario=job.scenario.model_copy(update={"dns": other}))


@dataclass(frozen=True, slots=True)
class _Sorted:
    """One look-up under one gai.conf: real glibc's answers, and what its sort was given."""

    results: tuple[Result, ...]
    cases: tuple[LookupCase, ...]


def _look(box: Box, job: HostJob) -> Iterator[_Sorted]:
    """Inside a sandbox: for each gai.conf every look-up."""
    for collected in collect(box, job):
        (report,) = reports(job, [collected])
        cases = map(case_of, collected[0])
        yield _Sorted(report.results, tuple(case for case in cases if case is not None))


_Found = dict[tuple[int, str], _Sorted]


def _answers(pool: Pool, hosts: Sequence[tuple[_Jobs, Sequence[NamedGaiConf]]]) -> list[_Found]:
    """What each host answers, by number of the look-up and name of the gai.conf."""
    jobs = [
        (number, replace(job, gai_confs=tuple(confs)))
        for number, (own, confs) in enumerate(hosts)
        for job in own
        if confs
    ]
    found: list[_Found] = [{} for _ in hosts]
    gathered = pool.map(_look, [job for _, job in jobs])
    for (number, job), listed in zip(jobs, gathered, strict=True):
        lookups = len(job.scenario.lookups)
        for position, seen in enumerate(listed):
            key = position % lookups, job.gai_confs[position // lookups].name
            before = found[number].get(key, _Sorted((), ()))
            found[number][key] = _Sorted(before.results + seen.results, before.cases + seen.cases)
    return found


def _outcome(job: HostJob, wish: Wish, found: _Found) -> Suggestion | Impossible:
    present = job.gai_confs[0]
    cases = found[wish.lookup, present.name].cases
    wanted = _targets(wish, cases, lookup_title(job.scenario.lookups[wish.lookup]))
    other = [case for (n, _), seen in found.items() if n != wish.lookup for case in seen.cases]
    return suggest(cases, present.data, wanted, other)


def _files(jobs: _Jobs, outcomes: Sequence[Suggestion | Impossible]) -> list[NamedGaiConf]:
    """Every different suggested file, numbered; the present one has been tried already."""
    data = dict.fromkeys(one.gai_conf for one in outcomes if isinstance(one, Suggestion))
    data.pop(jobs[0].gai_confs[0].data, None)
    return [NamedGaiConf(f"suggestion {number}", one) for number, one in enumerate(data, 1)]


def _answered(
    job: HostJob, wish: Wish, outcome: Suggestion | Impossible, found: _Found,
    names: Mapping[bytes | None, str],
) -> Answered:  # fmt: skip
    present = job.gai_confs[0]
    answered = Answered(
        job.scenario.name,
        lookup_title(job.scenario.lookups[wish.lookup]),
        wish.wanted,
        present,
        outcome,
        found[wish.lookup, present.name].results,
    )
    if isinstance(outcome, Impossible):
        return answered
    after = found[wish.lookup, names[outcome.gai_conf]].results
    return replace(answered, after=after, findings=lint(outcome.gai_conf or b""))


def case_of(evidence: Evidence) -> LookupCase | None:
    """The look-up of a piece of evidence as the model's sort is given it; None without a sort."""
    request = request_for(evidence.lookup)
    _, known = sort_input(request, evidence.names, evidence.view, evidence.dialect)
    title = lookup_title(evidence.lookup)
    return LookupCase(title, evidence.dialect, tuple(known)) if known else None


def _targets(wish: Wish, cases: Sequence[LookupCase], title: str) -> tuple[Target, ...]:
    if not cases:
        raise WishError(f"{title}: a look-up that gives two or more addresses was expected")
    known = {
        str(target): target
        for target in (Target(parse(c.destination), c.scope_id) for c in cases[0].candidates)
    }
    if len(known) > _MOST_ADDRESSES:
        raise WishError(
            f"{title}: at most {_MOST_ADDRESSES} addresses were expected, got {len(known)}:"
            " the search would take minutes"
        )
    for number, text in enumerate(wish.wanted):
        if text not in known:
            listed = ", ".join(known)
            raise WishError(f"--want {text}: one of {title}'s addresses was expected ({listed})")
        if text in wish.wanted[:number]:
            raise WishError(f"--want {text}: every address once was expected")
    return tuple(known[text] for text in wish.wanted)

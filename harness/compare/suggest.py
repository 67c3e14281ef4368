"""``suggest``: the model finds the change, real glibc has to confirm it before it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from harness.compare.judge import judge
from harness.compare.request import lookup_title, request_for
from harness.compare.results import Result
from harness.compare.run import GaiConf, HostJob, collect
from harness.model.addresses import parse
from harness.model.dialects import dialect
from harness.model.host import Target
from harness.model.lint import Finding, lint
from harness.model.lookup import find
from harness.model.suggest import Impossible, Suggestion, suggest
from harness.model.table import address_table, candidates
from harness.model.wishes import Case
from harness.sandbox import Pool

if TYPE_CHECKING:
    from harness.compare.judge import Evidence
    from harness.sandbox import Box

Reply = Literal["A", "AAAA"]


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
    present: GaiConf
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
    """Find and verify a change for each wish on one host.

    Parameters: ``job`` a job whose first gai.conf is the one in force and whose lanes are
    the builds that count. Every suggestion is looked up by real glibc on every one of them,
    and with ``resolver: dns`` for both orders of the replies; each wish has a gai.conf of
    its own, all in one sandbox per order. Raises WishError for an address that the look-up
    does not give, and as `harness.compare.run.run`.
    """
    bare = tuple(one.model_copy(update={"expect": ()}) for one in job.scenario.lookups)
    job = _with(job, lookups=bare)
    job = replace(job, gai_confs=job.gai_confs[:1])
    present = job.gai_confs[0]
    with Pool(1) as pool:
        found = _Answers(pool, job)
        before = found.answers(job.gai_confs)
        cases = [found.cases(number) for number in range(len(bare))]
        outcomes = []
        for wish in wishes:
            wanted = _targets(wish, cases[wish.lookup], lookup_title(bare[wish.lookup]))
            other = [case for n, one in enumerate(cases) if n != wish.lookup for case in one]
            outcomes.append(suggest(cases[wish.lookup], present.data, wanted, other))
        files = {outcome.gai_conf: None for outcome in outcomes if isinstance(outcome, Suggestion)}
        confs = [GaiConf(f"suggestion {n}", data) for n, data in enumerate(files, 1)]
        after = found.answers(confs) if confs else {}
    names = {conf.data: conf.name for conf in confs}
    answered = []
    for wish, outcome in zip(wishes, outcomes, strict=True):
        results: tuple[Result, ...] = ()
        findings: tuple[Finding, ...] = ()
        if isinstance(outcome, Suggestion):
            results = after[wish.lookup, names[outcome.gai_conf]]
            findings = lint(outcome.gai_conf or b"")
        answered.append(
            Answered(
                job.scenario.name,
                lookup_title(bare[wish.lookup]),
                wish.wanted,
                present,
                outcome,
                before[wish.lookup, present.name],
                results,
                findings,
            )
        )
    return tuple(answered)


def _with(job: HostJob, **changed: object) -> HostJob:
    return replace(job, scenario=job.scenario.model_copy(update=changed))


def _gather(box: Box, job: HostJob) -> Iterator[tuple[Evidence, ...]]:
    for evidences, _ in collect(box, job):
        yield evidences


class _Answers:
    """What real glibc answers on one host, for each order of the DNS replies."""

    def __init__(self, pool: Pool, job: HostJob) -> None:
        self._pool = pool
        dns = job.scenario.dns
        replies: tuple[Reply, ...] = ("A", "AAAA") if job.scenario.resolver == "dns" else ("A",)
        self._jobs = [
            job
            if dns.first_reply == reply or len(replies) == 1
            else _with(job, dns=dns.model_copy(update={"first_reply": reply}))
            for reply in replies
        ]
        self._evidence: list[list[tuple[Evidence, ...]]] = []

    def answers(self, confs: Sequence[GaiConf]) -> dict[tuple[int, str], tuple[Result, ...]]:
        """The results by number of the look-up and name of the gai.conf."""
        jobs = [replace(job, gai_confs=tuple(confs)) for job in self._jobs]
        gathered = list(self._pool.map(_gather, jobs))
        if not self._evidence:
            self._evidence = gathered
        found: dict[tuple[int, str], tuple[Result, ...]] = {}
        number = len(self._jobs[0].scenario.lookups)
        for listed in gathered:
            for position, evidences in enumerate(listed):
                key = position % number, evidences[0].gai_conf_name
                found[key] = (*found.get(key, ()), *(judge(one) for one in evidences))
        return found

    def cases(self, lookup: int) -> list[Case]:
        """The candidates of one look-up in every dialect and for each order of replies."""
        return [
            case
            for listed in self._evidence
            for evidence in listed[lookup]
            if (case := case_of(evidence)) is not None
        ]


def case_of(evidence: Evidence) -> Case | None:
    """The look-up of a piece of evidence as the model's sort is given it; None without a sort."""
    spoken = dialect(evidence.glibc, evidence.arch)
    table = address_table(evidence.view.addresses)
    request = request_for(evidence.lookup)
    found = find(request, evidence.names, table.seen_ipv4, table.seen_ipv6, spoken)
    if found.error is not None or not found.needs_sort:
        return None
    targets = [item.target for item in found.items]
    known = tuple(candidates(targets, evidence.view, spoken, table))
    return Case(lookup_title(evidence.lookup), spoken, known)


def _targets(wish: Wish, cases: Sequence[Case], title: str) -> tuple[Target, ...]:
    if not cases:
        raise WishError(f"{title}: a look-up that gives two or more addresses was expected")
    known = {
        str(target): target
        for target in (Target(parse(c.destination), c.scope_id) for c in cases[0].candidates)
    }
    for number, text in enumerate(wish.wanted):
        if text not in known:
            listed = ", ".join(known)
            raise WishError(f"--want {text}: one of {title}'s addresses was expected ({listed})")
        if text in wish.wanted[:number]:
            raise WishError(f"--want {text}: every address once was expected")
    return tuple(known[text] for text in wish.wanted)

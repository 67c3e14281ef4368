"""``suggest``: the model finds the change, real glibc has to confirm it before it is shown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness import sandbox
from harness.advice.lint import Finding, lint
from harness.advice.suggest import Impossible, LookupCase, Suggestion, suggest
from harness.compare.evidence import Evidence, NamedGaiConf
from harness.compare.predict import lookup_title, request_for, sort_input
from harness.compare.results import Result
from harness.compare.run import HostJob, collect, reports
from harness.model.addresses import parse
from harness.model.host import Target
from harness.sandbox import Pool

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
            if result.failed
            or tuple(dict.fromkeys(result.native))[: len(self.wanted)] != self.wanted
        )

    @property
    def verified(self) -> bool:
        """True when every build asked for gives the wished order."""
        return self.possible and bool(self.after) and not self.unconfirmed


def fulfil(job: HostJob, wishes: Sequence[Wish]) -> tuple[Answered, ...]:
    """Find and verify a change for each wish on one host.

    The first gai.conf of the job is the one in force, its lanes are the builds that count.
    Every suggestion is tried by real glibc on every one of them, and with ``resolver: dns``
    for both orders of the replies; all suggestions share one sandbox per order. Raises
    WishError for an address that the look-up does not give, and as `harness.compare.run.run`.
    """
    present = job.gai_confs[0]
    lookups = job.scenario.lookups
    titles = [lookup_title(lookup) for lookup in lookups]
    with Pool(1) as pool:
        seen = _answers(pool, job, [present])
        outcomes = []
        for wish in wishes:
            cases = seen[wish.lookup, present.data].cases
            wanted = _targets(wish, cases, titles[wish.lookup])
            other = [
                case for key, one in seen.items() if key[0] != wish.lookup for case in one.cases
            ]
            outcomes.append(suggest(cases, present.data, wanted, other))
        files = dict.fromkeys(one.gai_conf for one in outcomes if isinstance(one, Suggestion))
        files.pop(present.data, None)  # tried already
        tried = [NamedGaiConf(f"suggestion {number}", one) for number, one in enumerate(files, 1)]
        seen |= _answers(pool, job, tried)
    found = []
    for wish, outcome in zip(wishes, outcomes, strict=True):
        before = seen[wish.lookup, present.data].results
        one = Answered(
            job.scenario.name, titles[wish.lookup], wish.wanted, present, outcome, before
        )
        if isinstance(outcome, Suggestion):
            after = seen[wish.lookup, outcome.gai_conf].results
            one = replace(one, after=after, findings=lint(outcome.gai_conf or b""))
        found.append(one)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Sorted:
    """One look-up under one gai.conf: real glibc's answers, and what its sort was given."""

    results: tuple[Result, ...] = ()
    cases: tuple[LookupCase, ...] = ()


def _look(box: "sandbox.Box", job: HostJob) -> Iterator[_Sorted]:
    """Inside a sandbox: for each gai.conf every look-up."""
    for collected in collect(box, job):
        (report,) = reports(job, [collected])
        yield _Sorted(report.results, tuple(filter(None, map(case_of, collected[0]))))


def _answers(
    pool: Pool, job: HostJob, confs: Sequence[NamedGaiConf]
) -> dict[tuple[int, bytes | None], _Sorted]:
    """What the host answers, by number of the look-up and gai.conf; of all orders of replies."""
    found: dict[tuple[int, bytes | None], _Sorted] = {}
    if not confs:
        return found
    job = replace(job.without_expectations(), gai_confs=tuple(confs), source="", lines=())
    jobs = [job]
    if job.scenario.asks("dns"):
        jobs.append(replace(job, scenario=job.scenario.with_other_reply_first()))
    keys = [(number, conf.data) for conf in confs for number in range(len(job.scenario.lookups))]
    for listed in pool.map(_look, jobs):
        for key, one in zip(keys, listed, strict=True):
            before = found.get(key, _Sorted())
            found[key] = _Sorted(before.results + one.results, before.cases + one.cases)
    return found


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

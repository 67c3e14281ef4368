"""``suggest``: the model finds changes, real glibc has to confirm each before it is shown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from harness import sandbox
from harness.advice.accepted import unaccepted
from harness.advice.lint import Finding
from harness.advice.suggest import (
    Impossible,
    LookupCase,
    OwnNetworks,
    Suggestion,
    answered_order,
    suggest,
)  # fmt: skip
from harness.advice.suggest.lines import network_of
from harness.compare.evidence import Evidence, NamedGaiConf
from harness.compare.fields import OwnName
from harness.compare.plan import PlanError
from harness.compare.predict import lookup_title, request_for, sort_input
from harness.compare.results import Result
from harness.compare.run import HostJob, collect, reports
from harness.compare.values import grouped
from harness.model.addresses import means, parse
from harness.model.host import Target
from harness.model.lookup import held
from harness.model.policy import Policy
from harness.model.services import Kind
from harness.sandbox import Pool

_MOST_ADDRESSES = 256
_NAMED = 4  # addresses named in one remedy
_PLACES: dict[Kind, str] = {
    "files": "the hosts file",
    "dns": "the name's DNS records",
    "nss": "what the name service gives",
    "nss_by_family": "what the name service gives",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """The addresses wanted first, in this order, of the scenario's look-up ``lookup`` (from 0).

    Of a look-up to keep: none for the order that it has.
    """

    lookup: int
    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one wish.

    ``before`` and ``after`` are real glibc's answers under the present file and under the
    suggested one, one per build (and order of DNS replies); ``after`` is empty for what is
    impossible. ``kept`` are those of the look-ups to keep, ``keeps`` their titles. ``findings``
    is what lint says of the whole new file, ``remedies`` what would do without one. ``shorter``
    is a change of fewer lines that real glibc confirms too, and that does more to other addresses.
    """

    scenario: str
    lookup: str
    wanted: tuple[str, ...]
    present: NamedGaiConf
    outcome: Suggestion | Impossible
    before: tuple[Result, ...]
    after: tuple[Result, ...] = ()
    findings: tuple[Finding, ...] = ()
    keeps: tuple[str, ...] = ()
    kept: tuple[Result, ...] = ()
    remedies: tuple[str, ...] = ()
    shorter: "Answered | None" = None
    own_name: OwnName = ""

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
        ) + tuple(result for result in self.kept if result.failed)

    @property
    def verified(self) -> bool:
        """True when every build asked for gives the wished order."""
        return self.possible and bool(self.after) and not self.unconfirmed


def fulfil(
    job: HostJob, wishes: Sequence[Wish], kept: Sequence[Wish] = (), *, others_stay: bool = True
) -> tuple[Answered, ...]:
    """Find and verify a change for each wish on one host.

    The first gai.conf of the job is the one in force, its lanes are the builds that count.
    Every suggestion is tried by real glibc on every one of them, and with ``resolver: dns``
    for both orders of the replies; all suggestions share one sandbox per order. What is to be
    ``kept`` is kept, other look-ups where a change can, unless ``others_stay`` is false. Raises
    PlanError for an address that the look-up does not give, and as `harness.compare.run.run`.
    """
    present = job.gai_confs[0]
    lookups = job.scenario.lookups
    titles = [lookup_title(lookup) for lookup in lookups]
    with Pool(1) as pool:
        seen = _answers(pool, job, [present])
        outcomes = []
        present_of = {number: seen[number, present.data] for number in range(len(lookups))}
        targets = [_targets(one, present_of[one.lookup], titles[one.lookup]) for one in wishes]
        in_full = zip(wishes, targets, strict=True)
        wishes = [Wish(one.lookup, tuple(map(str, wanted))) for one, wanted in in_full]
        orders = [
            pair
            for keep in kept
            for pair in _kept(keep, present_of[keep.lookup], present, titles[keep.lookup])
        ]
        named = {keep.lookup for keep in kept}
        for wish, wanted in zip(wishes, targets, strict=True):
            alike = {one.lookup for one in wishes if one.wanted == wish.wanted}
            others = [
                case
                for number, one in present_of.items()
                if number not in named | alike
                for case in one.cases
            ]
            asked = present_of[wish.lookup]
            outcomes.append(
                suggest(asked.cases, present.data, wanted, others, orders, others_stay, asked.host)
            )
        made = [one for one in outcomes if isinstance(one, Suggestion)]
        made += [one.shorter for one in made if one.shorter]
        files = dict.fromkeys(one.gai_conf for one in made)
        files.pop(present.data, None)  # tried already
        tried = [NamedGaiConf(f"suggestion {number}", one) for number, one in enumerate(files, 1)]
        seen |= _answers(pool, job, tried)
    found = []
    for wish, outcome in zip(wishes, outcomes, strict=True):
        before = seen[wish.lookup, present.data].results
        one = Answered(
            job.scenario.name, titles[wish.lookup], wish.wanted, present, outcome, before,
            keeps=tuple(titles[keep.lookup] for keep in kept),
        )  # fmt: skip
        if isinstance(outcome, Suggestion):
            one = _verified(one, outcome, seen, wish, kept)
            one = replace(one, remedies=_without_gai_conf(wish, seen[wish.lookup, present.data]))
            if outcome.shorter:
                second = _verified(one, outcome.shorter, seen, wish, kept)
                one = replace(one, shorter=second if second.verified else None)
        found.append(one)
    return tuple(found)


def _verified(
    one: Answered, outcome: Suggestion, seen: Mapping[tuple[int, bytes | None], "_Sorted"],
    wish: Wish, kept: Sequence[Wish],
) -> Answered:  # fmt: skip
    """What real glibc gives under the suggested file."""
    results = (seen[keep.lookup, outcome.gai_conf].results for keep in kept)
    return replace(
        one,
        outcome=outcome,
        after=seen[wish.lookup, outcome.gai_conf].results,
        kept=tuple(chain.from_iterable(results)),
        findings=unaccepted(outcome.gai_conf or b""),
    )


@dataclass(frozen=True, slots=True)
class _Sorted:
    """One look-up under one gai.conf: real glibc's answers, and what its sort was given.

    ``holders`` has for each address the first service that knows it.
    """

    results: tuple[Result, ...] = ()
    cases: tuple[LookupCase, ...] = ()
    links: Mapping[str, int] = field(default_factory=dict)
    holders: Mapping[str, Kind] = field(default_factory=dict)
    host: OwnNetworks = field(default_factory=OwnNetworks)


def _look(box: "sandbox.Box", job: HostJob) -> Iterator[_Sorted]:
    """Inside a sandbox: for each gai.conf every look-up."""
    for collected in collect(box, job):
        (report,) = reports(job, [collected])
        one = collected[0][0]
        cases = tuple(filter(None, map(case_of, collected[0])))
        links = dict(one.names.links)
        yield _Sorted(report.results, cases, links, _holders(one), _own(one))


def _own(evidence: Evidence) -> OwnNetworks:
    """The addresses of the host, and the networks that these and its routes are of."""
    host = evidence.scenario.host
    rows = [(row.local or row.address, row.prefixlen) for row in evidence.view.addresses]
    own = [(address, bits) for address, bits in rows if address is not None]
    routes = [one.network for one in host.routes if one.type == "unicast" and one.to != "default"]
    networks = [*own, *((one.network_address, one.prefixlen) for one in routes)]
    off = [
        f"{key}={value}"
        for key, value in host.sysctls.items()
        if key.endswith(".disable_ipv6") and value != "0" and ".default." not in key
    ]
    reached = tuple(network_of(address, bits) for address, bits in networks if bits)
    return OwnNetworks(tuple(address for address, _ in own), reached, tuple(off))


def _holders(evidence: Evidence) -> dict[str, Kind]:
    """The first service that has each address of a name, by its place on the hosts line."""
    names = evidence.names
    known = held(evidence.lookup.name or "", names, evidence.dialect) or ()
    return {str(one.target): names.chain[one.source.service].kind for one in reversed(known)}


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
            results, cases = before.results + one.results, before.cases + one.cases
            found[key] = replace(one, results=results, cases=cases)
    return found


def case_of(evidence: Evidence) -> LookupCase | None:
    """The look-up of a piece of evidence as the model's sort is given it; None without a sort."""
    request = request_for(evidence.lookup)
    _, known = sort_input(request, evidence.names, evidence.view, evidence.dialect)
    title = lookup_title(evidence.lookup)
    return LookupCase(title, evidence.dialect, tuple(known)) if known else None


def _kept(
    keep: Wish, seen: _Sorted, present: NamedGaiConf, title: str
) -> Iterator[tuple[LookupCase, tuple[Target, ...]]]:
    """The cases of a look-up to keep, each with its order; one address needs no keeping."""
    order = _targets(keep, seen, title, "--keep") if keep.wanted else None
    for case in seen.cases:
        now = answered_order(case, Policy.build(present.data, case.dialect))
        yield case, now if order is None else order


def _without_gai_conf(wish: Wish, seen: _Sorted) -> tuple[str, ...]:
    """What gives the order without any gai.conf, in words."""
    wanted = wish.wanted
    now = list(dict.fromkeys(seen.results[0].native))
    if [text for text in now if text in wanted] != list(wanted):
        return ()
    ahead = [text for text in now[: now.index(wanted[-1])] if text not in wanted]
    if not ahead:
        return ()
    places = grouped(ahead, lambda text: _PLACES.get(seen.holders.get(text, "missing")))
    taken = " and ".join(f"{', '.join(texts)} out of {place}" for place, texts in places.items())
    found = [f"take {taken}"] if None not in places and len(ahead) <= _NAMED else []
    families = {":" in text for text in wanted}
    if len(families) == 1 and not families & {":" in text for text in ahead}:
        family = "AF_INET6" if families == {True} else "AF_INET"
        found.append(f"ask with {family} only, where the program can be told to")
    return tuple(found)


def _targets(wish: Wish, seen: _Sorted, title: str, option: str = "--want") -> tuple[Target, ...]:
    cases = seen.cases
    if not cases:
        wanted = "a look-up that gives two or more addresses was expected"
        raise PlanError(f"{title}: {wanted}{_missing(seen)}")
    given = (Target(parse(one.destination), one.scope_id) for one in cases[0].candidates)
    known = {str(target): target for target in given}
    if len(known) > _MOST_ADDRESSES:
        raise PlanError(
            f"{title}: at most {_MOST_ADDRESSES} addresses were expected, got {len(known)}:"
            " the search would take minutes"
        )
    found: list[Target] = []
    for text in wish.wanted:
        meant = [target for target in known.values() if means(text, target, seen.links)]
        if len(meant) != 1:
            listed = ", ".join(map(str, meant) if meant else known)
            wanted = f"one of {title}'s addresses was expected ({listed})"
            raise PlanError(f"{option} {text}: {wanted}{'' if meant else _missing(seen)}")
        if meant[0] in found:
            raise PlanError(f"{option} {text}: every address once was expected")
        found += meant
    return tuple(found)


def _missing(seen: _Sorted) -> str:
    """What there is to say of addresses that are left out, and of an error, behind a message."""
    lines = dict.fromkeys(line for one in seen.results for line in one.presence_lines)
    return "".join(f"; {line}" for line in lines)

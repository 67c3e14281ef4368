"""Running jobs: one host, built once, under every gai.conf and every glibc asked for."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from harness import sandbox
from harness.compare import predict
from harness.compare.causes import causes
from harness.compare.changes import against, architectures, changes
from harness.compare.evidence import Evidence, LaneSpec, NamedGaiConf
from harness.compare.open_lane import open_lane
from harness.compare.results import LookupReport, Result, Verdict
from harness.compare.sharing import Shared
from harness.compare.verdict import judge
from harness.model.dialects import NEWEST, Dialect, dialect, turned
from harness.model.gaiconf import parse_gai_conf
from harness.model.resolvers import page
from harness.native.frames import lookup_payload
from harness.native.lanes import Lane, Session
from harness.native.record import Answer, LaneError, Outcome, Query, decode
from harness.native.trace import Trace, traced
from harness.sandbox import DeviceNote, NoSandbox, Pool, PoolOutcome, SandboxError
from harness.sandbox.pool import Job
from harness.scenario.schema import Lookup, Scenario

Collected = tuple[tuple[Evidence, ...], tuple[DeviceNote, ...]]
"""The evidence of all lanes for one look-up, and the notes on the devices used."""

# glibc 2.31 dies in about one of three starts of a gai.conf with undefined lines.
_STARTS = 12

_FIRST_MTIME = 1_700_000_000_500_000_000
_MTIME_STEPS = {"newer": 1_000_000_000, "older": -1_000_000_000, "same-second": 1, "same": 0}


@dataclass(frozen=True, slots=True)
class HostJob:
    """One scenario's host with everything to be done on it; ``source`` is the file's name.

    ``trace`` records the system calls of every look-up. ``lines`` are those of the look-ups
    in the file, where they are known. ``reference`` is the number of the lane that the
    others are held against. ``dialects`` are those that the kernel's routes are asked for too.
    ``controls`` are causes to try on agreements too. ``left_out`` are lanes that lack a module.
    """

    scenario: Scenario
    gai_confs: tuple[NamedGaiConf, ...]
    lanes: tuple[LaneSpec, ...]
    timeout: float = 10.0
    source: str = ""
    trace: bool = False
    lines: tuple[int, ...] = ()
    reference: int | None = None
    dialects: tuple[Dialect, ...] = ()
    controls: tuple[str, ...] = ()
    left_out: tuple[LaneSpec, ...] = ()

    @property
    def not_asked(self) -> dict[tuple[int, int], str]:
        """The numbers of lanes and look-ups where another resolver than glibc is asked nothing,
        each with the reason.
        """
        kinds = predict.kinds_of(self.scenario)
        return {
            (number, position): why
            for number, lane in enumerate(self.lanes)
            if lane.resolver != "glibc"
            for position, lookup in enumerate(self.scenario.lookups)
            if (why := page(lane.resolver).not_asked(predict.request_for(lookup), kinds))
        }

    def without_expectations(self) -> "HostJob":
        """The job for another gai.conf: what the file expects, it expects under its own.

        Changes of the gai.conf are left out too: there is one for all look-ups.
        """
        none = {"expect": (), "after": None}
        bare = tuple(one.model_copy(update=none) for one in self.scenario.lookups)
        return replace(self, scenario=self.scenario.model_copy(update={"lookups": bare}))


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What a job gave: its reports, and the error that kept it from giving all of them.

    ``reports`` may lie in a file until they are read, one at a time.
    """

    job: HostJob
    reports: Sequence[LookupReport]
    error: SandboxError | None = None


class Workers(Protocol):
    """Who does jobs: a `Pool` on this host, or a cluster; see `Pool.outcomes`."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def outcomes(
        self, function: Job, specs: Iterable[Any], *, kept: bool = False
    ) -> Iterator[PoolOutcome]:
        """The outcome of each of the ``specs``, in their order."""


def run(
    jobs: Sequence[HostJob], workers: int | None = None, pool: Workers | None = None
) -> Iterator[JobOutcome]:
    """Run every job in a sandbox of its own, in the order of ``jobs``.

    ``workers`` sandboxes at a time (default: as many as processors); ``pool`` does the work in the
    place of one on this host, and is closed. A host the kernel refuses ends its own job only.
    Raises SandboxUnavailable when no sandbox can be had, and ClusterError.
    """
    with pool or Pool(workers or os.cpu_count() or 1) as opened:
        outcomes = opened.outcomes(examine, jobs, kept=True)
        for number, (job, outcome) in enumerate(zip(jobs, outcomes, strict=True)):
            if number == 0 and pool is None and isinstance(outcome.error, NoSandbox):
                raise outcome.error  # said once, not for each host
            yield JobOutcome(job, outcome.values, outcome.error)


def examine(box: "sandbox.Box", job: HostJob) -> Iterator[LookupReport]:
    """Inside a sandbox: collect the evidence and judge it."""
    yield from reports(job, collect(box, job))


def reports(job: HostJob, collected: Iterable[Collected]) -> Iterator[LookupReport]:
    """Judge what `collect` brought home of ``job``."""
    lookups = len(job.scenario.lookups)
    lines = job.lines if len(job.lines) == lookups else (None,) * lookups
    for number, (evidences, devices) in enumerate(collected):
        known, line = Shared(), lines[number % lookups]
        if not evidences:
            continue  # no lane of this run is put this question
        judged = ((each, judge(each, known=known)) for each in evidences)
        results = tuple(
            replace(result, source=job.source, line=line, causes=_causes(job, each, result))
            for each, result in judged
        )
        first, at = evidences[0], job.reference
        # builds that asked different servers by chance are not different
        compared = ((), ()) if predict.first_servers(first.names) else (evidences, results)
        yield LookupReport(
            scenario=first.scenario.name,
            lookup=predict.lookup_title(first.lookup),
            gai_conf=first.conf.name,
            results=results,
            changes=changes(*compared),
            architectures=architectures(*compared),
            devices=devices,
            description=first.scenario.description,
            source=job.source,
            line=line,
            reference="" if at is None else results[at].where,
            against=against(*compared, known.analyses, at)
            if at is not None and compared[0]
            else (),
        )


def _causes(job: HostJob, evidence: Evidence, result: Result) -> tuple[str, ...]:
    if job.controls:
        return causes(evidence, job.controls)
    return causes(evidence) if result.verdict is Verdict.DISAGREE else ()


def collect(
    box: "sandbox.Box",
    job: HostJob,
    before_lookups: Callable[[], None] = lambda: None,
    devices: tuple[DeviceNote, ...] | None = None,
) -> Iterator[Collected]:
    """Inside a sandbox: what kernel and glibc really say, per look-up and gai.conf.

    Yields the evidence of all lanes for one look-up, and the notes on the devices used.
    ``before_lookups`` is called once the host stands and the model's questions are asked.
    ``devices`` are the notes of a host that stands already.
    """
    scenario = job.scenario
    if devices is None:
        devices = box.build(scenario.host)
    set_names(box, scenario)
    requests = [predict.request_for(lookup) for lookup in scenario.lookups]
    numbers, not_asked = range(len(requests)), job.not_asked
    netlink = scenario.netlink == "allowed"
    plain = replace(box.observe((), own=scenario.asks("myhostname")), netlink=netlink)
    names = predict.names_of(scenario, plain)
    # the newest dialect too: explaining a difference asks the model what else there could be
    dialects = {own for lane in job.lanes for own in (lane.dialect, dialect(NEWEST, lane.arch))}
    dialects.update(job.dialects)
    if names.hosts:  # which addresses there are to sort is a matter of dialects here
        dialects.update(other for own in [*dialects] for other in turned(own).values())
    anew = scenario.name_service is not None and scenario.name_service.remembers
    variants = [
        names,
        *(predict.from_server(names, number) for number in predict.first_servers(names)),
    ]
    found = [predict.found_for(requests, one, plain, dialects) for one in variants]
    targets = dict.fromkeys(target for each in found for target in predict.targets_of(each))
    for other in {(lane.resolver, lane.resolver_version) for lane in job.lanes}:
        if other[0] != "glibc":
            targets.update(dict.fromkeys(predict.targets_of_other(*other, requests, names, plain)))
    view = box.observe_routes(plain, targets)
    before_lookups()
    with ExitStack() as stack:
        kinds = {service.kind for service in names.chain}
        lanes = [stack.enter_context(open_lane(box, spec, kinds, netlink)) for spec in job.lanes]
        for conf in job.gai_confs:
            box.set_gai_conf(conf.data)
            files = files_of(conf, scenario.lookups)
            answers: list[list[tuple[Outcome | None, Trace | None]]] = []
            said: list[tuple[Outcome, Trace | None]]
            for lane, spec in zip(lanes, job.lanes, strict=True):
                put = [n for n in numbers if (len(answers), n) not in not_asked]
                own = [
                    predict.worded(one, spec.resolver, spec.resolver_version, scenario.served)
                    for one in requests
                ]
                few = [files[n] for n in put], [own[n] for n in put]
                if job.trace:
                    traces = (traced(lane, one, box.tmpdir(), job.timeout) for one in few[1])
                    said = [(trace.outcome, trace) for trace in traces]
                else:
                    plainly = _ask(box, lane, spec, *few, job.timeout, anew, "dns" not in kinds)
                    said = [(one, None) for one in plainly]
                by_number = dict(zip(put, said, strict=True))
                answers.append([by_number.get(n, (None, None)) for n in numbers])
            before: list[tuple[tuple[Lookup, NamedGaiConf], ...]] = [()] * len(lanes)
            for lookup, file, *asked in zip(scenario.lookups, files, *answers, strict=True):
                evidences = tuple(
                    # with the version that the glibc gives itself
                    Evidence(
                        scenario, lookup, file, view, names, _as_it_says(spec, native), native,
                        trace, past,
                    )
                    for spec, (native, trace), past in zip(job.lanes, asked, before, strict=True)
                    if native is not None
                )  # fmt: skip
                yield evidences, devices
                if file.mtime:  # what the process has read by now counts for its next look-up
                    before = [
                        (*past, (lookup, file)) if isinstance(native, Answer) else ()
                        for (native, _), past in zip(asked, before, strict=True)
                    ]


def _as_it_says(spec: LaneSpec, native: Outcome) -> LaneSpec:
    """The lane with the version that it gives itself."""
    if not isinstance(native, Answer):
        return spec
    if spec.resolver == "glibc":
        return replace(spec, glibc=native.glibc)
    return replace(spec, resolver_version=native.glibc)


def set_names(box: "sandbox.Box", scenario: Scenario) -> None:
    """Inside a sandbox: give the host the name service of a scenario. Raises SandboxError."""
    service = scenario.served
    if service is not None:
        box.set_name_service(service)
    else:
        box.set_names(scenario.names, scenario.resolver, scenario.dns.first_reply)


def files_of(conf: NamedGaiConf, lookups: Sequence[Lookup]) -> list[NamedGaiConf]:
    """gai.conf as each look-up finds it; their modification times where it changes between them."""
    if not any(lookup.after for lookup in lookups):
        return [conf] * len(lookups)
    files: list[NamedGaiConf] = []
    conf, changed = replace(conf, mtime=_FIRST_MTIME), 0
    for lookup in lookups:
        if lookup.after is not None:
            changed += 1
            text = lookup.after.gai_conf
            if text is None:
                conf = replace(conf, name=f"change {changed}: removed", data=None)
            else:
                data = text.encode("utf-8", "surrogatepass")
                mtime = conf.mtime + _MTIME_STEPS[lookup.after.mtime]
                conf = NamedGaiConf(f"change {changed}", data, mtime)
        files.append(conf)
    return files


def _ask(
    box: "sandbox.Box",
    lane: Lane,
    spec: LaneSpec,
    files: Sequence[NamedGaiConf],
    requests: Sequence[Query],
    timeout: float,
    anew: bool,
    at_once: bool,
) -> list[Outcome]:
    """All look-ups on one lane, each with its gai.conf; a session whose process died is replaced.

    ``anew``: each look-up is made by a process of its own; ``at_once``: they may follow each other
    without a pause.

    Where the file's effect is undefined, what happens to lie in memory decides, and that is
    much the same in all processes forked from one: each look-up is then tried in several
    started afresh, and a death counts more than an answer.
    """
    first = files[0] if files and spec.resolver == "glibc" else NamedGaiConf("", None)
    if not first.mtime and first.data and parse_gai_conf(first.data, spec.dialect).undefined:
        return [_ask_often(lane, request, timeout) for request in requests]
    if not anew and not any(file.mtime for file in files) and at_once:
        return _ask_at_once(lane, requests, timeout)
    outcomes: list[Outcome] = []
    session: Session | None = None
    present: NamedGaiConf | None = None
    try:
        for request, file in zip(requests, files, strict=True):
            if file.mtime and file != present:
                box.set_gai_conf(file.data, file.mtime)
                present = file
            if session is None:
                session = lane.open()
            outcome = session.lookup(request, timeout)
            outcomes.append(outcome)
            if anew or not isinstance(outcome, Answer):
                session.close()
                session = None
    finally:
        if session is not None:
            session.close()
    return outcomes


def _ask_at_once(lane: Lane, requests: Sequence[Query], timeout: float) -> list[Outcome]:
    """All look-ups in as few sessions as they survive, each written and read as a whole."""
    payloads = [lookup_payload(request, timeout) for request in requests]
    outcomes: list[Outcome] = []
    while len(outcomes) < len(payloads):
        session = lane.burst(payloads[len(outcomes) :], timeout)
        records, end = session.finish()
        if not session.pid:
            raise LaneError(f"the session did not start: {end}")
        outcomes += map(decode, records)
        if end is not None:
            outcomes.append(end)
    return outcomes


def _ask_often(lane: Lane, request: Query, timeout: float) -> Outcome:
    """One look-up in several processes without a common past: the first death, or an answer."""
    for _ in range(_STARTS):
        with lane.open() as session:
            outcome = session.lookup(request, timeout)
        if not isinstance(outcome, Answer):
            break
        lane.close()  # a worker is started anew for the next
    return outcome


def bare(box: "sandbox.Box", job: HostJob) -> Iterator[int]:
    """Inside a sandbox: build the host and make the look-ups, with nothing of the model.

    Yields how many look-ups were made: what a run costs is set against this.
    """
    scenario = job.scenario
    box.build(scenario.host)
    set_names(box, scenario)
    kinds = {service.kind for service in predict.kinds_of(scenario).chain}
    requests = [predict.request_for(lookup) for lookup in scenario.lookups]
    made = 0
    for spec in job.lanes:
        with open_lane(box, spec, kinds, scenario.netlink == "allowed") as lane:
            for conf in job.gai_confs:
                box.set_gai_conf(conf.data)
                files = files_of(conf, scenario.lookups)
                at_once = "dns" not in kinds
                made += len(_ask(box, lane, spec, files, requests, job.timeout, False, at_once))
    yield made


def visit(box: "sandbox.Box", spec: object) -> Iterator[None]:  # noqa: ARG001
    """Inside a sandbox: nothing. It shows that one can be made."""
    yield None

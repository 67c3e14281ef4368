"""Running ``explain``: the same evidence as ``run``, with every fact kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, zip_longest

from harness import sandbox
from harness.advice.lint import Finding
from harness.compare.changes import decision_between
from harness.compare.evidence import line_findings
from harness.compare.fields import OwnName
from harness.compare.predict import Prediction
from harness.compare.results import Departure, PairReason, Result
from harness.compare.run import HostJob, collect, reports
from harness.compare.verdict import departures, prediction_for
from harness.model.addresses import means, parse_target
from harness.model.host import HostView
from harness.model.order import compare_pair
from harness.model.standards import RFC6724_UPDATE, STANDARDS
from harness.native.calls import as_ipv4
from harness.native.trace import Connection
from harness.sandbox import DeviceNote, Pool


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """One connect() of the real glibc, and the kernel's route look-up for the same destination.

    ``traced`` and ``looked_up`` are a source address or an errno name; ``same`` when they agree.
    """

    destination: str
    traced: str
    looked_up: str

    @property
    def same(self) -> bool:
        """True when glibc saw the source the model was given."""
        return self.traced == self.looked_up


@dataclass(frozen=True, slots=True)
class TraceReport:
    """A look-up's system calls as strace printed them, and the check of each source."""

    calls: tuple[str, ...]
    checks: tuple[SourceCheck, ...]

    @property
    def agreed(self) -> bool:
        """True when every source is the one the model used."""
        return all(check.same for check in self.checks)


@dataclass(frozen=True, slots=True)
class Contrast:
    """Where two resolvers part: what each has at the first place where they differ, and why.

    ``one`` and ``other`` are the builds; the address is "" where one's answer has ended, or is an
    error.
    """

    one: str
    one_first: str
    one_why: str
    other: str
    other_first: str
    other_why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One look-up on one glibc, explained.

    ``name`` is the name looked up; ``pair`` is the decision between the two addresses asked
    for, if both were among the answers. ``apart`` says for the whole look-up where versions
    or architectures differ, and why. ``findings`` are lint's of the lines of its gai.conf.
    ``contrasts`` say for the whole look-up where other resolvers part from the first build, and
    ``standards`` what RFC 3484, RFC 6724 and its update would return, where that is otherwise.
    """

    name: str | None
    result: Result
    pair: PairReason | None = None
    devices: tuple[DeviceNote, ...] = ()
    trace: TraceReport | None = None
    apart: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    own_name: OwnName = ""
    contrasts: tuple[Contrast, ...] = ()
    standards: tuple[Departure, ...] = ()


@dataclass(frozen=True, slots=True)
class GetentAnswer:
    """What getent(1) prints of a name, and what the model gives for the same question.

    ``model`` is None for what getaddrinfo is not asked.
    """

    command: str
    addresses: tuple[str, ...]
    model: tuple[str, ...] | None = None

    @property
    def agreed(self) -> bool:
        """Whether it is the model's order, as far as there is one; zones are written otherwise."""
        both = self.addresses, self.model or ()
        plain = [[text.partition("%")[0] for text in one] for one in both]
        return self.model is None or plain[0] == plain[1]


def capture(job: HostJob) -> bytes:
    """Run one host's look-ups; what was said over netlink meanwhile, as a pcap file.

    Raises SandboxUnavailable where the kernel has no nlmon device.
    """
    with Pool(1) as pool:
        (pcap,) = pool.run(_capture, job)
    assert isinstance(pcap, bytes)
    return pcap


def _capture(box: "sandbox.Box", job: HostJob) -> Iterator[bytes]:
    begun = []
    list(collect(box, job, lambda: begun.append(box.capture())))
    yield begun[0].pcap()


def explain(jobs: Sequence[HostJob], pair: tuple[str, str] | None = None) -> Iterator[Explanation]:
    """Explain every look-up of every job, in order; raises as `harness.compare.run.run`."""
    with Pool(1) as pool:
        for explained in pool.map(_explain, [(job, pair) for job in jobs]):
            yield from explained


def _explain(
    box: "sandbox.Box", asked: tuple[HostJob, tuple[str, str] | None]
) -> Iterator[Explanation]:
    job, pair = asked
    for evidences, devices in collect(box, job):
        if not evidences:
            continue  # none of the resolvers is put this question
        (report,) = reports(replace(job, source="", lines=()), [(evidences, devices)])
        between = (*report.changes, *report.architectures)
        apart = tuple(f"{one.between}: {one.because}" for one in between)
        predictions = [*map(prediction_for, evidences)]
        beside = contrasts(report.results, predictions)
        order, every = predictions[0].order, (*STANDARDS, RFC6724_UPDATE)
        literal = () if order is None else tuple(departures(evidences[0], order.ranked, every))
        for evidence, result, found in zip(evidences, report.results, predictions, strict=True):
            links = evidence.names.links
            reason = None if pair is None else pair_reason(found, pair, links)
            trace = None
            if evidence.trace is not None:
                checks = (_check(one, evidence.view) for one in evidence.trace.connections)
                trace = TraceReport(evidence.trace.calls, tuple(filter(None, checks)))
            found_lines = line_findings(evidence.conf, evidence.lane.glibc)
            name = evidence.lookup.name
            yield Explanation(
                name, result, reason, devices, trace, apart, found_lines, contrasts=beside,
                standards=literal,
            )  # fmt: skip


def contrasts(results: Sequence[Result], predictions: Sequence[Prediction]) -> tuple[Contrast, ...]:
    """Where each resolver's answer parts from the first build's; of builds that answer alike, once.

    ``predictions`` are the model's for each of the results.
    """
    (first, expected), *others = zip(results, predictions, strict=True)
    found: dict[tuple[object, ...], Contrast] = {}
    for other, prediction in others:
        key = other.resolver, other.returned
        if other.resolver == first.resolver or other.returned == first.returned or key in found:
            continue
        pairs = zip_longest(first.order, other.order, fillvalue="")
        one_first, other_first = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
        found[key] = Contrast(
            first.who, one_first, _why(first, expected, one_first, other_first, other.order),
            other.who, other_first, _why(other, prediction, other_first, one_first, first.order),
        )  # fmt: skip
    return tuple(found.values())


def _why(
    result: Result, prediction: Prediction, before: str, after: str, others: Sequence[str]
) -> str:
    """Why one address stands before another in an answer, as far as the model explains it.

    ``others`` is the answer that it is held against.
    """
    if result.error is not None or not result.agreed:
        return result.error or "the model does not explain this order"
    if not (before or after):  # the same addresses, for other kinds of socket
        return f"entries: {len(result.native)}, addresses: {len(result.order)}"
    if after and after not in result.order:
        return f"{after} is not returned"
    if before and before not in others:
        return f"{before} is returned by this one alone"
    if not (before and after):  # one of them ends here, and has had this address before
        return f"{before or after} is returned {result.order.count(before or after)} times"
    decision = decision_between(prediction, before, after)
    return result.unsorted or "as found, not sorted" if decision is None else decision.why


def pair_reason(
    prediction: Prediction, wanted: tuple[str, str], links: Mapping[str, int] | None = None
) -> PairReason | None:
    """The decision between two addresses asked for; None where they are not both answers.

    ``links`` gives the index of each interface that a zone may name.
    """
    if prediction.order is None:
        return None
    for pair in permutations(prediction.order.ranked, 2):
        both = zip(wanted, pair, strict=True)
        if all(means(text, one.target, links or {}) for text, one in both):
            decision = compare_pair(*pair, prediction.order.rules)
            if not decision.preferred:
                decision = compare_pair(*pair[::-1], prediction.order.rules)
            return PairReason.of(decision)
    return None


def _check(connection: Connection, view: HostView) -> SourceCheck | None:
    """Whether glibc really saw the source that the kernel told us; None for another socket."""
    target = parse_target(connection.destination, {one.name: one.index for one in view.links})
    route = view.routes.get(target)
    # the name server's socket, no destination; an IPv6-only socket: glibc tries AF_INET again
    if route is None or connection.error == "EAFNOSUPPORT":
        return None
    traced = connection.error or (connection.source or "no source").partition("%")[0]
    if connection.source is not None and target.address.version == 4:
        traced = as_ipv4(traced)
    known = str(route.source) if route.source is not None else route.error or "no source"
    return SourceCheck(str(target), traced, known)

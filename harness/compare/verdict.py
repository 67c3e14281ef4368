"""Native answer and model side by side: the verdict, the reasons, the expectations. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise, zip_longest

from harness.advice.pitfalls import find_pitfalls
from harness.compare import predict, results
from harness.compare.answers import answered, entry_differences, explains
from harness.compare.evidence import Evidence
from harness.compare.predict import GLIBC, ModelParts, Prediction
from harness.compare.presence import PresenceRow
from harness.compare.results import Departure, DestinationRow, PairReason, Remark, Result, Verdict
from harness.compare.sharing import Analysis, Shared
from harness.compare.values import fill
from harness.model.addresses import parse_target
from harness.model.cycles import find_cycle
from harness.model.dialects import Dialect, dialect
from harness.model.dns_servers import Record
from harness.model.host import HostView, Target, address_text
from harness.model.lookup import NameService
from harness.model.order import Destination, compare_pair
from harness.model.presence import presence
from harness.model.reload import Reading
from harness.model.standards import STANDARDS, Standard, standard_order
from harness.native.record import Answer, Crashed, Outcome, TimedOut
from harness.scenario.schema import Expect


def prediction_for(
    evidence: Evidence,
    model: ModelParts = GLIBC,
    names: NameService | None = None,
    dialect: Dialect | None = None,
) -> Prediction:
    """The model's answer to the look-up of ``evidence``, of its own or another dialect.

    ``names`` replace its name service.
    """
    dialect, lane = dialect or evidence.dialect, evidence.lane
    asked = predict.request_for(evidence.lookup), names or evidence.names, evidence.view
    if lane.resolver != "glibc":
        return predict.predict_other(*asked, lane.resolver, lane.resolver_version)
    return predict.predict(*asked, reading(evidence, dialect).data, dialect, model)


def reading(evidence: Evidence, dialect: Dialect | None = None) -> Reading:
    """Which gai.conf the process goes by once it has made the look-up of ``evidence``, and why."""
    if not evidence.before:
        return Reading(evidence.conf.data)
    dialect = dialect or evidence.dialect
    read = Reading()
    lookups, files = zip(*evidence.before, (evidence.lookup, evidence.conf), strict=True)
    requests = [predict.request_for(lookup) for lookup in lookups]
    found = predict.found_for(requests, evidence.names, evidence.view, [dialect])[dialect]
    for one, file in zip(found, files, strict=True):
        if one.needs_sort:
            read = read.sort(file.data, file.mtime, dialect)
    return read


def analyse(evidence: Evidence, model: ModelParts = GLIBC) -> Analysis:
    """The model's answer with every reason, and of glibc's every remark and departure."""
    prediction = prediction_for(evidence, model)
    ranked = () if prediction.order is None else prediction.order.ranked
    known = Analysis(prediction, reasons(prediction), (), (), rows(ranked, evidence.view), None)
    if evidence.lane.resolver != "glibc":
        return known
    return replace(
        known,
        remarks=tuple(remarks(evidence, prediction, model)),
        departures=tuple(departures(evidence, ranked)) if ranked else (),
        presence=presence_of(evidence),
    )


def presence_of(evidence: Evidence) -> PresenceRow:
    """Every address of a look-up accounted for."""
    asked = predict.request_for(evidence.lookup), evidence.names, evidence.view.dumped
    return PresenceRow.of(presence(*asked, evidence.dialect))


_NONE_OF_THEM = "chance decides between several answers, and this is none of them"


def judge(
    evidence: Evidence,
    model: ModelParts = GLIBC,
    known: Shared | None = None,
) -> Result:
    """Compare what glibc answered with what the model says.

    ``known`` is what the builds share on one look-up under one gai.conf.
    """
    plain = _judged(evidence, model, known)
    possible = [plain]
    for said, each in by_chance(evidence):
        # what chance has decided is settled by the answer, or by what comes nearest to it
        result = _judged(each, model)
        result = replace(result, remarks=(*result.remarks, Remark("chance", said)))
        if result.verdict is Verdict.AGREE or (result.predicted and not plain.predicted):
            return result
        possible.append(result)
    nearest = min(possible, key=_distance)
    if nearest is plain and possible[1:]:
        return replace(plain, remarks=(*plain.remarks, Remark("chance", _NONE_OF_THEM)))
    return nearest


def _distance(result: Result) -> tuple[bool, int, int, int]:
    """How far the model's answer is from the native one: the error, addresses, places, entries."""
    native, model = Counter(result.native), Counter(result.model)
    places = sum(one != other for one, other in zip_longest(result.native, result.model))
    addresses = (native - model).total() + (model - native).total()
    return result.error != result.model_error, addresses, places, len(result.differences)


def _judged(evidence: Evidence, model: ModelParts, known: Shared | None = None) -> Result:
    if known is None:
        return _compared(evidence, analyse(evidence, model))
    analysis = known.analysis(evidence, lambda each: analyse(each, model))
    native, lane = evidence.native, evidence.lane
    if not isinstance(native, Answer):
        return _compared(evidence, analysis)
    key = id(analysis), native.error, native.errno, native.addrinfos
    alike = known.results.get(key)
    if alike is None:
        return known.results.setdefault(key, _compared(evidence, analysis))
    orders = alike.native, analysis.prediction, alike.model, alike.sockets
    return fill(
        Result, lane, alike,
        emulator=lane.emulator or None, untrusted=lane.untrusted or None,
        unmet=_unmet(evidence, native, *orders), elapsed_ns=native.elapsed_ns,
    )  # fmt: skip


def _compared(evidence: Evidence, analysis: Analysis) -> Result:
    prediction, lane = analysis.prediction, evidence.lane
    native, request = evidence.native, predict.request_for(evidence.lookup)
    items, error = answered(native)
    right = explains(native, prediction, request)
    verdict, differences = Verdict.AGREE, tuple[str, ...]()
    if not isinstance(native, Answer):
        verdict = Verdict.CRASHED if isinstance(native, Crashed) else Verdict.ERROR
    elif not right:
        verdict = Verdict.DISAGREE
        differences = tuple(entry_differences(native, prediction, request))
    # where a file's effect is undefined, show the possible order that glibc chose
    chosen = prediction.by_chance or items in prediction.alternatives
    shown = items if chosen else prediction.items
    pairs = enumerate(zip_longest(items, shown))
    different = next((position for position, (one, other) in pairs if one != other), None)
    sockets = len({(item.socktype, item.protocol) for item in items or shown}) or 1
    native_texts = tuple(str(item.target) for item in items)
    model_texts = tuple(str(item.target) for item in shown)
    return fill(
        Result, lane, analysis,
        scenario=evidence.scenario.name, lookup=predict.lookup_title(evidence.lookup),
        gai_conf=evidence.conf.name,
        emulator=lane.emulator or None, untrusted=lane.untrusted or None,
        verdict=verdict, native=native_texts, model=model_texts, sockets=sockets,
        error=error, model_error=error if prediction.by_chance else prediction.error,
        first_difference=different if verdict is Verdict.DISAGREE else None,
        differences=differences,
        undefined=tuple(f"line {line.number}: {line.reason}" for line in prediction.undefined),
        predicted=verdict is Verdict.CRASHED and right,
        unmet=_unmet(evidence, native, native_texts, prediction, model_texts, sockets),
        elapsed_ns=getattr(native, "elapsed_ns", 0), said=getattr(native, "said", None) or None,
    )  # fmt: skip


def by_chance(evidence: Evidence) -> Iterator[tuple[str, Evidence]]:
    """The evidence for each way that chance may have decided, in words; none without chance.

    Nor where it is the plain one: the remark would be noise.
    """
    resolver, ways, plain = evidence.lane.resolver, 1, evidence.names
    if resolver != "glibc":
        prediction = prediction_for(evidence)
        if fits(evidence, prediction):
            return
        if (ways := prediction.ways) > 1:  # so many at most
            ways = prediction_for(evidence, names=predict.by_cares(plain, 1)).ways
    for said, names in predict.chances(plain, resolver, ways):
        yield said, replace(evidence, names=names)


def by_server(evidence: Evidence) -> tuple[Evidence, ...]:
    """The evidence for each DNS server that chance may have asked first; none without chance."""
    return tuple(each for _, each in by_chance(evidence))


def fits(evidence: Evidence, prediction: Prediction) -> bool:
    """Whether the model explains an answer or a crash, those that chance decides included."""
    return explains(evidence.native, prediction, predict.request_for(evidence.lookup))


def reasons(prediction: Prediction) -> tuple[PairReason, ...]:
    """The decision between each two neighbouring, different addresses."""
    if prediction.order is None:
        return ()
    return tuple(
        PairReason.of(decision)
        for decision in prediction.order.decisions
        if decision.before.target != decision.after.target
    )


def rows(known: Sequence[Destination], view: HostView) -> tuple[DestinationRow, ...]:
    """The table of an explanation: one row per different destination, in the order given."""
    names = {link.index: link.name for link in view.links}
    table: dict[Target, DestinationRow] = {}
    for item in known:
        if item.target in table:
            continue
        route = view.routes.get(item.target)
        flags = [word for word, on in (("deprecated", item.deprecated), ("home", item.home)) if on]
        table[item.target] = fill(
            DestinationRow,
            item,
            destination=str(item.target),
            source=None if item.source is None else address_text(item.source),
            error=None if route is None else route.error,
            destination_scope=item.scope,
            destination_label=item.label,
            interface=None if item.index is None else names.get(item.index, str(item.index)),
            flags=tuple(flags),
            place=item.place or item.position + 1,
        )
    return tuple(table.values())


def departures(
    evidence: Evidence,
    ranked: Sequence[Destination],
    standards: Sequence[Standard] = STANDARDS,
) -> Iterator[Departure]:
    """Where a literal RFC 3484 or RFC 6724 would order these destinations otherwise."""
    targets = list(_by_position(ranked))
    glibc = list(dict.fromkeys(item.target for item in ranked))
    for standard in standards:
        order = standard_order(standard, targets, evidence.view, reading(evidence).data)
        by_target = {item.target: item for item in order.ranked}
        pairs = zip((item.target for item in order.ranked), glibc, strict=True)
        first = next((pair for pair in pairs if pair[0] != pair[1]), None)
        if first is not None:
            why = compare_pair(by_target[first[0]], by_target[first[1]]).why
            yield Departure(standard.name, tuple(map(str, by_target)), why)


def remarks(evidence: Evidence, prediction: Prediction, model: ModelParts) -> Iterator[Remark]:
    """What a reader must know beside the order."""
    service = evidence.names
    if service.asks("dns") and evidence.lookup.family == "unspec":
        first: Record = "AAAA" if service.first_reply == "A" else "A"
        other = prediction_for(evidence, model, replace(service, first_reply=first))
        ours, theirs = ([item.target for item in one.items] for one in (prediction, other))
        if ours != theirs:
            said = "the order depends on which DNS reply comes first; with the other one first"
            yield Remark("reply", f"{said} it is {', '.join(dict.fromkeys(map(str, theirs)))}")
    if prediction.by_chance:
        why = "this glibc overwrites what it has found"
        if any(one.own is not None and one.own.bare_way for one in service.chain):
            why = "this nss-myhostname takes a way without a gateway for one"
        yield Remark("chance", f"{why}: anything may come of it")
    if prediction.order is None:
        return
    ranked = prediction.order.ranked
    # where rule 7 fills in what is unknown, what it compares depends on what was compared before
    fixed = () if evidence.dialect.rule7_fills_in_unknown else _by_position(ranked).values()
    if cycle := find_cycle([*fixed]):
        steps = [*cycle, cycle[0]]
        words = " before ".join(str(item.address) for item in steps)
        rules = ", ".join(str(compare_pair(a, b).rule) for a, b in pairwise(steps))
        said = f"these three addresses form a cycle: {words} (rules {rules})"
        yield Remark("cycle", f"{said}; no order is right, the steps of the sort decide")
    read = reading(evidence)
    if read.step is not None:
        yield Remark("reload", str(read.step))
    for trap in find_pitfalls(ranked, evidence.view, read.data, evidence.dialect):
        yield Remark("trap", trap.text)


def _by_position(ranked: Sequence[Destination]) -> dict[Target, Destination]:
    """The first of each destination: with three socket types every address is there thrice."""
    found: dict[Target, Destination] = {}
    for item in sorted(ranked, key=lambda item: item.position):
        found.setdefault(item.target, item)
    return found


def _unmet(
    evidence: Evidence,
    native: Outcome,
    native_order: tuple[str, ...],
    prediction: Prediction,
    model_order: tuple[str, ...],
    sockets: int,
) -> tuple[str, ...]:
    """The expectations of the file that native or model do not meet, one line each."""
    failures: list[str] = []
    lane = evidence.lane
    if lane.resolver != "glibc":
        return ()  # what a file expects is glibc's
    own = dialect(lane.glibc, lane.arch)
    if lane.rows and own != lane.dialect and prediction_for(evidence, dialect=own) != prediction:
        return ()  # they are of the version, from which this build was told to differ
    native_error = "no answer" if isinstance(native, TimedOut) else answered(native)[1]
    sides = ("native", native_order, native_error), ("model", model_order, prediction.error)
    for expect in evidence.lookup.expect:
        if not expect.matches(lane.glibc, lane.arch):
            continue
        # with scope ids for zones, as results show them
        links = evidence.names.links
        wanted = tuple(str(parse_target(text, links)) for text in expect.order or ())
        for who, order, error in sides:
            once = results.listed(order, sockets)
            right = [order, once]
            if sockets > 1:  # each run of equal ones counts once
                right.append(tuple(address for address, _ in groupby(order)))
            if expect.error != error:
                got = f"expected {expect.error or 'an answer'}, got {error or 'an answer'}"
                failures.append(f"{who}: {got}")
            elif expect.order is not None and wanted not in right:
                failures.append(f"{who}: expected {', '.join(wanted)}, got {', '.join(once)}")
        if expect.decided_by is not None:
            rule = _deciding_rule(expect, prediction)
            if rule != expect.decided_by:
                failures.append(f"model: expected rule {expect.decided_by} to decide, got {rule}")
    return tuple(failures)


def _deciding_rule(expect: Expect, prediction: Prediction) -> int | None:
    """The rule between the first two of the expected order.

    These are two addrinfos of one address where the order names it twice, else the first
    two different addresses.
    """
    if prediction.order is None or expect.order is None:
        return None
    if expect.order[0] == expect.order[1]:
        return prediction.order.decisions[0].rule
    different = (one for one in prediction.order.decisions if one.before.target != one.after.target)
    return next((one.rule for one in different), None)

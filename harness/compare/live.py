"""``explain`` on the live host: the real getaddrinfo of this host, as it is."""

from collections import Counter
from dataclasses import replace
from typing import Literal, NamedTuple

from harness.compare.evidence import Evidence, LaneSpec, NamedGaiConf, line_findings
from harness.compare.explain import Explanation, pair_reason
from harness.compare.predict import found_for, request_for, targets_of
from harness.compare.presence import PresenceRow
from harness.compare.results import Remark, Result, Verdict
from harness.compare.verdict import judge, prediction_for, presence_of
from harness.glibcs import host
from harness.live.machine import GAI_CONF, look, read_gai_conf, service_ports
from harness.live.names import AF_INET, AF_INET6, AF_UNSPEC, ask
from harness.model.address_table import address_table
from harness.model.addresses import inet_aton, inet_pton6
from harness.model.dns import ascii_lower
from harness.model.host import HostView, Target
from harness.model.lookup import AI_ADDRCONFIG, AI_V4MAPPED, NameService, Request
from harness.native.cffi_lane import CffiLane
from harness.native.record import Answer as NativeAnswer
from harness.native.record import Outcome
from harness.scenario.schema import Host, Lookup, Scenario

_NAME = "this-host"


class _Given(NamedTuple):
    """The name service's addresses in its order, what is uncertain about that, and which it is."""

    targets: tuple[Target, ...] = ()
    note: str = ""
    service: str | None = None


# the services that the model knows as more than lists
_KNOWN: dict[str | None, Literal["files", "dns"]] = {"files": "files", "dns": "dns"}


def explain_live(
    lookup: Lookup, pair: tuple[str, str] | None = None, timeout: float = 10.0
) -> Explanation:
    """Explain one look-up on this host, without namespace and without root.

    Parameters: ``lookup`` the name and hints; ``pair`` two addresses to tell apart;
    ``timeout`` seconds for glibc and for each name service. Raises GlibcError on a host
    without glibc and OSError where netlink cannot be asked.
    """
    build = host()
    lane = LaneSpec(build.version, build.arch, "cffi", build.origin)
    request = request_for(lookup)
    plain = look()
    given = _ask(request, plain, timeout)
    names = _name_service(request, given.targets, plain)
    targets = targets_of(found_for([request], names, plain, [lane.dialect]))
    with CffiLane() as cffi, cffi.open() as session:
        native = session.lookup(request, timeout)
    names = replace(names, spelled=_spelled(request, native))
    view = look((*targets, *_native_targets(native)))
    gai_conf = read_gai_conf()
    conf = NamedGaiConf("none" if gai_conf is None else str(GAI_CONF), gai_conf)
    # not checked: the zones of a look-up are this host's
    scenario = Scenario.model_construct(name=_NAME, host=Host(), lookups=(lookup,))
    evidence = Evidence(scenario, lookup, conf, view, names, lane, native)
    result, evidence, note = _judged(evidence, request, given)
    result = replace(result, presence=_accounted(evidence, request, result.error, timeout))
    if note:
        result = replace(result, remarks=(*result.remarks, Remark("order", note)))
    reason = None if pair is None else pair_reason(prediction_for(evidence), pair, names.links)
    return Explanation(lookup.name, result, reason, findings=line_findings(conf, lane.glibc))


def _judged(evidence: Evidence, request: Request, given: _Given) -> tuple[Result, Evidence, str]:
    """The verdict; where only the unknown order before sorting differs, that order is taken
    from the answer, and the note says which pairs depend on it.
    """
    result = judge(evidence)
    targets, note, _ = given
    if result.error is not None and (result.model_error is not None or not targets):
        # which error a name service's failure becomes is the service's word, not the sort's
        same = replace(result, verdict=Verdict.AGREE, model_error=result.error)
        return same, evidence, note
    if result.verdict is not Verdict.DISAGREE:
        return result, evidence, _depends(result, note)
    answered = tuple(dict.fromkeys(_native_targets(evidence.native)))
    names = _name_service(request, answered, evidence.view)
    other = replace(evidence, names=replace(names, spelled=evidence.names.spelled))
    again = judge(other)
    if again.verdict is not Verdict.AGREE:
        return result, evidence, note
    why = note or "the name service gave these addresses in another order a moment before"
    why = f"{why}; the order before sorting is taken from the answer"
    return again, other, _depends(again, why)


def _accounted(
    evidence: Evidence, request: Request, error: str | None, timeout: float
) -> PresenceRow:
    """Presence by all that the name service holds, of which glibc may have asked for a part.

    Where a service known to the model does not account for the answer, what was asked for does.
    """
    if unanswered := PresenceRow.unanswered(request, error):
        return unanswered
    held = _ask(Request(request.name), evidence.view, timeout)
    kind = _KNOWN.get(held.service)
    if held.targets and kind is not None:
        first: Literal["A", "AAAA"] = "A" if held.targets[0].address.version == 4 else "AAAA"
        names = _name_service(request, held.targets, evidence.view)
        names = replace(names, kind=kind, first_reply=first)
        (found,) = found_for([request], names, evidence.view, [evidence.dialect])[evidence.dialect]
        items = [item.target for item in found.items]
        if (Counter(items), found.error) == (Counter(_native_targets(evidence.native)), error):
            return presence_of(evidence, names)
    return presence_of(evidence)


def _depends(result: Result, note: str) -> str:
    if not note:
        return ""
    pairs = [f"{d.before} and {d.after}" for d in result.decisions if d.rule == 10]
    if not pairs:
        return f"{note}: no pair here depends on it"
    return f"{note}: depending on it (rule 10) {', '.join(pairs)}"


def _ask(request: Request, view: HostView, timeout: float) -> _Given:
    """The name service's addresses, asked as getaddrinfo asks for this request."""
    name = request.name
    if name is None or inet_aton(name) or inet_pton6(name.partition("%")[0]):
        return _Given()
    table = address_table(view.addresses)
    family = request.family
    if request.flags & AI_ADDRCONFIG and family == AF_UNSPEC:
        if table.seen_ipv4 and not table.seen_ipv6:
            family = AF_INET
        elif table.seen_ipv6 and not table.seen_ipv4:
            family = AF_INET6
    families = [family]
    if family == AF_INET6 and request.flags & AI_V4MAPPED:
        families.append(AF_INET)
    answers = [ask(name, one, timeout) for one in families]
    targets = tuple(target for answer in answers for target in answer.targets)
    notes = [answer.note for answer in answers if answer.note]
    return _Given(targets, "; ".join(dict.fromkeys(notes)), answers[0].service)


def _native_targets(native: Outcome) -> tuple[Target, ...]:
    if not isinstance(native, NativeAnswer):
        return ()
    return tuple(info.target for info in native.addrinfos)


def _spelled(request: Request, native: Outcome) -> dict[str, str]:
    """The canonical name, which is the name service's word, as an answer has it."""
    first = native.addrinfos[:1] if isinstance(native, NativeAnswer) else ()
    return {ascii_lower(request.name or ""): one.canonname for one in first if one.canonname}


def _name_service(request: Request, targets: tuple[Target, ...], view: HostView) -> NameService:
    names = {}
    if request.name is not None and targets:
        names[ascii_lower(request.name)] = targets
    return NameService(
        names=names,
        kind="nss",
        services=service_ports(request.service),
        links={link.name: link.index for link in view.links},
    )

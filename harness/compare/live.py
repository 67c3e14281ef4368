"""``explain`` on the live host: the real getaddrinfo of this host, as it is."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv6Address

from harness.compare.evidence import Evidence, LaneSpec, NamedGaiConf, line_findings
from harness.compare.explain import Explanation, GetentAnswer, pair_reason
from harness.compare.predict import found_for, request_for, services_of, targets_of
from harness.compare.presence import PresenceRow
from harness.compare.results import Remark, Result, Verdict
from harness.compare.standing import variables
from harness.compare.verdict import judge, prediction_for, presence_of
from harness.glibcs import host
from harness.kernel.rows import ADDRESS_FLAGS, IFA_F_DADFAILED
from harness.live.machine import GAI_CONF, look, read_gai_conf, service_ports
from harness.live.name_service import HostAnswer, NameServiceReading, read
from harness.live.said import joined
from harness.model.addresses import inet_aton, inet_pton6, is_link_local
from harness.model.dialects import NEWEST, dialect
from harness.model.dns_servers import ascii_lower
from harness.model.host import IFA_F_OPTIMISTIC, HostView, Target
from harness.model.lookup import NameService, Request
from harness.model.services import Service
from harness.native.cffi_lane import CffiLane
from harness.native.record import Answer, LaneError, Outcome
from harness.scenario.nameservice import NameServiceSpec
from harness.scenario.schema import Host, Lookup, Scenario
from harness.text.errors import InputError
from harness.text.validation import validated

_TIMEOUT = 10.0  # seconds for glibc and for each name service
_TENTATIVE = ADDRESS_FLAGS["tentative"]


def explain_live(
    lookup: Lookup, pair: tuple[str, str] | None = None, where: str = "this-host"
) -> Explanation:
    """Explain one look-up on this host, without namespace and without root.

    Parameters: ``lookup`` the name and hints; ``pair`` two addresses to tell apart; ``where`` what
    the host is called.
    Raises GlibcError on a host without glibc and OSError where netlink cannot be asked.
    """
    build = host()
    lane = LaneSpec(build.version, build.arch, "cffi", build.origin)
    request = request_for(lookup)
    plain = look(own=True)
    given, names, reading = _read(request, plain)
    targets = targets_of(found_for([request], names, plain, [lane.dialect]))
    with CffiLane() as cffi, cffi.open() as session:
        native = session.lookup(request, _TIMEOUT)
    malformed = "" if reading is None else str(reading.malformed)
    if malformed and isinstance(native, Answer) and native.error is not None:
        given, names = HostAnswer(), _name_service(request, (), plain)  # nobody was asked
    view = look((*targets, *_native_targets(native)))
    gai_conf = read_gai_conf()
    conf = NamedGaiConf("none" if gai_conf is None else str(GAI_CONF), gai_conf)
    # not checked: the zones of a look-up are this host's
    scenario = Scenario.model_construct(name=where, host=Host(), lookups=(lookup,))
    evidence = Evidence(scenario, lookup, conf, view, names, lane, native)
    if judge(evidence).verdict is not Verdict.AGREE:
        evidence = replace(evidence, names=_spelled(names, request, native, given))
    result, evidence, note = _judged(evidence, request, given)
    known = presence_of(evidence)
    if given.failed or malformed or prediction_for(evidence).error != result.error:
        failed = PresenceRow.unanswered(request, result.error, given.failed, malformed)
        known = failed or known
    result = replace(result, presence=known)
    more = [Remark("order", note)] if note else []
    odd = () if reading is None else reading.odd
    more += [Remark("name-service", str(line)) for line in odd if line != known.why]
    more += [Remark("tentative", line) for line in tentative(view, targets)]
    result = replace(result, remarks=(*result.remarks, *more))
    reason = None if pair is None else pair_reason(prediction_for(evidence), pair, names.links)
    return Explanation(lookup.name, result, reason, findings=line_findings(conf, lane.glibc))


def getent(database: str, name: str, model: tuple[str, ...] | None = None) -> GetentAnswer:
    """Ask getent(1) of this host. Raises LaneError where it cannot be run, or does not end."""
    words = ("getent", database, "--", name)
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=60, check=False,
            env=variables(os.environ),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LaneError(f"getent {database} {name}: {error}") from None
    rows = [line.split() for line in done.stdout.splitlines()]
    # getaddrinfo's entries are printed with their types of socket, one of which is enough
    kept = [row[0] for row in rows if model is None or row[1:2] == ["STREAM"]]
    return GetentAnswer(f"getent {database} {name}", tuple(kept), model)


def tentative(view: HostView, targets: Sequence[Target]) -> Iterator[str]:
    """The host's addresses that the kernel takes for no source yet, in words: those that may become
    the source for one of ``targets``.

    Source: linux, net/ipv6/addrconf.c (ipv6_dev_get_saddr skips them, the optimistic excepted).
    """
    links = {link.index: link.name for link in view.links}
    six = [one for one in targets if one.address.version == 6 and not one.address.is_loopback]
    # a link-local source serves others where there is no other
    near = [one for one in six if is_link_local(one.address) or view.routes[one].source is None]
    for row in view.addresses:
        local = isinstance(row.address, IPv6Address) and is_link_local(row.address)
        if not (near if local else six):
            continue
        if row.flags & (_TENTATIVE | IFA_F_OPTIMISTIC) == _TENTATIVE:
            why = "for about a second after it was added: ask again"
            if row.flags & IFA_F_DADFAILED:
                why = "for another host in its network has it"
            yield (
                f"{row.address} of {links.get(row.index, row.index)} is tentative, so the kernel"
                f" takes it for no source {why}"
            )


def _judged(
    evidence: Evidence, request: Request, given: HostAnswer
) -> tuple[Result, Evidence, str]:
    """The verdict; where only the unknown order before sorting differs, that order is taken
    from the answer, and the note says which pairs depend on it.
    """
    result = judge(evidence)
    targets, note = given.targets, given.note
    if result.error is not None and (result.model_error is not None or not targets):
        # which error a name service's failure becomes is the service's word, not the sort's
        same = replace(result, verdict=Verdict.AGREE, model_error=result.error)
        return same, evidence, note
    if result.verdict is not Verdict.DISAGREE:
        return result, evidence, _depends(result, note)
    answered = tuple(dict.fromkeys(_native_targets(evidence.native)))
    plain = {one.kind for one in evidence.names.hosts} <= {"files", "dns"}
    if plain and evidence.names.hosts and sorted(result.native) != sorted(result.model):
        return result, evidence, note  # no order makes another address
    names = _name_service(request, answered, evidence.view)
    other = replace(evidence, names=_spelled(names, request, evidence.native))
    again = judge(other)
    if again.verdict is not Verdict.AGREE:
        return result, evidence, note
    why = note or "the name service gave these addresses in another order a moment before"
    why = f"{why}; the order before sorting is taken from the answer"
    return again, other, _depends(again, why)


def _depends(result: Result, note: str) -> str:
    pairs = [f"{d.before} and {d.after}" for d in result.decisions if d.rule == 10]
    return f"{note}: depending on it (rule 10) {', '.join(pairs)}" if note and pairs else ""


def read_names(request: Request, view: HostView) -> tuple[HostAnswer, NameService]:
    """What this host's name service gives, and how the model has it: an odd name as lists only.

    ``view`` knows the host's own names.
    """
    given, names, reading = _read(request, view)
    odd = () if reading is None else reading.odd
    return replace(given, note=joined([*filter(None, (given.note, *odd))])), names


def _read(
    request: Request, view: HostView
) -> tuple[HostAnswer, NameService, NameServiceReading | None]:
    name = request.name
    if name is None or inet_aton(name) or inet_pton6(name.partition("%")[0]):
        return HostAnswer(), _name_service(request, (), view), None
    reading = read([name], {link.index: link.name for link in view.links}, _TIMEOUT)
    given = reading.answers.get(name, HostAnswer())
    plain = _name_service(request, given.targets, view)
    with suppress(InputError):
        spec = validated(NameServiceSpec, reading.raw, "name_service")
        held = services_of(spec, view, reading.lines)
        pairs = zip(held.hosts, reading.services, strict=False)
        hosts = tuple(replace(one, called=called) for one, called in pairs)
        return given, replace(held, services=plain.services, hosts=hosts), reading
    return given, plain, reading


def _native_targets(native: Outcome) -> tuple[Target, ...]:
    return tuple(one.target for one in native.addrinfos) if isinstance(native, Answer) else ()


def _spelled(
    names: NameService, request: Request, native: Outcome, given: HostAnswer | None = None
) -> NameService:
    """With the canonical name, which is the name service's word, as an answer has it; DNS has what
    it has ``given``, if it has.
    """
    first = native.addrinfos[:1] if isinstance(native, Answer) else ()
    spelled = {ascii_lower(request.name or ""): one.canonname for one in first if one.canonname}
    asked = request.name or ""

    def as_nss(one: Service) -> Service:
        known = one.names
        if one.kind == "dns" and given is not None and given.service == "dns":
            known = {ascii_lower(asked): given.targets}
        elif one.kind == "dns" and (held := one.held(asked, dialect(NEWEST))) is not None:
            known = {ascii_lower(asked): tuple(h.target for h in held)}
        return replace(one, kind="nss", names=known, servers=(), spelled=spelled)

    hosts = (as_nss(one) if one.kind in ("dns", "nss") else one for one in names.hosts)
    return replace(names, spelled=spelled, hosts=tuple(hosts))


def _name_service(request: Request, targets: tuple[Target, ...], view: HostView) -> NameService:
    names = {ascii_lower(request.name): targets} if request.name is not None and targets else {}
    return NameService(names, "nss", services=service_ports(request.service), links=view.names)

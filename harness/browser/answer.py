"""What a page shows of a pasted host: the order of each name, drawn, and the scenario to replay.

The same host, model and drawing as everywhere; only the kernel and glibc are not asked.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from ipaddress import ip_address
from typing import Any, NamedTuple

import harness
from harness.browser.iproute import ADDRESSES, MOST, ROUTES, Pasted, RouteAnswer, pasted
from harness.compare.evidence import Evidence, LaneSpec, NamedGaiConf, line_findings
from harness.compare.predict import found_for, lookup_title, names_of, request_for, targets_of
from harness.compare.results import Result, Verdict
from harness.compare.values import fill
from harness.compare.verdict import analyse
from harness.kernel.rows import BY_KERNEL, SCOPES, Hop, KernelAddress, KernelRoute
from harness.kernel.sources import NotKnown, Routing
from harness.live.interfaces import interfaces
from harness.live.machine import Dumps
from harness.live.routing import routes
from harness.live.said import Said
from harness.model.host import HostView, Route, Target
from harness.native.record import TimedOut
from harness.report.html.drawing import answer, environment
from harness.scenario.load import as_yaml
from harness.scenario.schema import Lookup, Scenario
from harness.scenario.values import TABLES
from harness.text.errors import InputError, show
from harness.text.validation import validated

NAMES = "names"
_FIELDS = {ADDRESSES: "addresses", ROUTES: "routes", NAMES: "names"}
_PARTS = {"host.routes": "routes", "names": "names", "lookups": "names", "gai_conf": "gai_conf"}
_templates = cache(environment)
_HIDDEN = (
    "rules, address labels and settings of the kernel, which the page was not told: "
    "the usual ones are taken for granted"
)


class Unknown(NamedTuple):
    """A destination whose source has to be asked for: why, and what answers it."""

    destination: str
    why: str
    command: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """One name: its order in words and drawn, or the sources that are still to be asked for."""

    name: str
    order: tuple[str, ...] = ()
    html: str = ""
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What the page shows. ``errors`` has a line for each field at fault, by the field's name."""

    errors: Mapping[str, str] = field(default_factory=dict)
    names: tuple[Drawn, ...] = ()
    findings: tuple[str, ...] = ()
    scenario: str = ""


def shown(given: Mapping[str, str]) -> PageAnswer:
    """The answer to what is in the fields: addresses, routes, names, gai_conf, glibc and arch."""
    try:
        host = pasted(given["addresses"], given["routes"])
        return _shown(host, _names(given["names"]), given)
    except InputError as problem:
        name = _FIELDS.get(problem.file)
        part = problem.field.partition("[")[0]
        name = name or next((_PARTS[each] for each in _PARTS if part.startswith(each)), "addresses")
        line = "" if problem.line is None else f"line {problem.line}: "
        place = "" if problem.field == "text" else f"{problem.field}: "
        return PageAnswer({name: f"{line}{place}{problem.reason}"})


def _names(text: str) -> dict[str, list[str]]:
    if len(text) > MOST:
        raise InputError(NAMES, None, "text", f"at most {MOST} characters")
    found: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        addresses = [word for word in words if _is_address(word)]
        if words and not _is_address(words[0]):
            wanted = "an address first, as in a hosts file"
            raise InputError(NAMES, number, "text", wanted, show(words[0]))
        for name in [word for word in words if word not in addresses] or ["name"] * bool(words):
            found.setdefault(name, []).extend(addresses)
    if not found:
        raise InputError(NAMES, None, "text", "at least one address")
    return found


def _is_address(word: str) -> bool:
    try:
        return bool(ip_address(word.partition("%")[0]))
    except ValueError:
        return False


def _shown(
    host: Pasted, names: Mapping[str, Sequence[str]], given: Mapping[str, str]
) -> PageAnswer:
    raw = _scenario(host, names, given["gai_conf"])
    scenario = validated(Scenario, raw, "scenario")
    lane = LaneSpec(given["glibc"], given["arch"], "worker", "the model alone")
    data = given["gai_conf"].encode() or None
    conf = NamedGaiConf("default" if data is None else "inline", data)
    drawn = []
    for lookup, each in zip(scenario.lookups, raw["lookups"], strict=True):
        one, result = _drawn(host, scenario, lookup, lane, conf)
        drawn.append(one)
        if result is not None and not result.undefined:
            given_order = {"error": result.model_error} if result.model_error else {
                "order": [_zoned(text, host.dumps.names) for text in result.model_order]
            }  # fmt: skip
            each["expect"] = {**given_order, "glibc": f"=={lane.glibc}", "arch": [lane.arch]}
    comment = "Made by the page of gai-harness. Replay it with: gai-harness run FILE"
    found = line_findings(conf, lane.glibc)
    return PageAnswer(
        names=tuple(drawn),
        findings=tuple(f"line {one.line}: {one.message} ({one.code})" for one in found),
        scenario=as_yaml(validated(Scenario, raw, "scenario"), [comment]),
    )


def _drawn(
    host: Pasted, scenario: Scenario, lookup: Lookup, lane: LaneSpec, conf: NamedGaiConf
) -> tuple[Drawn, Result | None]:
    view = HostView(
        tuple(row.for_model for row in host.dumps.addresses),
        tuple(link.for_model for link in host.dumps.links),
    )
    service = names_of(scenario, view)
    found = found_for([request_for(lookup)], service, view, [lane.dialect])
    ways: dict[Target, Route] = {}
    unknown = []
    for target in targets_of(found):
        try:
            ways[target] = way(host, target)
        except NotKnown as reason:
            dev = host.dumps.names.get(target.scope_id, "")
            command = f"ip route get {target.address}" + (f" oif {dev}" if dev else "")
            unknown.append(Unknown(_zoned(str(target), host.dumps.names), str(reason), command))
    name = lookup.name or ""
    if unknown:
        return Drawn(name, unknown=tuple(unknown)), None
    evidence = Evidence(
        scenario, lookup, conf, replace(view, routes=ways), service, lane, TimedOut(0.0)
    )
    result = _result(evidence)
    return Drawn(name, result.model_order, answer(result, _templates())), result


def _result(evidence: Evidence) -> Result:
    """The model's answer alone, in the form of a run's result."""
    analysis = analyse(evidence)
    prediction = analysis.prediction
    texts = tuple(str(item.target) for item in prediction.items)
    return fill(
        Result, evidence.lane, analysis,
        scenario=evidence.scenario.name,
        lookup=lookup_title(evidence.lookup),
        gai_conf=evidence.conf.name,
        emulator=None, untrusted=None,
        verdict=Verdict.AGREE,
        native=texts, model=texts,
        error=prediction.error, model_error=prediction.error,
        undefined=tuple(f"line {line.number}: {line.reason}" for line in prediction.undefined),
    )  # fmt: skip


def way(host: Pasted, target: Target) -> Route:
    """The way to a target: as `ip route get` said, or worked out. Raises NotKnown."""
    if target in host.answers:
        return host.answers[target].route
    version = 4 if target.address.version == 4 or target.address.ipv4_mapped else 6
    dumps = host.dumps
    own = any(target.address == row.own for row in dumps.addresses)
    if any(row.own.version == version for row in _routeless(dumps)) and not own:
        raise NotKnown(f"the routes of IPv{version} were not given")
    return Routing(dumps.links, dumps.addresses, dumps.routes).to(target)


def _routeless(dumps: Dumps) -> list[KernelAddress]:
    """The addresses with routes that nobody gave: of a family without any route."""
    given = {row.version for row in dumps.routes}
    loopback = {link.index for link in dumps.links if link.loopback}
    return [
        row for row in dumps.routed if row.own.version not in given and row.index not in loopback
    ]


def _zoned(text: str, names: Mapping[int, str]) -> str:
    """An address with the interface's name for its number."""
    address, percent, number = text.partition("%")
    return address + percent + names.get(int(number), number) if percent else text


def _scenario(host: Pasted, names: Mapping[str, Sequence[str]], gai_conf: str) -> dict[str, Any]:
    dumps = host.dumps
    made = tuple(
        KernelRoute(
            row.own.version, row.network, None, TABLES["main"], "unicast", SCOPES["link"],
            BY_KERNEL, 0, None, 0, (Hop(None, row.index),), 0, False,
        )
        for row in _routeless(dumps)
    )  # fmt: skip
    dumps = Dumps(dumps.links, dumps.addresses, (*dumps.routes, *made))
    texts = [text for each in names.values() for text in each]
    left_out = [Said(_HIDDEN)]
    return {
        "name": "from-the-page",
        "description": "A host as it was pasted into the page of gai-harness.",
        "host": {
            "interfaces": interfaces(dumps, left_out),
            "routes": [*routes(dumps, texts, left_out), *_pinned(host)],
        },
        "names": names,
        "resolver": "nss" if any("%" in text for text in texts) else "files",
        "gai_conf": gai_conf or None,
        "lookups": [{"name": name} for name in names],
        "left_out": [str(each) for each in left_out],
    }


def _pinned(host: Pasted) -> Iterator[dict[str, Any]]:
    """Routes of their own for destinations whose source was given and is not that of the routes."""
    for one in host.answers.values():
        if _as_worked_out(host, one) or (one.route.source is not None and one.dev is None):
            continue
        to = f"{one.target.address}/{one.target.address.max_prefixlen}"
        if one.route.source is None:
            yield {"to": to, "type": "unreachable"}
        else:
            way = {"via": one.via, "dev": one.dev, "on-link": one.via is not None}
            yield {"to": to, "from": str(one.route.source), **way}


def _as_worked_out(host: Pasted, one: RouteAnswer) -> bool:
    try:
        return way(replace(host, answers={}), one.target).source == one.route.source
    except NotKnown:
        return False


def document(given: str) -> str:
    """`shown`, from JSON to JSON: what the page calls."""
    return json.dumps({"version": harness.__version__, **asdict(shown(json.loads(given)))})

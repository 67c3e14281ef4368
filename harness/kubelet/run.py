"""Asking the real resolvers for a node's name: in a scenario's sandbox, or on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from harness.compare.evidence import Evidence, GaiConf, LaneSpec
from harness.compare.predict import Prediction, predict
from harness.compare.results import PairReason
from harness.compare.run import HostJob, collect
from harness.compare.verdict import prediction_for, reasons
from harness.kubelet.addresses import plain
from harness.kubelet.host import read_net
from harness.kubelet.report import Answer
from harness.kubelet.resolver import Surroundings, hosts_file
from harness.kubelet.values import Lookup, Net
from harness.live.names import Answer as Names
from harness.live.names import ask
from harness.model.dialects import dialect
from harness.model.golang import go_order, go_targets
from harness.model.host import HostView, Target
from harness.model.lookup import NameService, Request
from harness.native.query import Query
from harness.native.record import Answer as NativeAnswer
from harness.native.record import Crashed, Outcome
from harness.sandbox import Pool
from harness.scenario.schema import Lookup as ScenarioLookup

if TYPE_CHECKING:
    from harness.sandbox import Box
    from harness.scenario import LoadedScenario

# how a Go program built with cgo calls getaddrinfo: golang/go, src/net/cgo_unix.go and
# cgo_linux.go; it takes the answer as it comes, one address per addrinfo
GO_FLAGS = ("AI_CANONNAME", "AI_V4MAPPED", "AI_ALL")
_AI = 0x2 | 0x8 | 0x10
_SOCK_STREAM = 1
GO = "Go's own resolver"
_DNS = ("dns", "resolve")  # what systemd-resolved answers, its DNS stub answers too


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a host says: its network and both resolvers' answers for one name."""

    net: Net
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class _Job:
    host: HostJob
    name: str


def in_scenario(loaded: LoadedScenario, lanes: Sequence[LaneSpec], name: str) -> Gathered:
    """Build a scenario's host and look ``name`` up there, on every glibc of ``lanes``.

    Raises SandboxUnavailable, SandboxError and LaneError as `harness.compare.run.run`.
    """
    asked = ScenarioLookup(name=name, family="unspec", socktype="stream", flags=GO_FLAGS)
    scenario = loaded.scenario.model_copy(update={"lookups": (asked,)})
    conf = GaiConf(loaded.gai_conf_name, loaded.gai_conf)
    host = HostJob(scenario, (conf,), tuple(lanes), source=str(loaded.path))
    with Pool(1) as pool:
        (gathered,) = pool.run(_gather, _Job(host, name))
    assert isinstance(gathered, Gathered)
    return gathered


def _gather(box: Box, job: _Job) -> Iterator[Gathered]:
    from harness.kernel.netlink import Netlink

    ((evidences, _),) = collect(box, job.host)
    answers = [_cgo(evidence) for evidence in evidences]
    names = evidences[0].names
    targets = go_targets(_as_go_lists(names, job.name))
    answers.append(_go(job.name, targets, box.observe(targets)))
    netlink = Netlink()
    try:
        yield Gathered(read_net(netlink), tuple(answers))
    finally:
        netlink.close()


def _as_go_lists(names: NameService, name: str) -> tuple[Target, ...]:
    if names.kind == "nss":  # a name service Go's own resolver does not know
        return ()
    known = names.names.get(name.lower(), ())
    if names.kind == "dns":  # the two replies one after the other; only unreachable ones tie
        wanted = 4 if names.first_reply == "A" else 6
        known = tuple(sorted(known, key=lambda one: one.address.version != wanted))
    return known


def _cgo(evidence: Evidence) -> Answer:
    prediction = prediction_for(evidence)
    return _answer(f"glibc {evidence.lane.glibc} {evidence.lane.arch}", evidence.native, prediction)


def _answer(who: str, native: Outcome, prediction: Prediction, note: str = "") -> Answer:
    found = _looked_up(native)
    pair = _first_two(prediction, found)
    return Answer("cgo", who, found, pair, native=True, note=note)


def _looked_up(outcome: Outcome) -> Lookup:
    if isinstance(outcome, NativeAnswer):
        if outcome.error is not None:
            return Lookup(error=outcome.error)
        return Lookup(tuple(plain(ip_address(info.address)) for info in outcome.addrinfos))
    if isinstance(outcome, Crashed):
        return Lookup(error=f"kubelet dies in getaddrinfo (signal {outcome.signal})")
    return Lookup(error="getaddrinfo did not answer in time")


def _first_two(prediction: Prediction, found: Lookup) -> PairReason | None:
    """The model's reason for the first two, where it has the order glibc gave."""
    model = tuple(plain(item.target.address) for item in prediction.items)
    given = reasons(prediction)
    return given[0] if given and model == found.addresses else None


def _go(name: str, targets: tuple[Target, ...], view: HostView, note: str = "") -> Answer:
    if not targets:
        found = Lookup(error=f"lookup {name}: no such host")
        return Answer("go", GO, found, native=False, note=note)
    order = go_order(targets, view)
    pair = None
    for decision in order.decisions:
        if decision.before.address != decision.after.address:
            pair = PairReason.of(decision)
            break
    return Answer("go", GO, Lookup(order.destinations), pair, native=False, note=note)


def hostname() -> str:
    """This machine's name, as kubelet asks for it."""
    return socket.gethostname()


def surroundings() -> Surroundings:
    """What a Go program on this machine looks at before it chooses its resolver."""
    try:
        nsswitch: str | None = Path("/etc/nsswitch.conf").read_text(errors="replace")
    except OSError:
        nsswitch = None
    return Surroundings(nsswitch, hostname(), Path("/etc/mdns.allow").exists())


def _as_go_finds(name: str, said: Names) -> tuple[Target, ...]:
    """Go's own resolver knows the hosts file and DNS, and no other service."""
    try:
        listed = hosts_file(Path("/etc/hosts").read_text(errors="replace"), name)
    except OSError:
        listed = ()
    if listed:
        return tuple(map(Target, listed))
    return go_targets(said.targets) if said.service in _DNS else ()


def on_this_host(name: str, timeout: float = 10.0) -> Gathered:
    """Look ``name`` up on this machine as it is; only reads. Raises LaneError, OSError."""
    from harness.glibcs import host
    from harness.kernel.netlink import Netlink
    from harness.kernel.observe import observe
    from harness.native.cffi_lane import CffiLane

    build = host()
    with CffiLane() as lane, lane.open() as session:
        native = session.lookup(Query(name, None, 0, _SOCK_STREAM, 0, _AI), timeout)
    said = ask(name)
    targets = _as_go_finds(name, said)
    netlink = Netlink()
    try:
        net = read_net(netlink)
        view = observe(netlink, dict.fromkeys((*said.targets, *targets)))
    finally:
        netlink.close()
    names = NameService({name.lower(): tuple(Target(one.address) for one in said.targets)})
    request = Request(name, None, 0, _SOCK_STREAM, 0, _AI)
    spoken = dialect(build.version, build.arch)
    conf = Path("/etc/gai.conf")
    prediction = predict(request, names, view, conf.read_bytes() if conf.exists() else None, spoken)
    who = f"glibc {build.version} {build.arch}"
    return Gathered(
        net, (_answer(who, native, prediction, said.note), _go(name, targets, view, said.note))
    )

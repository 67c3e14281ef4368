"""Asking the real resolvers for a node's name: in a scenario's sandbox, or on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from harness.compare.evidence import Evidence, LaneSpec, NamedGaiConf
from harness.compare.predict import Prediction, predict
from harness.compare.results import PairReason
from harness.compare.run import HostJob, collect
from harness.compare.verdict import prediction_for, reasons
from harness.kernel.netlink import Netlink
from harness.kubelet.addresses import plain
from harness.kubelet.report import ResolverAnswer
from harness.kubelet.resolver import Surroundings, hosts_file
from harness.kubelet.values import NameLookup, Net, NodeInterface
from harness.live.names import Answer as Names
from harness.live.names import ask
from harness.model.dialects import dialect
from harness.model.golang import go_order, go_targets
from harness.model.host import HostView, IPAddress, Target
from harness.model.lookup import NameService, Request
from harness.native.record import Answer as NativeAnswer
from harness.native.record import Crashed, Outcome, Query
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
    answers: tuple[ResolverAnswer, ...]


@dataclass(frozen=True, slots=True)
class _NodeJob:
    host: HostJob
    name: str


def in_scenario(loaded: LoadedScenario, lanes: Sequence[LaneSpec], name: str) -> Gathered:
    """Build a scenario's host and look ``name`` up there, on every glibc of ``lanes``.

    Raises SandboxUnavailable, SandboxError and LaneError as `harness.compare.run.run`.
    """
    asked = ScenarioLookup(name=name, family="unspec", socktype="stream", flags=GO_FLAGS)
    scenario = loaded.scenario.model_copy(update={"lookups": (asked,)})
    conf = NamedGaiConf(loaded.gai_conf_name, loaded.gai_conf)
    host = HostJob(scenario, (conf,), tuple(lanes), source=str(loaded.path))
    with Pool(1) as pool:
        (gathered,) = pool.run(_gather, _NodeJob(host, name))
    assert isinstance(gathered, Gathered)
    return gathered


def _gather(box: Box, job: _NodeJob) -> Iterator[Gathered]:
    ((evidences, _),) = collect(box, job.host)
    answers = [_cgo(evidence) for evidence in evidences]
    names = evidences[0].names
    targets = go_targets(_as_go_lists(names, job.name))
    answers.append(_go(job.name, targets, box.observe(targets)))
    with closing(Netlink()) as netlink:
        yield Gathered(read_net(netlink), tuple(answers))


def read_net(netlink: Netlink) -> Net:
    """The interfaces and route files of the caller's network namespace. Only reads.

    Parameters: ``netlink`` a socket in that namespace. Raises OSError.
    """
    addresses: dict[int, list[IPAddress]] = {}
    for row in netlink.addresses():
        # Go takes IFA_LOCAL where there is one: on a point-to-point link the own end
        if row.local or row.address:
            addresses.setdefault(row.index, []).append(row.own)
    interfaces = tuple(
        NodeInterface(
            name=link.name,
            addresses=tuple(addresses.get(link.index, ())),
            up=link.up,
            loopback=link.loopback,
            point_to_point=link.point_to_point,
        )
        for link in netlink.links()
    )
    return Net(interfaces, _text("/proc/net/route"), _text("/proc/net/ipv6_route"))


def _text(path: str) -> str | None:
    """The text of a file; None where it is not there or cannot be read."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return None


def _as_go_lists(names: NameService, name: str) -> tuple[Target, ...]:
    if names.kind == "nss":  # a name service Go's own resolver does not know
        return ()
    known = names.names.get(name.lower(), ())
    if names.kind == "dns":  # the two replies one after the other; only unreachable ones tie
        wanted = 4 if names.first_reply == "A" else 6
        known = tuple(sorted(known, key=lambda one: one.address.version != wanted))
    return known


def _cgo(evidence: Evidence) -> ResolverAnswer:
    prediction = prediction_for(evidence)
    return _answer(f"glibc {evidence.lane.glibc} {evidence.lane.arch}", evidence.native, prediction)


def _answer(who: str, native: Outcome, prediction: Prediction, note: str = "") -> ResolverAnswer:
    found = _looked_up(native)
    pair = _first_two(prediction, found)
    return ResolverAnswer("cgo", who, found, pair, native=True, note=note)


def _looked_up(outcome: Outcome) -> NameLookup:
    if isinstance(outcome, NativeAnswer):
        if outcome.error is not None:
            return NameLookup(error=outcome.error)
        return NameLookup(tuple(plain(ip_address(info.address)) for info in outcome.addrinfos))
    if isinstance(outcome, Crashed):
        return NameLookup(error=f"kubelet dies in getaddrinfo (signal {outcome.signal})")
    return NameLookup(error="getaddrinfo did not answer in time")


def _first_two(prediction: Prediction, found: NameLookup) -> PairReason | None:
    """The model's reason for the first two, where it has the order glibc gave."""
    model = tuple(plain(item.target.address) for item in prediction.items)
    given = reasons(prediction)
    return given[0] if given and model == found.addresses else None


def _go(name: str, targets: tuple[Target, ...], view: HostView, note: str = "") -> ResolverAnswer:
    if not targets:
        found = NameLookup(error=f"lookup {name}: no such host")
        return ResolverAnswer("go", GO, found, native=False, note=note)
    order = go_order(targets, view)
    between = (one for one in order.decisions if one.before.address != one.after.address)
    pair = next(map(PairReason.of, between), None)
    return ResolverAnswer("go", GO, NameLookup(order.destinations), pair, native=False, note=note)


def surroundings() -> Surroundings:
    """What a Go program on this machine looks at before it chooses its resolver."""
    nsswitch = _text("/etc/nsswitch.conf")
    return Surroundings(nsswitch, socket.gethostname(), Path("/etc/mdns.allow").exists())


def _as_go_finds(name: str, said: Names) -> tuple[Target, ...]:
    """Go's own resolver knows the hosts file and DNS, and no other service."""
    listed = hosts_file(_text("/etc/hosts") or "", name)
    if listed:
        return tuple(map(Target, listed))
    return go_targets(said.targets) if said.service in _DNS else ()


def on_this_host(name: str, timeout: float = 10.0) -> Gathered:
    """Look ``name`` up on this machine as it is; only reads. Raises LaneError, OSError."""
    from harness.glibcs import host
    from harness.kernel.observe import observe
    from harness.native.cffi_lane import CffiLane

    build = host()
    with CffiLane() as lane, lane.open() as session:
        native = session.lookup(Query(name, None, 0, _SOCK_STREAM, 0, _AI), timeout)
    said = ask(name)
    targets = _as_go_finds(name, said)
    with closing(Netlink()) as netlink:
        net = read_net(netlink)
        view = observe(netlink, dict.fromkeys((*said.targets, *targets)))
    names = NameService({name.lower(): tuple(Target(one.address) for one in said.targets)})
    request = Request(name, None, 0, _SOCK_STREAM, 0, _AI)
    conf = Path("/etc/gai.conf")
    text = conf.read_bytes() if conf.exists() else None
    prediction = predict(request, names, view, text, dialect(build.version, build.arch))
    who = f"glibc {build.version} {build.arch}"
    return Gathered(
        net, (_answer(who, native, prediction, said.note), _go(name, targets, view, said.note))
    )

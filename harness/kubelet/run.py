"""Asking the real resolvers for a node's name: in a scenario's sandbox, or on this host."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from harness.compare.evidence import Evidence, LaneSpec, NamedGaiConf
from harness.compare.live import read_names
from harness.compare.predict import request_for
from harness.compare.presence import PresenceRow
from harness.compare.results import PairReason
from harness.compare.run import HostJob, collect
from harness.compare.verdict import prediction_for, presence_of, reasons
from harness.glibcs import host
from harness.kernel.netlink import Netlink
from harness.kubelet.net import Net, NodeInterface
from harness.kubelet.report import ResolverAnswer
from harness.kubelet.resolver import Surroundings
from harness.live.machine import look, read_gai_conf
from harness.live.names import hosts_words
from harness.model import golang
from harness.model.golang_names import unmapped_target
from harness.model.host import HostView, IPAddress, Target
from harness.model.lookup import NameService, Request
from harness.native.cffi_lane import CffiLane
from harness.native.record import Answer, Crashed, Outcome
from harness.sandbox import Box, Pool
from harness.scenario import LoadedScenario, Scenario
from harness.scenario.schema import Host, Lookup
from harness.text.reading import text_of

# how a Go program built with cgo calls getaddrinfo: golang/go, src/net/cgo_unix.go and
# cgo_linux.go; it takes the answer as it comes, one address per addrinfo
_FLAGS = ("AI_CANONNAME", "AI_V4MAPPED", "AI_ALL")
_GO = "1.20"  # later ones would not rather ask glibc, whatever stands in nsswitch.conf


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a host says: its network and both resolvers' answers for one name."""

    net: Net
    answers: tuple[ResolverAnswer, ...]


def _asked(name: str) -> Lookup:
    return Lookup(name=name, flags=_FLAGS)


def in_scenario(
    loaded: LoadedScenario, lanes: Sequence[LaneSpec], name: str, pool: Pool | None = None
) -> Gathered:
    """Build a scenario's host and look ``name`` up there, on every glibc of ``lanes``.

    Raises SandboxUnavailable, SandboxError and LaneError as `harness.compare.run.run`.
    """
    scenario = loaded.scenario.model_copy(update={"lookups": (_asked(name),)})
    conf = NamedGaiConf(loaded.gai_conf_name, loaded.gai_conf)
    with Pool(1) if pool is None else nullcontext(pool) as sandboxes:
        job = HostJob(scenario, (conf,), tuple(lanes), source=str(loaded.path))
        (gathered,) = sandboxes.run(_gather, job)
    assert isinstance(gathered, Gathered)
    return gathered


def _gather(box: Box, job: HostJob) -> Iterator[Gathered]:
    ((evidences, _),) = collect(box, job)
    request, line = request_for(evidences[0].lookup), job.scenario.seen_hosts_line
    targets, error = _found_by_go(request, evidences[0].names, evidences[0].view, hosts_line=line)
    answers = [*map(_cgo, evidences), _go(targets, error, box.observe(targets))]
    with closing(Netlink()) as netlink:
        yield Gathered(read_net(netlink), tuple(answers))


def on_this_host(name: str) -> Gathered:
    """Look ``name`` up on this host as it is; only reads. Raises LaneError, OSError."""
    build, lookup = host(), _asked(name)
    request = request_for(lookup)
    with CffiLane() as lane, lane.open() as session:
        native = session.lookup(request)
    plain_view = look(own=True)
    said, names = read_names(request, plain_view)
    line = hosts_words(text_of("/etc/nsswitch.conf")) or ""
    lines = (text_of("/etc/hosts") or "").split("\n")
    files = {"hosts_line": line, "hosts": tuple(lines)}
    targets, error = _found_by_go(request, names, plain_view, **files)
    with closing(Netlink()) as netlink:
        net = read_net(netlink)
    view = look(tuple(dict.fromkeys((*said.targets, *targets))))
    spec = LaneSpec(build.version, build.arch, "cffi", build.origin)
    scenario = Scenario.model_construct(name="this host", host=Host(), lookups=(lookup,))
    conf = NamedGaiConf("own", read_gai_conf())
    by_glibc = _cgo(Evidence(scenario, lookup, conf, view, names, spec, native), said.note)
    failed = PresenceRow.unanswered(request, by_glibc.error)
    by_glibc = replace(by_glibc, presence=failed or by_glibc.presence)
    return Gathered(net, (by_glibc, _go(targets, error, view, said.note)))


def read_net(netlink: Netlink) -> Net:
    """The interfaces and route files of the caller's network namespace, of which ``netlink`` is
    a socket. Only reads. Raises OSError.
    """
    # Go takes IFA_LOCAL where there is one: on a point-to-point link the own end
    rows = [row for row in netlink.addresses() if row.local or row.address]
    interfaces = tuple(
        NodeInterface(
            link.name, tuple(row.own for row in rows if row.index == link.index),
            link.up, link.loopback, link.point_to_point,
        )
        for link in netlink.links()
    )  # fmt: skip
    return Net(interfaces, text_of("/proc/net/route"), text_of("/proc/net/ipv6_route"))


def _found_by_go(
    request: Request, names: NameService, view: HostView, **files: Any
) -> tuple[tuple[Target, ...], str | None]:
    """The addresses that Go's own resolver finds, by ``files`` (of `Etc`) as they are for Go; the
    error where it finds none.
    """
    names = replace(names, etc=replace(names.etc, **files))
    found = golang.find(request, names, view, _GO)
    why = "no such host" if found.error in (None, "EAI_NONAME") else "no DNS server answers"
    error = None if found.items else f"lookup {request.name}: {why}"
    return tuple(item.target for item in found.items), error


def _cgo(evidence: Evidence, note: str = "") -> ResolverAnswer:
    """glibc's answer, and the model's reason for the first two where it has the same order."""
    lane, prediction = evidence.lane, prediction_for(evidence)
    addresses, error = _looked_up(evidence.native)
    model = tuple(unmapped_target(item.target.address).address for item in prediction.items)
    given = reasons(prediction) if model == addresses else ()
    return ResolverAnswer(
        addresses,
        error,
        resolver="cgo",
        who=f"glibc {lane.glibc} {lane.arch}",
        native=True,
        first_two=given[0] if given else None,
        note=note,
        presence=presence_of(evidence),
        glibc=lane.glibc,
    )


def _looked_up(outcome: Outcome) -> tuple[tuple[IPAddress, ...], str | None]:
    if isinstance(outcome, Answer):
        if outcome.error is not None:
            return (), outcome.error
        addresses = (ip_address(info.address) for info in outcome.addrinfos)
        return tuple(unmapped_target(one).address for one in addresses), None
    if isinstance(outcome, Crashed):
        return (), f"kubelet dies in getaddrinfo (signal {outcome.signal})"
    return (), "getaddrinfo did not answer in time"


def _go(
    targets: tuple[Target, ...], error: str | None, view: HostView, note: str = ""
) -> ResolverAnswer:
    order = golang.order(targets, view)
    between = (one for one in order.decisions if one.before.address != one.after.address)
    return ResolverAnswer(
        order.destinations,
        error,
        resolver="go",
        who="Go's own resolver",
        native=False,
        first_two=next(map(PairReason.of, between), None),
        note=note,
    )


def surroundings() -> Surroundings:
    """What a Go program on this host looks at before it chooses its resolver."""
    return Surroundings(
        text_of("/etc/nsswitch.conf"),
        socket.gethostname(),
        Path("/etc/mdns.allow").exists(),
        resolv_conf=text_of("/etc/resolv.conf") or "",
    )

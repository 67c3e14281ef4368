"""``gai-harness kubelet``: the InternalIP a kubelet reports for its node, and what decides it."""

from __future__ import annotations

import argparse
import socket
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.cli.options import addresses, declare, option, shared
from harness.cli.parser import FINDING, OK, UsageError
from harness.cli.streams import content, write_json

if TYPE_CHECKING:
    from harness.kubelet.decide import Flags
    from harness.kubelet.node import NodeObject
    from harness.kubelet.resolver import Chosen, Resolver
    from harness.kubelet.run import Gathered
    from harness.scenario import LoadedScenario

_NODE_LIMIT = 1 << 26  # many a Node; etcd keeps no object above a few MiB


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``kubelet``."""
    declare(
        parser,
        shared("scenario",
               "a scenario or snapshot, or a name of the built-in library; this machine otherwise"),
        option("--node-name", "the machine's name, which becomes the node's (default: the Node"
               " object's, the scenario's first look-up, or this machine's)", metavar="NAME"),
        option("--hostname-override", "kubelet's flag", default="", metavar="NAME"),
        option("--node-ip", "kubelet's flag: an address, an IPv4 and an IPv6 one, or 0.0.0.0 or ::"
               " for a family", default="", metavar="A[,B]"),
        option("--family", "the preferred family: short for --node-ip 0.0.0.0 or ::",
               choices=("inet", "inet6")),
        option("--kubelet-version", "such as 1.17 (default: the Node object's, or a recent one)",
               metavar="V"),
        option("--resolver", "whom kubelet asks: glibc through cgo, Go's own resolver, or auto,"
               " which follows nsswitch.conf as a kubelet built with cgo does (default: cgo for a"
               " scenario, else auto)", choices=("auto", "cgo", "go")),
        shared("glibc", "with --scenario: as for run"),
        option("--node", "compare with a Node object: kubectl get node NAME -o json, the raw value"
               " etcd stores (etcdctl get --print-value-only), or etcdctl get -w json",
               metavar="FILE|-"),
        option("--want", "the InternalIP it should be (default: the one the default route gives)",
               metavar="A[,B]", type=addresses, default=()),
        shared("json"),
    )  # fmt: skip


def main(options: argparse.Namespace) -> int:
    """Predict, compare, suggest; 1 for an error, another record, or a wish not fulfilled."""
    from harness.kubelet.report import judge
    from harness.report.kubelet import as_text

    if options.family is not None:
        if options.node_ip:
            raise UsageError("--family: no --node-ip beside it was expected")
        options.node_ip = "0.0.0.0" if options.family == "inet" else "::"
    if options.scenario is None and options.glibc != "host":
        raise UsageError("--glibc: only with --scenario; this machine's own glibc answers here")
    node = None if options.node is None else _read_node(options)
    loaded = None if options.scenario is None else _load(options.scenario)
    flags = _flags(options, node, loaded)
    gathered, chosen = _gather(options, flags, loaded)
    source = "this machine" if loaded is None else loaded.scenario.name
    want = tuple(map(ip_address, options.want))
    report = judge(source, flags, gathered.net, chosen, gathered.answers, node, want)
    write_json(report) if options.json else sys.stdout.write(as_text(report))
    wrong = (
        report.error is not None
        or (report.recorded is not None and not report.recorded.as_predicted)
        or bool(want and report.addresses != want)
    )
    return FINDING if wrong else OK


def _read_node(options: argparse.Namespace) -> NodeObject:
    from harness.kubelet.node import NodeError, read_node

    data = content(options.node, _NODE_LIMIT, "--node ")
    try:
        return read_node(data, options.node_name)
    except NodeError as error:
        raise UsageError(f"--node {options.node}: {error}") from None


def _load(path: Path) -> LoadedScenario:
    from harness.compare.plan import load_scenarios

    loaded = load_scenarios([path])
    if len(loaded) != 1:
        raise UsageError(f"--scenario {path}: one scenario was expected")
    return loaded[0]


def _flags(
    options: argparse.Namespace, node: NodeObject | None, loaded: LoadedScenario | None
) -> Flags:
    from harness.kubelet.decide import NEWEST, Flags, parse_version
    from harness.scenario.schema import Lookup
    from harness.text.errors import InputError
    from harness.text.validation import validated

    name = options.node_name or (node.name if node is not None else None)
    if name is None and loaded is not None:
        name = next((one.name for one in loaded.scenario.lookups if one.name is not None), None)
        if name is None:
            raise UsageError("--node-name: this scenario looks no name up, so one was expected")
    text = options.kubelet_version or (node.kubelet_version if node is not None else "")
    try:
        version = parse_version(text) if text else NEWEST
    except ValueError as error:
        if options.kubelet_version:
            raise UsageError(f"--kubelet-version {error}") from None
        version = NEWEST
    flags = Flags(name or socket.gethostname(), options.hostname_override, options.node_ip, version)
    if not flags.name:
        raise UsageError("--hostname-override: a name was expected")
    try:
        validated(Lookup, {"name": flags.name}, "--node-name")
    except InputError as error:
        raise UsageError(f"the node's name: {error.reason}") from None
    return flags


def _gather(
    options: argparse.Namespace, flags: Flags, loaded: LoadedScenario | None
) -> tuple[Gathered, Chosen]:
    from harness.compare.plan import trusted_lanes
    from harness.kubelet.resolver import Chosen, Surroundings, choose_resolver
    from harness.kubelet.run import in_scenario, on_this_host, surroundings

    asked: Resolver | Literal["auto"] = options.resolver or ("auto" if loaded is None else "cgo")
    if loaded is None:
        around = surroundings()
        gathered = on_this_host(flags.name)
    else:
        around = Surroundings(f"hosts: {loaded.scenario.resolver}\n", flags.hostname)
        gathered = in_scenario(loaded, trusted_lanes(options.glibc, "auto"), flags.name)
    if asked == "auto":
        return gathered, choose_resolver(flags.name, around)
    own = choose_resolver(flags.name, around)
    why = "as asked" if options.resolver else "the default with a scenario"
    if asked == "cgo" and own.resolver == "go":
        why = f"{why}, although {own.why}"
    return gathered, Chosen(asked, why)

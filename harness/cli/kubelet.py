"""``gai-harness kubelet``: the InternalIP a kubelet reports for its node, and what decides it."""

import socket
import sys
from ipaddress import ip_address

from harness.cli.parser import FINDING, OK, Options, UsageError
from harness.cli.streams import content, say, write_json
from harness.cli.subjects import sorted_out
from harness.compare.plan import load_scenarios, trusted_lanes
from harness.kubelet.decide import NEWEST, Flags, StepName, node_ips, parse_version
from harness.kubelet.node import NodeError, NodeObject, read_node
from harness.kubelet.report import judge
from harness.kubelet.resolver import Chosen, Surroundings, choose_resolver
from harness.kubelet.run import Gathered, in_scenario, on_this_host, surroundings
from harness.report.kubelet import lines
from harness.report.terminal import Terminal
from harness.scenario import LoadedScenario, Scenario
from harness.scenario.schema import Host, Lookup
from harness.text.errors import InputError, show
from harness.text.validation import validated

_NODE_LIMIT = 1 << 26  # many a Node; etcd keeps no object above a few MiB


def main(options: Options) -> int:
    """Predict, compare, suggest; 1 for an error, another record, a wish not fulfilled, or a name
    that nobody knows and that is not this host's.
    """
    if options.family is not None:
        if options.node_ip:
            raise UsageError("--family: no --node-ip beside it was expected")
        options.node_ip = "0.0.0.0" if options.family == "inet" else "::"
    scenarios, names = sorted_out(options.what, options.scenarios)
    for word in names:
        if options.node_name is not None:
            raise UsageError(f"{word}: no other name of the node beside it was expected")
        options.node_name = word
    if not scenarios and options.glibc != "host":
        raise UsageError("--glibc: only with a SCENARIO; this host's own glibc answers here")
    want = tuple(map(ip_address, options.want))
    node = None if options.node is None else _read_node(options)
    loaded: LoadedScenario | None = None
    if scenarios:
        loaded, *others = load_scenarios(scenarios)
        if others:
            raise UsageError(f"{' '.join(map(str, scenarios))}: one scenario was expected")
    flags = _flags(options, node, loaded)
    node_ips(",".join(map(str, want)), flags.version, "--want")
    gathered, chosen = _gather(options, flags, loaded)
    source = "this host" if loaded is None else loaded.scenario.name
    report = judge(source, flags, gathered.net, chosen, gathered.answers, node, want)
    if options.format == "json":
        write_json(report)
    else:
        Terminal().say_all(lines(report))
    called = socket.gethostname()
    asked = report.step in (StepName.LOOKUP, StepName.DEFAULT_ROUTE)
    unknown = loaded is None and asked and report.resolvers[0].error and flags.name != called
    if unknown:
        words = f"the name was not found; this host is called {show(called)}"
        say(f"{show(flags.name)}: {words}", sys.stderr)
    if asked and loaded is not None and (own := _not_looked_up(loaded.scenario)):
        words = "which it does not look up; a snapshot of that name has what a kubelet is answered"
        say(f"{source}: its host is called {show(own)}, {words}", sys.stderr)
    wrong = (
        report.error is not None
        or unknown
        or (report.recorded is not None and not report.recorded.as_predicted)
        or bool(want and report.addresses != want)
    )
    return FINDING if wrong else OK


def _not_looked_up(scenario: Scenario) -> str:
    """The name of a scenario's host, where it is given and no look-up is of it."""
    own = scenario.host.hostname
    looked_up = own == Host().hostname or any(own == one.name for one in scenario.lookups)
    return "" if looked_up else own


def _read_node(options: Options) -> NodeObject:
    data = content(options.node, _NODE_LIMIT, "--node ")
    try:
        return read_node(data, options.node_name)
    except NodeError as error:
        raise UsageError(f"--node {options.node}: {error}") from None


def _flags(options: Options, node: NodeObject | None, loaded: LoadedScenario | None) -> Flags:
    name = options.node_name or (node.name if node is not None else None)
    if name is None and loaded is not None:
        names = [one.name for one in loaded.scenario.lookups if one.name is not None]
        if not names:
            raise UsageError("--node-name: this scenario looks no name up, so one was expected")
        own = loaded.scenario.host.hostname
        name = own if own in names else names[0]
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
    options: Options, flags: Flags, loaded: LoadedScenario | None
) -> tuple[Gathered, Chosen]:
    if loaded is None:
        around = surroundings()
        gathered = on_this_host(flags.name)
    else:
        around = Surroundings.of(loaded.scenario, flags.hostname)
        gathered = in_scenario(loaded, trusted_lanes(options.glibc, "auto"), flags.name)
    own = choose_resolver(flags.name, around)
    if options.resolver in (None, "auto"):
        return gathered, own
    although = f", although {own.why}" if options.resolver == "cgo" and own.resolver == "go" else ""
    return gathered, Chosen(options.resolver, f"as asked{although}")

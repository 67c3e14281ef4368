"""Random scenarios, and what runs inside a sandbox: its /etc is private, all else the machine's."""

import io
import re
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout, suppress
from ctypes import CDLL
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any

from pyroute2 import IPRoute  # type: ignore[import-untyped]

from harness.cli.main import main as cli
from harness.compare.explain import Explanation
from harness.compare.live import explain_live
from harness.compare.run import HostJob, collect, set_names
from harness.kernel.netlink import Netlink
from harness.live.address_map import AddressMap
from harness.live.host import Snapshot, snapshot
from harness.live.name_service import read
from harness.native.worker_lane import bundled_module
from harness.sandbox import Box
from harness.scenario import LoadedScenario, Scenario
from harness.scenario.fuzz import draw_batch, scenario_of
from harness.scenario.fuzz.weights import Dice
from harness.scenario.schema import Host, Lookup
from tests.sandbox.kit import host as host_of

_LINKS = "bridge", "bond", "vlan", "macvlan", "wireguard", "tun", "veth", "dummy", "vxlan"
_MARKS = {"not": True, "fwmark": "0x1f"}, {"table": 254, "suppress_prefixlength": 0}


def drawn(seed: int) -> Scenario:
    """A scenario as the fuzzer draws it, with what a snapshot copies and no answer depends on."""
    batch, dice = draw_batch(seed, 0), Dice(f"gai-harness fuzz {seed} 1")
    # plain ones: a snapshot asks for each name without hints
    names = {
        name: [text for text in batch.names[name] if "::ffff:" not in text] for name in batch.names
    }
    lookups = [Lookup(name=name) for name in names if names[name]][:2]
    conf = next((r.gai_conf for r in batch.rounds if r.gai_conf and len(r.gai_conf) < 4096), None)
    raw = scenario_of(batch, conf, lookups, f"drawn-{seed}").model_dump(by_alias=True)
    raw["names"] = {each.name: names[each.name or ""] for each in lookups}
    # of the module this process finds only the one that gives both families at once
    raw["resolver"] = raw["resolver"].removesuffix("_by_family")
    for name, interface in raw["host"]["interfaces"].items():
        if interface["kind"] == "ethernet" and name != "lo" and dice.chance(0.3):
            interface["kind"] = dice.one(_LINKS)
        for number, address in enumerate(interface["addresses"]):
            if dice.chance(0.1):
                address["metric"] = dice.randint(1, 5000)
            if ":" not in address["address"] and dice.chance(0.1):
                address["label"] = f"{name}:{number}"
    # the kernel makes such routes itself, so that a copy of one is there already
    raw["host"]["routes"] = [
        route for route in raw["host"]["routes"] if route["type"] not in ("local", "broadcast")
    ]
    for rule in raw["host"]["rules"]:
        rule |= dice.one(_MARKS) if rule["type"] == "unicast" and dice.chance(0.4) else {}
    return Scenario.model_validate(raw)


def explain_all(box: Box, loaded: LoadedScenario) -> Iterator[Explanation]:
    """Explain every look-up of a scenario as if the sandbox were the live machine."""
    scenario = loaded.scenario
    box.build(scenario.host)
    set_names(box, scenario)
    box.set_gai_conf(loaded.gai_conf)
    answers = read([*scenario.names], {}).answers.values()
    assert {one.service for one in answers} <= {scenario.resolver}
    for lookup in loaded.scenario.lookups:
        yield explain_live(lookup.model_copy(update={"expect": ()}))


# (glibc, name) -> the addresses in order or the error
Orders = dict[tuple[str, str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Seen:
    """The native orders, and the source the kernel has for each destination."""

    orders: Orders
    sources: dict[str, str]


def looked_up(box: Box, spec: tuple[HostJob, bool]) -> Iterator[Seen | LoadedScenario]:
    """Yield what is seen of a host's look-ups, and a snapshot of it if one is asked for."""
    job, take = spec
    orders: Orders = {}
    sources: dict[str, str] = {}
    for evidences, _ in collect(box, job):
        for one in evidences:
            items = getattr(one.native, "addrinfos", ())
            key = (one.lane.build or one.lane.glibc, one.lookup.name or "")
            orders[key] = tuple(str(ip_address(str(item.address))) for item in items) or (
                repr(one.native)[:99],
            )
            sources |= {str(target): str(route) for target, route in one.view.routes.items()}
    yield Seen(orders, sources)
    if take:
        yield _shot(job.scenario.names)


def _shot(names: Iterable[str]) -> Snapshot:
    """A snapshot of the sandbox, where the name service module is found as it is loaded."""
    CDLL(str(bundled_module()))
    with closing(Netlink()) as sock:
        return snapshot([*names], sock)


def words_through(made: AddressMap) -> Callable[[str], str]:
    """A function that replaces every address in a text by its new one."""

    def new(match: re.Match[str]) -> str:
        with suppress(ValueError):
            return str(made.address(ip_address(match[0])))
        return match[0]

    return partial(re.compile(r"[0-9a-f:.]*[.:][0-9a-f:.]*").sub, new)


def changed(box: Box, spec: object) -> Iterator[Any]:
    """A host changed by hand in ways no scenario has words for."""
    box.build(Host.model_validate(host_of({"eth0": "10.1.0.2/24"})))
    with IPRoute() as ip:
        (eth0,), (lo,) = (ip.link_lookup(ifname=name) for name in ("eth0", "lo"))
        ip.route("del", dst="10.1.0.0/24", oif=eth0, scope="link")
        ip.route("add", dst="10.7.0.0/16", oif=eth0, scope="link")
        ip.route("append", dst="10.7.0.0/16", oif=lo, scope="link")
        ip.route("add", dst="10.8.0.0/16", oif=eth0, scope="link", tos=0x10)
        ip.addr("add", address="239.1.1.1", prefixlen=32, index=eth0)
        ip.rule("add", priority=10, ip_proto=socket.IPPROTO_UDP, dport_range="53:53", table=100)
        ip.rule("add", priority=11, tos=0x10, table=100)
        ip.rule("add", priority=12, uid_range="0:0", table=100)
        ip.rule("add", priority=13, iifname="away0", table=100)
    yield None
    box.set_names({"n": ["192.0.2.1"]}, "files")
    yield _shot("n")


def zoned(box: Box, spec: object) -> Iterator[Any]:
    """A name whose first address has a zone."""
    box.build(Host.model_validate(host_of({"eth0": "fe80::2/64"})))
    yield None
    scoped = f"fe80::9%{socket.if_nametoindex('eth0')}"
    box.set_names({"n": [scoped, "192.0.2.1"]}, "nss")
    yield _shot("n")


# a mark for each place of a host that can hold a text; addresses have marks of their own
MARK = "qzx"
FOREIGN = "2a02:beef:"


def marked(box: Box, spec: list[str]) -> Iterator[tuple[int, str, str]]:
    """What ``snapshot`` writes, and says, of a host whose every text is marked."""
    labelled = {"address": "93.184.216.77/24", "label": f"{MARK}0:{MARK}"}
    hops = [{"via": f"93.184.216.{each}", "dev": f"{MARK}0"} for each in (1, 2)]
    marked_host = host_of(
        {f"{MARK}0": {"addresses": [labelled, f"{FOREIGN}1::77/64", "fe80::beef:7/64"]},
         f"{MARK}1.7": "dummy 10.77.3.9/24", f"{MARK}-v": "bridge", f"{MARK}t": "sit",
         "eth0": "192.168.77.9/24"},
        [f"0.0.0.0/0 via 93.184.216.1 dev {MARK}0",
         f"{FOREIGN}9::/48 via fe80::beef:1 dev {MARK}0", "8.131.77.0/24 type unreachable",
         {"to": "0.0.0.0/0", "metric": 9, "nexthops": hops}],
        [f"priority 7 from 93.184.216.77/32 oif {MARK}0 table 77"],
        addrlabels=[{"prefix": f"{FOREIGN}1::/64", "label": 9, "dev": f"{MARK}0"},
                    {"prefix": "::/0", "label": 1}],
        sysctls={f"net.ipv6.conf.{MARK}0.use_tempaddr": 2,
                 f"net.ipv4.conf.{MARK}1.7.route_localnet": 1},
    )  # fmt: skip
    box.build(Host.model_validate(marked_host))
    for command in (
        f"link property add dev {MARK}0 altname {MARK}-alternative-name",
        f"link set dev {MARK}0 alias {MARK}-alias",
        f"addr add 93.184.217.5/24 dev eth0 label {MARK}",
        f"rule add prio 13 iif {MARK}away table 100",
        f"rule add prio 14 not oif {MARK}gone table 100",
        "rule add prio 15 from 93.184.218.0/24 tos 0x10 table 100",
        f"route add 93.184.219.0/24 dev {MARK}0 tos 0x10",
        f"route add 93.184.220.0/24 dev {MARK}t",
        f"route append 93.184.219.0/24 dev {MARK}0",
        "route append 93.184.219.0/24 dev eth0",
    ):
        subprocess.run(["ip", *command.split()], check=True, capture_output=True)
    (box.etc / "hosts").write_text(
        f"93.184.216.99 {MARK}.example {MARK}alias # {MARK} comment\n"
        f"{FOREIGN}5::99 {MARK}.example\n10.77.3.10 {MARK}.example\n"
    )
    (box.etc / "gai.conf").write_text(
        f"# {MARK}\nlabel {FOREIGN}5::/64 7 {MARK}\n{MARK} ::/0 5\nprecedence {MARK} 10\n"
        f"scopev4 ::ffff:93.184.216.0/{MARK} 5\nreload {MARK}\nprecedence ::/0 40{MARK}\n"
    )
    (box.etc / "resolv.conf").write_text(f"nameserver 93.184.216.98\nsearch {MARK}.corp\n")
    (box.etc / "nsswitch.conf").write_text(f"hosts: files {MARK}service\n")
    socket.sethostname(f"{MARK}-host")
    for words in spec:
        yield called("snapshot", *words.split())


def called(*words: str) -> tuple[int, str, str]:
    """A command's status, and what it writes to both streams."""
    out, said = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(said):
        status = cli(words)
    return status, out.getvalue(), said.getvalue()


def explained(box: Box, spec: list[str]) -> Iterator[tuple[int, str, str]]:
    """What ``explain`` writes on a host whose name web has an address of each family."""
    six = {"address": "2001:db8::2/64", "flags": ["tentative"] if "tentative" in spec else []}
    eth0 = {"addresses": ["10.1.0.2/24", six]}
    box.build(Host.model_validate({"interfaces": {"eth0": eth0}}))
    box.set_names({"web": ["10.1.0.9", "2001:db8::9"]}, "files")
    for words in (one for one in spec if one != "tentative"):
        yield called("explain", *words.split())

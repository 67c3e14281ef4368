"""Hosts made at random, and what real Go programs say inside a sandbox with one of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.kubelet.net import Net, plain
from harness.kubelet.run import read_net
from harness.model.host import HostView, Target
from harness.model.standards import go_targets
from harness.native.cffi_lane import CffiLane
from harness.native.record import Answer, Query
from harness.scenario.fuzz import draw_batch
from harness.scenario.schema import Dns, Host, Lookup, Scenario

if TYPE_CHECKING:
    from harness.sandbox import Box

# as Go's cgo calls getaddrinfo: SOCK_STREAM, AI_CANONNAME | AI_V4MAPPED | AI_ALL
GO_HINTS: dict[str, Any] = {"socktype": 1, "flags": 0x2 | 0x8 | 0x10}


Orders = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Programs:
    """The test's Go program, built with cgo and without."""

    cgo: Path
    pure: Path


@dataclass(frozen=True, slots=True)
class Said:
    """What everybody says of one host's names.

    The orders are by name; an error is an empty order.
    """

    net: Net
    view: HostView
    glibc: Orders
    cgo: Orders
    pure: Orders
    go_debug: Orders
    left_alone: Orders


@dataclass(frozen=True, slots=True)
class Ask:
    """A scenario's host and the programs to run there."""

    scenario: Scenario
    gai_conf: bytes | None
    programs: Programs


def furnish(box: Box, scenario: Scenario, gai_conf: bytes | None) -> None:
    box.build(scenario.host)
    box.set_names(scenario.names, scenario.resolver, scenario.dns.first_reply)
    box.set_gai_conf(gai_conf)


def ask_everybody(box: Box, ask: Ask) -> Iterator[Said]:
    """Inside a sandbox: every name of the scenario, by glibc and by real Go."""
    from harness.kernel.netlink import Netlink

    furnish(box, ask.scenario, ask.gai_conf)
    names = list(ask.scenario.names)
    with CffiLane() as lane, lane.open() as session:
        answers = [session.lookup(Query(name, **GO_HINTS)) for name in names]
    glibc = {
        name: tuple(str(plain(ip_address(info.address))) for info in answer.addrinfos)
        for name, answer in zip(names, answers, strict=True)
        if isinstance(answer, Answer)
    }
    listed = [Target(ip_address(text)) for name in names for text in ask.scenario.names[name]]
    yield Said(
        net=read_net(Netlink()),
        view=box.observe(go_targets(listed)),
        glibc=glibc,
        cgo=run_go(ask.programs.cgo, names, "netdns=cgo"),
        pure=run_go(ask.programs.pure, names),
        go_debug=run_go(ask.programs.cgo, names, "netdns=go"),
        left_alone=run_go(ask.programs.cgo, names),
    )


def run_go(program: Path, names: list[str], debug: str = "") -> Orders:
    done = go_process(program, names, debug)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["name"]: tuple(one["addresses"]) for one in found}


def go_process(
    program: Path, arguments: list[str], debug: str = ""
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GODEBUG": debug}
    return subprocess.run(
        [str(program), *arguments],
        capture_output=True, text=True, check=True, env=environment, timeout=60,
    )  # fmt: skip


def random_host(seed: int) -> Scenario:
    """A host and names as the fuzzer draws them, in forms that a hosts file and DNS can hold."""
    batch = draw_batch(seed, 0)
    plain = {
        f"{name}.example": tuple(dict.fromkeys(t for t in texts if not re.search("%|::ffff:", t)))
        for name, texts in list(batch.names.items())[:12]
    }
    names = {name: texts for name, texts in plain.items() if texts}
    lookups = (Lookup(name=next(iter(names))),)
    if seed % 2:
        return Scenario(name=batch.title, host=batch.host, names=names, lookups=lookups)
    dns = Dns(first_reply="A" if seed % 4 else "AAAA")
    return Scenario(
        name=batch.title, host=batch.host, names=names, lookups=lookups, resolver="dns", dns=dns
    )


@dataclass(frozen=True, slots=True)
class Choices:
    """nsswitch.conf files, names to look up under each, and the program built with cgo."""

    nsswitch: tuple[str, ...]
    names: tuple[str, ...]
    program: Path


def chosen_by_go(box: Box, choices: Choices) -> Iterator[dict[str, str]]:
    """Inside a sandbox: the order a real Go program names for each name, per nsswitch.conf."""
    box.set_names({}, "files")
    for text in choices.nsswitch:
        (box.etc / "nsswitch.conf").write_text(text)
        # modules named here are not installed: what is looked up fails, the choice is made before
        said = go_process(choices.program, list(choices.names), "netdns=2").stderr
        yield dict(re.findall(r"hostLookupOrder\((\S*)\) = (\S+)", said))


class Stored(NamedTuple):
    """What to store in a real etcd server, and a folder for its data."""

    value: bytes
    folder: Path
    server: str
    client: str


def through_etcd(box: Box, stored: Stored) -> Iterator[dict[str, bytes]]:
    """Inside a sandbox: write a value to a real etcd on its loopback and read it back."""
    box.build(Host())
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    server = subprocess.Popen(
        [
            stored.server, "--data-dir", str(stored.folder / "data"), "--name", "one",
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"one={peer}",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "ETCD_UNSUPPORTED_ARCH": os.uname().machine},
    )  # fmt: skip
    key = "/registry/minions/node-1"

    def etcdctl(*arguments: str, value: bytes = b"") -> bytes:
        return subprocess.run(
            [stored.client, "--endpoints", client, *arguments],
            input=value, capture_output=True, check=True, timeout=30,
            env={**os.environ, "ETCDCTL_API": "3"},
        ).stdout  # fmt: skip

    try:
        for _ in range(100):
            if server.poll() is not None:
                raise RuntimeError("etcd has ended")
            try:
                etcdctl("endpoint", "health")
                break
            except subprocess.CalledProcessError:
                time.sleep(0.2)
        etcdctl("put", key, value=stored.value)
        yield {
            "value": etcdctl("get", key, "--print-value-only"),
            "json": etcdctl("get", key, "-w", "json"),
        }
    finally:
        server.kill()
        server.wait()

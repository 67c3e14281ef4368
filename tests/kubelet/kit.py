"""Hosts made at random, and what real Go programs say inside a sandbox with one of them."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.kubelet.net import Net
from harness.kubelet.run import read_net
from harness.model.host import HostView, Target
from harness.model.standards import go_targets
from harness.native.cffi_lane import CffiLane
from harness.native.record import Answer, Query
from harness.scenario.schema import Host, Scenario

if TYPE_CHECKING:
    from harness.sandbox import Box

# as Go's cgo calls getaddrinfo: SOCK_STREAM, AI_CANONNAME | AI_V4MAPPED | AI_ALL
GO_HINTS: dict[str, Any] = {"socktype": 1, "flags": 0x2 | 0x8 | 0x10}


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
    glibc: dict[str, tuple[str, ...]]
    cgo: dict[str, tuple[str, ...]]
    pure: dict[str, tuple[str, ...]]
    go_debug: dict[str, tuple[str, ...]]
    left_alone: dict[str, tuple[str, ...]]


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
    glibc = {}
    for name, answer in zip(names, answers, strict=True):
        assert isinstance(answer, Answer)
        glibc[name] = tuple(_plain(info.address) for info in answer.addrinfos)
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


def run_go(program: Path, names: list[str], debug: str = "") -> dict[str, tuple[str, ...]]:
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


def _plain(text: str) -> str:
    address = ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


V4 = ("172.18.45.{}/24", "10.0.{}.5/16", "192.168.7.{}/25", "203.0.113.{}/28", "169.254.3.{}/16")
V6 = ("2001:db8:1::{:x}/64", "fd00:7::{:x}/64", "fe80::{:x}/64", "2002:c000:204::{:x}/48")
FAR4 = ("198.51.100.{}", "10.9.{}.1", "172.18.99.{}", "127.0.0.{}", "224.0.0.{}")
FAR6 = ("2001:db8:ffff::{:x}", "2a00:1450::{:x}", "2001:0:5ef5::{:x}", "fec0::{:x}", "fc00:9::{:x}")


def random_host(seed: int) -> Scenario:
    """A node: some interfaces, some default routes, names for addresses near and far."""
    pick = random.Random(seed)
    own: list[str] = []
    interfaces: dict[str, Any] = {}
    used: set[str] = set()
    kinds = pick.choice([("4",), ("4", "6"), ("4", "6"), ("6",)])
    for number in range(pick.randint(1, 3)):
        addresses: list[Any] = []
        for _ in range(pick.randint(0, 4)):
            text = pick.choice(V4 if pick.choice(kinds) == "4" else V6)
            address = text.format(pick.randint(1, 14))
            if pick.random() < 0.2:
                address = address.partition("/")[0] + ("/128" if ":" in address else "/32")
            plain = address.partition("/")[0]
            if plain in used:
                continue
            used.add(plain)
            own.append(plain)
            flags = ["deprecated"] if pick.random() < 0.1 else []
            addresses.append({"address": address, "flags": flags})
        interfaces[f"eth{number}"] = {"addresses": addresses}
    routes: list[dict[str, Any]] = []
    for name, interface in interfaces.items():
        families = {":" in one["address"] for one in interface["addresses"]}
        for six in families:
            if pick.random() < 0.5:
                to = "::/0" if six else "0.0.0.0/0"
                routes.append(
                    {"to": to, "dev": name, "metric": pick.randint(1, 9) * 100 + len(routes)}
                )
    names = {}
    for number in range(8):
        count = pick.randint(1, 6)
        far = [
            text.format(pick.randint(1, 250)) for text in pick.sample(FAR4 + FAR6, k=min(count, 4))
        ]
        pool = own * 2 + far
        chosen = [pick.choice(pool) for _ in range(count)]
        names[f"node{number}.example"] = list(dict.fromkeys(chosen))
    resolver = pick.choice(["files", "dns"])
    document: dict[str, Any] = {
        "name": f"random-{seed}",
        "host": {"interfaces": interfaces, "routes": routes},
        "names": names,
        "resolver": resolver,
        "lookups": [{"name": "node0.example"}],
    }
    if resolver == "dns":
        document["dns"] = {"first_reply": pick.choice(["A", "AAAA"])}
    return Scenario.model_validate(document)


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


@dataclass(frozen=True, slots=True)
class Stored:
    """What to store in a real etcd server, and a folder for its data."""

    value: bytes
    folder: Path
    server: str
    client: str


def through_etcd(box: Box, stored: Stored) -> Iterator[dict[str, bytes]]:
    """Inside a sandbox: write a value to a real etcd on its loopback and read it back."""
    box.build(Host())
    client = "http://127.0.0.1:2379"
    peer = "http://127.0.0.1:2380"
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

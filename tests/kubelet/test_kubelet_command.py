"""``gai-harness kubelet`` as a user runs it: the four steps, records, remedies, wrong use."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Call
from tests.e2e.kit import start

LOOK_UP = "kubelet-look-up"
DIFFER = "kubelet-resolvers-differ"
ROUTE = "kubelet-default-route"
COMMAND = [sys.executable, "-P", "-m", "harness", "kubelet"]
AsJson = Callable[..., dict[str, Any]]


@pytest.fixture
def as_json(call: Call) -> AsJson:
    """Call it with kubelet's arguments, and the status expected; it gives the document."""

    def asked(*arguments: str | Path, status: int = 0) -> dict[str, Any]:
        done = call("kubelet", *arguments, "--json")
        assert done.status == status, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    return asked


def node(*internal: str, version: str = "", **more: Any) -> bytes:
    addresses = [{"type": "InternalIP", "address": text} for text in internal]
    addresses.append({"type": "Hostname", "address": "node-1"})
    status = {"addresses": addresses, "nodeInfo": {"kubeletVersion": version}}
    whole = {"kind": "Node", "metadata": {"name": "node-1"}, "status": status, **more}
    return json.dumps(whole).encode()


@pytest.mark.parametrize(("scenario", "options", "step", "expected"), [
    (LOOK_UP, ["--node-ip", "172.18.45.9"], "node-ip", "172.18.45.9"),
    (LOOK_UP, ["--hostname-override", "172.18.45.9"], "hostname", "172.18.45.9"),
    (LOOK_UP, [], "look-up", "172.18.45.3"),
    (ROUTE, [], "default-route", "192.168.50.10"),
    (ROUTE, ["--family", "inet6"], "default-route", "2001:db8:50::10"),
    (ROUTE, ["--hostname-override", "nobody"], "default-route", "192.168.50.10"),
])  # fmt: skip
def test_each_step_decides(
    as_json: AsJson, scenario: str, options: list[str], step: str, expected: str
) -> None:
    found = as_json("--scenario", scenario, *options)
    assert (found["step"], found["internal_ips"]) == (step, [expected])
    assert [one["name"] for one in found["resolvers"]] == ["go", "cgo"]
    for one in found["resolvers"]:
        assert (one["step"], one["internal_ips"]) == (step, [expected])
    assert found["steps"][-1]["decided"]


def test_the_resolvers_differ_and_the_output_says_so(call: Call, as_json: AsJson) -> None:
    done = call("kubelet", "--scenario", DIFFER)
    assert done.status == 0, done.err
    for words in (
        "the InternalIP depends on the resolver", "InternalIP: 172.18.45.3",
        "InternalIP with it: 172.18.45.9", "rule 9", "rule 10",
    ):  # fmt: skip
        assert words in done.out
    # a file of "hosts: files" is what Go understands itself, cgo or not
    for resolver, expected in {
        "go": "172.18.45.3",
        "auto": "172.18.45.3",
        "cgo": "172.18.45.9",
    }.items():
        assert as_json("--scenario", DIFFER, "--resolver", resolver)["internal_ips"] == [expected]


def test_one_node_written_two_ways_has_one_resolver(as_json: AsJson, tmp_path: Path) -> None:
    host = """
name: my-node
host: {interfaces: {eth0: {addresses: [172.18.45.6/24, 172.31.80.8/16]}}}
lookups: [{name: node-1}]
"""
    short, whole, module = (tmp_path / f"{name}.yaml" for name in ("short", "whole", "module"))
    short.write_text(f"{host}names: {{node-1: [172.31.80.8]}}\n")
    hosts = "name_service: {hosts: files, files: [172.31.80.8 node-1]}"
    whole.write_text(f"{host}{hosts}\n")
    module.write_text(f"{host}names: {{node-1: [172.31.80.8]}}\nresolver: nss\n")
    assert as_json(short)["resolver"] == as_json(whole)["resolver"]
    assert as_json(short)["resolver"]["name"] == "go"
    # a module of another name is what Go leaves to glibc
    assert as_json(module)["resolver"]["name"] == "cgo"


def test_without_a_wish_no_address_is_called_the_one_meant(
    call: Call, as_json: AsJson, tmp_path: Path
) -> None:
    """The default route's interface has a third address first, which nobody asked about."""
    file = tmp_path / "node.yaml"
    file.write_text("""
name: my-node
host:
  interfaces:
    eth0: {addresses: [172.18.45.2/24, 172.18.45.6/24, 172.31.80.8/32, 169.254.7.7/16]}
  routes: [{to: default, via: 172.18.45.1}]
names:
  node-1: [172.31.80.8, 172.18.45.6]
lookups: [{name: node-1}]
""")
    done = call("kubelet", file)
    assert done.status == 0
    assert "InternalIP: 172.31.80.8\n" in done.out
    assert "remedy" not in done.out
    assert "keeps it" not in done.out
    listed = "172.31.80.8 (eth0), 172.18.45.6 (eth0), 172.18.45.2 (eth0)\n"
    assert f"a kubelet may report: {listed}  if another was meant: --want ADDRESS" in done.out
    found = as_json(file)
    assert found["remedy"] is None
    assert [one["address"] for one in found["candidates"]] == [
        "172.31.80.8", "172.18.45.6", "172.18.45.2",
    ]  # fmt: skip
    wished = call("kubelet", file, "--want", "172.18.45.6")
    assert wished.status == 1
    assert "remedy: --node-ip 172.18.45.6; decided again" in wished.out
    assert "if another was meant" not in wished.out


def test_a_record_as_predicted() -> None:
    """A real start: the Node object comes through a pipe."""
    words = "--scenario", LOOK_UP, "--node", "-", "--want", "172.18.45.9", "--json"
    done = start(*COMMAND, *words, input=node("172.18.45.3").decode())
    assert done.returncode == 1  # as predicted, but not as wanted
    found = json.loads(done.stdout)
    assert found["recorded"] == {
        "internal_ips": ["172.18.45.3"], "as_predicted": True, "explanations": [],
    }  # fmt: skip
    assert found["remedy"] == {
        "node_ip": "172.18.45.9", "solves": True, "internal_ips": ["172.18.45.9"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("want", "status", "solves"),
    [("172.18.45.3", 0, True), ("172.18.45.9", 1, True), ("192.0.2.1", 1, False)],
)
def test_a_wish(as_json: AsJson, want: str, status: int, solves: bool) -> None:
    found = as_json("--scenario", LOOK_UP, "--want", want, status=status)
    assert found["remedy"]["solves"] is solves


@pytest.mark.parametrize(("scenario", "recorded", "words"), [
    (DIFFER, node("172.18.45.9"), ["with glibc", "kubelet reports it"]),
    (LOOK_UP, node("172.18.45.9"), [
        "is among the name's addresses", "what the default route gives",
        "--node-ip 172.18.45.9 reports it",
    ]),
    (LOOK_UP, node("10.0.0.1", spec={"providerID": "x://y"}),
     ["is on no interface of the host", "with a cloud provider"]),
    (LOOK_UP, node(), ["the Node has no InternalIP"]),
])  # fmt: skip
def test_another_record_is_explained(
    call: Call, tmp_path: Path, scenario: str, recorded: bytes, words: list[str]
) -> None:
    (tmp_path / "node").write_bytes(recorded)
    done = call("kubelet", "--scenario", scenario, "--node", tmp_path / "node")
    assert done.status == 1
    for each in words:
        assert each in done.out


def test_the_node_names_itself_and_its_version(as_json: AsJson, tmp_path: Path) -> None:
    file = tmp_path / "node.json"
    file.write_bytes(node("172.18.45.3", version="v1.17.4"))
    found = as_json("--scenario", LOOK_UP, "--node", file, "--node-ip", "::", status=1)
    assert found["node"] == "node-1"
    assert found["flags"]["version"] == "1.17"
    assert "unspecified" in found["error"]


@pytest.mark.parametrize("name", [(), ("--node-name", "localhost")])
def test_this_machine(name: tuple[str, ...]) -> None:
    """Real starts: the look-up forks a process with one thread that never called getaddrinfo."""
    done = start(*COMMAND, *name, "--json")
    assert done.returncode in (0, 1), done.stderr  # 1 where there is no default route
    found = json.loads(done.stdout)
    assert found["source"] == "this host"
    assert {one["name"] for one in found["resolvers"]} == {"cgo", "go"}
    assert len(found["steps"]) >= 3
    assert not name or found["step"] == "default-route"

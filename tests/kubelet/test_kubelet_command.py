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
    assert [one["name"] for one in found["resolvers"]] == ["cgo", "go"]
    for one in found["resolvers"]:
        assert (one["step"], one["internal_ips"]) == (step, [expected])
    assert found["steps"][-1]["decided"]


def test_the_resolvers_differ_and_the_output_says_so(call: Call, as_json: AsJson) -> None:
    done = call("kubelet", "--scenario", DIFFER)
    assert done.status == 0, done.err
    for words in (
        "the InternalIP depends on the resolver", "InternalIP: 172.18.45.9",
        "InternalIP with it: 172.18.45.3", "rule 9", "rule 10",
    ):  # fmt: skip
        assert words in done.out
    assert as_json("--scenario", DIFFER, "--resolver", "go")["internal_ips"] == ["172.18.45.3"]
    # a file of "hosts: files" is what Go understands itself, cgo or not
    assert as_json("--scenario", DIFFER, "--resolver", "auto")["internal_ips"] == ["172.18.45.3"]


def test_a_record_as_predicted() -> None:
    """A real start: the Node object comes through a pipe."""
    words = "--scenario", LOOK_UP, "--node", "-", "--json"
    done = start(*COMMAND, *words, input=node("172.18.45.3").decode(), check=True)
    found = json.loads(done.stdout)
    assert found["recorded"] == {
        "internal_ips": ["172.18.45.3"], "as_predicted": True, "explanations": [],
    }  # fmt: skip
    assert found["remedy"] == {
        "node_ip": "172.18.45.9", "solves": True, "internal_ips": ["172.18.45.9"],
    }  # fmt: skip


@pytest.mark.parametrize(("scenario", "recorded", "words"), [
    (DIFFER, node("172.18.45.3"), ["with Go's own resolver kubelet reports it"]),
    (LOOK_UP, node("172.18.45.9"), [
        "is among the name's addresses", "what the default route gives",
        "--node-ip 172.18.45.9 reports it",
    ]),
    (LOOK_UP, node("10.0.0.1", spec={"providerID": "x://y"}),
     ["is on no interface of this host", "with a cloud provider"]),
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


@pytest.mark.parametrize(
    ("want", "status", "solves"),
    [("172.18.45.3", 0, True), ("172.18.45.9", 1, True), ("192.0.2.1", 1, False)],
)
def test_a_wish(as_json: AsJson, want: str, status: int, solves: bool) -> None:
    found = as_json("--scenario", LOOK_UP, "--want", want, status=status)
    assert found["remedy"]["solves"] is solves


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


def test_a_name_that_nobody_knows_here_is_not_called_known(call: Call) -> None:
    said = call("kubelet", "zzz.invalid").out
    assert "look-up: zzz.invalid is not found" in said
    # without a DNS server to ask it is the other of the two
    assert "does not know zzz.invalid" in said or "EAI_AGAIN" in said
    assert "knows zzz.invalid" not in said

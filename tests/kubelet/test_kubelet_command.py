"""``gai-harness kubelet`` as a user runs it: the four steps, records, remedies, wrong use."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.kubelet import own_name
from harness.kubelet.own_name import not_from_glibc
from harness.kubelet.resolver import Surroundings, choose_resolver
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


@pytest.mark.parametrize(
    ("server", "why"), [("{}", "no such host"), ("{always: servfail}", "no DNS server answers")]
)
def test_a_name_that_is_not_there_and_servers_that_fail_are_two_things(
    as_json: AsJson, tmp_path: Path, server: str, why: str
) -> None:
    file = tmp_path / "node.yaml"
    file.write_text(f"""
name: my-node
host: {{interfaces: {{eth0: {{addresses: [172.18.45.2/24]}}}}}}
name_service: {{hosts: dns, dns: [{server}]}}
lookups: [{{name: node-1, expect: {{error: EAI_NONAME}}}}]
""")
    assert as_json(file, status=1)["resolvers"][0]["error"] == f"lookup node-1: {why}"


def test_the_host_s_own_name_is_the_node_s_whatever_else_is_looked_up(
    call: Call, as_json: AsJson, tmp_path: Path
) -> None:
    """A snapshot of several names has the host's own one anywhere among them."""
    file = tmp_path / "node.yaml"
    file.write_text("""
name: my-node
host:
  hostname: node-1
  interfaces: {eth0: {addresses: [172.18.45.2/24, 172.18.45.9/24]}}
names: {web: [172.18.45.2], node-1: [172.18.45.9]}
lookups: [{name: web}, {name: node-1}]
""")
    found = as_json(file)
    assert (found["node"], found["internal_ips"]) == ("node-1", ["172.18.45.9"])
    assert as_json(file, "web")["node"] == "web"
    assert call("kubelet", file).err == ""
    file.write_text(file.read_text().replace(", {name: node-1}", ""))
    for named in ((), ("node-1",)):  # a snapshot knows nothing of names that it was not taken of
        told = call("kubelet", file, *named).err
        assert told.startswith("my-node: its host is called 'node-1', which it does not look up")
    assert call("kubelet", file, "--node-ip", "172.18.45.9").err == ""


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
    mistyped = call("kubelet", file, "--want", "172.18.45.7")
    assert "172.18.45.7 does not help: with it InternalIP is none, " in mistyped.out


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
    # two of one family, as a cloud provider may record, are no --node-ip to try
    (LOOK_UP, node("172.18.45.3", "172.18.45.9"), ["172.18.45.3, 172.18.45.9"]),
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


# --- a look-up of the host's own name says when a kubelet would be answered by another

GO, CGO = "hosts: files dns\n", "hosts: files dns myhostname\n"
SAID = "'node-1' is the host's own name"
NODE = """
name: my-node
host:
  hostname: node-1
  interfaces: {eth0: {addresses: [172.18.45.6/24, 172.31.80.8/16]}}
name_service: {hosts: "HOSTS", files: [172.31.80.8 node-1 other, 172.18.45.6 node-1 other]}
lookups: [{name: node-1}, {name: other}]
"""


def test_the_page_says_who_answers() -> None:
    """What Go's own code chooses is held against this choice by test_go.py."""
    page = (Path(__file__).parents[2] / "docs/wrong-node-ip.md").read_text()
    rows = re.findall(r"^\| (`.+?) \| (glibc|Go)", page.partition("who answers")[2], re.M)
    assert len(rows) == 6
    for lines, who in rows:
        for line in re.findall("`(.+?)`", lines):
            chosen = choose_resolver("node-1", Surroundings(f"hosts: {line}\n", "node-1"))
            assert chosen.resolver == ("go" if who == "Go" else "cgo"), line


@pytest.mark.parametrize("name", ["node-1", "NODE-1.", "node-1.example.com"])
def test_go_answers_for_the_own_name(name: str) -> None:
    line = not_from_glibc(name, Surroundings(GO, "node-1"))
    assert line.startswith(f"'{name}' is the host's own name")
    assert "Go understands hosts: files dns and asks no getaddrinfo" in line
    assert line.endswith("whose answer gai-harness kubelet has")
    # the line is shown as it is
    usual = "hosts: compat # old\nhosts:  files [NOTFOUND=return]\tdns [UNAVAIL=continue] # mine\n"
    line = not_from_glibc(name, Surroundings(usual, "node-1"))
    assert "Go understands hosts: files [NOTFOUND=return] dns [UNAVAIL=continue] and" in line


def test_nothing_is_said_of_other_names_nor_where_go_asks_glibc() -> None:
    for name in ("node-2", "node-2.node-1", "localhost"):
        assert not not_from_glibc(name, Surroundings(GO, "node-1"))
    assert not not_from_glibc("node-1", Surroundings(CGO, "node-1"))


def test_explain_says_it_with_the_answer(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.setattr(own_name, "surroundings", lambda: Surroundings(GO, "localhost"))
    done = call("explain", "localhost")
    said = "'localhost' is the host's own name"
    assert (done.status, done.out.count(said)) == (0, 1)
    assert said not in done.err
    (found,) = json.loads(call("explain", "localhost", "--json").out)["explanations"]
    assert found["own_name"].startswith(said)


@pytest.mark.parametrize(("hosts", "times"), [("files dns", 1), ("files dns myhostname", 0)])
@pytest.mark.parametrize("command", [
    ["explain"], ["whatif", "--set", "reload no"], ["suggest", "--want", "172.18.45.6"],
])  # fmt: skip
def test_a_scenario_of_a_host_with_a_name_says_it(
    call: Call, tmp_path: Path, command: list[str], hosts: str, times: int
) -> None:
    file = tmp_path / "node.yaml"
    # as a snapshot has it: what the host's line is, whatever its copy asks
    line = f'{{nsswitch: "{hosts}", hosts: files,'
    file.write_text(NODE.replace('{hosts: "HOSTS",', line))
    name, *options = command
    own = call(name, file, "node-1", *options)
    assert (own.status, own.out.count(SAID)) == (0, times), own.err
    assert "own name" not in call(name, file, "other", *options).out
    document = json.loads(call(name, file, "node-1", *options, "--json").out)
    first = document.get("explanations") or document.get("suggestions")
    if first is None:
        first = document["changes"][0]["lookups"]
    assert (SAID in first[0]["own_name"]) == bool(times)

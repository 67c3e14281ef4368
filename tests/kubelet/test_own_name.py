"""A look-up of the host's own name says when a kubelet would be answered by another."""

import json
import re
from pathlib import Path

import pytest

from harness.kubelet import own_name
from harness.kubelet.own_name import not_from_glibc
from harness.kubelet.resolver import Surroundings, choose_resolver
from tests.conftest import Call

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

"""A look-up of the machine's own name says when a kubelet would be answered by another."""

import socket

import pytest

from harness.cli import suggest
from harness.kubelet import own_name
from harness.kubelet.own_name import not_from_glibc
from harness.kubelet.resolver import Surroundings
from tests.conftest import Call

GO, CGO = "hosts: files dns\n", "hosts: files dns myhostname\n"


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This host is node-1, whose nsswitch.conf is Debian's."""
    monkeypatch.setattr(socket, "gethostname", lambda: "node-1")
    monkeypatch.setattr(own_name, "surroundings", lambda: Surroundings(GO, "node-1"))
    return monkeypatch


@pytest.mark.parametrize("name", ["node-1", "NODE-1.", "node-1.example.com"])
def test_go_answers_for_the_own_name(node: pytest.MonkeyPatch, name: str) -> None:
    line = not_from_glibc(name)
    assert line.startswith(f"'{name}' is this host's own name")
    assert "Go understands hosts: files dns and asks no getaddrinfo" in line
    assert line.endswith("whose answer gai-harness kubelet has")


def test_nothing_is_said_of_other_names_nor_where_go_asks_glibc(node: pytest.MonkeyPatch) -> None:
    assert not any(map(not_from_glibc, ("node-2", "node-2.node-1", "localhost")))
    node.setattr(own_name, "surroundings", lambda: Surroundings(CGO, "node-1"))
    assert not not_from_glibc("node-1")


def test_explain_and_suggest_say_it(node: pytest.MonkeyPatch, call: Call) -> None:
    node.setattr(socket, "gethostname", lambda: "localhost")
    said = "'localhost' is this host's own name"
    done = call("explain", "localhost")
    assert (done.status, done.err.count(said)) == (0, 1)
    assert said not in call("explain", "seed-rule9-dual-stack").err
    node.setattr(suggest, "fulfil", lambda *_, **__: ())
    assert said in call("suggest", "localhost", "--want", "127.0.0.1").err

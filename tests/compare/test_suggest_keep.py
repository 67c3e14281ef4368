"""``suggest`` on real glibc: which look-up is meant, and what has to stay beside it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Call

YAML = """
name: mesh
host:
  interfaces:
    eth0: {addresses: [192.168.1.5/24, "fe80::5/64"]}
    tun0: {kind: tun, addresses: ["201:1:2:3::5/7"]}
  routes: [{to: default, via: 192.168.1.1}, {to: default, via: "fe80::1", dev: eth0}]
names:
  web: ["2a00:1450:4010:c05::8b", 64.233.162.138]
  mesh: [64.233.162.138, "200:aa::1"]
lookups:
  - {name: web}
  - {name: mesh}
  - {name: web, socktype: dgram}
  - {service: 80, flags: [AI_PASSIVE]}
"""
Suggested = Callable[..., Any]
FOUR, SIX, OWN = "64.233.162.138", "2a00:1450:4010:c05::8b", "200:aa::1"


@pytest.fixture
def suggested(tmp_path: Path, call: Call) -> Suggested:
    file = tmp_path / "mesh.yaml"
    file.write_text(YAML)

    def ask(*words: str, status: int = 0) -> Any:
        done = call("suggest", "--scenario", file, "--json", *words)
        assert done.status == status, done
        return json.loads(done.out)["suggestions"] if status < 2 else done.err

    return ask


HOST = """
name: my-node
host:
  interfaces: {eth0: {addresses: [172.18.45.6/24, 172.31.80.8/16]}}
  routes: [{to: default, via: 172.18.45.1}]
names: {node-1: [172.31.80.8, 172.18.45.6, "2001:db8::1"]}
lookups: [{name: node-1}]
gai_conf: |
  Precedence ::1/128 50
  scopev4 10.0.0.0/8 5
  scopev4 169.254.0.0/16 2
  scopev4 127.0.0.0/8 2
  reload Yes
"""


def test_the_file_is_written_and_what_else_it_does_is_said(call: Call, tmp_path: Path) -> None:
    """A wide prefix reaches more than the wish; broken lines stay, and both are told."""
    file, new = tmp_path / "my-node.yaml", tmp_path / "new.conf"
    file.write_text(HOST)
    done = call("suggest", file, "--want", "172.18.45.6", "-o", new)
    assert done.status == 0, done
    assert "precedence ::ffff:172.18.45.0/120 15\n" in done.out  # the network of eth0
    # 15 stands between the 10 of IPv4 and the 20 of ::/96
    assert "  also puts all of 172.18.45.0/24 before other IPv4\n" in done.out
    broken = "kept as it was, but not as it looks: lines 1 (GAI001), 5 (GAI007) of the present file"
    assert broken in done.out
    (found,) = json.loads(call("suggest", file, "--want", "172.18.45.6", "--json").out)[
        "suggestions"
    ]
    assert new.read_text() == found["gai_conf"]
    assert new.read_text().endswith("reload Yes\n")
    (changed,) = json.loads(call("whatif", file, "--gai-conf", new, "--json").out)["changes"]
    order = changed["lookups"][0]["results"][0]["after"]["native"]
    assert order[0] == "172.18.45.6"


def test_what_is_not_possible_is_not_written(call: Call, tmp_path: Path) -> None:
    file, new = tmp_path / "my-node.yaml", tmp_path / "new.conf"
    file.write_text(HOST)
    done = call("suggest", file, "--want", "2001:db8::1", "-o", new)  # there is no route to it
    assert done.status == 1
    assert "new.conf: not written" in done.err
    assert not new.exists()
    assert call("suggest", file, "--want", "172.18.45.6", "-o", tmp_path / "no" / "x").status == 2


def own(one: Any) -> list[str]:
    return [line["text"] for line in one["lines"] if not line["keeps_default"]]


def test_a_look_up_is_meant_by_name_number_or_title(suggested: Suggested) -> None:
    every = ("web", ["web", "web dgram"]), ("1", ["web"]), ("web dgram", ["web dgram"])
    for text, titles in every:
        found = suggested("--lookup", text, "--want", FOUR)
        assert [one["lookup"] for one in found] == titles
    (nameless,) = suggested("--lookup", ":80 AI_PASSIVE", "--want", "::")
    assert nameless["verified"]
    assert nameless["lookup"] == ":80 AI_PASSIVE"
    err = suggested("--want", FOUR, status=2)
    assert "(1 web, 2 mesh, 3 web dgram, 4 :80 AI_PASSIVE)" in err
    assert "--lookup 5: one of" in suggested("--lookup", "5", "--want", FOUR, status=2)
    assert "--keep nope: one of" in suggested(
        "--lookup", "1", "--want", FOUR, "--keep", "nope", status=2
    )


def test_what_is_kept(suggested: Suggested) -> None:
    (one,) = suggested("--lookup", "1", "--want", FOUR, "--keep", "mesh")
    assert own(one) == ["label 200::/7 8"]
    assert one["keeps"] == ["mesh"]
    assert [each["native"] for each in one["kept"]] == [[OWN, FOUR]]
    assert one["remedies"] == [
        f"take {SIX} out of the hosts file",
        "ask with AF_INET only, where the program can be told to",
    ]
    (one,) = suggested("--lookup", "1", "--want", FOUR, "--no-keep")
    # the fewest side effects first, and the shortest second: the same question is turned by both
    assert own(one) == ["label 200::/7 8"]
    assert one["elsewhere"]["lookups"] == ["web dgram"]
    assert own(one["shorter"]) == ["precedence ::ffff:0:0/96 45"]
    assert one["shorter"]["elsewhere"]["lookups"] == ["mesh", "web dgram"]
    assert [each["native"] for each in one["shorter"]["after"]] == [[FOUR, SIX]]
    assert not one["smallest"]
    (one,) = suggested("--lookup", "1", "--want", FOUR, "--keep", f"mesh={FOUR}")
    assert own(one) == ["precedence ::ffff:64.233.0.0/112 45"]
    assert own(one["shorter"]) == ["precedence ::ffff:0:0/96 45"]
    (one,) = suggested("--lookup", "1", "--want", FOUR, "--keep", "3", status=1)
    assert not one["possible"]


SERVICES = """
name: services
host:
  interfaces: {eth0: {addresses: [192.0.2.4/24, "2001:db8:1::4/64"]}}
  routes: [{to: default, via: 192.0.2.1}, {to: default, via: "2001:db8:1::1"}]
name_service:
  hosts: files dns
  files: ["203.0.113.9 web", "2001:db8:9::1 web"]
  dns: {names: {web: ["2001:db8:9::1"], mail: [192.0.2.77, 203.0.113.8]}}
lookups: [{name: web}, {name: mail}]
"""


def test_the_service_to_take_an_address_out_of_is_named(call: Call, tmp_path: Path) -> None:
    """web is answered by the hosts file, whatever DNS has; mail by DNS alone."""
    file = tmp_path / "services.yaml"
    file.write_text(SERVICES)
    done = call("suggest", file, "--lookup", "web", "--want", "203.0.113.9", "--keep", "mail")
    assert "  without gai.conf: take 2001:db8:9::1 out of the hosts file, or ask with AF_INET" in (
        done.out
    )
    # both orders of DNS replies were tried, and they gave the same
    assert done.out.count("  keeps mail: 192.0.2.77, 203.0.113.8\n") == 1
    done = call("suggest", file, "--lookup", "mail", "--want", "203.0.113.8")
    assert "  without gai.conf: take 192.0.2.77 out of the name's DNS records\n" in done.out


MISSING = """
name: missing
host:
  interfaces: {eth0: {addresses: [192.0.2.4/24]}}
  routes: [{to: default, via: 192.0.2.1}]
  sysctls: {net.ipv6.conf.all.disable_ipv6: 1}
names:
  localhost: [127.0.0.1, "::1"]
  thrice: [192.0.2.9, 192.0.2.10, 192.0.2.9]
  web: ["2001:db8:9::1", 203.0.113.9]
lookups:
  - {name: localhost, flags: [AI_ADDRCONFIG]}
  - {name: localhost, family: inet6, flags: [AI_ADDRCONFIG]}
  - {name: thrice}
  - {name: web}
"""


def test_why_an_address_cannot_be_had_and_how_often_it_comes(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "missing.yaml"
    file.write_text(MISSING)
    why = "AI_ADDRCONFIG: the host has no IPv6 address"
    for lookup, begin in (
        ("1", "--want ::1: one of"),
        ("2", "localhost inet6 AI_ADDRCONFIG: a look"),
    ):
        done = call("suggest", file, "--lookup", lookup, "--want", "::1")
        assert done.status == 2
        assert begin in done.err
        assert why in done.err
    done = call("suggest", file, "--lookup", "thrice", "--want", "192.0.2.10")
    assert ": 192.0.2.10, 192.0.2.9, 192.0.2.9\n" in done.out
    done = call("suggest", file, "--lookup", "web", "--want", "2001:db8:9::1")
    assert done.status == 1
    off = "IPv6, which is switched off by net.ipv6.conf.all.disable_ipv6=1"
    assert f"  what can:\n    {off}\n    a route to 2001:db8:9::1 and" in done.out

"""Tests of one's own code, on hosts that this one is not."""

from __future__ import annotations

import json
import socket
import sys

import pytest
from client import connect
from pyroute2 import IPRoute

pytestmark = pytest.mark.gai_namespaces

HOST = """
interfaces:
  eth0: {addresses: [172.18.45.2/24, 172.18.45.3/24, "2001:db8:1::2/64"]}
routes:
  - {to: default, via: 172.18.45.1}
"""


def test_the_client_passes_over_what_cannot_be_reached(gai_host):
    """The IPv6 address comes first, but this host has no route to it."""
    box = gai_host(HOST, names={"api": ["2001:db8:9::1", "172.18.45.3"]})

    def server_and_client():
        with socket.create_server(("172.18.45.3", 8080)):
            return connect("api", 8080)

    assert box.run(server_and_client) == "172.18.45.3"


def test_another_program_sees_the_same_host(gai_host):
    """Commands run in the host too; a fresh process reads its gai.conf in any case."""
    box = gai_host(HOST, names={"api": ["172.31.80.8", "172.18.45.6"]})
    code = (
        "import json, socket\n"
        "found = socket.getaddrinfo('api', 80, type=socket.SOCK_STREAM)\n"
        "print(json.dumps([one[4][0] for one in found]))\n"
    )
    done = box.command([sys.executable, "-P", "-c", code], timeout=20, check=True)
    assert json.loads(done.stdout) == ["172.18.45.6", "172.31.80.8"]


def lose_ipv6():
    """Take the IPv6 addresses of eth0 away."""
    with IPRoute() as ip:
        (eth0,) = ip.link_lookup(ifname="eth0")
        ip.flush_addr(index=eth0, family=socket.AF_INET6)


def test_rule_9_goes_with_the_last_ipv6_address(gai_host, gai_order):
    """A host can be changed, and asked for its order and the reasons at any time."""
    box = gai_host("hosts/node.gai.yaml")
    assert gai_order(box, "node-1").decisions[0].rule == 9
    box.run(lose_ipv6)
    found = gai_order(box, "node-1")
    assert found.native == ["172.31.80.8", "172.18.45.6"], str(found)
    assert found.decisions[0].rule == 10


@pytest.mark.gai_glibc("2.36", "2.41")
def test_the_upgrade_turns_the_order_round(gai_order):
    """The same question on two versions of glibc."""
    scenario = "hosts/drained-site.gai.yaml"
    before = gai_order(scenario, "api", glibc="2.36").native
    after = gai_order(scenario, "api", glibc="2.41").native
    assert before == ["198.51.100.9", "203.0.113.9"]
    assert after == list(reversed(before))

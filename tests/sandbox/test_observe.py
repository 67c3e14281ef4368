from ipaddress import ip_address

import pytest

from harness.model.host import Target
from harness.sandbox import Pool
from harness.scenario.schema import Host
from tests.sandbox import jobs
from tests.sandbox.kit import host

DUAL = {"eth0": "172.18.45.2/24 2001:db8:1::2/64"}
V4 = {"eth0": "172.18.45.2/24"}
GATES = ["default via 172.18.45.1", "default via 2001:db8:1::1"]
ALL = "0.0.0.0/0", "::/0"
HOSTS = {
    "nothing": host({}),
    "no-ipv6": host(V4, sysctls={"net.ipv6.conf.all.disable_ipv6": 1}),
    "ipv6-off-by-default": host(V4, GATES[:1], sysctls={"net.ipv6.conf.default.disable_ipv6": 1}),
    "dual": host(DUAL),
    "dual-default": host(DUAL, GATES),
    "ipv4-default": host(V4, GATES[:1]),
    "bindv6only": host(DUAL, GATES, sysctls={"net.ipv6.bindv6only": 1}),
    "unreachable": host(DUAL, [
        *GATES, "10.0.0.0/8 type unreachable", "198.51.100.0/24 type blackhole",
        "203.0.113.0/24 type prohibit", "2001:db8:a::/48 type unreachable",
        "2001:db8:b::/48 type blackhole", "2001:db8:c::/48 type prohibit",
    ]),
    "from": host(
        {"eth0": "172.18.45.2/24 10.1.1.1/32 2001:db8:1::2/64 2001:db8:7::7/128"},
        ["default via 172.18.45.1 from 10.1.1.1",
         "2001:db8:c::/48 via 2001:db8:1::1 from 2001:db8:7::7"],
    ),
    "secondary": host({"eth0": "10.0.0.5/24 10.0.0.9/24 10.0.1.3/24"}, ["default via 10.0.1.1"]),
    "peer": host({"eth0": "10.9.0.1/32>10.9.0.2/32 2001:db8:1::2/128>2001:db8:1::3/128"}),
    "link-local": host(
        {"eth0": "fe80::1/64 169.254.7.7/16", "eth1": "fe80::1/64 2001:db8:2::2/64"}
    ),
    "scopes": host(
        {"eth0": "fe80::a/64 fec0::a/64 fd00::a/64 2001:db8:1::2/64 2002:c000:201::a/64"},
        GATES[1:],
    ),
    "link-local-default": host({"eth0": "fe80::1/64"}, ["default via fe80::2 dev eth0"]),
    "metrics": host(
        {**DUAL, "eth1": "172.19.45.2/24 2001:db8:2::2/64"},
        [*(f"{gate} metric 200" for gate in GATES), "default via 172.19.45.1 metric 100",
         "default via 2001:db8:2::1 metric 100"],
    ),
    "device-routes": host({**V4, "eth1": ""}, [f"{each} dev eth1" for each in ALL]),
    "no-address-but-route": host({"eth0": ""}, [f"{each} dev eth0" for each in ALL]),
    "on-link": host(
        {"eth0": "10.1.1.1/32 2001:db8:1::2/128"},
        [f"default via {far} dev eth0 on-link true" for far in ("10.2.2.2", "2001:db8:2::2")],
    ),
    "deprecated": host({"eth0": "172.18.45.2/24+deprecated 2001:db8:1::2/64+deprecated "
                        "2001:db8:1::3/64+home 2001:db8:1::4/64"}, GATES),
    "optimistic": host({"eth0": "2001:db8:1::2/64+optimistic"}, GATES[1:]),
    "tunnels": host(
        {"sit1": "sit 10.5.0.1/24 2001:db8:5::1/64", "tun4": "tunnel 10.0.0.5/24",
         "tun6": "tunnel6 2001:db8:1::2/64 fe80::1/64"},
        ["::/0 dev tun6", "0.0.0.0/0 dev sit1"],
    ),
    "loopback-alias": host({"eth0": "127.0.0.5/32 10.0.0.1/8"}),
    "blackholed-default": host(DUAL, ["0.0.0.0/0 type blackhole", "::/0 type unreachable"]),
    "point-31": host({"eth0": "10.0.0.4/31 2001:db8:1::2/127"}),
    "down-to-site": host({"eth0": "fec0::1/64"}, ["default via fec0::2"]),
    "multicast-route": host({"eth0": "10.0.0.1/24 2001:db8:1::2/64"}, ["224.0.0.0/4 dev eth0"]),
}  # fmt: skip
_TARGETS = """
172.18.45.6 172.18.45.2 172.18.45.255 172.18.45.0 172.31.80.8 10.0.0.9 10.0.0.5 10.9.0.2
10.1.1.1 127.0.0.1 127.0.0.5 127.255.255.255 0.0.0.0 255.255.255.255 224.0.0.251 239.1.2.3
240.0.0.1 169.254.1.1 169.254.7.7 198.51.100.7 203.0.113.7 0.1.2.3
:: ::1 ::1%2 2001:db8:1::2 2001:db8:1::6 2001:db8:1:: 2001:db8:9::1 2001:db8:9::1%2
2001:db8:9::1%77 2001:db8:a::1 2001:db8:b::1 2001:db8:c::1 fe80::1 fe80::1%1 fe80::1%2
fe80::1%3 fe80::9%2 fe80::9%3 fe80::9%77 fec0::9 fd00::9 2002:c000:201::9
ff01::1 ff01::1%1 ff02::1 ff02::1%2 ff02::1%3 ff05::1 ff0e::1 ff0e::1%2
::ffff:172.18.45.6 ::ffff:10.0.0.9 ::ffff:255.255.255.255 ::ffff:0.0.0.0
::ffff:172.18.45.6%2 ::172.18.45.6 64:ff9b::1
"""
TARGETS = [
    Target(ip_address(text), int(scope or 0))
    for text, _, scope in (word.partition("%") for word in _TARGETS.split())
]


@pytest.mark.parametrize("name", HOSTS)
def test_a_route_is_what_a_connect_meets(pool: Pool, name: str) -> None:
    view, met = pool.run(jobs.connected, (Host.model_validate(HOSTS[name]), TARGETS))
    assert {str(t): r for t, r in view.routes.items()} == {str(t): r for t, r in met.items()}

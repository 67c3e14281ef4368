from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from harness.model.host import Target
from harness.sandbox import Pool
from harness.scenario.schema import Host
from tests.sandbox import jobs

DUAL = {"eth0": {"addresses": ["172.18.45.2/24", "2001:db8:1::2/64"]}}
V4 = {"eth0": {"addresses": ["172.18.45.2/24"]}}
GATES = [
    {"to": "default", "via": "172.18.45.1"},
    {"to": "default", "via": "2001:db8:1::1"},
]
HOSTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no-ipv6": {"sysctls": {"net.ipv6.conf.all.disable_ipv6": 1}, "interfaces": V4},
    "ipv6-off-by-default": {
        "sysctls": {"net.ipv6.conf.default.disable_ipv6": 1},
        "interfaces": V4,
        "routes": GATES[:1],
    },
    "dual": {"interfaces": DUAL},
    "dual-default": {"interfaces": DUAL, "routes": GATES},
    "ipv4-default": {"interfaces": V4, "routes": GATES[:1]},
    "bindv6only": {"interfaces": DUAL, "routes": GATES, "sysctls": {"net.ipv6.bindv6only": 1}},
    "unreachable": {
        "interfaces": DUAL,
        "routes": [
            *GATES,
            {"to": "10.0.0.0/8", "type": "unreachable"},
            {"to": "198.51.100.0/24", "type": "blackhole"},
            {"to": "203.0.113.0/24", "type": "prohibit"},
            {"to": "2001:db8:a::/48", "type": "unreachable"},
            {"to": "2001:db8:b::/48", "type": "blackhole"},
            {"to": "2001:db8:c::/48", "type": "prohibit"},
        ],
    },
    "from": {
        "interfaces": {
            "eth0": {
                "addresses": [
                    "172.18.45.2/24",
                    "10.1.1.1/32",
                    "2001:db8:1::2/64",
                    "2001:db8:7::7/128",
                ]
            }
        },
        "routes": [
            {"to": "default", "via": "172.18.45.1", "from": "10.1.1.1"},
            {"to": "2001:db8:c::/48", "via": "2001:db8:1::1", "from": "2001:db8:7::7"},
        ],
    },
    "secondary": {
        "interfaces": {"eth0": {"addresses": ["10.0.0.5/24", "10.0.0.9/24", "10.0.1.3/24"]}},
        "routes": [{"to": "default", "via": "10.0.1.1"}],
    },
    "peer": {
        "interfaces": {
            "eth0": {
                "addresses": [
                    {"address": "10.9.0.1/32", "peer": "10.9.0.2/32"},
                    {"address": "2001:db8:1::2/128", "peer": "2001:db8:1::3/128"},
                ]
            }
        }
    },
    "link-local": {
        "interfaces": {
            "eth0": {"addresses": ["fe80::1/64", "169.254.7.7/16"]},
            "eth1": {"addresses": ["fe80::1/64", "2001:db8:2::2/64"]},
        }
    },
    "scopes": {
        "interfaces": {
            "eth0": {
                "addresses": [
                    "fe80::a/64",
                    "fec0::a/64",
                    "fd00::a/64",
                    "2001:db8:1::2/64",
                    "2002:c000:201::a/64",
                ]
            },
        },
        "routes": [{"to": "default", "via": "2001:db8:1::1"}],
    },
    "link-local-default": {
        "interfaces": {"eth0": {"addresses": ["fe80::1/64"]}},
        "routes": [{"to": "default", "via": "fe80::2", "dev": "eth0"}],
    },
    "metrics": {
        "interfaces": {
            "eth0": {"addresses": ["172.18.45.2/24", "2001:db8:1::2/64"]},
            "eth1": {"addresses": ["172.19.45.2/24", "2001:db8:2::2/64"]},
        },
        "routes": [
            {"to": "default", "via": "172.18.45.1", "metric": 200},
            {"to": "default", "via": "172.19.45.1", "metric": 100},
            {"to": "default", "via": "2001:db8:1::1", "metric": 200},
            {"to": "default", "via": "2001:db8:2::1", "metric": 100},
        ],
    },
    "device-routes": {
        "interfaces": {
            "eth0": {"addresses": ["172.18.45.2/24"]},
            "eth1": {"addresses": []},
        },
        "routes": [
            {"to": "0.0.0.0/0", "dev": "eth1"},
            {"to": "::/0", "dev": "eth1"},
        ],
    },
    "no-address-but-route": {
        "interfaces": {"eth0": {}},
        "routes": [{"to": "0.0.0.0/0", "dev": "eth0"}, {"to": "::/0", "dev": "eth0"}],
    },
    "on-link": {
        "interfaces": {"eth0": {"addresses": ["10.1.1.1/32", "2001:db8:1::2/128"]}},
        "routes": [
            {"to": "default", "via": "10.2.2.2", "dev": "eth0", "on-link": True},
            {"to": "default", "via": "2001:db8:2::2", "dev": "eth0", "on-link": True},
        ],
    },
    "deprecated": {
        "interfaces": {
            "eth0": {
                "addresses": [
                    {"address": "172.18.45.2/24", "flags": ["deprecated"]},
                    {"address": "2001:db8:1::2/64", "flags": ["deprecated"]},
                    {"address": "2001:db8:1::3/64", "flags": ["home"]},
                    "2001:db8:1::4/64",
                ]
            }
        },
        "routes": GATES,
    },
    "optimistic": {
        "interfaces": {
            "eth0": {"addresses": [{"address": "2001:db8:1::2/64", "flags": ["optimistic"]}]}
        },
        "routes": GATES[1:],
    },
    "tunnels": {
        "interfaces": {
            "sit1": {"kind": "sit", "addresses": ["10.5.0.1/24", "2001:db8:5::1/64"]},
            "tun6": {"kind": "tunnel6", "addresses": ["2001:db8:1::2/64", "fe80::1/64"]},
            "tun4": {"kind": "tunnel", "addresses": ["10.0.0.5/24"]},
        },
        "routes": [{"to": "::/0", "dev": "tun6"}, {"to": "0.0.0.0/0", "dev": "sit1"}],
    },
    "loopback-alias": {
        "interfaces": {"eth0": {"addresses": ["127.0.0.5/32", "10.0.0.1/8"]}},
    },
    "blackholed-default": {
        "interfaces": DUAL,
        "routes": [{"to": "0.0.0.0/0", "type": "blackhole"}, {"to": "::/0", "type": "unreachable"}],
    },
    "point-31": {"interfaces": {"eth0": {"addresses": ["10.0.0.4/31", "2001:db8:1::2/127"]}}},
    "down-to-site": {
        "interfaces": {"eth0": {"addresses": ["fec0::1/64"]}},
        "routes": [{"to": "default", "via": "fec0::2"}],
    },
    "multicast-route": {
        "interfaces": {"eth0": {"addresses": ["10.0.0.1/24", "2001:db8:1::2/64"]}},
        "routes": [{"to": "224.0.0.0/4", "dev": "eth0"}],
    },
}
TARGETS = [
    Target(ip_address(text), scope)
    for text, scope in [
        ("172.18.45.6", 0),
        ("172.18.45.2", 0),
        ("172.18.45.255", 0),
        ("172.18.45.0", 0),
        ("172.31.80.8", 0),
        ("10.0.0.9", 0),
        ("10.0.0.5", 0),
        ("10.9.0.2", 0),
        ("10.1.1.1", 0),
        ("127.0.0.1", 0),
        ("127.0.0.5", 0),
        ("127.255.255.255", 0),
        ("0.0.0.0", 0),
        ("255.255.255.255", 0),
        ("224.0.0.251", 0),
        ("239.1.2.3", 0),
        ("240.0.0.1", 0),
        ("169.254.1.1", 0),
        ("169.254.7.7", 0),
        ("198.51.100.7", 0),
        ("203.0.113.7", 0),
        ("0.1.2.3", 0),
        ("::", 0),
        ("::1", 0),
        ("::1", 2),
        ("2001:db8:1::2", 0),
        ("2001:db8:1::6", 0),
        ("2001:db8:1::", 0),
        ("2001:db8:9::1", 0),
        ("2001:db8:9::1", 2),
        ("2001:db8:9::1", 77),
        ("2001:db8:a::1", 0),
        ("2001:db8:b::1", 0),
        ("2001:db8:c::1", 0),
        ("fe80::1", 0),
        ("fe80::1", 1),
        ("fe80::1", 2),
        ("fe80::1", 3),
        ("fe80::9", 2),
        ("fe80::9", 3),
        ("fe80::9", 77),
        ("fec0::9", 0),
        ("fd00::9", 0),
        ("2002:c000:201::9", 0),
        ("ff01::1", 0),
        ("ff01::1", 1),
        ("ff02::1", 0),
        ("ff02::1", 2),
        ("ff02::1", 3),
        ("ff05::1", 0),
        ("ff0e::1", 0),
        ("ff0e::1", 2),
        ("::ffff:172.18.45.6", 0),
        ("::ffff:10.0.0.9", 0),
        ("::ffff:255.255.255.255", 0),
        ("::ffff:0.0.0.0", 0),
        ("::ffff:172.18.45.6", 2),
        ("::172.18.45.6", 0),
        ("64:ff9b::1", 0),
    ]
]


@pytest.mark.parametrize("name", HOSTS)
def test_a_route_is_what_a_connect_meets(pool: Pool, name: str) -> None:
    host = Host.model_validate(HOSTS[name])
    view, met = pool.run(jobs.connected, (host, TARGETS))
    assert {str(t): r for t, r in view.routes.items()} == {str(t): r for t, r in met.items()}

"""Rules, tables, multipath, label rows, scopes and flags: built, and what they do to a source."""

from ipaddress import ip_address
from typing import Any

import pytest

from harness.model.host import Route, Target
from harness.sandbox import Pool, SandboxUnavailable
from harness.scenario.schema import Host
from tests.sandbox import jobs
from tests.sandbox.kit import Data
from tests.sandbox.kit import host as host_of

TWO = {"a": "10.1.0.2/24 2001:db8:a::2/64", "b": "10.2.0.2/24 2001:db8:b::2/64"}
TO_A = ["default via 10.1.0.1", "default via 2001:db8:a::1"]
TO_B = ["default via 10.2.0.1 table 100", "default via 2001:db8:b::1 table 100"]
FAR4, FAR6 = "192.0.2.9", "2001:db8:ffff::9"
TEMPORARY = ("2001:db8:a::2/64+mngtmpaddr", "2001:db8:a::7/64+temporary")


def sources(pool: Pool, host: dict[str, Any], *targets: str) -> list[str | None]:
    """The source the kernel has for each target, which real sockets confirm."""
    wanted = [Target(ip_address(text)) for text in targets]
    view, met = pool.run(jobs.connected, (Host.model_validate(host), wanted))
    found: list[Route] = [view.routes[target] for target in wanted]
    assert found == [met[target] for target in wanted]
    return [None if route.source is None else str(route.source) for route in found]


@pytest.mark.parametrize(
    ("rule", "taken"),
    [
        ({}, True),
        ({"to": "it"}, True),
        ({"from": "another"}, False),
        ({"ipproto": 17}, True),
        ({"ipproto": 6}, False),
        ({"fwmark": "0x5/0xff"}, False),
        ({"fwmark": "0x5/0xff", "not": True}, True),
        ({"iif": "lo"}, True),
        ({"iif": "a"}, False),
        ({"oif": "b"}, False),
    ],
    ids=str,
)
def test_a_rule_steers_where_it_matches(pool: Pool, rule: dict[str, Any], taken: bool) -> None:
    rules: list[str | dict[str, Any]] = []
    for family, far, other in (
        ("inet", f"{FAR4}/32", "10.9.0.0/16"), ("inet6", f"{FAR6}/128", "2001:db8:9::/48")
    ):  # fmt: skip
        ends = {"to": far, "from": other}
        also = {word: ends.get(word, value) for word, value in rule.items()}
        rules.append({"priority": 100, "table": 100, "family": family, **also})
    host = host_of(TWO, TO_A + TO_B, rules)
    expected = ["10.2.0.2", "2001:db8:b::2"] if taken else ["10.1.0.2", "2001:db8:a::2"]
    assert sources(pool, host, FAR4, FAR6) == expected


def test_multicast_leaves_by_the_first_interface_at_once(pool: Pool) -> None:
    """The kernel makes those routes in a work queue, which may be late on a busy machine."""
    for _ in range(25):
        assert sources(pool, host_of({"a": "", "b": TWO["b"]}), "ff0e::9") == [None]
    assert sources(pool, host_of({"a": TWO["a"], "b": ""}), "ff0e::9") == ["2001:db8:a::2"]


# a host, and the sources it gives for destinations
STEERED: dict[str, tuple[Data, dict[str, str | None]]] = {
    "wg-quick takes all but the local networks": (
        host_of(
            {**TWO, "wg0": "wireguard 10.200.0.2/32"},
            [*TO_A, "0.0.0.0/0 dev wg0 table 51820"],
            ["priority 32764 family inet table main suppress_prefixlength 0",
             "priority 32765 family inet not true fwmark 51820 table 51820"],
        ),
        {FAR4: "10.200.0.2", "10.2.0.9": "10.2.0.2"},
    ),
    # main has no default route: IPv6 chooses a source all the same, of all interfaces, and
    # with it finds the way of that source
    "a source that its own rules give a way": (
        host_of(TWO, TO_B, ["priority 100 from 10.2.0.0/24 table 100",
                            "priority 100 from 2001:db8::/32 table 100"]),
        {FAR4: None, FAR6: "2001:db8:a::2"},
    ),
    # IPv6 looks again only where it found no way at first
    "a source that its own rules stop": (
        host_of(TWO, TO_A, ["priority 100 from 10.1.0.0/24 type unreachable",
                            "priority 100 from 2001:db8:a::/64 type prohibit"]),
        {FAR4: None, FAR6: "2001:db8:a::2"},
    ),
    "goto, nop and another set of rules": (
        host_of(
            TWO, TO_A + TO_B,
            ["priority 10 family inet goto 40", "priority 20 family inet type blackhole",
             "priority 40 family inet type nop", "priority 50 family inet table local",
             "priority 60 family inet table 100", "priority 60 family inet6 table 254"],
            default_rules=False,
        ),
        {FAR4: "10.2.0.2", FAR6: "2001:db8:a::2"},
    ),
    "routes of every type": (
        host_of(
            TWO,
            [*TO_A, "192.0.2.0/28 type throw table 100", "192.0.2.0/24 type unreachable table 100",
             "198.51.100.0/24 type local dev lo table local",
             "203.0.113.0/24 type broadcast dev a"],
            ["priority 5 family inet table 100"],
        ),
        {"192.0.2.9": "10.1.0.2", "192.0.2.99": None, "198.51.100.7": "198.51.100.7",
         "203.0.113.9": None},
    ),
    "a source-specific route": (
        host_of({"a": "2001:db8:a::2/64", "b": "2001:db8:b::2/64"},
                ["::/0 via 2001:db8:b::1 dev b source 2001:db8:b::/64"]),
        {FAR6: None, "2001:db8:b:1::9": "2001:db8:b::2"},
    ),
    "a tentative address": (
        host_of({"a": "2001:db8:a::2/64+tentative 2001:db8:a::3/64"}),
        {"2001:db8:a::2:9": "2001:db8:a::3"},
    ),
    "addresses of lo and of an interface that is down": (
        host_of({"lo": "10.0.0.1/32 2001:db8:1::1/128", "a": "10.1.0.2/24",
                 "b": {"up": False, "addresses": ["10.2.0.2/24"]}},
                ["default via 10.1.0.1 from 10.0.0.1"]),
        {FAR4: "10.0.0.1", "10.2.0.9": "10.0.0.1", "10.2.0.2": "10.2.0.2"},
    ),
    **{f"labels that match {own}2": (
        host_of(
            {"a": "2001:db8:a::2/64 2001:db8:b::2/64"}, ["::/0 via 2001:db8:a::1"],
            addrlabels=[{"prefix": "::/0", "label": 1}, {"prefix": f"{FAR6}/128", "label": 77},
                        {"prefix": f"{own}/64", "label": 77, "dev": "a"}],
        ),
        {FAR6: f"{own}2"},
    ) for own in ("2001:db8:a::", "2001:db8:b::")},
    **{f"a source of scope {scope}": (
        host_of({"a": {"addresses": [{"address": "10.1.0.2/24", "scope": scope}, "10.1.1.2/24"]}},
                ["default via 10.1.0.1"]),
        {"192.0.2.1": source},
    ) for scope, source in (("global", "10.1.0.2"), ("link", "10.1.1.2"))},
    **{f"a metric for a prefix, and another address with{flag or ' its route'}": (
        host_of({"a": {"addresses": [{"address": "10.1.0.2/24", "metric": 300},
                                     {"address": "2001:db8:a::2/64", "metric": 3000}]},
                 "b": f"10.1.0.3/24{flag} 2001:db8:a::3/64{flag}"}),
        {"10.1.0.9": f"10.1.0.{last}", "2001:db8:a::9": f"2001:db8:a::{last}"},
    ) for flag, last in (("", 3), ("+noprefixroute", 2))},
    **{f"use_tempaddr {value}, {' '.join(listed)}": (
        host_of({"a": " ".join(listed)}, ["::/0 via 2001:db8:a::1"],
                sysctls={"net.ipv6.conf.a.use_tempaddr": value}),
        {FAR6: "2001:db8:a::7" if value == "2" else "2001:db8:a::2"},
    ) for value in "012" for listed in (TEMPORARY, TEMPORARY[::-1])},
}  # fmt: skip


@pytest.mark.parametrize("case", STEERED)
def test_what_steers_the_source(pool: Pool, case: str) -> None:
    host, expected = STEERED[case]
    assert sources(pool, host, *expected) == [*expected.values()]


# with a policy of 1 no two sockets of a process need to take the same
@pytest.mark.parametrize("policy", ["0", "2", "3"])
def test_a_multipath_route_spreads_destinations_over_sources(pool: Pool, policy: str) -> None:
    hops4 = [{"via": "10.1.0.1"}, {"via": "10.2.0.1", "weight": 3}]
    hops6 = [{"via": "2001:db8:a::1", "dev": "a"}, {"via": "2001:db8:b::1", "dev": "b"}]
    routes = [{"to": "default", "nexthops": hops} for hops in (hops4, hops6)]
    host = host_of(TWO, routes, sysctls={"net.ipv4.fib_multipath_hash_policy": policy})
    four = sources(pool, host, *(f"192.0.2.{n}" for n in range(1, 40)))
    six = sources(pool, host, *(f"2001:db8:ffff::{n}" for n in range(1, 40)))
    assert set(four) == {"10.1.0.2", "10.2.0.2"}
    assert set(six) == {"2001:db8:a::2", "2001:db8:b::2"}


def test_a_vrf_keeps_its_addresses_to_itself_or_says_what_is_missing(pool: Pool) -> None:
    blue = {"kind": "vrf", "table": 10, "interfaces": ["b"]}
    routes = [each.replace("100", "10") for each in TO_B]
    host = host_of({"blue": blue, **TWO}, [*TO_A, *routes])
    try:
        found = sources(pool, host, FAR4, "10.2.0.9")
    except SandboxUnavailable as problem:
        if "kernel module vrf" not in str(problem):
            raise
        pytest.skip(str(problem))
    assert found == ["10.1.0.2", "10.1.0.2"]


# --- what observe() says of a target is what a connect meets

DUAL = {"eth0": "172.18.45.2/24 2001:db8:1::2/64"}
V4 = {"eth0": "172.18.45.2/24"}
GATES = ["default via 172.18.45.1", "default via 2001:db8:1::1"]
ALL = "0.0.0.0/0", "::/0"
HOSTS = {
    "nothing": host_of({}),
    "no-ipv6": host_of(V4, sysctls={"net.ipv6.conf.all.disable_ipv6": 1}),
    "dual-default": host_of(DUAL, GATES),
    "bindv6only": host_of(DUAL, GATES, sysctls={"net.ipv6.bindv6only": 1}),
    "unreachable": host_of(DUAL, [
        *GATES, "10.0.0.0/8 type unreachable", "198.51.100.0/24 type blackhole",
        "203.0.113.0/24 type prohibit", "2001:db8:a::/48 type unreachable",
        "2001:db8:b::/48 type blackhole", "2001:db8:c::/48 type prohibit",
    ]),
    "from": host_of(
        {"eth0": "172.18.45.2/24 10.1.1.1/32 2001:db8:1::2/64 2001:db8:7::7/128"},
        ["default via 172.18.45.1 from 10.1.1.1",
         "2001:db8:c::/48 via 2001:db8:1::1 from 2001:db8:7::7"],
    ),
    "peer": host_of({"eth0": "10.9.0.1/32>10.9.0.2/32 2001:db8:1::2/128>2001:db8:1::3/128"}),
    "link-local": host_of(
        {"eth0": "fe80::1/64 169.254.7.7/16", "eth1": "fe80::1/64 2001:db8:2::2/64"}
    ),
    "scopes": host_of(
        {"eth0": "fe80::a/64 fec0::a/64 fd00::a/64 2001:db8:1::2/64 2002:c000:201::a/64"},
        GATES[1:],
    ),
    "device-routes": host_of({**V4, "eth1": ""}, [f"{each} dev eth1" for each in ALL]),
    "deprecated": host_of({"eth0": "172.18.45.2/24+deprecated 2001:db8:1::2/64+deprecated "
                        "2001:db8:1::3/64+home 2001:db8:1::4/64"}, GATES),
    "tunnels": host_of(
        {"sit1": "sit 10.5.0.1/24 2001:db8:5::1/64", "tun4": "tunnel 10.0.0.5/24",
         "tun6": "tunnel6 2001:db8:1::2/64 fe80::1/64"},
        ["::/0 dev tun6", "0.0.0.0/0 dev sit1"],
    ),
    "loopback-alias": host_of({"eth0": "127.0.0.5/32 10.0.0.1/8"}),
    "multicast-route": host_of({"eth0": "10.0.0.1/24 2001:db8:1::2/64"}, ["224.0.0.0/4 dev eth0"]),
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

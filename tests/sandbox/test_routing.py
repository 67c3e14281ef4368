"""Rules, tables, multipath, label rows, scopes and flags: built, and what they do to a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.model.host import Target
from harness.sandbox import Pool, SandboxError, SandboxUnavailable
from harness.scenario.schema import Host
from tests.sandbox import jobs
from tests.sandbox.kit import host as host_of

if TYPE_CHECKING:
    from harness.model.host import Route

TWO = {"a": "10.1.0.2/24 2001:db8:a::2/64", "b": "10.2.0.2/24 2001:db8:b::2/64"}
TO_A = ["default via 10.1.0.1", "default via 2001:db8:a::1"]
TO_B = ["default via 10.2.0.1 table 100", "default via 2001:db8:b::1 table 100"]
FAR4, FAR6 = "192.0.2.9", "2001:db8:ffff::9"


def sources(pool: Pool, host: dict[str, Any], *targets: str) -> list[str | None]:
    """The source the kernel has for each target, which real sockets confirm."""
    from ipaddress import ip_address

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
def test_a_rule_changes_the_source_where_it_matches(
    pool: Pool, rule: dict[str, Any], taken: bool
) -> None:
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


def test_the_way_wg_quick_takes_all_but_the_local_networks(pool: Pool) -> None:
    host = host_of(
        {**TWO, "wg0": "wireguard 10.200.0.2/32"},
        [*TO_A, "0.0.0.0/0 dev wg0 table 51820"],
        [
            "priority 32764 family inet table main suppress_prefixlength 0",
            "priority 32765 family inet not true fwmark 51820 table 51820",
        ],
    )
    assert sources(pool, host, FAR4, "10.2.0.9") == ["10.200.0.2", "10.2.0.2"]


def test_a_source_that_its_own_rules_give_a_way(pool: Pool) -> None:
    # main has no default route: IPv6 chooses a source all the same, of all interfaces, and
    # with it finds the way of that source
    rules = [f"priority 100 from {each} table 100" for each in ("10.2.0.0/24", "2001:db8::/32")]
    host = host_of(TWO, TO_B, rules)
    assert sources(pool, host, FAR4, FAR6) == [None, "2001:db8:a::2"]


def test_a_source_that_its_own_rules_stop(pool: Pool) -> None:
    rules = [
        "priority 100 from 10.1.0.0/24 type unreachable",
        "priority 100 from 2001:db8:a::/64 type prohibit",
    ]
    host = host_of(TWO, TO_A, rules)
    # IPv6 looks again only where it found no way at first
    assert sources(pool, host, FAR4, FAR6) == [None, "2001:db8:a::2"]


def test_goto_nop_and_another_set_of_rules(pool: Pool) -> None:
    rules = [
        "priority 10 family inet goto 40",
        "priority 20 family inet type blackhole",
        "priority 40 family inet type nop",
        "priority 50 family inet table local",
        "priority 60 family inet table 100",
        "priority 60 family inet6 table 254",
    ]
    host = host_of(TWO, TO_A + TO_B, rules, default_rules=False)
    assert sources(pool, host, FAR4, FAR6) == ["10.2.0.2", "2001:db8:a::2"]


def test_routes_of_every_type(pool: Pool) -> None:
    routes = [
        *TO_A,
        "192.0.2.0/28 type throw table 100",
        "192.0.2.0/24 type unreachable table 100",
        "198.51.100.0/24 type local dev lo table local",
        "203.0.113.0/24 type broadcast dev a",
    ]
    host = host_of(TWO, routes, ["priority 5 family inet table 100"])
    found = sources(pool, host, "192.0.2.9", "192.0.2.99", "198.51.100.7", "203.0.113.9")
    assert found == ["10.1.0.2", None, "198.51.100.7", None]


def test_a_multipath_route_spreads_destinations_over_sources(pool: Pool) -> None:
    hops4 = [{"via": "10.1.0.1"}, {"via": "10.2.0.1", "weight": 3}]
    hops6 = [{"via": "2001:db8:a::1", "dev": "a"}, {"via": "2001:db8:b::1", "dev": "b"}]
    routes = [{"to": "default", "nexthops": hops} for hops in (hops4, hops6)]
    host = host_of(TWO, routes)
    four = sources(pool, host, *(f"192.0.2.{n}" for n in range(1, 40)))
    six = sources(pool, host, *(f"2001:db8:ffff::{n}" for n in range(1, 40)))
    assert set(four) == {"10.1.0.2", "10.2.0.2"}
    assert set(six) == {"2001:db8:a::2", "2001:db8:b::2"}


def test_a_source_specific_route(pool: Pool) -> None:
    route = "::/0 via 2001:db8:b::1 dev b source 2001:db8:b::/64"
    host = host_of({"a": "2001:db8:a::2/64", "b": "2001:db8:b::2/64"}, [route])
    assert sources(pool, host, FAR6, "2001:db8:b:1::9") == [None, "2001:db8:b::2"]


def test_address_labels_steer_the_source(pool: Pool) -> None:
    interfaces, routes = {"a": "2001:db8:a::2/64 2001:db8:b::2/64"}, ["::/0 via 2001:db8:a::1"]
    rows = [{"prefix": "::/0", "label": 1}, {"prefix": "2001:db8:ffff::/48", "label": 77}]
    for wanted in ("2001:db8:a::", "2001:db8:b::"):
        own = {"prefix": f"{wanted}/64", "label": 77, "dev": "a"}
        host = host_of(interfaces, routes, addrlabels=[*rows, own])
        assert sources(pool, host, FAR6) == [f"{wanted}2"]


def test_the_scope_of_an_ipv4_address_hides_it(pool: Pool) -> None:
    for scope, expected in (("global", "10.1.0.2"), ("link", "10.1.1.2")):
        listed = [{"address": "10.1.0.2/24", "scope": scope}, "10.1.1.2/24"]
        host = host_of({"a": {"addresses": listed}}, ["default via 10.1.1.1"])
        found = sources(pool, host, "192.0.2.1")
        assert found == [expected if scope == "link" else "10.1.1.2"]


def test_no_route_for_a_prefix_and_a_metric_for_it(pool: Pool) -> None:
    both = [
        {"address": "10.1.0.2/24", "metric": 300},
        {"address": "2001:db8:a::2/64", "metric": 3000},
    ]
    low = "10.1.0.3/24 2001:db8:a::3/64"
    none = " ".join(f"{each}+noprefixroute" for each in low.split())
    for other, last in ((low, 3), (none, 2)):
        host = host_of({"a": {"addresses": both}, "b": other})
        wanted = [f"10.1.0.{last}", f"2001:db8:a::{last}"]
        assert sources(pool, host, "10.1.0.9", "2001:db8:a::9") == wanted


def test_a_tentative_address_is_there_and_no_source(pool: Pool) -> None:
    host = host_of({"a": "2001:db8:a::2/64+tentative 2001:db8:a::3/64"})
    assert sources(pool, host, "2001:db8:a::2:9") == ["2001:db8:a::3"]
    _, view = pool.run(jobs.built, Host.model_validate(host))
    assert "2001:db8:a::2" in [str(row.address) for row in view.addresses]


@pytest.mark.parametrize("wanted", ["0", "1", "2"])
def test_temporary_addresses_win_where_use_tempaddr_prefers_them(pool: Pool, wanted: str) -> None:
    stable, temporary = "2001:db8:a::2/64+mngtmpaddr", "2001:db8:a::7/64+temporary"
    settings = {"net.ipv6.conf.a.use_tempaddr": wanted}
    for listed in (f"{stable} {temporary}", f"{temporary} {stable}"):
        host = host_of({"a": listed}, ["::/0 via 2001:db8:a::1"], sysctls=settings)
        expected = "2001:db8:a::7" if wanted == "2" else "2001:db8:a::2"
        assert sources(pool, host, FAR6) == [expected]


def test_addresses_of_lo_and_of_an_interface_that_is_down(pool: Pool) -> None:
    off = {"up": False, "addresses": ["10.2.0.2/24"]}
    interfaces: dict[str, str | dict[str, Any]] = {
        "lo": "10.0.0.1/32 2001:db8:1::1/128",
        "a": "10.1.0.2/24",
        "b": off,
    }
    host = host_of(interfaces, ["default via 10.1.0.1 from 10.0.0.1"])
    assert sources(pool, host, FAR4, "10.2.0.9", "10.2.0.2") == ["10.0.0.1", "10.0.0.1", "10.2.0.2"]
    _, view = pool.run(jobs.built, Host.model_validate(host))
    assert [str(row.local) for row in view.addresses if str(row.local).startswith("10.")] == [
        "10.0.0.1", "10.1.0.2", "10.2.0.2",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["bridge", "bond", "vlan", "macvlan", "tun", "wireguard"])
def test_kinds_that_are_the_same_to_glibc_are_said_to_be(pool: Pool, kind: str) -> None:
    host = Host.model_validate({"interfaces": {"x": {"kind": kind, "addresses": ["10.0.0.1/24"]}}})
    topology, view = pool.run(jobs.built, host)
    assert [link.type for link in view.links if link.name == "x"] == [1]
    assert any(
        note.name == "x" and note.text.startswith(f"{kind} made as") for note in topology.notes
    )


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


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (
            {"interfaces": {"a": {"addresses": ["10.0.0.1/24"]}},
             "routes": [{"to": "10.9.0.0/24", "dev": "a", "from": "10.0.0.1", "scope": "nowhere"}]},
            "host.routes[0]: the kernel refused 10.9.0.0/24 dev a from 10.0.0.1",
        ),
        (
            {"rules": [{"priority": 5, "family": "inet", "table": 7},
                       {"priority": 5, "family": "inet", "table": 7}]},
            "host.rules[1]: the kernel refused the rule of priority 5",
        ),
    ],
)  # fmt: skip
def test_what_the_kernel_refuses_is_named(pool: Pool, host: Any, words: str) -> None:
    with pytest.raises(SandboxError) as caught:
        list(pool.run(jobs.built, Host.model_validate(host)))
    assert words in str(caught.value)

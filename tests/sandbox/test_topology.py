from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from harness.model.host import (
    ARPHRD_SIT,
    ARPHRD_TUNNEL,
    ARPHRD_TUNNEL6,
    IFA_F_DEPRECATED,
    IFA_F_HOMEADDRESS,
    IFA_F_OPTIMISTIC,
    AddressRow,
    HostView,
)
from harness.sandbox import Pool, SandboxError, Topology
from harness.scenario.schema import Address, Host, Interface, RouteSpec
from tests.sandbox import jobs


def build(pool: Pool, host: dict[str, Any] | Host) -> tuple[Topology, HostView]:
    parsed = host if isinstance(host, Host) else Host.model_validate(host)
    topology, view = pool.run(jobs.built, parsed)
    return topology, view


def row(view: HostView, address: str) -> AddressRow:
    wanted = ip_address(address)
    (found,) = [r for r in view.addresses if wanted in (r.address, r.local)]
    return found


def test_an_empty_host_has_only_a_loopback_interface(pool: Pool) -> None:
    topology, view = build(pool, {})
    assert topology == Topology((), ())
    assert [link.name for link in view.links if link.index == 1] == ["lo"]
    found = [f"{r.address}/{r.prefixlen}" for r in view.addresses]
    assert found == ["127.0.0.1/8", "::1/128"]


@pytest.mark.parametrize("where", ["all", "lo"])
def test_ipv6_can_be_switched_off(pool: Pool, where: str) -> None:
    _, view = build(pool, {"sysctls": {f"net.ipv6.conf.{where}.disable_ipv6": "1"}})
    assert [str(r.address) for r in view.addresses] == ["127.0.0.1"]


def test_an_interface_carries_exactly_the_addresses_listed_in_their_order(pool: Pool) -> None:
    listed = ["10.0.0.9/24", "10.0.0.5/24", "192.0.2.1/32", "10.0.1.1/16"]
    topology, view = build(
        pool,
        {
            "interfaces": {
                "b": {"addresses": listed},
                "a": {"kind": "tunnel", "addresses": ["2001:db8::1/64"]},
                "c": {"kind": "sit"},
                "d": {"kind": "tunnel6", "addresses": ["fe80::1/64"]},
                "e": {},
            }
        },
    )
    indexes = [device.index for device in topology.devices]
    assert [device.name for device in topology.devices] == list("bacde")
    assert indexes == list(range(indexes[0], indexes[0] + 5))
    of_first = [r for r in view.addresses if r.index == indexes[0]]
    assert [f"{r.address}/{r.prefixlen}" for r in of_first] == [
        # the kernel lists an interface's primary addresses before its secondary ones
        "10.0.0.9/24",
        "192.0.2.1/32",
        "10.0.1.1/16",
        "10.0.0.5/24",
    ]
    rest = [str(r.address) for r in view.addresses if r.index not in (1, indexes[0])]
    assert rest == ["2001:db8::1", "fe80::1"]


def test_link_types_are_what_the_model_calls_not_native(pool: Pool) -> None:
    topology, view = build(
        pool,
        {
            "interfaces": {
                "eth0": {},
                "six": {"kind": "sit"},
                "ipip": {"kind": "tunnel"},
                "ip6": {"kind": "tunnel6"},
            }
        },
    )
    types = {link.name: link.type for link in view.links}
    assert types["eth0"] == 1
    assert types["six"] == ARPHRD_SIT
    assert types["ipip"] == ARPHRD_TUNNEL
    assert types["ip6"] == ARPHRD_TUNNEL6
    for device in topology.devices:
        assert device.used in ("dummy", "veth", "ifb", "bridge", "sit", "ipip", "ip6tnl", "tun")
        noted = any(note.name == device.name for note in topology.notes)
        assert noted == (device.used in ("ifb", "bridge", "tun"))


def test_addresses_keep_their_flags(pool: Pool) -> None:
    mask = IFA_F_DEPRECATED | IFA_F_HOMEADDRESS | IFA_F_OPTIMISTIC
    wanted = {
        "2001:db8::1": ["deprecated"],
        "2001:db8::2": ["home"],
        "2001:db8::3": ["home", "deprecated"],
        "2001:db8::4": ["nodad"],
        "2001:db8::5": ["optimistic"],
        "2001:db8::6": ["optimistic", "home"],
        "2001:db8::7": ["optimistic", "deprecated"],
        "2001:db8::8": [],
        "10.0.0.1": ["deprecated"],
        "10.0.0.2": [],
    }
    bits = {
        "deprecated": IFA_F_DEPRECATED,
        "home": IFA_F_HOMEADDRESS,
        "optimistic": IFA_F_OPTIMISTIC,
        "nodad": 0,
    }
    lengths = {a: f"{a}/64" if ":" in a else f"{a}/24" for a in wanted}
    _, view = build(
        pool,
        {
            "interfaces": {
                "eth0": {
                    "addresses": [
                        {"address": lengths[a], "flags": flags} for a, flags in wanted.items()
                    ]
                }
            }
        },
    )
    found = {a: row(view, a).flags & mask for a in wanted}
    assert found == {a: sum(bits[f] for f in flags) for a, flags in wanted.items()}


@pytest.mark.parametrize("kind", ["sit", "tunnel", "tunnel6"])
def test_an_address_of_a_tunnel_can_be_optimistic(pool: Pool, kind: str) -> None:
    address = {"address": "2001:db8::5/64", "flags": ["optimistic"]}
    _, view = build(pool, {"interfaces": {"t": {"kind": kind, "addresses": [address]}}})
    assert row(view, "2001:db8::5").flags & IFA_F_OPTIMISTIC


def test_a_peer_and_a_label(pool: Pool) -> None:
    _, view = build(
        pool,
        {
            "interfaces": {
                "eth0": {
                    "addresses": [
                        {"address": "10.9.0.1/32", "peer": "10.9.0.2/32", "label": "eth0:p2p"},
                        {"address": "2001:db8::1/128", "peer": "2001:db8::2/128"},
                    ]
                }
            }
        },
    )
    four, six = row(view, "10.9.0.2"), row(view, "2001:db8::2")
    assert (str(four.address), str(four.local), four.prefixlen) == ("10.9.0.2", "10.9.0.1", 32)
    assert (str(six.address), str(six.local), six.prefixlen) == ("2001:db8::2", "2001:db8::1", 128)


def test_an_address_without_a_length_stands_alone(pool: Pool) -> None:
    _, view = build(pool, {"interfaces": {"eth0": {"addresses": ["10.9.0.1", "2001:db8::1"]}}})
    assert (row(view, "10.9.0.1").prefixlen, row(view, "2001:db8::1").prefixlen) == (32, 128)


def test_an_interface_name_with_dots_and_a_sysctl_of_it(pool: Pool) -> None:
    _, view = build(
        pool,
        {
            "interfaces": {"eth0.7": {}, "peer2": {"addresses": ["10.0.0.1/24"]}},
            "sysctls": {"net.ipv6.conf.eth0.7.disable_ipv6": 1, "net.ipv6.bindv6only": 1},
        },
    )
    assert view.bindv6only
    assert {"eth0.7", "peer2"} <= {link.name for link in view.links}


def unchecked(**parts: Any) -> Host:
    """A host as the kernel would have to judge it: the schema's own checks are skipped."""
    return Host.model_construct(**({"interfaces": {}, "routes": (), "sysctls": {}} | parts))


def ethernet(*addresses: str) -> Interface:
    return Interface(addresses=tuple(Address(address=a) for a in addresses))


REFUSED = {
    "gateway out of reach": (
        unchecked(
            interfaces={"eth0": ethernet("10.0.0.1/24")},
            routes=(
                RouteSpec(to="10.3.0.0/16", via="10.0.0.2"),
                RouteSpec(to="10.2.0.0/16", via="10.1.0.1"),
            ),
        ),
        "host.routes[1]: the kernel refused 10.2.0.0/16 via 10.1.0.1: Network is unreachable",
    ),
    "source not ours": (
        unchecked(
            interfaces={"eth0": ethernet("10.0.0.1/24")},
            routes=(
                RouteSpec.model_validate({"to": "10.2.0.0/16", "dev": "eth0", "from": "10.7.7.7"}),
            ),
        ),
        "host.routes[0]: the kernel refused 10.2.0.0/16 dev eth0 from 10.7.7.7: Invalid argument",
    ),
    "no such device": (
        unchecked(routes=(RouteSpec(to="10.2.0.0/16", dev="eth9"),)),
        "host.routes[0]: there is no interface eth9",
    ),
    "address twice": (
        unchecked(interfaces={"eth0": ethernet("2001:db8::1/64", "2001:db8::1/64")}),
        "host.interfaces.eth0.addresses[1]: the kernel refused 2001:db8::1/64: ",
    ),
    "ipv6 disabled": (
        unchecked(
            interfaces={"eth0": ethernet("2001:db8::1/64")},
            sysctls={"net.ipv6.conf.eth0.disable_ipv6": "1"},
        ),
        "host.interfaces.eth0.addresses[0]: the kernel refused 2001:db8::1/64: Permission denied",
    ),
    "no such setting": (
        unchecked(sysctls={"net.ipv6.conf.eth1.disable_ipv6": "1"}),
        "host.sysctls.net.ipv6.conf.eth1.disable_ipv6: the kernel refused '1': no such setting",
    ),
    "bad value": (
        unchecked(sysctls={"net.ipv6.bindv6only": "many"}),
        "host.sysctls.net.ipv6.bindv6only: the kernel refused 'many': Invalid argument",
    ),
    "outside net": (
        unchecked(sysctls={"kernel.hostname": "x"}),
        "host.sysctls.kernel.hostname: no sysctl of a network namespace that is known",
    ),
    "climbing out": (
        unchecked(sysctls={"net.//.//.kernel.hostname": "x"}),
        "host.sysctls.net.//.//.kernel.hostname: no sysctl of a network namespace that is known",
    ),
    "bad name": (
        unchecked(interfaces={"name-that-is-far-too-long": ethernet()}),
        "host.interfaces.name-that-is-far-too-long: the kernel refused a ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_field(pool: Pool, name: str) -> None:
    host, message = REFUSED[name]
    with pytest.raises(SandboxError) as caught:
        list(pool.run(jobs.refused, host))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert caught.value.details == ""


def test_what_is_inside_is_private(pool: Pool) -> None:
    (seen,) = pool.run(jobs.surroundings, Host())
    assert seen == {
        "etc": [
            "host.conf",
            "hosts",
            "networks",
            "nsswitch.conf",
            "protocols",
            "resolv.conf",
            "services",
        ],
        "run": [],
        "hostname": "sandbox",
        "pid": 1,
        "pids": [1],
        "uid": (0, 0),
    }


def test_a_box_holds_one_host(pool: Pool) -> None:
    with pytest.raises(SandboxError, match="one host"):
        list(pool.run(jobs.built_twice, Host()))
